"""Fills in the options of a connection that Auth0 sets by itself, strategy by strategy.

`complete_options` is applied to what a POST or PATCH sent. A PATCH replaces `options`: what it leaves out is gone, but
for the few keys that the server guards or fills in again.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from . import connection_options, keys
from .errors import ApiError, bad_request
from .store import Document, without_nulls

STRATEGIES = (
    "ad", "adfs", "amazon", "apple", "auth0", "auth0-oidc", "baidu", "bitbucket", "bitly", "box", "custom", "daccount",
    "dropbox", "dwolla", "email", "evernote", "evernote-sandbox", "exact", "facebook", "fitbit", "github",
    "google-apps", "google-oauth2", "instagram", "ip", "line", "linkedin", "oauth1", "oauth2", "office365", "oidc",
    "okta", "paypal", "paypal-sandbox", "pingfederate", "planningcenter", "salesforce",
    "salesforce-community", "salesforce-sandbox", "samlp",
    "sharepoint", "shop", "shopify", "sms", "soundcloud", "thirtysevensignals", "twitter", "untappd",
    "vkontakte", "waad", "weibo", "windowslive", "wordpress", "yahoo", "yandex",
)  # fmt: skip
ENTERPRISE = frozenset({"ad", "adfs", "auth0-oidc", "google-apps", "office365", "oidc", "okta", "pingfederate", "samlp",
                        "sharepoint", "waad"})  # fmt: skip
OIDC = frozenset({"oidc", "okta"})
WITH_PURPOSE = frozenset({"box", "github", "google-oauth2", "oauth2", "oidc", "windowslive"})  # by the SDK's schemas
NAMED_BY_DEFAULT = OIDC | {"waad"}  # the display name of these is their name until one is set
GUARDED = {  # survive a PATCH that leaves them out
    "auth0": ("enable_script_context",),
    "google-apps": ("map_user_id_to_id",),
    "oidc": ("schema_version", "oidc_metadata"),
    "okta": ("schema_version", "oidc_metadata"),
}
DATABASE_DEFAULTS: Document = {
    "mfa": {"active": True, "return_enroll_settings": True},
    "passwordPolicy": "good",
    "strategy_version": 2,
    "brute_force_protection": True,
}
DATABASE_METHODS: Document = {
    "authentication_methods": {
        "password": {"enabled": True, "api_behavior": "required", "signup_behavior": "allow"},
        "passkey": {"enabled": False},
    },
    "passkey_options": {
        "challenge_ui": "both",
        "progressive_enrollment_enabled": True,
        "local_enrollment_enabled": True,
    },
}
PASSWORD_OPTIONS: Document = {
    "complexity": {
        "min_length": 15,
        "character_types": [],
        "character_type_rule": "all",
        "identical_characters": "allow",
        "sequential_characters": "allow",
        "max_length_exceeded": "error",
    },
    "dictionary": {"active": False, "default": "en_100k", "custom": []},
    "history": {"active": False, "size": 3},
    "profile_data": {
        "active": False,
        "blocked_fields": [
            "name", "username", "nickname", "email", "phone_number", "user_metadata.name", "user_metadata.first",
            "user_metadata.last",
        ],
    },
}  # fmt: skip

SIGNUP: Document = {"status": "required", "verification": {"active": True}}
ATTRIBUTES: dict[str, Document] = {
    "email": {
        "identifier": {"active": False},
        "profile_required": True,
        "signup": SIGNUP,
        "unique": True,
        "verification_method": "link",
    },
    "phone_number": {"identifier": {"active": False}, "profile_required": True, "signup": SIGNUP},
    "username": {
        "identifier": {"active": False},
        "profile_required": True,
        "signup": {"status": "required"},
        "validation": {"min_length": 1, "max_length": 15, "allowed_types": {"email": False, "phone_number": False}},
    },
}

OKTA_ENDPOINTS = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}

Completion = Callable[[Document, Document | None, str], Document]


def complete_options(strategy: str, sent: Document, before: Document | None, domain: str) -> Document:
    """The options after a create (`before` is None) or an update, from what was sent."""
    options = _or_else(sent, {key: before[key] for key in GUARDED.get(strategy, ()) if before and key in before})
    if complete := COMPLETIONS.get(strategy):
        options = complete(options, before, domain)
    if connection_options.is_computed(strategy, options):
        options["scope"] = connection_options.computed_scope(strategy, options)
    return options


def _database(options: Document, before: Document | None, _: str) -> Document:
    defaults = DATABASE_DEFAULTS if before is None else {}
    completed = defaults | {"brute_force_protection": True} | without_nulls(options)
    completed |= {name: _fill(methods, options.get(name) or {}) for name, methods in DATABASE_METHODS.items()}
    if attributes := options.get("attributes"):
        completed["attributes"] = _identifiers(attributes)
    if options.get("password_options") or before is None:
        completed["password_options"] = _fill(PASSWORD_OPTIONS, options.get("password_options") or {})
    return completed


def _identifiers(attributes: Document) -> Document:
    """Flexible identifiers: what is left out is filled in, and one must serve as identifier."""
    filled = {name: _fill(ATTRIBUTES.get(name, {}), value) for name, value in attributes.items()}
    if not any(value.get("identifier", {}).get("active") for value in filled.values()):
        raise bad_request("attributes must contain one active identifier")
    return filled


def _or_else(sent: Document, defaults: Document) -> Document:
    """What was sent, and the defaults of what was not."""
    return sent | {key: value for key, value in defaults.items() if key not in sent}


def _fill(defaults: Document, sent: Document) -> Document:
    """The defaults, overlaid at every depth by what was sent."""
    nested = {key: _fill(value, sent[key]) for key, value in defaults.items()
              if isinstance(value, dict) and isinstance(sent.get(key), dict)}  # fmt: skip
    return {**defaults, **sent, **nested}


def _passwordless(options: Document, _: Document | None, __: str) -> Document:
    return {"brute_force_protection": True, "disable_signup": False, **options}


def _google(options: Document, _: Document | None, __: str) -> Document:
    return _or_else(options, {"email": True} if options else {"email": True, "profile": True})


def _google_workspace(options: Document, before: Document | None, __: str) -> Document:
    grown = {} if before is None else {"api_enable_users": True}
    always = {"map_user_id_to_id": False, "email": True, "profile": True, "handle_login_from_social": True}
    return _or_else(options, grown | always)


def _microsoft(options: Document, _: Document | None, __: str) -> Document:
    return _or_else(options, {"signin": True})


def _linkedin(options: Document, _: Document | None, __: str) -> Document:
    return _or_else(options, {"profile": True})


def _entra(options: Document, _: Document | None, domain: str) -> Document:
    return {"app_domain": domain, "waad_common_endpoint": options.get("useCommonEndpoint", False), **options}


def _oidc(options: Document, before: Document | None, _: str) -> Document:
    defaults = {
        "schema_version": "oidc-V4",
        "connection_settings": {"pkce": "auto" if before is None else "disabled"},
    }
    return _fill(defaults, without_nulls(options))


def _plain_oidc(options: Document, before: Document | None, domain: str) -> Document:
    defaults = {"type": "front_channel", "attribute_map": {"mapping_mode": "bind_all"}}
    return _fill(defaults, _oidc(options, before, domain))


def _okta(options: Document, before: Document | None, domain: str) -> Document:
    defaults = {"type": "back_channel", "attribute_map": {"mapping_mode": "basic_profile"}}
    return _okta_endpoints(_fill(defaults, _oidc(options, before, domain)))


def _okta_endpoints(options: Document) -> Document:
    """An Okta organization publishes its endpoints: where one is missing, all come from there.

    Connections with DPoP were seen to keep the authorization endpoint that was sent.
    """
    if not options.get("domain") or all(options.get(name) for name in OKTA_ENDPOINTS):
        return options
    published = {name: f"https://{options['domain']}/oauth2/v1/{path}" for name, path in OKTA_ENDPOINTS.items()}
    return published | options if options.get("dpop_signing_alg") else options | published


def _saml(options: Document, _: Document | None, __: str) -> Document:
    metadata = options.get("metadataXml")
    kept = {name: value for name, value in options.items() if name != "metadataXml"}
    completed: Document = {
        "assertion_decryption_settings": {"algorithm_profile": "v2026-1", "algorithm_exceptions": []},
        **kept,
        **_missing(saml_facts(metadata) if metadata else {}, options),
    }
    return completed | certificate_facts(completed.get("signingCert") or completed.get("cert"))


def _adfs(options: Document, _: Document | None, __: str) -> Document:
    metadata = options.get("fedMetadataXml")
    return options | _missing(adfs_facts(metadata) if metadata else {}, options)


def _missing(facts: Document, options: Document) -> Document:
    """The values from metadata that the options leave out."""
    return {name: fact for name, fact in facts.items() if options.get(name) in (None, "")}


COMPLETIONS: dict[str, Completion] = {
    "auth0": _database,
    "sms": _passwordless,
    "email": _passwordless,
    "google-oauth2": _google,
    "google-apps": _google_workspace,
    "windowslive": _microsoft,
    "linkedin": _linkedin,
    "waad": _entra,
    "oidc": _plain_oidc,
    "okta": _okta,
    "adfs": _adfs,
    "samlp": _saml,
    "pingfederate": _saml,
}


# ---- what Auth0 reads out of the metadata and the certificate of an enterprise identity provider


BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"
PREFERRED = (BINDINGS + "HTTP-Redirect", BINDINGS + "HTTP-POST")


def saml_facts(xml: str) -> Document:
    """The endpoints, the binding and the signing certificate of a SAML identity provider."""
    root = _parse(xml, "metadataXml")
    binding, sign_in = _service(root, "SingleSignOnService")
    _, sign_out = _service(root, "SingleLogoutService")
    wishes = [provider.get("WantAuthnRequestsSigned") for provider in _named(root, "IDPSSODescriptor")]
    signed = next((wish for wish in wishes if wish), None)
    found: Document = {
        "signInEndpoint": sign_in,
        "signOutEndpoint": sign_out,
        "protocolBinding": binding,
        "signSAMLRequest": None if signed is None else signed in ("true", "1"),
        "signingCert": next(iter(_certificates(root)), None),
    }
    return {name: value for name, value in found.items() if value is not None}


def adfs_facts(xml: str) -> Document:
    """The sign-in endpoint and the thumbprints of the signing certificates of an ADFS server."""
    root = _parse(xml, "fedMetadataXml")
    addresses = [address.text for endpoint in _named(root, "PassiveRequestorEndpoint")
                 for address in _named(endpoint, "Address") if address.text]  # fmt: skip
    thumbprints = [facts["thumbprints"][0] for pem in _certificates(root) if (facts := certificate_facts(pem))]
    found: Document = {"thumbprints": list(dict.fromkeys(thumbprints))} if thumbprints else {}
    return found | ({"signInEndpoint": addresses[0].strip()} if addresses else {})


def certificate_facts(certificate: Any) -> Document:
    """What is kept of a signing certificate beside itself; nothing when it cannot be read."""
    pem = _pem(certificate)
    if pem is None:
        return {}
    try:
        return {
            "cert": pem,
            "expires": keys.certificate_expiry(pem),
            "subject": keys.certificate_subject(pem),
            "thumbprints": [keys.certificate_sha1(pem)],
        }
    except ApiError:
        return {}


def _pem(certificate: Any) -> str | None:
    """A certificate comes as PEM, as base64 of PEM, or as base64 of its bytes."""
    if not isinstance(certificate, str) or not certificate:
        return None
    if "CERTIFICATE" in certificate:
        return certificate
    try:
        content = base64.b64decode(certificate)
    except ValueError:
        return None
    return content.decode() if b"CERTIFICATE" in content and content.isascii() else _wrapped(certificate)


def _wrapped(content: str) -> str:
    lines = textwrap.wrap("".join(content.split()), 64)
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""))


def _parse(xml: str, name: str) -> ElementTree.Element:
    """The document; one that declares entities is refused, so parsing cannot blow up."""
    problem = bad_request(f"options.{name} is not a valid XML document")
    if "<!DOCTYPE" in xml.upper():
        raise problem
    try:
        return ElementTree.fromstring(xml.strip())  # noqa: S314
    except (ElementTree.ParseError, ValueError):
        raise problem from None


def _named(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return element.findall(f".//{{*}}{name}")


def _service(root: ElementTree.Element, name: str) -> tuple[str | None, str | None]:
    """Binding and location of a service, by the binding that Auth0 uses unless told otherwise."""
    offered = {service.get("Binding"): service.get("Location") for service in _named(root, name)}
    for binding in (*PREFERRED, *offered):
        if offered.get(binding):
            return binding, offered[binding]
    return None, None


def _certificates(root: ElementTree.Element) -> list[str]:
    """The signing certificates, each once, as PEM."""
    signing = [key for key in _named(root, "KeyDescriptor") if key.get("use", "signing") == "signing"]
    contents = [found.text for key in signing for found in _named(key, "X509Certificate") if found.text]
    return [_wrapped(content) for content in dict.fromkeys(contents)]

"""What Auth0 reads out of the metadata and the certificate of an enterprise identity provider."""

from __future__ import annotations

import base64
import textwrap
from typing import Any
from xml.etree import ElementTree

from . import keys
from .errors import ApiError, bad_request
from .store import Document

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

"""Fills in the attributes that the body of a new application leaves out, as its type has them."""

from __future__ import annotations

from typing import Any

from .store import Document

DAYS_30, DAYS_15, YEAR = 2_592_000, 1_296_000, 31_557_600
ALL_GRANTS = ("authorization_code", "implicit", "refresh_token", "client_credentials")
CONFIDENTIAL = ("client_secret_post", "client_secret_basic")


def with_defaults(body: Document) -> Document:
    """The application as the server completes it."""
    app = _base() | body
    app["oidc_conformant"] = body.get("oidc_conformant", _is_modern(body))
    app["grant_types"] = body.get("grant_types", _grant_types(body))
    app["jwt_configuration"] = _jwt_configuration(body)
    app["refresh_token"] = complete_refresh_token(body.get("refresh_token") or rotation(body), body)
    if body.get("is_first_party") is False:
        app.setdefault("third_party_security_mode", "permissive")
    return app


def _base() -> Document:
    return {
        "global": False,
        "is_first_party": True,
        "is_token_endpoint_ip_header_trusted": False,
        "sso_disabled": False,
        "cross_origin_auth": False,
        "cross_origin_authentication": False,
        "custom_login_page_on": True,
        "callback_url_template": False,
    }


SESSION_TRANSFER: Document = {
    "can_create_session_transfer_token": False,
    "allow_refresh_token": False,
    "enforce_device_binding": "ip",
    "enforce_cascade_revocation": True,
    "enforce_online_refresh_tokens": True,
}
DELEGATION: Document = {"allow_delegated_access": False, "enforce_device_binding": "ip"}


def complete_session_transfer(sent: Document) -> Document:
    """The whole `session_transfer` object from what was sent of it."""
    completed = SESSION_TRANSFER | sent
    return completed | ({"delegation": DELEGATION | sent["delegation"]} if sent.get("delegation") else {})


LOGOUT_NAMES = ("oidc_logout", "oidc_backchannel_logout")
LOGOUT_INITIATORS: Document = {"mode": "custom", "selected_initiators": ["rp-logout", "idp-logout"]}


def with_logout(client: Document, changes: Document) -> Document:
    """The application with both names of its logout settings agreeing, after a body that may hold either or both.

    `oidc_backchannel_logout` is the old name, which knows of nothing but the addresses.
    """
    if changes.get("oidc_logout") is None and changes.get("oidc_backchannel_logout") is None:
        gone = {"oidc_logout", "oidc_backchannel_logout"} & changes.keys()
        return {name: value for name, value in client.items() if not gone or name not in LOGOUT_NAMES}
    addresses = "backchannel_logout_urls"
    settings: Document = {"backchannel_logout_initiators": LOGOUT_INITIATORS, **(client.get("oidc_logout") or {})}
    if changes.get("oidc_logout") is None:
        old = client.get("oidc_backchannel_logout") or {}
        settings = {name: value for name, value in settings.items() if name != addresses} | old
    return client | {
        "oidc_logout": settings,
        "oidc_backchannel_logout": {addresses: settings[addresses]} if settings.get(addresses) else {},
    }


def is_strict_third_party(body: Document) -> bool:
    """Third-party applications in strict mode get narrower defaults and ids of their own form."""
    return body.get("is_first_party") is False and body.get("third_party_security_mode") == "strict"


def _is_modern(body: Document) -> bool:
    return body.get("app_type") == "resource_server" or body.get("is_first_party") is False


def _grant_types(body: Document) -> list[str]:
    if body.get("app_type") == "resource_server":
        return []
    if is_strict_third_party(body):
        return ["authorization_code"]
    grants = list(ALL_GRANTS)
    return grants[:-1] if body.get("token_endpoint_auth_method") == "none" else grants


def _jwt_configuration(body: Document) -> Document:
    if sent := body.get("jwt_configuration"):
        return {"secret_encoded": False, **sent}  # the lifetime is only filled in when nothing at all is sent
    if body.get("app_type") == "resource_server":
        return {"secret_encoded": False, "alg": "RS256"}
    if is_strict_third_party(body):
        return {"secret_encoded": False, "alg": "RS256", "lifetime_in_seconds": 3600}
    return {"secret_encoded": False, "lifetime_in_seconds": 36_000}


def rotation(body: Document) -> Document:
    """How refresh tokens of an application rotate and expire when nothing is said of them."""
    if body.get("is_first_party") is not False:
        return {"rotation_type": "non-rotating", "expiration_type": "non-expiring"}
    if body.get("token_endpoint_auth_method") == "none":
        return {"rotation_type": "rotating", "expiration_type": "expiring"}
    return {"rotation_type": "non-rotating", "expiration_type": "expiring", "infinite_token_lifetime": True}


def complete_refresh_token(sent: Document, app: Document) -> Document:
    """The whole `refresh_token` object from what was sent of it."""
    long_lived = app.get("token_endpoint_auth_method") in CONFIDENTIAL
    infinite = sent["expiration_type"] == "non-expiring"
    defaults: dict[str, Any] = {
        "leeway": 0,
        "token_lifetime": YEAR if long_lived else DAYS_30,
        "idle_token_lifetime": DAYS_30 if long_lived else DAYS_15,
        "infinite_token_lifetime": infinite,
        "infinite_idle_token_lifetime": infinite,
    }
    return defaults | {key: value for key, value in sent.items() if value is not None}

"""Draws a past: what people had set up by hand before tokenvault came."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from tests.export.by_hand import NON_ROTATING, ROTATING
from tests.reliability.sequences.entries import (
    BACKEND,
    CALENDAR,
    DOMAINS,
    DRIVE,
    OIDC_OPTIONS,
    OLD,
    OTHERS,
    Draw,
    may,
    some,
)
from tests.reliability.sequences.facts import ME
from tests.support import CONNECTED_ACCOUNTS, TOKEN_VAULT_GRANT

PLAIN = ("authorization_code", "implicit", "refresh_token", "client_credentials", "password", TOKEN_VAULT_GRANT)
METADATA: list[dict[str, str]] = [
    {},
    {"team": "portal"},
    {f"full-{number}": "x" for number in range(9)},
    {f"full-{number}": "x" for number in range(10)},
    {"tokenvault": "other/portal created"},
    {"tokenvault": "not a mark of ours"},
]
ALL_ME = sorted(CONNECTED_ACCOUNTS)


@st.composite
def old_application(draw: Draw, name: str) -> dict[str, Any]:
    """An application that somebody made by hand."""
    body: dict[str, Any] = {"app_type": {"Old Job": "non_interactive", "Old Shop": "spa"}.get(name, "regular_web")}
    if may(draw, 6):
        body["app_type"] = draw(st.sampled_from(["regular_web", "spa", "native"]))
    body["token_endpoint_auth_method"] = "none" if body["app_type"] == "spa" else "client_secret_post"
    body["grant_types"] = draw(some(*PLAIN[: 5 if body["app_type"] == "spa" else 6], least=1))
    if may(draw):
        body["callbacks"] = draw(some("https://a.example.com/cb", "https://old.example.com/cb"))
    if may(draw, 3):
        body["allowed_logout_urls"] = draw(some("https://b.example.com/cb", "https://old.example.com/bye"))
    if may(draw, 3):
        body["oidc_conformant"] = draw(st.booleans())
    if may(draw, 3):
        body["jwt_configuration"] = draw(
            st.sampled_from([{"alg": "HS256"}, {"alg": "RS256", "lifetime_in_seconds": 60}])
        )
    if may(draw, 6):
        body["is_first_party"] = False
    if may(draw, 3):
        body["client_metadata"] = draw(st.sampled_from(METADATA))
    refresh: dict[str, Any] = dict(
        ROTATING if body["app_type"] == "spa" else draw(st.sampled_from([ROTATING, NON_ROTATING]))
    )
    policies = draw(some(ME, OTHERS, BACKEND)) if may(draw, 3) else []
    if policies:
        refresh["policies"] = [{"audience": a, "scope": draw(_scopes_of(a))} for a in policies]
    body["refresh_token"] = refresh
    if name == "Old Job":
        body["jwt_configuration"] = {"alg": "RS256"}
    step: dict[str, Any] = {"do": "hand", "act": "application", "name": name, "body": body}
    if may(draw, 3):
        step["grants"] = {a: draw(_scopes_of(a)) for a in draw(some(ME, OTHERS, BACKEND, least=1))}
    if may(draw):
        step["connections"] = draw(some("google-oauth2", "github", "sign-in-with-slack"))
    if name == "Old Job" and may(draw):
        scopes = draw(some("email", CALENDAR, DRIVE))
        grants = [{"connection": "google-oauth2", "scopes": scopes}] if may(draw) else []
        addresses = draw(some("203.0.113.0/24", "192.0.2.9", least=1))
        step["worker"] = {"key": draw(st.sampled_from(["a", "b"])), "addresses": addresses, "grants": grants}
    return step


def _scopes_of(audience: str) -> st.SearchStrategy[list[str]]:
    return some(*(ALL_ME if audience == ME else ["read:it", "write:it"]), least=1)


@st.composite
def api_client(draw: Draw, identifier: str) -> dict[str, Any]:
    """The Custom API Client that somebody made for an API."""
    body = {
        "name": draw(st.sampled_from(["By hand (client)", "Old exchanger"])),
        "app_type": "resource_server",
        "resource_server_identifier": identifier,
        "grant_types": [TOKEN_VAULT_GRANT] if may(draw) else [],
        "token_endpoint_auth_method": "client_secret_post",
    }
    if may(draw, 3):
        body["client_metadata"] = draw(st.sampled_from(METADATA))
    return {"client": body}


@st.composite
def pasts(draw: Draw) -> list[dict[str, Any]]:
    """What people did before tokenvault came."""
    steps: list[dict[str, Any]] = []
    chosen = [name for name in OLD if may(draw)]
    names = [draw(old_application(name)) for name in chosen]
    text = json.dumps(names)
    if ME in text or may(draw, 4):
        policy = draw(st.sampled_from(["require_client_grant", "allow_all", "deny_all"]))
        body = {
            "skip_consent_for_verifiable_first_party_clients": draw(st.booleans()),
            "subject_type_authorization": {"user": {"policy": policy}},
        }
        steps.append({"do": "hand", "act": "my_account", "body": body})
    for identifier in (OTHERS, BACKEND):
        if identifier in text or may(draw, 4):
            values = draw(some("read:it", "write:it")) if identifier not in text else ["read:it", "write:it"]
            body = {
                "identifier": identifier,
                "name": "By hand",
                "scopes": [{"value": v, "description": "Old"} for v in values],
            }
            if may(draw, 3):
                policy = draw(st.sampled_from(["require_client_grant", "allow_all"]))
                body["subject_type_authorization"] = {
                    "user": {"policy": policy},
                    "client": {"policy": "require_client_grant"},
                }
            client = draw(api_client(identifier)) if may(draw, 4) else {}
            steps.append({"do": "hand", "act": "api", "body": body, **client})
    if may(draw, 4):
        steps.append({"do": "hand", "act": "new_connection", "body": deepcopy(CRM)})
    if may(draw, 6):
        steps.append({"do": "hand", "act": "new_connection", "body": {**ACME, **draw(st.sampled_from(ACME_PASTS))}})
    steps += [{"do": "hand", "act": "domain", "domain": domain} for domain in DOMAINS[1:2] if may(draw, 8)]
    if may(draw, 4):
        steps.append(
            {"do": "hand", "act": "connection", "name": "google-oauth2", "body": draw(st.sampled_from(GOOGLE_PASTS))}
        )
    if may(draw, 8):
        steps.append({"do": "hand", "act": "mfa", "body": ["all-applications"]})
    return steps + names


CRM = {
    "name": "crm",
    "strategy": "oauth2",
    "options": {
        "client_id": "by-hand",
        "client_secret": "by-hand-secret",
        "authorizationURL": "https://crm.example.com/authorize",
        "tokenURL": "https://crm.example.com/old-token",
        "scope": ["contacts.read", "legacy"],
        "upstream_params": {"a": {"value": "0"}, "old": {"value": "9"}},
    },
}
ACME = {
    "name": "acme-id",
    "strategy": "oidc",
    "options": {"client_id": "by-hand", "client_secret": "by-hand-secret"}
    | {name: values[0] for name, values in OIDC_OPTIONS.items()},
}
ACME_PASTS: list[dict[str, Any]] = [
    {},
    {"cross_app_access_requesting_app": {"active": True}},
    {"cross_app_access_requesting_app": {"active": False}},
    {"connected_accounts": {"active": False, "cross_app_access": False}},
    {"connected_accounts": {"active": True, "cross_app_access": True, "allow_missing_user_id": True}},
]
GOOGLE_PASTS: list[dict[str, Any]] = [
    {"connected_accounts": {"active": True}},
    {"connected_accounts": {"active": True, "allow_missing_user_id": True}},
    {"options": {"freeform_scopes": [DRIVE], "offline_access": True}},
    {"metadata": {"cost": "1"}},
    {"metadata": {"tokenvault": "other/google-oauth2 adopted"}},
]

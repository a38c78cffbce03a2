"""`POST /oauth/token`: client credentials, and the door to the Token Vault exchange."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from . import client_grants, exchange
from .aliases import Alias
from .auth import LIFETIME, issue_token
from .client_auth import authenticate
from .errors import OAuthError
from .management import Message, Tenant
from .routing import Reply
from .store import Document, Transaction

PATH = "/oauth/token"


def answer(tx: Transaction, message: Message, tenant: Tenant, alias: Alias) -> Reply:
    """The reply of the token endpoint; raises OAuthError for every refusal."""
    if message.method != "POST":
        raise OAuthError(404, "not_found", "Not Found")
    form = _form(message, alias)
    grant_type = form.get("grant_type")
    if not grant_type:
        raise OAuthError(400, "invalid_request", "Missing required parameter: grant_type")
    if grant_type not in ("client_credentials", exchange.GRANT_TYPE):
        raise OAuthError(403, "unsupported_grant_type", f"Unsupported grant type: {grant_type}")
    issuers = _issuers(tenant.domain, alias)
    header = message.headers.get("authorization")
    client = authenticate(tx, form, header, issuers=issuers, now=tenant.now)
    if grant_type not in client.get("grant_types", []):
        raise OAuthError(403, "unauthorized_client", f"Grant type '{grant_type}' not allowed for the client.")
    if grant_type == "client_credentials":
        return Reply(200, _client_credentials(tx, client, form, tenant), NO_STORE)
    request = exchange.Request(
        client=client, form=form, issuers=issuers, client_host=message.client_host, domain=tenant.domain, now=tenant.now
    )
    return Reply(200, exchange.exchange(tx, request), NO_STORE)


NO_STORE = {"Cache-Control": "no-store"}


def _form(message: Message, alias: Alias) -> dict[str, str]:
    if "json" in message.headers.get("content-type", ""):
        return {name: value for name, value in _json(message.body).items() if isinstance(value, str)}
    pairs = parse_qsl(message.body, keep_blank_values=True)
    return {name: alias.inward_value(value) for name, value in pairs}


def _json(body: str) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise OAuthError(400, "invalid_request", "The body is not a JSON object")
    return parsed


def _issuers(domain: str, alias: Alias) -> frozenset[str]:
    """What may stand for this tenant as the audience of a JWT that somebody else signed."""
    names = {domain, alias.name}
    return frozenset(f"https://{name}/{path}" for name in names for path in ("", "oauth/token"))


def _client_credentials(tx: Transaction, client: Document, form: Mapping[str, str], tenant: Tenant) -> dict[str, Any]:
    if client.get("token_endpoint_auth_method") == "none":
        raise OAuthError(401, "access_denied", "Unauthorized")
    audience = form.get("audience")
    if not audience:
        raise OAuthError(
            403, "access_denied", "No audience parameter was provided, and no default audience has been configured"
        )
    scopes = _machine_scopes(tx, client, audience)
    wanted = form.get("scope", "").split()
    granted = " ".join(scope for scope in scopes if not wanted or scope in wanted)
    claims = {
        "sub": f"{client['client_id']}@clients",
        "aud": audience,
        "azp": client["client_id"],
        "scope": granted,
        "gty": "client-credentials",
    }
    token = issue_token(tx, claims, domain=tenant.domain, now=tenant.now)
    return {"access_token": token, "scope": granted, "expires_in": LIFETIME, "token_type": "Bearer"}


def _machine_scopes(tx: Transaction, client: Document, audience: str) -> list[str]:
    api = tx.first("resource_servers", {"identifier": audience})
    if api is None:
        raise OAuthError(403, "access_denied", f"Service not enabled within domain: {audience}")
    scopes = client_grants.granted_scopes(tx, client["client_id"], audience, "client")
    if scopes is None or api["subject_type_authorization"]["client"]["policy"] == "deny_all":
        raise OAuthError(
            403,
            "access_denied",
            f'Client is not authorized to access "{audience}". You need to create a "client-grant" associated to this '
            "API. See: https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants",
        )
    return scopes

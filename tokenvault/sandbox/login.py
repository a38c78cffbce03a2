"""What happens in a browser at a real tenant, done at once: users log in, and connect accounts.

Each step is refused for the reasons for which the user would have been turned away.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from . import client_grants, connected_accounts, enablements, ids, providers
from .auth import issue_token
from .errors import OAuthError
from .store import Document, Transaction
from .system_apis import CONNECTED_ACCOUNTS_SCOPES, my_account_identifier

TOKEN_LIMIT = 200  # refresh tokens of one user at one application; the oldest goes first


def find_client(tx: Transaction, key: str) -> Document:
    """An application by client id or by its name."""
    client = tx.get("clients", key) or tx.first("clients", {"name": key})
    if client is None:
        raise OAuthError(400, "invalid_request", f"Unknown client: {key}")
    return client


def _refuse(error: str, description: str, status: int = 403) -> OAuthError:
    return OAuthError(status, error, description)


# ---- logging in


def issue_refresh_token(tx: Transaction, user_id: str, client_id: str, now: float, audience: str | None) -> str:
    """The refresh token of a login with offline_access."""
    client = find_client(tx, client_id)
    _check_login(client)
    if audience:
        api = _check_audience(tx, client, audience)
        if not api["allow_offline_access"]:
            raise _refuse("invalid_request", f"The API {audience} does not allow offline access", 400)
    connected_accounts.ensure_user(tx, user_id, now)
    held = [one for one in tx.find("refresh_tokens", {"client_id": client["client_id"]}) if one["user_id"] == user_id]
    for oldest in held[: len(held) + 1 - TOKEN_LIMIT]:
        tx.delete("refresh_tokens", oldest["token"])
    token = f"v1.{secrets.token_urlsafe(40)}"
    tx.put("refresh_tokens", token, _refresh_token(token, user_id, client, now))
    return token


def _refresh_token(token: str, user_id: str, client: Document, now: float) -> Document:
    """What a refresh token remembers of its application: later changes of the policies do not reach it."""
    return {
        "token": token,
        "user_id": user_id,
        "client_id": client["client_id"],
        "rotating": client["refresh_token"]["rotation_type"] == "rotating",
        "policies": client["refresh_token"].get("policies") or [],
        "created_at": ids.timestamp(now),
    }


def _check_login(client: Document) -> None:
    for grant in ("authorization_code", "refresh_token"):
        if grant not in client.get("grant_types", []):
            raise _refuse("unauthorized_client", f"Grant type '{grant}' not allowed for the client.")
    if not client.get("callbacks"):
        raise _refuse("access_denied", "Callback URL mismatch. The client has no allowed callback URLs.")


def issue_access_token(tx: Transaction, user_id: str, client_id: str, audience: str, now: float, *, domain: str) -> str:
    """The access token of a login for an API."""
    client = find_client(tx, client_id)
    if "authorization_code" not in client.get("grant_types", []):
        raise _refuse("unauthorized_client", "Grant type 'authorization_code' not allowed for the client.")
    api = _check_audience(tx, client, audience)
    connected_accounts.ensure_user(tx, user_id, now)
    scope = " ".join(item["value"] for item in api.get("scopes", []))
    claims = {"sub": user_id, "aud": audience, "azp": client["client_id"], "scope": scope}
    return issue_token(tx, claims, domain=domain, now=now, lifetime=api["token_lifetime"])


def _check_audience(tx: Transaction, client: Document, audience: str) -> Document:
    """The API, when its policy lets users of this application in."""
    api = tx.first("resource_servers", {"identifier": audience})
    if api is None:
        raise _refuse("access_denied", f"Service not found: {audience}", 400)
    policy = api["subject_type_authorization"]["user"]["policy"]
    granted = client_grants.granted_scopes(tx, client["client_id"], audience, "user")
    if policy == "deny_all" or (policy == "require_client_grant" and granted is None):
        message = f'Client "{client["client_id"]}" is not authorized to access resource server "{audience}".'
        raise _refuse("access_denied", message)
    return api


# ---- connecting an account


def connect(
    tx: Transaction, user_id: str, connection_name: str, now: float, *, domain: str,
    client_id: str | None, scopes: Sequence[str] | None, login_hint: str | None,
) -> Document:  # fmt: skip
    """Plant a connected account; with a client, only if that application could have done it."""
    connection = tx.first("connections", {"name": connection_name})
    if connection is None:
        raise _refuse("invalid_request", f"The connection {connection_name} does not exist", 400)
    if client_id is not None:
        _check_connect_flow(tx, find_client(tx, client_id), connection, domain)
    if not connection["connected_accounts"].get("active"):
        message = f"The connection {connection_name} is not enabled for connected accounts"
        raise _refuse("connected_accounts_connection_failed", message)
    providers.check_parameters(connection)
    connected_accounts.ensure_user(tx, user_id, now)
    account = _account(user_id, connection, now, scopes, login_hint)
    tx.put(connected_accounts.KIND, f"{user_id}/{account['id']}", account)
    return account


def _account(
    user_id: str, connection: Document, now: float, scopes: Sequence[str] | None, login_hint: str | None
) -> Document:
    account: dict[str, Any] = {
        "id": f"cac_{ids.random_text(22)}",
        "user_id": user_id,
        "connection": connection["name"],
        "connection_id": connection["id"],
        "strategy": connection["strategy"],
        "access_type": "offline",
        "scopes": list(scopes) if scopes is not None else providers.scopes_of(connection.get("options", {})),
        "created_at": ids.timestamp(now),
        "refresh_token": providers.gives_refresh_token(connection),
        "keys": providers.keys_of(connection),
    }
    return account | ({"login_hint": login_hint} if login_hint else {})


def _check_connect_flow(tx: Transaction, client: Document, connection: Document, domain: str) -> None:
    """Log in, get a My Account API token out of the refresh token, start the connect flow with it."""
    if not client.get("is_first_party") or not client.get("oidc_conformant"):
        raise _refuse("unauthorized_client", "Connected accounts require a first-party, OIDC conformant client.")
    _check_login(client)
    audience = my_account_identifier(domain)
    api = _check_audience(tx, client, audience)
    granted = client_grants.granted_scopes(tx, client["client_id"], audience, "user")
    _check_scopes(granted if granted is not None else list(CONNECTED_ACCOUNTS_SCOPES), "client grant")
    policies = client["refresh_token"].get("policies") or []
    exchanged = [scope for policy in policies if policy["audience"] == audience for scope in policy["scope"]]
    _check_scopes(exchanged, "refresh token policy")
    _check_my_account(api)
    if not enablements.is_enabled(tx, connection["id"], client["client_id"]):
        raise _refuse("access_denied", f"The connection {connection['name']} is not enabled for the client")


def _check_scopes(granted: list[str], source: str) -> None:
    if missing := [scope for scope in CONNECTED_ACCOUNTS_SCOPES if scope not in granted]:
        raise _refuse("invalid_scope", f"insufficient_scope: the {source} lacks {' '.join(missing)}", 401)


def _check_my_account(api: Document) -> None:
    if not api["skip_consent_for_verifiable_first_party_clients"]:
        raise _refuse("consent_required", "Consent required")
    if api.get("authorization_policy"):
        raise _refuse("unmet_authentication_requirements", "The authorization policy of the API is not met")
    if (api.get("proof_of_possession") or {}).get("required"):
        raise _refuse("invalid_dpop_proof", "The API requires proof of possession", 400)

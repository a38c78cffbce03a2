"""Logs users in and connects accounts in one call each, without the browser that a real tenant needs for it.

Each raises OAuthError with the reason for which the user would have been turned away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import client_grants, enablements, ids, providers, user_tokens, users
from .aliases import Alias
from .auth import issue_token
from .errors import OAuthError
from .store import Document, Transaction
from .system_apis import CONNECTED_ACCOUNTS_SCOPES, my_account_identifier
from .user_tokens import LOGIN_SCOPES, Login, allowed_scopes, check_audience, check_my_account, refuse


def find_client(tx: Transaction, key: str) -> Document:
    """An application by client id or by its name."""
    client = tx.get("clients", key) or tx.first("clients", {"name": key})
    if client is None:
        raise OAuthError(400, "invalid_request", f"Unknown client: {key}")
    return client


# ---- logging in


def issue_refresh_token(tx: Transaction, user_id: str, client_id: str, now: float, audience: str | None) -> str:
    """The refresh token of a login with offline_access and everything else that may be had."""
    client = find_client(tx, client_id)
    _check_login(client)
    scopes = list(LOGIN_SCOPES)
    if audience:
        api = check_audience(tx, client, audience)
        if not api["allow_offline_access"]:
            raise refuse("invalid_request", f"The API {audience} does not allow offline access", 400)
        scopes += allowed_scopes(tx, client, api)
    users.ensure_user(tx, user_id, now)
    login = Login(
        client=client,
        user_id=user_id,
        audience=audience,
        scopes=tuple(scopes),
        auth_time=now,
        session_id=ids.random_text(32),
    )
    return user_tokens.issue(tx, login, now)


def _check_login(client: Document) -> None:
    for grant in ("authorization_code", "refresh_token"):
        if grant not in client.get("grant_types", []):
            raise refuse("unauthorized_client", f"Grant type '{grant}' not allowed for the client.")
    if not client.get("callbacks"):
        raise refuse("access_denied", "Callback URL mismatch. The client has no allowed callback URLs.")


def issue_access_token(
    tx: Transaction, user_id: str, client_id: str, audience: str, now: float, *, alias: Alias
) -> str:
    """The access token of a login for an API, with every scope that the application may have."""
    client = find_client(tx, client_id)
    if "authorization_code" not in client.get("grant_types", []):
        raise refuse("unauthorized_client", "Grant type 'authorization_code' not allowed for the client.")
    api = check_audience(tx, client, audience)
    users.ensure_user(tx, user_id, now)
    scope = " ".join(allowed_scopes(tx, client, api))
    claims = {"sub": user_id, "aud": audience, "azp": client["client_id"], "scope": scope}
    return issue_token(tx, claims, alias=alias, now=now, api=api)


# ---- connecting an account


def connect(
    tx: Transaction, user_id: str, connection_name: str, now: float, *, domain: str,
    client_id: str | None, scopes: Sequence[str] | None, login_hint: str | None,
) -> Document:  # fmt: skip
    """Plant a connected account; with a client, only if that application could have done it."""
    connection = tx.first("connections", {"name": connection_name})
    if connection is None:
        raise refuse("invalid_request", f"The connection {connection_name} does not exist", 400)
    if client_id is not None:
        _check_connect_flow(tx, find_client(tx, client_id), connection, domain)
    if not connection["connected_accounts"].get("active"):
        message = f"The connection {connection_name} is not enabled for connected accounts"
        raise refuse("connected_accounts_connection_failed", message)
    providers.check_parameters(connection)
    users.ensure_user(tx, user_id, now)
    account = new_account(user_id, connection, now, scopes, login_hint)
    tx.put(users.ACCOUNTS, f"{user_id}/{account['id']}", account)
    return account


def new_account(
    user_id: str, connection: Document, now: float, scopes: Sequence[str] | None, login_hint: str | None
) -> Document:
    """A connected account as its provider leaves it; without scopes it has those of the connection."""
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
        raise refuse("unauthorized_client", "Connected accounts require a first-party, OIDC conformant client.")
    _check_login(client)
    audience = my_account_identifier(domain)
    api = check_audience(tx, client, audience)
    granted = client_grants.granted_scopes(tx, client["client_id"], audience, "user")
    _check_scopes(granted if granted is not None else list(CONNECTED_ACCOUNTS_SCOPES), "client grant")
    policies = client["refresh_token"].get("policies") or []
    exchanged = [scope for policy in policies if policy["audience"] == audience for scope in policy["scope"]]
    _check_scopes(exchanged, "refresh token policy")
    check_my_account(api)
    if not enablements.is_enabled(tx, connection["id"], client["client_id"]):
        raise refuse("access_denied", f"The connection {connection['name']} is not enabled for the client")


def _check_scopes(granted: list[str], source: str) -> None:
    if missing := [scope for scope in CONNECTED_ACCOUNTS_SCOPES if scope not in granted]:
        raise refuse("invalid_scope", f"insufficient_scope: the {source} lacks {' '.join(missing)}", 401)

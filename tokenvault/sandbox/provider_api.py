"""The API of the made-up provider: whoever got a token out of the vault can call something with it.

`/sandbox/provider/…` answers any path, as whoever calls a provider's API calls paths that only the provider knows; it
says whose token it was called with, and for what the token is good.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from . import users
from .auth import bearer
from .errors import ApiError
from .routing import Reply
from .store import Document, Transaction

KIND = "provider_tokens"
PREFIX = "/sandbox/provider"
REFUSED = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


def hand_out(
    tx: Transaction, connection: Document, account: Document, scopes: Sequence[str], now: float, lifetime: int
) -> str:
    """A token of the provider for this account."""
    for old in tx.find(KIND):
        if old["expires"] <= now:
            tx.delete(KIND, old["token"])
    token = f"{connection['strategy']}-sandbox-token-{secrets.token_urlsafe(24)}"
    held = {"token": token, "expires": now + lifetime, "connection": connection["name"], "scopes": list(scopes)}
    tx.put(KIND, token, {**held, "account_id": account["id"], "user_id": account["user_id"]})
    return token


def answer(tx: Transaction, path: str, authorization: str | None, now: float) -> Reply:
    """What the provider says to a call."""
    held = _held(tx, authorization)
    if held is None or held["expires"] <= now:
        return Reply(401, {"error": "invalid_token", "message": "The provider does not know this token"}, REFUSED)
    account = tx.get("connected_accounts", f"{held['user_id']}/{held['account_id']}")
    user = tx.get(users.KIND, held["user_id"])
    if account is None or user is None:
        return Reply(401, {"error": "invalid_token", "message": "The account is not connected any more"}, REFUSED)
    body = {
        "path": path.removeprefix(PREFIX) or "/",
        "connection": held["connection"],
        "account": account.get("login_hint") or users.view(user)["email"],
        "user_id": held["user_id"],
        "scopes": held["scopes"],
    }
    return Reply(200, body)


def _held(tx: Transaction, authorization: str | None) -> Document | None:
    try:
        return tx.get(KIND, bearer(authorization))
    except ApiError:
        return None

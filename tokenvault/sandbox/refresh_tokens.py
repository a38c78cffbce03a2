"""Refresh tokens: what they remember of the login, when they end, and how they rotate.

A refresh token remembers the policies (MRRT) that its application had when it was issued: later changes of the
application do not reach it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from . import ids
from .store import Document, Transaction

KIND = "refresh_tokens"
TOKEN_LIMIT = 200  # refresh tokens of one user at one application; the oldest goes first
OIDC_SCOPES = ("openid", "profile", "email", "address", "phone", "offline_access")
LOGIN_SCOPES = ("openid", "profile", "email", "offline_access")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who logged in at which application, when, and what they asked for."""

    client: Document
    user_id: str
    audience: str | None
    scopes: tuple[str, ...]
    auth_time: float
    session_id: str


def issue(tx: Transaction, login: Login, now: float, *, family: str | None = None) -> str:
    """A new refresh token of this login; of a family when it takes the place of another."""
    client = login.client
    held = [one for one in tx.find(KIND, {"client_id": client["client_id"]}) if one["user_id"] == login.user_id]
    for oldest in held[: len(held) + 1 - TOKEN_LIMIT]:
        tx.delete(KIND, oldest["token"])
    token = f"v1.{secrets.token_urlsafe(40)}"
    tx.put(
        KIND,
        token,
        {
            "token": token,
            "user_id": login.user_id,
            "client_id": client["client_id"],
            "audience": login.audience,
            "scopes": list(login.scopes),
            "auth_time": login.auth_time,
            "session_id": login.session_id,
            "family": family or ids.random_text(22),
            "rotating": client["refresh_token"]["rotation_type"] == "rotating",
            "policies": client["refresh_token"].get("policies") or [],
            "created_at": ids.timestamp(now),
            "issued": now,
            "used": now,
        },
    )
    return token


def find(tx: Transaction, token: str, client: Document, now: float) -> Document | None:
    """The live refresh token of this application, or None; one that was replaced lives on for the leeway."""
    found = tx.get(KIND, token)
    if found is None or found["client_id"] != client["client_id"] or _is_expired(found, client, now):
        return None
    if "replaced" in found and now - found["replaced"] > client["refresh_token"].get("leeway", 0):
        return None
    return found


def _is_expired(token: Document, client: Document, now: float) -> bool:
    settings = client["refresh_token"]
    if "issued" not in token or settings.get("expiration_type") != "expiring":
        return False
    return _over(settings, "token_lifetime", token["issued"], now) or _over(
        settings, "idle_token_lifetime", token["used"], now
    )


def _over(settings: Document, lifetime: str, since: float, now: float) -> bool:
    limit: Any = settings.get(lifetime)
    return not settings.get(f"infinite_{lifetime}") and isinstance(limit, int) and now - since > limit


def was_replaced(tx: Transaction, token: str, client: Document) -> bool:
    """Whether this token was used up by rotation: somebody presents a copy."""
    found = tx.get(KIND, token)
    return found is not None and found["client_id"] == client["client_id"] and "replaced" in found


def use(tx: Transaction, found: Document, client: Document, now: float) -> str | None:
    """Note the use of a token; the one that takes its place, when the application rotates them."""
    found["used"] = now
    if not found["rotating"] and client["refresh_token"]["rotation_type"] != "rotating":
        tx.put(KIND, found["token"], found)
        return None
    found.setdefault("replaced", now)
    tx.put(KIND, found["token"], found)
    return issue(tx, login_of(found, client), now, family=found.get("family"))


def login_of(token: Document, client: Document) -> Login:
    """The login that a refresh token stands for."""
    return Login(
        client=client,
        user_id=token["user_id"],
        audience=token.get("audience"),
        scopes=tuple(token.get("scopes", LOGIN_SCOPES)),
        auth_time=float(token.get("auth_time", 0)),
        session_id=token.get("session_id", ""),
    )


def revoke_family(tx: Transaction, token: str) -> None:
    """Forget a token and every other that rotation made of the same login."""
    found = tx.get(KIND, token)
    if found is None:
        return
    family = found.get("family")
    tx.delete(KIND, token)
    for other in tx.find(KIND, {"family": family}) if family else ():
        tx.delete(KIND, other["token"])

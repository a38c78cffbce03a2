"""Authenticates an application at /oauth/token: by a secret in the body, a secret in the header, or a signed assertion."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import unquote

from . import credentials
from .errors import OAuthError
from .ids import timestamp
from .keys import base64url
from .store import Document, Transaction

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JTI_MEMORY = 600


def authenticate(
    tx: Transaction, form: Mapping[str, str], authorization: str | None, *, issuers: Collection[str], now: float
) -> Document:
    """The application that makes the request, or 401. Public clients prove nothing and are let through as such."""
    if form.get("client_assertion"):
        return _by_assertion(tx, form, issuers, now)
    client_id, secret = _presented(form, authorization)
    client = tx.get("clients", client_id)
    if client is None or client.get("global") or client.get("client_authentication_methods"):
        raise _unauthorized()
    method = client.get("token_endpoint_auth_method", "client_secret_post")
    if method != "none" and not hmac.compare_digest(secret.encode(), str(client["client_secret"]).encode()):
        raise _unauthorized()
    return client


def _presented(form: Mapping[str, str], authorization: str | None) -> tuple[str, str]:
    kind, _, value = (authorization or "").partition(" ")
    if kind.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(value).decode().partition(":")
    except ValueError:
        raise _unauthorized() from None
    return unquote(client_id), unquote(secret)


def _unauthorized() -> OAuthError:
    return OAuthError(401, "access_denied", "Unauthorized")


def _by_assertion(tx: Transaction, form: Mapping[str, str], issuers: Collection[str], now: float) -> Document:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise OAuthError(400, "invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}")
    token = form["client_assertion"]
    client = tx.get("clients", str(unverified_claims(token).get("iss", "")))
    if client is None:
        raise OAuthError(401, "invalid_client", "The client assertion is of an unknown client")
    references = (client.get("client_authentication_methods") or {}).get("private_key_jwt", {}).get("credentials", [])
    _, claims = verify_signed(tx, client, references, token, now, "invalid_client", 401)
    _check_assertion(tx, client, claims, issuers, now)
    return client


def _check_assertion(
    tx: Transaction, client: Document, claims: Mapping[str, Any], issuers: Collection[str], now: float
) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    problem = None
    if claims.get("iss") != client["client_id"] or claims.get("sub") != client["client_id"]:
        problem = "iss and sub of the client assertion must be the client_id"
    elif not any(one in issuers for one in audiences):
        problem = "The audience of the client assertion is not this tenant"
    elif not isinstance(claims.get("exp"), int | float) or claims["exp"] <= now:
        problem = "The client assertion is expired"
    elif not claims.get("jti") or not remember_jti(tx, client["client_id"], claims["jti"], now):
        problem = "The jti of the client assertion is missing or was used before"
    if problem:
        raise OAuthError(401, "invalid_client", problem)


def remember_jti(tx: Transaction, client_id: str, jti: Any, now: float) -> bool:
    """Whether this jti is new; old ones are forgotten when no token of theirs could still be accepted."""
    for seen in tx.find("jtis"):
        if seen["at"] < now - JTI_MEMORY:
            tx.delete("jtis", seen["key"])
    key = f"{client_id}/{jti}"
    if tx.get("jtis", key):
        return False
    tx.put("jtis", key, {"key": key, "at": now})
    return True


def unverified_claims(token: str) -> dict[str, Any]:
    """What a JWT says of itself."""
    import jwt

    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except jwt.PyJWTError:
        return {}


def verify_signed(
    tx: Transaction, client: Document, references: list[Document], token: str, now: float, error: str, status: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT signed with one of these credentials of the application."""
    import jwt

    try:
        header = dict(jwt.get_unverified_header(token))
    except jwt.PyJWTError:
        raise OAuthError(status, error, "The token is not a JWT") from None
    for credential in _candidates(tx, client, references, header, now):
        try:
            options: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
            key = jwt.PyJWK({**credential["jwk"], "alg": credential["alg"]}).key
            return header, dict(jwt.decode(token, key, algorithms=[credential["alg"]], options=options))
        except jwt.PyJWTError:
            continue
    raise OAuthError(status, error, "The signature matches no credential that is attached to the client for this use")


def _candidates(
    tx: Transaction, client: Document, references: list[Document], header: Mapping[str, Any], now: float
) -> list[Document]:
    attached = {reference["id"] for reference in references}
    usable = [one for one in credentials.pool(tx, client["client_id"]) if one["id"] in attached and "jwk" in one]
    alive = [one for one in usable if one.get("expires_at", "9999") > timestamp(now)]
    named = [one for one in alive if one.get("kid") == header.get("kid")]
    return named if header.get("kid") else alive


# ---- proof key for code exchange (RFC 7636): the application is the one that began the login


PKCE_METHODS = ("S256", "plain")


def pkce_matches(verifier: str, challenge: str, method: str | None) -> bool:
    """Whether the challenge was made of this verifier."""
    plain = verifier.encode(errors="replace")
    made = base64url(hashlib.sha256(plain).digest()).encode() if method == "S256" else plain
    return hmac.compare_digest(made, challenge.encode(errors="replace"))

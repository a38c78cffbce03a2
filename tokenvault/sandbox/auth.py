"""Access tokens: who calls, and what the token allows.

Tokens are JWTs signed with the tenant's key, under the name by which it was asked for them. Issuing one changes no
object: a plan against the sandbox leaves the tenant as it was.
"""

from __future__ import annotations

from typing import Any

from . import signing
from .aliases import Alias
from .errors import ApiError, unauthorized
from .store import Document, Transaction
from .system_apis import MANAGEMENT_SCOPES, management_identifier

LIFETIME = 86_400
ALL_SCOPES = frozenset(MANAGEMENT_SCOPES)


def issue_token(
    tx: Transaction, claims: Document, *, alias: Alias, now: float, api: Document, lifetime: int | None = None
) -> str:
    """A signed access token for an API, in the words of whoever asked for it."""
    audience = claims["aud"]
    named = [alias.outward_value(one) for one in audience] if isinstance(audience, list) else None
    full = {
        "iss": alias.issuer,
        "iat": int(now),
        "exp": int(now) + (lifetime or api["token_lifetime"]),
        **claims,
        "aud": named or alias.outward_value(audience),
    }
    return _sign_for(tx, api, full)


def _sign_for(tx: Transaction, api: Document, claims: Document) -> str:
    """The API's own algorithm: its secret when it shares one with the tenant, else the tenant's key."""
    alg = api.get("signing_alg", "RS256")
    if alg == "HS256" and api.get("signing_secret"):
        return signing.sign_with_secret(claims, api["signing_secret"])
    return signing.sign(tx, claims, alg=alg if alg in signing.ASYMMETRIC else "RS256")


def read_token(tx: Transaction, token: str, audience: str, now: float) -> dict[str, Any]:
    """The claims of a token of ours for this audience; raises ValueError with the reason otherwise."""
    claims = _our_claims(tx, token, audience)
    if audience not in audiences(tx, claims):
        raise ValueError("Bad audience")
    if claims["exp"] <= now:
        raise ValueError("Expired token received for JSON Web Token validation")
    return claims


def _our_claims(tx: Transaction, token: str, audience: str) -> dict[str, Any]:
    """Verified with the secret that the API of this audience shares with the tenant, or with the tenant's key."""
    api = tx.first("resource_servers", {"identifier": audience}) or {}
    if api.get("signing_alg") == "HS256" and api.get("signing_secret"):
        return signing.claims_by_secret(token, api["signing_secret"])
    return signing.verified_claims(tx, token)


def audiences(tx: Transaction, claims: Document) -> list[str]:
    """Whom a token of ours is for, in canonical terms: it was issued under the name that its issuer shows."""
    canonical = str((tx.get("tenant", "identity") or {}).get("domain"))
    issuer = str(claims.get("iss", "")).removeprefix("https://").rstrip("/")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    return [Alias(issuer, canonical).inward_value(str(one)) for one in named]


def bearer(header: str | None) -> str:
    """The token of an Authorization header; 401 when there is none."""
    if not header:
        raise unauthorized("Missing authentication")
    kind, _, value = header.partition(" ")
    if kind.lower() != "bearer" or not value:
        raise ApiError(401, "Bad HTTP authentication header format", "invalid_token")
    return value


def caller_scopes(tx: Transaction, header: str | None, *, token: str, scopes: frozenset[str], domain: str, now: float
                  ) -> frozenset[str]:  # fmt: skip
    """The scopes of the bearer token, or 401."""
    value = bearer(header)
    if value == token:
        return scopes
    try:
        claims = read_token(tx, value, management_identifier(domain), now)
    except ValueError as problem:
        raise ApiError(401, str(problem), "invalid_token") from None
    return frozenset(str(claims.get("scope", "")).split())

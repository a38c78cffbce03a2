"""Access tokens: who calls, and what the token allows.

Tokens are JWTs signed with a key of the tenant, so that issuing one writes nothing: a plan against the sandbox leaves
the tenant byte for byte as it was.
"""

from __future__ import annotations

from typing import Any

from .errors import ApiError, unauthorized
from .store import Document, Transaction
from .system_apis import MANAGEMENT_SCOPES, management_identifier

LIFETIME = 86_400
ALL_SCOPES = frozenset(MANAGEMENT_SCOPES)


def signing_key(tx: Transaction) -> str:
    """The key that this tenant signs its tokens with."""
    return str((tx.get("tenant", "identity") or {})["signing_key"])


def issue_token(tx: Transaction, claims: Document, *, domain: str, now: float, lifetime: int = LIFETIME) -> str:
    """A signed access token."""
    import jwt

    full = {"iss": f"https://{domain}/", "iat": int(now), "exp": int(now) + lifetime, **claims}
    return str(jwt.encode(full, signing_key(tx), algorithm="HS256"))


def read_token(tx: Transaction, token: str, audience: str, now: float) -> dict[str, Any]:
    """The claims of a token of ours; raises ValueError with the reason otherwise."""
    import jwt

    # The clock is an argument everywhere else; here only the signature and the audience are left to the library.
    options: Any = {"verify_exp": False, "verify_iat": False}
    try:
        claims = jwt.decode(token, signing_key(tx), algorithms=["HS256"], audience=audience, options=options)
    except jwt.InvalidAudienceError:
        raise ValueError("Bad audience") from None
    except jwt.PyJWTError:
        raise ValueError("Invalid token") from None
    if claims["exp"] <= now:
        raise ValueError("Expired token received for JSON Web Token validation")
    return dict(claims)


def caller_scopes(tx: Transaction, header: str | None, *, token: str, scopes: frozenset[str], domain: str, now: float
                  ) -> frozenset[str]:  # fmt: skip
    """The scopes of the bearer token, or 401."""
    if not header:
        raise unauthorized("Missing authentication")
    kind, _, value = header.partition(" ")
    if kind.lower() != "bearer" or not value:
        raise ApiError(401, "Bad HTTP authentication header format", "invalid_token")
    if value == token:
        return scopes
    try:
        claims = read_token(tx, value, management_identifier(domain), now)
    except ValueError as problem:
        raise ApiError(401, str(problem), "invalid_token") from None
    return frozenset(str(claims.get("scope", "")).split())

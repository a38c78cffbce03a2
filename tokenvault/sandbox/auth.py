"""Keeps the tenant's signing key, issues and verifies tokens, and tells which scopes the caller of a request has.

Tokens are JWTs signed with the tenant's key; their issuer is the host name by which the tenant was asked for them.
Issuing one changes no object: a plan against the sandbox leaves the tenant as it was.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from . import keys
from .aliases import Alias
from .errors import ApiError, unauthorized
from .store import Document, Transaction
from .system_apis import MANAGEMENT_SCOPES, management_identifier

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

# ---- the key that a tenant signs its tokens with, and its public half as others fetch it
# The key is made when it is first needed, as that takes a moment, and lives beside the tenant's objects without being
# one: it is not part of an exported state.


SIGNING_KEYS, CURRENT_KEY = "signing_keys", "current"
ASYMMETRIC = ("RS256", "RS512", "PS256")
KEY_SIZE = 2048


def ensure_key(tx: Transaction) -> None:
    """Make the tenant's key unless it has one."""
    if tx.get(SIGNING_KEYS, CURRENT_KEY) is None:
        tx.put(SIGNING_KEYS, CURRENT_KEY, _new_key())


def has_key(tx: Transaction) -> bool:
    """Whether the tenant has a key."""
    return tx.get(SIGNING_KEYS, CURRENT_KEY) is not None


def _new_key() -> Document:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    jwk = keys.jwk_of(public)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {"kid": keys.jwk_thumbprint(jwk), "private": pem, "jwk": jwk}


@lru_cache(maxsize=16)
def _load(pem: str) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)  # checking it takes 100 ms
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("the tenant's signing key is not an RSA key")
    return key


def _current(tx: Transaction) -> Document:
    key = tx.get(SIGNING_KEYS, CURRENT_KEY)
    if key is None:
        raise LookupError("the tenant has no signing key yet")
    return key


def jwks(tx: Transaction) -> Document:
    """The tenant's public keys, as `/.well-known/jwks.json` lists them."""
    key = _current(tx)
    return {"keys": [{**key["jwk"], "use": "sig", "alg": "RS256", "kid": key["kid"]}]}


def sign(tx: Transaction, claims: Document, *, alg: str = "RS256", typ: str = "JWT") -> str:
    """A JWT signed with the tenant's key."""
    import jwt

    key = _current(tx)
    return str(jwt.encode(claims, _load(key["private"]), algorithm=alg, headers={"kid": key["kid"], "typ": typ}))


def verified_claims(tx: Transaction, token: str) -> dict[str, Any]:
    """The claims of a JWT that carries this tenant's signature, otherwise unjudged; raises ValueError."""
    try:
        public = _load(_current(tx)["private"]).public_key()
    except LookupError:
        raise ValueError("Invalid token") from None
    return _decoded(token, public, ASYMMETRIC)


def unverified_claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, whoever signed it; empty when the text is no JWT."""
    import jwt

    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except jwt.PyJWTError:
        return {}


def sign_with_secret(claims: Document, secret: str) -> str:
    """A JWT signed with a secret that somebody shares with the tenant."""
    import jwt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the secret may be as short as the tenant allows
        return str(jwt.encode(claims, secret, algorithm="HS256"))


def claims_by_secret(token: str, secret: str) -> dict[str, Any]:
    """The claims of a JWT that was signed with this secret, otherwise unjudged; raises ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _decoded(token, secret, ("HS256",))


def _decoded(token: str, key: Any, algorithms: tuple[str, ...]) -> dict[str, Any]:
    import jwt

    options: Any = {f"verify_{name}": False for name in ("exp", "iat", "nbf", "aud", "iss", "sub", "jti")}
    try:
        return dict(jwt.decode(token, key, algorithms=list(algorithms), options=options))
    except jwt.PyJWTError:
        raise ValueError("Invalid token") from None


# ---- access tokens


LIFETIME = 86_400
ALL_SCOPES = frozenset(MANAGEMENT_SCOPES)


def issue_token(
    tx: Transaction, claims: Document, *, alias: Alias, now: float, api: Document, lifetime: int | None = None
) -> str:
    """A signed access token for an API; issuer and audience are written with the host name that the caller used."""
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
        return sign_with_secret(claims, api["signing_secret"])
    return sign(tx, claims, alg=alg if alg in ASYMMETRIC else "RS256")


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
        return claims_by_secret(token, api["signing_secret"])
    return verified_claims(tx, token)


def audiences(tx: Transaction, claims: Document) -> list[str]:
    """The audiences of a token of ours, translated from the host name in its issuer to the canonical domain."""
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

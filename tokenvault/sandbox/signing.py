"""The key that a tenant signs its tokens with, and its public half as others fetch it.

The key is made when it is first needed, as that takes a moment, and lives beside the tenant's objects without being
one: it is not part of an exported state.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from . import keys
from .store import Document, Transaction

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

KIND, CURRENT = "signing_keys", "current"
ASYMMETRIC = ("RS256", "RS512", "PS256")
KEY_SIZE = 2048


def ensure(tx: Transaction) -> None:
    """Make the tenant's key unless it has one."""
    if tx.get(KIND, CURRENT) is None:
        tx.put(KIND, CURRENT, _new_key())


def is_there(tx: Transaction) -> bool:
    """Whether the tenant has a key."""
    return tx.get(KIND, CURRENT) is not None


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
    key = tx.get(KIND, CURRENT)
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
    """What a JWT says of itself, whoever made it; nothing when it is none."""
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

"""The JWTs that an application signs with its private key: who it is, and, for a privileged worker, on whose behalf it asks.

Not with auth0-python, whose client assertion (`tenant/transport.py`) names no key and has an audience of its own. Time and the
unique ids come in. A private key is held as a key object, never as text that could be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.flavors.public_keys import BadKey, read_public_key
from tokenvault.flavors.runtime.request import MAX_AGE, WORKER_TOKEN
from tokenvault.secrets import Secret

MAX_CONTEXT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateKey:
    """An RSA private key and the name that Auth0 gives its public half."""

    kid: str
    source: str
    key: Any = field(repr=False)
    algorithm: str = "RS256"
    named: bool = False

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, str]) -> Secret:
        """A JWT. Its `kid` stands in the header where the application has several keys."""
        import jwt

        full = {**header, **({"kid": self.kid} if self.named else {})}
        return Secret(jwt.encode(dict(claims), self.key, algorithm=self.algorithm, headers=full), "signed here")


def read_private_key(text: Secret) -> PrivateKey:
    """The key in a PEM; `RefusedError` says what is wrong with it and never quotes it."""
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(text.reveal().encode(), None)
    except TypeError:
        raise RefusedError(_bad(text.source, "is protected by a passphrase")) from None
    except Exception:  # the library raises a dozen types for malformed input
        raise RefusedError(_bad(text.source, "is not a PEM private key")) from None
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()
    try:
        return PrivateKey(kid=read_public_key(public).kid, source=text.source, key=key)
    except BadKey as error:
        raise RefusedError(_bad(text.source, f"cannot be used: {error}")) from None


def _bad(source: str, what: str) -> Diagnostic:
    hint = "Give the RSA private key as PEM, the one whose public half the application has in Auth0."
    return Diagnostic(code="exchange-key", summary=f"The private key ({source}) {what}", hint=hint)


def client_assertion(client_id: str, audience: str, key: PrivateKey, *, now: float, jti: str) -> Secret:
    """Proves at the token endpoint who the application is (private_key_jwt). Good for one request within a minute."""
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": int(now),
        "exp": int(now) + MAX_AGE,
        "jti": jti,
    }
    return key.sign(claims, {"typ": "JWT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBehalf:
    """Whose token a worker asks for, and the reason that goes to the tenant's logs."""

    user: str
    audit_context: str
    organization: str | None = None


def subject_token(client_id: str, audience: str, whom: OnBehalf, key: PrivateKey, *, now: float, jti: str) -> Secret:
    """A privileged worker's request for a user's token. Auth0 takes it once, and for 60 seconds."""
    claims = {
        "sub": whom.user,
        "aud": audience,
        "iss": client_id,
        "iat": int(now),
        "exp": int(now) + MAX_AGE,
        "jti": jti,
        "audit_context": whom.audit_context,
        "org_id": whom.organization,
    }
    return key.sign({name: value for name, value in claims.items() if value is not None}, {"typ": WORKER_TOKEN})

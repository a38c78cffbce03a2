"""Public keys of workers: parsed, checked, and named by their RFC 7638 thumbprint."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

MIN_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """An RSA public key. `pem` is SubjectPublicKeyInfo, `kid` its RFC 7638 thumbprint, as Auth0 computes it."""

    pem: str
    kid: str
    alg: str = "RS256"


class BadKey(ValueError):
    """The text is not a public key that Auth0 takes; the message says why and never quotes it."""

    def __init__(self, why: str, *, is_private: bool = False) -> None:
        super().__init__(why)
        self.is_private = is_private


def read_public_key(text: str) -> PublicKey:
    """The key in a PEM (a public key or a certificate), or `BadKey`."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    if "PRIVATE KEY" in text:
        raise BadKey("this is a private key: give its public half, and keep this one out of git", is_private=True)
    try:
        data = text.encode()
        if "BEGIN CERTIFICATE" in text:
            from cryptography import x509

            key = x509.load_pem_x509_certificate(data).public_key()
        else:
            key = serialization.load_pem_public_key(data)  # type: ignore[assignment]
    except Exception as error:  # the library raises a dozen types for malformed input
        raise BadKey("this is not a PEM public key") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadKey("Auth0 takes RSA keys only")
    if key.key_size < MIN_BITS:
        raise BadKey(f"the key has {key.key_size} bits; Auth0 takes {MIN_BITS} and more")
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicKey(pem=pem, kid=_thumbprint(key.public_numbers()))


def _thumbprint(numbers: object) -> str:
    jwk = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}  # type: ignore[attr-defined]
    digest = hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

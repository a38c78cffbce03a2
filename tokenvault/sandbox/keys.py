"""Reads public keys and certificates: JWK, thumbprints, expiry, subject."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from .errors import bad_request
from .ids import timestamp
from .store import Document

NAME_ATTRIBUTES = {
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "commonName": "CN",
    "emailAddress": "emailAddress",
}


def base64url(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def load_certificate(pem: str) -> Any:
    """The X.509 certificate, or None when the PEM holds something else."""
    from cryptography import x509

    if "CERTIFICATE" not in pem:
        return None
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise bad_request("The pem is not a valid X.509 certificate") from None


def load_public_key(pem: str) -> Any:
    """The RSA public key of a PEM that holds a key or a certificate."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    certificate = load_certificate(pem)
    try:
        key = certificate.public_key() if certificate else load_pem_public_key(pem.encode())
    except ValueError:
        raise bad_request("The pem is not a valid public key") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise bad_request("The pem must hold an RSA public key of at least 2048 bits")
    return key


def jwk_of(pem: str) -> Document:
    """The RSA key as a JWK with only its required members, as RFC 7638 hashes it."""
    numbers = load_public_key(pem).public_numbers()

    def encoded(number: int) -> str:
        return base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))

    return {"e": encoded(numbers.e), "kty": "RSA", "n": encoded(numbers.n)}


def jwk_thumbprint(jwk: Document) -> str:
    """RFC 7638: this is the `kid` that Auth0 gives a credential."""
    members = {name: jwk[name] for name in ("e", "kty", "n")}
    return base64url(hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def certificate_sha256(pem: str) -> str:
    """The thumbprint of a certificate, base64url."""
    return base64url(hashlib.sha256(_der(_certificate(pem))).digest())


def certificate_sha1(pem: str) -> str:
    """The thumbprint of a certificate, hex, as SAML connections show it."""
    return hashlib.sha1(_der(_certificate(pem)), usedforsecurity=False).hexdigest()


def certificate_expiry(pem: str) -> str:
    """When a certificate ends."""
    return timestamp(_certificate(pem).not_valid_after_utc.timestamp())


def certificate_subject_dn(pem: str) -> str:
    """The subject, one attribute a line."""
    return "\n".join(f"{short}={value}" for short, value in _attributes(pem, NAME_ATTRIBUTES))


def certificate_subject(pem: str) -> Document:
    """The subject by the long names of its attributes."""
    return dict(_attributes(pem, {name: name for name in NAME_ATTRIBUTES}))


def _certificate(pem: str) -> Any:
    certificate = load_certificate(pem)
    if certificate is None:
        raise bad_request("The pem is not a valid X.509 certificate")
    return certificate


def _der(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return bytes(certificate.public_bytes(Encoding.DER))


def _attributes(pem: str, names: dict[str, str]) -> list[tuple[str, str]]:
    found = [(attribute.oid._name, str(attribute.value)) for attribute in _certificate(pem).subject]
    return [(names.get(name, name), value) for name, value in found]


def normal_moment(text: str) -> str:
    """An ISO 8601 moment in the API's own form; 400 when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request("Payload validation error: 'Object didn't pass validation for format date-time'") from None
    return timestamp((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())

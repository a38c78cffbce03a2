"""Makes and keeps the certificate of `serve --tls`, and the certificate authority that signs it.

The authority is made together with the certificate, and its private key is never written: whoever trusts the authority
trusts this one certificate. Name constraints limit it to the names that are served.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .database import make_folder

LIFETIME, MARGIN = timedelta(days=397), timedelta(days=1)
MACHINE_NAMES, MACHINE_ADDRESSES = ("localhost", "*.localhost"), ("127.0.0.1", "::1")
Key = ec.EllipticCurvePrivateKey
MACHINE_NETWORKS = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Files:
    """Where the certificate is kept."""

    folder: Path

    @property
    def authority(self) -> Path:
        """What callers are to trust."""
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        """What the server shows."""
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        """The server's private key."""
        return self.folder / "server.key"

    def context(self) -> ssl.SSLContext:
        """How the server speaks TLS."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        context.set_alpn_protocols(["http/1.1"])
        return context


def folder_of(state: Path) -> Path:
    """The folder for the certificate of the tenant in this file."""
    return state.with_name(f"{state.stem}-tls")


def ensure(folder: Path, names: Iterable[str]) -> Files:
    """A certificate for these names and for this machine: the one that is there while it serves, else a new one.

    Raises OSError when the folder cannot be written.
    """
    files, wanted = Files(folder), (*MACHINE_NAMES, *dict.fromkeys(names))
    if not _serves(files, wanted):
        _make(files, wanted)
    return files


def _serves(files: Files, wanted: Iterable[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        files.context()  # the key is there, and is the certificate's
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    covered = set(named.get_values_for_type(x509.DNSName))
    lasts = certificate.not_valid_after_utc - datetime.now(UTC) > MARGIN
    return lasts and files.authority.is_file() and covered >= set(wanted)


def _make(files: Files, names: tuple[str, ...]) -> None:
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, names)
    certificate = _certificate(server_key, authority, authority_key, names)
    make_folder(files.folder, 0o700)
    pem = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(files.key, pem, 0o600)
    _write(files.certificate, certificate.public_bytes(Encoding.PEM), 0o644)
    _write(files.authority, authority.public_bytes(Encoding.PEM), 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
        file.write(content)


def _builder(subject: str, issuer: str, key: Key) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


AUTHORITY_NAME, SERVER_NAME = "tokenvault sandbox authority", "tokenvault sandbox"


def _authority(key: Key, names: tuple[str, ...]) -> x509.Certificate:
    permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in names if not name.startswith("*.")]
    permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in MACHINE_NETWORKS]
    return (
        _builder(AUTHORITY_NAME, AUTHORITY_NAME, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _certificate(key: Key, authority: x509.Certificate, authority_key: Key, names: tuple[str, ...]) -> x509.Certificate:
    served: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    served += [x509.IPAddress(ipaddress.ip_address(address)) for address in MACHINE_ADDRESSES]
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _builder(SERVER_NAME, AUTHORITY_NAME, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(served), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )

"""A key pair for a worker: made here, so that nobody has to know openssl."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from tokenvault.init.answers import KeyPair
from tokenvault.secret import Secret

BITS = 2048
FOLDER = "keys"


def make_key_pair(folder: Path, key: str) -> KeyPair:
    """A new RSA key pair for the application, in files below the folder that do not exist yet. Writes nothing."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private_file, public_file = _free_files(folder, key)
    made = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(
        private_file=private_file,
        private_pem=Secret(private.decode(), private_file),
        public_file=public_file,
        public_pem=public.decode(),
    )


def _free_files(folder: Path, key: str) -> tuple[str, str]:
    for number in count(1):
        stem = f"{FOLDER}/{key}" if number == 1 else f"{FOLDER}/{key}-{number}"
        names = (f"{stem}.key.pem", f"{stem}.pub.pem")
        if not any((folder / name).exists() for name in names):
            return names
    raise AssertionError("unreachable")

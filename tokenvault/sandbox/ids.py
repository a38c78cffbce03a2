"""Makes identifiers in Auth0's forms, and checks the form of those in a request's path."""

from __future__ import annotations

import re
import secrets
import string
from datetime import UTC, datetime

from .errors import bad_request

ALPHANUMERIC = string.ascii_letters + string.digits
PATH_PATTERNS = {
    "connection": r"^con_[A-Za-z0-9]{16}$",
    "client-grant": r"^cgr_[A-Za-z0-9]{16}$",
    "credential": r"^cred_[a-zA-Z0-9]{22}$",
    "client": r"^[A-Za-z0-9_.~-]{1,128}$",
}


def random_text(length: int) -> str:
    """Letters and digits."""
    return "".join(secrets.choice(ALPHANUMERIC) for _ in range(length))


def client_id() -> str:
    """An application's id."""
    return random_text(32)


def third_party_client_id() -> str:
    """An id of an application in strict third-party mode."""
    return f"tpc_{random_text(22)}"


def client_secret() -> str:
    """An application's secret."""
    return secrets.token_urlsafe(48)


def connection_id() -> str:
    """A connection's id."""
    return f"con_{random_text(16)}"


def grant_id() -> str:
    """A client grant's id."""
    return f"cgr_{random_text(16)}"


def credential_id() -> str:
    """A credential's id."""
    return f"cred_{random_text(22)}"


def object_id() -> str:
    """An id of the 24 hex digits that resource servers have."""
    return secrets.token_hex(12)


def timestamp(moment: float) -> str:
    """A moment as the API writes it: milliseconds, UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check_path_id(kind: str, value: str) -> str:
    """The id, refused when it cannot be one of this kind."""
    pattern = PATH_PATTERNS[kind]
    if re.search(pattern, value):
        return value
    article = kind.replace("-", " ")
    raise bad_request(
        f"Path validation error: 'String does not match pattern: {pattern}' on property id (The id of the {article}).",
        "invalid_uri",
    )

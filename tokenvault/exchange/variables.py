"""The environment variables in which an application finds its ids and secrets: the same names wherever they are told.

`output` writes them, `usage` reads them in its programs, `exchange` takes them. They never are the names by which tokenvault
itself finds its Management API credentials (`AUTH0_CLIENT_ID` …).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

SUBJECT_TOKEN = "AUTH0_SUBJECT_TOKEN"
DOMAIN = "AUTH0_DOMAIN"


def prefixes(addresses: Iterable[str]) -> Mapping[str, str]:
    """A prefix for each application by its address; no two are the same."""
    found: dict[str, str] = {}
    for address in addresses:
        base, number = prefix(address.removeprefix("application.").removesuffix("_client")), 2
        name = base
        while name in found.values():
            name, number = f"{base}_{number}", number + 1
        found[address] = name
    return found


def prefix(name: str) -> str:
    """`nightly-sync` → `NIGHTLY_SYNC`: what a shell takes for a name."""
    plain = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_") or "APP"
    return f"APP_{plain}" if plain[0].isdigit() or plain == "AUTH0" else plain


def client_id(of: str) -> str:
    """The variable for the client id."""
    return f"{of}_CLIENT_ID"


def client_secret(of: str) -> str:
    """The variable for the client secret."""
    return f"{of}_CLIENT_SECRET"


def private_key_file(of: str) -> str:
    """The variable for the path of the private key."""
    return f"{of}_PRIVATE_KEY_FILE"


def authentication_key_file(of: str) -> str:
    """The variable for the path of the private key that only authenticates, where the application has one."""
    return f"{of}_AUTHENTICATION_KEY_FILE"


def authentication_key(of: str) -> str:
    """The variable for that key itself."""
    return f"{of}_AUTHENTICATION_KEY"


def private_key(of: str) -> str:
    """The variable for the private key itself."""
    return f"{of}_PRIVATE_KEY"

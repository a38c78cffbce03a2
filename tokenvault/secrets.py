"""Secrets are a type: from the moment one is read until the request that needs it, it cannot be shown by accident."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn


def is_sensitive(value: Any) -> bool:
    """Whether a secret is anywhere inside."""
    if isinstance(value, Secret):
        return True
    if isinstance(value, dict | Mapping):
        return any(map(is_sensitive, value.values()))
    return isinstance(value, list | tuple) and any(map(is_sensitive, value))


SENSITIVE = "(sensitive value)"
_SECRET_NAME = re.compile(r"(?i)secret|passw|private_?key|api_?key|token$|signing_?key$")


def sounds_secret(name: str) -> bool:
    """Whether an attribute of this name holds a secret, whatever kind of object it belongs to."""
    return bool(_SECRET_NAME.search(name))


class Secret:
    """A value that prints as `(sensitive value)` wherever it is formatted, and refuses to be serialised.

    `source` says where it came from (`${env:CRM_CLIENT_SECRET}`, `tenant`) and may be shown; `folder` is the one that
    files of such a reference count from.
    """

    __slots__ = ("_value", "folder", "source")

    def __init__(self, value: str, source: str, folder: str = "") -> None:
        self._value = value
        self.source = source
        self.folder = folder

    def reveal(self) -> str:
        """The value itself. Only the tenant gateway and writers of 0600 files call this."""
        return self._value

    def fingerprint(self, salt: str) -> str:
        """A salted, deliberately slow hash: equal secrets compare equal, and a plan that holds it cannot be reversed."""
        return _fingerprint(self._value, salt)

    def __repr__(self) -> str:
        return SENSITIVE

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return SENSITIVE

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash of a secret is a leak in waiting

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be serialised")


@lru_cache(maxsize=1024)
def _fingerprint(value: str, salt: str) -> str:
    """Once for each secret of a plan, not once for each time that it is compared."""
    return hashlib.scrypt(value.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=16).hex()


def sealed(value: Any) -> Any:
    """The value with every text in it as a secret."""
    if isinstance(value, str):
        return Secret(value, "sealed")
    if isinstance(value, dict | Mapping):
        return {key: sealed(item) for key, item in value.items()}
    return [sealed(item) for item in value] if isinstance(value, list | tuple) else value

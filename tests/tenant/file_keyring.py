"""A system keyring for tests: one JSON file, `{"<service>": {"<account>": "<value>"}}`; chosen by PYTHON_KEYRING_BACKEND."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class ReadOnlyKeyring(KeyringBackend):
    """What these have in common: nothing is ever stored in them."""

    priority = 1  # type: ignore[assignment]

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("tokenvault stores nothing in a keyring")


class FileKeyring(ReadOnlyKeyring):
    """The keyring in the file that TEST_KEYRING names."""

    def get_password(self, service: str, username: str) -> str | None:
        entries = json.loads(Path(os.environ["TEST_KEYRING"]).read_text())
        found: str | None = entries.get(service, {}).get(username)
        return found


class LockedKeyring(ReadOnlyKeyring):
    """A keyring whose owner dismisses the prompt."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("Failed to unlock the collection!")


class BrokenKeyring(ReadOnlyKeyring):
    """A keyring that fails in a way of its own, with text that nobody should see."""

    def get_password(self, service: str, username: str) -> str | None:
        raise OSError("canary: dbus said something private")

"""Takes secrets out of whatever the kit writes or prints, and the names by which the tenant could be known.

A secret is told by three things, each of them enough: its key sounds like one, it has the form of a token or private key,
or it is one of those that the kit was given or met in an answer.
"""

from __future__ import annotations

import re
from typing import Any

from tokenvault.secrets import looks_secret, sounds_secret

REDACTED = "[REDACTED]"
_TOKEN = re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]+){1,4}|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END[^\n]*|$)", re.S)
_WHOLE = frozenset({"signing_keys", "encryption_key", "tenant", "provisioning_ticket_url"})
_SHORTEST = 8


class Redactor:
    """What is secret in this run; `aliases` are names with what stands in their place."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self._secrets: set[str] = set()

    def learn(self, *secrets: str | None) -> None:
        """More that must not be shown. What is too short to be a secret would take words out of the text."""
        self._secrets |= {secret for secret in secrets if secret and len(secret) >= _SHORTEST}

    def learn_from(self, value: Any, key: str = "") -> None:
        """Takes in every secret of an answer."""
        if isinstance(value, dict):
            for name, item in value.items():
                self.learn_from(item, name)
        elif isinstance(value, list):
            for item in value:
                self.learn_from(item, key)
        elif isinstance(value, str) and (sounds_secret(key) or looks_secret(value)):
            self.learn(value)

    def text(self, text: str) -> str:
        """The text without secrets, and with other names."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, REDACTED)
        for name, alias in sorted(self.aliases.items(), key=lambda pair: len(pair[0]), reverse=True):
            text = text.replace(name, alias)
        return _TOKEN.sub(REDACTED, text)

    def value(self, value: Any, key: str = "") -> Any:
        """The same for JSON data. Whatever is not text under a key that sounds secret is a setting, and stays."""
        if key in _WHOLE:
            return REDACTED
        if isinstance(value, dict):
            return {self.text(name): self.value(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, key) for item in value]
        if isinstance(value, str):
            return REDACTED if sounds_secret(key) or looks_secret(value) else self.text(value)
        return value

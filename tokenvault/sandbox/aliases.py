"""The tenant's name is whatever name it is reached by.

A file is seeded for one canonical domain; served on 127.0.0.1:4711 the same tenant *is* 127.0.0.1:4711, so its own
identifiers (Management API, My Account API, issuer) are translated at the door, in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

OWN_PATHS = ("", "me/", "api/v2/", "userinfo", "oauth/token")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name in LOOPBACK or name.endswith(".localhost")


@dataclass(frozen=True, slots=True)
class Alias:
    """Translates between the name a request came in by and the canonical one."""

    name: str
    canonical: str

    def inward_value(self, value: str) -> str:
        """One whole value, as in a query or a path; some clients encode it twice."""
        if "%" in value:
            value = unquote(value)
        for path in OWN_PATHS:
            if value in (f"https://{self.name}/{path}", f"http://{self.name}/{path}"):
                return f"https://{self.canonical}/{path}"
        return value

    def inward_json(self, text: str) -> str:
        """Every whole string inside a JSON text."""
        return self._swap(text, self.name, self.canonical)

    def outward_json(self, text: str) -> str:
        """The way back."""
        return self._swap(text, self.canonical, self.name)

    def _swap(self, text: str, old: str, new: str) -> str:
        if old == new:
            return text
        for path in OWN_PATHS:
            text = text.replace(f'"https://{old}/{path}"', f'"https://{new}/{path}"')
        return text


def alias_for(host: str, canonical: str, opened_as: str) -> Alias:
    """The alias under which a request with this Host header sees the tenant."""
    return Alias(host if host and (is_loopback(host) or host == opened_as) else canonical, canonical)

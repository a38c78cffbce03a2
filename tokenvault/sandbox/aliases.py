"""Translates the tenant's own names between the domain that its file holds and the host name that a request came to.

A file is seeded for one canonical domain. Served on 127.0.0.1:4711, or with `serve --name acme.us.auth0.test`, the same
tenant is reached by other host names, and clients expect its identifiers (Management API, My Account API, issuer) under
the host name that they used. Requests are translated to the canonical domain, and answers back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

OWN_PATHS = ("", "me/", "api/v2/", "userinfo", "oauth/token")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HOST = re.compile(r"(\[::1\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


def host_name(host: str) -> str:
    """A Host header without its port, in lower case."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name.lower()


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine."""
    name = host_name(host)
    return name in LOOPBACK or name.endswith(".localhost")


@dataclass(frozen=True, slots=True)
class Alias:
    """Translates between the name a request came in by and the canonical one."""

    name: str
    canonical: str
    secure: bool = True
    others: tuple[str, ...] = ()  # the names beside this one that are the tenant's, too

    @property
    def issuer(self) -> str:
        """The issuer of tokens for this caller; https whatever the request came over, as Auth0's clients expect."""
        return f"https://{self.name}/"

    def url(self, path: str) -> str:
        """An address that the caller can open."""
        return f"{'https' if self.secure else 'http'}://{self.name}/{path}"

    def inward_value(self, value: str) -> str:
        """One whole value, as in a query or a path; some clients encode it twice."""
        return self._own(value) or (self._own(unquote(value)) if "%" in value else None) or value

    def _own(self, value: str) -> str | None:
        for name in (self.name, *self.others):
            for path in OWN_PATHS:
                if value in (f"https://{name}/{path}", f"http://{name}/{path}"):
                    return f"https://{self.canonical}/{path}"
        return None

    def outward_value(self, value: str) -> str:
        """Translates one whole value of an answer to the caller's name."""
        return Alias(self.canonical, self.name).inward_value(value)

    def inward_json(self, text: str) -> str:
        """Every whole string inside a JSON text."""
        for name in (self.name, *self.others):
            text = self._swap(text, name, self.canonical)
        return text

    def outward_json(self, text: str) -> str:
        """Translates every whole string inside a JSON text of an answer to the caller's name."""
        return self._swap(text, self.canonical, self.name)

    def outward_text(self, text: str) -> str:
        """Translates prose of an answer, which names identifiers in the middle of a sentence."""
        return text.replace(f"https://{self.canonical}/", self.issuer)

    def _swap(self, text: str, old: str, new: str) -> str:
        if old == new:
            return text
        for path in OWN_PATHS:
            text = text.replace(f'"https://{old}/{path}"', f'"https://{new}/{path}"')
        return text


@dataclass(frozen=True, slots=True)
class Names:
    """Every name of the tenant: the canonical one, the one it was opened as, those it is served under, this machine."""

    canonical: str
    opened_as: str
    served: tuple[str, ...] = ()  # with the port that it was served on, where that is not 443

    def known(self, host: str) -> bool:
        """Whether a Host header names this tenant."""
        served = {host_name(name) for name in self.served}
        if host == self.opened_as:
            return True
        return bool(HOST.fullmatch(host)) and (is_loopback(host) or host_name(host) in served)

    def alias(self, host: str, *, tls: bool = True) -> Alias:
        """The alias for a request with this Host header; a name that is not this machine's is behind TLS somewhere."""
        host = host.lower()
        others = tuple(name for name in (self.opened_as, *self.served) if name != host)
        if not self.known(host):
            return Alias(self.canonical, self.canonical, others=others)
        return Alias(host, self.canonical, tls or not is_loopback(host), others)

    def alias_of(self, identifier: str) -> Alias | None:
        """The alias under whose name this identifier of the tenant is written; None when it is not the tenant's."""
        scheme, _, rest = identifier.partition("://")
        host, _, path = rest.partition("/")
        if scheme not in ("http", "https") or path not in OWN_PATHS or not (self.known(host) or host == self.canonical):
            return None
        return self.alias(host)

    def preferred(self) -> Alias:
        """The alias for tokens that nobody asked for by a name: the name it is served under, else the one it has."""
        return self.alias(self.served[0] if self.served else self.opened_as)

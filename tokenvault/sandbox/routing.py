"""The types of requests, replies and routes.

An endpoint of the Management API is a plain function `Call → Reply`. Its `Route` declares what the dispatcher needs to
know: scopes, query parameters, body rule. An endpoint beside the Management API (logging in, tokens, connected accounts)
is a function `Visit → Reply`. Both run inside one transaction and know nothing of HTTP.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from .aliases import Alias
from .check import Rule
from .errors import ApiError, OAuthError, insufficient_scope
from .store import Transaction

Query = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request as it came over the wire, in the canonical domain's terms."""

    method: str
    path: str  # still percent-encoded: identifiers hold slashes
    query: str
    headers: Mapping[str, str]
    body: str
    client_host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authorised request, as an endpoint sees it."""

    tx: Transaction
    params: Mapping[str, str]
    query: Query
    body: Any
    scopes: frozenset[str]
    domain: str
    now: float

    def may(self, *any_of: str) -> bool:
        """Whether the token has one of these scopes."""
        return not self.scopes.isdisjoint(any_of)

    def require(self, *any_of: str) -> None:
        """Refuse unless the token has one of these scopes."""
        if not self.may(*any_of):
            raise insufficient_scope(any_of)

    def one(self, name: str) -> str | None:
        """The value of a query parameter that is given once, or None."""
        values = self.query.get(name, ())
        return values[-1] if values else None

    def flag(self, name: str) -> bool | None:
        """A boolean query parameter, or None."""
        value = self.one(name)
        return None if value is None else value.lower() in ("true", "1")


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answers; a body of None is an empty one."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Endpoint = Callable[[Call], Reply]

# go-auth0 adds these to lists that do not page, and Auth0 lets it.
PAGING = frozenset({"page", "per_page", "include_totals", "take", "from"})
FIELDS = frozenset({"fields", "include_fields"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the Management API."""

    method: str
    path: str
    scopes: tuple[str, ...]
    endpoint: Endpoint
    body: Rule | None = None
    query: frozenset[str] = frozenset()

    def match(self, path: str) -> Mapping[str, str] | None:
        """The path's parameters, still percent-encoded, when this route serves it."""
        found = _pattern(self.path).fullmatch(path)
        return found.groupdict() if found else None


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


def find_route(routes: tuple[Route, ...], method: str, path: str) -> tuple[Route, Mapping[str, str]]:
    """The route and its raw parameters; 404 or 405 as Auth0's gateway answers."""
    served = [(route, params) for route in routes if (params := route.match(path)) is not None]
    for route, params in served:
        if route.method == method:
            return route, params
    raise ApiError(405, "Method Not Allowed") if served else ApiError(404, "Not Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request, in canonical terms, inside a transaction."""

    tx: Transaction
    message: Message
    alias: Alias
    domain: str
    now: float

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, the last of each name."""
        return {name: self.alias.inward_value(value) for name, value in self._pairs(self.message.query)}

    @property
    def form_pairs(self) -> list[tuple[str, str]]:
        """The body's parameters, form-encoded or JSON, in the order in which they came."""
        if "json" in self.message.headers.get("content-type", ""):
            texts = ((name, value) for name, value in self.json_object().items() if isinstance(value, str))
        else:
            texts = ((name, value) for name, value in self._pairs(self.message.body))
        return [(name, self.alias.inward_value(value)) for name, value in texts]

    @property
    def form(self) -> dict[str, str]:
        """The body's parameters, the last of each name."""
        return dict(self.form_pairs)

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object, or 400."""
        try:
            parsed = json.loads(self.message.body)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise OAuthError(400, "invalid_request", "The body is not a JSON object")
        return parsed

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies by name."""
        try:
            jar = SimpleCookie(self.message.headers.get("cookie", ""))
        except CookieError:
            return {}
        return {name: morsel.value for name, morsel in jar.items()}

    @property
    def authorization(self) -> str | None:
        """The Authorization header."""
        return self.message.headers.get("authorization")

    @staticmethod
    def _pairs(text: str) -> list[tuple[str, str]]:
        try:
            return parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise OAuthError(400, "invalid_request", "There are too many parameters") from None

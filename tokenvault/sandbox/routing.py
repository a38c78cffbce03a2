"""What a request is to the endpoints, what they answer, and which endpoint answers which path.

An endpoint is a plain function `Call → Reply` with the facts that the dispatcher needs declared beside it: scopes,
query parameters, body rule. It runs inside one transaction and knows nothing of HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .check import Rule
from .errors import ApiError, insufficient_scope
from .store import Transaction

Query = Mapping[str, tuple[str, ...]]


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

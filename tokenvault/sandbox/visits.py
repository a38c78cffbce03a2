"""A request at the doors beside the Management API: what browsers and applications send while users log in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from .aliases import Alias
from .errors import OAuthError
from .management import Message
from .store import Transaction


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

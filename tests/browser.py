"""A browser for the sandbox's pages: follows redirects within the tenant, and submits the forms that it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

Send = Callable[..., httpx.Response]


@dataclass
class Form:
    """A form: its action, what it posts whatever one does, and the buttons by what they say."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text = ""
        self._button: tuple[str, str] | None = None
        self._label = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given["action"]))
        elif tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.forms[-1].fields.append((given["name"], given.get("value", "")))
        elif tag == "button":
            self._button, self._label = (given["name"], given["value"]), ""

    def handle_data(self, data: str) -> None:
        self.text += data
        self._label += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button:
            self.forms[-1].buttons[self._label] = self._button
            self._button = None


class Browser:
    """Holds cookies; `send` performs one request without following redirects."""

    def __init__(self, send: Send, tenant: str) -> None:
        self._send, self.tenant, self.cookies = send, tenant, dict[str, str]()
        self.page = _Forms()
        self.response = httpx.Response(200)

    def open(self, address: str) -> str:
        """Follow redirects; the address outside the tenant that they lead to, or "" when a page is shown."""
        return self._follow("GET", address, {})

    def click(self, label: str, change: Mapping[str, str] | None = None, drop: tuple[str, str] | None = None) -> str:
        """Press the first button that says this, after typing into some fields and unticking one."""
        form = next(form for form in self.page.forms if any(label in text for text in form.buttons))
        pressed = next(value for text, value in form.buttons.items() if label in text)
        typed = [(name, (change or {}).get(name, value)) for name, value in form.fields if (name, value) != drop]
        return self._follow("POST", urljoin(self.tenant, form.action), {"data": _multi([*typed, pressed])})

    def _follow(self, method: str, address: str, options: Mapping[str, Any]) -> str:
        for _ in range(10):
            headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            self.response = self._send(method, address, headers=headers, **options)
            for name, value in self.response.cookies.items():
                self.cookies[name] = value
            if self.response.status_code != 302:
                self.page = _Forms()
                self.page.feed(self.response.text)
                return ""
            address, method, options = urljoin(address, self.response.headers["location"]), "GET", {}
            if urlsplit(address).hostname != urlsplit(self.tenant).hostname:
                return address
        raise AssertionError("too many redirects")


def _multi(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def parameters(address: str) -> dict[str, str]:
    """What an address's query says."""
    return dict(parse_qsl(urlsplit(address).query))

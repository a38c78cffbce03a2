"""The pages that people see in a browser: plain HTML without scripts, every value escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from .routing import Reply

STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; display: grid; place-items: center; min-height: 100vh }
main { width: min(26rem, 90vw); padding: 2rem; border: 1px solid #8884; border-radius: 12px }
h1 { font-size: 1.25rem; margin: 0 0 .5rem } p { margin: .5rem 0 }
button { font: inherit; padding: .6rem .9rem; border: 1px solid #8886; border-radius: 8px; cursor: pointer }
button.user { display: block; width: 100%; margin: .4rem 0; text-align: left }
input[type=text] { font: inherit; padding: .5rem; width: 100%; box-sizing: border-box }
small, .quiet { color: #777 } label { display: block; margin: .3rem 0 } code { overflow-wrap: anywhere }
"""
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


URL_CHARACTERS = ":/%#?=@[]!$&'()*+,;"  # everything else in a Location is percent-encoded


class Html(str):
    """The body of a reply that is a page."""

    __slots__ = ()


class PageError(Exception):
    """A refusal that the person in front of the browser reads, as there is no application to send them back to."""

    def __init__(self, status: int, title: str, description: str) -> None:
        super().__init__(description)
        self.status, self.title, self.description = status, title, description

    def reply(self) -> Reply:
        """The page that says it."""
        return page(self.title, f"<p>{escape(self.description)}</p>", status=self.status)


def page(title: str, body: str, *, status: int = 200) -> Reply:
    """A whole page; the title is escaped here, the body holds markup whose values are escaped already."""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>{body}"
        "<p><small>A simulated tenant: nothing here is real, and no password is asked for.</small></p>"
        "</main></body></html>"
    )
    return Reply(status, Html(text), HEADERS)


def form(action: str, fields: Iterable[tuple[str, str]], content: str) -> str:
    """A form that posts hidden fields besides its content."""
    hidden = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields)
    return f'<form method="post" action="{escape(action)}">{hidden}{content}</form>'


def button(name: str, value: str, label: str, *, kind: str = "") -> str:
    """A button that submits its own value."""
    look = f' class="{escape(kind)}"' if kind else ""
    return f'<button type="submit" name="{escape(name)}" value="{escape(value)}"{look}>{escape(label)}</button>'


def redirect(location: str, cookies: Iterable[str] = ()) -> Reply:
    """Send the browser elsewhere."""
    headers = {"Location": quote(location, safe=URL_CHARACTERS), "Cache-Control": "no-store"}
    for cookie in cookies:
        headers["Set-Cookie"] = cookie
    return Reply(302, None, headers)

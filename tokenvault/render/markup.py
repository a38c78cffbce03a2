"""HTML and SVG that cannot be broken out of: text becomes markup only through `tag`, which escapes it.

The escaping is the standard library's. A template language would do no more of it, and would not pass text through `safe`,
which shows what HTML has no need to escape: control characters, and those that turn the direction of a line.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from tokenvault.text import safe

VOID = frozenset({"meta", "input", "br"})
_QUOTED = re.compile(r"`([^`]+)`")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")


class Markup(str):
    """Text that is markup already: the only strings that `tag` passes through as they are."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: Any) -> Markup:
    """One element. Attribute names: `class_` is class, `aria_label` is aria-label; None and False are left out."""
    head = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    return Markup(f"<{name}{head}>" if name in VOID else f"<{name}{head}>{joined(*children)}</{name}>")


def joined(*children: object) -> Markup:
    """Children one after the other, text escaped. None is nothing."""
    return Markup("".join(_child(child) for child in children if child is not None))


def sentences(text: object) -> Markup:
    """Prose, escaped, in which what stands between backticks is code: a command to copy, a word of the spec."""
    parts = _QUOTED.split(safe(text))
    return joined(*(tag("code", part) if n % 2 else part for n, part in enumerate(parts)))


def _child(child: object) -> str:
    return child if isinstance(child, Markup) else escape(safe(child))


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if not _NAME.fullmatch(name):
        raise ValueError(f"no attribute name: {name!r}")
    return f" {name}" if value is True else f' {name}="{escape(safe(value, 4000))}"'


POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, *body: object, style: str = "", script: str = "") -> str:
    """A whole document. `style` is more CSS, `script` a file of this package: the only script that the page runs."""
    code = _file(script) if script else ""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(code)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Markup(_file("page.css") + style)),
    )
    last = [tag("script", Markup(code))] if code else []
    return f"<!doctype html>\n{tag('html', head, tag('body', *body, *last), lang='en')}\n"


def _policy(code: str) -> str:
    """Nothing is loaded, and no script runs but the one with this digest."""
    if not code:
        return POLICY
    digest = b64encode(sha256(code.encode()).digest()).decode()
    return f"{POLICY}; script-src 'sha256-{digest}'"


@cache
def _file(name: str) -> str:
    return files("tokenvault.render").joinpath(name).read_text(encoding="utf-8")


def search_field(label: str) -> Markup:
    """A field that a script of the page shows and fills with life: it filters what carries `data_find`."""
    field = tag("input", type="search", data_search=True, placeholder=label, aria_label=label)
    return tag(
        "p", field, " ", tag("span", data_found=True, class_="soft small", role="status"), class_="search", hidden=True
    )


def sheet(name: str) -> str:
    """A style sheet of this package, for a page's `style`."""
    return _file(name)

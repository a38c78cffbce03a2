"""HTML and SVG that cannot be broken out of: text becomes markup only through `tag`, which escapes it."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from tokenvault.text import safe

VOID = frozenset({"meta", "input", "br"})
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


def _child(child: object) -> str:
    return child if isinstance(child, Markup) else escape(safe(child))


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if not _NAME.fullmatch(name):
        raise ValueError(f"no attribute name: {name!r}")
    return f" {name}" if value is True else f' {name}="{escape(safe(value, 4000))}"'


POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, *body: object, style: str = "") -> str:
    """A whole document. `style` is more CSS, ours."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Markup(_css() + style)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', *body), lang='en')}\n"


@cache
def _css() -> str:
    return files("tokenvault.render").joinpath("page.css").read_text(encoding="utf-8")

"""The page around an HTML result: one file that loads nothing, runs nothing, and says so in its policy."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from tokenvault.render.markup import Markup, tag

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

"""Usage in the terminal: one language, everything else as its comments, so that what is printed is a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokenvault.render.doctor_text import wrapped
from tokenvault.render.safe import safe
from tokenvault.render.style import PLAIN, Painter

Document = dict[str, Any]
COMMENT = {"curl": "#", "python": "#", "node": "//"}
WIDTH = 80


def usage_text(document: Document, language: str, paint: Painter = PLAIN) -> str:
    """The programs of one language. `paint` colours comments only."""
    sign = COMMENT[language]
    lines: list[str] = []
    for exchange in document["exchanges"]:
        lines += [
            *(paint(line, "dim") for line in _head(exchange, language, sign)),
            exchange["programs"][language].rstrip("\n"),
            "",
        ]
    for one in document["connecting"]:
        lines += [*(paint(line, "dim") for line in _connecting(one, sign)), ""]
    return "\n".join(lines).rstrip("\n") + "\n" if lines else f"{sign} No application of the spec exchanges tokens.\n"


def _head(exchange: Document, language: str, sign: str) -> Iterator[str]:
    yield f"{sign} {safe(exchange['application'])}: {exchange['flavor']}, {safe(exchange['connection'])}"
    yield from _told(sign, exchange["summary"])
    others = [safe(name) for name in exchange["connections"] if name != exchange["connection"]]
    if others:
        yield from _told(sign, f"Also with connection={' or '.join(others)}.")
    yield from _told(sign, f"Needs {exchange['needs'][language]}. {exchange['documentation']}")
    yield sign
    for name, means in exchange["variables"].items():
        yield from _told(sign, f"{name}=...  {means}", hanging="  ")
    yield sign


def _connecting(one: Document, sign: str) -> Iterator[str]:
    yield f"{sign} How users of {safe(one['application'])} connect an account (once per connection)"
    yield from _told(sign, one["documentation"])
    for number, step in enumerate(one["steps"], 1):
        first, *rest = step.split("\n")
        yield from _told(sign, f"{number}. {first}", hanging="   ")
        yield from (f"{sign}    {safe(line)}" for line in rest)


def _told(sign: str, text: str, hanging: str = "") -> list[str]:
    lines = wrapped("", text, WIDTH - len(sign) - 1 - len(hanging))
    return [f"{sign} {hanging if number else ''}{line}" for number, line in enumerate(lines)]

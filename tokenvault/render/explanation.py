"""Draws the JSON form of `explain`: what is required of each object, by whom and why; or what an error code means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokenvault.plan.document import Document
from tokenvault.render.phrases import place
from tokenvault.render.terminal import PLAIN, Painter, wrapped
from tokenvault.text import safe


def explanation_text(explanation: Document, paint: Painter = PLAIN, *, width: int = 100) -> str:
    """Every object of the explanation, its expansion, and the pages that document it, numbered."""
    docs = _Docs()
    lines: list[str] = []
    for explained in explanation["objects"]:
        lines += [*_object(explained, docs, paint, width), ""]
    lines += [paint("Documentation:", "bold")] if docs.pages else []
    lines += [f"  [{number}] {safe(page)}" for number, page in enumerate(docs.pages, 1)]
    return "\n".join(lines).rstrip("\n") + "\n"


class _Docs:
    """Pages in the order in which they are first referred to."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def mark(self, page: str) -> str:
        """How the text refers to the page."""
        if not page:
            return ""
        if page not in self.pages:
            self.pages.append(page)
        return f" [{self.pages.index(page) + 1}]"


def _object(explained: Document, docs: _Docs, paint: Painter, width: int) -> Iterator[str]:
    yield from _head(explained, paint, width)
    for flavor in explained["flavors"]:
        text = f"{safe(flavor['name'])}: {safe(flavor['summary'])}{docs.mark(flavor['doc'])}"
        yield from wrapped(text, width, "  ", "    ")
    yield ""
    yield from _requirements(explained, docs, paint, width)
    for other in explained["expansion"]:
        yield ""
        yield from (f"  {line}" for line in _head(other, paint, width - 2))
        yield from _requirements(other, docs, paint, width)


def _head(item: Document, paint: Painter, width: int) -> Iterator[str]:
    name = f' "{safe(item["name"])}"' if item["name"] and item["name"] not in item["address"] else ""
    at = f"  {place(item['at'])}" if item["at"] else ""
    yield f"{paint(safe(item['address']), 'bold')}{name}{paint(at, 'dim')}"
    for note in item["notes"]:
        yield from wrapped(f"({safe(note)})", width, "  ")


def _requirements(item: Document, docs: _Docs, paint: Painter, width: int) -> Iterator[str]:
    for ask in item["asks"]:
        yield from wrapped(f"{paint(safe(ask['path']), 'bold')} {safe(ask['want'], 2000)}", width, "    ", "      ")
        at = f", {place(ask['at'])}" if ask["at"] else ""
        reason = f"{safe(ask['source'])}{at}: {safe(ask['reason'])}{docs.mark(ask['doc'])}"
        for line in wrapped(reason, width, "        ", "          "):
            yield paint(line, "dim")


# ---- the page of a code


def code_text(page: dict[str, Any], paint: Painter = PLAIN, *, width: int = 100) -> str:
    """What the code means, its causes, the cure, and where more stands."""
    lines = [paint(page["code"], "bold"), "", *wrapped(page["means"], width)]
    lines += ["", paint("Causes, the likeliest first:" if len(page["causes"]) > 1 else "Cause:", "bold")]
    for number, cause in enumerate(page["causes"], 1):
        mark = f"  {number}. " if len(page["causes"]) > 1 else "  "
        lines += wrapped(cause, width, mark, " " * len(mark))
    lines += ["", paint("What to do:", "bold"), *wrapped(page["cure"], width, "  ")]
    if page["scopes"]:
        lines += ["", *page["scopes"].split("\n")]
    return "\n".join([*lines, "", *wrapped(page["more"], width)]) + "\n"

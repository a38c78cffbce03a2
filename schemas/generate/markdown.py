"""Markdown tables whose cells may hold anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; line breaks and bars in cells do not break it."""
    lines = [list(head), ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join("|" + "|".join(f" {_cell(cell)} " if cell else " " for cell in line) + "|" for line in lines)


def code(text: object) -> str:
    """Text as code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;") if "`" not in text else _with_code(text)


def _with_code(text: str) -> str:
    parts = " ".join(text.split()).split("`")
    plain = [part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts)]
    return "`".join(plain).replace("|", "\\|")

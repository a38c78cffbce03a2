"""What changes on an object, as rows. Markdown and HTML draw these, so both say what the JSON says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tokenvault.document import Document
from tokenvault.render.safe import safe
from tokenvault.render.words import clipped, value_text

SENSITIVE = "(sensitive value)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One difference: where below its attribute (`label`), what was there and what will be; None where nothing is."""

    op: str
    label: str
    before: str | None
    after: str | None
    why: tuple[Document, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One attribute and its rows. A list has a row per member that comes or goes; `kept` members stay unseen."""

    path: str
    rows: tuple[Row, ...]
    is_list: bool
    kept: int


def groups(change: Document) -> list[Group]:
    """The attributes of a change, in its order."""
    grouped = groupby(change["attributes"], key=lambda attribute: attribute["path"][0])
    return [_group(change, path, list(attributes)) for path, attributes in grouped]


def _group(change: Document, path: str, attributes: Sequence[Document]) -> Group:
    return Group(
        path=safe(path),
        rows=tuple(_row(attribute) for attribute in attributes),
        is_list=any(attribute["element"] or len(attribute["path"]) > 1 for attribute in attributes),
        kept=change["kept"].get(path, 0),
    )


def _row(attribute: Document) -> Row:
    return Row(
        op=attribute["op"],
        label=" › ".join(safe(part) for part in attribute["path"][1:] if part),
        before=None if attribute["op"] == "add" else _shown(attribute, "before"),
        after=None if attribute["op"] == "remove" else _shown(attribute, "after"),
        why=tuple(attribute["why"]),
    )


def _shown(attribute: Document, side: str) -> str:
    if attribute["sensitive"]:
        return SENSITIVE
    if attribute["unknown"] and side == "after":
        return f"(known after apply: {safe(attribute['unknown'])})"
    is_bare_entry = len(attribute["path"]) > 1 and attribute[side] in (None, {})
    return "" if is_bare_entry else clipped(value_text(attribute[side]))

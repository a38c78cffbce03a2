"""Draws the change of one object for the terminal, with Terraform's signs, and beside each line the flavor or spec that asked."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tokenvault.plan.document import Document
from tokenvault.render.phrases import clipped, counted, left_alone, place, value_text
from tokenvault.render.terminal import PLAIN, Painter, visible_length, wrapped
from tokenvault.secrets import SENSITIVE
from tokenvault.text import safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One difference: where below its attribute (`label`), what was there and what will be; None where nothing is."""

    op: str
    label: str
    before: str | None
    after: str | None
    provenance: tuple[Document, ...]


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
        provenance=tuple(attribute["why"]),
    )


def _shown(attribute: Document, side: str) -> str:
    if attribute["sensitive"]:
        return SENSITIVE
    if attribute["unknown"] and side == "after":
        return f"(known after apply: {safe(attribute['unknown'])})"
    is_bare_entry = len(attribute["path"]) > 1 and attribute[side] in (None, {})
    return "" if is_bare_entry else clipped(value_text(attribute[side]))


SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}
OPS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
INDENT = 6
NAME_COLUMNS = 34
"""Longer names than this do not push the values of the others to the right."""
COMMENT_AT = (46, 60)
"""Comments begin between these columns."""
LONGEST_ID = 44


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """What a change is drawn on: how wide, in which colours, with all reasons (`full`) or not, comments from which column."""

    paint: Painter = PLAIN
    width: int = 100
    full: bool = False
    column: int = COMMENT_AT[1]


def canvas_for(changes: Sequence[Document], paint: Painter, width: int, *, full: bool) -> Canvas:
    """A canvas on which the comments of all these changes have room, where that is possible."""
    comments = [
        _asked_by(change, row.provenance) for change in changes for group in groups(change) for row in group.rows
    ]
    longest = max(map(len, comments), default=0)
    column = max(COMMENT_AT[0], min(COMMENT_AT[1], width - longest))
    return Canvas(paint=paint, width=width, full=full, column=column)


def block(change: Document, headline: str, canvas: Canvas) -> Iterator[str]:
    """The change of one object: a headline for people, then its attributes in braces."""
    paint = canvas.paint
    sign, colour = SIGNS[change["action"]]
    source = place(change["source"]) if change["source"] else ""
    title = headline if len(headline) + len(source) + 6 <= canvas.width else shortened(headline)
    lines = [paint(line, "bold") for line in wrapped(title, canvas.width, "  # ")]
    yield from _beside(lines, source, canvas)
    for remark in _remarks(change):
        yield from wrapped(remark, canvas.width, "  # ")
    label = shortened(safe(change["address"].split(".", 1)[-1]))
    inside = [*_attributes(change, canvas)]
    inside += [paint(f"{' ' * INDENT}  # ({remark})", "dim") for remark in left_alone(change)]
    yield f'  {paint(sign, colour)} {change["kind"]} "{label}"{" {" if inside else ""}'
    yield from [*inside, "    }"] if inside else []


def _remarks(change: Document) -> Iterator[str]:
    if change["adopts"]:
        yield f'adopts the existing {safe(change["kind"])} "{safe(change["name"])}" [id={safe(change["id"])}]'
    if change["reason"]:
        yield safe(change["reason"])


def _attributes(change: Document, canvas: Canvas) -> Iterator[str]:
    found = groups(change)
    most = min(NAME_COLUMNS, canvas.width // 3)
    pad = max((len(group.path) for group in found if len(group.path) <= most), default=0)
    for group in found:
        yield from _list(change, group, pad, canvas) if group.is_list else _values(change, group, pad, canvas)


def _values(change: Document, group: Group, pad: int, canvas: Canvas) -> Iterator[str]:
    for row in group.rows:
        yield from _drawn_row(change, row, f"{group.path.ljust(pad)} = ", INDENT, canvas)


def _list(change: Document, group: Group, pad: int, canvas: Canvas) -> Iterator[str]:
    ops = {row.op for row in group.rows}
    op = "change" if group.kept or len(ops) > 1 or change["action"] == "update" else next(iter(ops))
    sign, colour = OPS[op]
    yield f"{' ' * INDENT}{canvas.paint(sign, colour)} {group.path.ljust(pad)} = {{"
    for row in group.rows:
        name = f"{shortened(row.label)}{' = ' if row.label and (row.before or row.after) else ''}"
        yield from _drawn_row(change, row, name, INDENT + 4, canvas)
    if group.kept:
        yield canvas.paint(f"{' ' * (INDENT + 6)}# ({counted(group.kept, 'unchanged element')} hidden)", "dim")
    yield f"{' ' * (INDENT + 2)}}}"


def _drawn_row(change: Document, row: Row, name: str, indent: int, canvas: Canvas) -> Iterator[str]:
    sign, colour = OPS[row.op]
    start = f"{' ' * indent}{canvas.paint(sign, colour)} {name}"
    lines = _with_value(start, row, indent, canvas)
    if canvas.full:
        yield from lines
        for provenance in row.provenance:
            yield from _reason(change, provenance, indent + 2, canvas)
    else:
        yield from _beside(lines, _asked_by(change, row.provenance), canvas)


def _with_value(start: str, row: Row, indent: int, canvas: Canvas) -> list[str]:
    """The name with its value, in several lines where one is wider than the canvas and several are not."""
    arrow, room = canvas.paint("->", "yellow"), canvas.width - visible_length(start)
    before, after = (shortened(text or "") for text in (row.before, row.after))
    if row.op == "change" and before == after == SENSITIVE:
        return [f"{start}(sensitive value, changed)"]
    if row.op == "change":
        if len(before) + len(after) + 4 <= room:
            return [f"{start}{before} {arrow} {after}"]
        return [f"{start}{before}", f"{' ' * (visible_length(start) - 3)}{arrow} {after}"]
    value = before if row.op == "remove" else after
    gone = f" {canvas.paint('-> null', 'dim')}" if row.op == "remove" and indent == INDENT else ""
    if len(value) <= room or not value:
        return [f"{start}{value}{gone}"]
    if value[0] in "{[":
        return _opened(start, value, indent, canvas)
    below = " " * (indent + 4)
    return [start.rstrip(), f"{below}{value}{gone}"] if start.endswith("= ") else [f"{start}{value}{gone}"]


def _opened(start: str, value: str, indent: int, canvas: Canvas) -> list[str]:
    """A value with parts, these on lines of their own."""
    inner = " " * (indent + 4)
    parts = textwrap.wrap(value[1:-1], canvas.width - len(inner), break_long_words=False, break_on_hyphens=False)
    return [f"{start}{value[0]}", *(f"{inner}{part}" for part in parts), f"{' ' * (indent + 2)}{value[-1]}"]


def _reason(change: Document, provenance: Document, indent: int, canvas: Canvas) -> Iterator[str]:
    """One source in full: who, where, why, and where Auth0 documents it."""
    doc = f" {provenance['doc']}" if provenance["doc"] else ""
    text = f"{_source_text(change, provenance)}: {safe(provenance['reason'])}{safe(doc)}"
    for line in wrapped(text, canvas.width, f"{' ' * indent}# "):
        yield canvas.paint(line, "dim")


def _beside(lines: Sequence[str], comment: str, canvas: Canvas) -> list[str]:
    """The lines with their comment: beside the first or the last of them, or below where it has room beside neither."""
    if not comment:
        return list(lines)
    for n in dict.fromkeys((0, len(lines) - 1)):
        room = visible_length(lines[n])
        at = min(max(canvas.column, room + 2), canvas.width - len(comment))
        if at >= room + 2:
            return [*lines[:n], f"{lines[n]}{' ' * (at - room)}{canvas.paint(comment, 'dim')}", *lines[n + 1 :]]
    at = max(8, min(canvas.column, canvas.width - len(comment)))
    return [*lines, f"{' ' * at}{canvas.paint(comment, 'dim')}"]


def _asked_by(change: Document, provenances: Iterable[Document]) -> str:
    sources = list(dict.fromkeys(_source_text(change, provenance) for provenance in provenances))
    return f"# {sources[0]}" + (f" (+{len(sources) - 1})" if len(sources) > 1 else "") if sources else ""


def _source_text(change: Document, provenance: Document) -> str:
    """A flavor and its line; the file only where it is another than the object's."""
    at, here = provenance["at"], change["source"]
    if not at:
        return safe(provenance["source"])
    where = f"line {at['line']}" if here and here["file"] == at["file"] else place(at)
    return f"{safe(provenance['source'])}, {where}"


def shortened(text: str) -> str:
    """Addresses that end in a key's thumbprint are told apart by its beginning."""
    words = text.split(" ")
    return " ".join(_short(word) for word in words)


def _short(word: str) -> str:
    head, dot, tail = word.rpartition(".")
    closing = tail[len(tail.rstrip(')"')) :]
    bare = tail.rstrip(')"')
    is_thumbprint = len(bare) == 43 and bare.replace("-", "").replace("_", "").isalnum()
    return f"{head}{dot}{bare[:8]}…{closing}" if is_thumbprint and len(word) > LONGEST_ID else word

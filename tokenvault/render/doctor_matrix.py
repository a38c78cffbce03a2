"""The matrix of a diagnosis in the terminal: every case where they are few, applications that stand alike as one row else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from tokenvault.render.phrases import counted
from tokenvault.render.terminal import Painter
from tokenvault.text import safe

Document = dict[str, Any]
Columns = Mapping[str | None, str]
COLOURS = {"ready": "green", "not ready": "red", "unknown": "yellow"}
WORST_FIRST = ("not ready", "unknown", "ready")
COLUMN, LABEL = 24, 26
LONGEST, LONGEST_FOLDED = 24, 14
NONE = "(none)"


def matrix(cases: Sequence[Document], paint: Painter, width: int) -> list[str]:
    """One column per connection, as many side by side as fit; one row per application and flavor, or fewer."""
    names = list(dict.fromkeys(case["connection"] for case in cases))
    columns = {name: _short(NONE if name is None else safe(name), COLUMN) for name in names}
    blocks = list(_fitting(names, columns, width))
    whole = [line for some in blocks for line in _whole(cases, some, columns, paint)]
    if len(whole) <= LONGEST or is_few(cases):
        return whole
    most = max(3, LONGEST_FOLDED // len(blocks))
    return [line for some in blocks for line in _folded(cases, some, columns, paint, most)]


def is_few(cases: Sequence[Document]) -> bool:
    """Whether there is no more than one application."""
    return len({application_of(case) for case in cases}) < 2


def application_of(case: Document) -> tuple[str, str | None]:
    """What tells applications apart."""
    return case["application"], case["client_id"]


def _head(names: Sequence[str | None], columns: Columns) -> str:
    return (" " * (LABEL + 2) + "".join(columns[name].ljust(_width(columns[name])) for name in names)).rstrip()


# ---- every case


def _whole(cases: Sequence[Document], names: Sequence[str | None], columns: Columns, paint: Painter) -> Iterator[str]:
    yield ""
    yield _head(names, columns)
    for (label, client_id), group in groupby(cases, key=application_of):
        rows = list(_rows(list(group), names, columns, paint))
        if rows:
            yield f"{paint(safe(label), 'bold')}{paint(f'  [{safe(client_id)}]', 'dim') if client_id else ''}"
            yield from rows


def _rows(group: Sequence[Document], names: Sequence[str | None], columns: Columns, paint: Painter) -> Iterator[str]:
    for flavor in dict.fromkeys(case["flavor"] for case in group):
        states = {case["connection"]: case["state"] for case in group if case["flavor"] == flavor}
        if set(states) & set(names):
            yield _row(f"  {safe(flavor).ljust(LABEL)}", states, names, columns, paint)


def _row(
    label: str, states: Mapping[str | None, str | None], names: Sequence[str | None], columns: Columns, paint: Painter
) -> str:
    cells = "".join(_cell(states.get(name), _width(columns[name]), paint) for name in names)
    return f"{label}{cells}".rstrip()


def _cell(state: str | None, width: int, paint: Painter) -> str:
    text = state or "-"
    return paint(text, COLOURS.get(text, "dim")) + " " * (width - len(text))


# ---- applications that stand alike


def _folded(
    cases: Sequence[Document], names: Sequence[str | None], columns: Columns, paint: Painter, most: int
) -> Iterator[str]:
    """Of each connection the worst that any flavor is; what is not ready first."""
    alike: dict[tuple[str | None, ...], list[str]] = {}
    for application, states in worst_states(cases).items():
        alike.setdefault(tuple(states.get(name) for name in names), []).append(application[0])
    rows = sorted(
        ((states, labels) for states, labels in alike.items() if any(states)),
        key=lambda row: (-row[0].count("not ready"), -row[0].count("unknown"), -len(row[1])),
    )
    yield ""
    yield _head(names, columns)
    for row, labels in rows[:most]:
        yield _row(_alike(labels).ljust(LABEL + 2), dict(zip(names, row, strict=True)), names, columns, paint)
    if len(rows) > most:
        left = sum(len(labels) for _, labels in rows[most:])
        yield f"and {counted(left, 'application')} that stand otherwise: --app NAME, --failing, --format html"


def worst_states(cases: Sequence[Document]) -> dict[tuple[str, str | None], dict[str | None, str]]:
    """By application, and of each connection, the worst state of any flavor."""
    found: dict[tuple[str, str | None], dict[str | None, str]] = {}
    for case in cases:
        states = found.setdefault(application_of(case), {})
        before = states.get(case["connection"], "ready")
        states[case["connection"]] = min(before, case["state"], key=WORST_FIRST.index)
    return found


def _alike(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
    return f"{_short(safe(labels[0]), LABEL - len(more))}{more}"


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _width(name: str) -> int:
    return max(len(name), len("not ready")) + 2


def _fitting(names: Sequence[str | None], columns: Columns, width: int) -> Iterator[Sequence[str | None]]:
    some: list[str | None] = []
    for name in names:
        if some and LABEL + 2 + sum(_width(columns[n]) for n in [*some, name]) > width:
            yield some
            some = []
        some.append(name)
    yield some

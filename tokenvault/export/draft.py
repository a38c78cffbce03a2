"""A spec as text: its entries under a heading that says what it is, with what it could not express as comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenvault.export.entries import Entry
from tokenvault.render.safe import safe
from tokenvault.spec.yaml_text import comment, commented_out, indented, mapping

SCHEMA_LINE = "# yaml-language-server: $schema=tokenvault.schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A spec before it is text. `top` holds the keys above the sections, `unsaid` what it could not express."""

    domain: str
    top: dict[str, Any]
    connections: tuple[Entry, ...] = ()
    apis: tuple[Entry, ...] = ()
    applications: tuple[Entry, ...] = ()
    unsaid: tuple[str, ...] = ()


def spec_text(draft: Draft) -> str:
    """The whole file."""
    lines = [*_heading(draft), *mapping(draft.top)]
    for name in ("connections", "apis", "applications"):
        lines += _section(name, getattr(draft, name))
    return "\n".join(lines) + "\n"


def _heading(draft: Draft) -> Iterator[str]:
    yield SCHEMA_LINE
    yield "#   (for completion in editors: tokenvault schema > tokenvault.schema.json)"
    yield "#"
    yield from comment(f"What of {safe(draft.domain)} takes part in Token Vault, written by `tokenvault export`.")
    yield from comment(
        "It describes what is there: a plan of it is empty. What it does not mention is left as it is, now and later."
    )
    if not (draft.applications or draft.unsaid):
        yield "# Nothing there uses Token Vault yet."
    left_out = [entry.key for entry in (*draft.connections, *draft.apis, *draft.applications) if entry.problems]
    if left_out:
        yield "#"
        yield from comment(f"Left out for now, each with the reason, as comments below: {', '.join(left_out)}.")
    if draft.unsaid:
        yield "#"
        yield "# What it cannot say:"
        for says in draft.unsaid:
            yield from _bullet(says)


def _bullet(text: str) -> Iterator[str]:
    first, *rest = comment(text)
    yield f"#   - {first[2:]}"
    yield from (f"#     {line[2:]}" for line in rest)


def _section(name: str, entries: Sequence[Entry]) -> Iterator[str]:
    if not entries:
        return
    yield ""
    listed = [entry for entry in entries if not entry.problems]
    yield f"{name}:" if listed else f"# {name}:"
    yield from indented(_entries(listed))
    yield from _left_out(entry for entry in entries if entry.problems)


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    for number, entry in enumerate(entries):
        if number and (entry.about or len(entry.fields) > 1):
            yield ""
        for text in entry.about:
            yield from comment(text)
        yield from mapping({entry.key: entry.fields})


def _left_out(entries: Iterable[Entry]) -> Iterator[str]:
    """As comments: what stands in the way, and the lines that are right once it is gone."""
    for entry in entries:
        yield ""
        lines = [line for text in entry.about for line in comment(text)]
        lines += comment(f"{entry.key} is left out, because a plan of it would not be empty:")
        for problem in entry.problems:
            lines += _bullet(problem)
        lines += comment("To take it in, remove the `# ` in front of these lines:")
        yield from indented([*lines, *commented_out(mapping({entry.key: entry.fields}))])

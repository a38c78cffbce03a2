"""The kinds of object, and the Management API scopes that a token needs for each."""

from __future__ import annotations

from collections.abc import Iterable

from tokenvault.kinds import Kind, kinds
from tokenvault.reference.table import code, table


def scopes_chapter() -> str:
    """One row for each kind; attributes that need more have a row of their own."""
    head = (
        "## Kinds and their scopes\n\nWhat a Management API token must allow. A plan needs the first column of what the "
        "spec mentions; an apply, what its plan writes; both say which are missing before anything is sent."
    )
    names = ("Kind", "Read", "Create", "Update", "Delete")
    return f"{head}\n\n{table(names, [row for kind in kinds().values() for row in _rows(kind)])}"


def _rows(kind: Kind) -> Iterable[tuple[str, ...]]:
    scopes = kind.scopes
    verbs = (scopes.read, scopes.create, scopes.update, scopes.delete if kind.deletable else ())
    yield (f"{kind.title} ({code(kind.name)})", *map(_several, verbs))
    for attribute, more in scopes.fields.items():
        yield (f"… with {code(attribute)}", "", _several(more), _several(more), "")


def _several(scopes: Iterable[str]) -> str:
    return " ".join(map(code, scopes))

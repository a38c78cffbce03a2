"""Drift in the terminal, drawn from its JSON form alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tokenvault.plan.document import Document
from tokenvault.render.block import block, canvas_for
from tokenvault.render.prose import wrapped
from tokenvault.render.style import PLAIN, Painter
from tokenvault.render.text import warning_lines
from tokenvault.render.words import counted
from tokenvault.text import safe

NAMED = 5
ADVICE = "`tokenvault apply` puts it back as the spec says. To keep a change, write it into the spec."
DROPPED = "Still there, though the spec does not have it any more (`tokenvault apply --prune` takes it away):"
VERBS = {"update": "has changed outside tokenvault", "delete": "is gone"}


def drift_text(drift: Document, paint: Painter = PLAIN, *, width: int = 100) -> str:
    """What has changed, each value as the spec says it and as the tenant has it."""
    lines = [*_drifted(drift, paint, width)] if drift["changes"] else [*_none(drift, paint, width)]
    lines += [*_dropped(drift, paint, width), *_pending(drift, width), *_incomplete(drift, width)]
    for warning in drift["warnings"]:
        lines += warning_lines(warning, paint, width)
    return "\n".join(lines) + "\n"


def verdict(drift: Document) -> tuple[str, str]:
    """What to say where nothing has changed: in two words, and of what. Safe to show."""
    count = drift["summary"]["as_it_should_be"]
    spec, tenant = safe(drift["spec"]["name"]), safe(drift["tenant"])
    if count:
        said = f"What {spec} owns or relies on ({counted(count, 'object')}) is as the spec says on {tenant}."
    elif drift["dropped"]:
        said = f"What {spec} has now is not on {tenant} yet."
    else:
        said = f"Nothing on {tenant} carries the mark of {spec} yet."
    return "Nothing has changed." if drift["dropped"] else "No drift.", said


def _none(drift: Document, paint: Painter, width: int) -> Iterator[str]:
    word, said = verdict(drift)
    first, *rest = wrapped(f"{word} {said}", width, "")
    yield first.replace(word, paint(word, "bold", "green"), 1)
    yield from rest


def _drifted(drift: Document, paint: Painter, width: int) -> Iterator[str]:
    yield f"Objects of {safe(drift['spec']['name'])} have changed on {paint(safe(drift['tenant']), 'bold')}:"
    yield paint("  what the spec says -> what the tenant has", "dim")
    canvas = canvas_for(drift["changes"], paint, width, full=False)
    for change in drift["changes"]:
        yield ""
        yield from block(change, f"{safe(change['address'])} {VERBS[change['action']]}", canvas)
    yield ""
    yield f"{paint('Drift:', 'bold')} {counts(drift)}"
    yield from wrapped(ADVICE, width, "")


def counts(drift: Document) -> str:
    """How much has changed."""
    s = drift["summary"]
    return f"{s['changed']} changed, {s['gone']} gone, {s['as_it_should_be']} as they should be."


def _dropped(drift: Document, paint: Painter, width: int) -> Iterator[str]:
    if not drift["dropped"]:
        return
    yield ""
    yield from (paint(line, "bold") for line in wrapped(DROPPED, width, ""))
    for orphan in drift["dropped"]:
        yield f'  {safe(orphan["address"])} "{safe(orphan["name"])}" [id={safe(orphan["id"])}]'


def _incomplete(drift: Document, width: int) -> list[str]:
    return ["", *wrapped(incomplete(drift, safe), width, "")] if drift["incomplete"] else []


def _pending(drift: Document, width: int) -> list[str]:
    return ["", *wrapped(pending(drift, safe), width, "")] if drift["pending"] else []


def incomplete(drift: Document, named: Callable[[object], str]) -> str:
    """What an apply that ended early did not get to; `named` draws an address."""
    return f"An apply ended before it made: {_some(drift['incomplete'], named)}. `tokenvault apply` goes on with it."


def pending(drift: Document, named: Callable[[object], str]) -> str:
    """What was not applied yet; `named` draws an address."""
    names = _some(drift["pending"], named)
    return f"Not applied yet, which is no drift: {names}. `tokenvault plan` shows what is to be done."


def _some(addresses: Sequence[str], named: Callable[[object], str]) -> str:
    more = f" and {len(addresses) - NAMED} more" if len(addresses) > NAMED else ""
    return ", ".join(map(named, addresses[:NAMED])) + more

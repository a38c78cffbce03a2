"""Drift in the terminal, drawn from its JSON form alone."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.plan.document import Document
from tokenvault.render.block import block, canvas_for, wrapped
from tokenvault.render.style import PLAIN, Painter
from tokenvault.render.text import warning_lines
from tokenvault.render.words import counted
from tokenvault.text import safe

VERBS = {"update": "has changed outside tokenvault", "delete": "is gone"}


def drift_text(drift: Document, paint: Painter = PLAIN, *, width: int = 100) -> str:
    """What has changed, each value as the spec says it and as the tenant has it."""
    lines = [*_drifted(drift, paint, width)] if drift["changes"] else [*_none(drift, paint, width)]
    lines += [*_dropped(drift, paint, width), *_pending(drift, width), *_incomplete(drift, width)]
    for warning in drift["warnings"]:
        lines += warning_lines(warning, paint, width)
    return "\n".join(lines) + "\n"


def _none(drift: Document, paint: Painter, width: int) -> Iterator[str]:
    count = drift["summary"]["as_it_should_be"]
    spec, tenant = safe(drift["spec"]["name"]), safe(drift["tenant"])
    if count:
        said = f"What {spec} owns or relies on ({counted(count, 'object')}) is as the spec says on {tenant}."
    else:
        said = f"Nothing on {tenant} carries the mark of {spec} yet."
    verdict = "Nothing has changed." if drift["dropped"] else "No drift."
    first, *rest = wrapped(f"{verdict} {said}", width, "")
    yield first.replace(verdict, paint(verdict, "bold", "green"), 1)
    yield from rest


def _drifted(drift: Document, paint: Painter, width: int) -> Iterator[str]:
    yield f"Objects of {safe(drift['spec']['name'])} have changed on {paint(safe(drift['tenant']), 'bold')}:"
    yield paint("  what the spec says -> what the tenant has", "dim")
    canvas = canvas_for(drift["changes"], paint, width, full=False)
    for change in drift["changes"]:
        yield ""
        yield from block(change, f"{safe(change['address'])} {VERBS[change['action']]}", canvas)
    s = drift["summary"]
    yield ""
    yield f"{paint('Drift:', 'bold')} {s['changed']} changed, {s['gone']} gone, {s['as_it_should_be']} as they should be."
    advice = "`tokenvault apply` puts it back as the spec says. To keep a change, write it into the spec."
    yield from wrapped(advice, width, "")


def _dropped(drift: Document, paint: Painter, width: int) -> Iterator[str]:
    if not drift["dropped"]:
        return
    yield ""
    text = "Still there, though the spec does not have it any more (`tokenvault apply --prune` takes it away):"
    yield from (paint(line, "bold") for line in wrapped(text, width, ""))
    for orphan in drift["dropped"]:
        yield f'  {safe(orphan["address"])} "{safe(orphan["name"])}" [id={safe(orphan["id"])}]'


def _incomplete(drift: Document, width: int) -> list[str]:
    if not drift["incomplete"]:
        return []
    text = f"An apply ended before it made: {', '.join(map(safe, drift['incomplete']))}. `tokenvault apply` goes on with it."
    return ["", *wrapped(text, width, "")]


def _pending(drift: Document, width: int) -> list[str]:
    if not drift["pending"]:
        return []
    count, named = len(drift["pending"]), ", ".join(map(safe, drift["pending"][:5]))
    more = f" and {count - 5} more" if count > 5 else ""
    text = f"Not applied yet, which is no drift: {named}{more}. `tokenvault plan` shows what is to be done."
    return ["", *wrapped(text, width, "")]

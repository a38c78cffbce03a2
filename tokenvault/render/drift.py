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
    lines = [*_drifted(drift, paint, width)] if drift["drifted"] else [*_none(drift, paint, width)]
    lines += _pending(drift, width)
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
    first, *rest = wrapped(f"No drift. {said}", width, "")
    yield first.replace("No drift.", paint("No drift.", "bold", "green"), 1)
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


def _pending(drift: Document, width: int) -> list[str]:
    if not drift["pending"]:
        return []
    count, named = len(drift["pending"]), ", ".join(map(safe, drift["pending"][:5]))
    more = f" and {count - 5} more" if count > 5 else ""
    text = f"Not applied yet, which is no drift: {named}{more}. `tokenvault plan` shows what is to be done."
    return ["", *wrapped(text, width, "")]

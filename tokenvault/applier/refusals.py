"""Diagnostics of refused changes: the tenant differs from what the plan was made for, or Auth0 did something else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tokenvault.errors import Diagnostic
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Object
from tokenvault.model.paths import get_path
from tokenvault.plan.diff import Canonicalizer
from tokenvault.plan.model import Change
from tokenvault.secrets import is_sensitive


def nameless(change: Change) -> Diagnostic:
    """The diagnostic for an answer to a create that names no id."""
    return Diagnostic(
        code="api-bad-answer",
        summary=f"Auth0's answer does not name {change.address}",
        hint="Run the command again: what was created is found and not created twice.",
        context=change.address,
    )


def mistaken(change: Change, what: str, hint: str) -> Diagnostic:
    """The diagnostic for a create that Auth0 accepted and carried out otherwise."""
    summary = f"Auth0 did not make {change.address} what it was asked to: {what}"
    return Diagnostic(code="apply-not-kept", summary=summary, hint=hint, context=change.address)


SHOWN = 160
_HINT = "Nothing was written to it. Plan again, and review what it says now."


def changed(change: Change, live: Object, paths: Iterable[str], since: str = "the plan") -> Diagnostic:
    """The diagnostic for an object whose attributes at `paths` differ from what the plan found, or its first step wrote."""
    named = list(paths)
    return Diagnostic(
        code="apply-stale",
        summary=f"{change.address} changed since {since}: {', '.join(named)}",
        detail=_values(change, live, named),
        hint=_HINT,
        context=change.address,
    )


def gone(change: Change) -> Diagnostic:
    """The diagnostic for an object that does not exist any more."""
    summary = f"{change.address} was deleted since the plan"
    return Diagnostic(code="apply-stale", summary=summary, hint=_HINT, context=change.address)


def exists(change: Change, live: Object, paths: Iterable[str]) -> Diagnostic:
    """The diagnostic for an object to be created that exists by now and differs from the plan at these paths."""
    return Diagnostic(
        code="apply-stale",
        summary=f"{change.address} was created by somebody else since the plan, and differs: {', '.join(paths)}",
        detail=_values(change, live, paths),
        hint=_HINT,
        context=change.address,
    )


def _values(change: Change, live: Object, paths: Iterable[str]) -> str:
    return "\n".join(f"  {path} is now {_shown(change, live, path)}" for path in paths)


def _shown(change: Change, live: Object, path: str) -> str:
    value: Any = get_path(live, path)
    field = kinds()[change.kind].field_at(path)
    if field.secret or field.optional or is_sensitive(value):  # a spec may give a secret as any option
        return "another one (sensitive value)"
    text = json.dumps(Canonicalizer("").plain(value), ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"

"""What somebody else did to an object between the plan and the write, as diagnostics: that object is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tokenvault.diff import Comparable, is_sensitive
from tokenvault.errors import Diagnostic
from tokenvault.kinds import Object, kinds
from tokenvault.paths import get_path
from tokenvault.plan import Change

SHOWN = 160
_HINT = "Nothing was written to it. Plan again, and review what it says now."


def changed(change: Change, live: Object, paths: Iterable[str]) -> Diagnostic:
    """The object is not as the plan found it, in these attributes."""
    named = list(paths)
    return Diagnostic(
        code="apply-stale",
        summary=f"{change.address} changed since the plan: {', '.join(named)}",
        detail=_values(change, live, named),
        hint=_HINT,
        context=change.address,
    )


def gone(change: Change) -> Diagnostic:
    """The object does not exist any more."""
    summary = f"{change.address} was deleted since the plan"
    return Diagnostic(code="apply-stale", summary=summary, hint=_HINT, context=change.address)


def exists(change: Change, live: Object, paths: Iterable[str]) -> Diagnostic:
    """An object that the plan creates is there by now, and differs in these attributes from what the plan wants."""
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
    if kinds()[change.kind].field_at(path).secret or is_sensitive(value):
        return "another one (sensitive value)"
    text = json.dumps(Comparable("").plain(value), ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"

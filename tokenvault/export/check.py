"""Plans an exported spec on the very state that it was written from: a plan of it must be empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenvault.errors import TokenVaultError
from tokenvault.kinds import kinds
from tokenvault.plan.model import Action, Attribute, Change, Plan
from tokenvault.plan.planner import Options, make_plan
from tokenvault.spec.load import load_sources
from tokenvault.spec.source import read_source
from tokenvault.state.desired import build_graph
from tokenvault.state.live import State, match

MOST = 6
MARK_ONLY = "its mark is written anew, and nothing else of it"
_SALT = "export"


def differences_from(text: str, file: Path, state: State, *, about: str = "", revoke: bool = True) -> tuple[str, ...]:
    """What is wrong with the spec, or what a plan of it would change, in words; nothing when it is as the tenant is.

    The address that it is `about` is left out of the words. Of a part of a spec, only what it asks for matters, not what it
    does not mention: there nothing is revoked, and a mark that is written anew does not keep an object out.
    """
    try:
        plan = _plan(text, file, state, Options(revoke=revoke))
    except TokenVaultError as error:
        return tuple(d.summary for d in error.diagnostics)
    phrases = (says for change in plan.changes for says in _in_words(change) if revoke or not says.endswith(MARK_ONLY))
    found = [says.removeprefix(f"{about}: ") for says in phrases]
    more = len(found) - MOST
    return (*found[:MOST], *([f"and {more} more"] if more > 0 else []))


def plan_errors(text: str, file: Path, state: State) -> tuple[str, ...]:
    """Why there is no plan of the spec, if there is none: it is not valid, or the tenant lacks what it refers to."""
    try:
        _plan(text, file, state, Options())
    except TokenVaultError as error:
        return tuple(d.summary for d in error.diagnostics)
    return ()


def _plan(text: str, file: Path, state: State, options: Options) -> Plan:
    spec = load_sources([read_source(str(file), text.encode())], {})
    graph = build_graph(spec, state.domain)
    return make_plan(graph, match(graph, state), salt=_SALT, options=options)


def _in_words(change: Change) -> Iterator[str]:
    reasons = _reasons(change.attributes)
    match change.action:
        case Action.CREATE:
            yield f"the tenant lacks {kinds()[change.kind].title} {change.name}{reasons}"
        case Action.DELETE:
            yield f"{change.address} would be deleted"
        case Action.UPDATE:
            changed = [a for a in change.attributes if not _is_mark(a)]
            if not changed:
                yield f"{change.address}: {MARK_ONLY}"
            for path in dict.fromkeys(attribute.path[0] for attribute in changed):
                of_path = [attribute for attribute in changed if attribute.path[0] == path]
                yield f"{change.address}: {path} {_values(of_path)}{_reasons(of_path)}"


def _is_mark(attribute: Attribute) -> bool:
    """A mark follows from the other changes."""
    return any(attribute.path[0] == kind.marker for kind in kinds().values())


def _reasons(attributes: Sequence[Attribute]) -> str:
    reasons = dict.fromkeys(why.reason for attribute in attributes for why in attribute.provenance)
    return f" ({next(iter(reasons))})" if reasons else ""


def _values(attributes: Sequence[Attribute]) -> str:
    """`is "rotating", not "non-rotating"`, or what a list lacks."""
    if len(attributes) == 1 and not attributes[0].element and attributes[0].op == "change":
        return f"is {_shown(attributes[0].before)}, not {_shown(attributes[0].after)}"
    lacks = [_member(a, a.after) for a in attributes if a.op == "add"]
    has = [_member(a, a.before) for a in attributes if a.op != "add"]
    parts = [f"lacks {', '.join(lacks)}"] if lacks else []
    return " and ".join([*parts, *([f"has {', '.join(has)}"] if has else [])])


def _member(attribute: Attribute, value: Any) -> str:
    """A member of a list, by its key where it has one."""
    return ": ".join([*attribute.path[1:], *([] if isinstance(value, dict) else [_shown(value)])])


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else str(value)

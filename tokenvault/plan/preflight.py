"""Which Management API scopes the requests of a plan need, and which of them the token lacks: known before the first write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tokenvault.errors import Diagnostic
from tokenvault.kinds import kinds
from tokenvault.plan.model import Action, Change, Plan

NAMED = 3
"""How many objects are named for each scope that is missing."""


def plan_scopes(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    """The scopes that carrying out the plan takes, each with the addresses that it is for."""
    needed: dict[str, list[str]] = {}
    for change in plan.changes:
        for scope in dict.fromkeys(_scopes_of(change)):
            needed.setdefault(scope, []).append(change.address)
    return {scope: tuple(needed[scope]) for scope in sorted(needed)}


def _scopes_of(change: Change) -> Iterator[str]:
    scopes = kinds()[change.kind].scopes
    match change.action:
        case Action.CREATE:
            yield from scopes.create or scopes.update
            if change.deferred:
                yield from scopes.update
            written = change.deferred
        case Action.UPDATE:
            yield from scopes.update
            written = {**change.patch, **change.deferred}
        case Action.DELETE:
            yield from scopes.delete
            return
    for attribute in dict.fromkeys(path.split(".")[0] for path in written):
        yield from scopes.fields.get(attribute, ())


def checked(plan: Plan, granted: frozenset[str] | None) -> Plan:
    """The plan with what the token lacks, and a warning when that is anything. `granted` is None when it is not known."""
    if granted is None:
        return replace(plan, lacking=None)
    lacking = tuple(scope for scope in plan_scopes(plan) if scope not in granted)
    plan = replace(plan, lacking=lacking)
    warning = missing(plan, severity="warning")
    return replace(plan, warnings=(*plan.warnings, warning)) if warning else plan


def missing(plan: Plan, *, severity: str = "error") -> Diagnostic | None:
    """The diagnostic for a plan whose token lacks scopes to carry it out."""
    if not plan.lacking:
        return None
    needed = plan_scopes(plan)
    width = max(map(len, plan.lacking))
    count = len(plan.lacking)
    return Diagnostic(
        code="preflight-scopes",
        severity=severity,
        summary=f"The token lacks {count} scope{'' if count == 1 else 's'} that this plan needs",
        detail="\n".join(f"  {scope.ljust(width)}  for {_named(needed[scope])}" for scope in plan.lacking),
        hint="\n".join(_ways_out(plan.lacking)),
    )


def _ways_out(lacking: tuple[str, ...]) -> Iterator[str]:
    yield "Nothing can be written without. Add them to the application that the token comes from:"
    yield "  Auth0 dashboard  Applications → APIs → Auth0 Management API → Machine to Machine Applications"
    yield f"  Auth0 CLI        auth0 login --scopes {','.join(lacking)}"
    for kind in kinds().values():
        for attribute, scopes in kind.scopes.fields.items():
            features = [f.feature for path, f in kind.fields.items() if f.feature and path.split(".")[0] == attribute]
            if features and set(scopes) & set(lacking):
                yield f"If {', '.join(scopes)} is not offered there, the tenant lacks {features[0]}."


def _named(addresses: tuple[str, ...]) -> str:
    more = len(addresses) - NAMED
    return ", ".join(addresses[:NAMED]) + (f" and {more} more" if more > 0 else "")

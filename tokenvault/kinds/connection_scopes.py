"""Scopes and offline access of connections: where a strategy keeps them, and which of them Auth0 took and did not keep.

What Auth0 does not keep (`options.freeform_scopes` may be such) only a person can choose, in the dashboard. So that plans do
not ask for it for ever, the connection's mark remembers it, scope by scope: `unkept:scopes=DIGEST`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tokenvault.errors import Diagnostic
from tokenvault.kinds.base import NOT_KEPT, Object
from tokenvault.kinds.strategies import STRATEGIES, Strategy, dashboard_page
from tokenvault.model.constraints import Constraint, Contains, Equals, Excludes, members
from tokenvault.model.desired import DesiredObject, Requirement, node_of
from tokenvault.model.marks import UNKEPT, digest, read_mark

SCOPES, OFFLINE = "spec.scopes", "spec.offline_access"
_LISTS = ("options.scope", "options.freeform_scopes")


def refine(node: DesiredObject, live: Object | None) -> DesiredObject:
    """Puts scopes and offline access where this connection's strategy keeps them, but what Auth0 did not keep before."""
    strategy, options = strategy_of(node, live), (live or {}).get("options") or {}
    given_up = _given_up(live, options)
    requirements = tuple(
        refined for requirement in node.requirements for refined in _refined(requirement, strategy, options, given_up)
    )
    refined = node_of(node.target, tuple(one for one in requirements if one.path != NOT_KEPT))
    unset = tuple(one for one in node.requirements_for(OFFLINE) if not strategy.has_offline_access)
    unmet = tuple(one for one in requirements if one.path == NOT_KEPT)
    return replace(
        refined, requirements=(*refined.requirements, *unset, *unmet)
    )  # asked for, and nothing to set: the kind's check tells


def strategy_of(node: DesiredObject, live: Object | None) -> Strategy:
    """What is known of the connection's strategy."""
    wanted = node.constraints.get("strategy")
    name = live["strategy"] if live else wanted.value if isinstance(wanted, Equals) else ""
    return STRATEGIES.get(str(name), Strategy())


def _given_up(live: Object | None, options: Mapping[str, Any]) -> frozenset[str]:
    """The digests of scopes that Auth0 did not keep when they were written, and that are not in force."""
    mark = read_mark((live or {}).get("metadata"))
    in_force = {digest(scope) for scope in _in_force(options)}
    recorded = mark.provisions if mark else ()
    return frozenset(p.value for p in recorded if p.verb == UNKEPT and p.value not in in_force)


def _refined(
    requirement: Requirement, strategy: Strategy, options: Mapping[str, Any], given_up: frozenset[str]
) -> Iterable[Requirement]:
    constraint = requirement.constraint
    if requirement.path == SCOPES and isinstance(constraint, Contains):
        yield from _scope_requirements(requirement, constraint.items, strategy, options, given_up)
    elif requirement.path == OFFLINE and isinstance(constraint, Equals):
        if strategy.offline_option:
            yield replace(requirement, path=f"options.{strategy.offline_option}", asked_at=OFFLINE)
        elif strategy.offline_scope and constraint.value:
            yield from _scope_requirements(requirement, (strategy.offline_scope,), strategy, options, given_up)
        elif strategy.offline_scope:
            excluded = Excludes((strategy.offline_scope,))
            yield replace(requirement, path="options.scope", constraint=excluded, asked_at=OFFLINE)
    else:
        yield requirement


def _scope_requirements(
    requirement: Requirement,
    scopes: Sequence[str],
    strategy: Strategy,
    options: Mapping[str, Any],
    given_up: frozenset[str],
) -> Iterator[Requirement]:
    unmet = tuple(scope for scope in scopes if digest(scope) in given_up)
    asked = tuple(s for s in scopes if s not in unmet or options.get(strategy.booleans.get(s, "")) is True)
    for path, constraint in _scope_constraints(asked, strategy, options) if asked or not unmet else ():
        yield replace(requirement, path=path, constraint=constraint, asked_at=requirement.path)
    if unmet:
        yield replace(requirement, path=NOT_KEPT, constraint=Contains(unmet))


def _scope_constraints(
    scopes: Sequence[str], strategy: Strategy, options: Mapping[str, Any]
) -> Iterable[tuple[str, Constraint]]:
    """Scopes that are in force already ask for nothing; see the facts about booleans, freeform and free strategies."""
    if not strategy.booleans and not strategy.freeform:
        yield "options.scope", Contains(tuple(scopes), separator=" " if strategy.scope_string else "")
        return
    present, free = _in_force(options), scope_list(options.get("freeform_scopes"))
    for scope in scopes:
        option = strategy.booleans.get(scope)
        if option and scope not in free:
            yield f"options.{option}", Equals(True)
        elif scope not in present or scope in free:
            yield "options.freeform_scopes", Contains((scope,))


def scope_list(value: Any) -> frozenset[str]:
    """Scopes as a set, however Auth0 spells them: a list, or a string separated by spaces or commas."""
    return frozenset(map(str, members(value)))


def _in_force(options: Mapping[str, Any]) -> frozenset[str]:
    return scope_list(options.get("scope")) | scope_list(options.get("freeform_scopes"))


def lost(wanted: Mapping[str, Any], live: Object) -> Mapping[str, tuple[str, ...]]:
    """By path, the scopes that these values ask for and that are not in force, where a scope is all that is lacking there."""
    options = live.get("options")
    if not isinstance(options, Mapping):
        return {}
    in_force, strategy = _in_force(options), STRATEGIES.get(str(live.get("strategy")), Strategy())
    names = {f"options.{option}": scope for scope, option in strategy.booleans.items()}
    found: dict[str, tuple[str, ...]] = {}
    for path, value in wanted.items():
        asked = members(value) if path in _LISTS else [names[path]] if path in names and value is True else []
        lacking = tuple(str(scope) for scope in asked if scope not in in_force)
        if lacking and (path in _LISTS or "scope" in options):
            found[path] = lacking
    return found


def not_kept(node: DesiredObject, live: Object) -> Iterator[Diagnostic]:
    """A warning of the scopes that the spec asks for, and that Auth0 did not keep when they were written."""
    requirements = list(node.requirements_for(NOT_KEPT))
    scopes = [scope for one in requirements if isinstance(one.constraint, Contains) for scope in one.constraint.items]
    if scopes:
        yield Diagnostic(
            code="plan-scopes-not-kept",
            severity="warning",
            summary=f"Auth0 did not keep {_listed(scopes)} of {node.address} when that was written, so it is not planned again",
            hint=by_hand(live),
            span=requirements[0].provenance.span,
            context=node.address,
        )


def forgone(address: str, scopes: Sequence[str], live: Object, remembered: bool) -> Diagnostic:
    """What to say after an apply whose scopes Auth0 took and did not keep; not `remembered`: they are planned again."""
    again = "" if remembered else " The connection has no mark to remember that in, so plans go on asking for it."
    return Diagnostic(
        code="apply-scopes-not-kept",
        severity="warning",
        summary=f"Auth0 accepted the change of {address}, and did not keep {_listed(scopes)}",
        hint=f"{by_hand(live)}{again}",
        context=address,
    )


def by_hand(live: Object) -> str:
    """Where a person sets the scopes of a connection."""
    return (
        f"Set that under Permissions on its page in the dashboard, {dashboard_page(live)}, or remove it from the spec."
    )


def _listed(scopes: Sequence[str]) -> str:
    return f"the scope {scopes[0]}" if len(scopes) == 1 else f"the scopes {', '.join(scopes)}"

"""A plan, judged as the doctor judges a tenant: the same preconditions, before its changes and after them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tokenvault.doctor.cases import cases_of_spec
from tokenvault.doctor.diagnosis import Diagnosed, Fix, How, Judged, Remedy, diagnose, state_of
from tokenvault.flavors.runtime.errors import error_named
from tokenvault.flavors.runtime.precondition import State as Readiness
from tokenvault.flavors.runtime.tenant_view import Case, Hidden, TenantView, Unreadable
from tokenvault.kinds import kinds
from tokenvault.model.desired import DesiredObject, Graph, bind
from tokenvault.model.spec import Spec
from tokenvault.plan.judgement import Cause, JudgedCase, Judgement
from tokenvault.plan.model import Change
from tokenvault.plan.patch import PLACEHOLDER, planned_state
from tokenvault.state.live import Live, State, match
from tokenvault.state.tenant_view import place_of, tenant_view_of
from tokenvault.state.unknown import REDACTED


def judged(
    spec: Spec, graph: Graph, live: Live, changes: Iterable[Change], *, now: float, command: str, whole: bool = True
) -> Judgement:
    """What the plan with these changes leads to, from what was read for it alone.

    `command` applies the spec, of which the plan is the `whole` or a part.
    """
    before = _cases(spec, graph, match(graph, _hiding(live.state)) if live.state.taken_at else live, now)
    planned = _cases(spec, graph, match(graph, _hiding(planned_state(live, changes))), now)
    after = diagnose(planned, Remedy(graph=graph, command=command, applied=whole))
    cases = tuple(
        JudgedCase(
            application=one.case.application,
            connection=one.case.connection,
            flavor=one.case.flavor,
            before=state_of(was).value,
            after=one.state.value,
        )
        for was, one in zip(before, after, strict=True)
    )
    return Judgement(cases=cases, causes=_causes(after, cases))


def _cases(spec: Spec, graph: Graph, live: Live, now: float) -> list[Case]:
    """The cases of the spec in this state of the tenant."""
    return cases_of_spec(spec, graph, live, _view(graph, live, now))


def _hiding(state: State) -> State:
    """The state, its values that a snapshot left out such that no check can take them for something."""
    if not state.taken_at:
        return state
    return replace(state, objects={name: [_hidden(item) for item in items] for name, items in state.objects.items()})


def _hidden(value: Any) -> Any:
    if value is REDACTED:
        return Hidden()
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    return [_hidden(item) for item in value] if isinstance(value, list | tuple) else value


def _view(graph: Graph, found: Live, now: float) -> TenantView:
    """The tenant as far as it was read. What was not is unknown: nobody can say that it is missing."""
    view = tenant_view_of(found.state, now)
    unread = [_unread(graph.nodes[address], found.ids) for address in found.unknown]
    unread = [each for each in unread if each[0]]
    parts: dict[str, Any] = {
        name: dict(getattr(view, name)) for name, _, _ in unread if isinstance(getattr(view, name), Mapping)
    }
    for name, key, scopes in unread:
        if name in parts:
            parts[name][key] = Unreadable(scopes)
    return replace(view, **parts)


def _unread(node: DesiredObject, ids: Mapping[str, str]) -> tuple[str, Any, tuple[str, ...]]:
    """Where in a tenant's view an object stands: the part, its key there, and the scopes that reading it takes."""
    kind, identity = kinds()[node.kind], bind(dict(node.target.identity), ids)
    part, key = place_of(kind.collection.name, identity)
    return part, key, kind.scopes.read


def _causes(after: Sequence[Diagnosed], cases: Sequence[JudgedCase]) -> tuple[Cause, ...]:
    """Why cases will not be ready: each cause once, whatever it is a cause of; what stops working first."""
    found: dict[tuple[str, str], list[tuple[int, Judged]]] = {}
    for number, one in enumerate(after):
        for each in one.judged:
            if each.verdict.state is Readiness.NOT_READY:
                found.setdefault((each.precondition.id, each.verdict.says), []).append((number, each))
    causes = [_cause(some, after, cases) for some in found.values()]
    return tuple(sorted(causes, key=lambda cause: not cause.stops))


def _cause(found: Sequence[tuple[int, Judged]], after: Sequence[Diagnosed], cases: Sequence[JudgedCase]) -> Cause:
    numbers, one = [number for number, _ in found], found[0][1]
    row, error = one.precondition, error_named(one.precondition.error)
    names = dict.fromkeys(after[number].case.called(row.of) for number in numbers)
    return Cause(
        id=row.id,
        subject={"kind": row.of.value, "names": list(names)},
        says=one.verdict.says,
        means=row.means,
        at_run_time={"step": row.step.value, "error": row.error or None, "code": error.codes[0] if error else None},
        fix=_fix(one.fix),
        doc=row.doc,
        cases=tuple(numbers),
        at=tuple(dict.fromkeys(a for number in numbers if (a := after[number].case.addresses.get(row.place)))),
        stops=tuple(number for number in numbers if cases[number].stops),
    )


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    """The fix, without the page of an object that does not exist yet."""
    if fix is None:
        return None
    link = fix.link if fix.how is How.PERSON and PLACEHOLDER not in fix.link else ""
    text = f"{fix.at}: {fix.text}" if fix.at else fix.text
    return {"how": fix.how.value, "text": text, "link": link or None}

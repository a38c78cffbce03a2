"""Cases → verdicts → what can be done about each: a command, a change of the spec, or a page of the dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from tokenvault.flavors import flavors
from tokenvault.flavors.runtime.precondition import Precondition, State, Verdict
from tokenvault.flavors.runtime.tenant_view import Case, Subject
from tokenvault.kinds.strategies import DASHBOARD, dashboard_section
from tokenvault.model.constraints import Contains
from tokenvault.model.desired import DesiredObject, Graph


class How(Enum):
    """Who can mend it, and with what."""

    COMMAND = "command"
    SPEC = "spec"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What to do. `at` is the address in the spec that it is about, `link` the page for what only a person can do."""

    how: How
    text: str
    at: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One precondition in one case."""

    precondition: Precondition
    verdict: Verdict
    fix: Fix | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed:
    """One case with everything that was judged of it."""

    case: Case
    judged: tuple[Judged, ...]

    @property
    def state(self) -> State:
        """The worst of its verdicts; what a person must look at holds nothing up."""
        states = {one.verdict.state for one in self.judged}
        return next((state for state in (State.NOT_READY, State.UNKNOWN) if state in states), State.READY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """Where fixes come from: the graph of the spec that was given, and the command that applies it; or neither.

    `applied`: what is judged is the tenant after that command, so it mends nothing any more.
    """

    graph: Graph | None = None
    command: str = ""
    applied: bool = False


def diagnose(cases: Iterable[Case], remedy: Remedy) -> list[Diagnosed]:
    """Every case, judged by the preconditions of its flavor and of those that it includes."""
    return [Diagnosed(case=case, judged=tuple(_parse(case, remedy))) for case in cases]


def state_of(case: Case) -> State:
    """The state of a case, without what a report says of it."""
    unknown = False
    for row in preconditions(case.flavor):
        state = row.judge(case).state
        if state is State.NOT_READY:
            return state
        unknown = unknown or state is State.UNKNOWN
    return State.UNKNOWN if unknown else State.READY


def preconditions(flavor: str) -> Sequence[Precondition]:
    """The rows of a flavor and of those that it includes, each once."""
    names = (*flavors()[flavor].includes, flavor)
    return list({row.id: row for name in names for row in flavors()[name].runtime.preconditions}.values())


def _parse(case: Case, remedy: Remedy) -> Iterator[Judged]:
    for row in preconditions(case.flavor):
        verdict = row.judge(case)
        if verdict.state is not State.SKIPPED:
            yield Judged(precondition=row, verdict=verdict, fix=_fix(row, case, verdict, remedy))


def _fix(row: Precondition, case: Case, verdict: Verdict, remedy: Remedy) -> Fix | None:
    match verdict.state:
        case State.READY | State.SKIPPED:
            return None
        case State.UNKNOWN:
            text = f"Grant {' or '.join(verdict.scopes)} to the application that the token comes from."
            return Fix(how=How.PERSON, text=text, link=f"{DASHBOARD}apis")
        case State.CHECK:
            return Fix(how=How.PERSON, text=verdict.person or row.person, link=_link(row, case))
    if verdict.person:
        return Fix(how=How.PERSON, text=verdict.person, link=_link(row, case))
    node = remedy.graph.nodes.get(case.addresses.get(row.place, "")) if remedy.graph else None
    if node and not remedy.applied and _mends(node, row.attribute):
        return Fix(how=How.COMMAND, text=remedy.command)
    if remedy.graph and row.spec:
        address = case.addresses.get(row.place, "")
        return Fix(how=How.SPEC, text=row.spec, at=address, link=_link(row, case))
    return Fix(how=How.PERSON, text=row.person or "Describe it in a spec and apply that.", link=_link(row, case))


def _mends(node: DesiredObject, attribute: str) -> bool:
    """Whether applying the node changes the attribute. An empty list asks for nothing."""
    return not node.target.checked_only and node.constraints.get(attribute, Contains(())) != Contains(())


def _link(row: Precondition, case: Case) -> str:
    if not row.page or row.page.startswith("https://"):
        return row.page
    return DASHBOARD + re.sub(r"\{(\w+)\}", lambda found: _parameter(found[1], row, case), row.page)


def _parameter(name: str, row: Precondition, case: Case) -> str:
    if name == "client_id":
        client = case.app if row.of is Subject.APPLICATION else case.client
        return str((client or {}).get("client_id", ""))
    connection = case.tenant_view.connection(case.connection)
    strategy = connection.get("strategy") if isinstance(connection, dict) else ""
    return dashboard_section(str(strategy))

"""What is done with one member: its spec read, its tenant opened, planned, applied or judged, with nothing of another's."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tokenvault.applier.events import Ended, Report
from tokenvault.applier.events import Outcome as Ending
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.files import make_folder
from tokenvault.fleet.environment import MemberEnvironments
from tokenvault.fleet.folder import SavedPlans
from tokenvault.fleet.model import Member, Outcome, Result
from tokenvault.fleet.runner import INTERRUPTED, Runner
from tokenvault.kinds import kinds
from tokenvault.model.spec import Spec
from tokenvault.operations.apply import applied, refuse_another_tenant
from tokenvault.operations.doctor import examined
from tokenvault.operations.plan import drifted, planned, planned_destroy
from tokenvault.operations.reading import check_tenant
from tokenvault.plan.deletion import refuse_more_than
from tokenvault.plan.document import change_document, orphan_document
from tokenvault.plan.model import Action, Plan
from tokenvault.plan.planner import Options
from tokenvault.sandbox import DOMAIN
from tokenvault.spec.load import load_spec
from tokenvault.state.desired import build_graph
from tokenvault.tenant.client import Exchange, Tenant
from tokenvault.tenant.connect import TenantPool
from tokenvault.tenant.options import MAX_WAIT, TenantOptions

# ---- the members' specs: one that several share is read once, unless it refers to what differs between them


Seen = dict[str, str | None]


class _Watched(Mapping[str, str]):
    """Variables that record which of them were read."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.seen: Seen = {}

    def __getitem__(self, name: str) -> str:
        self.seen[name] = self._variables.get(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


class Specs:
    """Reads specs, each once for all that give the variables it looks at the same values."""

    def __init__(self) -> None:
        self._known: defaultdict[tuple[str, ...], list[tuple[Seen, Spec]]] = defaultdict(list)
        self._turns: defaultdict[tuple[str, ...], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def load(self, files: tuple[str, ...], variables: Mapping[str, str]) -> Spec:
        """The spec in these files, with these variables; `SpecError` when it is wrong."""
        async with self._turns[files]:
            for seen, spec in self._known[files]:
                if all(variables.get(name) == value for name, value in seen.items()):
                    return spec
            watched = _Watched(variables)
            spec = await asyncio.to_thread(load_spec, files, watched)
            self._known[files].append((watched.seen, spec))
            return spec


@dataclass(slots=True)
class Allowance:
    """How many objects may be deleted in all members together; None: any number."""

    limit: int | None = None
    taken: int = 0

    def take(self, plan: Plan) -> None:
        """Counts a plan's deletions; `RefusedError`, and nothing counted, when there would be too many."""
        wanted = plan.count(Action.DELETE)
        if self.limit is not None and self.taken + wanted > self.limit:
            beside = f", beside {self.taken} of other tenants" if self.taken else ""
            raise RefusedError(
                Diagnostic(
                    code="plan-max-destroy",
                    summary=f"{wanted} object{'s' * (wanted != 1)} would be deleted{beside}; --max-destroy allows "
                    f"{self.limit} in all",
                    hint="Nothing was changed here. Look at the plan, then allow as many as you mean.",
                )
            )
        self.taken += wanted


@dataclass(slots=True, kw_only=True)
class Job:
    """One command's work on members, and what it takes for that."""

    runner: Runner
    pool: TenantPool
    environments: MemberEnvironments
    options: Options = field(default_factory=Options)
    allowance: Allowance = field(default_factory=Allowance)
    specs: Specs = field(default_factory=Specs)
    max_rps: float | None = None
    max_wait: float = MAX_WAIT
    destroys: bool = False
    observe: Callable[[Member, Exchange], None] = lambda member, exchange: None

    async def validate(self, member: Member) -> Result:
        """Checks the member's spec. Nothing is sent."""
        spec = await self.runner.unless_stopped(self._spec(member))
        build_graph(spec, member.domain or DOMAIN)
        return Result(member=member, outcome=Outcome.VALID, problems=spec.warnings)

    async def plan(self, member: Member) -> Result:
        """Plans. A plan that would not be carried out, for its deletions, is a failure, and there to be looked at."""
        async with self._opened(member) as (tenant, spec):
            result = await self._planned(member, tenant, spec)
        assert result.plan
        try:
            self._allow(member, result.plan)
        except RefusedError as error:
            return replace(result, outcome=Outcome.FAILED, problems=error.diagnostics)
        return result

    async def apply(self, member: Member) -> Result:
        """Plans, and carries the plan out."""
        async with self._opened(member) as (tenant, spec):
            result = await self._planned(member, tenant, spec)
            assert result.plan
            self._allow(member, result.plan)
            return await self._carried_out(result, tenant, fresh=True)

    async def apply_planned(self, result: Result) -> Result:
        """Carries out a plan that was shown."""
        assert result.plan
        if result.plan.is_empty:
            return replace(result, outcome=self._done)
        async with self._open(result.member) as tenant:
            return await self._carried_out(result, tenant, fresh=False)

    async def apply_saved(self, member: Member, saved: SavedPlans) -> Result:
        """Carries out the plan that was saved for the member, and no other."""
        variables = await asyncio.to_thread(self.environments.of_spec, member, member.domain or DOMAIN)
        plan = await self.runner.unless_stopped(asyncio.to_thread(saved.plan, member.name, variables))
        result = _of_plan(member, plan, {}, variables)
        self._allow(member, plan)
        async with self._open(member) as tenant:
            refuse_another_tenant(plan, tenant.domain)
            return await self._carried_out(result, tenant, fresh=False)

    async def drift(self, member: Member) -> Result:
        """Looks for what changed behind the back of the member's spec."""
        async with self._opened(member) as (tenant, spec):
            self.runner.step(member, "reading")
            found = await self.runner.unless_stopped(drifted(tenant, spec))
            changes = tuple(change_document(change) for change in found.changes)
            dropped = [orphan_document(orphan) for orphan in found.dropped]
            gone = sum(change.action is Action.DELETE for change in found.changes)
            return Result(
                member=member,
                outcome=Outcome.CHECKED,
                problems=found.plan.warnings,
                summary={"changed": len(changes) - gone, "gone": gone, "dropped": len(dropped)},
                changes=changes,
                like=likeness([*changes, *dropped], tenant.domain),
                settled=found.is_empty,
                reads=tenant.reads,
            )

    async def doctor(self, member: Member) -> Result:
        """Judges whether tokens can be exchanged there."""
        async with self._opened(member) as (tenant, spec):
            self.runner.step(member, "examining")
            return _diagnosed(member, await self.runner.unless_stopped(examined(tenant, spec)), tenant)

    # ---- within

    async def _spec(self, member: Member) -> Spec:
        variables = await asyncio.to_thread(self.environments.of_spec, member, member.domain or DOMAIN)
        return await self.specs.load(member.spec, variables)

    @asynccontextmanager
    async def _open(self, member: Member) -> AsyncIterator[Tenant]:
        options = TenantOptions(
            tenant=member.domain or None,
            sandbox=member.sandbox,
            max_rps=min(filter(None, (member.max_rps, self.max_rps)), default=None),
            max_wait=self.max_wait,
            cli_login=False,
        )
        if member.sandbox:
            await asyncio.to_thread(make_folder, member.sandbox.parent)
        given = {} if member.sandbox else self.environments.of_tenant(member)
        async with self.pool.open(options, given, observe=lambda exchange: self.observe(member, exchange)) as tenant:
            yield tenant

    @asynccontextmanager
    async def _opened(self, member: Member) -> AsyncIterator[tuple[Tenant, Spec]]:
        spec = await self.runner.unless_stopped(self._spec(member))
        async with self._open(member) as tenant:
            check_tenant(spec, tenant.domain, TenantOptions(sandbox=member.sandbox))
            yield tenant, spec

    async def _planned(self, member: Member, tenant: Tenant, spec: Spec) -> Result:
        self.runner.step(member, "reading")
        made = planned_destroy(tenant, spec, ()) if self.destroys else planned(tenant, spec, self.options)
        found = await self.runner.unless_stopped(made)
        plan = await asyncio.to_thread(found.restrict, None, None, member.max_rps or self.max_rps)
        variables = self.environments.of_spec(member, tenant.domain)
        return replace(_of_plan(member, plan, found.live.ids, variables), reads=tenant.reads)

    def _allow(self, member: Member, plan: Plan) -> None:
        """`RefusedError` when the plan deletes more than the member, or all of them together, allow."""
        gone = [change.address for change in plan.changes if change.action is Action.DELETE]
        if member.protect and gone:
            summary = f"{member.name} is protected, and {len(gone)} object{'s' * (len(gone) != 1)} would be deleted"
            hint = "Nothing was changed. Take `protect` away in the fleet file if you mean it."
            detail = f"First of all {gone[0]}." if len(gone) > 1 else f"It is {gone[0]}."
            raise RefusedError(Diagnostic(code="fleet-protected", summary=summary, detail=detail, hint=hint))
        refuse_more_than(member.max_destroy, plan.changes)
        self.allowance.take(plan)

    @property
    def _done(self) -> Outcome:
        return Outcome.DESTROYED if self.destroys else Outcome.APPLIED

    async def _carried_out(self, result: Result, tenant: Tenant, *, fresh: bool) -> Result:
        assert result.plan
        plan, report, stop = result.plan, Report(), self.runner.stop
        if plan.is_empty:
            return replace(result, outcome=self._done, reads=tenant.reads)
        if stop.is_set():
            return replace(result, outcome=Outcome.SKIPPED, problems=(INTERRUPTED,))
        self.runner.step(result.member, f"0 of {len(plan.changes)}")
        async with aclosing(applied(plan, tenant, report, stop=stop, fresh=fresh)) as events:
            async for event in events:
                if isinstance(event, Ended):
                    self.runner.step(result.member, f"{len(report.ended)} of {len(plan.changes)}")
        counts = {action.value: report.done(plan.changes, action) for action in Action}
        done = replace(result, outcome=self._done, summary={**result.summary, **counts}, settled=True)
        done = replace(done, reads=tenant.reads, writes=tenant.writes)
        if report.succeeded:
            return replace(done, problems=(*done.problems, *report.warnings))
        return replace(done, outcome=Outcome.FAILED, problems=_why(report))


def _why(report: Report) -> tuple[Diagnostic, ...]:
    left = len(report.of(Ending.NOT_ATTEMPTED))
    problems = report.problems
    if left:
        summary = f"Interrupted: {left} of {len(report.ended)} changes were not attempted"
        hint = "`--failed` goes on where it stopped: finished steps are not repeated."
        problems.append(Diagnostic(code="fleet-interrupted", summary=summary, hint=hint))
    return tuple(problems)


def _of_plan(member: Member, plan: Plan, ids: Mapping[str, str], variables: Mapping[str, str]) -> Result:
    changes = tuple(change_document(change) for change in plan.changes)
    shown = {v.name: variables[v.name] for v in plan.variables if v.name in variables and not v.sensitive}
    return Result(
        member=member,
        outcome=Outcome.PLANNED,
        problems=plan.warnings,
        summary={action.value: plan.count(action) for action in Action},
        changes=changes,
        like=likeness(changes, plan.tenant, ids, shown),
        settled=plan.is_settled,
        plan=plan,
    )


def _diagnosed(member: Member, diagnosis: Mapping[str, Any], tenant: Tenant) -> Result:
    findings = [finding for finding in diagnosis["findings"] if finding["state"] != "check"]
    shown = [{"address": f["subject"]["name"], "says": f["says"], "state": f["state"]} for f in findings]
    return Result(
        member=member,
        outcome=Outcome.CHECKED,
        summary={state.replace(" ", "_"): count for state, count in diagnosis["summary"].items()},
        changes=tuple(shown),
        like=likeness(shown, tenant.domain),
        ready=bool(diagnosis["ready"]),
        settled=bool(diagnosis["ready"]),
        reads=tenant.reads,
    )


# ---- which members get the same changes: what is a tenant's own (its domain, its ids, its variables) does not count


_OF_THE_TENANT = ("id", "source", "requires", "unmanaged", "unmanaged_options", "kept", "why")
"""What a change says of the tenant and of the spec's lines, not of what becomes of the object."""


SHORTEST = 3
"""Shorter values of variables than this are not looked for: they would be found by chance."""


def likeness(
    changes: Sequence[Mapping[str, Any]],
    domain: str,
    ids: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """A hash of the changes that is equal for the same changes on other tenants.

    `ids` are the tenant's own, by the addresses of their objects; `variables` those that the spec shows.
    """
    names = {value: f"<{address}>" for address, value in (ids or {}).items() if value}
    own = {domain: "<domain>", **{value: f"<{name}>" for name, value in (variables or {}).items()}}
    longest = sorted((value for value in own if len(value) >= SHORTEST), key=len, reverse=True)
    shown = _plain([_unmarked(change) for change in changes], names, {value: own[value] for value in longest})
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _unmarked(change: Mapping[str, Any]) -> Mapping[str, Any]:
    """The change without the mark, which follows from the rest and holds hashes of it."""
    marker = kinds()[change["kind"]].marker if "kind" in change else ""
    if not marker or "attributes" not in change:
        return change
    kept = [a for a in change["attributes"] if not str(a["path"][0]).startswith(marker)]
    return {**change, "attributes": kept}


def _plain(value: Any, names: Mapping[str, str], own: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if key not in _OF_THE_TENANT}
        return {_plain(key, names, own): _plain(item, names, own) for key, item in kept.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, names, own) for item in value]
    if isinstance(value, str):
        if value in names:
            return names[value]
        for found, name in own.items():
            value = value.replace(found, name)
    return value

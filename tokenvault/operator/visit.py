"""One visit of a tenant for one object: read, plan, tell drift, decide, apply. All that is written passes through here."""

from __future__ import annotations

import asyncio
import glob
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from tokenvault.applier.events import Report
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.model.spec import Spec
from tokenvault.operations.apply import applied
from tokenvault.operations.plan import Planned, planned, planned_destroy
from tokenvault.operations.reading import check_tenant
from tokenvault.operator.resource import Mode, OnDrift, Resource
from tokenvault.operator.status import (
    Condition,
    Conditions,
    Next,
    Outcome,
    applying_status,
    counted,
    counts,
    message_of,
    now,
    plan_status,
    ready,
    trying,
    waiting,
)
from tokenvault.plan.drift import Drift, find_drift
from tokenvault.plan.file import content_hash
from tokenvault.plan.model import Action, Plan
from tokenvault.plan.planner import Options
from tokenvault.tenant.client import Tenant
from tokenvault.tenant.options import TenantOptions

SHOWN = 5
Tell = Callable[[Outcome], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visit. `tell` writes the status before the tenant is changed; `stop` ends the work after what is under way.

    `unfinished` are the addresses of an apply that was cut short: what is missing there was not taken away by others.
    """

    resource: Resource
    spec: Spec
    tenant: Tenant
    stop: asyncio.Event
    tell: Tell
    unfinished: Callable[[str], bool] = lambda address: False

    async def reconcile(self) -> tuple[Outcome, Planned]:
        """Makes the tenant what the spec says, as far as the object allows; and what it was planned from."""
        self._check()
        made = await planned(self.tenant, self.spec, Options(prune=self.resource.prune))
        drift = self._by_others(find_drift(made.plan, made.graph, made.live))
        plan = made.restrict((), self._left_alone(drift), None)
        digest = await asyncio.to_thread(content_hash, plan)
        outcome = self._decided(plan, digest, drift)
        if outcome is None:
            outcome = await self._apply(plan, digest, drift)
        return outcome, made

    async def destroy(self) -> Outcome:
        """Takes away what the spec gave. The outcome has not failed when all of it is gone."""
        self._check()
        plan = (await planned_destroy(self.tenant, self.spec, ())).plan
        message = f"Destroying: {counted(plan)}."
        await self.tell(Outcome(reason="operator-destroying", conditions=trying("operator-destroying", message)))
        report = await self._carried_out(plan)
        if report.succeeded:
            return Outcome(reason="operator-destroyed", conditions=ready("operator-destroyed", message))
        return self._unfinished(report)

    def _check(self) -> None:
        check_tenant(self.spec, self.tenant.domain, TenantOptions())

    def _by_others(self, drift: Drift) -> Drift:
        changes = tuple(change for change in drift.changes if not self.unfinished(change.address))
        return replace(drift, changes=changes)

    def _left_alone(self, drift: Drift) -> list[str]:
        """What others changed, where that is only to be told."""
        if self.resource.on_drift is OnDrift.CORRECT or self.resource.mode is Mode.OBSERVE:
            return []
        return [glob.escape(change.address) for change in drift.changes]

    def _decided(self, plan: Plan, digest: str, drift: Drift) -> Outcome | None:
        """What there is to say when nothing is to be written; None when the plan is to be carried out."""
        resource, found = self.resource, counted(plan)
        if plan.is_empty and not self._left_alone(drift):
            return replace(self._outcome(IN_SYNC, plan, digest, drift), applying={})
        if plan.is_empty:
            return self._outcome(REPORTED, plan, digest, drift)
        if resource.mode is Mode.OBSERVE:
            message = f"{found}. Mode Observe writes nothing; status.plan.summary has the plan."
            return self._outcome(waiting("changes-pending", message), plan, digest, drift)
        if resource.mode is Mode.APPROVE and resource.approved_plan != digest:
            return self._outcome(_unapproved(resource, found, digest), plan, digest, drift)
        self._refuse_deletions(plan)
        return None

    def _refuse_deletions(self, plan: Plan) -> None:
        gone = [change.address for change in plan.changes if change.action is Action.DELETE]
        if len(gone) > self.resource.max_destroy:
            summary = f"{_numbered(len(gone))} would be deleted, and maxDestroy allows {self.resource.max_destroy}"
            detail = f"To be deleted: {_listed(gone)}."
            hint = "Nothing was changed. Allow as many as you mean, or set prune to false."
            raise RefusedError(Diagnostic(code="plan-max-destroy", summary=summary, detail=detail, hint=hint))

    async def _apply(self, plan: Plan, digest: str, drift: Drift) -> Outcome:
        message = f"Applying: {counted(plan)}."
        begun = self._outcome(trying("operator-applying", message), plan, digest, drift)
        await self.tell(replace(begun, applying=applying_status(plan, digest)))
        report = await self._carried_out(plan)
        if not report.succeeded:
            return self._unfinished(report, drifted(drift))
        done = {"hash": digest, "counts": counts(plan), "generation": self.resource.generation, "time": now()}
        left = self._left_alone(drift)
        return Outcome(
            reason="applied",
            conditions={**(REPORTED if left else IN_SYNC), "Drifted": drifted(drift) if left else NO_DRIFT},
            plan={"hash": "", "counts": dict.fromkeys(counts(plan), 0), "summary": ""},
            applied=done,
            applying={},
            requests=self._requests(),
        )

    async def _carried_out(self, plan: Plan) -> Report:
        report = Report()
        async for _ in applied(plan, self.tenant, report, stop=self.stop, fresh=True):
            pass
        return report

    def _unfinished(self, report: Report, drift: Condition | None = None) -> Outcome:
        """Some of it was not done. Whatever was done is seen by the next plan."""
        problems = report.problems
        code = problems[0].code if problems else "operator-interrupted"
        message = message_of(problems) if problems else "The operator was stopped; it goes on when it is back."
        conditions = trying(code, message)
        return Outcome(
            reason=code,
            conditions={**conditions, "Drifted": drift} if drift else conditions,
            next=Next.BACKOFF,
            requests=self._requests(),
            failed=True,
        )

    def _outcome(self, conditions: Conditions, plan: Plan, digest: str, drift: Drift) -> Outcome:
        return Outcome(
            reason=conditions["Ready"].reason,
            conditions={**conditions, "Drifted": drifted(drift)},
            plan=plan_status(plan, digest),
            requests=self._requests(),
        )

    def _requests(self) -> tuple[int, int]:
        return self.tenant.reads, self.tenant.writes


def _unapproved(resource: Resource, found: str, digest: str) -> Conditions:
    if resource.approved_plan:
        message = f"approvedPlan is the hash of another plan: the spec or the tenant changed since. Now: {found}."
        return waiting("approval-outdated", f"{message} Read status.plan.summary, then set approvedPlan to {digest}.")
    message = f"{found}. Read status.plan.summary, then set approvedPlan to {digest}."
    return waiting("approval-needed", message)


IN_SYNC = ready("in-sync", "The tenant is as the spec says.")
"""The same words whether something was applied or nothing had to be: the next look finds no news."""
REPORTED = waiting(
    "drift-reported", "Others changed what the spec manages, and onDrift is Report. Set it to Correct to undo that."
)
NO_DRIFT = Condition(False, "no-drift")


def drifted(drift: Drift) -> Condition:
    """Whether others changed what the spec manages, or something was left behind."""
    if drift.changes:
        return Condition(True, "drift-found", f"Changed by others: {_listed([c.address for c in drift.changes])}.")
    if drift.dropped:
        named = _listed([orphan.address for orphan in drift.dropped])
        return Condition(
            True, "drift-dropped", f"No longer in the spec, and still there: {named}. `prune` deletes them."
        )
    return NO_DRIFT


def _listed(addresses: list[str]) -> str:
    more = f" and {len(addresses) - SHOWN} more" if len(addresses) > SHOWN else ""
    return ", ".join(addresses[:SHOWN]) + more


def _numbered(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'}"

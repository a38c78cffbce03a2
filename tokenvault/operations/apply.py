"""Applies a plan: checks, events and report. The command line, the Python API, fleets and the operator all call it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from tokenvault.applier.conflicts import NOTHING, precheck
from tokenvault.applier.engine import apply_plan
from tokenvault.applier.events import Event, Report
from tokenvault.errors import Diagnostic, RefusedError, Unresolved
from tokenvault.plan.model import Plan
from tokenvault.plan.preflight import checked, missing
from tokenvault.secrets import Secret
from tokenvault.spec.references import References

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


def refuse_another_tenant(plan: Plan, domain: str) -> None:
    """`RefusedError` when the plan was made for another tenant."""
    if domain != plan.tenant:
        summary = f"The plan is for {plan.tenant}, and this is {domain}"
        raise RefusedError(Diagnostic(code="tenant-guard", summary=summary, hint="Plan again for this tenant."))


async def refuse_without_scopes(plan: Plan, tenant: Tenant) -> None:
    """`RefusedError` when the token is known to lack what the plan's requests need."""
    lacking = missing(checked(plan, (await tenant.token.access()).scopes))
    if lacking:
        raise RefusedError(lacking)


def resolved(reference: str, folder: str, environment: Mapping[str, str]) -> Secret:
    """The secret that a plan's reference stands for here and now; `RefusedError` when it stands for nothing."""
    try:
        return References(environment, Path(folder)).secret(reference)
    except Unresolved as error:
        code = (
            "plan-file-secret" if error.code == "spec-own-credential" else error.code
        )  # no spec says so: it is forged
        raise RefusedError(Diagnostic(code=code, summary=error.summary, hint=error.hint)) from None


async def applied(
    plan: Plan, tenant: Tenant, report: Report, *, stop: asyncio.Event | None = None, fresh: bool = False
) -> AsyncGenerator[Event, None]:
    """Applies the plan; each event is noted in the report and handed on, and in the end the report is in the plan's order.

    Before the first write, `RefusedError` for another tenant or a token that lacks scopes; and what the plan creates is
    looked for, unless the plan is `fresh`: made from this tenant a moment ago. What is there already, as the plan wants it,
    is not written again, so a plan that was carried out before changes nothing.
    """
    refuse_another_tenant(plan, tenant.domain)
    await refuse_without_scopes(plan, tenant)
    tenant.pacer.expect((plan.writes + plan.rereads) / plan.pace.per_second)
    prechecked = NOTHING if fresh else await precheck(tenant, plan)
    try:
        async with aclosing(apply_plan(plan, tenant, stop=stop, prechecked=prechecked, fresh=fresh)) as events:
            async for event in events:
                report.note(event)
                yield event
    finally:
        report.ended = {c.address: report.ended[c.address] for c in plan.changes if c.address in report.ended}

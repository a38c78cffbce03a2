"""Carrying out a plan: what is refused before the first write, and the events of the writes, noted in a report."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from tokenvault.applier.conflicts import NOTHING, Precheck
from tokenvault.applier.engine import apply_plan
from tokenvault.applier.events import Event, Report
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.plan.model import Plan
from tokenvault.plan.preflight import missing

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


def refuse_another_tenant(plan: Plan, domain: str) -> None:
    """`RefusedError` when the plan was made for another tenant."""
    if domain != plan.tenant:
        summary = f"The plan is for {plan.tenant}, and this is {domain}"
        raise RefusedError(Diagnostic(code="tenant-guard", summary=summary, hint="Plan again for this tenant."))


def refuse_without_scopes(made: Plan) -> None:
    """`RefusedError` when the token is known to lack what the plan's requests need."""
    lacking = missing(made)
    if lacking:
        raise RefusedError(lacking)


async def applied(
    plan: Plan,
    tenant: Tenant,
    report: Report,
    *,
    stop: asyncio.Event | None = None,
    prechecked: Precheck = NOTHING,
) -> AsyncIterator[Event]:
    """Applies the plan; each event is noted in the report and handed on."""
    async with aclosing(apply_plan(plan, tenant, stop=stop, prechecked=prechecked)) as events:
        async for event in events:
            report.note(event)
            yield event

"""Carrying out a plan on the command line: progress, interrupts, the summary, the exit code."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from tokenvault.cli import INTERRUPTED
from tokenvault.cli.interrupts import interruptible

if TYPE_CHECKING:
    from tokenvault.cli.progress import Progress
    from tokenvault.cli.session import Session
    from tokenvault.plan.model import Plan
    from tokenvault.tenant.client import Tenant


async def carry_out(
    session: Session,
    tenant: Tenant,
    made: Plan,
    *,
    progress: Progress | None = None,
    fresh: bool = False,
) -> int:
    """Applies a plan, showing progress; the exit code. A plan is `fresh` when it did not wait since it was made."""
    import asyncio

    from tokenvault.applier.events import Report
    from tokenvault.cli.progress import progress_for
    from tokenvault.cli.tally import Counter, with_elapsed
    from tokenvault.operations.apply import applied

    progress = progress or progress_for(session.console, json=False, debug=session.debug)
    stop, report = asyncio.Event(), Report()
    counter = Counter(made, lambda: tenant.pacer.limited)
    progress.begin(counter)
    try:
        with interruptible(stop, progress.interrupted):
            events = applied(made, tenant, report, stop=stop, fresh=fresh)
            async with aclosing(events), aclosing(with_elapsed(events, counter)) as shown:
                async for event in shown:
                    progress.show(event)
    finally:
        progress.end()
    progress.finished(made, report, tenant, session.command("doctor", *made.files))
    return INTERRUPTED if stop.is_set() else 0 if report.succeeded else 1

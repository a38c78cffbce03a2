"""Carrying out a plan on the command line: progress, interrupts, the summary, the exit code."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from tokenvault.cli import INTERRUPTED

if TYPE_CHECKING:
    import asyncio

    from tokenvault.cli.progress import Progress
    from tokenvault.cli.session import Session
    from tokenvault.plan.model import Plan
    from tokenvault.tenant.client import Tenant

# ---- the two steps of an interrupt, for whatever runs in the event loop of a command


@contextlib.contextmanager
def interruptible(stop: asyncio.Event, told: Callable[[], None]) -> Iterator[None]:
    """The first interrupt is `told`, lets what was sent end and sends nothing else; the second is a `KeyboardInterrupt`.

    It cancels what runs within, so that requests and generators are closed in their order.
    """
    import asyncio

    task, again = asyncio.current_task(), False

    def interrupt() -> None:
        nonlocal again
        if stop.is_set() and task:
            again = True
            task.cancel()
            return
        stop.set()
        told()

    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, interrupt)
    try:
        yield
    except asyncio.CancelledError:
        if again:
            raise KeyboardInterrupt from None
        raise
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)


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
    from tokenvault.cli.progress import Counter, with_elapsed
    from tokenvault.operations.apply import applied

    progress = progress or progress_for(session, json=False)
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


def progress_for(session: Session, *, json: bool) -> Progress:
    """The display for an apply: JSON lines if asked for, live where stderr is a watched terminal, else plain lines."""
    from tokenvault.cli.progress import Lines, Stream

    console = session.console
    if json:
        return Stream(console)
    if session.debug or not console.is_watched:
        return Lines(console)
    from tokenvault.cli.live_progress import Live  # it loads rich

    return Live(console)

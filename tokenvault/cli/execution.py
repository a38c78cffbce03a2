"""Carrying out a plan on the command line: progress, interrupts, the summary, the exit code."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from tokenvault.cli import INTERRUPTED
from tokenvault.cli.suggestions import completed_problem
from tokenvault.errors import TokenVaultError

if TYPE_CHECKING:
    import asyncio

    from tokenvault.cli.progress import Progress
    from tokenvault.cli.session import Session
    from tokenvault.plan.model import Plan
    from tokenvault.tenant.client import Tenant
    from tokenvault.tenant.pacing import Wait

# ---- the two steps of an interrupt, for whatever runs in the event loop of a command


@contextlib.contextmanager
def interruptible(stop: asyncio.Event, on_interrupt: Callable[[], None]) -> Iterator[None]:
    """The first interrupt calls `on_interrupt` and sends nothing else; what was sent ends. The second is a `KeyboardInterrupt`.

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
        on_interrupt()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """How a plan is approved: by `answer` to the `question`, or beforehand (`auto`). `command` is what is cancelled else."""

    command: str
    question: str
    answer: str
    auto: bool


def run_applying(progress: Progress, work: Coroutine[Any, Any, int]) -> None:
    """Runs what plans and applies, and exits with its exit code. Those who read the progress are told of a refusal, too."""
    import asyncio

    try:
        code = asyncio.run(work)
    except TokenVaultError as error:
        progress.failed(tuple(map(completed_problem, error.diagnostics)))
        raise
    if code:
        raise typer.Exit(code)


def shown(progress: Progress) -> Callable[[Wait], None]:
    """Has waiting for Auth0 shown among the other events."""
    from tokenvault.applier.events import Waiting

    return lambda wait: progress.show(Waiting.of(wait))


async def show_and_carry_out(
    session: Session, tenant: Tenant, made: Plan, progress: Progress, approval: Approval, max_destroy: int | None
) -> int:
    """Shows a plan that was just made, and carries it out when nothing refuses it and it is approved; the exit code."""
    from tokenvault.operations.apply import refuse_without_scopes
    from tokenvault.plan.deletion import refuse_more_than
    from tokenvault.plan.document import plan_document

    progress.planned(plan_document(made), full=True)
    await refuse_without_scopes(made, tenant)
    refuse_more_than(max_destroy, made.changes)
    if not (made.is_empty or approval.auto or session.console.ask(approval.question) == approval.answer):
        session.console.err(f"\n{approval.command} cancelled. Nothing was changed.\n")
        return 1
    return await carry_out(session, tenant, made, progress=progress, fresh=approval.auto)


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

"""How an apply is shown while it runs: plain lines, a live display in a terminal, or JSON lines for programs."""

from __future__ import annotations

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING

from tokenvault.applier.events import (
    Ended,
    Event,
    Outcome,
    Reached,
    Report,
    Stage,
    Started,
    Tally,
    Verified,
    Waiting,
    Working,
)
from tokenvault.cli.suggestions import completed
from tokenvault.plan.model import Action
from tokenvault.render.ndjson import diagnostic_line, event_line, planned_lines, summary_line, version_line
from tokenvault.text import safe, safe_json

if TYPE_CHECKING:
    from tokenvault.cli.console import Console
    from tokenvault.errors import Diagnostic
    from tokenvault.plan.document import Document
    from tokenvault.plan.model import Plan
    from tokenvault.tenant.client import Tenant

# ---- how far an apply has come: counted from its events, and told again and again while it goes on


EVERY = 10.0
RECENT = 30.0
PRIOR = 20


class Counter:
    """Counts the changes of a plan by how far they are, and tells how long the rest will take.

    `limited` says whether requests were held back for a rate limit.
    """

    def __init__(self, plan: Plan, limited: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self.total = len(plan.changes)
        self.since = clock()
        self.sent: dict[str, tuple[float, Reached]] = {}
        self._waiting: set[str] = set()
        self._over: dict[str, float] = {}
        self._failed: set[str] = set()
        self._not_tried: set[str] = set()
        self._recent: deque[float] = deque()
        self._announced = (plan.writes + plan.rereads) / plan.pace.per_second / max(1, self.total)
        self._limited, self._clock = limited, clock

    def note(self, event: Event) -> None:
        """Takes in an event."""
        match event:
            case Started():
                self._move(event.address)
                self._waiting.add(event.address)
            case Reached(stage=Stage.SENT):
                self._move(event.address)
                self.sent[event.address] = self._clock(), event
            case Reached(stage=Stage.WAITING):
                self._move(event.address)
                self._waiting.add(event.address)
            case Reached(stage=Stage.WRITTEN):
                self._move(event.address)
                self._finish(event.address)
            case Ended():
                self._move(event.address)
                self._finish(event.address)
                if event.outcome in (Outcome.FAILED, Outcome.INCOMPLETE):
                    self._failed.add(event.address)
                elif event.outcome is not Outcome.DONE:
                    self._not_tried.add(event.address)

    def _move(self, address: str) -> None:
        self.sent.pop(address, None)
        self._waiting.discard(address)

    def _finish(self, address: str) -> None:
        if address not in self._over:
            self._over[address] = self._clock()
            self._recent.append(self._clock())

    def tally(self) -> Tally:
        """How far it has come by now."""
        over, under_way, waiting = len(self._over), len(self.sent), len(self._waiting)
        return Tally(
            total=self.total,
            over=over,
            failed=len(self._failed),
            not_tried=len(self._not_tried),
            under_way=under_way,
            waiting=waiting,
            to_come=self.total - over - under_way - waiting,
            seconds=(self.total - over) * self._seconds_each(),
            limited=self._limited(),
        )

    def _seconds_each(self) -> float:
        """What a change takes, by the last ones, as if some had gone before at the pace that the plan announced.

        Requests go in bursts: the last few alone would make the estimate jump.
        """
        now = self._clock()
        while self._recent and self._recent[0] < now - RECENT:
            self._recent.popleft()
        return (PRIOR * self._announced + min(RECENT, now - self.since)) / (PRIOR + len(self._recent))


async def with_elapsed(
    events: AsyncIterator[Event], counter: Counter, every: float = EVERY
) -> AsyncGenerator[Event, None]:
    """The events, and each time so many seconds have passed a `Tally`, and a `Working` for every write that is under way.

    A write is told of when it has been under way for so long.
    """
    coming: asyncio.Future[Event | None] = asyncio.ensure_future(anext(events, None))
    ticks = 1
    try:
        while True:
            due = counter.since + every * ticks
            await asyncio.wait({coming}, timeout=max(0.0, due - time.monotonic()))
            if time.monotonic() >= due:
                ticks += 1
                for late in _overdue(counter, every):
                    yield late
                yield counter.tally()
            if not coming.done():
                continue
            event = coming.result()
            if event is None:
                return
            counter.note(event)
            coming = asyncio.ensure_future(anext(events, None))
            yield event
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


def _overdue(counter: Counter, every: float) -> list[Event]:
    """The writes that have been under way for longer than that."""
    now = time.monotonic()
    return [
        Working(address=address, action=sent.action, seconds=now - since)
        for address, (since, sent) in counter.sent.items()
        if now - since >= every
    ]


READABLE = 100
INTERRUPTED = "\nInterrupted: what was sent ends, nothing else is sent. Again to stop at once."
STARTED = {Action.CREATE: "Creating", Action.UPDATE: "Updating", Action.DELETE: "Deleting"}
DONE = {Action.CREATE: "Creation complete", Action.UPDATE: "Update complete", Action.DELETE: "Deletion complete"}


class Progress(ABC):
    """Shows an apply to people or programs, from its plan to its end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @abstractmethod
    def planned(self, document: Document, *, full: bool) -> None:
        """The plan that is to be carried out; `full` when nobody has seen it yet."""

    @abstractmethod
    def show(self, event: Event) -> None:
        """Shows one event."""

    @abstractmethod
    def finished(self, plan: Plan, report: Report, tenant: Tenant, doctor: str) -> None:
        """Shows how the apply ended."""

    def begin(self, counter: Counter) -> None:  # noqa: B027
        """Called before the first write. The counter tells at any time how far the apply is."""

    def end(self) -> None:  # noqa: B027
        """Called when no event follows."""

    def failed(self, problems: tuple[Diagnostic, ...]) -> None:  # noqa: B027
        """Called when the apply could not begin. The command line shows why."""

    def remark(self, text: str) -> None:
        """Shows people a remark that is no event."""
        self._console.err(f"{text}\n")

    def interrupted(self) -> None:
        """Called when the user stopped the apply: says what becomes of the rest, and how to end at once. Its events follow."""
        self.remark(INTERRUPTED)


class Lines(Progress):
    """A line for each event, on stderr, in terraform's words: for logs and for terminals that cannot redraw."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._ids: dict[str, str | None] = {}
        self._begun: set[str] = set()

    def planned(self, document: Document, *, full: bool) -> None:
        """The plan on stdout; one that was reviewed before, or that nobody could read, as one line per object."""
        from tokenvault.render.text import plan_text

        console, many = self._console, len(document["changes"]) > READABLE
        shown = plan_text(document, console.paint, summary=many or not full, width=console.width)
        console.out(completed(shown))
        if many and full:
            self.remark(f"\nMore than {READABLE} objects change: `tokenvault plan` shows every attribute of them.")

    def begin(self, counter: Counter) -> None:
        """Room between the plan and what follows."""
        self._console.err("\n")

    def show(self, event: Event) -> None:
        """One line, or none for what the summary tells."""
        text = line_of(event)
        if isinstance(event, Started):
            self._ids[event.address] = event.id
        if isinstance(event, Reached) and text:  # a change of several requests begins once
            text = "" if event.address in self._begun else f"{text}{_id(self._ids.get(event.address))}"
            self._begun.add(event.address)
        if text:
            address = getattr(event, "address", "")
            self.remark(f"{self._console.paint_err(safe(address), 'bold')}: {text}" if address else text)

    def finished(self, plan: Plan, report: Report, tenant: Tenant, doctor: str) -> None:
        """Problems on stderr, the summary on stdout."""
        from tokenvault.render.text import report_text

        if plan.is_empty:
            return
        problems = [*report.problems, *report.warnings]
        self._console.err("\n" if problems else "")
        for problem in problems:
            self._console.problem(problem)
        console, sent = self._console, {"reads": tenant.reads, "writes": tenant.writes}
        console.out_prose(report_text(plan, report, console.paint, **sent, doctor=doctor, width=console.width))


def line_of(event: Event) -> str:
    """What a log says of an event, after the address."""
    match event:
        case Reached(stage=Stage.SENT):
            return f"{STARTED[event.action]}..."
        case Tally():
            return ", ".join(tally_parts(event))
        case Working():
            return f"Still {STARTED[event.action].lower()}... [{event.seconds:.0f}s elapsed]"
        case Waiting():
            return str(event)
        case Ended(outcome=Outcome.DONE):
            note = f"; {safe(event.note)}" if event.note else ""
            return f"{DONE[event.action]} after {event.seconds:.0f}s{_id(event.id)}{note}"
        case Ended(outcome=Outcome.FAILED):
            return f"Failed after {event.seconds:.0f}s"
        case Ended(outcome=Outcome.INCOMPLETE):
            return f"Incomplete after {event.seconds:.0f}s{_id(event.id)}"
        case Ended(outcome=Outcome.SKIPPED):
            why = event.diagnostic.summary if event.diagnostic else ""
            return f"Skipped: {safe(why.removeprefix(f'{event.address} '))}"
        case Verified():
            kept = "all as planned" if not event.not_kept else f"{len(event.not_kept)} not as planned"
            return f"Checked {event.checked} object{'' if event.checked == 1 else 's'}: {kept}."
    return ""


def tally_parts(tally: Tally) -> list[str]:
    """How far an apply has come, in parts, the time that is left last; what is nought is left out."""
    numbers = {
        "failed": tally.failed,
        "not tried": tally.not_tried,
        "under way": tally.under_way,
        "waiting for the rate limit" if tally.limited else "waiting their turn": tally.waiting,
        "to come": tally.to_come,
    }
    counts = [f"{count} {name}" for name, count in numbers.items() if count]
    remaining = [
        f"about {roughly(tally.seconds)} left" if tally.over < tally.total else "reading back what was written"
    ]
    return [f"[{tally.over}/{tally.total}] {tally.over - tally.failed - tally.not_tried} done", *counts, *remaining]


def roughly(seconds: float) -> str:
    """Seconds as a rounded estimate: `20 s`, `3 min`."""
    return f"{max(5, math.ceil(seconds / 5) * 5)} s" if seconds < 90 else f"{math.ceil(seconds / 60)} min"


def _id(value: str | None) -> str:
    return f" [id={safe(value)}]" if value else ""


class Stream(Progress):
    """Writes each event as a line, as it comes."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._write(version_line())

    def _write(self, line: Document) -> None:
        kind, message = line.pop("type"), line.pop("message")
        stamped = {"type": kind, "time": round(time.time(), 3), "message": message, **line}
        self._console.out(safe_json(stamped) + "\n")

    def planned(self, document: Document, *, full: bool) -> None:
        """A line for each change, and one for all."""
        for line in planned_lines(document):
            self._write(line)

    def show(self, event: Event) -> None:
        """Its line."""
        self._write(event_line(event))

    def finished(self, plan: Plan, report: Report, tenant: Tenant, doctor: str) -> None:
        """The last line."""
        self._write(summary_line(report, plan, reads=tenant.reads, writes=tenant.writes))

    def failed(self, problems: tuple[Diagnostic, ...]) -> None:
        """A line for each problem; the command line shows them on stderr as well."""
        for problem in problems:
            self._write(diagnostic_line(problem))

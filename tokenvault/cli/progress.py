"""How an apply is shown while it runs: plain lines, a live display in a terminal, or JSON lines for programs."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Protocol

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
    from tokenvault.cli.tally import Counter
    from tokenvault.errors import Diagnostic
    from tokenvault.plan.document import Document
    from tokenvault.plan.model import Plan
    from tokenvault.tenant.client import Tenant

READABLE = 100
INTERRUPTED = "\nInterrupted: what was sent ends, nothing else is sent. Again to stop at once."
STARTED = {Action.CREATE: "Creating", Action.UPDATE: "Updating", Action.DELETE: "Deleting"}
DONE = {Action.CREATE: "Creation complete", Action.UPDATE: "Update complete", Action.DELETE: "Deletion complete"}


class Progress(Protocol):
    """What shows an apply."""

    def planned(self, document: Document, *, full: bool) -> None:
        """The plan that is to be carried out; `full` when nobody has seen it yet."""

    def begin(self, counter: Counter) -> None:
        """The first write is near. The counter tells at any time how far the apply is."""

    def show(self, event: Event) -> None:
        """Something happened."""

    def remark(self, text: str) -> None:
        """Something to say beside that."""

    def interrupted(self) -> None:
        """The user stopped it: what was sent ends, and its events follow."""

    def end(self) -> None:
        """No event follows."""

    def finished(self, plan: Plan, report: Report, tenant: Tenant, doctor: str) -> None:
        """How it ended."""

    def failed(self, problems: tuple[Diagnostic, ...]) -> None:
        """It could not be carried out."""


class Lines:
    """A line for each event, on stderr, in terraform's words: for logs and for terminals that cannot redraw."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._ids: dict[str, str | None] = {}

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
        if isinstance(event, Reached):
            text += _id(self._ids.get(event.address)) if text else ""
        if text:
            address = getattr(event, "address", "")
            self.remark(f"{self._console.paint_err(safe(address), 'bold')}: {text}" if address else text)

    def remark(self, text: str) -> None:
        """One more line."""
        self._console.err(f"{text}\n")

    def interrupted(self) -> None:
        """Says what becomes of the rest, and how to end at once."""
        self.remark(INTERRUPTED)

    def end(self) -> None:
        """Nothing to clear away."""

    def finished(self, plan: Plan, report: Report, tenant: Tenant, doctor: str) -> None:
        """Problems on stderr, the summary on stdout."""
        from tokenvault.render.report import report_text

        if plan.is_empty:
            return
        problems = [*report.problems, *report.warnings]
        self._console.err("\n" if problems else "")
        for problem in problems:
            self._console.problem(problem)
        console, sent = self._console, {"reads": tenant.reads, "writes": tenant.writes}
        console.told(report_text(plan, report, console.paint, **sent, doctor=doctor, width=console.width))

    def failed(self, problems: tuple[Diagnostic, ...]) -> None:
        """The command line shows them."""


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
    said = [f"{count} {name}" for name, count in numbers.items() if count]
    left = [f"about {roughly(tally.seconds)} left" if tally.over < tally.total else "reading back what was written"]
    return [f"[{tally.over}/{tally.total}] {tally.over - tally.failed - tally.not_tried} done", *said, *left]


def roughly(seconds: float) -> str:
    """A time to wait, as exactly as an estimate can be: `20 s`, `3 min`."""
    return f"{max(5, math.ceil(seconds / 5) * 5)} s" if seconds < 90 else f"{math.ceil(seconds / 60)} min"


def _id(value: str | None) -> str:
    return f" [id={safe(value)}]" if value else ""


class Stream:
    """Writes each event as a line, as it comes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._write(version_line())

    def _write(self, line: Document) -> None:
        kind, message = line.pop("type"), line.pop("message")
        stamped = {"type": kind, "time": round(time.time(), 3), "message": message, **line}
        self._console.out(safe_json(stamped) + "\n")

    def planned(self, document: Document, *, full: bool) -> None:
        """A line for each change, and one for all."""
        for line in planned_lines(document):
            self._write(line)

    def begin(self, counter: Counter) -> None:
        """Nothing to say."""

    def show(self, event: Event) -> None:
        """Its line."""
        self._write(event_line(event))

    def remark(self, text: str) -> None:
        """People read stderr."""
        self._console.err(f"{text}\n")

    def interrupted(self) -> None:
        """Says so to people."""
        self.remark(INTERRUPTED)

    def end(self) -> None:
        """Nothing to say."""

    def finished(self, plan: Plan, report: Report, tenant: Tenant, doctor: str) -> None:
        """The last line."""
        self._write(summary_line(report, plan, reads=tenant.reads, writes=tenant.writes))

    def failed(self, problems: tuple[Diagnostic, ...]) -> None:
        """A line for each problem; the command line shows them on stderr as well."""
        for problem in problems:
            self._write(diagnostic_line(problem))

"""An apply as a stream of JSON objects, one a line: what `apply --json` writes to stdout. `schemas/events.schema.json`.

Every line has `type`, `time` (seconds since 1970) and `message`, one sentence for people; what else it has depends on the
type, and only ever grows within a major version of the format:

    version      the first line: `format`, `format_version`, `tokenvault_version`
    planned      one for each change that will be made: `change` as in `plan --format json`, sensitive values left out
    plan         what the plan amounts to: `tenant`, `summary`, `scopes` and `judgement` as in `plan --format json`
    started      a change was taken up, and its write waits its turn: `address`, `action`, `id`
    stage        how far its write is: `address`, `action`, `stage` (waiting: its turn, because the rate limit refused it
                 or a second write follows; sent; written: a check remains)
    working      it is still under way: `address`, `action`, `seconds`; every ten seconds
    progress     how far the apply is, every ten seconds, in changes: `total`, of which `over` came to an end (`failed` and
                 `not_tried` among them), `under_way`, `waiting`, `to_come`; the estimated `seconds` left; and whether it is
                 `limited` by Auth0's rate limit
    waiting      requests are held back until the rate limit resets: `seconds`, those waited `before`, their `bound`
    ended        how a change ended: `address`, `action`, `id`, `seconds`, `outcome` (done, incomplete, failed,
                 skipped, not_attempted), `note`, `diagnostic`
    verified     what was written was checked: `checked`, and in `not_kept` a diagnostic for everything that is not as planned
    diagnostic   an error or a warning that is about no single change, or ends the run: `diagnostic`
    summary      the last line of a run that came to its end: `outcome` (done, incomplete, nothing), `counts`, `requests`; and
                 when all was done the `judgement` of what works now, as in `plan --format json`
"""

from __future__ import annotations

from typing import Any

from tokenvault import __version__
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
from tokenvault.errors import Diagnostic
from tokenvault.plan.document import Document, diagnostic_document
from tokenvault.plan.judgement import judgement_document
from tokenvault.plan.model import Action, Plan

FORMAT = "tokenvault-events"
FORMAT_VERSION = "1.1"
GERUNDS = {Action.CREATE: "creating", Action.UPDATE: "updating", Action.DELETE: "deleting"}
WAITING = {
    "seconds": "How long this wait is.",
    "before": "Seconds waited so before.",
    "bound": "The most that may be waited in all (--max-wait).",
}
STAGES = {Stage.WAITING: "waits its turn", Stage.SENT: "sent", Stage.WRITTEN: "written, to be checked"}
TALLY = {
    "total": "All changes of the plan.",
    "over": "Those that were written, or came to another end.",
    "failed": "Those of them that failed, or were written in part.",
    "not_tried": "Those of them that were skipped or not attempted.",
    "under_way": "Those that were sent and have no answer.",
    "waiting": "Those that wait their turn to be sent.",
    "to_come": "Those that were not taken up yet.",
}
PARTICIPLES = {Action.CREATE: "created", Action.UPDATE: "updated", Action.DELETE: "deleted"}


def version_line() -> Document:
    """The first line."""
    versions = {"format": FORMAT, "format_version": FORMAT_VERSION, "tokenvault_version": __version__}
    return {"type": "version", "message": f"tokenvault {__version__}", **versions}


def planned_lines(plan: Document) -> list[Document]:
    """The changes of a plan, its warnings, and what it amounts to."""
    lines = [
        {"type": "planned", "message": f"{change['address']}: plan to {change['action']}", "change": change}
        for change in plan["changes"]
    ]
    lines += [{"type": "diagnostic", "message": w["summary"], "diagnostic": w} for w in plan["warnings"]]
    s = plan["summary"]
    message = f"Plan: {s['create']} to add, {s['update']} to change, {s['delete']} to destroy"
    totals = {name: plan[name] for name in ("tenant", "summary", "scopes", "judgement")}
    return [*lines, {"type": "plan", "message": message, **totals}]


def event_line(event: Event) -> Document:
    """An event of the applier."""
    match event:
        case Started():
            message = f"{event.address}: {GERUNDS[event.action]}"
            return {"type": "started", "message": message, **_which(event), "id": event.id}
        case Reached():
            message = f"{event.address}: {STAGES[event.stage]}"
            return {"type": "stage", "message": message, **_which(event), "stage": event.stage.value}
        case Tally():
            numbers = {name: getattr(event, name) for name in TALLY}
            message = f"{event.over} of {event.total} changes are over, about {event.seconds:.0f} s left"
            return {
                "type": "progress",
                "message": message,
                **numbers,
                "seconds": round(event.seconds, 3),
                "limited": event.limited,
            }
        case Working():
            message = f"{event.address}: still {GERUNDS[event.action]} ({event.seconds:.0f} s elapsed)"
            return {"type": "working", "message": message, **_which(event), "seconds": round(event.seconds, 3)}
        case Waiting():
            return {"type": "waiting", "message": str(event), **{n: round(getattr(event, n), 3) for n in WAITING}}
        case Ended():
            return _ended(event)
        case Verified():
            kept = "all as planned" if not event.not_kept else f"{len(event.not_kept)} not as planned"
            problems = [diagnostic_document(problem) for problem in event.not_kept]
            message = f"Checked {event.checked} objects: {kept}"
            return {"type": "verified", "message": message, "checked": event.checked, "not_kept": problems}


def _which(event: Started | Reached | Working | Ended) -> Document:
    return {"address": event.address, "action": event.action.value}


def _ended(event: Ended) -> Document:
    words = {
        Outcome.DONE: f"{PARTICIPLES[event.action]} after {event.seconds:.0f} s",
        Outcome.INCOMPLETE: f"incomplete: {event.diagnostic.summary if event.diagnostic else ''}",
        Outcome.FAILED: f"failed: {event.diagnostic.summary if event.diagnostic else ''}",
        Outcome.SKIPPED: f"skipped: {event.diagnostic.summary if event.diagnostic else ''}",
        Outcome.NOT_ATTEMPTED: "not attempted",
    }
    return {
        "type": "ended",
        "message": f"{event.address}: {words[event.outcome]}",
        **_which(event),
        "id": event.id,
        "seconds": round(event.seconds, 3),
        "outcome": event.outcome.value,
        "note": event.note,
        "diagnostic": diagnostic_document(event.diagnostic) if event.diagnostic else None,
    }


def diagnostic_line(diagnostic: Diagnostic) -> Document:
    """A problem of the run as a whole."""
    return {"type": "diagnostic", "message": diagnostic.summary, "diagnostic": diagnostic_document(diagnostic)}


def summary_line(report: Report, plan: Plan, *, reads: int, writes: int) -> Document:
    """The last line."""
    counts = {outcome.value: len(report.of(outcome)) for outcome in Outcome}
    outcome = "nothing" if not report.ended else "done" if report.succeeded else "incomplete"
    numbers = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    requests: dict[str, Any] = {"reads": reads, "writes": writes}
    message = {"nothing": "Nothing to do", "done": "Apply complete", "incomplete": "Apply incomplete"}[outcome]
    return {
        "type": "summary",
        "message": f"{message}: {numbers}" if numbers else message,
        "outcome": outcome,
        "counts": {**counts, "not_kept": len(report.not_kept)},
        "requests": requests,
        "judgement": judgement_document(plan.judgement) if report.succeeded else None,
    }

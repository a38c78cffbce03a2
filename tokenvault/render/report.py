"""How an apply ended, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.applier.events import Outcome, Report
from tokenvault.kinds import kinds
from tokenvault.plan.judgement import judgement_document
from tokenvault.plan.model import Action, Plan
from tokenvault.render.prose import PLAIN, Painter, wrapped
from tokenvault.render.words import verdict
from tokenvault.text import safe

LISTED = 10


def report_text(
    plan: Plan, report: Report, paint: Painter = PLAIN, *, reads: int, writes: int, doctor: str, width: int = 100
) -> str:
    """The summary that an apply ends with. `doctor` is the command that judges the tenant next, as it is to be typed."""
    done, failed = report.of(Outcome.DONE), report.of(Outcome.FAILED)
    skipped, untouched = report.of(Outcome.SKIPPED), report.of(Outcome.NOT_ATTEMPTED)
    incomplete = report.of(Outcome.INCOMPLETE)
    counts = (
        f"{report.done(plan.changes, Action.CREATE)} added, {report.done(plan.changes, Action.UPDATE)} changed, "
        f"{report.done(plan.changes, Action.DELETE)} destroyed."
    )
    requests = paint(f"({writes} write{'s' * (writes != 1)}, {reads} read{'s' * (reads != 1)})", "dim")
    if report.succeeded:
        lines = ["", f"{paint(f'{plan.command.title()} complete!', 'bold', 'green')} Resources: {counts}   {requests}"]
        return "\n".join([*lines, *_next_steps(plan, doctor, width)]) + "\n"
    title = paint(f"{plan.command.title()} incomplete:", "bold", "red")
    lines = ["", f"{title} {_parts(len(done), len(incomplete), len(failed), len(skipped), len(untouched))}"]
    lines += [f"  done      {counts}"] if done else []
    lines += [f"  partly    {safe(ended.diagnostic.summary if ended.diagnostic else '')}" for ended in incomplete]
    lines += [f"  failed    {safe(ended.address)}" for ended in failed]
    lines += _some(
        [f"  skipped   {safe(ended.diagnostic.summary if ended.diagnostic else ended.address)}" for ended in skipped]
    )
    lines += _some([f"  not tried {safe(ended.address)}" for ended in untouched])
    when = " when the cause is mended" if report.problems else ""
    lines += ["", f"Run `tokenvault {plan.command}` again{when}: finished steps are not repeated."]
    return "\n".join(lines) + "\n"


def _some(lines: list[str]) -> list[str]:
    """The first lines: whatever was not tried is tried by the next run, and the plan lists it."""
    more = len(lines) - LISTED
    return lines if more <= 1 else [*lines[:LISTED], f"            and {more} more"]


def _parts(done: int, incomplete: int, failed: int, skipped: int, untouched: int) -> str:
    parts = [f"{done} done", *([f"{incomplete} incomplete"] if incomplete else []), f"{failed} failed"]
    parts.append(f"{skipped} skipped")
    return ", ".join(parts + ([f"{untouched} not attempted"] if untouched else [])) + "."


def _next_steps(plan: Plan, doctor: str, width: int) -> Iterator[str]:
    advice: dict[str, list[str]] = {}
    for change in plan.changes:
        fields = kinds()[change.kind].fields
        for path in change.patch:
            given = any(a.path[0] == path and a.op != "remove" for a in change.attributes)
            text = fields[path].advice if path in fields and change.action is Action.UPDATE and given else ""
            if text and change.name not in advice.setdefault(text, []):
                advice[text].append(change.name)
    for text, names in advice.items():
        yield ""
        yield f"{safe(', '.join(names))}: {text}"
    if plan.command == "destroy":
        return
    yield ""
    said = verdict({"judgement": judgement_document(plan.judgement)})
    yield from (line for text in said for line in wrapped(safe(text), width, ""))
    yield f"Next: `{safe(doctor)}` shows how every application stands with every connection."

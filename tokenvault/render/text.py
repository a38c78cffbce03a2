"""Draws plans, drift and the end of an apply for the terminal; plans and drift from their JSON forms alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tokenvault.applier.events import Outcome, Report
from tokenvault.kinds import kinds
from tokenvault.plan.document import Document
from tokenvault.plan.judgement import judgement_document
from tokenvault.plan.model import Action, Plan
from tokenvault.render.block import SIGNS, block, canvas_for
from tokenvault.render.phrases import (
    FAILING,
    SHOWN,
    before_approval,
    budget,
    counted,
    risks,
    shown_variables,
    totals,
    verdict,
)
from tokenvault.render.terminal import PLAIN, Painter, wrapped
from tokenvault.text import safe

VERBS = {
    "create": "will be created",
    "update": "will be updated in-place",
    "delete": "will be deleted",
    "adopt": "will be adopted and updated in-place",
}
LEGEND = {"create": "create", "update": "update in-place", "delete": "delete"}


def plan_text(
    plan: Document, paint: Painter = PLAIN, *, full: bool = False, summary: bool = False, width: int = 100
) -> str:
    """The whole plan. `summary`: one line per object; `full`: every reason, with where Auth0 documents it."""
    changes = plan["changes"]
    lines = [*_legend(plan, paint, width)] if changes else [*_no_changes(plan, paint, width)]
    if summary:
        lines += ["", *(_one_line(change, paint, width) for change in changes)] if changes else []
    else:
        canvas = canvas_for(changes, paint, width, full=full)
        for change in changes:
            lines += ["", *block(change, _headline(change), canvas)]
    if changes:
        lines += ["", f"{paint('Plan:', 'bold')} {totals(plan)}.", *wrapped(budget(plan), width, "")]
    lines += _orphans(plan, paint, width)
    if shown := shown_variables(plan):
        lines += ["", *wrapped(f"{SHOWN} {', '.join(shown)}", width, "  ")]
    for warning in plan["warnings"]:
        lines += warning_lines(warning, paint, width)
    return "\n".join([*lines, *_risks(plan, paint, width)]) + "\n"


def _legend(plan: Document, paint: Painter, width: int) -> Iterator[str]:
    tenant = safe(plan["tenant"])
    *first, last = wrapped(f"tokenvault will perform the following actions on {tenant}:", width, "")
    yield from first
    yield last.replace(tenant, paint(tenant, "bold"), 1)
    present = [action for action in SIGNS if any(change["action"] == action for change in plan["changes"])]
    yield "  " + "   ".join(f"{paint(SIGNS[action][0], SIGNS[action][1])} {LEGEND[action]}" for action in present)


def _no_changes(plan: Document, paint: Painter, width: int) -> Iterator[str]:
    """What was compared, so that nobody takes an empty part for an empty plan."""
    count = plan["summary"]["unchanged"]
    if plan["selection"]:
        done = "Of the part that was asked for, everything is as the spec says"
    elif count == 0:
        done = "There is nothing to do"
    elif count == 1:
        done = "The one object that the spec asks for is as it says"
    else:
        done = f"All {count:,} objects that the spec asks for are as it says"
    first, *rest = wrapped(f"No changes. {done} on {safe(plan['tenant'])}.", width, "")
    yield first.replace("No changes.", paint("No changes.", "bold", "green"), 1)
    yield from rest


def _headline(change: Document) -> str:
    return f"{safe(change['address'])} {VERBS['adopt' if change['adopts'] else change['action']]}"


def _one_line(change: Document, paint: Painter, width: int) -> str:
    sign, colour = SIGNS[change["action"]]
    attributes = dict.fromkeys(attribute["path"][0] for attribute in change["attributes"])
    names = f": {', '.join(map(safe, attributes))}" if change["action"] == "update" else ""
    adopts = " (adopts)" if change["adopts"] else ""
    text = f"{safe(change['address'])}{adopts}{names}"
    return f"  {paint(sign, colour)} {text if len(text) <= width - 4 else f'{text[: width - 5]}…'}"


def _orphans(plan: Document, paint: Painter, width: int) -> list[str]:
    if not plan["orphans"]:
        return []
    title = wrapped("Left behind by this spec, which no longer names it (taken away only with --prune):", width, "")
    return ["", *(paint(line, "bold") for line in title), *(f"  {_orphan(orphan)}" for orphan in plan["orphans"])]


def _orphan(orphan: Document) -> str:
    protected = " (protected: never deleted)" if orphan["protected"] else ""
    return f'{safe(orphan["address"])} "{safe(orphan["name"])}" [id={safe(orphan["id"])}]{protected}'


def warning_lines(warning: Document, paint: Painter, width: int) -> list[str]:
    """A warning with what to do about it, an empty line before it."""
    first, *rest = wrapped(f"Warning: {safe(warning['summary'])}", width, "")
    lines = ["", first.replace("Warning:", paint("Warning:", "bold", "yellow"), 1), *rest]
    for part in (warning["detail"], warning["hint"]):
        lines += [line for text in part.split("\n") if text for line in _kept_aligned(safe(text), width)]
    return lines


def _kept_aligned(text: str, width: int) -> list[str]:
    """Prose is wrapped; a line that is a row of a table stays as it is."""
    return [text] if text.startswith("  ") else wrapped(text, width, "  ")


def _risks(plan: Document, paint: Painter, width: int) -> list[str]:
    """What a change means for people, last, so that it stands right above the prompt; each said once."""
    found, after = risks(plan), before_approval(plan)
    if not found and not after:
        return []
    title = "Before you approve:" if plan["changes"] else f"{FAILING}:"
    lines = ["", paint(title, "bold", "yellow")]
    for risk, addresses in found.items():
        lines += _item(f"{_few(addresses)}: {safe(risk)}", paint("!", "yellow"), width)
    for one in after:
        lines += _item(f"{one.verb}: {safe(one.what)}", paint("!", "red"), width)
        more = (one.concerns, one.cure, one.command, one.link)
        lines += [line for text in more if text for line in wrapped(safe(text), width, "    ", "    ")]
    return lines


def _item(text: str, sign: str, width: int) -> list[str]:
    first, *rest = wrapped(text, width - 4, "", "")
    return [f"  {sign} {first}", *(f"    {line}" for line in rest)]


def _few(addresses: list[str]) -> str:
    shown = ", ".join(map(safe, addresses[:5]))
    return shown if len(addresses) <= 5 else f"{shown} and {counted(len(addresses) - 5, 'more object')}"


# ---- drift


NAMED = 5
DRIFT_ADVICE = "`tokenvault apply` puts it back as the spec says. To keep a change, write it into the spec."
DRIFT_DROPPED = "Still there, though the spec does not have it any more (`tokenvault apply --prune` takes it away):"
DRIFT_VERBS = {"update": "has changed outside tokenvault", "delete": "is gone"}


def drift_text(drift: Document, paint: Painter = PLAIN, *, width: int = 100) -> str:
    """What has changed, each value as the spec says it and as the tenant has it."""
    lines = [*_drifted(drift, paint, width)] if drift["changes"] else [*_none(drift, paint, width)]
    lines += [*_dropped(drift, paint, width), *_pending(drift, width), *_incomplete(drift, width)]
    for warning in drift["warnings"]:
        lines += warning_lines(warning, paint, width)
    return "\n".join(lines) + "\n"


def drift_verdict(drift: Document) -> tuple[str, str]:
    """What to say where nothing has changed: in two words, and of what. Safe to show."""
    count = drift["summary"]["as_it_should_be"]
    spec, tenant = safe(drift["spec"]["name"]), safe(drift["tenant"])
    if count:
        sentence = f"What {spec} owns or relies on ({counted(count, 'object')}) is as the spec says on {tenant}."
    elif drift["dropped"]:
        sentence = f"What {spec} has now is not on {tenant} yet."
    else:
        sentence = f"Nothing on {tenant} carries the mark of {spec} yet."
    return "Nothing has changed." if drift["dropped"] else "No drift.", sentence


def _none(drift: Document, paint: Painter, width: int) -> Iterator[str]:
    word, sentence = drift_verdict(drift)
    first, *rest = wrapped(f"{word} {sentence}", width, "")
    yield first.replace(word, paint(word, "bold", "green"), 1)
    yield from rest


def _drifted(drift: Document, paint: Painter, width: int) -> Iterator[str]:
    yield f"Objects of {safe(drift['spec']['name'])} have changed on {paint(safe(drift['tenant']), 'bold')}:"
    yield paint("  what the spec says -> what the tenant has", "dim")
    canvas = canvas_for(drift["changes"], paint, width, full=False)
    for change in drift["changes"]:
        yield ""
        yield from block(change, f"{safe(change['address'])} {DRIFT_VERBS[change['action']]}", canvas)
    yield ""
    yield f"{paint('Drift:', 'bold')} {drift_counts(drift)}"
    yield from wrapped(DRIFT_ADVICE, width, "")


def drift_counts(drift: Document) -> str:
    """How much has changed."""
    s = drift["summary"]
    return f"{s['changed']} changed, {s['gone']} gone, {s['as_it_should_be']} as they should be."


def _dropped(drift: Document, paint: Painter, width: int) -> Iterator[str]:
    if not drift["dropped"]:
        return
    yield ""
    yield from (paint(line, "bold") for line in wrapped(DRIFT_DROPPED, width, ""))
    for orphan in drift["dropped"]:
        yield f'  {safe(orphan["address"])} "{safe(orphan["name"])}" [id={safe(orphan["id"])}]'


def _incomplete(drift: Document, width: int) -> list[str]:
    return ["", *wrapped(drift_incomplete(drift, safe), width, "")] if drift["incomplete"] else []


def _pending(drift: Document, width: int) -> list[str]:
    return ["", *wrapped(drift_pending(drift, safe), width, "")] if drift["pending"] else []


def drift_incomplete(drift: Document, named: Callable[[object], str]) -> str:
    """What an apply that ended early did not get to; `named` draws an address."""
    return f"An apply ended before it made: {_some(drift['incomplete'], named)}. `tokenvault apply` goes on with it."


def drift_pending(drift: Document, named: Callable[[object], str]) -> str:
    """What was not applied yet; `named` draws an address."""
    names = _some(drift["pending"], named)
    return f"Not applied yet, which is no drift: {names}. `tokenvault plan` shows what is to be done."


def _some(addresses: Sequence[str], named: Callable[[object], str]) -> str:
    more = f" and {len(addresses) - NAMED} more" if len(addresses) > NAMED else ""
    return ", ".join(map(named, addresses[:NAMED])) + more


# ---- how an apply ended, and what to do next


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
    lines += _first_lines(
        [f"  skipped   {safe(ended.diagnostic.summary if ended.diagnostic else ended.address)}" for ended in skipped]
    )
    lines += _first_lines([f"  not tried {safe(ended.address)}" for ended in untouched])
    when = " when the cause is mended" if report.problems else ""
    lines += ["", f"Run `tokenvault {plan.command}` again{when}: finished steps are not repeated."]
    return "\n".join(lines) + "\n"


def _first_lines(lines: list[str]) -> list[str]:
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

"""Drift as Markdown, for an issue, a chat or a job's summary; drawn like a plan, and as inert."""

from __future__ import annotations

from tokenvault.plan.document import Document
from tokenvault.render.drift import ADVICE, DROPPED, VERBS, counts, incomplete, pending, verdict
from tokenvault.render.markdown import LIMIT, OPEN_UP_TO, code, fitting, prose, rest, section, warnings

WAY = "`-` is what the spec says, `+` what the tenant has."


def drift_markdown(drift: Document) -> str:
    """The whole text, below 60,000 characters; what does not fit is counted."""
    head = [f"### Drift: {code(drift['spec']['name'])} on {code(drift['tenant'])}", ""]
    changes = drift["changes"]
    if changes:
        head += [f"**{counts(drift)}** {WAY}", ADVICE]
    else:
        word, said = verdict(drift)
        head += [f"**{word}** {prose(said)}"]
    head += warnings(drift)
    tail = [*_dropped(drift), *_notes(drift)]
    sections = [section(change, VERBS[change["action"]], is_open=len(changes) <= OPEN_UP_TO) for change in changes]
    shown = fitting(sections, LIMIT - len("\n".join([*head, *tail])))
    return "\n".join([*head, *shown, *rest(changes[len(shown) :], "drift"), *tail]) + "\n"


def _dropped(drift: Document) -> list[str]:
    lines = [f"- {code(item['address'])} {code(item['name'])} [{code(item['id'])}]" for item in drift["dropped"]]
    shown = fitting(lines, LIMIT // 4)
    more = [f"- and {len(lines) - len(shown):,} more: see `tokenvault drift`"] if len(shown) < len(lines) else []
    return ["", f"**{DROPPED}**", "", *shown, *more] if lines else []


def _notes(drift: Document) -> list[str]:
    lines = [pending(drift, code)] if drift["pending"] else []
    lines += [incomplete(drift, code)] if drift["incomplete"] else []
    return [part for line in lines for part in ("", line)]

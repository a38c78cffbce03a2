"""A diagnosis as Markdown for a ticket: the verdict, every cause with its cure, and the matrix, folded where it is long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from tokenvault.render.doctor_matrix import NONE, application_of, worst_states
from tokenvault.render.doctor_text import (
    HEADINGS,
    MANY,
    NAMED,
    concerned,
    nothing_to_judge,
    several,
    subjects_text,
    verdict,
)
from tokenvault.render.markdown import code, prose, sentences

Document = dict[str, Any]
SIGNS = {"ready": "✅ ready", "not ready": "❌ not ready", "unknown": "❔ unknown"}
ROWS, OPEN_UP_TO = 200, 12


def doctor_markdown(diagnosis: Document) -> str:
    """The whole diagnosis; nothing that a spec or a tenant wrote means anything in it."""
    tenant = code(diagnosis["tenant"])
    lines = [f"### Token Vault on {tenant}: {'ready' if diagnosis['ready'] else 'not ready'}", ""]
    if not sum(diagnosis["summary"].values()):
        return "\n".join([*lines, sentences(nothing_to_judge(diagnosis))]) + "\n"
    lines += [f"**{prose(verdict(diagnosis))}**", ""]
    for state in ("not ready", "unknown"):
        lines += _section(state, diagnosis)
    if diagnosis["cases"]:
        lines += _matrix(diagnosis["cases"])
    return "\n".join([*lines, *_checks(diagnosis)]).rstrip() + "\n"


def _section(state: str, diagnosis: Document) -> Iterator[str]:
    causes = [cause for cause in diagnosis["causes"] if cause["state"] == state]
    if causes:
        yield from (f"#### {HEADINGS[state]}", "")
        for number, cause in enumerate(causes, 1):
            yield from _cause(number, cause, diagnosis)
        yield ""


def _cause(number: int, cause: Document, diagnosis: Document) -> Iterator[str]:
    reasons = sentences("; or: ".join(cause["says"][:NAMED]))
    if cause["state"] == "unknown":
        yield f"{number}. {reasons}"
        yield f"   - Hides: {', '.join(map(code, cause['preconditions']))}"
    else:
        yield f"{number}. {_subjects(cause)}: {reasons} ({code(cause['id'])})"
        yield f"   - {sentences(cause['means'])}. [Documentation]({cause['doc']})"
        if cause["at_run_time"]["code"]:
            yield f"   - At run time, {prose(cause['at_run_time']['step'])} fails: {code(cause['at_run_time']['code'])}"
    yield f"   - Concerns {_concerned(cause, diagnosis)}"
    yield from _fix(cause["fix"])


def _subjects(cause: Document) -> str:
    """`**application** web, portal and 58 more`."""
    subjects = cause["subjects"]
    kind = subjects[0]["kind"]
    if any(subject["kind"] != kind for subject in subjects):
        return prose(subjects_text(subjects))
    names = [code(subject["name"]) for subject in subjects[:NAMED] if subject["name"] not in ("", kind)]
    more = f" and {len(subjects) - NAMED} more" if len(subjects) > NAMED else ""
    return f"**{prose(kind)}** {', '.join(names)}{more}".rstrip()


def _concerned(cause: Document, diagnosis: Document) -> str:
    """All of them: in a ticket somebody works them off. Long lists are folded by their reader's own search."""
    scope = prose(concerned(cause, diagnosis).split(":")[0])
    applications = several([code(name) for name in cause["applications"]], ROWS)
    connections = several([code(name or NONE) for name in cause["connections"]], ROWS)
    listed = f"{applications} × {connections}"
    if len(cause["applications"]) <= MANY:
        return f"{scope}: {listed}"
    return f"{scope}<details><summary>which</summary>{listed}</details>"


def _fix(fix: Document | None) -> Iterator[str]:
    if fix is None:
        return
    text = code(fix["text"]) if fix["how"] == "command" else sentences(fix["text"])
    at = f"{', '.join(map(code, fix['at'][:MANY]))}: " if fix["at"] else ""
    links = " ".join(f"([open]({link}))" for link in fix["links"][:NAMED])
    yield f"   - Fix: {at}{text} {links}".rstrip()


# ---- the matrix


def _matrix(cases: Sequence[Document]) -> Iterator[str]:
    applications = {application_of(case) for case in cases}
    if len(applications) <= OPEN_UP_TO:
        yield from (*_table(cases), "")
        return
    states = worst_states(cases)
    failing = sum(any(state != "ready" for state in row.values()) for row in states.values())
    yield f"<details><summary>{len(applications)} applications, {failing} of them not ready on some connection</summary>"
    yield from ("", *_table(cases), "", "</details>", "")


def _table(cases: Sequence[Document]) -> Iterator[str]:
    names = list(dict.fromkeys(case["connection"] for case in cases))
    yield f"| application | flavor | {' | '.join(_cell(name or NONE) for name in names)} |"
    yield f"|---|---|{'---|' * len(names)}"
    rows = [(key, list(group)) for key, group in groupby(cases, key=lambda c: (*application_of(c), c["flavor"]))]
    for (application, _, flavor), group in rows[:ROWS]:
        states = {case["connection"]: case["state"] for case in group}
        cells = " | ".join(SIGNS[states[name]] if name in states else "–" for name in names)
        yield f"| {_cell(application)} | {_cell(flavor)} | {cells} |"
    if len(rows) > ROWS:
        yield f"| and {len(rows) - ROWS} more rows | | {'| ' * len(names)}"


def _cell(text: object) -> str:
    """In a table a bar ends a cell even inside code."""
    return code(text).replace("|", "\\|")


# ---- what a person must look at


def _checks(diagnosis: Document) -> Iterator[str]:
    causes = [cause for cause in diagnosis["causes"] if cause["state"] == "check"]
    if causes:
        yield f"<details><summary>{HEADINGS['check']}: {len(causes)}</summary>"
        yield ""
        for cause in causes:
            links = " ".join(f"([open]({link}))" for link in (cause["fix"] or {"links": ()})["links"][:1])
            yield f"- {_subjects(cause)}: {sentences(cause['says'][0])} ({code(cause['id'])}) {links}".rstrip()
        yield from ("", "</details>")

"""A diagnosis as Markdown: a table and a list. Everything that comes from a tenant or a spec is inert (`inert.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from tokenvault.render.inert import code, prose

Document = dict[str, Any]
SIGNS = {"ready": "✅ ready", "not ready": "❌ not ready", "unknown": "❔ unknown"}
HEADINGS = {"not ready": "Not ready, because", "unknown": "Unknown", "check": "To be looked at by a person"}


def doctor_markdown(diagnosis: Document) -> str:
    """The whole diagnosis."""
    counts = diagnosis["summary"]
    parts = ", ".join(f"{count} {state}" for state, count in counts.items())
    lines = [f"### Token Vault on {code(diagnosis['tenant'])}: {'ready' if diagnosis['ready'] else 'not ready'}", ""]
    lines += [f"**{parts}.**", ""]
    if diagnosis["cases"]:
        lines += [*_table(diagnosis["cases"]), ""]
    for state, heading in HEADINGS.items():
        found = [finding for finding in diagnosis["findings"] if finding["state"] == state]
        if found:
            lines += [f"#### {heading}", "", *(line for finding in found for line in _finding(finding)), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(cases: Sequence[Document]) -> Iterator[str]:
    names = list(dict.fromkeys(case["connection"] for case in cases))
    yield f"| application | flavor | {' | '.join(_cell(name or '(none)') for name in names)} |"
    yield f"|---|---|{'---|' * len(names)}"
    for (application, _, flavor), group in groupby(
        cases, key=lambda c: (c["application"], c["client_id"], c["flavor"])
    ):
        states = {case["connection"]: case["state"] for case in group}
        cells = " | ".join(SIGNS[states[name]] if name in states else "–" for name in names)
        yield f"| {_cell(application)} | {_cell(flavor)} | {cells} |"


def _cell(text: object) -> str:
    """In a table a bar ends a cell even inside code."""
    return code(text).replace("|", "\\|")


def _finding(finding: Document) -> Iterator[str]:
    subject, fix = finding["subject"], finding["fix"]
    yield f"- **{subject['kind']}** {code(subject['name'])}: {prose(finding['says'])} ({code(finding['id'])})"
    yield f"  - {prose(finding['means'])}. [Documentation]({finding['doc']})"
    if finding["state"] == "not ready" and finding["at_run_time"]["code"]:
        yield f"  - At run time, {prose(finding['at_run_time']['step'])} fails: {code(finding['at_run_time']['code'])}"
    if fix:
        text = code(fix["text"]) if fix["how"] == "command" else prose(fix["text"])
        yield f"  - Fix: {text}" + (f" ([open]({fix['link']}))" if fix["link"] else "")

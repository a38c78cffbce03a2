"""A diagnosis in the terminal, drawn from its JSON form: the matrix, then every reason once, with its fix."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from tokenvault.render.style import PLAIN, Painter
from tokenvault.render.words import counted
from tokenvault.text import safe

Document = dict[str, Any]
COLOURS = {"ready": "green", "not ready": "red", "unknown": "yellow"}
HEADINGS = {
    "not ready": "Not ready, because",
    "unknown": "Unknown, because the token may not read it",
    "check": "To be looked at by a person (no API tells)",
}
COLUMN, LABEL = 24, 26
NONE, INDENT = "(none)", " " * 5


def doctor_text(diagnosis: Document, paint: Painter = PLAIN, *, width: int = 80) -> str:
    """The whole diagnosis."""
    tenant = safe(diagnosis["tenant"])
    if not diagnosis["cases"]:
        what = (
            "The spec asks nothing of applications at run time"
            if diagnosis["spec"]
            else "No application uses Token Vault"
        )
        return f"{what} on {tenant}.\n"
    lines = [f"Token Vault on {paint(tenant, 'bold')}", *_matrix(diagnosis["cases"], paint, width)]
    for state, heading in HEADINGS.items():
        found = [finding for finding in diagnosis["findings"] if finding["state"] == state]
        if found:
            lines += ["", paint(f"{heading}:", "bold")]
            for number, finding in enumerate(found, 1):
                lines += _finding(number, finding, diagnosis["cases"], paint, width)
    return "\n".join([*lines, *_end(diagnosis, paint, width)]) + "\n"


# ---- the matrix


def _matrix(cases: Sequence[Document], paint: Painter, width: int) -> Iterator[str]:
    """One row per application and flavor, one column per connection; as many columns side by side as fit."""
    names = list(dict.fromkeys(case["connection"] for case in cases))
    columns = {name: _short(NONE if name is None else safe(name)) for name in names}
    rows = [(app, list(group)) for app, group in groupby(cases, key=_application)]
    for some in _fitting(names, columns, width):
        yield ""
        yield (" " * (LABEL + 2) + "".join(columns[name].ljust(_width(columns[name])) for name in some)).rstrip()
        for (label, client_id), group in rows:
            ready = [line for line in _rows(group, some, columns, paint) if line]
            if ready:
                yield f"{paint(safe(label), 'bold')}{paint(f'  [{safe(client_id)}]', 'dim') if client_id else ''}"
                yield from ready


def _application(case: Document) -> tuple[str, str | None]:
    return case["application"], case["client_id"]


def _rows(
    group: Sequence[Document], names: Sequence[str | None], columns: dict[str | None, str], paint: Painter
) -> Iterator[str]:
    for flavor in dict.fromkeys(case["flavor"] for case in group):
        states = {case["connection"]: case["state"] for case in group if case["flavor"] == flavor}
        if set(states) & set(names):
            cells = "".join(_cell(states.get(name), _width(columns[name]), paint) for name in names)
            yield f"  {safe(flavor).ljust(LABEL)}{cells}".rstrip()


def _cell(state: str | None, width: int, paint: Painter) -> str:
    text = state or "-"
    return paint(text, COLOURS.get(text, "dim")) + " " * (width - len(text))


def _short(name: str) -> str:
    return name if len(name) <= COLUMN else f"{name[: COLUMN - 1]}…"


def _width(name: str) -> int:
    return max(len(name), len("not ready")) + 2


def _fitting(names: Sequence[str | None], columns: dict[str | None, str], width: int) -> Iterator[Sequence[str | None]]:
    some: list[str | None] = []
    for name in names:
        if some and LABEL + 2 + sum(_width(columns[n]) for n in [*some, name]) > width:
            yield some
            some = []
        some.append(name)
    yield some


# ---- the reasons


def _finding(number: int, finding: Document, cases: Sequence[Document], paint: Painter, width: int) -> Iterator[str]:
    yield ""
    told = f"{subject_text(finding['subject'])}: {finding['says']}"
    if finding["state"] == "check":
        yield from wrapped(f"{number}. ", f"{told}  [{finding['id']}]", width)
    else:
        yield from wrapped(f"{number}. ", told, width)
        yield from wrapped(INDENT, f"{finding['means'][0].upper()}{finding['means'][1:]}.  [{finding['id']}]", width)
    for label, text in _facts(finding, cases):
        yield from wrapped(f"{INDENT}{paint(label, 'dim')}", text, width, hanging=len(INDENT) + len(label))
    if finding["fix"]:
        yield from _fix(finding["fix"], paint, width)


def subject_text(subject: Document) -> str:
    """`connection github`; what a tenant has only one of is called by its kind."""
    kind, name = subject["kind"], subject["name"]
    return name if kind == name else f"{kind} {name}"


def _facts(finding: Document, cases: Sequence[Document]) -> Iterator[tuple[str, str]]:
    if finding["state"] == "not ready" and finding["at_run_time"]["code"]:
        yield "at run time  ", f"{finding['at_run_time']['step']} fails: {finding['at_run_time']['code']}"
    yield "concerns     ", _concerned([cases[number] for number in finding["cases"]])


def _concerned(cases: Sequence[Document]) -> str:
    flavors: dict[str, list[str]] = {}
    for case in cases:
        where = f"{case['application']} × {case['connection'] or NONE}"
        flavors.setdefault(where, []).append(case["flavor"])
    shown = list(flavors)[:4]
    more = f" and {len(flavors) - len(shown)} more" if len(flavors) > len(shown) else ""
    return ", ".join(shown) + more


def _fix(fix: Document, paint: Painter, width: int) -> Iterator[str]:
    label = "     fix          "
    text = paint(safe(fix["text"]), "bold") if fix["how"] == "command" else fix["text"]
    if fix["how"] == "command":
        yield f"{label}{text}"
    else:
        yield from wrapped(paint(label, "dim"), text, width, hanging=len(label))
    if fix["link"]:
        yield f"{' ' * len(label)}{safe(fix['link'])}"


def wrapped(first: str, text: str, width: int, hanging: int | None = None) -> list[str]:
    """The text in lines of at most `width` after `first`, later lines indented as deep."""
    hanging = len(first) if hanging is None else hanging
    lines = textwrap.wrap(safe(text, 2000), max(30, width - hanging), break_long_words=False, break_on_hyphens=False)
    return [f"{first if number == 0 else ' ' * hanging}{line}" for number, line in enumerate(lines or [""])]


# ---- the end


def _end(diagnosis: Document, paint: Painter, width: int) -> Iterator[str]:
    lacking = diagnosis["token"]["lacks_to_apply"]
    if lacking:
        yield ""
        yield from wrapped("", f"To apply a spec the token would also need: {' '.join(lacking)}", width)
    if not diagnosis["spec"] and any(finding["state"] == "not ready" for finding in diagnosis["findings"]):
        yield ""
        hint = (
            "Much of this tokenvault can mend: describe the applications in a spec (`tokenvault init`, or `tokenvault "
        )
        yield from wrapped("", f"{hint}export`), give it to `tokenvault doctor` and apply it.", width)
    counts = diagnosis["summary"]
    parts = [f"{counts[state]} {state}" for state in COLOURS if counts[state]]
    total = counted(sum(counts.values()), "case")
    verdict = paint("Ready.", "bold", "green") if diagnosis["ready"] else paint("Not ready.", "bold", "red")
    yield ""
    yield f"{verdict} {total}: {', '.join(parts)}."

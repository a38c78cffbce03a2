"""The public, versioned JSON form of a diagnosis. Text, Markdown and HTML are drawn from it, so they cannot disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tokenvault import __version__
from tokenvault.doctor.diagnosis import Diagnosed, Fix, Judged
from tokenvault.doctor.selection import EVERYTHING, Selection
from tokenvault.flavors.runtime.errors import error_named
from tokenvault.flavors.runtime.precondition import Precondition, State
from tokenvault.flavors.runtime.tenant_view import Case, Subject

FORMAT, VERSION = "tokenvault-doctor", "1.1"
Document = dict[str, Any]


def diagnosis_document(
    tenant: str,
    diagnosed: Sequence[Diagnosed],
    *,
    files: Sequence[str] = (),
    lacking: Iterable[str] | None = None,
    selection: Selection = EVERYTHING,
) -> Document:
    """The diagnosis as JSON data. `lacking` are scopes that applying takes and the token lacks; None: it does not tell.

    The summary counts every case that was judged; where only failing ones were asked for, ready ones are left out.
    """
    states = [one.state for one in diagnosed]
    shown = [one for one in diagnosed if not selection.failing or one.state is not State.READY]
    cases, findings = [_case(one) for one in shown], _findings(shown)
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "tokenvault_version": __version__,
        "tenant": tenant,
        "spec": {"files": list(files)} if files else None,
        "selection": _selection(selection),
        "ready": all(state is State.READY for state in states),
        "summary": {state.value: states.count(state) for state in (State.READY, State.NOT_READY, State.UNKNOWN)},
        "token": {"lacks_to_apply": None if lacking is None else sorted(lacking)},
        "cases": cases,
        "causes": causes_of(findings, cases),
        "findings": findings,
    }


def _selection(selection: Selection) -> Document | None:
    if selection == EVERYTHING:
        return None
    names = {"applications": selection.applications, "connections": selection.connections}
    return {
        **{key: list(names[key]) for key in names},
        "flavors": list(selection.flavors),
        "failing": selection.failing,
    }


def _case(one: Diagnosed) -> Document:
    case = one.case
    return {
        "application": case.application,
        "client_id": (case.app or case.client or {}).get("client_id"),
        "exchanging_client_id": (case.client or {}).get("client_id"),
        "connection": case.connection or None,
        "flavor": case.flavor,
        "state": one.state.value,
        "preconditions": {judged.precondition.id: judged.verdict.state.value for judged in one.judged},
    }


def _findings(diagnosed: Sequence[Diagnosed]) -> list[Document]:
    """What is not ready, unknown, or to be looked at: each thing once, with the cases (by number) that it concerns."""
    found: dict[tuple[Any, ...], Document] = {}
    for number, one in enumerate(diagnosed):
        for judged in one.judged:
            if judged.verdict.state is not State.READY:
                subject = _subject(judged.precondition, one.case)
                key = (judged.precondition.id, subject["name"], subject["client_id"], judged.verdict.says)
                found.setdefault(key, {**_finding(judged, one.case), "cases": []})["cases"].append(number)
    order = [State.NOT_READY.value, State.UNKNOWN.value, State.CHECK.value]
    return sorted(found.values(), key=lambda finding: order.index(finding["state"]))


def _finding(judged: Judged, case: Case) -> Document:
    row = judged.precondition
    return {
        "id": row.id,
        "state": judged.verdict.state.value,
        "subject": _subject(row, case),
        "says": judged.verdict.says,
        "means": row.means,
        "at_run_time": _at_run_time(row),
        "scopes": list(judged.verdict.scopes),
        "fix": _fix(judged.fix),
        "doc": row.doc,
    }


def _subject(row: Precondition, case: Case) -> Document:
    """The object that a precondition is about; applications of one name are told apart by their client id."""
    client = {Subject.APPLICATION: case.app, Subject.CLIENT: case.client}.get(row.of)
    return {"kind": row.of.value, "name": case.called(row.of), "client_id": (client or {}).get("client_id")}


def _at_run_time(row: Precondition) -> Document:
    error = error_named(row.error)
    return {"step": row.step.value, "error": row.error or None, "code": error.codes[0] if error else None}


def _fix(fix: Fix | None) -> Document | None:
    return {"how": fix.how.value, "text": fix.text, "at": fix.at or None, "link": fix.link or None} if fix else None


# ---- causes: what has one reason and one cure stands once, however many objects and cases it is about


ORDER = ("not ready", "unknown", "check")


def causes_of(findings: Sequence[Document], cases: Sequence[Document]) -> list[Document]:
    """One entry for each cause: first what is not ready, and of these what concerns most cases.

    One precondition with one cure is one cause, and so is one scope that the token lacks, whatever it keeps from being judged.
    """
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for finding in findings:
        groups.setdefault(_key(finding), []).append(finding)
    labels = _labels(cases)
    causes = [_cause(group, cases, labels) for group in groups.values()]
    return sorted(causes, key=lambda cause: (ORDER.index(cause["state"]), -len(cause["cases"])))


def _key(finding: Document) -> tuple[Any, ...]:
    if finding["state"] == "unknown":
        return ("unknown", *finding["scopes"])
    fix = finding["fix"] or {}
    return finding["state"], finding["id"], fix.get("how"), fix.get("text")


def _cause(group: Sequence[Document], cases: Sequence[Document], labels: Mapping[Any, str]) -> Document:
    first = group[0]
    numbers = sorted({number for finding in group for number in finding["cases"]})
    concerned = [cases[number] for number in numbers]
    says = Counter[str]()
    for finding in group:
        says[finding["says"]] += len(finding["cases"])
    return {
        "id": None if first["state"] == "unknown" else first["id"],
        "preconditions": list(dict.fromkeys(finding["id"] for finding in group)),
        "state": first["state"],
        "subjects": _subjects(group),
        "says": [text for text, _ in says.most_common()],
        "means": None if first["state"] == "unknown" else first["means"],
        "at_run_time": None if first["state"] == "unknown" else first["at_run_time"],
        "scopes": first["scopes"],
        "fix": _common_fix(group),
        "doc": first["doc"],
        "applications": list(dict.fromkeys(labels[_identity(case)] for case in concerned)),
        "connections": list(dict.fromkeys(case["connection"] for case in concerned)),
        "cases": numbers,
    }


def _subjects(group: Sequence[Document]) -> list[Document]:
    """What is amiss, each object once: an application may be several subjects' exchanging one."""
    found = {tuple(f["subject"].values()): f["subject"] for f in group}
    return list(found.values())


def _common_fix(group: Sequence[Document]) -> Document | None:
    """The cure that they share, the addresses in the spec that it is for, and the pages where it is done."""
    fixes = [finding["fix"] for finding in group if finding["fix"]]
    if not fixes:
        return None
    return {
        "how": fixes[0]["how"],
        "text": fixes[0]["text"],
        "at": list(dict.fromkeys(fix["at"] for fix in fixes if fix["at"])),
        "links": list(dict.fromkeys(fix["link"] for fix in fixes if fix["link"])),
    }


def _identity(case: Document) -> tuple[Any, Any]:
    return case["application"], case["client_id"]


def _labels(cases: Sequence[Document]) -> dict[Any, str]:
    """What applications are called: with the client id where two have one name."""
    identities = {_identity(case) for case in cases}
    names = Counter(name for name, _ in identities)
    return {(name, id_): f"{name} [{id_}]" if names[name] > 1 and id_ else str(name) for name, id_ in identities}

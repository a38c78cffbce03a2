"""The public, versioned JSON form of a diagnosis. Text and Markdown are drawn from it, so they cannot disagree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tokenvault import __version__
from tokenvault.doctor.diagnosis import Diagnosed, Fix, Judged
from tokenvault.flavors.runtime.errors import error_named
from tokenvault.flavors.runtime.precondition import Precondition, State
from tokenvault.flavors.runtime.tenant_view import Case

FORMAT, VERSION = "tokenvault-doctor", "1.0"
Document = dict[str, Any]


def diagnosis_document(
    tenant: str, diagnosed: Sequence[Diagnosed], *, files: Sequence[str] = (), lacking: Iterable[str] | None = None
) -> Document:
    """The diagnosis as JSON data. `lacking` are scopes that applying takes and the token lacks; None: it does not tell."""
    states = [one.state for one in diagnosed]
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "tokenvault_version": __version__,
        "tenant": tenant,
        "spec": {"files": list(files)} if files else None,
        "ready": all(state is State.READY for state in states),
        "summary": {state.value: states.count(state) for state in (State.READY, State.NOT_READY, State.UNKNOWN)},
        "token": {"lacks_to_apply": None if lacking is None else sorted(lacking)},
        "cases": [_case(one) for one in diagnosed],
        "findings": _findings(diagnosed),
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
                key = (judged.precondition.id, _subject(judged.precondition, one.case)["name"], judged.verdict.says)
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
    return {"kind": row.of.value, "name": case.called(row.of)}


def _at_run_time(row: Precondition) -> Document:
    error = error_named(row.error)
    return {"step": row.step.value, "error": row.error or None, "code": error.codes[0] if error else None}


def _fix(fix: Fix | None) -> Document | None:
    return {"how": fix.how.value, "text": fix.text, "link": fix.link or None} if fix else None

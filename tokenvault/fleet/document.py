"""The public, versioned JSON form of what a fleet command did. Text, Markdown and HTML are drawn from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tokenvault import __version__
from tokenvault.errors import Diagnostic
from tokenvault.fleet.folder import SavedPlans
from tokenvault.fleet.model import Fleet, Outcome, Result
from tokenvault.plan.document import diagnostic_document

FORMAT, VERSION = "tokenvault-fleet", "1.0"
Document = dict[str, Any]


def fleet_document(
    fleet: Fleet, command: str, results: Sequence[Result], *, saved: SavedPlans | None = None, again: str = ""
) -> Document:
    """What came of every member, with equal changes and equal problems told once. `again` is what repeats the failed."""
    groups = _groups(results)
    numbers = {name: number for number, group in enumerate(groups) for name in group["members"]}
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "tokenvault_version": __version__,
        "fleet": fleet.name,
        "command": command,
        "summary": _summary(results),
        "plans": {"folder": str(saved.folder), "sha256": saved.hash} if saved else None,
        "again": again or None,
        "groups": groups,
        "problems": _problems(results),
        "members": {result.member.name: member_document(result, numbers.get(result.member.name)) for result in results},
    }


def member_document(result: Result, group: int | None = None) -> Document:
    """What came of one member; `group` is the number of those with the same changes."""
    member, errors = result.member, [problem for problem in result.problems if problem.severity == "error"]
    return {
        "outcome": result.outcome.value,
        "tenant": result.plan.tenant if result.plan else member.domain or None,
        "wave": member.wave,
        "labels": dict(member.labels),
        "summary": dict(result.summary),
        "settled": result.settled and not result.failed,
        "ready": result.ready,
        "group": group,
        "error": diagnostic_document(errors[0]) if errors and result.failed else None,
        "errors": len(errors) if result.failed else 0,
        "reads": result.reads,
        "writes": result.writes,
        "seconds": result.seconds,
    }


def _summary(results: Sequence[Result]) -> Document:
    counted = {outcome.value: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    names = dict.fromkeys(name for result in results for name in result.summary)
    return {
        "members": len(results),
        **counted,
        "settled": sum(result.settled and not result.failed for result in results),
        **{name: sum(result.summary.get(name, 0) for result in results) for name in names},
    }


def _groups(results: Iterable[Result]) -> list[Document]:
    """Members by their changes, the most usual first."""
    found: dict[str, list[Result]] = {}
    for result in results:
        if result.changes or (result.plan and not result.failed):
            found.setdefault(result.like, []).append(result)
    ordered = sorted(found.values(), key=len, reverse=True)
    return [
        {
            "members": [result.member.name for result in alike],
            "summary": dict(alike[0].summary),
            "changes": [dict(change) for change in alike[0].changes],
        }
        for alike in ordered
    ]


def _problems(results: Iterable[Result]) -> list[Document]:
    return [{"members": names, **diagnostic_document(problem)} for problem, names in folded_problems(results)]


def folded_problems(results: Iterable[Result]) -> list[tuple[Diagnostic, list[str]]]:
    """Every problem once, errors first, with the members that have it."""
    found: dict[tuple[Any, ...], tuple[Diagnostic, dict[str, None]]] = {}
    for result in results:
        for problem in result.problems:
            summary = _without(problem.summary, result.member.domain, result.member.name)
            key = (problem.code, problem.severity, summary, problem.span)
            found.setdefault(key, (problem, {}))[1][result.member.name] = None
    ordered = sorted(found.values(), key=lambda one: (one[0].severity != "error", -len(one[1])))
    return [(problem, list(names)) for problem, names in ordered]


def _without(text: str, *names: str) -> str:
    for name in filter(None, names):
        text = text.replace(name, "…")
    return text

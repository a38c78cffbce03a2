"""Findings → causes: what has one reason and one cure stands once, however many objects and cases it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]
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
        "fix": _fix(group),
        "doc": first["doc"],
        "applications": list(dict.fromkeys(labels[_identity(case)] for case in concerned)),
        "connections": list(dict.fromkeys(case["connection"] for case in concerned)),
        "cases": numbers,
    }


def _subjects(group: Sequence[Document]) -> list[Document]:
    """What is amiss, each object once: an application may be several subjects' exchanging one."""
    found = {tuple(f["subject"].values()): f["subject"] for f in group}
    return list(found.values())


def _fix(group: Sequence[Document]) -> Document | None:
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

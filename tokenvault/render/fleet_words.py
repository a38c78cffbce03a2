"""The words that every form of a fleet's report shares. From its JSON form, safe to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tokenvault.render.words import counted
from tokenvault.text import safe

Document = dict[str, Any]
SIGNS = {"create": "+", "update": "~", "delete": "-"}
NAMED, PATHS = 6, 4
DONE = {"apply": "applied", "destroy": "destroyed", "validate": "valid"}


def members(names: Sequence[str], named: int = NAMED) -> str:
    """`dev, eu-1 and 38 more`."""
    more = len(names) - named
    if more <= 1:
        return ", ".join(map(safe, names))
    return f"{', '.join(map(safe, names[:named]))} and {more:,} more"


def title(report: Document, group: Document) -> str:
    """`41 tenants: the same 3 changes`."""
    who, changes = counted(len(group["members"]), "tenant"), len(group["changes"])
    same = "the same " if changes and len(group["members"]) > 1 else ""
    match report["command"]:
        case "doctor":
            return f"{who}: {same}{counted(changes, 'finding')}" if changes else f"{who}: ready"
        case "drift":
            dropped = group["summary"].get("dropped", 0)
            also = [f"{same}{counted(changes, 'object')} drifted"] if changes else []
            also += [f"{counted(dropped, 'object')} that the spec dropped"] if dropped else []
            return f"{who}: {', '.join(also) or 'no drift'}"
        case _:
            return f"{who}: {same}{counted(changes, 'change')}" if changes else f"{who}: no changes"


def lines(group: Document) -> Iterator[tuple[str, str]]:
    """What changes, an object a line: its sign, and its address with what becomes of it."""
    for change in group["changes"]:
        if "action" not in change:
            state = "?" if change["state"] == "unknown" else "!"
            yield state, f"{safe(change['address'])}: {safe(change['says'])}"
            continue
        paths = dict.fromkeys(".".join(map(str, attribute["path"])) for attribute in change["attributes"])
        shown = list(paths) if change["action"] == "update" else []
        more = f" and {len(shown) - PATHS} more" if len(shown) > PATHS + 1 else ""
        named = ", ".join(map(safe, shown[: PATHS if more else None]))
        adopts = " (adopts)" if change.get("adopts") else ""
        yield SIGNS[change["action"]], f"{safe(change['address'])}{adopts}{f'  {named}{more}' if named else ''}"


def totals(report: Document) -> str:
    """`43 tenants: 42 planned, 1 failed. 82 to add, 41 to change, 0 to destroy.`"""
    summary = report["summary"]
    words = ("valid", "planned", "applied", "destroyed", "checked", "failed", "skipped")
    parts = [f"{summary[word]:,} {word}" for word in words if summary.get(word)]
    return f"{counted(summary['members'], 'tenant')}: {', '.join(parts) or 'none'}. {_changes(report)}".strip()


def _changes(report: Document) -> str:
    s = report["summary"]
    match report["command"]:
        case "plan" if "create" in s:
            return f"{s['create']:,} to add, {s['update']:,} to change, {s['delete']:,} to destroy."
        case "apply" | "destroy" if "create" in s:
            return f"{s['create']:,} added, {s['update']:,} changed, {s['delete']:,} destroyed."
        case "drift" if "changed" in s:
            return f"{s['changed']:,} changed, {s['gone']:,} gone, {s['dropped']:,} dropped."
        case "doctor":
            return f"{s['settled']:,} ready, {s['members'] - s['settled']:,} not."
    return ""


def row(name: str, member: Document) -> str:
    """What came of one member, in a few words."""
    if member["error"]:
        more = f" and {member['errors'] - 1} more" if member["errors"] > 1 else ""
        return f"{safe(member['error']['summary'])} [{safe(member['error']['code'])}]{more}"
    s = member["summary"]
    if "create" in s:
        return f"+{s['create']} ~{s['update']} -{s['delete']}"
    if "changed" in s:
        return f"{s['changed']} changed, {s['gone']} gone, {s['dropped']} dropped"
    if member["ready"] is not None:
        return "ready" if member["ready"] else f"{s['not_ready']} not ready, {s['unknown']} unknown"
    return ""

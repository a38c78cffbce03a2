"""The words that every drawn form of a plan shares: values, places, counts. From the plan's JSON, safe to show."""

from __future__ import annotations

from typing import Any

from tokenvault.plan.document import Document
from tokenvault.text import MAX_TEXT, safe


def value_text(value: Any) -> str:
    """A JSON value on one line, YAML-flavoured."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{safe(key)}: {value_text(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(value_text, value)) + "]"
        case str() if value.startswith("-----BEGIN PUBLIC KEY"):
            return '"(public key)"'
        case str():
            return f'"{safe(value)}"'
        case _:
            return safe(value)


def clipped(text: str, limit: int = MAX_TEXT) -> str:
    """The text, cut where it is very long, with how long it was."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def place(source: Document) -> str:
    """`tokenvault.yaml:12`."""
    return f"{safe(source['file'].rsplit('/', 1)[-1])}:{source['line']}"


def counted(number: int, noun: str) -> str:
    """`1 write`, `2,000 writes`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Roughly how long, in words."""
    return f"{max(1, round(seconds))} s" if seconds < 120 else f"{round(seconds / 60)} min"


def totals(plan: Document) -> str:
    """`2 to add, 1 to change (1 adopted), 0 to destroy`."""
    summary = plan["summary"]
    adopted = f" ({summary['adopt']:,} adopted)" if summary["adopt"] else ""
    return f"{summary['create']:,} to add, {summary['update']:,} to change{adopted}, {summary['delete']:,} to destroy"


def shown_variables(plan: Document) -> list[str]:
    """The variables that the spec may show, each with who says so: `APP_HOST (base.yaml:4)`."""
    return [
        f"{safe(variable['name'])} ({'sensitive, ' if variable['sensitive'] else ''}"
        f"{place(variable['at']) if variable['at'] else '--allow-env'})"
        for variable in plan["spec"].get("variables", ())
    ]


SHOWN = "Variables of the environment that this spec may show:"


def nothing_to_do(plan: Document) -> str:
    """What was compared, so that nobody takes an empty part for an empty plan."""
    count = plan["summary"]["unchanged"]
    if plan["selection"]:
        return "Of the part that was asked for, everything is as the spec says"
    if count == 1:
        return "The one object that the spec asks for is as it says"
    return f"All {count:,} objects that the spec asks for are as it says"


def risks(plan: Document) -> dict[str, list[str]]:
    """What the plan means for people, each once, with the addresses that it is about."""
    found: dict[str, list[str]] = {}
    for change in plan["changes"]:
        for risk in change["risks"]:
            found.setdefault(risk, []).append(change["address"])
    return found


def budget(plan: Document) -> str:
    """What carrying it out takes and how long, what planning took, and whether the token is allowed all of it."""
    summary, lacking = plan["summary"], plan["scopes"]["lacking"]
    sends = f"{counted(summary['writes'], 'write')} and about {counted(summary['rereads'], 'read')}"
    pace = f"about {duration(summary['seconds'])} at {summary['pace']['per_second']:g} requests a second"
    scopes = "" if lacking is None else f" Token scopes: {f'{len(lacking)} missing' if lacking else 'ok'}."
    return f"Carrying it out takes {sends}, {pace}. Planning took {counted(summary['reads'], 'read')}.{scopes}"


def left_alone(change: Document) -> list[str]:
    """What the plan leaves as it is on an existing object."""
    options, attributes = change["unmanaged_options"], change["unmanaged"] if change["action"] == "update" else 0
    are = "is left as it is" if attributes == 1 else "are left as they are"
    lines = [f"{counted(options, 'unmanaged option')} preserved"] if options else []
    return [*lines, f"{counted(attributes, 'unmanaged attribute')} {are}"] if attributes else lines

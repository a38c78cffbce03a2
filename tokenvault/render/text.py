"""A plan in the terminal, drawn from its JSON form: terraform's signs, and on every line who asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from tokenvault.document import Document
from tokenvault.render.safe import safe
from tokenvault.render.style import PLAIN, Painter

SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}
OPS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
VERBS = {
    "create": "will be created",
    "update": "will be updated in-place",
    "delete": "will be deleted",
    "adopt": "will be adopted and updated in-place",
}
LEGEND = {"create": "create", "update": "update in-place", "delete": "delete"}
INDENT = "      "


def plan_text(plan: Document, paint: Painter = PLAIN, *, full: bool = False, summary: bool = False, width: int = 100) -> str:
    """The whole plan. `summary`: one line per object; `full`: nothing folded away."""
    lines: list[str] = []
    if plan["changes"]:
        lines += list(_legend(plan, paint))
        for change in plan["changes"]:
            lines += [_one_line(change, paint)] if summary else ["", *_change(change, paint, full, width)]
        lines += ["", *_totals(plan, paint)]
    elif not plan["warnings"] and not plan["orphans"]:
        lines += [_no_changes(plan, paint)]
    else:
        lines += [_no_changes(plan, paint)]
    lines += _orphans(plan, paint)
    lines += _warnings(plan, paint)
    lines += _risks(plan, paint)
    return "\n".join(lines) + "\n"


def _legend(plan: Document, paint: Painter) -> Iterator[str]:
    yield f"tokenvault will perform the following actions on {paint(safe(plan['tenant']), 'bold')}:"
    present = [action for action in SIGNS if any(change["action"] == action for change in plan["changes"])]
    yield "  " + "   ".join(f"{paint(SIGNS[action][0], SIGNS[action][1])} {LEGEND[action]}" for action in present)


def _no_changes(plan: Document, paint: Painter) -> str:
    count = plan["summary"]["unchanged"]
    done = f"All {count} objects that the spec asks for are as it says" if count != 1 else "The one object is as it says"
    return f"{paint('No changes.', 'bold', 'green')} {done} on {safe(plan['tenant'])}."


def _one_line(change: Document, paint: Painter) -> str:
    sign, colour = SIGNS[change["action"]]
    attributes = dict.fromkeys(attribute["path"][0] for attribute in change["attributes"])
    names = f": {', '.join(map(safe, attributes))}" if change["action"] == "update" else ""
    adopts = " (adopts)" if change["adopts"] else ""
    return f"  {paint(sign, colour)} {safe(change['address'])}{adopts}{names}"


def _change(change: Document, paint: Painter, full: bool, width: int) -> Iterator[str]:
    sign, colour = SIGNS[change["action"]]
    verb = VERBS["adopt" if change["adopts"] else change["action"]]
    where = f"  {_at(change['source'])}" if change["source"] else ""
    headline = f"# {safe(change['address'])} {verb}"
    yield f"  {paint(headline, 'bold')}{paint(where, 'dim')}"
    if change["adopts"]:
        yield f"  # adopts the existing {change['kind']} {safe(change['name'])!r} [{safe(change['id'])}]"
    if change["reason"]:
        yield f"  # {safe(change['reason'])}"
    label = safe(change["address"].split(".", 1)[-1])
    yield f'  {paint(sign, colour)} {change["kind"]} "{label}" {{'
    yield from _attributes(change, paint, full, width)
    yield from _left_alone(change, paint)
    yield "    }"


def _attributes(change: Document, paint: Painter, full: bool, width: int) -> Iterator[str]:
    groups = [(path, list(group)) for path, group in groupby(change["attributes"], key=lambda a: a["path"][0])]
    pad = max((len(path) for path, group in groups if not _is_list(group)), default=0)
    for path, group in groups:
        if _is_list(group):
            yield from _list(change, path, group, paint, width)
        else:
            for attribute in group:
                yield _line(attribute, path.ljust(min(pad, 40)), paint, width, full)


def _is_list(group: list[Document]) -> bool:
    return any(attribute["element"] or len(attribute["path"]) > 1 for attribute in group)


def _list(change: Document, path: str, group: list[Document], paint: Painter, width: int) -> Iterator[str]:
    kept = change["kept"].get(path, 0)
    op = "change" if change["action"] == "update" and (kept or {a["op"] for a in group} != {"add"}) else group[0]["op"]
    sign, colour = OPS[op]
    yield f"{INDENT}{paint(sign, colour)} {safe(path)} = {{"
    for attribute in group:
        sign, colour = OPS[attribute["op"]]
        below = "".join(f"{safe(part)}: " for part in attribute["path"][1:-1] if part)
        last = attribute["path"][-1] if len(attribute["path"]) > 1 else ""
        yield _commented(f"{INDENT}    {paint(sign, colour)} {below}{_member(attribute, last)}", attribute, paint, width)
    if kept:
        yield paint(f"{INDENT}      # ({_count(kept, 'unchanged element')} hidden)", "dim")
    yield f"{INDENT}  }}"


def _member(attribute: Document, last: str) -> str:
    if attribute["element"]:
        label = f"{safe(last)}: " if last else ""
        return label + _shown(attribute, "before" if attribute["op"] == "remove" else "after")
    if attribute["unknown"] and not last:
        return _shown(attribute, "after")
    value = attribute["before"] if attribute["op"] == "remove" else attribute["after"]
    if attribute["op"] == "change":
        return f"{safe(last)}: {_shown(attribute, 'before')} -> {_shown(attribute, 'after')}"
    return f"{safe(last)}" + (f" = {_value(value)}" if value not in (None, {}) else "")


def _line(attribute: Document, name: str, paint: Painter, width: int, full: bool) -> str:
    sign, colour = OPS[attribute["op"]]
    if attribute["op"] == "change":
        value = f"{_shown(attribute, 'before')} {paint('->', 'yellow')} {_shown(attribute, 'after')}"
    elif attribute["op"] == "remove":
        value = f"{_shown(attribute, 'before')} {paint('-> null', 'dim')}"
    else:
        value = _shown(attribute, "after")
    return _commented(f"{INDENT}{paint(sign, colour)} {safe(name)} = {value}", attribute, paint, width)


def _shown(attribute: Document, side: str) -> str:
    if attribute["sensitive"]:
        return "(sensitive value)"
    if attribute["unknown"] and side == "after":
        return f"(known after apply: {safe(attribute['unknown'])})"
    return _value(attribute[side])


def _value(value: Any) -> str:
    """YAML-flavoured, on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{safe(key)}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return '"(public key)"' if value.startswith("-----BEGIN PUBLIC KEY") else f'"{safe(value)}"'
    return safe(value)


def _commented(line: str, attribute: Document, paint: Painter, width: int) -> str:
    """The line with who asked for it, on a line of its own where there is no room."""
    comment = _asked_by(attribute["why"])
    if not comment:
        return line
    from tokenvault.render.style import visible_length

    room = visible_length(line)
    if room + 2 + len(comment) <= width:
        return f"{line}{' ' * max(2, min(58, width - len(comment)) - room)}{paint(comment, 'dim')}"
    return f"{line}\n{' ' * max(8, min(58, width - len(comment)))}{paint(comment, 'dim')}"


def _asked_by(whys: Iterable[Document]) -> str:
    names: dict[str, str] = {}
    for why in whys:
        names.setdefault(why["source"], _at(why["at"]) if why["at"] else "")
    shown = [f"{safe(source)}{f' {at}' if at else ''}" for source, at in names.items()]
    return f"# {shown[0]}" + (f" (+{len(shown) - 1})" if len(shown) > 1 else "") if shown else ""


def _at(source: Document) -> str:
    return f"{safe(source['file'].rsplit('/', 1)[-1])}:{source['line']}"


def _left_alone(change: Document, paint: Painter) -> Iterator[str]:
    if change["unmanaged_options"]:
        yield paint(f"{INDENT}  # ({_count(change['unmanaged_options'], 'unmanaged option')} preserved)", "dim")
    if change["unmanaged"] and change["action"] == "update":
        are = "is left as it is" if change["unmanaged"] == 1 else "are left as they are"
        yield paint(f"{INDENT}  # ({_count(change['unmanaged'], 'unmanaged attribute')} {are})", "dim")


def _totals(plan: Document, paint: Painter) -> Iterator[str]:
    s = plan["summary"]
    adopt = f" ({s['adopt']} adopted)" if s["adopt"] else ""
    yield (
        f"{paint('Plan:', 'bold')} {s['create']} to add, {s['update']} to change{adopt}, {s['delete']} to destroy."
        f"   {_count(s['writes'], 'write')}, about {_seconds(s['seconds'])}."
    )


def _seconds(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 120 else f"{round(seconds / 60)} min"


def _orphans(plan: Document, paint: Painter) -> list[str]:
    if not plan["orphans"]:
        return []
    lines = ["", paint("Created by this spec and no longer in it (deleted only with --prune):", "bold")]
    return [*lines, *(f"  {safe(o['address'])} [{safe(o['id'])}]{' (protected)' if o['protected'] else ''}" for o in plan["orphans"])]


def _warnings(plan: Document, paint: Painter) -> list[str]:
    lines = []
    for warning in plan["warnings"]:
        lines += ["", f"{paint('Warning:', 'bold', 'yellow')} {safe(warning['summary'])}"]
        lines += [f"  {safe(line)}" for line in (warning["detail"], warning["hint"]) if line]
    return lines


def _risks(plan: Document, paint: Painter) -> list[str]:
    risky = [change for change in plan["changes"] if change["risks"]]
    if not risky:
        return []
    lines = ["", paint("Before you approve:", "bold", "yellow")]
    for change in risky:
        lines += [f"  {paint('!', 'yellow')} {safe(change['address'])}: {safe(risk)}" for risk in change["risks"]]
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

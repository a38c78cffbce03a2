"""From values before and after to the change that a plan shows: its attributes, who asked for each, what it keeps, its risks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenvault.desired import Node, Why
from tokenvault.diff import UNKNOWN, Delta, is_sensitive, unknown_address
from tokenvault.kinds import Kind, Object, Shape
from tokenvault.plan import Attribute
from tokenvault.want import Both, Has, HasBy, Is, Lacks, LacksBy, Ref, Want

Values = Mapping[str, Any]


def attribute(kind: Kind, node: Node, delta: Delta, before: Values, after: Values) -> Attribute:
    """One difference as the plan shows it: secrets and values that nobody knows yet are not in it."""
    path = delta.path[0]
    sensitive = kind.field_at(path).secret or is_sensitive(before.get(path)) or is_sensitive(after.get(path))
    unknown = unknown_address(delta)
    return Attribute(
        path=tuple(part for part in delta.path if not part.startswith("\0")) if unknown else delta.path,
        op=delta.op,
        before=None if sensitive else delta.before,
        after=None if sensitive or unknown else delta.after,
        element=delta.element,
        sensitive=sensitive,
        unknown=unknown,
        why=_why(node, delta),
    )


def _why(node: Node, delta: Delta) -> tuple[Why, ...]:
    """Who asked: for a member of a set, only those that asked for that member."""
    asks = list(node.asks_for(delta.path[0]))
    member = (delta.after or delta.before) if delta.element else delta.path[1] if len(delta.path) > 1 else None
    named = [ask for ask in asks if member is not None and _names(ask.want, member)]
    whole = [ask for ask in asks if delta.op != "remove" or isinstance(ask.want, Is)]
    return tuple(dict.fromkeys(ask.why for ask in named or whole))


def _names(want: Want, member: Any) -> bool:
    match want:
        case Has() | Lacks():
            return any(_is(item, member) for item in want.items)
        case HasBy():
            return any(_is(entry.get(want.key), member) for entry in want.entries)
        case LacksBy():
            return str(member) in map(str, want.names)
        case Both():
            return _names(want.without, member) or _names(want.wanted, member)
        case _:
            return False


def _is(item: Any, member: Any) -> bool:
    return str(member) == (f"{UNKNOWN}{item.address}" if isinstance(item, Ref) else str(item))


def unmanaged(node: Node, live: Object | None) -> int:
    """How many attributes of the object nobody asks anything of."""
    managed = {path.split(".")[0] for path in node.wants} | set(node.target.identity)
    return len(set(live) - managed) if live is not None else 0


def unmanaged_options(node: Node, live: Object | None) -> int:
    """How many options of a connection nobody asks anything of."""
    managed = {path.split(".", 1)[1] for path in node.wants if path.startswith("options.")}
    return len(set((live or {}).get("options") or {}) - managed)


def kept(kind: Kind, before: Values, after: Values, changed: set[str]) -> dict[str, int]:
    """How many members of each changed list stay as they are."""
    found = {}
    for path in changed:
        shape, key = kind.field_at(path).shape, kind.field_at(path).key
        if shape is not Shape.VALUE and isinstance(before.get(path), list):
            names = [str(item.get(key)) if isinstance(item, dict) else str(item) for item in after.get(path) or []]
            old = [str(item.get(key)) if isinstance(item, dict) else str(item) for item in before[path]]
            found[path] = sum(name in names for name in old)
    return {path: count for path, count in found.items() if count}


def risks(kind: Kind, live: Object, before: Values, sets: Values) -> tuple[str, ...]:
    """What the change of an existing object means for its users, in words."""
    fields = [(kind.field_at(path), path, value) for path, value in sets.items()]
    found = [
        field.risk
        for field, path, value in fields
        if field.risk and before.get(path) != value and (not field.risk_values or value in field.risk_values)
    ]
    return tuple(dict.fromkeys([*found, *kind.risks(live, sets)]))

"""From values before and after to the change that a plan shows: its attributes, who asked for each, what it keeps, its risks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenvault.kinds.base import Field, Kind, Object, Shape
from tokenvault.model.constraints import (
    AllOf,
    Constraint,
    Contains,
    ContainsKeyed,
    Default,
    Equals,
    Excludes,
    ExcludesKeyed,
    Ref,
)
from tokenvault.model.desired import DesiredObject, Provenance, Requirement, bound
from tokenvault.plan.diff import UNKNOWN, Difference, unknown_address
from tokenvault.plan.model import Attribute
from tokenvault.secrets import is_sensitive

Values = Mapping[str, Any]
REVOKED = Provenance(source="spec", reason="the spec no longer asks for it")


def attributes(
    kind: Kind, node: DesiredObject, found: Iterable[Difference], before: Values, after: Values, ids: Mapping[str, str]
) -> tuple[Attribute, ...]:
    """The differences as the plan shows them: secrets and values that nobody knows yet are not in them.

    `ids` are those of the objects that exist: what is asked for by reference is found by what the values have in its place.
    """
    found, index = list(found), _RequirementIndex.of(node, ids)
    sensitive = {
        path: kind.field_at(path).secret or is_sensitive(before.get(path)) or is_sensitive(after.get(path))
        for path in dict.fromkeys(difference.path[0] for difference in found)
    }
    return tuple(
        _attribute(difference, index.provenance(difference), sensitive=sensitive[difference.path[0]])
        for difference in found
    )


def _attribute(difference: Difference, provenance: tuple[Provenance, ...], *, sensitive: bool) -> Attribute:
    unknown = unknown_address(difference)
    return Attribute(
        path=tuple(part for part in difference.path if not part.startswith("\0")) if unknown else difference.path,
        op=difference.op,
        before=None if sensitive else difference.before,
        after=None if sensitive or unknown else difference.after,
        element=difference.element,
        sensitive=sensitive,
        unknown=unknown,
        provenance=provenance,
    )


@dataclass(frozen=True, slots=True)
class _RequirementIndex:
    """The requirements of a node by path, and by path and member: a thousand may ask for one member of a list each."""

    whole: Mapping[str, list[Requirement]]
    named: Mapping[tuple[str, str], list[Requirement]]

    @classmethod
    def of(cls, node: DesiredObject, ids: Mapping[str, str]) -> _RequirementIndex:
        whole, named = defaultdict(list), defaultdict(list)
        for requirement in node.requirements:
            whole[requirement.path].append(requirement)
            for member in _members(bound(requirement.constraint, ids)):
                named[requirement.path, member].append(requirement)
        return cls(whole, named)

    def provenance(self, difference: Difference) -> tuple[Provenance, ...]:
        """Who asked: for a member of a set, only those that asked for that member."""
        path = difference.path[0]
        member = (
            (difference.after or difference.before)
            if difference.element
            else difference.path[1]
            if len(difference.path) > 1
            else None
        )
        requirements = self.named.get((path, str(member)), []) if member is not None else []
        whole = [
            requirement
            for requirement in self.whole.get(path, ())
            if difference.op != "remove" or isinstance(requirement.constraint, Equals)
        ]
        asked = [requirement for requirement in whole if not isinstance(requirement.constraint, Default)]
        return tuple(dict.fromkeys(r.provenance for r in requirements or asked or whole)) or (REVOKED,)


def _members(constraint: Constraint) -> Iterable[str]:
    match constraint:
        case Contains() | Excludes():
            return map(_name, constraint.items)
        case ContainsKeyed():
            return (_name(entry.get(constraint.key)) for entry in constraint.entries)
        case ExcludesKeyed():
            return map(str, constraint.names)
        case AllOf():
            return (*_members(constraint.without), *_members(constraint.wanted))
        case _:
            return ()


def _name(item: Any) -> str:
    return f"{UNKNOWN}{item.address}" if isinstance(item, Ref) else str(item)


def unmanaged(node: DesiredObject, live: Object | None) -> int:
    """The number of the object's attributes without any requirement."""
    managed = {path.split(".")[0] for path in node.constraints} | set(node.target.identity)
    return len(set(live) - managed) if live is not None else 0


def unmanaged_options(node: DesiredObject, live: Object | None) -> int:
    """The number of a connection's options without any requirement."""
    managed = {path.split(".", 1)[1] for path in node.constraints if path.startswith("options.")}
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


NAMED = 4


def risks(kind: Kind, live: Object, before: Values, patch: Values) -> tuple[str, ...]:
    """What the change of an existing object means for its users, in words."""
    fields = [(kind.field_at(path), path, value) for path, value in patch.items()]
    found = [
        field.risk
        for field, path, value in fields
        if field.risk and before.get(path) != value and (not field.risk_values or value in field.risk_values)
    ]
    lost = [(field, _lost(field, before.get(path), value)) for field, path, value in fields if field.loss]
    found += [field.loss.format(_few(gone)) for field, gone in lost if gone]
    return tuple(dict.fromkeys([*found, *kind.risks(live, patch)]))


def _lost(field: Field, before: Any, after: Any) -> list[str]:
    """The members that a list had and will not have; of entries that stay, what their own lists lose."""
    if not isinstance(before, list):
        return []
    kept = after if isinstance(after, list) else []
    if not field.key:
        return [str(item) for item in before if item not in kept]
    entries = {str(item.get(field.key)): item for item in kept if isinstance(item, Mapping)}
    named = [(str(item.get(field.key)), item) for item in before if isinstance(item, Mapping)]
    return [lost for name, item in named if (lost := _lost_of_entry(name, item, entries.get(name)))]


def _lost_of_entry(name: str, before: Mapping[str, Any], after: Mapping[str, Any] | None) -> str:
    if after is None:
        return name
    lists = [(value, after.get(key) or []) for key, value in before.items() if isinstance(value, list)]
    gone = [str(item) for had, has in lists for item in had if item not in has]
    return f"{name} ({_few(gone)})" if gone else ""


def _few(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")

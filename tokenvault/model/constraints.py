"""Constraints: what a spec or a flavor requires of one attribute, and the value that satisfies it given the live one.

A constraint never looks at the tenant itself: `resolve(live)` says which value would satisfy it, and answers the live value
unchanged when that already does. Lists only grow: what a spec gave and no longer asks for is taken out before, see
`plan/provisions.py`. Absent and null are one and the same: `None`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol


class Conflict(Exception):
    """Two constraints on one attribute contradict each other."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that Auth0 assigns when it creates another object of the graph."""

    address: str
    attribute: str = "id"

    def __str__(self) -> str:
        return f"(known after apply: {self.address})"


class Constraint(Protocol):
    """One requirement on one attribute."""

    def resolve(self, live: Any) -> Any:
        """The value that satisfies the constraint: `live` itself when it already does."""

    def merge(self, other: Constraint) -> Constraint:
        """The constraint that satisfies both, or `Conflict`."""


@dataclass(frozen=True, slots=True)
class Equals:
    """Exactly this value; `None` means absent."""

    value: Any

    def resolve(self, live: Any) -> Any:
        return self.value

    def merge(self, other: Constraint) -> Constraint:
        if isinstance(other, Default | OneOf) or other == self:
            return self
        if isinstance(other, NotIn) and self.value not in other.values:
            return self
        raise Conflict


@dataclass(frozen=True, slots=True)
class Default:
    """This value when tokenvault creates the object; afterwards anything.

    `again_with` is an attribute that, when it changes, makes the object start anew in this respect.
    """

    value: Any
    again_with: str = ""

    def resolve(self, live: Any) -> Any:
        return self.value

    def merge(self, other: Constraint) -> Constraint:
        return self if isinstance(other, Default) else other.merge(self)


@dataclass(frozen=True, slots=True)
class NotIn:
    """Anything but these values, and `instead` where one of them stands. A new object starts with `instead`.

    So does one whose attribute `again_with` changes. Where Auth0 is known to start a new object with nothing of these
    (`left_to_auth0`), nothing is sent for it.
    """

    values: tuple[Any, ...]
    instead: Any
    again_with: str = ""
    left_to_auth0: bool = False

    def resolve(self, live: Any) -> Any:
        return self.instead if live in self.values else live

    def merge(self, other: Constraint) -> Constraint:
        if isinstance(other, Default) or other == self:
            return self
        if isinstance(other, Equals):
            return other.merge(self)
        raise Conflict


@dataclass(frozen=True, slots=True)
class Contains:
    """A set-like list that holds at least these items. With `separator` Auth0 keeps the list as one text."""

    items: tuple[Any, ...]
    separator: str = ""

    def resolve(self, live: Any) -> Any:
        present = members(live)
        there = _lookup(present)
        missing = [item for item in self.items if item not in there]
        if not missing and live is not None:
            return live
        return as_kept([*present, *missing], live, self.separator)

    def merge(self, other: Constraint) -> Constraint:
        if isinstance(other, Contains):
            return Contains(self.items + tuple(i for i in other.items if i not in self.items), self.separator)
        if isinstance(other, Default):
            return self
        if isinstance(other, Excludes):
            return other.merge(self)
        raise Conflict


def members(value: Any) -> list[Any]:
    """The members of a set-like list, which may be one text of words between spaces or commas."""
    return value.replace(",", " ").split() if isinstance(value, str) else list(value or [])


def as_kept(items: Sequence[Any], live: Any, separator: str = "") -> Any:
    """A set-like list in the form in which the tenant keeps it: like `live`, or, where that is empty, as `separator` says."""
    if isinstance(live, str):
        separator = "," if "," in live else " "
    return separator.join(map(str, items)) if separator else list(items)


def _lookup(items: Sequence[Any]) -> Collection[Any]:
    """The items as a set where they can be hashed: lists of a thousand are compared with lists of a thousand."""
    try:
        return frozenset(items)
    except TypeError:
        return items


@dataclass(frozen=True, slots=True)
class Excludes:
    """A set-like list without these items."""

    items: tuple[Any, ...]

    def resolve(self, live: Any) -> Any:
        return as_kept([item for item in members(live) if item not in self.items], live)

    def merge(self, other: Constraint) -> Constraint:
        if isinstance(other, Excludes):
            return Excludes(self.items + tuple(i for i in other.items if i not in self.items))
        if isinstance(other, Contains) and not set(map(str, self.items)) & set(map(str, other.items)):
            return AllOf(self, other)
        raise Conflict


@dataclass(frozen=True, slots=True)
class ContainsKeyed:
    """A list of objects, told apart by `key`, that holds at least these entries; lists inside an entry only grow."""

    key: str
    entries: tuple[Mapping[str, Any], ...]

    def resolve(self, live: Any) -> Any:
        wanted = {entry[self.key]: entry for entry in self.entries}
        present = list(live or [])
        merged = [_grown_entry(entry, wanted.get(entry.get(self.key), {})) for entry in present]
        names = [entry.get(self.key) for entry in present]
        return merged + [dict(entry) for name, entry in wanted.items() if name not in names]

    def merge(self, other: Constraint) -> Constraint:
        if isinstance(other, ContainsKeyed) and other.key == self.key:
            return ContainsKeyed(self.key, tuple(ContainsKeyed(self.key, self.entries).resolve(list(other.entries))))
        if isinstance(other, Default):
            return self
        if isinstance(other, ExcludesKeyed):
            return other.merge(self)
        raise Conflict


@dataclass(frozen=True, slots=True)
class ExcludesKeyed:
    """A list of objects, told apart by `key`, without those that carry one of `names`."""

    key: str
    names: tuple[Any, ...]

    def resolve(self, live: Any) -> Any:
        return [entry for entry in live or [] if entry.get(self.key) not in self.names] or None

    def merge(self, other: Constraint) -> Constraint:
        if isinstance(other, ExcludesKeyed) and other.key == self.key:
            return ExcludesKeyed(self.key, self.names + tuple(n for n in other.names if n not in self.names))
        if isinstance(other, ContainsKeyed) and other.key == self.key and not self._overlaps(other):
            return AllOf(self, other)
        raise Conflict

    def _overlaps(self, other: ContainsKeyed) -> bool:
        return any(entry.get(self.key) in self.names for entry in other.entries)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Several constraints on one list: some items must go (they are revoked), others must be there."""

    without: Constraint
    wanted: Constraint

    def resolve(self, live: Any) -> Any:
        return self.wanted.resolve(self.without.resolve(live))

    def merge(self, other: Constraint) -> Constraint:
        if isinstance(other, Excludes | ExcludesKeyed):
            return self.wanted.merge(self.without.merge(other))
        return self.without.merge(self.wanted.merge(other))


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these values, or none at all. Nothing changes a value into another: the kind's check refuses it."""

    values: tuple[Any, ...]
    hint: str = ""

    def resolve(self, live: Any) -> Any:
        return live

    def merge(self, other: Constraint) -> Constraint:
        if isinstance(other, OneOf):
            return OneOf(tuple(v for v in self.values if v in other.values), self.hint or other.hint)
        return other


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value: the attribute is only read, so that what was given there can be revoked."""

    def resolve(self, live: Any) -> Any:
        return live

    def merge(self, other: Constraint) -> Constraint:
        return other


def merge_all(constraints: Sequence[Constraint]) -> Constraint:
    """The constraint that satisfies them all, or `Conflict`. Many `Contains` of one member each are merged at once."""
    constraints = [c for c in constraints if not isinstance(c, Anything)] or list(constraints[:1])
    lists = [constraint for constraint in constraints if isinstance(constraint, Contains)]
    if len(lists) == len(constraints):
        separator = next((constraint.separator for constraint in lists if constraint.separator), "")
        return Contains(tuple(dict.fromkeys(item for constraint in lists for item in constraint.items)), separator)
    return reduce(lambda one, other: one.merge(other), constraints)


def _grown_entry(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(live)
    for name, value in wanted.items():
        present = live.get(name)
        if isinstance(value, list | tuple) and isinstance(present, Sequence) and not isinstance(present, str):
            merged[name] = [*present, *(item for item in value if item not in present)]
        else:
            merged[name] = value
    return merged


def initial(constraint: Constraint) -> Any:
    """The value that a new object starts with."""
    match constraint:
        case NotIn():
            return None if constraint.left_to_auth0 else constraint.instead
        case Contains() | ContainsKeyed() | AllOf():
            return constraint.resolve(None)
        case Equals() | Default():
            return constraint.value
        case _:
            return None

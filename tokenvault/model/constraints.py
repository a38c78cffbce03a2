"""What a spec or a flavor wants of one attribute, and what follows for the value that the tenant holds.

A want never looks at the tenant itself: `resolve(live, exact=…)` says which value would satisfy it, and answers the
live value unchanged when that already does. `exact` is true for objects that tokenvault created: their lists hold what
is asked for and nothing else; on adopted objects lists only grow. Absent and null are one and the same: `None`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol


class Conflict(Exception):
    """Two asks for one attribute cannot both hold."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that Auth0 assigns when it creates another object of the graph."""

    address: str
    attribute: str = "id"

    def __str__(self) -> str:
        return f"(known after apply: {self.address})"


class Want(Protocol):
    """One requirement on one attribute."""

    def resolve(self, live: Any, *, exact: bool) -> Any:
        """The value that satisfies the want: `live` itself when it already does."""

    def join(self, other: Want) -> Want:
        """The want that satisfies both, or `Conflict`."""


@dataclass(frozen=True, slots=True)
class Is:
    """Exactly this value; `None` means absent."""

    value: Any

    def resolve(self, live: Any, *, exact: bool) -> Any:
        return self.value

    def join(self, other: Want) -> Want:
        if isinstance(other, Initially | Among) or other == self:
            return self
        if isinstance(other, Not) and self.value not in other.values:
            return self
        raise Conflict


@dataclass(frozen=True, slots=True)
class Initially:
    """This value when tokenvault creates the object; afterwards anything."""

    value: Any

    def resolve(self, live: Any, *, exact: bool) -> Any:
        return self.value

    def join(self, other: Want) -> Want:
        return self if isinstance(other, Initially) else other.join(self)


@dataclass(frozen=True, slots=True)
class Not:
    """Anything but these values, and `instead` where one of them stands. A new object starts with `instead`."""

    values: tuple[Any, ...]
    instead: Any

    def resolve(self, live: Any, *, exact: bool) -> Any:
        return self.instead if live in self.values else live

    def join(self, other: Want) -> Want:
        if isinstance(other, Initially) or other == self:
            return self
        if isinstance(other, Is):
            return other.join(self)
        raise Conflict


@dataclass(frozen=True, slots=True)
class Has:
    """A set-like list that holds at least these items."""

    items: tuple[Any, ...]

    def resolve(self, live: Any, *, exact: bool) -> Any:
        present = list(live or [])
        wanted, there = _lookup(self.items), _lookup(present)
        kept = [item for item in present if item in wanted] if exact else present
        return kept + [item for item in self.items if item not in there]

    def join(self, other: Want) -> Want:
        if isinstance(other, Has):
            return Has(self.items + tuple(i for i in other.items if i not in self.items))
        if isinstance(other, Initially):
            return self
        if isinstance(other, Lacks):
            return other.join(self)
        raise Conflict


def _lookup(items: Sequence[Any]) -> Collection[Any]:
    """The items as what answers `in` at once; lists of a thousand are compared with lists of a thousand."""
    try:
        return frozenset(items)
    except TypeError:
        return items


@dataclass(frozen=True, slots=True)
class Lacks:
    """A set-like list without these items."""

    items: tuple[Any, ...]

    def resolve(self, live: Any, *, exact: bool) -> Any:
        return [item for item in live or [] if item not in self.items]

    def join(self, other: Want) -> Want:
        if isinstance(other, Lacks):
            return Lacks(self.items + tuple(i for i in other.items if i not in self.items))
        if isinstance(other, Has) and not set(map(str, self.items)) & set(map(str, other.items)):
            return Both(self, other)
        raise Conflict


@dataclass(frozen=True, slots=True)
class HasBy:
    """A list of objects, told apart by `key`, that holds at least these entries; lists inside an entry only grow."""

    key: str
    entries: tuple[Mapping[str, Any], ...]

    def resolve(self, live: Any, *, exact: bool) -> Any:
        wanted = {entry[self.key]: entry for entry in self.entries}
        present = [entry for entry in live or [] if not exact or entry.get(self.key) in wanted]
        merge = _overwrite_entry if exact else _merge_entry
        merged = [merge(entry, wanted.get(entry.get(self.key), {})) for entry in present]
        names = [entry.get(self.key) for entry in present]
        return merged + [dict(entry) for name, entry in wanted.items() if name not in names]

    def join(self, other: Want) -> Want:
        if isinstance(other, HasBy) and other.key == self.key:
            return HasBy(self.key, tuple(HasBy(self.key, self.entries).resolve(list(other.entries), exact=False)))
        if isinstance(other, Initially):
            return self
        if isinstance(other, LacksBy):
            return other.join(self)
        raise Conflict


@dataclass(frozen=True, slots=True)
class LacksBy:
    """A list of objects, told apart by `key`, without those that carry one of `names`."""

    key: str
    names: tuple[Any, ...]

    def resolve(self, live: Any, *, exact: bool) -> Any:
        return [entry for entry in live or [] if entry.get(self.key) not in self.names] or None

    def join(self, other: Want) -> Want:
        if isinstance(other, LacksBy) and other.key == self.key:
            return LacksBy(self.key, self.names + tuple(n for n in other.names if n not in self.names))
        if isinstance(other, HasBy) and other.key == self.key and not self._overlaps(other):
            return Both(self, other)
        raise Conflict

    def _overlaps(self, other: HasBy) -> bool:
        return any(entry.get(self.key) in self.names for entry in other.entries)


@dataclass(frozen=True, slots=True)
class Both:
    """A list without some items and with others: what is taken back of it and what is asked for meet here."""

    without: Want
    wanted: Want

    def resolve(self, live: Any, *, exact: bool) -> Any:
        return self.wanted.resolve(self.without.resolve(live, exact=exact), exact=exact)

    def join(self, other: Want) -> Want:
        if isinstance(other, Lacks | LacksBy):
            return self.wanted.join(self.without.join(other))
        return self.without.join(self.wanted.join(other))


@dataclass(frozen=True, slots=True)
class Among:
    """One of these values, or none at all. Nothing changes a value into another: the kind's check refuses it."""

    values: tuple[Any, ...]
    hint: str = ""

    def resolve(self, live: Any, *, exact: bool) -> Any:
        return live

    def join(self, other: Want) -> Want:
        if isinstance(other, Among):
            return Among(tuple(v for v in self.values if v in other.values), self.hint or other.hint)
        return other


def joined(wants: Sequence[Want]) -> Want:
    """The want that satisfies them all, or `Conflict`. Of lists that a thousand ask for one member each, in one go."""
    lists = [want for want in wants if isinstance(want, Has)]
    if len(lists) == len(wants):
        return Has(tuple(dict.fromkeys(item for want in lists for item in want.items)))
    return reduce(lambda one, other: one.join(other), wants)


def _overwrite_entry(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {**live, **wanted}


def _merge_entry(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(live)
    for name, value in wanted.items():
        present = live.get(name)
        if isinstance(value, list | tuple) and isinstance(present, Sequence) and not isinstance(present, str):
            merged[name] = [*present, *(item for item in value if item not in present)]
        else:
            merged[name] = value
    return merged

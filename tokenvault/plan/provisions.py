"""What a spec gave to one attribute, as marks record it: what of the live value is the spec's, and what it gives now.

`Slot.without_revoked` decides what is revoked of a value: a scope of a grant, a grant type, an address, an option. What is
more than one attribute (a place among a connection's applications, a worker's keys) is revoked in `flavors/provisions.py`.

The spec owns an attribute that was empty when it was given, or that stands on an object which the spec created: it holds
exactly what is asked for. Beside members or values that were there before, only the spec's own are taken out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenvault.kinds.base import Field, Shape
from tokenvault.model.constraints import (
    AllOf,
    Constraint,
    Contains,
    ContainsKeyed,
    Equals,
    NotIn,
    Ref,
    as_kept,
    members,
)
from tokenvault.model.marks import SECRET, Provision, digest, replaced_value, value_before, value_digest
from tokenvault.secrets import is_sensitive

LONGEST_VALUE = 120
"""Longer values than this many characters are not kept in a mark, so that they cannot be given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One attribute of an object, and what marks record of it.

    `recorded` are the provisions in the mark. `given` says that the whole object is the spec's, `covered` that a provision
    of its own tells of the attribute as a whole, `created` that the spec created the marked object. `entry_name` names an
    entry of a list in marks.
    """

    name: str
    field: Field
    recorded: frozenset[Provision]
    given: bool = False
    covered: bool = False
    created: bool = False
    entry_name: Mapping[str, str]

    @property
    def is_owned(self) -> bool:
        """Whether all that the attribute holds is the spec's."""
        return self.given or self.covered or self.owned is not None

    @property
    def owned(self) -> Provision | None:
        """The record that the attribute is the spec's, with the digest of what it gave."""
        return next((p for p in self.recorded if p.verb == "own" and p.slot == self.name), None)

    @property
    def is_secret(self) -> bool:
        """Whether the spec gave a secret: then the mark holds no digest of it."""
        records = [*self._values(self.name), *([self.owned] if self.owned else [])]
        is_undigested = self.field.optional and any(not record.value.partition(".")[0] for record in records)
        return is_undigested or self._replaced_secret in self.recorded

    @property
    def _replaced_secret(self) -> Provision:
        """The record that a secret took the place of what was there."""
        return Provision(SECRET, self.name)

    def is_as_given(self, live: Any) -> bool | None:
        """Whether the attribute holds what the spec gave; None where marks do not tell."""
        if self.owned is not None and self.owned.value:
            return self.owned.value == content_digest(live, self.field)
        match self.field.shape:
            case Shape.SET:
                ours, there = self._members_given(self.name), {digest(str(member)) for member in members(live)}
                return ours <= there if ours else None
            case Shape.KEYED:
                return None
        given, before = next(map(value_before, self._values(self.name)), ("", None))
        if not given or (live or None) == (before or None):  # its old value may have been given back by this spec
            return None
        return value_digest(live) == given

    def _members_given(self, name: str) -> frozenset[str]:
        """The digests of the members that the spec gave to a list in which others stood."""
        return frozenset(p.value for p in self.recorded if p.verb == "gave" and p.slot == name)

    def without_revoked(self, live: Any, constraint: Constraint | None) -> Any:
        """The live value without what the spec gave and no longer requires. `constraint`: what it requires now."""
        if live is None:
            return None
        match self.field.shape:
            case Shape.SET:
                return self._kept_members(live, {str(item) for item in _items(constraint)})
            case Shape.KEYED:
                return self._kept_entries(live, _entries(constraint, self.field.key))
        return live if _sets_value(constraint) else self._value_before(live)

    def provisions(self, live: Any, constraint: Constraint, *, exists: bool) -> Iterator[Provision]:
        """What is recorded once the attribute is as wanted. `exists` tells whether the object does."""
        if self.given or self.covered:
            return
        match self.field.shape:
            case Shape.SET if _items(constraint):
                yield from self._given_members(members(live), _items(constraint))
            case Shape.KEYED if _asks_for_entries(constraint):
                yield from self._given_entries(live or [], _entries(constraint, self.field.key), exists=exists)
            case Shape.VALUE if _sets_value(constraint):
                yield from self._given_value(live, constraint, exists=exists)

    def _is_own(self, name: str, member: str) -> bool:
        return Provision("gave", name, digest(member)) in self.recorded

    def _kept_members(self, live: Any, asked: Collection[str]) -> Any:
        present = members(live)
        kept = [m for m in present if str(m) in asked or not (self.is_owned or self._is_own(self.name, str(m)))]
        if len(kept) == len(present):
            return live
        return as_kept(kept, live) if kept or not self.field.removable else None

    def _kept_entries(self, live: Sequence[Mapping[str, Any]], asked: Mapping[str, Mapping[str, Any]]) -> Any:
        found = []
        for entry in live:
            key = str(entry.get(self.field.key))
            owned = self.is_owned or self._entry(key) in self.recorded
            if key in asked or not owned:
                found.append(self._kept_entry(entry, asked.get(key, {}), self._inside(key), owned=owned))
        return found or (None if self.field.entries else [])

    def _kept_entry(
        self, entry: Mapping[str, Any], asked: Mapping[str, Any], inside: str, *, owned: bool
    ) -> Mapping[str, Any]:
        """The live entry without what the spec gave of it and no longer requires."""
        kept = dict(entry)
        for name, value in entry.items():
            if isinstance(value, list):
                wanted = asked.get(name) or ()
                kept[name] = [m for m in value if m in wanted or not (owned or self._is_own(inside, str(m)))]
            elif name not in asked:
                kept[name] = self._restored(f"{inside}/{name}", value)
        return kept

    def _value_before(self, live: Any) -> Any:
        if self.is_owned and self.field.removable:
            return None
        return self._restored(self.name, live)

    def _restored(self, name: str, live: Any) -> Any:
        """The value before the one that the spec gave, unless others gave it another one since."""
        for record in self._values(name):
            given, before = value_before(record)
            return before if not given or value_digest(live) == given else live
        return live

    def _values(self, name: str) -> Iterator[Provision]:
        return (p for p in self.recorded if p.verb == "was" and p.slot == name)

    def _entry(self, key: str) -> Provision:
        name = self.entry_name.get(key) or f"~{digest(key)}"
        return Provision(self.field.entries, name) if self.field.entries else Provision("gave", self.name, digest(key))

    def _inside(self, key: str) -> str:
        entry = self._entry(key)
        return f"{entry.verb}/{entry.slot}" if self.field.entries else f"{self.name}/{entry.value}"

    def _given_members(self, live: Sequence[Any], asked: Sequence[Any]) -> Iterator[Provision]:
        if self._becomes_owned(live):
            yield Provision("own", self.name, content_digest(asked, self.field))
        else:
            new = (str(i) for i in asked if i not in live or self._is_own(self.name, str(i)))
            yield from (Provision("gave", self.name, digest(member)) for member in new)

    def _given_entries(
        self, live: Sequence[Mapping[str, Any]], asked: Mapping[str, Mapping[str, Any]], *, exists: bool
    ) -> Iterator[Provision]:
        if self.field.all_or_nothing and (self.is_owned or self.created or not exists):
            yield Provision("own", self.name)
        elif self.field.all_or_nothing:
            there = {str(entry.get(self.field.key)) for entry in live}
            yield from (e for key in asked if (e := self._entry(key)) in self.recorded or key not in there)
        elif not self.field.entries and self._becomes_owned(live):
            yield Provision("own", self.name, content_digest(list(asked.values()), self.field))
        else:
            present = {str(entry.get(self.field.key)): entry for entry in live}
            for key, entry in asked.items():
                yield from self._given_entry(key, entry, present.get(key))

    def _given_entry(self, key: str, asked: Mapping[str, Any], live: Mapping[str, Any] | None) -> Iterator[Provision]:
        if live is None or self._entry(key) in self.recorded:
            yield self._entry(key)
            return
        inside = self._inside(key)
        for name, value in asked.items():
            present = live.get(name) or []
            if not isinstance(value, list | tuple):
                yield from self._replaced(f"{inside}/{name}", live.get(name), value) if name != self.field.key else ()
                continue
            for member in value:
                if member not in present or self._is_own(inside, str(member)):
                    yield Provision("gave", inside, digest(str(member)))

    def _becomes_owned(self, live: Any) -> bool:
        return self.is_owned or (not live and not any(p.slot == self.name for p in self.recorded))

    def _given_value(self, live: Any, constraint: Constraint, *, exists: bool) -> Iterator[Provision]:
        after, before = constraint.resolve(live), next(self._values(self.name), None)
        live = self.field.absent if live is None and exists else live
        if self.owned is not None or (live is None and before is None):
            removable = self.field.removable and (exists or self.field.optional)
            digested = "" if is_sensitive(after) else content_digest(after, self.field)
            yield from [Provision("own", self.name, digested)] if removable and after is not None else []
        elif self._replaced_secret in self.recorded or (exists and is_sensitive(after)):
            yield self._replaced_secret
        elif before is not None:
            yield from self._replaced(self.name, live, after)
        elif exists and not (self.created and not self.field.optional) and self.can_be_restored(live, after):
            yield replaced_value(self.name, live, after)

    def _replaced(self, name: str, live: Any, after: Any) -> Iterator[Provision]:
        """The provision with the value before: the recorded one, else the live one; none where that is as required anyway."""
        record = next(self._values(name), None)
        before = value_before(record)[1] if record else live
        if after != before and before is not None and self.can_be_restored(before, after):
            yield replaced_value(name, before, after)

    def can_be_restored(self, live: Any, after: Any) -> bool:
        """Whether a mark can hold the value that another one replaces: not where a secret belongs, as it may be one."""
        if after == live or is_sensitive(live) or is_sensitive(after):
            return False
        return len(replaced_value(self.name, live, after).value) <= LONGEST_VALUE


def content_digest(value: Any, field: Field) -> str:
    """The digest of what an attribute holds; the order of lists that stand for sets does not matter."""
    match field.shape:
        case Shape.SET:
            return value_digest(sorted(map(str, members(value))))
        case Shape.KEYED:
            return value_digest(sorted(json.dumps(_plain(entry), sort_keys=True) for entry in value or []))
    return value_digest(value)


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sorted(map(str, v)) if isinstance(v, list | tuple) else str(v) for name, v in entry.items()}


def _sets_value(constraint: Constraint | None) -> bool:
    return isinstance(constraint, Equals | NotIn)


def _items(constraint: Constraint | None) -> tuple[Any, ...]:
    """The members that are asked for, those with an id that nobody knows yet left out."""
    if isinstance(constraint, AllOf):
        return _items(constraint.wanted)
    if isinstance(constraint, Contains):
        return tuple(item for item in constraint.items if not isinstance(item, Ref))
    if isinstance(constraint, Equals) and isinstance(constraint.value, list | tuple | str):
        return tuple(members(constraint.value))
    return ()


def _asks_for_entries(constraint: Constraint) -> bool:
    return (
        _asks_for_entries(constraint.wanted)
        if isinstance(constraint, AllOf)
        else isinstance(constraint, ContainsKeyed) and bool(constraint.entries)
    )


def _entries(constraint: Constraint | None, key: str) -> Mapping[str, Mapping[str, Any]]:
    """The entries that are asked for, by their key."""
    if isinstance(constraint, AllOf):
        return _entries(constraint.wanted, key)
    entries = constraint.entries if isinstance(constraint, ContainsKeyed) else ()
    return {str(entry[key]): entry for entry in entries if not isinstance(entry[key], Ref)}

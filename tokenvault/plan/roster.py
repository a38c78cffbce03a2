"""What a spec lists, in its marks: which objects it has, by which one that others deleted is known to be missing, and what
it asks of them, by which an edit that was not applied is told from what others changed.

Each mark holds a digest of all of them. Some name each one besides, by a few characters, so that an edit of the spec which was
not applied yet does not hide what others deleted meanwhile. What is as the spec says already and is found for good is not
marked, and no roster has it: whatever one names and is not marked has lost its mark.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind
from tokenvault.model.constraints import Default, initial
from tokenvault.model.desired import DesiredObject, Graph
from tokenvault.model.marks import ASKED, MAX_LENGTH, UNKEPT, Mark, Provision, digest, read_mark
from tokenvault.plan.changes import REVOKED
from tokenvault.secrets import is_sensitive
from tokenvault.state.live import Live

VERB, PLACES = "spec", "on"
LISTED = (VERB, PLACES, ASKED)
"""The verbs of what a spec lists, beside those of what it gives."""
_WORD = 2
"""Characters (12 bits) for what is asked of one attribute: of a hundred edits of an object, one is taken for none."""
_NAME = 3
"""Characters (18 bits) of an object's digest: with eighty objects, one in 3,000 that are new is taken for one of them."""


@dataclass(frozen=True)
class Roster:
    """The objects with marks of their own that a spec has, and those that the tenant's marks say it had.

    `marked_anew` are the addresses that the plan marks, of those that would need no mark.
    """

    graph: Graph
    live: Live
    marked_anew: frozenset[str] = frozenset()

    @cached_property
    def digest(self) -> str:
        """What stands for all objects that the spec has now."""
        return _digest_of(self._addresses)

    @cached_property
    def unmarked(self) -> frozenset[str]:
        """The objects that carry no mark, and need none as long as they are as the spec says."""
        return frozenset(
            node.address
            for node in self.graph.nodes.values()
            if node.target.mark and self._is_unmarked(node) and is_found_for_good(kinds()[node.kind], node)
        )

    def _is_unmarked(self, node: DesiredObject) -> bool:
        item = self.live.objects.get(node.address)
        return item is not None and read_mark(item.get(kinds()[node.kind].metadata)) is None

    def is_recorded(self, address: str) -> bool:
        """Whether a mark was written when the spec had the object, and the object a mark."""
        return not self._recorded.isdisjoint(self.digests_with(address))

    def lost_its_mark(self, address: str) -> bool:
        """Whether an object has no mark and needs none, and is known to have had one."""
        return address in self.unmarked and self.is_recorded(address)

    @cached_property
    def _recorded(self) -> frozenset[str]:
        """The digests of all rosters in the tenant's marks of this spec."""
        marked = [kind for kind in kinds().values() if kind.marker]
        items = ((kind, item) for kind in marked for item in self.live.state.objects.get(kind.collection.name, ()))
        marks = (read_mark(item.get(kind.metadata)) for kind, item in items)
        ours = (mark for mark in marks if mark and mark.spec == self.graph.spec_name)
        return frozenset[str]().union(*map(digests_in, ours))

    @cached_property
    def keeper(self) -> str:
        """The address of the one connection whose mark takes a new roster along with any change; empty where none is marked.

        Other marks do when they themselves change. A connection is seldom deleted, and
        when it is, the applications that use it record that.
        """
        marked = (n.address for n in self._in_order("connection") if not n.target.absent and self._mark(n))
        return next(marked, "")

    def added(self, address: str, found: frozenset[Provision], recorded: frozenset[Provision]) -> frozenset[Provision]:
        """The provisions for an object's mark with the roster.

        Neither a new roster, except in its keeper, nor what needs no restoring any more is a reason to write a mark again.
        """
        before, asked = (frozenset(p for p in recorded if p.verb == verb) for verb in (VERB, ASKED))
        past = {p for p in recorded - found - before if p.verb in ("was", UNKEPT)}  # came back, or in, by itself
        is_due = address == self.keeper and self._provision(address) not in before
        is_edited = bool(asked) and asked != self.asked(address)
        is_due |= is_edited or self._mark(self.graph.nodes[address]) is None  # what another spec listed is not ours
        if recorded and found == recorded - before - asked - past and not is_due:
            return found | before | asked | past
        return found | self.asked(address) | {self._provision(address)}

    # What is asked

    def asked(self, address: str) -> frozenset[Provision]:
        """The record of what the spec asks of the object at an address, and of those that its mark records."""
        words = sorted(set(self._words.get(address, {}).values()))
        return frozenset({Provision(ASKED, "".join(words))} if words else ())

    def with_asked(self, address: str, listed: frozenset[Provision]) -> frozenset[Provision]:
        """What a mark lists, with what is asked now of the object at an address."""
        return frozenset(p for p in listed if p.verb != ASKED) | self.asked(address)

    def is_asked_as_before(self, node: DesiredObject, path: str, recorded: Iterable[Provision]) -> bool | None:
        """Whether the spec asks the same of an attribute as when the mark with these provisions was written; None: unknown."""
        text = "".join(p.slot for p in sorted(recorded) if p.verb == ASKED)
        word = self._words.get(self.recorder(node), {}).get((node.address, path))
        return word in _cut(text, _WORD) if text else None

    def recorder(self, node: DesiredObject) -> str:
        """The address of the object whose mark holds what the spec asks of a node; empty where none does."""
        return node.target.recorder or (node.address if kinds()[node.kind].marker else "")

    @cached_property
    def _words(self) -> Mapping[str, Mapping[tuple[str, str], str]]:
        """What stands for all that is asked of an attribute, by the address of the recorder, and the node and the path."""
        asked: dict[tuple[str, str], list[str]] = defaultdict(list)
        for node in self.graph.nodes.values():
            for one in node.requirements if not node.target.absent else ():
                if one.provenance != REVOKED and not isinstance(one.constraint, Default):
                    asked[node.address, one.path].append(_canonical(initial(one.constraint)))
        found: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
        for (address, path), texts in asked.items():
            text = " ".join([address, path, *sorted(set(texts))])
            found[self.recorder(self.graph.nodes[address])][address, path] = digest(text)[:_WORD]
        return found

    # Where applications stand

    def made_but_by(self, keeper: str) -> frozenset[Provision]:
        """The APIs whose creation other applications of the spec record, and go on doing so: which one is first may change."""
        kind, clients = kinds()["application"], self.live.state.objects.get("clients", ())
        gone = {
            n.address for n in self.graph.of_kind("application") if n.target.absent or not n.target.mark
        }  # deleted, released
        going = {self.live.ids.get(address) for address in {keeper, *gone}}
        marks = (read_mark(client.get(kind.metadata)) for client in clients if client.get(kind.id_field) not in going)
        ours = (mark for mark in marks if mark and mark.spec == self.graph.spec_name)
        return frozenset(p for mark in ours for p in mark.provisions if p.verb == "made")

    def places(self, address: str) -> frozenset[Provision]:
        """The places among connections' applications that the spec asks for an application."""
        return self._places.get(address, frozenset())

    @cached_property
    def _places(self) -> Mapping[str, frozenset[Provision]]:
        found: dict[str, set[Provision]] = defaultdict(set)
        for node in self.graph.of_kind("connection_clients"):
            for requirement in node.requirements:
                found[requirement.user] |= {requirement.provision} if requirement.provision else set()
        return {address: frozenset(places) for address, places in found.items()}

    def places_record(self, address: str) -> Provision | None:
        """What a mark holds for all places that the spec asks for an application; None where it asks for none."""
        names = sorted(place.slot for place in self.places(address))
        return Provision(PLACES, digest(" ".join(names))) if names else None

    def found_places(self, address: str, given: frozenset[Provision]) -> frozenset[Provision]:
        """The record of an application's places where some are not given, but were there before."""
        record = self.places_record(address)
        return frozenset({record} if record and not self.places(address) <= given else ())

    def _provision(self, address: str) -> Provision:
        """The roster as this object's mark holds it: connections' marks name each object, and so does the first application's."""
        is_full = address == self._first_application or address.startswith("connection.")
        return self._full if is_full and len(str(self._full)) <= MAX_LENGTH else Provision(VERB, self.digest)

    @cached_property
    def _first_application(self) -> str:
        return next((n.address for n in self._in_order("application") if n.target.mark and not n.target.absent), "")

    def digests_with(self, address: str) -> frozenset[str]:
        """The digests of the rosters that have this object: that of now, and the newest one, which may be from before an edit."""
        before = self._before if _name(address) in self._names_before else None
        is_left_out = address in self.unmarked - self.marked_anew
        now = () if is_left_out else (self.digest,)
        return frozenset({self._digest_of_all, *now, *([before.slot] if before else [])})

    @cached_property
    def _digest_of_all(self) -> str:
        return _digest_of(self._all)

    @cached_property
    def _all(self) -> list[str]:
        return sorted(node.address for node in self.graph.nodes.values() if node.target.mark)

    @cached_property
    def _addresses(self) -> list[str]:
        return [address for address in self._all if address in self.marked_anew or address not in self.unmarked]

    @cached_property
    def _full(self) -> Provision:
        return Provision(VERB, self.digest, "".join(map(_name, self._addresses)))

    @cached_property
    def _before(self) -> Provision | None:
        """The newest roster by name: a connection's, or an application's where no other has been marked since."""
        applications = list(self._full_rosters("application"))
        digests = {found for node in self._in_order("application") for found in digests_in(self._mark(node))}
        return next(self._full_rosters("connection"), applications[0] if applications and len(digests) == 1 else None)

    def _full_rosters(self, kind: str) -> Iterator[Provision]:
        marks = (mark for node in self._in_order(kind) if (mark := self._mark(node)))
        return (p for mark in marks for p in mark.provisions if p.verb == VERB and p.value)

    @cached_property
    def _names_before(self) -> frozenset[str]:
        return _cut(self._before.value if self._before else "", _NAME)

    def _in_order(self, kind: str) -> list[DesiredObject]:
        return sorted(self.graph.of_kind(kind), key=lambda node: node.address)

    def _mark(self, node: DesiredObject) -> Mark | None:
        """The mark of this spec that the object carries."""
        mark = read_mark(self.live.objects.get(node.address, {}).get(kinds()[node.kind].metadata))
        return mark if mark and mark.spec == self.graph.spec_name else None


def digests_in(mark: Mark | None) -> frozenset[str]:
    """The digests of the rosters that a mark holds."""
    return frozenset(p.slot for p in mark.provisions if p.verb == VERB) if mark else frozenset()


def is_found_for_good(kind: Kind, node: DesiredObject) -> bool:
    """Whether the object is found by what never changes of it: its id, or a name that Auth0 lets nobody change."""
    return all(name == kind.id_field or kind.field_at(name).immutable for name in node.target.identity)


def _canonical(value: Any) -> str:
    """A text for a value that is asked for; the order of lists does not matter, and nothing of a secret is in it."""
    if isinstance(value, list | tuple):
        return json.dumps(sorted(map(_canonical, value)))
    if isinstance(value, Mapping):
        return json.dumps({key: _canonical(item) for key, item in value.items()}, sort_keys=True)
    return json.dumps("" if is_sensitive(value) else value, default=str)


def _cut(text: str, length: int) -> frozenset[str]:
    return frozenset(text[start : start + length] for start in range(0, len(text), length))


def _digest_of(addresses: Iterable[str]) -> str:
    return digest(" ".join(addresses))


def _name(address: str) -> str:
    return digest(address)[:_NAME]

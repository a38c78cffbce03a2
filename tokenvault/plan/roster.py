"""What a spec lists, in its marks: which objects it has, by which one that others deleted is known to be missing, and what
it asks of them, by which an edit that was not applied is told from what others changed.

Each mark holds a digest of all of them. Some name each one besides, by a few characters, so that an edit of the spec which was
not applied yet does not hide what others deleted meanwhile. What is as the spec says already and is found for good is not
marked, and no roster has it: whatever one names and is not marked has lost its mark.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind
from tokenvault.model.desired import DesiredObject, Graph
from tokenvault.model.marks import ASKED, MAX_LENGTH, UNKEPT, Mark, Provision, digest, mark_keys, read_mark
from tokenvault.plan.api_names import CLIENT_SUFFIX
from tokenvault.plan.asks import Asks, words_in
from tokenvault.state.live import Live

VERB, PLACES = "spec", "on"
LISTED = (VERB, PLACES, ASKED)
"""The verbs of what a spec lists, beside those of what it gives."""
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
        """Whether a mark was written when the spec had the object, and the object a mark, and the spec kept it since."""
        return self._is_in_some_mark(address) and not self._is_dropped(address)

    def _is_in_some_mark(self, address: str) -> bool:
        return not self._recorded.isdisjoint(self.digests_with(address))

    def _is_dropped(self, address: str) -> bool:
        """Whether the newest roster lacks the object: the marks that have it are from before the spec dropped it."""
        return self._has_newest and _name(address) not in self._names_before

    @cached_property
    def _has_newest(self) -> bool:
        """Whether the newest roster is known for the newest: no connection that may have had a newer one is gone or wiped."""
        for node in self._in_order("connection"):
            if mark := self._mark(node):
                return any(p.verb == VERB and p.value for p in mark.provisions)
            if node.target.mark and self._is_in_some_mark(node.address):
                return False
        return False

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
        is_edited = bool(asked) and asked != self.asks.record(address)
        is_due |= is_edited or self._mark(self.graph.nodes[address]) is None  # what another spec listed is not ours
        if recorded and found == recorded - before - asked - past and not is_due:
            return found | before | asked | past
        return found | self.asks.record(address) | {self._provision(address)}

    # What is asked

    @cached_property
    def asks(self) -> Asks:
        """What the spec asks now, as marks hold it."""
        return Asks(self.graph, self.live, self.record_keeper)

    @cached_property
    def record_keeper(self) -> str:
        """The application whose mark records what no other does: which APIs the spec created, and what it asks of such."""
        nodes = (n for n in self.graph.of_kind("application") if n.target.mark and not n.target.absent)
        able = (n.address for n in nodes if mark_keys(self.live.objects.get(n.address, {}).get("client_metadata")))
        return next((address for address in able if not address.endswith(CLIENT_SUFFIX)), "")

    def with_asked(self, address: str, listed: frozenset[Provision]) -> frozenset[Provision]:
        """What a mark lists, with what is asked now of the object at an address."""
        return frozenset(p for p in listed if p.verb != ASKED) | self.asks.record(address)

    def is_asked_as_before(self, node: DesiredObject, path: str) -> bool | None:
        """Whether the spec asks the same of an attribute as when the marks that tell were written; None: unknown."""
        if not self.asks.tells_of(node):
            return None
        words = self.asks.words(node, path)
        told = {None if before is None else bool(words) and words <= before for before in self._asked_before(node)}
        return True if True in told else None if None in told or not told else False

    def _asked_before(self, node: DesiredObject) -> Iterable[frozenset[str] | None]:
        """The words in each mark that may tell of a node; None where one told, and is gone."""
        if recorders := self.asks.recorders(node):
            yield from map(self._words_at, recorders)
            return
        for app in self.graph.of_kind("application"):  # which one keeps records may have changed
            words = self._words_at(app.address)
            if words is not None or app.address not in self.live.objects:
                yield words

    def _words_at(self, address: str) -> frozenset[str] | None:
        if address not in self.live.objects:
            return None if self.is_recorded(address) else frozenset()
        mark = self._mark(self.graph.nodes[address])
        return (words_in(mark.provisions) or None) if mark else None

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
        """The newest roster by name: a connection's, or an application's where no other that stays has been marked since."""
        applications = list(self._full_rosters("application"))
        staying = (node for node in self._in_order("application") if node.target.mark and not node.target.absent)
        digests = {found for node in staying for found in digests_in(self._mark(node))}
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


def _cut(text: str, length: int) -> frozenset[str]:
    return frozenset(text[start : start + length] for start in range(0, len(text), length))


def _digest_of(addresses: Iterable[str]) -> str:
    return digest(" ".join(addresses))


def _name(address: str) -> str:
    return digest(address)[:_NAME]

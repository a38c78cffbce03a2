"""What a spec owned and what is not there any more, concluded from what is left: marks of other objects, grants, names.

There is no state file. Each mark records which objects the spec had when it was written; an apply creates every
application before it gives any of them a grant, a key or a connection. So an object that is missing although such a gift
is there was deleted, and one that is missing without any was never made: an apply was cut short.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tokenvault.kinds import kinds
from tokenvault.kinds.credential import is_ours
from tokenvault.model.desired import DesiredObject, Graph, refs
from tokenvault.model.marks import Provision
from tokenvault.plan.ownership import Ownership, mark_of
from tokenvault.plan.roster import digests_in
from tokenvault.state.live import Live

DELETED = "it was there, and somebody deleted it: {why}"
DELETED_OR_NEVER_MADE = (
    "a mark of this spec names it, but it is not there: somebody deleted it, or an apply ended early"
)
UNMARKED = "it lost the mark of this spec: {why}"
RECORDED = UNMARKED.format(why="the marks of other objects record it, and it is as the spec says")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Objects of a spec that others deleted or took the mark from (address → the conclusion, in words), and those that
    are not there, or lack an application, because an apply ended early. `begun` are applications that one only created."""

    deleted: Mapping[str, str]
    unmarked: Mapping[str, str]
    incomplete: frozenset[str]
    begun: frozenset[str] = frozenset()


def find_lost(graph: Graph, live: Live) -> Lost:
    """Finds the nodes of the graph whose objects others deleted or unmarked, and those that no apply completed."""
    search = _Search(graph, live, Ownership(graph, live, adopt=False))
    deleted: dict[str, str] = {}
    unmarked: dict[str, str] = {}
    incomplete: set[str] = set()
    for node in graph.nodes.values():
        if node.address in live.unknown:
            continue
        if (why := search.why_deleted(node)) is not None:
            deleted[node.address] = why
        elif (why := search.why_unmarked(node)) is not None:
            unmarked[node.address] = UNMARKED.format(why=why)
        elif search.was_begun(node):
            incomplete.add(node.address)
    begun = {node.address: search.begun_of(node) for node in graph.of_kind("connection_clients")}
    incomplete |= {address for address, users in begun.items() if users}
    every = frozenset[str]().union(*begun.values())
    return Lost(deleted=deleted, unmarked=unmarked, incomplete=frozenset(incomplete), begun=every)


@dataclass(frozen=True)
class _Search:
    graph: Graph
    live: Live
    ownership: Ownership

    def why_deleted(self, node: DesiredObject) -> str | None:
        """The evidence that a missing object was deleted, in words; None when it exists or there is no evidence."""
        if node.address in self.live.objects:
            return None
        claim = self._claim(node)
        if claim and (node.kind == "api" or self._others_are_given(node)):  # an API is made before what records it
            return DELETED.format(why=f"{claim} records it, and what is given after it is there")
        if not node.target.mark or not self.ownership.roster.is_recorded(node.address):
            return None
        if self._is_past_creation(node):
            return DELETED.format(why="the marks of other objects record it, and what is given after it is there")
        return None if self._is_being_applied(node) else DELETED_OR_NEVER_MADE

    def why_unmarked(self, node: DesiredObject) -> str | None:
        """The evidence that an unmarked object lost its mark, in words; None when it has one or there is no evidence."""
        kind, item = kinds()[node.kind], self.live.objects.get(node.address)
        if item is None or not kind.marker or not node.target.mark or mark_of(kind, item) is not None:
            return None
        if any(self._is_given(other) for other in self._belonging(node)) and self.ownership.roster.is_recorded(
            node.address
        ):
            return "the marks of other objects record it, and its grants are there"
        if any(other.kind == "credential" and other.address in self.live.objects for other in self._belonging(node)):
            return "its keys bear the name of this spec"
        return None

    def was_begun(self, node: DesiredObject) -> bool:
        """Whether an apply that ended early was to make the missing object."""
        if node.address in self.live.objects:
            return False
        return bool(self._claim(node)) or bool(node.target.mark and self.ownership.roster.is_recorded(node.address))

    def begun_of(self, connection: DesiredObject) -> frozenset[str]:
        """The applications that have no place in a connection, nor anything else of what their marks say they are given."""
        there = set(self.live.objects.get(connection.address, {}).get("clients") or ())
        users = {one.user for one in connection.requirements if one.user in self.live.objects}
        return frozenset(user for user in users if self.live.ids[user] not in there and self._is_only_begun(user))

    def _is_only_begun(self, address: str) -> bool:
        recorded = self.ownership.provisions_of(address, self.live.objects[address])
        asked = [
            node for node in self._belonging(self.graph.nodes[address]) if node.kind in ("client_grant", "credential")
        ]
        is_any_recorded = any(node.target.provision in recorded or node.kind == "credential" for node in asked)
        return is_any_recorded and not self._has_gifts(address)

    @cached_property
    def _rosters(self) -> Mapping[str, frozenset[str]]:
        """The digests of the rosters in each application's mark of this spec, by its address."""
        found = {}
        for app in self.graph.of_kind("application"):
            mark = mark_of(kinds()[app.kind], self.live.objects.get(app.address))
            found[app.address] = digests_in(mark) if mark and mark.spec == self.graph.spec_name else frozenset()
        return found

    def _is_being_applied(self, node: DesiredObject) -> bool:
        """Whether an application was marked when the spec had the object: its gifts tell how far that apply went."""
        return bool(self._marked_with(node))

    def _marked_with(self, node: DesiredObject) -> list[str]:
        """The applications whose marks were written when the spec had the object."""
        digests = self.ownership.roster.digests_with(node.address)
        return [address for address, found in self._rosters.items() if not digests.isdisjoint(found)]

    def _claim(self, node: DesiredObject) -> str:
        """The address of the object whose mark records that the spec gave this one; empty when no mark does."""
        recorder, provision = node.target.recorder, node.target.provision
        if provision and recorder in self.live.objects and provision in self.ownership.recorded(node):
            return recorder
        if node.kind == "credential" and not self._was_asked_for(node):
            return ""  # a key that is new in the spec: the mark records that there are keys, not which
        for requirement in node.requirements:
            user = requirement.user
            if requirement.provision and user in self.live.objects:
                recorded = self.ownership.provisions_of(user, self.live.objects[user])
                if requirement.provision in recorded:
                    return user
        return ""

    def _was_asked_for(self, node: DesiredObject) -> bool:
        """Whether the spec had the key when it was applied: its worker's keys are those of then, or it would be the only one."""
        user = self.graph.nodes.get(next((r.user for r in node.requirements if r.user), ""))
        if user is None:
            return False
        uses = (path for path, asked in user.constraints.items() if any(r.address == node.address for r in refs(asked)))
        known = {self.ownership.roster.is_asked_as_before(user, path) for path in uses}
        return not self._has_another_key(node) if known <= {None} else True in known

    def _has_another_key(self, node: DesiredObject) -> bool:
        """Whether the worker has a key of this spec, though not this one."""
        user = next((r.user for r in node.requirements if r.user), "")
        names = [f"{self.graph.spec_name}/"]
        pool = self.live.state.objects.get("credentials", ())
        return any(is_ours(c, names) for c in pool if c.get("client_id") == self.live.ids.get(user))

    def _belonging(self, node: DesiredObject) -> list[DesiredObject]:
        """The objects that belong to an application: its grants and keys."""
        return [other for other in self.graph.nodes.values() if node.address in other.needs()]

    def _is_given(self, node: DesiredObject) -> bool:
        """Whether the tenant holds the grant or key."""
        return node.kind in ("client_grant", "credential") and node.address in self.live.objects

    def _others_are_given(self, node: DesiredObject) -> bool:
        """Whether the tenant holds anything else that the same mark records."""
        recorder = node.target.recorder or next((r.user for r in node.requirements if r.user), "")
        return bool(recorder) and self._has_gifts(recorder, but=node.address)

    def _is_past_creation(self, node: DesiredObject) -> bool:
        """Whether an apply had created all applications already: it gave something to another one, which comes after that."""
        return any(self._has_gifts(app) for app in self._marked_with(node) if app != node.address)

    def _has_gifts(self, address: str, *, but: str = "") -> bool:
        """Whether the tenant holds a grant, a key or an enabled connection that the spec gave the application."""
        recorded = self.ownership.provisions_of(address, self.live.objects.get(address))
        belonging = (o for o in self._belonging(self.graph.nodes[address]) if o.address != but and self._is_given(o))
        return self._is_enabled(address, recorded) or any(self._is_gift(o, recorded) for o in belonging)

    def _is_gift(self, node: DesiredObject, recorded: Collection[Provision]) -> bool:
        if node.kind == "credential":
            return is_ours(self.live.objects[node.address], [f"{self.graph.spec_name}/"])
        return node.target.provision in recorded

    def _is_enabled(self, address: str, recorded: Iterable[Provision]) -> bool:
        names = {p.slot for p in recorded if p.verb == "with"}
        return any(
            str(node.target.identity.get("connection")) in names
            and self.live.ids.get(address) in (self.live.objects.get(node.address, {}).get("clients") or ())
            for node in self.graph.of_kind("connection_clients")
        )

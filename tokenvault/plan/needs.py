"""What a plan still has to know of the tenant: the pure half of reading for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tokenvault.kinds import kinds
from tokenvault.kinds.api import RESOURCE_SERVERS
from tokenvault.kinds.base import Collection
from tokenvault.model.desired import DesiredObject, Graph
from tokenvault.plan.orphans import made_elsewhere, possible_orphans
from tokenvault.state.live import Live, State
from tokenvault.state.reading import Need, graph_needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """How much of a tenant a plan looks at.

    `retained` says which addresses are to stay, for a plan that takes the rest away; default: all of them. `adopt`: what
    carries another spec's mark may be taken over. `whole`: what is read is kept for other specs, too.
    """

    retained: Callable[[Graph, Live], frozenset[str]] | None = None
    adopt: bool = False
    whole: bool = False


def still_needed(graph: Graph, live: Live, scope: Scope) -> Sequence[Need]:
    """The collections to be read before the graph can be planned; none when `live` is enough.

    First what the graph's nodes and the marks of the spec stand on, then what those marks say was left behind.
    """
    needed = {need.collection.name: need for need in graph_needs(graph, live, whole=scope.whole)}
    also = [*_marked(live.state), *_decisive(graph, live)]
    needs = [*needed.values(), *(n for n in also if n.collection.name not in needed)]
    if needs:
        return needs
    if unclear := [*_unclear(graph, live)]:
        return unclear
    if made_elsewhere(graph, live, adopt=scope.adopt) and not _is_whole(RESOURCE_SERVERS, live.state):
        return [Need(RESOURCE_SERVERS)]
    return list(_left_behind(graph, live, scope))


def _marked(state: State) -> Iterator[Need]:
    """The collections whose objects carry marks."""
    for collection in dict.fromkeys(kind.collection for kind in kinds().values() if kind.marker):
        if collection.name not in {*state.objects, *state.unreadable}:
            yield Need(collection)


def _decisive(graph: Graph, live: Live) -> Iterator[Need]:
    """What decides what comes with new objects, where the graph has any of that kind."""
    known = {*live.state.objects, *live.state.unreadable}
    for name in dict.fromkeys(node.kind for node in graph.nodes.values()):
        kind = kinds()[name]
        decides, is_read = kind.new_depends_on, kind.collection.name in live.state.objects
        is_open = decides is not None and decides.name not in known and is_read
        if decides and is_open and any(_is_new(node, live) for node in graph.of_kind(name)):
            yield Need(decides)


def _unclear(graph: Graph, live: Live) -> Iterator[Need]:
    """The collections that hold an object whose mark records more than was read of it: something may be revoked there."""
    nodes = [node for node in graph.nodes.values() if node.target.mark and node.address in live.objects]
    collections = {
        kinds()[node.kind].collection.name: kinds()[node.kind].collection
        for node in nodes
        if not kinds()[node.kind].collection.covers(live.objects[node.address], node)
    }
    yield from map(Need, collections.values())


def _is_new(node: DesiredObject, live: Live) -> bool:
    return node.target.creatable and node.address not in live.ids and node.address not in live.unknown


def _left_behind(graph: Graph, live: Live, scope: Scope) -> Iterator[Need]:
    """The collections of what the marks say was left behind.

    The planner searches again: it knows by then which applications the spec created, says it in its own words, and plans
    from snapshots, too, which nobody read for it. A search takes less than a millisecond for ten applications.
    """
    retained = scope.retained(graph, live) if scope.retained else None
    nodes = list(possible_orphans(graph, live, retained=retained, adopt=scope.adopt).nodes)
    for collection in dict.fromkeys(kinds()[node.kind].collection for node in nodes):
        mine = [node for node in nodes if kinds()[node.kind].collection == collection]
        missing = [node for node in mine if not _is_known(collection, node, live.state)]
        if missing and collection.name not in live.state.unreadable:
            yield Need(collection, missing)


def _is_known(collection: Collection, node: DesiredObject, state: State) -> bool:
    """Whether the part of the collection was read in which the node's object is, and all that the node needs of it."""
    if not _is_whole(collection, state):
        return node.target.identity.get(collection.partition_key) in state.partitions.get(collection.name, frozenset())
    kind = kinds()[node.kind]
    found = kind.find(node, node.target.identity, kind.indexed(state.objects[collection.name]))
    return found is None or collection.covers(found, node)


def _is_whole(collection: Collection, state: State) -> bool:
    return collection.name in state.objects and collection.name not in state.partitions

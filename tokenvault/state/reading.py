"""Reads a tenant in rounds: what is needed and was not read yet is found without I/O, then read side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tokenvault.errors import ApiError
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Collection, Object, Objects, Reader
from tokenvault.model.desired import DesiredObject, Graph, bind, refs
from tokenvault.state.live import Live, State, match, seal

Relevant = Callable[[str, Sequence[Object]], Sequence[Object]]


@dataclass(frozen=True, slots=True)
class Need:
    """A collection that is to be read: for these nodes, or all of it where there are none.

    Of `idle` nodes it is known that the tenant can hold nothing that matters. `before` are the objects that a collection
    without nodes is read for; default: all that were read.
    """

    collection: Collection
    nodes: Sequence[DesiredObject] = ()
    idle: Sequence[DesiredObject] = ()
    before: Objects | None = None

    @property
    def placeholders(self) -> list[Object]:
        """What the objects of idle nodes are taken for."""
        return [item for node in self.idle if (item := self.collection.unread(node))]

    @property
    def is_answered(self) -> bool:
        """Whether nothing has to be requested."""
        return bool(self.idle) and not self.nodes

    def partitions(self, known: Objects) -> frozenset[str] | None:
        """Which parts of the collection the answer holds; None for a collection that is read whole."""
        key, before = self.collection.partition_key, self.before or known
        if not key or not (self.nodes or self.collection.after):
            return None
        asked = [node.target.identity.get(key) for node in self.nodes]
        asked = asked or [item.get(key) for name in self.collection.after for item in before[name]]
        return frozenset(map(str, asked))


def graph_needs(graph: Graph, live: Live, *, whole: bool = False) -> list[Need]:
    """The collections of the graph's nodes that can be read now and were not, those first that others build on.

    Nodes of applications that do not exist are idle, unless the `whole` is asked for.
    """
    by_collection: dict[str, list[DesiredObject]] = {}
    collections: dict[str, Collection] = {}
    for node in graph.nodes.values():
        collection = kinds()[node.kind].collection
        collections[collection.name] = collection
        by_collection.setdefault(collection.name, []).append(node)
    ready = _ready(collections.values(), live.state)
    found = [_need(collection, by_collection[collection.name], live.ids, whole=whole) for collection in ready]
    return [need for need in found if not need.is_answered or need.placeholders]


def _need(collection: Collection, nodes: Sequence[DesiredObject], ids: Mapping[str, str], *, whole: bool) -> Need:
    bound = [replace(n, target=replace(n.target, identity=bind(dict(n.target.identity), ids))) for n in nodes]
    if whole or not collection.belongs_to:
        return Need(collection, bound)
    there = {node.address for node in bound if _may_be_there(node, ids)}
    return Need(
        collection,
        [node for node in bound if node.address in there],
        [node for node in bound if node.address not in there],
    )


def _may_be_there(node: DesiredObject, ids: Mapping[str, str]) -> bool:
    """Whether the tenant can hold the object, or a member of it: what it refers to exists."""
    members = [ref.address for constraint in node.constraints.values() for ref in refs(constraint)]
    known = not any(refs(dict(node.target.identity)))
    return known and (not members or any(address in ids for address in members))


def _ready(collections: Iterable[Collection], state: State) -> list[Collection]:
    """Those that were not read, and wait for none of the others."""
    unread = {c.name: c for c in collections if c.name not in state.objects and c.name not in state.unreadable}
    ready = [c for c in unread.values() if not unread.keys() & set(c.waits_for)]
    built_on = {name for kind in kinds().values() for name in kind.collection.after}
    return sorted(
        ready, key=lambda c: c.name not in built_on
    )  # where few requests go at once, the longest chain begins


async def read_round(reader: Reader, state: State, needs: Iterable[Need], *, tolerant: bool = False) -> State:
    """The state with what is needed, read side by side.

    What the token may not read is unreadable where the collection is optional, and everywhere for `tolerant` readers;
    elsewhere the first `ApiError` is raised.
    """
    needs = list(needs)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_read(reader, need, state.objects, tolerant=tolerant)) for need in needs]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    for need, task in zip(needs, tasks, strict=True):
        state = _with(state, need, task.result())
    return state


async def _read(reader: Reader, need: Need, known: Objects, *, tolerant: bool) -> Sequence[Object] | str:
    """The objects, or why the token may not read them."""
    if need.is_answered:
        return need.placeholders
    try:
        found = await need.collection.read(reader, need.nodes, need.before or known)
    except ApiError as error:
        if not (tolerant or need.collection.optional) or error.status != 403:
            raise
        return error.diagnostics[0].hint or error.diagnostics[0].summary
    return [*need.placeholders, *map(seal, found)]


def _with(state: State, need: Need, found: Sequence[Object] | str) -> State:
    """The state with an answer: beside other parts of the collection, or instead of what was known of it."""
    name, key = need.collection.name, need.collection.partition_key
    if isinstance(found, str):
        return replace(state, unreadable={**state.unreadable, name: found})
    parts = frozenset() if need.is_answered else need.partitions(state.objects)
    if parts is None:
        others = {n: p for n, p in state.partitions.items() if n != name}
        return replace(state, objects={**state.objects, name: found}, partitions=others)
    kept = [item for item in state.objects.get(name, ()) if str(item.get(key)) not in parts]
    known = state.partitions.get(name, frozenset()) | parts
    return replace(
        state, objects={**state.objects, name: [*kept, *found]}, partitions={**state.partitions, name: known}
    )


async def read_live(reader: Reader, graph: Graph) -> Live:
    """The live object of each node of the graph."""
    live = match(graph, State(domain=graph.domain))
    while needs := graph_needs(graph, live):
        live = match(graph, await read_round(reader, live.state, needs))
    return live


async def read_tenant(reader: Reader, relevant: Relevant = lambda collection, objects: objects) -> State:
    """Every collection, whole; of what is read one by one, only for the `relevant` objects of those before it."""
    collections = {kind.collection.name: kind.collection for kind in kinds().values()}
    state = State(domain=reader.domain)
    while ready := _ready(collections.values(), state):
        needs = [Need(collection, before=_before(collection, state.objects, relevant)) for collection in ready]
        state = await read_round(reader, state, needs, tolerant=True)
    return state


def _before(collection: Collection, objects: Objects, relevant: Relevant) -> Objects:
    before = {name: relevant(name, objects.get(name, ())) for name in collection.after}
    return {name: [item for item in items if collection.parent_filter(item)] for name, items in before.items()}


async def read_applications(reader: Reader) -> Sequence[Object]:
    """Every application of the tenant, without its secrets."""
    return [seal(client) for client in await kinds()["application"].collection.read(reader, (), {})]


async def read_ready_domains(reader: Reader) -> Sequence[str]:
    """The custom domains that users can log in on, the default one first; none where the token may not read them."""
    state = await read_round(
        reader, State(domain=reader.domain), [Need(kinds()["custom_domain"].collection)], tolerant=True
    )
    ready = [each for each in state.objects.get("custom_domains", ()) if each.get("status") == "ready"]
    return [str(each["domain"]) for each in sorted(ready, key=lambda each: not each.get("is_default"))]

"""The tenant's side: one list per collection, read side by side, and which object each node of the graph is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tokenvault.errors import ApiError
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Collection, Kind, Object, Reader
from tokenvault.model.desired import DesiredObject, Graph, bind, refs
from tokenvault.secrets import Secret, sounds_secret


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)  # asyncio.run formats what it answers, for nobody
class State:
    """What was read of a tenant, by collection.

    `unreadable` collections are unknown, with the reason: not empty. `partitions` are those that were read of a collection
    that is read piece by piece; a collection that does not stand there was read whole. `taken_at` is when, where this
    comes from a snapshot instead of from the tenant.
    """

    domain: str
    objects: Mapping[str, Sequence[Object]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    partitions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    taken_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The live object of every node that has one, and its id. Of `unknown` nodes it is not known, with the reason."""

    state: State
    objects: Mapping[str, Object]
    ids: Mapping[str, str]
    unknown: Mapping[str, str] = field(default_factory=dict)


NOT_IN_SNAPSHOT = "The snapshot does not hold it: take one for this spec (`tokenvault snapshot SPEC`)."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a collection is to be read for: nodes (none: all of it), what was `before`; and nodes that have nothing there."""

    nodes: Sequence[DesiredObject]
    before: Mapping[str, Sequence[Object]]
    idle: Sequence[DesiredObject] = ()


Relevant = Callable[[str, Sequence[Object]], Sequence[Object]]


async def read_state(reader: Reader, graph: Graph, *, whole: bool = False) -> State:
    """Reads every collection that the graph's nodes live in; collections wait only for those they build on.

    What can hold nothing of the graph's, because the applications that it is about do not exist, is not read, unless the
    `whole` is asked for.
    """
    collections = {kinds()[node.kind].collection.name: kinds()[node.kind].collection for node in graph.nodes.values()}

    def asked(collection: Collection, objects: Mapping[str, Sequence[Object]]) -> Asked:
        nodes = [node for node in graph.nodes.values() if kinds()[node.kind].collection.name == collection.name]
        ids = match(graph, State(domain=graph.domain, objects=objects)).ids if collection.waits_for else {}
        nodes = [_bound(node, ids) for node in nodes]
        if whole or not collection.belongs_to:
            return Asked(nodes, objects)
        there = {node.address for node in nodes if _may_be_there(node, ids)}
        idle = [node for node in nodes if node.address not in there]
        return Asked([node for node in nodes if node.address in there], objects, idle)

    return await _read(reader, graph.domain, collections.values(), asked, tolerant=False)


async def read_tenant(reader: Reader, relevant: Relevant = lambda collection, objects: objects) -> State:
    """Reads every collection whole. What is read one by one is read for the `relevant` objects of those before it.

    What the token may not read is unknown, not an error.
    """
    collections = {kind.collection.name: kind.collection for kind in kinds().values()}

    def asked(collection: Collection, objects: Mapping[str, Sequence[Object]]) -> Asked:
        before = {name: relevant(name, objects.get(name, ())) for name in collection.after}
        kept = {name: [item for item in items if collection.parent_filter(item)] for name, items in before.items()}
        return Asked((), kept)

    return await _read(reader, reader.domain, collections.values(), asked, tolerant=True)


async def _read(
    reader: Reader,
    domain: str,
    collections: Iterable[Collection],
    asked: Callable[[Collection, Mapping[str, Sequence[Object]]], Asked],
    *,
    tolerant: bool,
) -> State:
    objects: dict[str, Sequence[Object]] = {}
    unreadable: dict[str, str] = {}
    partitions: dict[str, frozenset[str]] = {}
    tasks: dict[str, asyncio.Task[None]] = {}

    async def read(collection: Collection) -> None:
        await asyncio.gather(*(tasks[name] for name in collection.waits_for if name in tasks))
        want = asked(collection, objects)
        unread = [item for node in want.idle if (item := collection.unread(node))]
        if want.idle and not want.nodes:
            objects.update({collection.name: unread} if unread else {})
            partitions.update({collection.name: frozenset()} if unread else {})
            return
        try:
            found = await collection.read(reader, want.nodes, want.before)
            objects[collection.name] = [*unread, *map(seal, found)]
            partitions.update(_partitions(collection, want.nodes, want.before))
        except ApiError as error:
            if not (tolerant or collection.optional) or error.status != 403:
                raise
            unreadable[collection.name] = error.diagnostics[0].hint or error.diagnostics[0].summary

    try:
        async with asyncio.TaskGroup() as group:
            for collection in sorted(collections, key=_turn):
                tasks[collection.name] = group.create_task(read(collection))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return State(domain=domain, objects=objects, unreadable=unreadable, partitions=partitions)


def _turn(collection: Collection) -> tuple[int, bool]:
    """First what others build on: where only few requests go at once, the longest chain is to begin with them."""
    built_on = {name for kind in kinds().values() for name in kind.collection.after}
    return len(collection.waits_for), collection.name not in built_on


def _partitions(
    collection: Collection, nodes: Sequence[DesiredObject], before: Mapping[str, Sequence[Object]]
) -> Mapping[str, frozenset[str]]:
    """Which pieces of the collection were asked for: those of the nodes, or of all objects that it builds on."""
    if not collection.partition_key or not (nodes or collection.after):
        return {}
    asked = [node.target.identity.get(collection.partition_key) for node in nodes]
    asked = asked or [item.get(collection.partition_key) for name in collection.after for item in before[name]]
    return {collection.name: frozenset(map(str, asked))}


def _may_be_there(node: DesiredObject, ids: Mapping[str, str]) -> bool:
    """Whether the tenant can hold the object, or a member of it: what it refers to exists."""
    members = [ref.address for constraint in node.constraints.values() for ref in refs(constraint)]
    known = not any(refs(dict(node.target.identity)))
    return known and (not members or any(address in ids for address in members))


def _bound(node: DesiredObject, ids: Mapping[str, str]) -> DesiredObject:
    return replace(node, target=replace(node.target, identity=bind(dict(node.target.identity), ids)))


def match(graph: Graph, state: State) -> Live:
    """Finds each node's object; nodes whose identity refers to an object that does not exist have none."""
    found: dict[str, Object] = {}
    ids: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for kind, nodes in _by_kind(graph.nodes.values()):
        index = kind.indexed(state.objects.get(kind.collection.name, ()))
        for node in nodes:
            identity = bind(dict(node.target.identity), ids)
            live = kind.find(node, identity, index)
            reason = _unread(kind, node, identity, state, unknown) if live is None else None
            if reason:
                unknown[node.address] = reason
            elif live is not None:
                found[node.address] = live
                ids[node.address] = str(live[kind.id_field])
    return Live(state=state, objects=found, ids=ids, unknown=unknown)


def _unread(
    kind: Kind, node: DesiredObject, identity: Mapping[str, Any], state: State, unknown: Mapping[str, str]
) -> str | None:
    """Why nobody can say whether the node's object exists; None when that is known."""
    collection = kind.collection
    if collection.name in state.unreadable:
        return state.unreadable[collection.name]
    condition = node.target.condition
    built_on = [ref.address for ref in refs(dict(node.target.identity))] + ([condition.address] if condition else [])
    for address in built_on:
        if address in unknown:
            return unknown[address]
    partition_key = identity.get(collection.partition_key)
    partitions = state.partitions.get(collection.name)
    return (
        NOT_IN_SNAPSHOT
        if isinstance(partition_key, str) and partitions is not None and partition_key not in partitions
        else None
    )


def _by_kind(nodes: Iterable[DesiredObject]) -> list[tuple[Kind, list[DesiredObject]]]:
    grouped: dict[str, list[DesiredObject]] = {}
    for node in nodes:
        grouped.setdefault(node.kind, []).append(node)
    return [(kinds()[name], grouped[name]) for name in kinds() if name in grouped]


def seal(item: Any, name: str = "") -> Any:
    """A tenant's object with everything that sounds like a secret wrapped, whatever kind of object it is."""
    if isinstance(item, dict):
        return {key: seal(value, key) for key, value in item.items()}
    if isinstance(item, list):
        return [seal(value, name) for value in item]
    if isinstance(item, str) and item and sounds_secret(name):
        return Secret(item, "tenant")
    return item


async def read_applications(reader: Reader) -> Sequence[Object]:
    """Every application of the tenant, without its secrets."""
    return [seal(client) for client in await kinds()["application"].collection.read(reader, (), {})]


def matched(graph: Graph, clients: Sequence[Object]) -> Mapping[str, Object]:
    """The graph's applications among them, by address; those that do not exist are left out."""
    found = match(graph, State(domain=graph.domain, objects={"clients": clients})).objects
    return {node.address: found[node.address] for node in graph.of_kind("application") if node.address in found}

"""The tenant's side: one list per collection, read side by side, and which object each node of the graph is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tokenvault.desired import Graph, Node, bind
from tokenvault.errors import ApiError
from tokenvault.kinds import Collection, Kind, Object, Reader, kinds
from tokenvault.secret import Secret

_SECRET_NAME = re.compile(r"(?i)secret|passw|private_?key|api_?key|token$|signing_?key$")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was read of a tenant, by collection. `unreadable` collections are unknown, with the reason: not empty."""

    domain: str
    objects: Mapping[str, Sequence[Object]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The live object of every node that has one, and its id."""

    state: State
    objects: Mapping[str, Object]
    ids: Mapping[str, str]


async def read_state(reader: Reader, graph: Graph) -> State:
    """Reads every collection that the graph's nodes live in; collections wait only for those they build on."""
    collections = {kinds()[node.kind].collection.name: kinds()[node.kind].collection for node in graph.nodes.values()}
    objects: dict[str, Sequence[Object]] = {}
    unreadable: dict[str, str] = {}
    tasks: dict[str, asyncio.Task[None]] = {}

    async def read(collection: Collection) -> None:
        await asyncio.gather(*(tasks[name] for name in collection.after if name in tasks))
        nodes = [node for node in graph.nodes.values() if kinds()[node.kind].collection.name == collection.name]
        if collection.after:
            ids = match(graph, State(domain=graph.domain, objects=objects)).ids
            nodes = [_bound(node, ids) for node in nodes]
        try:
            objects[collection.name] = [seal(item) for item in await collection.read(reader, nodes, objects)]
        except ApiError as error:
            if not collection.optional or error.status != 403:
                raise
            unreadable[collection.name] = error.diagnostics[0].hint or error.diagnostics[0].summary

    async with _all_or_first_error() as group:
        for collection in sorted(collections.values(), key=lambda c: len(c.after)):
            tasks[collection.name] = group.create_task(read(collection))
    return State(domain=graph.domain, objects=objects, unreadable=unreadable)


class _all_or_first_error(asyncio.TaskGroup):  # noqa: N801  reads as a phrase in `async with`
    """A task group that raises its first error as it is, not wrapped in an exception group."""

    async def __aexit__(self, *args: Any) -> None:
        try:
            await super().__aexit__(*args)
        except* Exception as errors:
            first: BaseException = errors
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            failure = first
        else:
            return
        raise failure


def _bound(node: Node, ids: Mapping[str, str]) -> Node:
    return replace(node, target=replace(node.target, identity=bind(dict(node.target.identity), ids)))


def match(graph: Graph, state: State) -> Live:
    """Finds each node's object; nodes whose identity refers to an object that does not exist have none."""
    found: dict[str, Object] = {}
    ids: dict[str, str] = {}
    for kind, nodes in _by_kind(graph.nodes.values()):
        index = kind.indexed(state.objects.get(kind.collection.name, ()))
        for node in nodes:
            live = kind.find(node, bind(dict(node.target.identity), ids), index)
            if live is not None:
                found[node.address] = live
                ids[node.address] = str(live[kind.id_field])
    return Live(state=state, objects=found, ids=ids)


def _by_kind(nodes: Iterable[Node]) -> list[tuple[Kind, list[Node]]]:
    grouped: dict[str, list[Node]] = {}
    for node in nodes:
        grouped.setdefault(node.kind, []).append(node)
    return [(kinds()[name], grouped[name]) for name in kinds() if name in grouped]


def seal(item: Any, name: str = "") -> Any:
    """A tenant's object with everything that sounds like a secret wrapped, whatever kind of object it is."""
    if isinstance(item, dict):
        return {key: seal(value, key) for key, value in item.items()}
    if isinstance(item, list):
        return [seal(value, name) for value in item]
    if isinstance(item, str) and item and _SECRET_NAME.search(name):
        return Secret(item, "tenant")
    return item

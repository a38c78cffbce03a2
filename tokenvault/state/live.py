"""The tenant's side: what was read of it, collection by collection, and which object each node of the graph is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind, Object
from tokenvault.kinds.credential import is_ours
from tokenvault.model.desired import DesiredObject, Graph, Requirement, bind, node_of, refs
from tokenvault.model.marks import read_mark
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


NOT_IN_SNAPSHOT = "The snapshot does not hold it: take one for this spec (`tokenvault snapshot --out live.json`)."


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
    """Why it is unknown whether the node's object exists: what could not be read; None when it is known."""
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


def matched(graph: Graph, clients: Sequence[Object]) -> Mapping[str, Object]:
    """The graph's applications among them, by address; those that do not exist are left out."""
    found = match(graph, State(domain=graph.domain, objects={"clients": clients})).objects
    return {node.address: found[node.address] for node in graph.of_kind("application") if node.address in found}


# ---- what is asked only of objects that the spec created, left out where others made them


def asked_of(graph: Graph, live: Live) -> Graph:
    """The graph without what is asked on behalf of applications that the spec did not create."""
    nodes = {address: _asked(node, live) for address, node in graph.nodes.items()}
    return replace(graph, nodes=nodes)


def _asked(node: DesiredObject, live: Live) -> DesiredObject:
    requirements = tuple(one for one in node.requirements if not one.if_created or _is_created(one, live))
    return node if len(requirements) == len(node.requirements) else node_of(node.target, requirements)


def _is_created(requirement: Requirement, live: Live) -> bool:
    user = live.objects.get(requirement.user)
    mark = read_mark(user.get(kinds()["application"].metadata)) if user is not None else None
    return user is None or (mark is not None and mark.created)


def ids_of_others(live: Live, owners: Sequence[str]) -> Mapping[str, str | None]:
    """The ids of all objects but the keys that bear the name of one of these owners: a spec, with the key of a worker."""
    ours = {a for a, item in live.objects.items() if a.startswith("credential.") and is_ours(item, owners)}
    return {address: known for address, known in live.ids.items() if address not in ours}

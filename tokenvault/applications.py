"""The applications of a graph as the tenant has them, for commands that need nothing else of it: one listing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tokenvault.desired import Graph
from tokenvault.kinds import Object, Reader, kinds
from tokenvault.live import State, match, seal


async def read_applications(reader: Reader) -> Sequence[Object]:
    """Every application of the tenant, without its secrets."""
    return [seal(client) for client in await kinds()["application"].collection.read(reader, (), {})]


def matched(graph: Graph, clients: Sequence[Object]) -> Mapping[str, Object]:
    """The graph's applications among them, by address; those that do not exist are left out."""
    found = match(graph, State(domain=graph.domain, objects={"clients": clients})).objects
    return {node.address: found[node.address] for node in graph.of_kind("application") if node.address in found}

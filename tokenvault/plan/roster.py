"""The roster: a digest, in marks, of which objects a spec has, by which one that others deleted is known to be missing."""

from __future__ import annotations

from tokenvault.kinds import kinds
from tokenvault.model.desired import Graph
from tokenvault.model.marks import Provision, digest, mark_keys
from tokenvault.state.live import Live


def roster(graph: Graph) -> Provision:
    """The record of which objects with marks of their own the spec has."""
    marked = sorted(node.address for node in graph.nodes.values() if node.target.mark)
    return Provision("spec", digest(" ".join(marked)))


def roster_keeper(graph: Graph, live: Live) -> str:
    """The address of the one connection whose mark takes a new roster along with any change; empty where there is none.

    Other marks do when they themselves change. A connection is seldom deleted, and
    when it is, the applications that use it record that.
    """
    metadata = kinds()["connection"].metadata
    for node in graph.of_kind("connection"):
        item = live.objects.get(node.address)
        if node.target.mark and not node.target.absent and item is not None and mark_keys(item.get(metadata)):
            return node.address
    return ""

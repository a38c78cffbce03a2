"""What is asked only of objects that the spec created, left out where others made them."""

from __future__ import annotations

from dataclasses import replace

from tokenvault.kinds import kinds
from tokenvault.model.desired import DesiredObject, Graph, Requirement, node_of
from tokenvault.model.marks import read_mark
from tokenvault.state.live import Live


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

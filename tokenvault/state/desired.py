"""Validated spec + flavors → the desired graph: every object that must exist, everything asked of it, and by whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from tokenvault.flavors import flavor_usages
from tokenvault.flavors.base import application
from tokenvault.kinds import kinds
from tokenvault.kinds.application import APP_TYPES
from tokenvault.model.constraints import OneOf
from tokenvault.model.desired import DesiredObject, Graph, Requirement, node_of
from tokenvault.model.spec import Spec


def build_graph(spec: Spec, domain: str) -> Graph:
    """The graph that the spec asks for on the tenant `domain`. `SpecError` when two requirements contradict each other."""
    requirements = list(_requirements(spec, domain))
    order = {
        address: n
        for n, address in enumerate(dict.fromkeys(requirement.target.address for requirement in requirements))
    }
    requirements.sort(
        key=lambda requirement: (kinds()[requirement.target.kind].order, order[requirement.target.address])
    )
    grouped = groupby(requirements, key=lambda requirement: requirement.target.address)
    nodes = {address: _node(tuple(group)) for address, group in grouped}
    return Graph(spec_name=spec.name, domain=domain, nodes=nodes, variables=spec.variables)


def _requirements(spec: Spec, domain: str) -> Iterable[Requirement]:
    for kind in kinds().values():
        if kind.section:
            yield from kind.section.expand(spec, domain)
    for flavor, context in flavor_usages(spec, domain):
        yield from flavor.expand(context)
        if context.app.type is None:
            names = sorted(flavor.types | flavor.confidential_types)
            types = OneOf(tuple(APP_TYPES[name] for name in names), flavor.type_hint)
            yield context.require(
                application(context), "app_type", types, "the types of application that it works with"
            )


def with_nodes(graph: Graph, nodes: Iterable[DesiredObject]) -> Graph:
    """The graph with more asked of its nodes and with other nodes: absent ones last."""
    merged = dict(graph.nodes)
    for node in sorted(nodes, key=lambda node: node.target.absent):
        known = merged.get(node.address)
        merged[node.address] = _node((*known.requirements, *node.requirements)) if known else node
    return replace(graph, nodes=merged)


def _node(requirements: tuple[Requirement, ...]) -> DesiredObject:
    kinds()[requirements[0].target.kind]  # an unknown kind fails here, not at run time
    return node_of(requirements[0].target, requirements)

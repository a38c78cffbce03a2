"""Validated spec + flavors → the desired graph: every object that must exist, everything asked of it, and by whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from tokenvault.desired import Ask, Graph, Node
from tokenvault.errors import Diagnostic, SpecError
from tokenvault.flavors import application, uses
from tokenvault.kinds import kinds
from tokenvault.kinds.application import APP_TYPES
from tokenvault.spec.model import Spec
from tokenvault.want import Among, Conflict, Want


def build_graph(spec: Spec, domain: str) -> Graph:
    """The graph that the spec asks for on the tenant `domain`. `SpecError` when two asks cannot both hold."""
    asks = list(_asks(spec, domain))
    order = {address: n for n, address in enumerate(dict.fromkeys(ask.target.address for ask in asks))}
    asks.sort(key=lambda ask: (kinds()[ask.target.kind].order, order[ask.target.address]))
    grouped = groupby(asks, key=lambda ask: ask.target.address)
    nodes = {address: _node(tuple(group)) for address, group in grouped}
    return Graph(spec_name=spec.name, domain=domain, nodes=nodes)


def _asks(spec: Spec, domain: str) -> Iterable[Ask]:
    for kind in kinds().values():
        if kind.section:
            yield from kind.section.expand(spec, domain)
    for flavor, use in uses(spec, domain):
        yield from flavor.expand(use)
        if use.app.type is None:
            types = Among(tuple(APP_TYPES[name] for name in sorted(flavor.types)), flavor.type_hint)
            yield use.ask(application(use), "app_type", types, "the types of application that it works with")


def with_nodes(graph: Graph, nodes: Iterable[Node]) -> Graph:
    """The graph with more asked of its nodes and with other nodes: absent ones last."""
    merged = dict(graph.nodes)
    for node in sorted(nodes, key=lambda node: node.target.absent):
        known = merged.get(node.address)
        merged[node.address] = _node((*known.asks, *node.asks)) if known else node
    return replace(graph, nodes=merged)


def _node(asks: tuple[Ask, ...]) -> Node:
    wants: dict[str, Want] = {}
    for ask in asks:
        kinds()[ask.target.kind]  # an unknown kind fails here, not at run time
        try:
            wants[ask.path] = wants[ask.path].join(ask.want) if ask.path in wants else ask.want
        except Conflict:
            raise SpecError(_conflict(ask, asks)) from None
    return Node(target=asks[0].target, asks=asks, wants=wants)


def _conflict(ask: Ask, asks: Iterable[Ask]) -> Diagnostic:
    other = next(a for a in asks if a.path == ask.path)
    return Diagnostic(
        code="spec-conflict",
        summary=f"{ask.target.address} cannot satisfy both {other.why.source} and {ask.why.source}: {ask.path}",
        detail=f"{other.why.source}: {other.why.reason}; {ask.why.source}: {ask.why.reason}.",
        hint="Use one application for each.",
        span=ask.why.span,
        context=ask.target.address,
    )

"""Validated spec + flavors → the desired graph: every object that must exist, everything asked of it, and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from tokenvault.errors import Diagnostic, SpecError
from tokenvault.flavors import uses
from tokenvault.flavors.base import application
from tokenvault.kinds import kinds
from tokenvault.kinds.application import APP_TYPES
from tokenvault.model.constraints import Among, Conflict, Want, joined
from tokenvault.model.desired import Ask, Graph, Node
from tokenvault.model.spec import Spec


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
    by_path: dict[str, list[Ask]] = {}
    for ask in asks:
        kinds()[ask.target.kind]  # an unknown kind fails here, not at run time
        by_path.setdefault(ask.path, []).append(ask)
    return Node(target=asks[0].target, asks=asks, wants={path: _want(some) for path, some in by_path.items()})


def _want(asks: Sequence[Ask]) -> Want:
    """What all these asks for one attribute want together."""
    try:
        return joined([ask.want for ask in asks])
    except Conflict:
        raise SpecError(_conflict(asks)) from None


def _conflict(asks: Sequence[Ask]) -> Diagnostic:
    other, ask = asks[0], next(asks[n] for n in range(1, len(asks)) if _contradicts(asks[: n + 1]))
    return Diagnostic(
        code="spec-conflict",
        summary=f"{ask.target.address} cannot satisfy both {other.why.source} and {ask.why.source}: {ask.path}",
        detail=f"{other.why.source}: {other.why.reason}; {ask.why.source}: {ask.why.reason}.",
        hint="Use one application for each.",
        span=ask.why.span,
        context=ask.target.address,
    )


def _contradicts(asks: Sequence[Ask]) -> bool:
    try:
        joined([ask.want for ask in asks])
    except Conflict:
        return True
    return False

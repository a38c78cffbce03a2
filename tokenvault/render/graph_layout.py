"""Computes where the boxes and edges of a layered drawing go, left to right.

Our own, because no library serves: the pure-Python one is unmaintained and under the GPL or EPL, the maintained ones are
compiled modules, too much to load beside a tenant's credentials for the sake of a picture, and graphviz is a binary. It
is Sugiyama's method in its plainest form: break circles, assign layers, let long edges pass through bends, order each
layer by barycenter, then place everything as near to its neighbours as order and distance allow. Deterministic.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise

Edge = tuple[str, str]
Followers = Mapping[str, Sequence[str]]


def followers_of(edges: Iterable[Edge]) -> dict[str, list[str]]:
    """What comes right after each node."""
    followers: dict[str, list[str]] = {}
    for source, target in edges:
        followers.setdefault(source, []).append(target)
    return followers


def closing(edges: Iterable[Edge]) -> set[Edge]:
    """The edges that lead back to where one came from; without them there is no circle."""
    followers = followers_of(edges)
    found: set[Edge] = set()
    done: set[str] = set()
    for start in followers:
        if start not in done:
            found.update(_closing_from(start, followers, done))
    return found


def _closing_from(start: str, followers: Followers, done: set[str]) -> Iterator[Edge]:
    """Depth first, on a stack of its own: a long chain must not exhaust Python's."""
    way = {start: iter(followers.get(start, ()))}
    while way:
        here, ahead = next(reversed(way.items()))
        target = next(ahead, None)
        if target is None:
            done.add(here)
            del way[here]
        elif target in way:
            yield here, target
        elif target not in done:
            way[target] = iter(followers.get(target, ()))


def essential(edges: Iterable[Edge]) -> list[Edge]:
    """The edges without those that a longer way implies; terraform draws its graph so, too."""
    given = list(dict.fromkeys(edges))
    back = closing(given)
    followers = followers_of(edge for edge in given if edge not in back)
    reach: dict[str, frozenset[str]] = {}
    implied = {source: _beyond(targets, followers, reach) for source, targets in followers.items()}
    return [(source, target) for source, target in given if (source, target) in back or target not in implied[source]]


def _beyond(targets: Iterable[str], followers: Followers, reach: dict[str, frozenset[str]]) -> set[str]:
    """Everything that comes after one of the targets."""
    beyond: set[str] = set()
    for target in targets:
        if target not in reach:
            reach[target] = _reach(target, followers)
        beyond |= reach[target]
    return beyond


def _reach(start: str, followers: Followers) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(followers.get(start, ()))
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += followers.get(node, ())
    return frozenset(found)


BOX_WIDTH, BOX_HEIGHT, BEND_HEIGHT = 224.0, 46.0, 10.0
LAYER_GAP, ROW_GAP = 84.0, 16.0
STEP = BOX_WIDTH + LAYER_GAP
SWEEPS = 12
Point = tuple[float, float]
Neighbours = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Top left corners of the boxes, and for each edge the points that it passes through, from border to border."""

    width: float
    height: float
    corners: Mapping[str, Point]
    routes: Mapping[Edge, tuple[Point, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layered:
    """Nodes and bends in their layers. `chains` are the ways of the edges through bends, `turned` edges run backwards."""

    layers: list[list[str]]
    chains: dict[Edge, list[str]]
    bends: frozenset[str]
    turned: frozenset[Edge]


def layered_layout(nodes: Sequence[str], edges: Iterable[Edge]) -> Layout:
    """The drawing of a graph, circles and all; what no edge touches stands in rows below."""
    given = list(dict.fromkeys(edges))
    tied = {node for edge in given for node in edge}
    drawn = _layered([node for node in nodes if node in tied], given)
    after, before = _neighbours(drawn.chains.values())
    order = _ordered(drawn.layers, before, after)
    centres = _placed(order, before, after, drawn.bends)
    top = min((centres[node] - _height(node, drawn.bends) / 2 for node in centres), default=0.0)
    centres = {node: centre - top for node, centre in centres.items()}
    bottom = max((centres[node] + _height(node, drawn.bends) / 2 for node in centres), default=-2 * ROW_GAP)
    column = {node: n * STEP for n, layer in enumerate(order) for node in layer}
    corners = {node: (column[node], centres[node] - BOX_HEIGHT / 2) for node in nodes if node in tied}
    corners |= _rows([node for node in nodes if node not in tied], max(len(order), 3), bottom + 2 * ROW_GAP)
    return Layout(
        width=max((x for x, _ in corners.values()), default=0.0) + BOX_WIDTH,
        height=max([bottom, *(y + BOX_HEIGHT for _, y in corners.values())]),
        corners=corners,
        routes={edge: _route(edge, drawn, column, centres) for edge in drawn.chains},
    )


def _rows(nodes: Sequence[str], columns: int, top: float) -> dict[str, Point]:
    return {node: (n % columns * STEP, top + n // columns * (BOX_HEIGHT + ROW_GAP)) for n, node in enumerate(nodes)}


def _layered(nodes: Sequence[str], edges: Sequence[Edge]) -> _Layered:
    turned = closing(edges)
    forward = {edge: (edge[1], edge[0]) if edge in turned else edge for edge in edges}
    level = _levels(nodes, forward.values())
    layers: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for node in nodes:
        layers[level[node]].append(node)
    chains: dict[Edge, list[str]] = {}
    for number, (edge, (source, target)) in enumerate(forward.items()):
        passed = range(level[source] + 1, level[target])
        way = [f"\0{number}\0{n}" for n in passed]
        for n, bend in zip(passed, way, strict=True):
            layers[n].append(bend)
        chains[edge] = [source, *way, target]
    bends = frozenset(node for chain in chains.values() for node in chain[1:-1])
    return _Layered(layers=layers, chains=chains, bends=bends, turned=frozenset(turned))


def _levels(nodes: Sequence[str], edges: Iterable[Edge]) -> dict[str, int]:
    """Each node one layer after the last that it needs; what needs nothing stands right before its first follower."""
    before: dict[str, list[str]] = {node: [] for node in nodes}
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    level: dict[str, int] = {}
    for node in TopologicalSorter(before).static_order():
        level[node] = max((level[b] + 1 for b in before[node]), default=0)
    for node in nodes:
        if not before[node] and after[node]:
            level[node] = min(level[a] for a in after[node]) - 1
    return level


def _neighbours(chains: Iterable[Sequence[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    after: dict[str, list[str]] = {}
    before: dict[str, list[str]] = {}
    for chain in chains:
        for source, target in pairwise(chain):
            after.setdefault(source, []).append(target)
            before.setdefault(target, []).append(source)
    return after, before


def _ordered(layers: list[list[str]], before: Neighbours, after: Neighbours) -> list[list[str]]:
    """The best order seen while each layer in turn is sorted by where its neighbours stand."""
    best = current = [list(layer) for layer in layers]
    fewest = _crossings(best, after)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        current = _swept(current, before) if sweep % 2 == 0 else _swept(current[::-1], after)[::-1]
        crossings = _crossings(current, after)
        if crossings < fewest:
            best, fewest = current, crossings
    return best


def _swept(layers: Sequence[Sequence[str]], neighbours: Neighbours) -> list[list[str]]:
    swept = [list(layers[0])]
    for layer in layers[1:]:
        position = {node: float(n) for n, node in enumerate(swept[-1])}
        own = {node: float(n) for n, node in enumerate(layer)}
        swept.append(sorted(layer, key=lambda node: _mean(neighbours.get(node, ()), position, own[node])))
    return swept


def _mean(nodes: Sequence[str], position: Mapping[str, float], otherwise: float) -> float:
    found = [position[node] for node in nodes if node in position]
    return sum(found) / len(found) if found else otherwise


def _crossings(layers: Sequence[Sequence[str]], after: Neighbours) -> int:
    return sum(_crossings_between(left, right, after) for left, right in pairwise(layers))


def _crossings_between(left: Sequence[str], right: Sequence[str], after: Neighbours) -> int:
    """Inversions: pairs of edges that start in one order and end in the other."""
    position = {node: n for n, node in enumerate(right)}
    seen: list[int] = []
    count = 0
    for node in left:
        ends = sorted(position[target] for target in after.get(node, ()) if target in position)
        count += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
        for end in ends:
            insort(seen, end)
    return count


def _placed(
    layers: Sequence[Sequence[str]], before: Neighbours, after: Neighbours, bends: frozenset[str]
) -> dict[str, float]:
    """The vertical centre of every node: pulled to its neighbours, sweep by sweep."""
    centres: dict[str, float] = {}
    for layer in layers:
        centres.update(_spread(layer, [0.0] * len(layer), bends))
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            wanted = [_mean([*before.get(n, ()), *after.get(n, ())], centres, centres[n]) for n in layer]
            centres.update(_spread(layer, wanted, bends))
    return centres


def _spread(layer: Sequence[str], wanted: Sequence[float], bends: frozenset[str]) -> dict[str, float]:
    """The layer's nodes as near to where they want to be as order and distance allow (least squares, pooling neighbours)."""
    offsets: list[float] = []
    for node in layer:
        last = offsets[-1] + _height(layer[len(offsets) - 1], bends) / 2 + ROW_GAP if offsets else 0.0
        offsets.append(last + _height(node, bends) / 2)
    pools: list[tuple[float, int]] = []
    for constraint, offset in zip(wanted, offsets, strict=True):
        mean, size = constraint - offset, 1
        while pools and pools[-1][0] > mean:
            other, count = pools.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        pools.append((mean, size))
    starts = [mean for mean, size in pools for _ in range(size)]
    return {node: start + offset for node, start, offset in zip(layer, starts, offsets, strict=True)}


def _height(node: str, bends: frozenset[str]) -> float:
    return BEND_HEIGHT if node in bends else BOX_HEIGHT


def _route(edge: Edge, drawn: _Layered, column: Mapping[str, float], centres: Mapping[str, float]) -> tuple[Point, ...]:
    """From the right of the first box, straight through the columns of its bends, to the left of the last one."""
    first, *bends, last = drawn.chains[edge]
    points = [(column[first] + BOX_WIDTH, centres[first])]
    for bend in bends:
        points += [(column[bend], centres[bend]), (column[bend] + BOX_WIDTH, centres[bend])]
    points.append((column[last], centres[last]))
    return tuple(points[::-1] if edge in drawn.turned else points)

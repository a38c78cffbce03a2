"""Two questions about edges that every drawing asks: which close a circle, and which follow from others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

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

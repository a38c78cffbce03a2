"""A graph with fewer boxes: an application with all that belongs to it as one, and such as are alike as one.

Up to a few dozen objects are best seen one by one. Of more, people ask which application uses which connection: grants,
keys and lists of applications then disappear into what they belong to. Of very many, applications that use the same things
share a box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from enum import StrEnum

from tokenvault.render.graph_layout import essential
from tokenvault.render.graph_picture import Box, Picture
from tokenvault.render.words import counted

MANY_ARROWS = 20
SINGLE_NODES, MAX_NODES, MAX_EDGES = 40, 80, 240
TOO_MANY = "too many to draw, so alike ones share a box"
WEIGHTS = ("delete", "update", "create", "unknown", "none", "")


class Group(StrEnum):
    """What shares a box: nothing, the parts of an application, applications that use the same; `auto` by how many there are."""

    AUTO = "auto"
    NONE = "none"
    APPLICATION = "application"
    CONNECTION = "connection"


def readable(picture: Picture, group: Group = Group.AUTO) -> Picture:
    """The picture with boxes for groups. `auto` has no more boxes than can be read."""
    match group:
        case Group.NONE:
            return picture
        case Group.APPLICATION:
            return with_parts(picture)
        case Group.CONNECTION:
            return _alike(with_parts(picture))
    for one_by_one in (picture, _unchanged_as_one(picture)):
        if _fits(one_by_one, SINGLE_NODES):
            return one_by_one
    by_application = with_parts(picture)
    for found in (by_application, _alike(by_application)):
        if _fits(found, MAX_NODES):
            return found
    return _noted(_folded(picture, lambda box: (box.kind, box.action)), picture, TOO_MANY)


def _fits(picture: Picture, most: int) -> bool:
    return len(picture.boxes) <= most and len(picture.edges) <= MAX_EDGES


def heads(addresses: Iterable[str]) -> dict[str, str]:
    """For each object the one that it belongs to: an application, an API, a connection, or itself."""
    known = list(addresses)
    present = set(known)
    return {address: next((head for head in _owners(address) if head in present), address) for address in known}


def _owners(address: str) -> Iterable[str]:
    """Whom an object of this address may belong to, the likeliest first."""
    kind, _, rest = address.partition(".")
    if kind == "connection_clients":
        yield f"connection.{rest}"
    elif kind == "application" and rest.endswith(".api_client"):
        yield f"api.{rest.removesuffix('.api_client')}"
    elif kind in ("client_grant", "credential"):
        parts = rest.split(".")
        for length in range(len(parts) - 1, 0, -1):
            owner = f"application.{'.'.join(parts[:length])}"
            yield from _with_owner(owner)


def _with_owner(owner: str) -> Iterable[str]:
    """An application, or, where it is the client of an API, that API."""
    yield from _owners(owner)
    yield owner


def with_parts(picture: Picture) -> Picture:
    """Each application, API and connection with what belongs to it as one box, with the weightiest of their actions."""
    head = heads(picture.boxes)
    parts: dict[str, list[Box]] = {}
    for box in picture.boxes.values():
        parts.setdefault(head[box.address], []).append(box)
    boxes = {
        address: replace(
            picture.boxes[address],
            action=min((box.action for box in some), key=WEIGHTS.index),
            parts=tuple(box.address for box in some if box.address != address),
        )
        for address, some in parts.items()
    }
    edges = essential((head[a], head[b]) for a, b in picture.edges if head[a] != head[b])
    common = _common(edges)
    said = f"; arrows from {', '.join(sorted(common))} are left out, there are too many" if common else ""
    made = replace(picture, boxes=boxes, edges=tuple(edge for edge in edges if edge[0] not in common))
    return _noted(made, picture, f"an application, API or connection is a box with all that belongs to it{said}")


def _common(edges: Iterable[tuple[str, str]]) -> set[str]:
    """What so many need, and that needs nothing itself, that its arrows would hide all others."""
    leading = Counter(source for source, _ in edges)
    needing = {target for _, target in edges}
    return {source for source, count in leading.items() if count > MANY_ARROWS and source not in needing}


def _alike(picture: Picture) -> Picture:
    """Boxes of one kind, with one action and the same neighbours, as one."""
    near: dict[str, set[str]] = {}
    for a, b in picture.edges:
        near.setdefault(a, set()).add(f">{b}")
        near.setdefault(b, set()).add(f"<{a}")
    made = _folded(picture, lambda box: (box.kind, box.action, frozenset(near.get(box.address, ()))))
    return replace(made, note=f"{made.note.removesuffix('.')}; alike ones share a box.")


def _unchanged_as_one(picture: Picture) -> Picture:
    """What does not change as one box for each kind; what does, one by one."""
    made = _folded(picture, lambda box: (box.kind, "") if box.action == "none" else box.address)
    return _noted(made, picture, TOO_MANY)


def _folded(picture: Picture, key: Callable[[Box], Hashable]) -> Picture:
    """Boxes with the same key become one, where there are several of them."""
    groups: dict[Hashable, list[Box]] = {}
    for box in picture.boxes.values():
        groups.setdefault(key(box), []).append(box)
    boxes: dict[str, Box] = {}
    stands_for: dict[str, str] = {}
    for number, some in enumerate(groups.values()):
        first = some[0]
        address = first.address if len(some) == 1 else f"{first.kind}.* {first.action} {number}"
        stands_for |= {box.address: address for box in some}
        members = tuple(box.address for box in some) if len(some) > 1 else first.members
        boxes[address] = replace(first, address=address, count=len(some), members=members)
    edges = essential(_between(picture.edges, stands_for))
    return replace(picture, boxes=boxes, edges=tuple(edges))


def _between(edges: Iterable[tuple[str, str]], stands_for: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((stands_for[a], stands_for[b]) for a, b in edges if stands_for[a] != stands_for[b])


def _noted(made: Picture, whole: Picture, how: str) -> Picture:
    return replace(made, note=f"{counted(len(whole.boxes), 'object')}: {how}.")


def around(picture: Picture, head: str, parts: Iterable[str]) -> Picture:
    """An object, what belongs to it, and what is right beside these."""
    own = {head, *parts}
    near = {address for edge in picture.edges if own & set(edge) for address in edge}
    boxes = {address: box for address, box in picture.boxes.items() if address in own | near}
    edges = tuple((a, b) for a, b in picture.edges if (a in own or b in own) and a in boxes and b in boxes)
    return Picture(title=head, boxes=boxes, edges=edges)


def restricted(picture: Picture, wanted: Iterable[str]) -> Picture:
    """The objects of these addresses, what belongs to them, and everything that comes before any of these."""
    head = heads(picture.boxes)
    chosen = set(wanted)
    kept = {address for address in picture.boxes if address in chosen or head[address] in chosen}
    before: dict[str, list[str]] = {}
    for a, b in picture.edges:
        before.setdefault(b, []).append(a)
    waiting = list(kept)
    while waiting:
        more = [address for address in before.get(waiting.pop(), ()) if address not in kept]
        kept.update(more)
        waiting += more
    boxes = {address: box for address, box in picture.boxes.items() if address in kept}
    return replace(picture, boxes=boxes, edges=tuple(edge for edge in picture.edges if set(edge) <= kept))

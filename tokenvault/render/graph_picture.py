"""Chooses what a drawing of the graph shows: its boxes, its edges, and what happens to each object. `graph_*.py` draw it.

An edge runs from what comes first to what needs it. Edges that follow from others are left out, and so is the way back where
an object is written twice: an application is there before its keys, and gets them in a second write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tokenvault.kinds import kinds
from tokenvault.model.desired import Graph
from tokenvault.plan.document import Document
from tokenvault.render.graph_layout import Edge, essential
from tokenvault.render.phrases import counted

NAMED, ROOM = 20, 26
ACTIONS = {
    "create": "will be created",
    "update": "will be updated",
    "delete": "will be deleted",
    "none": "stays as it is",
    "unknown": "cannot be read",
    "": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One object, or `count` that are alike: then `members` are their addresses. `action` is empty where no tenant was asked.

    `parts` are the addresses of what belongs to it and is drawn as this one box, too.
    """

    address: str
    kind: str
    action: str
    count: int = 1
    parts: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What kind of object it is, as people call it, and how many it stands for."""
        title = kinds()[self.kind].title if self.kind in kinds() else self.kind
        return f"{self.count:,} × {title}" if self.count > 1 else title

    @property
    def label(self) -> str:
        """Its name: the address without its kind; of several as many as a box has room for."""
        if self.count == 1:
            return self.address.removeprefix(f"{self.kind}.")
        names = [member.removeprefix(f"{self.kind}.") for member in self.members]
        room = next((n for n in range(len(names), 1, -1) if len(", ".join(names[:n])) <= ROOM), 1)
        return f"{', '.join(names[:room])}{', …' if room < self.count else ''}"

    @property
    def what(self) -> str:
        """Which object and what happens to it, in one line."""
        who = self.address if self.count == 1 else f"{counted(self.count, 'object')} of kind {self.kind}"
        others = [*self.members, *self.parts] if self.count > 1 or self.parts else []
        more = f", and {len(others) - NAMED:,} more" if len(others) > NAMED else ""
        with_others = f" ({', '.join(others[:NAMED])}{more})" if others else ""
        return f"{who} {ACTIONS[self.action]}".strip() + with_others


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Boxes by address in the order of the spec, and edges. `note` says what is not drawn one by one."""

    title: str
    boxes: Mapping[str, Box]
    edges: tuple[Edge, ...]
    note: str = ""

    @property
    def actions(self) -> list[str]:
        """The actions that occur, in the order of the legend."""
        present = {box.action for box in self.boxes.values()}
        return [action for action in ACTIONS if action and action in present]

    def before(self, address: str) -> list[str]:
        """What comes before the object at `address`."""
        return [source for source, target in self.edges if target == address]


def planned_picture(plan: Document) -> Picture:
    """The graph of a plan, each object with its action."""
    boxes = [Box(address=node["address"], kind=node["kind"], action=node["action"]) for node in plan["nodes"]]
    edges = [(needed, node["address"]) for node in plan["nodes"] for needed in node["requires"]]
    return _picture(f"{plan['spec']['name']} on {plan['tenant']}", boxes, edges)


def desired_picture(graph: Graph) -> Picture:
    """The graph that a spec asks for; no tenant was asked, so nothing is known about actions."""
    boxes = [Box(address=node.address, kind=node.kind, action="") for node in graph.nodes.values()]
    edges = [(needed, node.address) for node in graph.nodes.values() for needed in sorted(node.needs())]
    return _picture(graph.spec_name, boxes, edges)


def _picture(title: str, boxes: Iterable[Box], edges: Iterable[Edge]) -> Picture:
    by_address = {box.address: box for box in boxes}
    present = _one_way([(a, b) for a, b in edges if a != b and {a, b} <= by_address.keys()])
    return Picture(title=title, boxes=by_address, edges=tuple(essential(present)))


def _one_way(edges: list[Edge]) -> list[Edge]:
    """The edges, of two objects that wait for each other only the one from the application, which is written twice."""
    given = set(edges)
    return [(a, b) for a, b in edges if (b, a) not in given or a.startswith("application.") or a < b]


# ---- fewer boxes: an application with all that belongs to it as one, and such as are alike as one


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
    omitted = f"; arrows from {', '.join(sorted(common))} are left out, there are too many" if common else ""
    made = replace(picture, boxes=boxes, edges=tuple(edge for edge in edges if edge[0] not in common))
    return _noted(made, picture, f"an application, API or connection is a box with all that belongs to it{omitted}")


def _common(edges: Iterable[tuple[str, str]]) -> set[str]:
    """The boxes that need nothing, and that so many need that their arrows would hide the others."""
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

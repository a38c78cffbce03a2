"""What a drawing of the graph shows: objects, what comes before what, and what happens to each. Drawn by `graph_*.py`.

An edge runs from what comes first to what needs it. Edges that follow from others are left out. More objects than a
person can read are drawn as one box per kind and action: first those that do not change, then all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tokenvault.kinds import kinds
from tokenvault.model.desired import Graph
from tokenvault.plan.document import Document
from tokenvault.render.graph_layout import Edge, essential
from tokenvault.render.words import counted

MAX_NODES = 80
MAX_EDGES = 240
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
    """One object, or `count` of one kind that meet the same action. `action` is empty where no tenant was asked."""

    address: str
    kind: str
    action: str
    count: int = 1

    @property
    def title(self) -> str:
        """What kind of object it is, as people call it."""
        return kinds()[self.kind].title if self.kind in kinds() else self.kind

    @property
    def label(self) -> str:
        """Its name: the address without its kind, or how many it stands for."""
        return self.address.removeprefix(f"{self.kind}.") if self.count == 1 else counted(self.count, "object")

    @property
    def what(self) -> str:
        """Which object and what happens to it, in one line."""
        who = self.address if self.count == 1 else f"{counted(self.count, 'object')} of kind {self.kind}"
        return f"{who} {ACTIONS[self.action]}".strip()


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
    present = [(a, b) for a, b in edges if a != b and {a, b} <= by_address.keys()]
    return Picture(title=title, boxes=by_address, edges=tuple(essential(present)))


def readable(picture: Picture) -> Picture:
    """The picture with few enough boxes: unchanged objects folded into one per kind, and if need be all of them."""
    objects = len(picture.boxes)
    folded = picture
    for rule in (_is_unchanged, _is_any):
        if len(folded.boxes) <= MAX_NODES and len(folded.edges) <= MAX_EDGES:
            break
        folded = _folded(picture, rule)
        folded = replace(folded, note=f"{counted(objects, 'object')}: too many to draw, so alike ones share a box.")
    return folded


def _is_unchanged(box: Box) -> bool:
    return box.action == "none"


def _is_any(box: Box) -> bool:
    return True


def _folded(picture: Picture, rule: Callable[[Box], bool]) -> Picture:
    """Boxes that the rule names become one per kind and action, where there are several of them."""
    groups: dict[tuple[str, str], list[Box]] = {}
    for box in picture.boxes.values():
        if rule(box):
            groups.setdefault((box.kind, box.action), []).append(box)
    stands_for = {
        box.address: f"{kind}.* {action}" for (kind, action), some in groups.items() if len(some) > 1 for box in some
    }
    boxes: dict[str, Box] = {}
    for box in picture.boxes.values():
        address = stands_for.get(box.address, box.address)
        count = len(groups[box.kind, box.action]) if address != box.address else 1
        boxes.setdefault(address, replace(box, address=address, count=count))
    edges = [(stands_for.get(a, a), stands_for.get(b, b)) for a, b in picture.edges]
    return replace(picture, boxes=boxes, edges=tuple(essential((a, b) for a, b in edges if a != b)))

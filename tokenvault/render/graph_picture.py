"""What a drawing of the graph shows: objects, what comes before what, and what happens to each. Drawn by `graph_*.py`.

An edge runs from what comes first to what needs it. Edges that follow from others are left out, and so is the way back where
an object is written twice: an application is there before its keys, and gets them in a second write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tokenvault.kinds import kinds
from tokenvault.model.desired import Graph
from tokenvault.plan.document import Document
from tokenvault.render.graph_layout import Edge, essential
from tokenvault.render.words import counted

NAMED = 20
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
        """Its name: the address without its kind; of several the first."""
        if self.count == 1:
            return self.address.removeprefix(f"{self.kind}.")
        return f"{self.members[0].removeprefix(f'{self.kind}.')}, …"

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
    """Of two objects that wait for each other, the edge from the one that is written first and again: the application."""
    given = set(edges)
    return [(a, b) for a, b in edges if (b, a) not in given or a.startswith("application.") or a < b]

"""How connections are read: one list of chosen fields, and a look at one connection where that list may hide some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tokenvault.kinds.base import Object, Objects, Reader
from tokenvault.model.desired import DesiredObject
from tokenvault.model.marks import read_mark

FIELDS = "id,name,strategy,display_name,metadata,authentication,connected_accounts,cross_app_access_requesting_app"
HIDDEN = ("connected_accounts", "metadata")  # what a list of chosen fields may leave out, for all that anybody knows
Items = list[dict[str, Any]]


def needs_options(node: DesiredObject) -> bool:
    """Whether the spec asks for something in the connection's options."""
    return any(path.startswith(("options.", "spec.")) for path in node.constraints)


def is_whole_enough(item: Object, node: DesiredObject) -> bool:
    """Whether a connection that was read shows all that matters: its options, where they are asked for or were given."""
    return "options" in item or not (needs_options(node) or _were_options_given(item, node))


def _were_options_given(item: Object, node: DesiredObject) -> bool:
    """Whether the mark of a connection that the spec manages, its own or one that it may take over, records options."""
    mark = read_mark(item.get("metadata")) if node.target.mark else None
    slots = {provision.slot for provision in mark.provisions} if mark else set()
    return any(slot in ("scope", "freeform") or slot.startswith("o.") for slot in slots)


async def read_connections(reader: Reader, nodes: Sequence[DesiredObject], before: Objects) -> Items:
    """The tenant's connections. Options hold the provider's secret: they are read only when the spec asks for something
    in them, or for no nodes.
    """
    wanted = not nodes or any(map(needs_options, nodes))
    chosen = {"fields": f"{FIELDS},options" if wanted else FIELDS, "include_fields": True}
    found = await reader.checkpoints("connections", "connections", {"take": 100, **chosen})
    doubtful = _doubtful(found, nodes)
    if doubtful is None:
        return found
    if _is_shown(doubtful, await _alone(reader, doubtful, chosen)):
        return found
    return await _unhidden(reader, nodes, chosen)


def _doubtful(found: Sequence[Object], nodes: Sequence[DesiredObject]) -> Object | None:
    """A connection of which the list shows less than it must have, or than any may have; None if there is none."""
    if found and not any("connected_accounts" in item for item in found):
        return found[0]
    if any(item.get("metadata") for item in found):
        return None
    claimed = _known_as([node for node in nodes if node.target.mark])
    return next(
        (i for i in found if _is_one_of(i, claimed) and (i.get("connected_accounts") or {}).get("active")), None
    )


def _known_as(nodes: Sequence[DesiredObject]) -> frozenset[str]:
    """The names and ids of the nodes' connections."""
    return frozenset(str(value) for node in nodes for value in node.target.identity.values())


def _is_one_of(item: Object, known: frozenset[str]) -> bool:
    return item.get("name") in known or item.get("id") in known


def _is_shown(listed: Object, alone: Object) -> bool:
    return all(listed.get(name) or not alone.get(name) for name in HIDDEN)


async def _alone(reader: Reader, item: Object, chosen: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await reader.get(f"connections/{quote(str(item['id']), safe='')}", chosen)
    return found


async def _unhidden(reader: Reader, nodes: Sequence[DesiredObject], chosen: Mapping[str, Any]) -> Items:
    """Reads the spec's connections one by one, and the others from a list of whole connections."""
    found = await reader.checkpoints("connections", "connections", {"take": 100})
    if "options" not in str(chosen["fields"]):
        found = [{name: value for name, value in item.items() if name != "options"} for item in found]
    known = _known_as(nodes)
    return [await _alone(reader, item, chosen) if _is_one_of(item, known) else item for item in found]

"""Which applications may use a connection. Additive: applications that others enabled stay enabled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tokenvault.kinds.base import Collection, Field, Kind, Object, Objects, Reader, Request, Scopes, Shape
from tokenvault.kinds.strategies import NEVER
from tokenvault.model.desired import DesiredObject

PER_REQUEST = 50


async def _read(reader: Reader, nodes: Sequence[DesiredObject], before: Objects) -> list[dict[str, Any]]:
    """One list for each connection that exists: of the nodes, or without nodes of those that were read before."""
    import asyncio

    identities = [node.target.identity for node in nodes]
    known = {str(i["connection"]): i["id"] for i in identities if isinstance(i["id"], str)}
    ids = known if nodes else {str(c["name"]): str(c["id"]) for c in before["connections"]}
    return list(await asyncio.gather(*(_read_one(reader, name, ids[name]) for name in ids)))


def _create(kind: Kind, body: Object) -> list[Request]:
    """The request that enables the application: the same for a new connection as for an old one."""
    return _update(kind, {"clients": body["clients"]}, {"id": body["id"], "clients": []})


async def _read_one(reader: Reader, name: str, connection_id: str) -> dict[str, Any]:
    path = f"connections/{quote(connection_id, safe='')}/clients"
    items = await reader.checkpoints(path, "clients", {"take": 1000})
    return {"id": connection_id, "connection": name, "clients": [item["client_id"] for item in items]}


def _unread(node: DesiredObject) -> dict[str, Any] | None:
    """The list of an existing connection: who else may use it does not matter to what is only added."""
    identity = node.target.identity
    return {"id": identity["id"], "connection": identity["connection"]} if isinstance(identity["id"], str) else None


def _update(kind: Kind, patch: Object, live: Object) -> list[Request]:
    wanted, present = list(patch.get("clients") or []), list(live.get("clients") or [])
    switched = [{"client_id": c, "status": True} for c in wanted if c not in present]
    switched += [{"client_id": c, "status": False} for c in present if c not in wanted]
    path = kind.location(live)
    return [
        Request(method="PATCH", path=path, body=switched[start : start + PER_REQUEST])
        for start in range(0, len(switched), PER_REQUEST)
    ]


KIND = Kind(
    name="connection_clients",
    title="applications of connection",
    collection=Collection(
        name="connection_clients",
        read=_read,
        after=("connections",),
        partition_key="id",
        parent_filter=lambda connection: connection.get("strategy") not in NEVER,
        belongs_to=("clients",),
        unread=_unread,
    ),
    path="connections",
    id_field="id",
    order=50,
    fields={
        "connection": Field(immutable=True),
        "clients": Field(shape=Shape.SET, loss="users cannot log in or connect accounts through it in {} any more"),
    },
    scopes=Scopes(read=("read:connections",), update=("update:connections",)),
    batch=PER_REQUEST,
    incremental=True,
    create=_create,
    update=_update,
    fetch=lambda reader, known: _read_one(reader, str(known["connection"]), str(known["id"])),
    item_path=lambda kind, live: f"connections/{quote(str(live['id']), safe='')}/clients",
)

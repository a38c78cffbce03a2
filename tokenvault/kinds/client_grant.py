"""Client grants: the permission of one application to request tokens for one API on behalf of users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenvault.desired import Node
from tokenvault.kinds import Collection, Field, Kind, Objects, Reader, Scopes, Shape


async def _read(reader: Reader, nodes: Sequence[Node], before: Objects) -> list[dict[str, Any]]:
    return await reader.checkpoints("client-grants", "client_grants", {"subject_type": "user"})


KIND = Kind(
    name="client_grant",
    title="client grant",
    collection=Collection(name="client_grants", read=_read),
    path="client-grants",
    id_field="id",
    order=40,
    fields={
        "client_id": Field(immutable=True),
        "audience": Field(immutable=True),
        "subject_type": Field(immutable=True),
        "scope": Field(shape=Shape.SET),
        "allow_all_scopes": Field(),
    },
    scopes=Scopes(
        read=("read:client_grants",),
        create=("create:client_grants",),
        update=("update:client_grants",),
        delete=("delete:client_grants",),
    ),
    deletable=True,
)

"""Credentials: the public keys of an application. One serves both of its slots, private_key_jwt and privileged access.

The key's RFC 7638 thumbprint is its identity; Auth0 answers it as `kid` and never answers the PEM.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tokenvault.desired import Node
from tokenvault.kinds import Collection, Field, Kind, Object, Objects, Reader, Request, Scopes

NAME_PREFIX = "tokenvault"
SENT = ("name", "credential_type", "pem", "alg")


async def _read(reader: Reader, nodes: Sequence[Node], before: Objects) -> list[dict[str, Any]]:
    """One list per application that exists. The planner binds `client_id` before it hands the nodes over."""
    clients = {str(c["client_id"]) for c in before["clients"]}
    wanted = dict.fromkeys(str(node.target.identity["client_id"]) for node in nodes)
    return [c for some in await asyncio.gather(*(_read_one(reader, i) for i in wanted if i in clients)) for c in some]


async def _read_one(reader: Reader, client_id: str) -> list[dict[str, Any]]:
    found = await reader.get(f"clients/{quote(client_id, safe='')}/credentials")
    return [{**credential, "client_id": client_id} for credential in found]


def _create(kind: Kind, body: Object) -> tuple[Request]:
    path = f"clients/{quote(str(body['client_id']), safe='')}/credentials"
    return (Request(method="POST", path=path, body={name: body[name] for name in SENT}),)


KIND = Kind(
    name="credential",
    title="credential",
    collection=Collection(name="credentials", read=_read, after=("clients",)),
    path="clients",
    id_field="id",
    order=30,
    fields={
        "client_id": Field(immutable=True),
        "kid": Field(immutable=True),
        "name": Field(immutable=True),
        "credential_type": Field(immutable=True),
        "alg": Field(immutable=True),
        "pem": Field(immutable=True),
    },
    scopes=Scopes(
        read=("read:client_credentials",), create=("create:client_credentials",), delete=("delete:client_credentials",)
    ),
    create_only=frozenset({"name", "credential_type", "alg", "pem", "kid"}),
    deletable=True,
    create=_create,
    item_path=lambda kind, live: (
        f"clients/{quote(str(live['client_id']), safe='')}/credentials/{quote(str(live['id']), safe='')}"
    ),
)

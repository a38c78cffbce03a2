"""Credentials: the public keys of an application. One serves both of its slots, private_key_jwt and privileged access.

The key's RFC 7638 thumbprint is its identity; Auth0 answers it as `kid` and never answers the PEM.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from tokenvault.errors import Diagnostic
from tokenvault.kinds.base import Collection, Field, Kind, Object, Objects, Reader, Request, Scopes, fixed
from tokenvault.model.desired import DesiredObject
from tokenvault.model.marks import read_mark

NAME_PREFIX = "tokenvault"
SENT = ("name", "credential_type", "pem", "alg")


def credential_name(spec_name: str, key: str) -> str:
    """The name of the credentials that a spec puts there: Auth0 keeps nothing else by which to tell whose they are."""
    return f"{NAME_PREFIX} {spec_name}/{key}"


def is_ours(credential: Object, key_owners: Sequence[str]) -> bool:
    """Whether one of these specs (`SPEC/`, or `SPEC/KEY` for what was its application of this key) put the credential there.

    The application may have had another key in the spec when the credential got its name, which never changes.
    """
    specs = {owner.partition("/")[0] for owner in key_owners}
    return str(credential.get("name", "")).startswith(tuple(f"{NAME_PREFIX} {spec}/" for spec in specs))


async def _read(reader: Reader, nodes: Sequence[DesiredObject], before: Objects) -> list[dict[str, Any]]:
    """One list for each application that exists: of the nodes, or without nodes of those that were read before."""
    import asyncio

    identities = [node.target.identity for node in nodes]
    known = dict.fromkeys(i["client_id"] for i in identities if isinstance(i["client_id"], str))
    wanted = known if nodes else [str(c["client_id"]) for c in before["clients"]]
    return [c for some in await asyncio.gather(*(_read_one(reader, i) for i in wanted)) for c in some]


def _may_hold_keys(client: Object) -> bool:
    """Whether the application uses keys, or may have some that an interrupted apply created."""
    in_use = client.get("client_authentication_methods") or client.get("token_vault_privileged_access")
    return bool(in_use) or read_mark(client.get("client_metadata")) is not None


async def _read_one(reader: Reader, client_id: str) -> list[dict[str, Any]]:
    found = await reader.get(f"clients/{quote(client_id, safe='')}/credentials")
    return [{**credential, "client_id": client_id} for credential in found]


def _create(kind: Kind, body: Object) -> tuple[Request]:
    path = f"clients/{quote(str(body['client_id']), safe='')}/credentials"
    return (Request(method="POST", path=path, body={name: body[name] for name in SENT}),)


def _check(node: DesiredObject, live: Object | None) -> Iterable[Diagnostic]:
    hint = "Auth0 neither changes a key nor deletes one in use: give the worker another key, or this one its algorithm."
    yield from fixed(node, live, "alg", what=f"The algorithm of the key {node.target.name}", hint=hint)


KIND = Kind(
    name="credential",
    title="credential",
    collection=Collection(
        name="credentials", read=_read, after=("clients",), partition_key="client_id", parent_filter=_may_hold_keys
    ),
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
    rotated=True,
    check=_check,
    create=_create,
    item_path=lambda kind, live: (
        f"clients/{quote(str(live['client_id']), safe='')}/credentials/{quote(str(live['id']), safe='')}"
    ),
)

"""Client grants: the permission of one application to request tokens for one API on behalf of users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tokenvault.kinds.base import Collection, Field, Kind, Object, Objects, Reader, Scopes, Shape
from tokenvault.model.desired import DesiredObject


async def _read(reader: Reader, nodes: Sequence[DesiredObject], before: Objects) -> list[dict[str, Any]]:
    return await reader.checkpoints("client-grants", "client_grants", {"subject_type": "user"})


def _refine(node: DesiredObject, live: Object | None) -> DesiredObject:
    """A grant of all scopes holds every one that is asked for, and Auth0 lists none of them."""
    if not (live or {}).get("allow_all_scopes"):
        return node
    constraints = {path: constraint for path, constraint in node.constraints.items() if path != "scope"}
    return replace(
        node,
        requirements=tuple(requirement for requirement in node.requirements if requirement.path != "scope"),
        constraints=constraints,
    )


def _mistake(sent: Object, answer: Object) -> tuple[str, str] | None:
    """A grant for machines does not let users connect accounts, and lets the application do what nobody asked for."""
    kept = answer.get("subject_type", sent["subject_type"])
    if kept == sent["subject_type"]:
        return None
    what = f"it was kept as a grant of subject type {kept} instead of {sent['subject_type']}"
    return what, "Grant the access to users in the dashboard (the API's Application Access), then apply again."


KIND = Kind(
    name="client_grant",
    title="client grant",
    collection=Collection(name="client_grants", read=_read, belongs_to=("clients",)),
    path="client-grants",
    id_field="id",
    order=40,
    fields={
        "client_id": Field(immutable=True),
        "audience": Field(immutable=True),
        "subject_type": Field(immutable=True),
        "scope": Field(shape=Shape.SET, slot="/", loss="tokens that the application gets for the API lack {}"),
        "allow_all_scopes": Field(),
    },
    scopes=Scopes(
        read=("read:client_grants",),
        create=("create:client_grants",),
        update=("update:client_grants",),
        delete=("delete:client_grants",),
    ),
    deletable=True,
    refine=_refine,
    mistake=_mistake,
)

"""The tenant's custom domains, on which users may log in: read where a tenant is judged, and never written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenvault.kinds.base import Collection, Field, Kind, Objects, Reader, Scopes
from tokenvault.model.desired import DesiredObject

PATH = "custom-domains"


async def _read(reader: Reader, nodes: Sequence[DesiredObject], before: Objects) -> list[dict[str, Any]]:
    return [{**item, "id": str(item.get("domain", ""))} for item in await reader.get(PATH)]


CUSTOM_DOMAINS = Collection(name="custom_domains", read=_read, optional=True)

KIND = Kind(
    name="custom_domain",
    title="custom domains",
    collection=CUSTOM_DOMAINS,
    path=PATH,
    id_field="id",
    order=85,
    fields={name: Field() for name in ("domain", "status", "is_default")},
    scopes=Scopes(read=("read:custom_domains",)),
)

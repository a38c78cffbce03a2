"""Resource servers are two kinds to us (the My Account API and backend APIs) and one list to Auth0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenvault.desired import Node
from tokenvault.kinds import Collection, Objects, Reader

MAX_IDENTIFIERS = 10


async def _read(reader: Reader, nodes: Sequence[Node], before: Objects) -> list[dict[str, Any]]:
    if not nodes:
        return await reader.pages("resource-servers", "resource_servers")
    identifiers = list(dict.fromkeys(str(node.target.identity["identifier"]) for node in nodes))
    found = []
    for start in range(0, len(identifiers), MAX_IDENTIFIERS):
        chunk = identifiers[start : start + MAX_IDENTIFIERS]
        found += await reader.pages("resource-servers", "resource_servers", {"identifiers": chunk})
    return found


RESOURCE_SERVERS = Collection(name="resource_servers", read=_read, piece="identifier")

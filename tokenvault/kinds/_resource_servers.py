"""Resource servers are two kinds to us (the My Account API and backend APIs) and one list to Auth0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenvault.desired import Node
from tokenvault.errors import ApiError, Diagnostic, PlanError
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
    known = {str(item.get("identifier")) for item in found}
    for node in nodes:
        if node.kind == "my_account_api" and node.target.identity["identifier"] not in known:
            await _refuse_elsewhere(reader, node)
    return found


async def _refuse_elsewhere(reader: Reader, node: Node) -> None:
    """`PlanError` for a My Account API at a domain that is not the tenant's: Auth0 would make an ordinary API of it.

    Where the token may not read the custom domains, that is not known, and Auth0's answer is to tell.
    """
    domain = str(node.target.identity["identifier"]).removeprefix("https://").removesuffix("/me/")
    if domain == reader.domain:
        return
    try:
        answer = await reader.get("custom-domains")
    except ApiError as error:
        if error.status != 403:
            raise
        return
    domains = [str(item.get("domain")) for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []
    if domain not in domains:
        has = f"has {', '.join(sorted(domains))}" if domains else "has no custom domain"
        raise PlanError(
            Diagnostic(
                code="plan-custom-domain",
                summary=f"{domain} is no custom domain of this tenant",
                detail=f"{reader.domain} {has}.",
                hint="Correct `my_account_api.domain`, leave it out when users log in on the tenant's own domain, or "
                "set the custom domain up first.",
                span=node.span,
                context=node.address,
            )
        )


RESOURCE_SERVERS = Collection(name="resource_servers", read=_read, piece="identifier")

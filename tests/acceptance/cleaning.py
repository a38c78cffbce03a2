"""Takes away what a run left: by its journal, and whatever else carries its name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from tests.acceptance.api import Api
from tokenvault.tenant.client import Tenant

PATIENCE = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between looks: a deletion may take its time


async def named_after_the_run(api: Api) -> AsyncIterator[tuple[str, str]]:
    """What carries the run's name in the tenant: the path and the name, in an order in which it can be deleted."""
    tenant: Tenant = api.tenant
    clients = await tenant.pages("clients", "clients", {"fields": "client_id,name", "include_fields": True})
    for one in clients:
        if api.run.owns(one.get("name")):
            yield f"clients/{quote(str(one['client_id']), safe='')}", str(one["name"])
    for one in await tenant.checkpoints("connections", "connections", {"fields": "id,name", "include_fields": True}):
        if api.run.owns(one.get("name")):
            yield f"connections/{one['id']}", str(one["name"])
    for one in await tenant.pages("resource-servers", "resource_servers"):
        if api.run.owns(one.get("identifier")):
            yield f"resource-servers/{one['id']}", str(one["identifier"])


async def clean(api: Api) -> list[str]:
    """Deletes everything of the run, whether or not the run is to end; what is left then, in words."""
    await api.take_away()
    left: list[str] = []
    for seconds in PATIENCE:
        await api.tenant.pacer.clock.sleep(seconds)
        left = [f"{path.split('/')[0]} {name}" async for path, name in _deleted(api)]
        if not left:
            break
    return [*left, *[text async for text in _without_a_name(api)]]


async def _deleted(api: Api) -> AsyncIterator[tuple[str, str]]:
    async for path, name in named_after_the_run(api):
        await api.send("DELETE", path)
        yield path, name


async def _without_a_name(api: Api) -> AsyncIterator[str]:
    """What the journal knows and no name tells: the My Account API, when a run was killed while it was created."""
    for entry in api.journal.left:
        if entry.at is not None:
            yield f"{entry.at} ({entry.name}) could not be deleted"
            continue
        if not api.run.owns(entry.name):
            found = await api.send("GET", f"{entry.path}/{quote(entry.name, safe='')}")
            if found.status != 404:
                yield f"{entry.path} {entry.name}: perhaps of this run, perhaps not; delete it if nobody uses it"
                continue
        api.journal.gone(entry)

"""The tenant's own settings: read for what they do to objects that a spec creates, and never written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenvault.kinds.base import Collection, Field, Kind, Object, Objects, Reader, Scopes
from tokenvault.model.desired import DesiredObject
from tokenvault.model.paths import get_path

PATH, ID = "tenants/settings", "tenant_settings"
EVERY_CONNECTION = "flags.enable_client_connections"
READ = {"fields": "flags", "include_fields": True}


async def _read(reader: Reader, nodes: Sequence[DesiredObject], before: Objects) -> list[dict[str, Any]]:
    return [dict(await fetch(reader, {}))]


async def fetch(reader: Reader, known: Object) -> Object:
    """The settings as they are now."""
    return {**await reader.get(PATH, READ), "id": ID}


def new_application_risks(objects: Objects) -> Sequence[str]:
    """What the settings do to a new application, in words, given everything that was read."""
    if not any(get_path(settings, EVERY_CONNECTION) for settings in objects.get(ID, ())):
        return ()
    names = [str(connection["name"]) for connection in objects.get("connections", ())]
    which = f"every connection of the tenant ({len(names)} now)" if len(names) > 1 else "every connection of the tenant"
    return (
        f"a new application is enabled on {which}, whatever the spec lists: the flag enable_client_connections is on",
    )


TENANT_SETTINGS = Collection(name=ID, read=_read, optional=True)

KIND = Kind(
    name=ID,
    title="tenant settings",
    collection=TENANT_SETTINGS,
    path=PATH,
    id_field="id",
    order=80,
    fields={EVERY_CONNECTION: Field()},
    scopes=Scopes(read=("read:tenant_settings",)),
    item_path=lambda kind, live: PATH,
    fetch=fetch,
)

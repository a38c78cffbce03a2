"""What a tenant has to choose from. It is read, never written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from tokenvault.errors import ApiError, Diagnostic
from tokenvault.init.answers import Api, Connection, Existing, key_of
from tokenvault.kinds import Reader
from tokenvault.kinds._strategies import NEVER
from tokenvault.kinds.application import APP_TYPES
from tokenvault.ownership import read_mark

FORBIDDEN = 403
_TYPES = {app_type: name for name, app_type in APP_TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """The applications, connections and APIs of a tenant. None: unknown, so their names have to be typed."""

    domain: str = ""
    applications: tuple[Existing, ...] | None = None
    connections: tuple[Connection, ...] | None = None
    apis: tuple[Api, ...] | None = None
    warnings: tuple[Diagnostic, ...] = ()


def why_not(connection: Connection) -> str:
    """Why a connection can never be used with Token Vault; nothing when it can."""
    reason = NEVER.get(connection.strategy or "")
    return f"{connection.strategy}: {reason}" if reason else ""


async def read_offers(reader: Reader) -> Offers:
    """Three lists, side by side. One that the token may not read is unknown, and a warning says so."""
    fields = {"include_fields": True}
    applications, connections, apis = await asyncio.gather(
        _listed(
            reader.pages("clients", "clients", {"is_global": False, "fields": "client_id,name,app_type", **fields})
        ),
        _listed(reader.checkpoints("connections", "connections", {"fields": "id,name,strategy,metadata", **fields})),
        _listed(reader.pages("resource-servers", "resource_servers")),
    )
    read = {"applications": applications, "connections": connections, "APIs": apis}
    return Offers(
        domain=reader.domain,
        applications=_applications(applications),
        connections=_connections(connections),
        apis=_apis(apis),
        warnings=tuple(_unreadable(what, found) for what, found in read.items() if isinstance(found, ApiError)),
    )


Listed = list[dict[str, Any]] | ApiError


async def _listed(request: Awaitable[list[dict[str, Any]]]) -> Listed:
    try:
        return await request
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        return error


def _unreadable(what: str, error: ApiError) -> Diagnostic:
    return Diagnostic(
        code="init-unreadable",
        severity="warning",
        summary=f"The tenant's {what} cannot be listed: type their names",
        hint=error.diagnostics[0].hint,
    )


def _applications(found: Listed) -> tuple[Existing, ...] | None:
    """Without the Custom API Clients: those belong to an API and come with it."""
    if isinstance(found, ApiError):
        return None
    ordinary = (item for item in found if item.get("app_type") != "resource_server")
    existing = (_existing(item) for item in ordinary)
    return tuple(sorted(existing, key=lambda app: (app.name.lower(), app.client_id)))


def _existing(item: Mapping[str, Any]) -> Existing:
    name, app_type = str(item.get("name") or ""), str(item.get("app_type") or "")
    return Existing(client_id=str(item["client_id"]), name=name, type=_TYPES.get(app_type))


def _connections(found: Listed) -> tuple[Connection, ...] | None:
    """Those that can be used first."""
    if isinstance(found, ApiError):
        return None
    known = sorted(map(_connection, found), key=lambda connection: (bool(why_not(connection)), connection.name.lower()))
    return tuple(known)


def _connection(item: Mapping[str, Any]) -> Connection:
    mark = read_mark(item.get("metadata"))
    strategy = str(item.get("strategy") or "")
    return Connection(name=str(item["name"]), strategy=strategy, owner=mark.spec if mark else "")


def _apis(found: Listed) -> tuple[Api, ...] | None:
    """Without Auth0's own."""
    if isinstance(found, ApiError):
        return None
    own = (item for item in found if not item.get("is_system"))
    known = ((str(item["identifier"]), str(item.get("name") or "")) for item in own)
    return tuple(
        Api(key=key_of(name or identifier, "api"), identifier=identifier, name=name or None)
        for identifier, name in sorted(known, key=lambda pair: (pair[1].lower(), pair[0]))
    )

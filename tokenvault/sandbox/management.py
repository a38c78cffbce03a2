"""The Management API: authorises a request, checks it, runs its endpoint in a transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from . import (
    client_grants,
    clients,
    connections,
    credentials,
    enablements,
    guardian,
    logs,
    resource_servers,
    tenant_settings,
    unrelated,
    users,
)
from .auth import caller_scopes
from .check import check_body
from .errors import ApiError, insufficient_scope
from .paging import check_query
from .routing import Call, Message, Reply, Route, find_route
from .store import Transaction

PREFIX = "/api/v2"
ROUTES: tuple[Route, ...] = (
    *clients.ROUTES,
    *credentials.ROUTES,
    *connections.ROUTES,
    *enablements.ROUTES,
    *resource_servers.ROUTES,
    *client_grants.ROUTES,
    *guardian.ROUTES,
    *tenant_settings.ROUTES,
    *logs.ROUTES,
    *unrelated.ROUTES,
    *users.ROUTES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """What an endpoint needs to know of the tenant that is not in its objects."""

    domain: str
    token: str
    scopes: frozenset[str]
    now: float


def answer(tx: Transaction, message: Message, tenant: Tenant) -> Reply:
    """The reply to a request below /api/v2; raises ApiError for every refusal."""
    route, raw = find_route(ROUTES, message.method, message.path.removeprefix(PREFIX).rstrip("/") or "/")
    scopes = caller_scopes(
        tx,
        message.headers.get("authorization"),
        token=tenant.token,
        scopes=tenant.scopes,
        domain=tenant.domain,
        now=tenant.now,
    )
    if scopes.isdisjoint(route.scopes):
        raise insufficient_scope(route.scopes)
    return route.endpoint(_call(tx, message, tenant, route, raw, scopes))


def _call(
    tx: Transaction, message: Message, tenant: Tenant, route: Route, raw: Mapping[str, str], scopes: frozenset[str]
) -> Call:
    query = {name: tuple(values) for name, values in parse_qs(message.query, keep_blank_values=True).items()}
    check_query(query, route.query)
    body = _parse(message.body) if route.body is not None else None
    if route.body is not None:
        check_body(route.body, body)
    return Call(
        tx=tx,
        params={name: unquote(value) for name, value in raw.items()},
        query=query,
        body=body,
        scopes=scopes,
        domain=tenant.domain,
        now=tenant.now,
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _parse(body: str) -> Any:
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
        if "\\ud" in body.lower():  # half of a character, which no database takes
            json.dumps(document, ensure_ascii=False).encode()
        return document
    except (ValueError, RecursionError):
        raise ApiError(400, "Invalid request payload JSON format", "invalid_body") from None

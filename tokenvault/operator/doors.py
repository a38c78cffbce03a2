"""The tenants of the objects, each opened with the credentials of its own object and with nothing of the operator's.

An access token is kept from one reconciliation to the next: Auth0 counts every one that a machine asks for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from tokenvault.operator.resource import Key, Resource
from tokenvault.tenant.address import base_url
from tokenvault.tenant.client import Exchange, Tenant
from tokenvault.tenant.connect import http_client
from tokenvault.tenant.credentials import find_credentials
from tokenvault.tenant.pacing import Pacer
from tokenvault.tenant.tokens import TokenSource

MAX_WAIT = 60.0
"""Seconds that one reconciliation waits for rate limits, in all: others wait for the tenant, too."""
TIMEOUT = 30.0


@dataclass(slots=True)
class _Door:
    digest: str
    base: str
    token: TokenSource
    stack: AsyncExitStack


@dataclass(slots=True)
class Doors:
    """An HTTP client and a token for each object. `observe` is told of every request: method, path and status."""

    observe: Callable[[Exchange], None] = lambda exchange: None
    max_wait: float = MAX_WAIT
    timeout: float = TIMEOUT
    _doors: dict[Key, _Door] = field(default_factory=dict)

    @asynccontextmanager
    async def open(self, resource: Resource, credentials: Mapping[str, str]) -> AsyncIterator[Tenant]:
        """The tenant of the object, for one reconciliation. Raises what refuses an address or credentials."""
        door = await self._door(resource, credentials)
        pacer = Pacer(max_wait=self.max_wait)
        yield Tenant(
            domain=resource.tenant,
            base_url=door.base,
            token=door.token,
            http=door.token.http,
            pacer=pacer,
            observe=self.observe,
        )

    async def _door(self, resource: Resource, credentials: Mapping[str, str]) -> _Door:
        given = json.dumps([resource.address, sorted(credentials.items())])
        digest = hashlib.sha256(given.encode()).hexdigest()
        door = self._doors.get(resource.key)
        if door is None or door.digest != digest:
            await self.close(resource.key)
            base = base_url(resource.tenant, resource.address)
            stack = AsyncExitStack()
            http = await stack.enter_async_context(http_client(base, self.timeout))
            token = TokenSource(find_credentials(credentials, resource.tenant), base, http)
            door = self._doors[resource.key] = _Door(digest, base, token, stack)
        return door

    async def close(self, key: Key) -> None:
        """The object is gone, or its credentials are others now."""
        door = self._doors.pop(key, None)
        if door:
            await door.stack.aclose()

    async def close_all(self) -> None:
        """The operator ends."""
        for key in list(self._doors):
            await self.close(key)

"""A token that Auth0 takes back midway: each request that it refused is sent once more with a new one."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx

from tokenvault.tenant.access_token import TokenSource, read_access, reasons_of, refused, token_of

UNAUTHORIZED = 401


class Renewal(httpx.Auth):
    """What a refused request did not do, so it may be repeated, whatever it was."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """One more try, with another token than the refused one; `ApiError` when there is none or it is refused too."""
        response = yield request
        if response.status_code != UNAUTHORIZED:
            return
        token = await self._source.replacement(token_of(request))
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
            response = yield request
        if response.status_code == UNAUTHORIZED:
            raise await self._refused(request, response)

    async def _refused(self, request: httpx.Request, response: httpx.Response) -> Exception:
        await response.aread()
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        credentials = self._source.credentials
        told = read_access(token_of(request), credentials.source)
        reasons = reasons_of(credentials, told, self._source.now())
        return refused(credentials, response.status_code, answer, reasons, secrets=[token_of(request)])

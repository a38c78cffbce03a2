"""Requests to the Management API through auth0-python's transport: paced, retried only where that is safe, errors translated.

auth0-python's own retries are off: it repeats creates after a 5xx, which makes duplicates. Its models are not used either:
they cost ten times the time, and one unexpected value in a page fails the page, after a write even when it was done.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tokenvault.errors import ApiError, Diagnostic, UnknownOutcome
from tokenvault.kinds.base import Request
from tokenvault.secrets import Secret
from tokenvault.tenant.decoding import shape_problem
from tokenvault.tenant.failures import refusal, unintelligible, unreachable
from tokenvault.tenant.pacing import Pacer, group_of
from tokenvault.tenant.tokens import token_of

if TYPE_CHECKING:
    import httpx

    from tokenvault.tenant.tokens import AccessToken

Items = dict[str, dict[str, Any]]

RETRIES = 3
REFUSALS = 5
PAGE = 100
OFFSETS = 1000
_BACKOFF = (0.5, 1.5, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what came of it: what `--debug` shows. No query values, no bodies."""

    method: str
    path: str
    status: int
    milliseconds: int


class Tenant:
    """One tenant. Reads answer JSON; writes reveal secrets only into the request they are for.

    `reads` and `writes` count requests. `unlisted` are the lists of which only a part was read, because the tenant was to be
    `prefer_reading_by_id` with requests.
    """

    def __init__(
        self,
        *,
        domain: str,
        base_url: str,
        token: AccessToken,
        http: httpx.AsyncClient,
        pacer: Pacer | None = None,
        observe: Callable[[Exchange], None] = lambda exchange: None,
    ) -> None:
        from auth0.management.core.client_wrapper import AsyncClientWrapper

        self.domain = domain
        self.base_url = base_url
        self.http = http
        self.pacer = pacer or Pacer()
        self.reads = self.writes = 0
        self.prefer_reading_by_id = False
        self.unlisted: set[str] = set()
        self.token = token
        self._observe = observe
        wrapper = AsyncClientWrapper(
            token="", async_token=token, base_url=f"{base_url}/api/v2", httpx_client=http, max_retries=0
        )
        self._send = wrapper.httpx_client.request

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """One GET."""
        answer = await self._request("GET", path, params=params)
        if isinstance(answer, list) and (odd := shape_problem(path, answer)):
            raise unintelligible("GET", path, odd)
        return answer

    async def write(self, request: Request) -> Any:
        """One write. `UnknownOutcome` when a create was sent and no answer tells whether it happened."""
        return await self._request(request.method, request.path, body=request.body)

    async def pages(
        self, path: str, key: str, params: Mapping[str, Any] | None = None, ids: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Every item of an offset-paged list; pages after the first side by side.

        Longer lists Auth0 gives only page after page. Where that costs more requests than asking for each of `ids`, a
        tenant that is `prefer_reading_by_id` does that, and notes that there is more (`unlisted`).
        """
        query = {**(params or {}), "per_page": PAGE, "include_totals": True}
        first = await self.get(path, {**query, "page": 0})
        items, total = _items(path, key, first), int(first.get("total", 0))
        if total > OFFSETS:
            return await self._long(path, key, params, {_id(item): item for item in items}, ids, -(-total // PAGE))
        rest = range(1, -(-total // PAGE))
        more = await asyncio.gather(*(self.get(path, {**query, "page": page}) for page in rest))
        return _unique([*items, *(item for answer in more for item in _items(path, key, answer))])

    async def _long(
        self, path: str, key: str, params: Mapping[str, Any] | None, first: Items, ids: Sequence[str], pages: int
    ) -> list[dict[str, Any]]:
        missing = [name for name in ids if name not in first]
        if not ids or not self.prefer_reading_by_id or len(missing) >= pages:
            return await self.checkpoints(path, key, params)
        self.unlisted.add(path)
        found = await asyncio.gather(*(self._if_there(f"{path}/{quote(name, safe='')}", params) for name in missing))
        return [*first.values(), *(item for item in found if item is not None)]

    async def _if_there(self, path: str, params: Mapping[str, Any] | None) -> dict[str, Any] | None:
        chosen = {name: value for name, value in (params or {}).items() if name in ("fields", "include_fields")}
        try:
            found: dict[str, Any] = await self.get(path, chosen)
        except ApiError as error:
            if error.status != 404:
                raise
            return None
        return found

    async def checkpoints(self, path: str, key: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Every item of a checkpoint-paged list."""
        query = {"take": PAGE, **(params or {})}
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            answer = await self.get(path, {**query, "from": after} if after else query)
            found += _items(path, key, answer)
            following = answer.get("next")
            if not isinstance(following, str) or following == after:
                return _unique(found)
            after = following

    async def _request(self, method: str, path: str, params: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        secrets = [secret.reveal() for secret in _secrets(body)]
        failures = refusals = 0
        while True:
            try:
                return await self._attempt(method, path, params, _revealed(body), secrets)
            except _Refused as refused:
                refusals += 1
                if refusals > REFUSALS:
                    raise refused.error from None
            except _Retryable as again:
                if again.unknown and method == "POST":
                    raise UnknownOutcome(again.error.diagnostics[0], status=again.error.status) from None
                failures += 1
                if failures > RETRIES or not await self.pacer.wait(_BACKOFF[failures - 1]):
                    raise again.error from None
            except ApiError as error:
                if method == "DELETE" and error.status == 404 and failures:
                    return None
                raise

    async def _attempt(self, method: str, path: str, params: Any, body: Any, secrets: list[str]) -> Any:
        async with self.pacer.slot(group_of(method, path)) as slot:
            response = await self._exchange(method, path, _query(params), body)
            slot.observe(response.headers, refused=response.status_code == 429)
        return self._parse(method, path, response, [*secrets, token_of(response.request)])

    async def _exchange(self, method: str, path: str, query: Any, body: Any) -> httpx.Response:
        """One request as it goes over the wire: counted and observed, whatever comes of it."""
        import httpx

        started, status = time.monotonic(), 0
        try:
            response = await self._send(path, method=method, params=query, json=body)
            status = response.status_code
            return response
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            failure = unreachable(self.domain, error)
            if failure.diagnostics[0].code == "api-tls":
                raise failure from None
            raise _Retryable(failure) from None
        except httpx.HTTPError as error:
            raise _Retryable(unintelligible(method, path, _transport(error)), unknown=True) from None
        finally:
            self.reads += method == "GET"
            self.writes += method != "GET"
            milliseconds = round((time.monotonic() - started) * 1000)
            self._observe(Exchange(method=method, path=path, status=status, milliseconds=milliseconds))

    def _parse(self, method: str, path: str, response: httpx.Response, secrets: list[str]) -> Any:
        status = response.status_code
        if status == 204:
            return None
        try:
            answer = json.loads(response.content) if response.content else None
        except (ValueError, RecursionError):
            answer = None
        if status == 429:
            raise _Refused(refusal(method, path, status, answer, secrets))
        if status >= 500 or status == 408:
            raise _Retryable(refusal(method, path, status, answer, secrets), unknown=True)
        if status >= 300:
            raise refusal(method, path, status, answer, secrets)
        if not isinstance(answer, dict | list):
            raise _Retryable(unintelligible(method, path, "it is not JSON"), unknown=True)
        return answer


class _Refused(Exception):
    """A 429: the request was not looked at, and may go again when its turn comes."""

    def __init__(self, error: ApiError) -> None:
        super().__init__()
        self.error = error


class _Retryable(Exception):
    """An attempt that failed and may be repeated; `unknown` when the server may have carried it out."""

    def __init__(self, error: ApiError, *, unknown: bool = False) -> None:
        super().__init__()
        self.error, self.unknown = error, unknown


def _transport(error: Exception) -> str:
    name = type(error).__name__
    return "no answer in time" if "Timeout" in name else "the connection broke"


def _items(path: str, key: str, answer: Any) -> list[dict[str, Any]]:
    items = answer.get(key) if isinstance(answer, dict) else answer if isinstance(answer, list) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise unintelligible("GET", path, f"it holds no list of {key}")
    if odd := shape_problem(path, items):
        raise unintelligible("GET", path, odd)
    return items


def _unique(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Offsets shift while others write: what a page repeats counts once."""
    seen: dict[str, dict[str, Any]] = {}
    for number, item in enumerate(items):
        seen.setdefault(_id(item) or str(number), item)
    return list(seen.values())


def _id(item: Mapping[str, Any]) -> str:
    return str(item.get("id", item.get("client_id", "")))


def _query(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if params is None:
        return None
    return {key: str(value).lower() if isinstance(value, bool) else value for key, value in params.items()}


def _secrets(body: Any) -> Iterator[Secret]:
    if isinstance(body, Secret):
        yield body
    elif isinstance(body, Mapping):
        for value in body.values():
            yield from _secrets(value)
    elif isinstance(body, list | tuple):
        for value in body:
            yield from _secrets(value)


def _revealed(body: Any) -> Any:
    if isinstance(body, Secret):
        return body.reveal()
    if isinstance(body, Mapping):
        return {key: _revealed(value) for key, value in body.items()}
    return [_revealed(value) for value in body] if isinstance(body, list | tuple) else body


def not_written(address: str) -> Diagnostic:
    """The diagnostic for a create that had to be given up."""
    return Diagnostic(code="api-unknown-outcome", summary=f"Whether {address} was created is unknown")

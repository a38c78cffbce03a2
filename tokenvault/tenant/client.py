"""Requests to the Management API: paced, bounded, retried only where that is safe, answers checked, errors translated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from tokenvault.errors import ApiError, UnknownOutcome
from tokenvault.kinds.base import Request
from tokenvault.secrets import Secret
from tokenvault.tenant.bounds import ListBounds, transport_failure, weight_of
from tokenvault.tenant.decoding import Item, Page, decoded, json_of, page_of, written
from tokenvault.tenant.failures import refusal, unintelligible
from tokenvault.tenant.pacing import Pacer, group_of
from tokenvault.tenant.retries import Retryable, retry_after, with_retries
from tokenvault.tenant.tokens import UNAUTHORIZED, token_of
from tokenvault.tenant.transport import management_transport

if TYPE_CHECKING:
    import httpx

    from tokenvault.tenant.tokens import AccessToken

REFUSALS = 5
PAGE = 100
OFFSETS = 1000
SELECTED = ("fields", "include_fields")
Watch = Callable[[bool], None]


def unwatched(sent: bool) -> None:
    """The default for `watch`: does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what came of it: what `--debug` shows. No query values, no bodies."""

    method: str
    path: str
    status: int
    milliseconds: int


class Tenant:
    """One tenant. Reads answer JSON; writes reveal secrets only into the request they are for.

    `reads` and `writes` count requests as they are sent; `asked` and `answered` count each once, from when it is wanted to
    when it is over, however long it waits its turn and however often it is sent. `unlisted` are the
    lists of which only a part was read, because the tenant was to be `prefer_reading_by_id` with requests.
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
        self.domain = domain
        self.base_url = base_url
        self.http = http
        self.pacer = pacer or Pacer()
        self.reads = self.writes = self.asked = self.answered = 0
        self.prefer_reading_by_id = False
        self.unlisted: set[str] = set()
        self.token = token
        self._observe = observe
        self._send = management_transport(base_url, token, http)

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """One GET: an object, or the items of a list that is not paged."""
        return decoded(path, (await self._request("GET", path, params=params)).json, _fields(params))

    async def write(self, request: Request, watch: Watch = unwatched) -> Any:
        """One write. `UnknownOutcome` when a create was sent and no answer tells whether it happened.

        `watch` is called with True when it goes over the wire, and with False when the rate limit refused it, so that it
        waits its turn again as if it had not been sent.
        """
        answer = (await self._request(request.method, request.path, body=request.body, watch=watch)).json
        if request.method != "POST":
            return answer
        try:
            return written(request.path, answer)
        except ApiError as error:
            raise UnknownOutcome(*error.diagnostics) from None

    async def pages(
        self, path: str, key: str, params: Mapping[str, Any] | None = None, ids: Sequence[str] = ()
    ) -> list[Item]:
        """Every item of an offset-paged list; pages after the first side by side.

        Longer lists Auth0 gives only page after page. Where that costs more requests than asking for each of `ids`, a
        tenant that is `prefer_reading_by_id` does that, and notes that there is more (`unlisted`).
        """
        found = _List(path)
        query = {**(params or {}), "per_page": PAGE, "include_totals": True}
        first = await self._page(found, path, key, {**query, "page": 0})
        if first.total is None:
            return await self._until_empty(found, path, key, query)
        if first.total > OFFSETS:
            return await self._long(path, key, params, found, ids, -(-first.total // PAGE))
        rest = range(1, -(-first.total // min(PAGE, first.limit or PAGE)))
        await asyncio.gather(*(self._page(found, path, key, {**query, "page": page}) for page in rest))
        return found.items

    async def _page(self, found: _List, path: str, key: str, query: Mapping[str, Any]) -> Page:
        """One page, taken into the list."""
        answer = await self._request("GET", path, params=query)
        page = page_of(path, key, answer.json, _fields(query))
        found.add(page.items, answer)
        return page

    async def _until_empty(self, found: _List, path: str, key: str, query: Mapping[str, Any]) -> list[Item]:
        """The rest of a list that does not tell how long it is."""
        page, number = bool(found.items), 0
        while page:
            number += 1
            page = bool((await self._page(found, path, key, {**query, "page": number})).items)
        return found.items

    async def _long(
        self, path: str, key: str, params: Mapping[str, Any] | None, first: _List, ids: Sequence[str], pages: int
    ) -> list[Item]:
        missing = [name for name in ids if not first.has(name)]
        if not ids or not self.prefer_reading_by_id or len(missing) >= pages:
            return await self.checkpoints(path, key, params)
        self.unlisted.add(path)
        found = await asyncio.gather(*(self._if_there(f"{path}/{quote(name, safe='')}", params) for name in missing))
        return [*first.items, *(item for item in found if item is not None)]

    async def _if_there(self, path: str, params: Mapping[str, Any] | None) -> Item | None:
        chosen = {name: value for name, value in (params or {}).items() if name in SELECTED}
        try:
            found: Item = await self.get(path, chosen)
        except ApiError as error:
            if error.status != 404:
                raise
            return None
        return found

    async def checkpoints(self, path: str, key: str, params: Mapping[str, Any] | None = None) -> list[Item]:
        """Every item of a checkpoint-paged list."""
        found = _List(path)
        query = {"take": PAGE, **(params or {})}
        page = await self._page(found, path, key, query)
        while page.next:
            page = await self._page(found, path, key, {**query, "from": found.bounds.follow(page.next)})
        return found.items

    async def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        watch: Watch = unwatched,
    ) -> _Answer:
        """The answer to a request, repeated where that does no harm.

        A create that the server may have carried out is never repeated (`UnknownOutcome`). A deletion that finds nothing
        after an attempt whose outcome is unknown was done.
        """
        started, attempts = time.monotonic(), 0

        async def attempt() -> _Answer:
            nonlocal attempts
            attempts += 1
            try:
                watcher = watch if attempts == 1 else unwatched  # the outcome of the first attempt is unknown
                json, weight = await self._attempt(method, path, params, body, watcher)
            except Retryable as again:
                if again.unknown and method == "POST":
                    raise UnknownOutcome(again.error.diagnostics[0], status=again.error.status) from None
                raise
            except ApiError as error:
                if method == "DELETE" and error.status == 404 and attempts > 1:
                    return _Answer(None)
                raise
            return _Answer(json, weight, time.monotonic() - started)

        self.asked += 1
        try:
            return await with_retries(attempt, self.pacer.wait)
        finally:
            self.answered += 1

    async def _attempt(self, method: str, path: str, params: Any, body: Any, watch: Watch) -> tuple[Any, int]:
        """The answer and its weight. What was refused for the rate limit was not looked at: it goes again in its turn."""
        for _ in range(REFUSALS):
            response = await self._in_turn(method, path, params, body, watch)
            if response.status_code != 429:
                return self._parse(method, path, response, body), weight_of(response.content)
            watch(False)
        response = await self._in_turn(method, path, params, body, watch)
        return self._parse(method, path, response, body), weight_of(response.content)

    async def _in_turn(self, method: str, path: str, params: Any, body: Any, watch: Watch) -> httpx.Response:
        async with self.pacer.slot(group_of(method, path)) as slot:
            watch(True)
            response = await self._authorized(method, path, _query(params), _revealed(body))
            slot.observe(response.headers, refused=response.status_code == 429)
        return response

    async def _authorized(self, method: str, path: str, query: Any, body: Any) -> httpx.Response:
        """Retries a request once with a fresh token after a 401; safe because a 401 was not processed."""
        response = await self._exchange(method, path, query, body)
        if response.status_code != UNAUTHORIZED:
            return response
        if await self.token.replacement(token_of(response.request)):
            response = await self._exchange(method, path, query, body)
        if response.status_code == UNAUTHORIZED:
            raise self.token.refusal(token_of(response.request), method, path, json_of(response.content))
        return response

    async def _exchange(self, method: str, path: str, query: Any, body: Any) -> httpx.Response:
        """One request as it goes over the wire: counted and observed, whatever comes of it."""

        started, status = time.monotonic(), 0
        try:
            response = await self._send(path, method=method, params=query, json=body)
            status = response.status_code
            return response
        except httpx.HTTPError as error:
            raise transport_failure(self.domain, method, path, error) from None
        finally:
            self.reads += method == "GET"
            self.writes += method != "GET"
            milliseconds = round((time.monotonic() - started) * 1000)
            self._observe(Exchange(method=method, path=path, status=status, milliseconds=milliseconds))

    def _parse(self, method: str, path: str, response: httpx.Response, body: Any) -> Any:
        status = response.status_code
        if status == 204:
            return None
        answer = json_of(response.content)
        secrets = [*(secret.reveal() for secret in _secrets(body)), token_of(response.request)]
        if status >= 500 or status == 408:
            after = retry_after(response.headers, self.pacer.clock.now()) or 0.0
            raise Retryable(refusal(method, path, status, answer, secrets), unknown=True, after=after)
        if status >= 300:
            raise refusal(method, path, status, answer, secrets)
        if not isinstance(answer, dict | list):
            raise Retryable(unintelligible(method, path, "it is not JSON"), unknown=True)
        return answer


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a request was answered, how much that is, and how many seconds it took with all attempts."""

    json: Any
    weight: int = 0
    seconds: float = 0.0


class _List:
    """A list as far as it was read. Offsets shift while others write: what a page repeats counts once."""

    def __init__(self, path: str) -> None:
        self.bounds = ListBounds(path)
        self._known: dict[str, Item] = {}

    @property
    def items(self) -> list[Item]:
        """In the order in which they came."""
        return list(self._known.values())

    def has(self, name: str) -> bool:
        """Whether the item with this id was read."""
        return name in self._known

    def add(self, items: Sequence[Item], answer: _Answer) -> None:
        """Takes a page in. `ApiError` when the list exceeds its bounds."""
        before = len(self._known)
        for item in items:
            self._known.setdefault(_id(item) or str(len(self._known)), item)
        self.bounds.read(answer.weight, answer.seconds, has_new=len(self._known) > before)


def _id(item: Item) -> str:
    return str(item.get("id", item.get("client_id", "")))


def _fields(params: Mapping[str, Any] | None) -> Sequence[str] | None:
    """The attributes that a request asks for; None where it asks for all, or for all but some."""
    given = (params or {}).get("fields")
    return str(given).split(",") if given and (params or {}).get("include_fields") else None


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

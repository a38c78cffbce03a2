"""Raw requests to the tenant: what a probe sends, and the objects that it makes, which are taken away when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from tests.acceptance.journal import Entry, Journal
from tests.acceptance.names import Run
from tests.acceptance.traffic import Recorder
from tokenvault.tenant.client import Tenant
from tokenvault.tenant.pacing import group_of

ATTEMPTS = 5
GRANT = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"


class Interrupted(Exception):
    """Somebody asked the run to stop; no further request of a probe is sent."""


class Untold(Exception):
    """A probe cannot tell; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the tenant answered."""

    status: int
    body: Any = None

    @property
    def ok(self) -> bool:
        """Whether it did as it was asked."""
        return self.status < 300

    @property
    def said(self) -> str:
        """The status and what the tenant says of a refusal."""
        body = self.body if isinstance(self.body, dict) else {}
        code = body.get("errorCode") or body.get("error") or ""
        message = body.get("message") or body.get("error_description") or ""
        return f"{self.status} {code}: {message}"[:400].strip(" :")


class Api:
    """The tenant, as a probe speaks to it. `stop` is set when the run is to end."""

    def __init__(self, tenant: Tenant, run: Run, journal: Journal, recorder: Recorder, stop: asyncio.Event) -> None:
        self.tenant, self.run, self.journal, self.recorder, self.stop = tenant, run, journal, recorder, stop
        self.domain = tenant.domain

    # ---- requests

    async def ask(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        """One request, whatever comes of it; `Interrupted` instead of it when the run is to end."""
        if self.stop.is_set():
            raise Interrupted
        return await self.send(method, path, body, query)

    async def send(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Answer:
        """The same, even when the run is to end. Repeated where the tenant says that it was not looked at."""
        for _ in range(ATTEMPTS):
            async with self.tenant.pacer.slot(group_of(method, path)) as slot:
                response = await self._sent(method, path, body, query)
                slot.observe(response.headers, refused=response.status_code == 429)
            if response.status_code != 429:
                break
        return Answer(response.status_code, _body(response))

    async def _sent(self, method: str, path: str, body: Any, query: Mapping[str, str] | None) -> httpx.Response:
        url = f"{self.tenant.base_url}/api/v2/{path}"
        headers = {"Authorization": f"Bearer {await self.tenant.token()}"}
        content = {} if body is None else {"json": body}
        try:
            return await self.tenant.http.request(method, url, params=query or None, headers=headers, **content)
        except httpx.HTTPError as error:
            raise Untold(f"no answer to {method} /{path.split('/')[0]} ({type(error).__name__})") from None

    async def ok(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The body of an answer; `Untold` with what the tenant said when it refuses."""
        answer = await self.ask(method, path, body, **query)
        if not answer.ok:
            raise Untold(f"{method} /{path.split('/')[0]} was refused: {answer.said}")
        return answer.body

    async def judged(self, method: str, path: str, body: Any) -> Answer:
        """One request that the tenant looked at: it did as it was asked, or refused the body (400). Else `Untold`."""
        answer = await self.ask(method, path, body)
        if not answer.ok and answer.status != 400:
            raise Untold(f"{method} /{path.split('/')[0]} was refused: {answer.said}")
        return answer

    async def is_there(self, path: str) -> bool:
        """Whether there is such an object; `Untold` where the tenant does not say."""
        answer = await self.ask("GET", path)
        if not answer.ok and answer.status != 404:
            raise Untold(f"GET /{path.split('/')[0]} was refused: {answer.said}")
        return answer.ok

    async def token(self, **form: str) -> Answer:
        """A request to the token endpoint. It is not recorded."""
        if self.stop.is_set():
            raise Interrupted
        try:
            return _answer(await self.tenant.http.post(f"{self.tenant.base_url}/oauth/token", data=form))
        except httpx.HTTPError as error:
            raise Untold(f"no answer from the token endpoint ({type(error).__name__})") from None

    async def pause(self, seconds: float) -> None:
        """Waits; `Interrupted` as soon as the run is to end."""
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            return
        raise Interrupted

    # ---- objects of this run

    async def create(self, path: str, body: dict[str, Any]) -> Answer:
        """Creates an object, in the journal before it is in the tenant."""
        if self.stop.is_set():
            raise Interrupted
        entry = self.journal.intend(path, str(body.get("identifier") or body.get("name") or body.get("audience")))
        answer = await self.send("POST", path, body)
        if not answer.ok or not isinstance(answer.body, dict):
            self.journal.gone(entry)
            return answer
        key = "client_id" if path == "clients" else "id"
        self.journal.made(entry, f"{path}/{quote(str(answer.body[key]), safe='')}")
        return answer

    async def made(self, path: str, body: dict[str, Any]) -> Any:
        """Creates an object that a probe needs; `Untold` when the tenant refuses."""
        answer = await self.create(path, body)
        if not answer.ok:
            raise Untold(f"POST /{path} was refused: {answer.said}")
        return answer.body

    async def application(self, what: str = "app", **body: Any) -> Any:
        """An application of this run."""
        return await self.made("clients", {"name": self.run.name(what), "oidc_conformant": True, **body})

    async def connection(self, what: str = "connection", **body: Any) -> Any:
        """A connection of this run: a custom social one, which every plan has, unless the body says another strategy."""
        return await self.made("connections", self.connection_body(what, **body))

    def connection_body(self, what: str = "connection", **body: Any) -> dict[str, Any]:
        """What such a connection is created with. No two have one name: that of a deleted one may be taken for a while."""
        host = f"https://{self.run.mark}.example"
        options = {"client_id": "acceptance", "client_secret": "made-up-by-acceptance", "scope": "openid"}
        options |= {"authorizationURL": f"{host}/authorize", "tokenURL": f"{host}/token"}
        name = self.run.name(f"{what}-{len(self.journal.entries)}")
        return {"name": name, "strategy": "oauth2", "options": options, **body}

    async def backend(self, what: str = "api", **body: Any) -> Any:
        """An API of this run."""
        return await self.made("resource-servers", {"identifier": self.run.identifier(what), **body})

    async def find_api(self, identifier: str) -> Any:
        """The API with this identifier, or None."""
        answer = await self.ask("GET", f"resource-servers/{quote(identifier, safe='')}")
        if answer.status == 404:
            return None
        if not answer.ok:
            raise Untold(f"GET /resource-servers was refused: {answer.said}")
        return answer.body

    @property
    def my_account(self) -> str:
        """The identifier of the tenant's My Account API."""
        return f"https://{self.domain}/me/"

    async def take_away(self, since: int = 0) -> list[Entry]:
        """Deletes what was created since that many creates, newest first; what would not go."""
        return [entry for entry in self.journal.left if entry.number >= since and not await self._took(entry)]

    async def _took(self, entry: Entry) -> bool:
        if entry.at is None:
            return False
        try:
            answer = await self.send("DELETE", entry.at)
        except Untold:
            return False
        if answer.ok or answer.status == 404:
            self.journal.gone(entry)
        return entry.gone


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, _body(response))


def _body(response: httpx.Response) -> Any:
    try:
        return response.json() if response.content else None
    except ValueError:
        return None

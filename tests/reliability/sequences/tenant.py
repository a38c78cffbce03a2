"""The sandbox in memory, reached by the command line through httpx as a real tenant is, but without a socket.

The transport counts requests and carries out accidents: a process that is killed, an answer that is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import selectors
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx

from tests.support import Objects, Result, cli
from tokenvault.sandbox import DOMAIN, TOKEN, open_sandbox

State = dict[str, Objects]
WRITES = ("POST", "PATCH", "PUT", "DELETE")


class Killed(BaseException):
    """The process is gone: nothing of the command runs any more."""


class Refused(Exception):
    """The tenant does not take a request that somebody made by hand."""


@dataclass(frozen=True)
class Accident:
    """What happens to the `nth` request: of the writes alone, or of all.

    `kill-before` and `kill-after`: the process dies, and the request was not or was carried out. `interrupt`: Ctrl-C
    instead of sending it. `lost`: it was carried out, and the answer never comes. `502`: it was not carried out.
    """

    how: str
    nth: int
    writes: bool = True


@dataclass
class Traffic:
    """The requests of one command, and the accident that it meets."""

    accident: Accident | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    met: bool = False
    dead: bool = False

    @property
    def writes(self) -> list[str]:
        """The requests that change something."""
        return [f"{method} {path}" for method, path in self.requests if method in WRITES]

    def meets(self, method: str) -> bool:
        """Whether the accident happens to the request that comes now."""
        accident = self.accident
        if accident is None or self.met or (accident.writes and method not in WRITES):
            return False
        count = len(self.writes) if accident.writes else len(self.requests)
        self.met = count == accident.nth
        return self.met


class Tenant:
    """A simulated tenant that starts over in a moment."""

    def __init__(self) -> None:
        self.sandbox = open_sandbox(":memory:")
        self.start = self.sandbox.export_state()
        self.traffic = Traffic()
        self._asgi = httpx.ASGITransport(app=self.sandbox.app)
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Forgets everything."""
        self._runner.close()
        self.sandbox.close()

    # ---- its state

    def load(self, objects: State) -> None:
        """Replaces everything that the tenant holds."""
        self.sandbox.load_state({**self.start, "objects": objects})

    def reset(self) -> None:
        """The sample company as it was in the beginning."""
        self.sandbox.load_state(self.start)

    def state(self) -> State:
        """Everything that the tenant holds, by collection and id."""
        found: State = self.sandbox.export_state()["objects"]
        return found

    # ---- people with a token

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the Management API that must succeed; its answer."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        content = {} if body is None else {"json": body}
        request = httpx.Request(method, f"http://{DOMAIN}/api/v2/{path}", headers=headers, **content)
        status, answer = self.send(request)
        if status >= 300:
            raise Refused(f"{method} {path}: {status} {answer}")
        return answer

    def send(self, request: httpx.Request, address: str = "127.0.0.1") -> tuple[int, Any]:
        """The answer to a request that comes from an address."""
        transport = self._asgi if address == "127.0.0.1" else httpx.ASGITransport(self.sandbox.app, client=(address, 1))

        async def sent() -> tuple[int, bytes]:
            response = await transport.handle_async_request(request)
            return response.status_code, await response.aread()

        status, content = self._runner.run(sent())
        return status, json.loads(content) if content else None

    # ---- the command line

    def run(
        self, *arguments: object, cwd: Path, env: Mapping[str, str], accident: Accident | None = None
    ) -> tuple[Result | None, Traffic]:
        """A command, and the requests that it made; no result where it was killed."""
        self.traffic = Traffic(accident)
        credentials = {"AUTH0_DOMAIN": DOMAIN, "AUTH0_API_TOKEN": TOKEN, "NO_COLOR": "1"}
        try:
            done = cli(*arguments, cwd=cwd, env={**credentials, **env})
        except BaseException:
            if not self.traffic.dead:
                raise
        return (None if self.traffic.dead else done), self.traffic

    async def _carry(self, request: httpx.Request) -> httpx.Response:
        traffic = self.traffic
        if traffic.dead:
            raise Killed
        path = request.url.raw_path.decode()
        traffic.requests.append((request.method, path.removeprefix("/api/v2/")))
        if not traffic.meets(request.method):
            return await self._asgi.handle_async_request(request)
        return await self._accident(request, traffic)

    async def _accident(self, request: httpx.Request, traffic: Traffic) -> httpx.Response:
        assert traffic.accident
        match traffic.accident.how:
            case "kill-before":
                traffic.dead = True
                raise Killed
            case "kill-after":
                await self._asgi.handle_async_request(request)
                traffic.dead = True
                raise Killed
            case "interrupt":
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(0)  # whoever waits for the answer is cancelled here
                return await self._asgi.handle_async_request(request)
            case "lost":
                await self._asgi.handle_async_request(request)
                raise httpx.ReadError("the connection broke", request=request)
            case _:
                return httpx.Response(502, json={"statusCode": 502, "message": "Bad Gateway"}, request=request)


# ---- the process around it


class _Jumping(selectors.SelectSelector):
    """Waits for nothing: the clock jumps to what is due next."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


class _Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return _Loop()


def _cheap(password: bytes, *, salt: bytes, dklen: int = 64, **costs: Any) -> bytes:
    """Stands for `hashlib.scrypt`, which is slow on purpose: here nobody guesses."""
    return hashlib.pbkdf2_hmac("sha256", password, salt, 1, dklen)


@contextlib.contextmanager
def tenant() -> Iterator[Tenant]:
    """A tenant that every httpx client of this process reaches, whatever its address; no wait takes time."""
    here = Tenant()

    async def carry(self: Any, request: httpx.Request) -> httpx.Response:
        return await here._carry(request)

    async def nothing(self: Any, *exception: object) -> None:
        return None

    async def itself(self: Any) -> Any:
        return self

    replaced = {
        "__init__": lambda self, *options, **more: None,
        "handle_async_request": carry,
        "__aenter__": itself,
        "__aexit__": nothing,
        "aclose": nothing,
    }
    policy = asyncio.get_event_loop_policy()
    with mock.patch.multiple(httpx.AsyncHTTPTransport, **replaced), mock.patch("hashlib.scrypt", _cheap):
        asyncio.set_event_loop_policy(_Policy())
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)  # it tells of tasks that died with their process
        try:
            yield here
        finally:
            asyncio.set_event_loop_policy(policy)
            logging.getLogger("asyncio").setLevel(logging.NOTSET)
            here.close()

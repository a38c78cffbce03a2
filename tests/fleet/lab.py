"""Many tenants on ports of one process: simulated ones that know whose token is whose, with a delay, a limit or a fault each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from tokenvault.sandbox import Sandbox, open_sandbox
from tokenvault.sandbox.server import listen, served
from tokenvault.sandbox.throttle import parse_rate_limit

SANDBOX_TOKEN = b"Bearer sandbox"


@dataclass(slots=True)
class Lot:
    """One tenant: where it is, the tokens that belong to it, how it behaves, and what it was asked.

    `delay` seconds before each answer; `hang` never answers; `refuse` answers 401 to every token.
    """

    number: int
    state: Path
    tokens: Sequence[str]
    host: str = ""
    delay: float = 0.0
    hang: bool = False
    refuse: bool = False
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    sandbox: Sandbox | None = None

    @property
    def token(self) -> str:
        """The token of the member that has the tenant alone."""
        return self.tokens[0]

    def count(self, *methods: str, status: int | None = None) -> int:
        """How many requests of these methods (default: all), and of this status, were answered."""
        return sum(
            (not methods or method in methods) and status in (None, answered) for method, _, answered in self.asked
        )

    def limit(self, text: str) -> None:
        """Takes so many requests a second, as `sandbox serve --rate-limit` says it."""
        assert self.sandbox
        self.sandbox.traffic.rate_limit = parse_rate_limit(text)


class _App:
    """The sandbox of a lot, behind a door that knows its tokens."""

    def __init__(self, lot: Lot, app: Any) -> None:
        self._lot, self._app = lot, app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        lot = self._lot
        headers = dict(scope["headers"])
        given = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
        while lot.hang:
            await asyncio.sleep(0.05)
        await asyncio.sleep(lot.delay)
        if given not in lot.tokens:
            lot.strangers.append(given)
        if lot.refuse or given not in lot.tokens:
            await self._answer(
                scope, send, 401, {"statusCode": 401, "error": "Unauthorized", "message": "Invalid token"}
            )
        else:
            headers[b"authorization"] = SANDBOX_TOKEN
            await self._app({**scope, "headers": list(headers.items())}, receive, self._noting(scope, send))

    def _noting(self, scope: Any, send: Any) -> Any:
        async def noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._lot.asked.append((scope["method"], scope["path"], message["status"]))
            await send(message)

        return noted

    async def _answer(self, scope: Any, send: Any, status: int, body: Any) -> None:
        noted = self._noting(scope, send)
        kind = [(b"content-type", b"application/json")]
        await noted({"type": "http.response.start", "status": status, "headers": kind})
        await noted({"type": "http.response.body", "body": json.dumps(body).encode()})


@contextlib.contextmanager
def tenants(folder: Path, count: int, *, delay: float = 0.0) -> Iterator[list[Lot]]:
    """So many tenants, each with a token of its own that no other takes."""
    made = [
        Lot(number, folder / f"tenant-{number}.db", [f"token-of-tenant-{number}"], delay=delay)
        for number in range(count)
    ]
    listeners = [listen(0) for _ in made]
    sandboxes = [open_sandbox(lot.state) for lot in made]
    servers = []
    for lot, listener, sandbox in zip(made, listeners, sandboxes, strict=True):
        lot.sandbox = sandbox
        lot.host = f"127.0.0.1:{listener.getsockname()[1]}"
        options = {"log_level": "critical", "access_log": False, "lifespan": "off", "timeout_graceful_shutdown": 1}
        servers.append(uvicorn.Server(uvicorn.Config(_App(lot, served(sandbox)), **options)))  # type: ignore[arg-type]
    thread = threading.Thread(target=lambda: asyncio.run(_serve(servers, listeners)))
    thread.start()
    try:
        yield made
    finally:
        for lot in made:
            lot.hang = False
        for server in servers:
            server.should_exit = True
        thread.join()
        for sandbox in sandboxes:
            sandbox.close()


async def _serve(servers: list[uvicorn.Server], listeners: list[Any]) -> None:
    await asyncio.gather(
        *(server._serve(sockets=[listener]) for server, listener in zip(servers, listeners, strict=True))
    )

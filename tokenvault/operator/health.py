"""What a kubelet and a Prometheus ask: `/healthz`, `/readyz`, `/metrics`. Healthy is an operator whose watch lives."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.operator.cluster import ClusterError
from tokenvault.operator.kubernetes import Kubernetes
from tokenvault.operator.resource import Key
from tokenvault.operator.schedule import Schedule, is_older, key_of, version_of
from tokenvault.operator.telemetry import Metrics

log = logging.getLogger("tokenvault.operator")
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serving(host: str, port: int, watch: Watch, metrics: Metrics) -> AsyncIterator[int]:
    """Answers for as long as the context lasts; the port. `RefusedError` when it is taken."""
    runner = web.AppRunner(_app(watch, metrics), access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            hint = "Give another with --listen, or 127.0.0.1:0 for any."
            summary = f"Port {port} of {host} cannot be listened on"
            raise RefusedError(Diagnostic(code="operator-port", summary=summary, hint=hint)) from None
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _app(watch: Watch, metrics: Metrics) -> web.Application:
    def answer(holds: Callable[[], bool], otherwise: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(text="ok\n") if holds() else web.Response(status=503, text=f"{otherwise}\n")

        return handler

    async def show(request: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": PROMETHEUS})

    app = web.Application()
    app.router.add_get("/healthz", answer(lambda: watch.lives, "the watch is not known to live"))
    app.router.add_get("/readyz", answer(lambda: watch.listed, "the objects were not listed yet"))
    app.router.add_get("/metrics", show)
    return app


# ---- whether the watch lives
# One that ended without a word would leave an operator that looks healthy and does nothing. kopf asks for bookmarks and
# opens a silent watch anew, but shows them to nobody. So every minute the objects are listed, too: what the list knows and
# the watch has not told is handled all the same, and when that lasts, the operator is not healthy.


PERIOD = 60.0
PATIENCE = 300.0


@dataclass(slots=True, kw_only=True)
class Watch:
    """What the watch told, held against lists. `namespaces`: None is all of them."""

    cluster: Kubernetes
    schedule: Schedule
    namespaces: Sequence[str | None]
    period: float = PERIOD
    patience: float = PATIENCE
    clock: Callable[[], float] = time.monotonic
    listed: bool = False
    proven: float = field(init=False)
    _seen: dict[Key, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.proven = self.clock()

    @property
    def lives(self) -> bool:
        """Whether it was known to live within the last minutes."""
        return self.age < self.patience

    @property
    def age(self) -> float:
        """Seconds since an event came, or a list said nothing that the watch had not told."""
        return self.clock() - self.proven

    def event(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """An event of the watch."""
        self.proven = self.clock()
        key = key_of(body)
        if kind == "DELETED":
            self._seen.pop(key, None)
            self.schedule.gone(key)
        else:
            self._seen[key] = body
            self.schedule.seen(body)

    async def run(self) -> None:
        """Lists for ever."""
        while True:
            try:
                await self.compare()
            except ClusterError as error:
                log.warning("objects cannot be listed", extra={"error": str(error)})
            await asyncio.sleep(self.period)

    async def compare(self) -> None:
        """Lists once. What is new is handled; nothing new is proof that the watch lives."""
        behind = False
        for namespace in self.namespaces:
            found = await self.cluster.objects(namespace)
            bodies = {key_of(body): body for body in found.get("items", ())}
            await asyncio.sleep(min(1.0, self.period / 10))  # an event may be on its way
            behind |= any(self._is_newer(key, body) for key, body in bodies.items())
            for body in bodies.values():
                self.schedule.seen(body)
            self._forget(namespace, bodies, version_of(found))
        self.listed = True
        if not behind:
            self.proven = self.clock()

    def _is_newer(self, key: Key, body: Mapping[str, Any]) -> bool:
        seen = self._seen.get(key)
        return seen is None or is_older(seen, body)

    def _forget(self, namespace: str | None, bodies: Mapping[Key, object], version: int) -> None:
        """What was there before the list was made, and is not in it, was deleted."""
        for key, body in list(self.schedule.objects.items()):
            if namespace in (None, key.namespace) and key not in bodies and version_of(body) < version:
                self._seen.pop(key, None)
                self.schedule.gone(key)

"""What a kubelet and a Prometheus ask: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.operator.metrics import Metrics
from tokenvault.operator.watch import Watch

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

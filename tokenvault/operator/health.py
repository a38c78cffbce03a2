"""What a kubelet and a Prometheus ask: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import logging
from collections import Counter as Tally
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.operator.resource import Resource
from tokenvault.operator.status import Outcome
from tokenvault.operator.watch import Watch

if TYPE_CHECKING:
    from tokenvault.tenant.client import Exchange

# ---- metrics for Prometheus
# No label holds a value of a spec, a tenant or a secret: names of objects, codes and methods.


log = logging.getLogger("tokenvault.operator")
BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The counters of one operator; `resources` are its objects when they are asked for, `age` is that of the watch."""

    def __init__(
        self, resources: Callable[[], Iterable[Resource]], leads: Callable[[], bool], age: Callable[[], float]
    ) -> None:
        self.registry = CollectorRegistry()
        self._resources = resources
        self._reconciliations = Counter(
            "tokenvault_operator_reconciliations",
            "Reconciliations, by what came of them.",
            ["reason"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "tokenvault_operator_reconciliation_seconds", "How long they took.", buckets=BUCKETS, registry=self.registry
        )
        self._requests = Counter(
            "tokenvault_operator_tenant_requests",
            "Requests to the Management API.",
            ["method", "status"],
            registry=self.registry,
        )
        self._changes = Counter(
            "tokenvault_operator_changes", "Objects of tenants that were changed.", ["action"], registry=self.registry
        )
        leader = Gauge("tokenvault_operator_leader", "Whether this replica works.", registry=self.registry)
        leader.set_function(lambda: float(leads()))
        watch = Gauge(
            "tokenvault_operator_watch_age_seconds",
            "Since when the watch is not known to live.",
            registry=self.registry,
        )
        watch.set_function(age)
        self.registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The conditions of the objects, as their status says."""
        found = GaugeMetricFamily(
            "tokenvault_operator_objects", "Objects by condition and its status.", labels=["condition", "status"]
        )
        tally = Tally(
            (one.get("type", ""), one.get("status", ""))
            for resource in self._resources()
            for one in (resource.status or {}).get("conditions", ())
        )
        for (condition, status), number in sorted(tally.items()):
            found.add_metric([condition, status], number)
        yield found

    def requested(self, exchange: Exchange) -> None:
        """A request to a tenant was answered, or not (status 0)."""
        self._requests.labels(exchange.method, str(exchange.status)).inc()

    def reconciled(self, resource: Resource, outcome: Outcome, seconds: float) -> None:
        """A reconciliation ended: counted, and logged in one line."""
        self._reconciliations.labels(outcome.reason).inc()
        self._seconds.observe(seconds)
        for action, number in ((outcome.applied or {}).get("counts") or {}).items():
            self._changes.labels(action).inc(number)
        reads, writes = outcome.requests or (0, 0)
        log.log(
            logging.WARNING if outcome.failed else logging.INFO,
            "reconciled",
            extra={
                "object": str(resource.key),
                "tenant": resource.tenant,
                "generation": resource.generation,
                "reason": outcome.reason,
                "seconds": round(seconds, 3),
                "reads": reads,
                "writes": writes,
            },
        )

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return bytes(generate_latest(self.registry))


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

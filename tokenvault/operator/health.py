"""What a kubelet and a Prometheus ask: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter as Tally
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.operator.cluster import ClusterError
from tokenvault.operator.kubernetes import Kubernetes
from tokenvault.operator.resource import Key, Resource
from tokenvault.operator.schedule import Schedule, is_older, key_of, version_of
from tokenvault.operator.status import Outcome

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
    _told: dict[Key, Mapping[str, Any]] = field(default_factory=dict)

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
            self._told.pop(key, None)
            self.schedule.gone(key)
        else:
            self._told[key] = body
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
            behind |= any(self._is_news(key, body) for key, body in bodies.items())
            for body in bodies.values():
                self.schedule.seen(body)
            self._forget(namespace, bodies, version_of(found))
        self.listed = True
        if not behind:
            self.proven = self.clock()

    def _is_news(self, key: Key, body: Mapping[str, Any]) -> bool:
        told = self._told.get(key)
        return told is None or is_older(told, body)

    def _forget(self, namespace: str | None, bodies: Mapping[Key, object], version: int) -> None:
        """What was there before the list was made, and is not in it, was deleted."""
        for key, body in list(self.schedule.objects.items()):
            if namespace in (None, key.namespace) and key not in bodies and version_of(body) < version:
                self._told.pop(key, None)
                self.schedule.gone(key)

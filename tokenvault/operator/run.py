"""The operator as a process: kopf watches, a Lease says which replica works, the schedule has objects reconciled."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import kopf

from tokenvault.errors import Diagnostic, RefusedError, TokenVaultError, place_of
from tokenvault.operator.cluster import ClusterError
from tokenvault.operator.health import Watch, serving
from tokenvault.operator.kubernetes import Kubernetes, login
from tokenvault.operator.lease import Lease
from tokenvault.operator.reconciler import Reconciler
from tokenvault.operator.resource import GROUP, PLURAL, VERSION
from tokenvault.operator.schedule import Schedule
from tokenvault.operator.telemetry import Metrics
from tokenvault.tenant.connect import TenantPool

log = logging.getLogger("tokenvault.operator")
GRACE = 20.0
RETRY = 3.0
REFUSALS = 5
WATCH_SECONDS = 240
_LOADED_LATE = ("auth0.management.core.client_wrapper", "deepdiff", "jsonschema", "jwt", "cryptography.x509")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the operator runs. Without `namespaces` it serves its own, or with `everywhere` all of them."""

    namespaces: Sequence[str] = ()
    everywhere: bool = False
    host: str = "127.0.0.1"
    port: int = 8080
    identity: str
    lease: str = "tokenvault-operator"
    lease_namespace: str = ""
    parallel: int = 8


async def run(settings: Settings) -> None:
    """Runs until it is told to stop. `RefusedError` when it cannot begin."""
    own = login().default_namespace or "default"
    served = [None] if settings.everywhere else list(settings.namespaces or [own])
    cluster = Kubernetes(identity=settings.identity)
    pool = TenantPool()
    reconciler = Reconciler(cluster=cluster, pool=pool, others=lambda: schedule.resources())
    lease = Lease(cluster=cluster, namespace=settings.lease_namespace or own, name=settings.lease)
    metrics = Metrics(lambda: schedule.resources(), lease.held.is_set, lambda: watch.age)
    reconciler.observe = metrics.requested
    schedule = Schedule(
        reconcile=reconciler.reconcile, forget=reconciler.forget, watcher=metrics, parallel=settings.parallel
    )
    watch = Watch(cluster=cluster, schedule=schedule, namespaces=served)
    try:
        await asyncio.to_thread(_warm_up)
        await _reach(cluster, served[0])
        async with pool, serving(settings.host, settings.port, watch, metrics) as port:
            log.info("listening on port %s", port, extra={"identity": settings.identity})
            await _until_stopped(settings, watch, lease, schedule)
    finally:
        await schedule.rest(GRACE)
        await lease.release()
        await cluster.close()


def _warm_up() -> None:
    """Loads what commands load when they need it: the first object is not to wait for that."""
    for name in _LOADED_LATE:
        importlib.import_module(name)


async def _reach(cluster: Kubernetes, namespace: str | None) -> None:
    """Waits for an API server that is away. One that has just begun refuses for a moment what it later allows: a refusal
    counts when it was repeated as often as that takes.
    """
    refusals = 0
    while True:
        try:
            if await _answers(cluster, namespace):
                return
        except RefusedError:
            refusals += 1
            if refusals == REFUSALS:
                raise
        await asyncio.sleep(RETRY)


async def _answers(cluster: Kubernetes, namespace: str | None) -> bool:
    try:
        await cluster.objects(namespace)
    except ClusterError as error:
        if error.status == 404:
            hint = "Install the definition first: `tokenvault operator crd | kubectl apply -f -`."
            raise RefusedError(Diagnostic(code="operator-no-kind", summary=str(error), hint=hint)) from None
        if 0 < error.status < 500 and error.status != 429:
            hint = "The examples under examples/kubernetes have the role that the operator needs."
            raise RefusedError(Diagnostic(code="operator-cluster", summary=str(error), hint=hint)) from None
        log.warning("the API server is waited for", extra={"error": str(error)})
        return False
    return True


async def _until_stopped(settings: Settings, watch: Watch, lease: Lease, schedule: Schedule) -> None:
    """Ends when kopf ends, which listens for signals; an error of a part is an error of all."""
    parts = [
        asyncio.create_task(_watched(settings, watch), name="watch"),
        asyncio.create_task(watch.run(), name="list"),
        asyncio.create_task(lease.run(), name="lease"),
        asyncio.create_task(_lead(lease, schedule), name="lead"),
    ]
    try:
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            _ended(part)
    finally:
        await schedule.rest(GRACE)  # while the lease is still renewed
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)


def _ended(part: asyncio.Task[None]) -> None:
    """Tells an error of a part as one of our own: whatever started the process starts it again."""
    error = part.exception()
    if isinstance(error, TokenVaultError):
        raise error
    if error is not None:
        summary = f"The operator's {part.get_name()} failed ({place_of(error)})"
        hint = "Start it again: it goes on where it was."
        raise RefusedError(Diagnostic(code="operator-ended", summary=summary, hint=hint)) from None


async def _lead(lease: Lease, schedule: Schedule) -> None:
    """Works while the lease is held."""
    while True:
        await lease.held.wait()
        log.info("this replica works", extra={"identity": lease.cluster.identity})
        schedule.work()
        await lease.lost.wait()
        log.warning("the lease is lost: this replica waits", extra={"identity": lease.cluster.identity})
        await schedule.rest()


async def _watched(settings: Settings, watch: Watch) -> None:
    """kopf, for its watch alone: it writes nothing to the objects, and no finalizer and no annotation of its own."""
    registry = kopf.OperatorRegistry()

    async def seen(event: Any, **_: Any) -> None:
        watch.event(event["type"], event["object"])

    def connection(**_: Any) -> Any:
        return login()

    watching: Any = kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    watching(seen)
    signing_in: Any = kopf.on.login(registry=registry)
    signing_in(connection)
    options = kopf.OperatorSettings()
    options.scanning.disabled = True
    options.posting.enabled = False
    options.watching.server_timeout = WATCH_SECONDS
    await kopf.operator(
        registry=registry,
        settings=options,
        standalone=True,
        clusterwide=settings.everywhere,
        namespaces=[] if settings.everywhere else [name for name in watch.namespaces if name],
    )

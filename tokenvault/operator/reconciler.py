"""One object, one reconciliation: reads what it needs, visits its tenant, and says in its status what came of it.

Plain Python: the cluster is a protocol, and nothing here waits, repeats or watches.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakValueDictionary

from tokenvault.errors import Diagnostic, RefusedError, TokenVaultError
from tokenvault.model.spec import Spec
from tokenvault.operations.plan import Planned
from tokenvault.operator.cluster import Cluster, ClusterError
from tokenvault.operator.inputs import credentials_of, spec_of, write_outputs
from tokenvault.operator.resource import RELEASE, Key, Resource
from tokenvault.operator.status import (
    SUSPENDED,
    Condition,
    Next,
    Outcome,
    Status,
    differs,
    failure,
    numbered,
    status_of,
    transitions,
    unfinished,
)
from tokenvault.operator.visit import Tell, Visit
from tokenvault.tenant.client import Exchange, Tenant
from tokenvault.tenant.connect import TenantPool
from tokenvault.tenant.options import TenantOptions

# ---- what an object claims on its tenant: two that claim the same would undo each other's work, so neither may write


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What one object claims, in words, by which it is found again. `order` is the object as it was then."""

    tenant: str
    order: tuple[object, ...]
    things: frozenset[str] = frozenset()


def claims_of(resource: Resource, spec: Spec | None) -> Claims:
    """The claims of an object that may write; one that only looks, or whose spec cannot be read, has none."""
    things = frozenset(_things(spec)) if spec and resource.may_write and not resource.deleting else frozenset()
    return Claims(tenant=resource.tenant, order=resource.order, things=things)


def _things(spec: Spec) -> Iterator[str]:
    yield f'the spec name "{spec.name}"'
    for name, connection in spec.connections.items():
        if connection.claims:
            yield f'the connection "{name}"'
    for key, application in spec.applications.items():
        yield f'the application "{application.client_id or application.name or key}"'


@dataclass(slots=True)
class Registry:
    """The claims of all objects."""

    known: dict[Key, Claims] = field(default_factory=dict)

    def note(self, key: Key, claims: Claims) -> None:
        """Takes in what the object claims from now on."""
        self.known[key] = claims

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self.known.pop(key, None)

    def conflict(self, key: Key) -> Diagnostic | None:
        """What the object and others claim both, or None."""
        own = self.known[key]
        shared = {
            other: sorted(own.things & claims.things)
            for other, claims in sorted(self.known.items())
            if other != key and claims.tenant == own.tenant and own.things & claims.things
        }
        return _conflict(key, own.tenant, shared) if shared else None


def _conflict(key: Key, tenant: str, shared: Mapping[Key, list[str]]) -> Diagnostic:
    names = " and ".join(map(str, sorted([key, *shared])))
    things = ", ".join(sorted({thing for both in shared.values() for thing in both})[:5])
    return Diagnostic(
        code="operator-claimed-twice",
        summary=f"{names} both claim {things} on {tenant}"
        if len(shared) == 1
        else f"{names} all claim {things} on {tenant}",
        detail="None of them writes, for each would undo the work of the others.",
        hint="Delete or suspend one, or have it claim something else.",
    )


# ---- one reconciliation


RELEASE_HINT = f"To let the object go without destroying anything: kubectl annotate tokenvault NAME {RELEASE}=true."
MAX_WAIT = 60.0
"""Seconds that one reconciliation waits for rate limits, in all: others wait for the tenant, too."""
QUIET = frozenset({"operator-applying", "changes-pending", "approval-needed", "suspended", "operator-destroying"})
"""Reasons that are no warning."""


@dataclass(slots=True)
class Reconciler:
    """Reconciles objects, one at a time for each tenant. `others` are all objects that the operator knows."""

    cluster: Cluster
    pool: TenantPool
    others: Callable[[], Iterable[Resource]]
    observe: Callable[[Exchange], None] = lambda exchange: None
    registry: Registry = field(default_factory=Registry)
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    _written: dict[Key, tuple[str, Status]] = field(default_factory=dict)

    async def reconcile(self, resource: Resource, stop: asyncio.Event) -> Outcome:
        """One reconciliation, its outcome told in the object's status. `ClusterError` when that cannot be written."""
        if resource.deleting:
            return await self._delete(resource, stop)
        if resource.holds != resource.should_hold:
            await self.cluster.set_finalizer(resource, held=resource.should_hold)
        try:
            outcome = await self._reconciled(resource, stop)
        except Exception as error:
            outcome = failure(error)
        await self._tell(resource, outcome)
        return outcome

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self.registry.forget(key)
        self._written.pop(key, None)

    async def _reconciled(self, resource: Resource, stop: asyncio.Event) -> Outcome:
        if resource.suspend:
            self.registry.note(resource.key, claims_of(resource, None))
            return SUSPENDED
        spec = await self._claimed(resource)
        credentials = await credentials_of(resource, self.cluster)
        async with self._lock(resource.tenant), self._open(resource, credentials) as tenant:
            visit = Visit(
                resource=resource,
                spec=spec,
                tenant=tenant,
                stop=stop,
                tell=self._teller(resource),
                unfinished=unfinished(self._before(resource)),
            )
            outcome, made = await visit.reconcile()
            if resource.output_secret and outcome.conditions["Ready"].holds:
                await self._output(resource, spec, tenant, made, outcome)
            return outcome

    async def _output(self, resource: Resource, spec: Spec, tenant: Tenant, made: Planned, outcome: Outcome) -> None:
        fresh = None if outcome.applied else made
        await write_outputs(resource, spec, tenant, self.cluster, fresh)

    async def _delete(self, resource: Resource, stop: asyncio.Event) -> Outcome:
        """Does what the deletion policy says, and then lets the object go."""
        done = Outcome(reason="operator-released", conditions={}, next=Next.NEVER)
        if resource.holds and resource.should_hold:
            try:
                done = await self._destroyed(resource, stop)
            except Exception as error:
                done = failure(error, RELEASE_HINT)
                done = replace(done, next=Next.BACKOFF)
            if done.failed:
                await self._tell(resource, done)
                return done
        if resource.holds:
            await self.cluster.set_finalizer(resource, held=False)
        return replace(done, next=Next.NEVER)

    async def _destroyed(self, resource: Resource, stop: asyncio.Event) -> Outcome:
        if not resource.may_write:
            held = Condition(False, "operator-held", f"It is suspended, or its mode writes nothing. {RELEASE_HINT}")
            return Outcome(reason="operator-held", conditions={"Ready": held}, next=Next.NEVER, failed=True)
        spec = await self._claimed(resource)
        credentials = await credentials_of(resource, self.cluster)
        async with self._lock(resource.tenant), self._open(resource, credentials) as tenant:
            visit = Visit(resource=resource, spec=spec, tenant=tenant, stop=stop, tell=self._teller(resource))
            return await visit.destroy()

    async def _claimed(self, resource: Resource) -> Spec:
        """The object's spec. `RefusedError` when another object of the tenant claims the same."""
        try:
            spec = await spec_of(resource, self.cluster)
        except TokenVaultError:
            self.registry.note(resource.key, claims_of(resource, None))
            raise
        self.registry.note(resource.key, claims_of(resource, spec))
        if resource.may_write:
            await self._learn_others(resource)
            conflict = self.registry.conflict(resource.key)
            if conflict:
                raise RefusedError(conflict)
        return spec

    async def _learn_others(self, resource: Resource) -> None:
        """Whatever else is on the tenant says what it claims before anything is written, also just after a start."""
        for other in list(self.others()):
            if other.key == resource.key or other.tenant != resource.tenant:
                continue
            known = self.registry.known.get(other.key)
            if known is None or known.order != other.order or known.tenant != other.tenant:
                self.registry.note(other.key, claims_of(other, await self._spec_or_none(other)))

    async def _spec_or_none(self, resource: Resource) -> Spec | None:
        try:
            return await spec_of(resource, self.cluster)
        except TokenVaultError:
            return None

    def _open(self, resource: Resource, credentials: Mapping[str, str]) -> AbstractAsyncContextManager[Tenant]:
        """The tenant with the credentials of the object, and with none of the operator's own."""
        options = TenantOptions(tenant=resource.address, cli_login=False, max_wait=MAX_WAIT)
        return self.pool.open(options, credentials, observe=self.observe)

    def _lock(self, tenant: str) -> asyncio.Lock:
        lock = self._locks.get(tenant)
        if lock is None:
            lock = self._locks[tenant] = asyncio.Lock()
        return lock

    def _teller(self, resource: Resource) -> Tell:
        async def tell(outcome: Outcome) -> None:
            await self._tell(resource, outcome)

        return tell

    async def _tell(self, resource: Resource, outcome: Outcome) -> None:
        """Writes the status, and posts Events for what is new in it, when it says anything new."""
        before = self._before(resource)
        after = status_of(
            before,
            outcome.conditions,
            generation=resource.generation,
            plan=outcome.plan,
            applied=outcome.applied,
            applying=outcome.applying,
            requests=outcome.requests,
        )
        if not differs(before, after):
            return
        await self.cluster.apply_status(resource, after)
        self._written[resource.key] = (resource.uid, after)
        if outcome.applied:
            await self._record(
                resource, "Ready", "True", outcome.reason, f"Applied: {numbered(outcome.applied['counts'])}."
            )
        for kind, holds, reason, message in transitions(before, after):
            await self._record(resource, kind, holds, reason, message)

    def _before(self, resource: Resource) -> Mapping[str, Any] | None:
        """The status as it is: what was written last, which the watch may not have told yet."""
        uid, status = self._written.get(resource.key, ("", {}))
        return status if uid == resource.uid else resource.status

    async def _record(self, resource: Resource, kind: str, holds: str, reason: str, message: str) -> None:
        if kind not in ("Ready", "Drifted", "Suspended") or (kind != "Ready" and holds != "True"):
            return
        warning = kind == "Drifted" or (holds == "False" and reason not in QUIET)
        with contextlib.suppress(ClusterError):  # an Event is a courtesy: the status has it all
            await self.cluster.record(resource, warning=warning, reason=reason, message=message or reason)

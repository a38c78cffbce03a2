"""A cluster in memory, for the reconciler alone: it holds what a reconciliation reads, and keeps what it is told."""

from __future__ import annotations

import asyncio
import base64
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenvault.operator.reconciler import Reconciler
from tokenvault.operator.resource import FINALIZER, Key, Resource, resource_of
from tokenvault.operator.status import Outcome
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET
from tokenvault.tenant.connect import TenantPool

NAMESPACE = "identity"
CREDENTIALS = {"AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": CLIENT_SECRET}


def small_spec(name: str = "acme", application: str = "assistant", **more: Any) -> dict[str, Any]:
    """A spec of one application on a connection of the sandbox."""
    flavors = ["connected_accounts", "refresh_token_exchange"]
    entry = {"type": "regular_web", "name": f"{name} {application}", "flavors": flavors, "connections": ["github"]}
    entry["callbacks"] = [f"https://{name}.example/callback"]
    return {"version": 1, "name": name, "connections": {"github": {}}, "applications": {application: entry}, **more}


def encoded(values: Mapping[str, str]) -> dict[str, str]:
    """As the `data` of a Secret."""
    return {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}


@dataclass
class Memory:
    """Fulfils `Cluster`."""

    secrets: dict[Key, dict[str, Any]] = field(default_factory=dict)
    config_maps: dict[Key, dict[str, Any]] = field(default_factory=dict)
    bodies: dict[Key, dict[str, Any]] = field(default_factory=dict)
    status_writes: int = 0
    events: list[tuple[str, bool, str, str]] = field(default_factory=list)

    def put(self, name: str = "acme", annotations: Mapping[str, str] | None = None, **spec: Any) -> Key:
        """Creates or edits an object, as `kubectl apply` would."""
        key = Key(NAMESPACE, name)
        before = self.bodies.get(key)
        meta = (
            before["metadata"]
            if before
            else {"namespace": NAMESPACE, "name": name, "uid": f"uid-{name}", "generation": 0}
        )
        old = before["spec"] if before else {"credentialsSecretRef": {"name": "auth0"}, "mode": "Apply"}
        new = {name: value for name, value in {**old, **spec}.items() if value is not None}
        generation = meta["generation"] + (before is None or new != old)
        status = {"status": before["status"]} if before and "status" in before else {}
        meta = {**meta, "generation": generation, "annotations": {**meta.get("annotations", {}), **(annotations or {})}}
        self.bodies[key] = {"metadata": meta, "spec": new, **status}
        return key

    def delete(self, key: Key) -> None:
        """As `kubectl delete`: an object with finalizers waits for them."""
        body = self.bodies[key]
        if body["metadata"].get("finalizers"):
            body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        else:
            del self.bodies[key]

    def put_secret(self, name: str, **values: str) -> None:
        self.secrets[Key(NAMESPACE, name)] = {"metadata": {"name": name}, "data": encoded(values)}

    def put_config_map(self, name: str, values: Mapping[str, str]) -> None:
        self.config_maps[Key(NAMESPACE, name)] = {"metadata": {"name": name}, "data": dict(values)}

    async def secret(self, key: Key) -> Mapping[str, Any] | None:
        return copy.deepcopy(self.secrets.get(key))

    async def config_map(self, key: Key) -> Mapping[str, Any] | None:
        return copy.deepcopy(self.config_maps.get(key))

    async def apply_status(self, resource: Resource, status: Mapping[str, Any]) -> None:
        self.bodies[resource.key]["status"] = copy.deepcopy(dict(status))
        self.status_writes += 1

    async def set_finalizer(self, resource: Resource, *, held: bool) -> None:
        body = self.bodies[resource.key]
        others = [name for name in body["metadata"].get("finalizers", ()) if name != FINALIZER]
        body["metadata"]["finalizers"] = [*others, FINALIZER] if held else others
        if "deletionTimestamp" in body["metadata"] and not body["metadata"]["finalizers"]:
            del self.bodies[resource.key]

    async def apply_secret(self, key: Key, content: Mapping[str, Any]) -> None:
        self.secrets[key] = copy.deepcopy(dict(content))

    async def record(self, resource: Resource, *, warning: bool, reason: str, message: str) -> None:
        self.events.append((resource.key.name, warning, reason, message))


@dataclass
class Operator:
    """The reconciler over a cluster in memory: what a restart forgets is forgotten with a new one."""

    cluster: Memory

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.reconciler = Reconciler(cluster=self.cluster, pool=TenantPool(), others=self.others)

    def others(self) -> list[Resource]:
        return [resource_of(body) for body in self.cluster.bodies.values()]

    def reconcile(self, key: Key) -> Outcome:
        """One reconciliation of the object as it is."""
        return asyncio.run(self._reconcile(key))

    async def _reconcile(self, key: Key) -> Outcome:
        body = copy.deepcopy(self.cluster.bodies[key])
        self.reconciler.pool = TenantPool()  # it belongs to an event loop
        async with self.reconciler.pool:
            return await self.reconciler.reconcile(resource_of(body), asyncio.Event())

    def status(self, key: Key) -> dict[str, Any]:
        status: dict[str, Any] = self.cluster.bodies[key]["status"]
        return status

    def condition(self, key: Key, name: str = "Ready") -> tuple[str, str, str]:
        """Status, reason and message of a condition."""
        found = next(one for one in self.status(key)["conditions"] if one["type"] == name)
        return found["status"], found["reason"], found["message"]

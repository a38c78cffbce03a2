"""One replica works, the others wait: a Lease, held as Kubernetes' own components hold theirs.

The holder renews it every few seconds and lays its work down well before another may take it over, so that no two work at
a time even when the API server cannot be reached.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tokenvault.operator.cluster import ClusterError
from tokenvault.operator.kubernetes import Kubernetes

API = "/apis/coordination.k8s.io/v1"


@dataclass(slots=True, kw_only=True)
class Lease:
    """`duration`: how long others wait for a holder that is silent; `deadline`: when a silent holder stops working."""

    cluster: Kubernetes
    namespace: str
    name: str
    duration: float = 15.0
    deadline: float = 10.0
    period: float = 2.0
    clock: Callable[[], float] = time.monotonic
    held: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    _renewed: float = 0.0
    _seen: tuple[str, str] = ("", "")
    _seen_at: float = 0.0

    def __post_init__(self) -> None:
        self.lost.set()

    async def run(self) -> None:
        """Takes and renews the lease for ever; `held` and `lost` say which."""
        while True:
            began = self.clock()
            if await self._renew():
                self._renewed = began
                self.lost.clear()
                self.held.set()
            elif self.held.is_set() and self.clock() - self._renewed > self.deadline:
                self._lay_down()
            await asyncio.sleep(self.period)

    def _lay_down(self) -> None:
        self.held.clear()
        self.lost.set()

    async def _renew(self) -> bool:
        try:
            async with asyncio.timeout(self.deadline / 2):
                return await self._taken()
        except (ClusterError, TimeoutError):
            return False

    async def _taken(self) -> bool:
        """Whether the lease is this replica's now."""
        path = f"{API}/namespaces/{self.namespace}/leases"
        found = await self.cluster.request("GET", f"{path}/{self.name}")
        if found is None:
            created = {"metadata": {"name": self.name, "namespace": self.namespace}, "spec": self._spec({})}
            return await self.cluster.request("POST", path, body=created) is not None
        before = found.get("spec") or {}
        if not self._may_take(before):
            if self.held.is_set():
                self._lay_down()
            return False
        renewed = {"metadata": found["metadata"], "spec": self._spec(before)}  # its version: a rival's write wins
        return await self.cluster.request("PUT", f"{path}/{self.name}", body=renewed) is not None

    def _may_take(self, spec: dict[str, Any]) -> bool:
        """Whether it is ours, nobody's, or its holder was silent for as long as it said, by this machine's own clock."""
        holder = spec.get("holderIdentity") or ""
        if holder in ("", self.cluster.identity):
            return True
        seen = holder, str(spec.get("renewTime"))
        if seen != self._seen:
            self._seen, self._seen_at = seen, self.clock()
        return self.clock() - self._seen_at > float(spec.get("leaseDurationSeconds") or self.duration)

    def _spec(self, before: dict[str, Any]) -> dict[str, Any]:
        time, same = _now(), before.get("holderIdentity") == self.cluster.identity
        return {
            "holderIdentity": self.cluster.identity,
            "leaseDurationSeconds": int(self.duration),
            "acquireTime": before.get("acquireTime", time) if same else time,
            "renewTime": time,
            "leaseTransitions": (before.get("leaseTransitions") or 0) + (not same and bool(before)),
        }

    async def release(self) -> None:
        """Gives the lease back, so that another need not wait for it."""
        if not self.held.is_set():
            return
        self._lay_down()
        path = f"{API}/namespaces/{self.namespace}/leases/{self.name}"
        with contextlib.suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(self.deadline / 2):
                found = await self.cluster.request("GET", path)
                if found and found.get("spec", {}).get("holderIdentity") == self.cluster.identity:
                    spec = {**found["spec"], "holderIdentity": "", "renewTime": _now(), "leaseDurationSeconds": 1}
                    await self.cluster.request("PUT", path, body={"metadata": found["metadata"], "spec": spec})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

"""Finds what others changed in a tenant since a spec was applied to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tokenvault.model.spec import Spec
from tokenvault.operations.plan import planned
from tokenvault.plan.drift import Drift, find_drift
from tokenvault.plan.planner import Options

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


async def drifted(tenant: Tenant, spec: Spec) -> Drift:
    """Reads the tenant, and compares what the spec owns or relies on."""
    made = await planned(tenant, spec, Options())
    return await asyncio.to_thread(find_drift, made.plan, made.graph, made.live)

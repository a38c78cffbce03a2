"""Plans a destroy: deletes what a spec created and releases what it adopted."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from tokenvault.model.spec import Spec
from tokenvault.operations.plan import Planned
from tokenvault.operations.reading import read_for_plan
from tokenvault.plan.destroy import make_destroy_plan, retained
from tokenvault.plan.model import Plan
from tokenvault.plan.needs import Scope
from tokenvault.plan.planner import Options
from tokenvault.state.desired import build_graph

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


async def planned_destroy(tenant: Tenant, spec: Spec, also: tuple[str, ...]) -> Planned:
    """Reads what the spec needs and what it left, and plans without all of it."""
    graph = build_graph(spec, tenant.domain)
    live = await read_for_plan(tenant, graph, Scope(retained=retained))

    def make() -> Plan:
        return make_destroy_plan(
            graph, live, also=also, salt=secrets.token_hex(16), files=spec.files, options=Options()
        )

    made = await asyncio.to_thread(make)  # seconds, where a spec is large
    granted = (await tenant.token.access()).scopes
    plan = replace(made, reads=tenant.reads)
    return Planned(plan=plan, graph=graph, live=live, granted=granted, limit=tenant.pacer.limit)

"""Reading a tenant to keep what plans look at: what a spec needs of it, or the whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tokenvault.model.spec import Spec
from tokenvault.operations.reading import read_for_plan
from tokenvault.plan.needs import Scope
from tokenvault.state.desired import build_graph
from tokenvault.state.live import State
from tokenvault.state.reading import read_tenant
from tokenvault.state.snapshot import snapshot_document

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


async def taken(tenant: Tenant, spec: Spec | None) -> tuple[State, dict[str, Any]]:
    """What was read, and the snapshot of it."""
    graph = build_graph(spec, tenant.domain) if spec else None
    live = await read_for_plan(tenant, graph, Scope(whole=True)) if graph else None
    state = live.state if live else await read_tenant(tenant)
    return state, snapshot_document(state, taken_at=_now(), graph=graph)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

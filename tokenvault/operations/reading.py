"""Reads a tenant for a plan or a snapshot: the right tenant, and round by round what the planner still needs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.kinds.base import Reader
from tokenvault.model.desired import Graph
from tokenvault.model.spec import Spec
from tokenvault.plan.needs import Scope, still_needed
from tokenvault.state.desired import build_graph
from tokenvault.state.live import Live, State, match
from tokenvault.state.reading import Need, read_round, read_tenant
from tokenvault.state.snapshot import snapshot_document
from tokenvault.tenant.options import TenantOptions

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


async def read_for_plan(reader: Reader, graph: Graph, scope: Scope | None = None) -> Live:
    """The tenant as far as a plan of this graph needs to know it, matched with the graph.

    Nothing is asked for twice: what an answer lacks, although it was asked for, stays unknown.
    """
    asked: set[tuple[str, frozenset[Any]]] = set()
    live = match(graph, State(domain=graph.domain))
    while needs := [n for n in still_needed(graph, live, scope or Scope()) if _key(n) not in asked]:
        asked.update(map(_key, needs))
        live = match(graph, await read_round(reader, live.state, needs))
    return live


def _key(need: Need) -> tuple[str, frozenset[Any]]:
    """What is asked: which attributes of which objects."""
    return need.collection.name, frozenset((node.address, frozenset(node.constraints)) for node in need.nodes)


def check_tenant(spec: Spec, domain: str, tenant_options: TenantOptions) -> None:
    """Refuses a tenant that the spec does not name. The sandbox harms nobody and is let through."""
    if spec.tenant and spec.tenant != domain and not tenant_options.sandbox:
        raise RefusedError(
            Diagnostic(
                code="tenant-guard",
                summary=f"The spec is for {spec.tenant}, and this is {domain}",
                hint="Set AUTH0_DOMAIN to the spec's tenant, or correct `tenant` in the spec.",
                span=spec.positions.key("tenant"),
            )
        )


# ---- for a snapshot: what plans look at, of a spec or of the whole tenant


async def read_for_snapshot(tenant: Tenant, spec: Spec | None) -> tuple[State, dict[str, Any]]:
    """What was read, and the snapshot of it."""
    graph = build_graph(spec, tenant.domain) if spec else None
    live = await read_for_plan(tenant, graph, Scope(whole=True)) if graph else None
    state = live.state if live else await read_tenant(tenant)
    return state, snapshot_document(state, taken_at=_now(), graph=graph)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

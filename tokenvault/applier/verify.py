"""Reads back what was written: Auth0 sometimes accepts a value and does not keep it."""

from __future__ import annotations

from collections.abc import Sequence

from tokenvault.applier.write import Writer, final, lacking
from tokenvault.desired import Graph
from tokenvault.diff import Comparable
from tokenvault.errors import Diagnostic
from tokenvault.kinds import kinds
from tokenvault.live import Live, match, read_state
from tokenvault.plan import Action, Change
from tokenvault.tenant.gateway import Tenant

ATTEMPTS = 3
PAUSE = 1.0


async def verify(
    tenant: Tenant, writer: Writer, changes: Sequence[Change], compare: Comparable
) -> tuple[Diagnostic, ...]:
    """What is not as the plan wanted it, after a moment's patience for reads that lag behind writes."""
    nodes = {change.address: writer.node(change) for change in changes}
    graph = Graph(spec_name="", domain=tenant.domain, nodes=nodes)
    for attempt in range(ATTEMPTS):
        live = match(graph, await read_state(tenant, graph))
        found = [d for change in changes for d in _not_kept(change, live, writer, compare)]
        if not found or attempt == ATTEMPTS - 1:
            break
        await tenant.pacer.clock.sleep(PAUSE)
    return tuple(found)


def _not_kept(change: Change, live: Live, writer: Writer, compare: Comparable) -> list[Diagnostic]:
    item, kind = live.objects.get(change.address), kinds()[change.kind]
    if change.action is Action.DELETE:
        return [] if item is None else [_diagnostic(change, "it is still there")]
    if item is None:
        return [] if kind.collection.name in live.state.unreadable else [_diagnostic(change, "it is not there")]
    paths = lacking(kind, writer.bound(final(change)), item, compare)
    return [_diagnostic(change, f"it did not keep {', '.join(paths)}")] if paths else []


def _diagnostic(change: Change, what: str) -> Diagnostic:
    return Diagnostic(
        code="apply-not-kept",
        summary=f"Auth0 accepted the change of {change.address}, but {what}",
        hint="Plan again. If it stays so, the tenant's plan or a feature flag may not allow the value.",
        context=change.address,
    )

"""Compares what was written with the plan: Auth0 sometimes accepts a value and does not keep it.

What an answer to a create shows whole needs no reading back; everything else is read again.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from tokenvault.applier.writer import Writer, final, lacking
from tokenvault.errors import Diagnostic
from tokenvault.kinds import kinds
from tokenvault.model.desired import Graph
from tokenvault.plan.diff import Canonicalizer
from tokenvault.plan.model import Action, Change
from tokenvault.state.live import Live
from tokenvault.state.reading import read_live
from tokenvault.tenant.client import Tenant

PAUSES = (0.0, 1.0, 1.0)


async def verify(
    tenant: Tenant, writer: Writer, changes: Sequence[Change], compare: Canonicalizer
) -> tuple[Diagnostic, ...]:
    """What is not as the plan wanted it, after a moment's patience for reads that lag behind writes.

    What only a person can set, where Auth0 took it and did not keep it, is a warning, and remembered.
    """
    changes = [change for change in changes if not _is_shown(change, writer, compare)]
    if not changes:
        return ()
    gone = [change.id for change in changes if change.action is Action.DELETE]
    nodes = {change.address: writer.node(change) for change in changes}
    graph = Graph(spec_name="", domain=tenant.domain, nodes=nodes)
    for pause in PAUSES:
        await tenant.pacer.clock.sleep(pause)
        live = await read_live(tenant, graph)
        lost = {change.address: _lost(change, live, writer) for change in changes}
        found = [d for change in changes for d in _not_kept(change, live, writer, gone, compare, lost[change.address])]
        if not (found or any(lost.values())):
            break
    forgone = [
        await writer.forgo(change, live.objects[change.address], lost[change.address])
        for change in changes
        if lost[change.address]
    ]
    return (*found, *forgone)


def _is_shown(change: Change, writer: Writer, compare: Canonicalizer) -> bool:
    """Whether Auth0's answer to the create of this run shows that all is as planned, and no second write followed."""
    kind = kinds()[change.kind]
    if change.address not in writer.created or change.deferred or kind.marker or kind.incremental:
        return False
    return not lacking(kind, writer.bound(change.patch), writer.made[change.address], compare)


def _lost(change: Change, live: Live, writer: Writer) -> Mapping[str, Sequence[str]]:
    """By path, what of a change that set something Auth0 did not keep, where that is no failure."""
    item = live.objects.get(change.address)
    if item is None or change.action is Action.DELETE:
        return {}
    return kinds()[change.kind].lost(writer.bound(final(change)), item)


def _not_kept(
    change: Change,
    live: Live,
    writer: Writer,
    gone: Container[Any],
    compare: Canonicalizer,
    lost: Container[str],
) -> list[Diagnostic]:
    """What is not as planned. Auth0 takes what was deleted out of the lists that it stood in."""
    item, kind = live.objects.get(change.address), kinds()[change.kind]
    if change.action is Action.DELETE:
        return [] if item is None else [_diagnostic(change, "it is still there")]
    if item is None:
        return [] if kind.collection.name in live.state.unreadable else [_diagnostic(change, "it is not there")]
    goal = {**writer.goal(change, writer.bound(final(change)), item), **writer.memos.get(change.address, {})}
    wanted = {
        path: [v for v in value if v not in gone] if isinstance(value, list) else value
        for path, value in goal.items()
        if not (value is None and kind.field_at(path).optional)  # Auth0 may put a default where an option goes
    }
    paths = [path for path in lacking(kind, wanted, item, compare) if path not in lost]
    return [_diagnostic(change, f"it did not keep {', '.join(paths)}")] if paths else []


def _diagnostic(change: Change, what: str) -> Diagnostic:
    return Diagnostic(
        code="apply-not-kept",
        summary=f"Auth0 accepted the change of {change.address}, but {what}",
        hint="Plan again. If it stays so, the tenant's plan or a feature flag may not allow the value.",
        context=change.address,
    )

"""A plan that waited: what it wants to create may have come into being since, made by an interrupted run or by others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenvault.applier.stale import exists
from tokenvault.applier.write import lacking, node_of
from tokenvault.desired import Graph, bind
from tokenvault.diff import Comparable
from tokenvault.errors import Diagnostic
from tokenvault.kinds import Object, kinds
from tokenvault.live import match, read_state
from tokenvault.plan import Action, Plan
from tokenvault.tenant.gateway import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanwhile:
    """Objects to be created that are `there` as the plan wants them, and those `refused` because they differ."""

    there: Mapping[str, Object] = field(default_factory=dict)
    refused: Mapping[str, Diagnostic] = field(default_factory=dict)


NOTHING = Meanwhile()


async def look(tenant: Tenant, plan: Plan) -> Meanwhile:
    """What of the plan's creations is in the tenant by now: a few reads, none when it creates nothing."""
    creates = [change for change in plan.changes if change.action is Action.CREATE]
    if not creates:
        return NOTHING
    nodes = {change.address: node_of(change, change.identity) for change in creates}
    graph = Graph(spec_name=plan.spec_name, domain=plan.tenant, nodes=nodes)
    live = match(graph, await read_state(tenant, graph))
    there: dict[str, Object] = {}
    refused: dict[str, Diagnostic] = {}
    for change in creates:
        item = live.objects.get(change.address)
        if item is None:
            continue
        wanted = bind(dict(change.sets), live.ids)
        differing = lacking(kinds()[change.kind], wanted, item, Comparable(plan.salt))
        if differing:
            refused[change.address] = exists(change, item, differing)
        else:
            there[change.address] = item
    return Meanwhile(there=there, refused=refused)

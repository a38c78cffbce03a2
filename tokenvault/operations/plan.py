"""Reads a tenant, or a snapshot of one, and compares: what a spec lacks, what a destroy takes away, what others changed."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokenvault.doctor.planned import judged
from tokenvault.model.desired import Graph
from tokenvault.model.spec import Spec
from tokenvault.operations.reading import read_for_plan
from tokenvault.plan.destroy import make_destroy_plan, retained
from tokenvault.plan.drift import Drift, find_drift
from tokenvault.plan.judgement import Judgement
from tokenvault.plan.model import Plan, pace_of
from tokenvault.plan.needs import Scope
from tokenvault.plan.planner import Options, make_plan, unmet_code
from tokenvault.plan.preflight import checked
from tokenvault.plan.selection import filter_plan
from tokenvault.state.desired import build_graph
from tokenvault.state.live import Live
from tokenvault.state.unknown import unlisted_warnings

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)  # asyncio.run formats what it answers, for nobody
class Planned:
    """A plan and what it was made from; the scopes of the token and the rate limit of the tenant, where they are known.

    `within` plans again, limited to some addresses: marks must not record what such a plan leaves out. `spec` is the one
    whose applications are to work after the plan; without one the plan is not judged.
    """

    plan: Plan
    graph: Graph
    live: Live
    granted: frozenset[str] | None = None
    limit: int | None = None
    within: Callable[[frozenset[str]], Plan] | None = None
    spec: Spec | None = None

    def restrict(
        self,
        targets: Sequence[str] | None,
        excludes: Sequence[str] | None,
        max_rps: float | None,
        command: str = "",
    ) -> Plan:
        """The plan for the part that the user asks for, with what its token lacks for that, and what it leads to.

        `command` applies the whole spec, as its reader would type it; default: with its files.
        """
        chosen = filter_plan(self.plan, targets or (), excludes or (), self.graph.nodes)
        if chosen.selection and self.within:
            part = self.within(frozenset(change.address for change in chosen.changes))
            chosen = replace(chosen, changes=part.changes)
        judgement = self._judgement(chosen, command)
        caused = {address for cause in judgement.causes for address in cause.at} if judgement else frozenset()
        warnings = tuple(w for w in chosen.warnings if not (w.code == unmet_code(w.context) and w.context in caused))
        chosen = replace(chosen, judgement=judgement, warnings=warnings)
        return replace(checked(chosen, self.granted), pace=pace_of(max_rps, self.limit))

    def _judgement(self, chosen: Plan, command: str) -> Judgement | None:
        if self.spec is None:
            return None
        command = command or shlex.join(("tokenvault", "apply", *self.spec.files))
        whole = chosen.selection is None
        return judged(self.spec, self.graph, self.live, chosen.changes, now=time.time(), command=command, whole=whole)


async def planned(tenant: Tenant, spec: Spec, options: Options) -> Planned:
    """Reads the tenant and plans. What a prune would take away is searched for everywhere only when it is to be taken."""
    tenant.prefer_reading_by_id = not options.prune
    made = await planned_as_read(tenant, spec, options)
    plan = replace(made.plan, warnings=(*made.plan.warnings, *unlisted_warnings(tenant.unlisted)))
    return await _allowed(tenant, replace(made, plan=plan))


async def planned_destroy(tenant: Tenant, spec: Spec, also: tuple[str, ...]) -> Planned:
    """Reads what the spec needs and what it left, and plans without all of it: deletes what it created, releases the rest."""
    graph = build_graph(spec, tenant.domain)
    live = await read_for_plan(tenant, graph, Scope(retained=retained))

    def make() -> Plan:
        return make_destroy_plan(
            graph, live, also=also, salt=secrets.token_hex(16), files=spec.files, options=Options()
        )

    plan = replace(await asyncio.to_thread(make), reads=tenant.reads)  # seconds, where a spec is large
    return await _allowed(tenant, Planned(plan=plan, graph=graph, live=live))


async def _allowed(tenant: Tenant, made: Planned) -> Planned:
    """With what the token may do, and how fast."""
    return replace(made, granted=(await tenant.token.access()).scopes, limit=tenant.pacer.limit)


async def drifted(tenant: Tenant, spec: Spec) -> Drift:
    """Reads the tenant, and compares what the spec owns or relies on with what it gave them."""
    made = await planned(tenant, spec, Options())
    return await asyncio.to_thread(find_drift, made.plan, made.graph, made.live)


async def planned_as_read(tenant: Tenant, spec: Spec, options: Options) -> Planned:
    """Reads the tenant and plans, whatever the token may write."""
    graph = build_graph(spec, tenant.domain)
    live = await read_for_plan(tenant, graph, Scope(adopt=options.adopt))
    made = await asyncio.to_thread(planned_of, spec, graph, live, options)  # seconds, where a spec is large
    return replace(made, plan=replace(made.plan, reads=tenant.reads))


def planned_of(spec: Spec, graph: Graph, live: Live, options: Options) -> Planned:
    """The plan from what was read already: of the tenant, or in a snapshot of it."""
    salt = secrets.token_hex(16)

    def within(only: frozenset[str] | None) -> Plan:
        return make_plan(graph, live, salt=salt, files=spec.files, options=replace(options, only=only))

    return Planned(plan=within(None), graph=graph, live=live, within=within, spec=spec)

"""Reading a tenant for a plan: the right tenant, what the graph needs, and what the marks found there say is left of the spec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.kinds import kinds
from tokenvault.kinds.api import RESOURCE_SERVERS
from tokenvault.kinds.base import Collection, Reader
from tokenvault.model.desired import DesiredObject, Graph
from tokenvault.model.spec import Spec
from tokenvault.plan.orphans import made_elsewhere, possible_orphans
from tokenvault.state.live import Live, State, match, read_state, seal
from tokenvault.tenant.options import TenantOptions

Retained = Callable[[Graph, Live], frozenset[str]]


async def read_for_plan(
    reader: Reader, graph: Graph, retained: Retained | None = None, *, adopt: bool = False, whole: bool = False
) -> State:
    """The tenant as far as a plan of this graph needs to know it, leftovers included.

    `retained` says which addresses are to stay, for a plan that takes the rest away; default: all of them. `adopt`: what
    carries another spec's mark may be taken over. `whole`: what is read is kept for other specs, too.
    """
    state = await read_state(reader, graph, whole=whole)
    for kind in kinds().values():
        if kind.marker and kind.collection.name not in {*state.objects, *state.unreadable}:
            state = await _with(reader, state, kind.collection, ())
    live = match(graph, state)
    if made_elsewhere(graph, live):
        state = await _whole(reader, state, RESOURCE_SERVERS)
        live = match(graph, state)
    left = possible_orphans(graph, live, retained=retained(graph, live) if retained else None, adopt=adopt)
    nodes = list(left.nodes)
    for collection in dict.fromkeys(kinds()[node.kind].collection for node in nodes):
        missing = list(_unread(collection, nodes, state))
        if missing:
            state = await _with(reader, state, collection, missing)
    return state


def _unread(collection: Collection, nodes: Iterable[DesiredObject], state: State) -> Iterable[DesiredObject]:
    """The nodes of the collection that live in a part of it which was not read."""
    if collection.name in state.objects and collection.name not in state.partitions:
        yield from (node for node in nodes if not _is_covered(collection, node, state))
        return
    partitions = state.partitions.get(collection.name, frozenset())
    for node in nodes:
        if (
            kinds()[node.kind].collection == collection
            and node.target.identity.get(collection.partition_key) not in partitions
        ):
            yield node


def _is_covered(collection: Collection, node: DesiredObject, state: State) -> bool:
    """Whether what was read of the node's object is all that it needs."""
    kind = kinds()[node.kind]
    if kind.collection != collection:
        return True
    found = kind.find(node, node.target.identity, kind.indexed(state.objects[collection.name]))
    return found is None or collection.covers(found, node)


async def _whole(reader: Reader, state: State, collection: Collection) -> State:
    """The state with all of the collection."""
    found = [seal(item) for item in await collection.read(reader, (), state.objects)]
    partitions = {name: read for name, read in state.partitions.items() if name != collection.name}
    return replace(state, objects={**state.objects, collection.name: found}, partitions=partitions)


async def _with(reader: Reader, state: State, collection: Collection, nodes: Sequence[DesiredObject]) -> State:
    """The state with these nodes' part of the collection, or all of it."""
    found = [seal(item) for item in await collection.read(reader, nodes, state.objects)]
    read = frozenset(str(node.target.identity.get(collection.partition_key)) for node in nodes)
    partitions = state.partitions.get(collection.name, frozenset()) | read
    before = state.objects.get(collection.name, ()) if collection.partition_key else ()
    known = [*(item for item in before if str(item.get(collection.partition_key)) not in read), *found]
    return replace(
        state,
        objects={**state.objects, collection.name: known},
        partitions={**state.partitions, collection.name: partitions}
        if collection.partition_key and nodes
        else state.partitions,
    )


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

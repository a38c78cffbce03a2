"""What this spec put into the tenant and no longer asks for, found by its marks alone: there is no state file.

Objects it created are to be deleted, objects it adopted to be released, and applications that stay give back what was lent
them for a flavor or a connection that is gone. Each leftover says what has to be so for it to be gone, as nodes of a graph.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tokenvault.errors import Diagnostic
from tokenvault.flavors import provision_types
from tokenvault.flavors.base import MY_ACCOUNT
from tokenvault.flavors.provisions import RevokeContext, absent
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind, Object
from tokenvault.model.constraints import Equals
from tokenvault.model.desired import DesiredObject, Graph, ObjectRef, Provenance
from tokenvault.model.marks import API_METADATA_KEY, Mark, read_mark
from tokenvault.model.paths import get_path
from tokenvault.plan.model import Orphan
from tokenvault.plan.ownership import ApiNames, mark_of, provisions_by_owner
from tokenvault.state.live import Live, match

_MY_ACCOUNT = re.compile(r"https://[^/]+/me/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """How a plan speaks of leftovers."""

    deleted: str
    released: str
    provenance: Provenance


PRUNED = Labels(
    deleted="created by this spec, which no longer has it",
    released="released: adopted by this spec, which no longer has it",
    provenance=Provenance(source="prune", reason="nothing in the spec asks for it any more"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanedPart:
    """One thing to be taken away: how plans list it, and the nodes without it."""

    orphan: Orphan
    nodes: tuple[DesiredObject, ...]


def find_orphans(
    graph: Graph, live: Live, labels: Labels = PRUNED, *, retained: frozenset[str] | None = None
) -> list[OrphanedPart]:
    """What is really left, as far as it was read, of all but the addresses that stay (default: all of the graph)."""
    found = list(possible_orphans(graph, live, labels, retained=retained))
    nodes = {node.address: node for orphaned in found for node in orphaned.nodes}
    there = match(replace(graph, nodes=nodes), live.state) if nodes else live
    return [real for orphaned in found if (real := _real(orphaned, there))]


def _real(orphaned: OrphanedPart, live: Live) -> OrphanedPart | None:
    nodes = tuple(node for node in orphaned.nodes if _is_there(node, live.objects.get(node.address)))
    if not nodes:
        return None
    orphan = replace(orphaned.orphan, id=live.ids[nodes[0].address])
    return OrphanedPart(orphan=orphan, nodes=nodes)


def _is_there(node: DesiredObject, live: Object | None) -> bool:
    if live is None or node.target.absent:
        return live is not None
    values = ((get_path(live, path), constraint) for path, constraint in node.constraints.items())
    return any((value or None) != (constraint.resolve(value, exact=False) or None) for value, constraint in values)


def possible_orphans(
    graph: Graph, live: Live, labels: Labels = PRUNED, *, retained: frozenset[str] | None = None
) -> Iterator[OrphanedPart]:
    """What may be left, as far as marks tell. Some of it has to be read before that is certain."""
    search = _Search.of(graph, live, labels, retained)
    for kind in kinds().values():
        for item in live.state.objects.get(kind.collection.name, ()) if kind.marker else ():
            mark = mark_of(kind, item)
            if mark and mark.spec == graph.spec_name:
                yield from search.left(kind, item, mark)


@dataclass(frozen=True, slots=True)
class _Search:
    """The search for the leftovers of one spec: which objects stay, what is asked of them, and which names are taken."""

    graph: Graph
    live: Live
    labels: Labels
    nodes: Mapping[tuple[str, str], DesiredObject]
    asked: Mapping[str, frozenset[str]]
    names: ApiNames
    taken: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, graph: Graph, live: Live, labels: Labels, retained: frozenset[str] | None) -> _Search:
        """The search for what is not in this part of the graph."""
        kept = {a: node for a, node in graph.nodes.items() if retained is None or a in retained}
        nodes = {(node.kind, live.ids[address]): node for address, node in kept.items() if address in live.ids}
        asked = {
            address: frozenset(requirement.provision for requirement in requirements)
            for address, requirements in provisions_by_owner(graph).items()
        }
        return cls(graph, live, labels, nodes, asked, ApiNames.of(graph, live), set(kept))

    def left(self, kind: Kind, item: Object, mark: Mark) -> Iterator[OrphanedPart]:
        """What is left of an object that carries a mark of the spec."""
        node = self.nodes.get((kind.name, str(item[kind.id_field])))
        if node is not None and not node.target.mark:
            yield self._unclaimed(node.target, item)
        elif node is not None:
            asked = self.asked.get(node.address, frozenset())
            unasked = (label for label in mark.provisions if self.names.now(label, mark.spec) not in asked)
            yield from self._lent(node.target, item, frozenset(unasked))
        elif mark.created and kind.deletable:
            yield self._gone(self._target(kind, item, mark, ""))
            yield from self._proven(item)
        else:
            never = f"released: created by this spec, but a {kind.title} is never deleted"
            target = self._target(kind, item, mark, never if mark.created else self.labels.released)
            unmarked = self._context(target, item, []).node(target, {kind.marker: Equals(None)})
            nodes = (unmarked, *self._given_back(target, item, mark.provisions))
            yield OrphanedPart(orphan=_orphan(target), nodes=nodes)

    def _unclaimed(self, target: ObjectRef, item: Object) -> OrphanedPart:
        """The mark of what the spec uses, but does not manage any more."""
        unmarked = self._context(target, item, []).node(target, {kinds()[target.kind].marker: Equals(None)})
        return OrphanedPart(orphan=replace(_orphan(target), address=_part(target, unmarked)), nodes=(unmarked,))

    def _gone(self, target: ObjectRef) -> OrphanedPart:
        return OrphanedPart(orphan=_orphan(target), nodes=(absent(target, self.labels.deleted),))

    def _target(self, kind: Kind, item: Object, mark: Mark, reason: str) -> ObjectRef:
        item_id, address = str(item[kind.id_field]), f"{kind.name}.{mark.key}"
        address = f"{address}.{item_id}" if address in self.taken else address
        self.taken.add(address)
        return ObjectRef(
            address=address,
            kind=kind.name,
            identity={kind.id_field: item_id},
            name=str(item.get("name", mark.key)),
            creatable=False,
            reason=reason,
        )

    def _proven(self, item: Object) -> Iterator[OrphanedPart]:
        """The API that a Custom API Client of this spec proves it to have created."""
        proof = read_mark(item.get("client_metadata"), API_METADATA_KEY)
        identifier = item.get("resource_server_identifier")
        if not proof or not identifier or not proof.created or proof.spec != self.graph.spec_name:
            return
        address = f"api.{self.names.keys.get(str(identifier), proof.key)}"
        if address not in self.taken:
            identity = {"identifier": str(identifier)}
            yield self._gone(ObjectRef(address=address, kind="api", identity=identity, name=proof.key))

    def _lent(self, app: ObjectRef, item: Object, labels: frozenset[str]) -> Iterator[OrphanedPart]:
        """What an application that stays was lent for what is gone."""
        for node in self._given_back(app, item, labels):
            orphan = replace(_orphan(node.target), address=_part(app, node), protected=app.protect)
            yield OrphanedPart(orphan=orphan, nodes=(node,))

    def _given_back(self, app: ObjectRef, item: Object, labels: Iterable[str]) -> Iterator[DesiredObject]:
        """Only applications are lent anything; a mark elsewhere that says so was not written by us."""
        if app.kind != "application":
            return
        by_verb: dict[str, list[str]] = defaultdict(list)
        for verb, name in sorted(label.split(":", 1) for label in labels):
            by_verb[verb].append(name)
        for verb, names in by_verb.items():
            if verb in provision_types():
                yield from provision_types()[verb].revoke(self._context(app, item, names))

    def _context(self, app: ObjectRef, item: Object, names: Sequence[str]) -> RevokeContext:
        return RevokeContext(
            app=app,
            client=item,
            spec_name=self.graph.spec_name,
            names=names,
            audiences={**{name: (audience,) for name, audience in self.names.own.items()}, **self._my_account(item)},
            objects=self.live.state.objects,
            provenance=self.labels.provenance,
        )

    def _my_account(self, item: Object) -> Mapping[str, Sequence[str]]:
        """The My Account API under the spec's domain; where the application has nothing of that, under any other."""
        every = self.live.state.objects.get("client_grants", ())
        grants = [grant for grant in every if grant.get("client_id") == item.get("client_id")]
        policies = get_path(item, "refresh_token.policies") or []
        held = {str(entry.get("audience")) for entry in (*grants, *policies)}
        own = self.names.own[MY_ACCOUNT]
        if own in held:
            held = {own}
        return {MY_ACCOUNT: tuple(sorted(filter(_MY_ACCOUNT.fullmatch, held | {own})))}


def lost_witnesses(graph: Graph, live: Live, pruned: Iterable[OrphanedPart]) -> Iterator[Diagnostic]:
    """Warnings of APIs that stay, while the Custom API Client that proves them to be this spec's goes."""
    going = {orphaned.orphan.id for orphaned in pruned}
    names = ApiNames.of(graph, live)
    for item in live.state.objects.get("clients", ()):
        proof = read_mark(item.get("client_metadata"), API_METADATA_KEY)
        address = f"api.{names.keys.get(str(item.get('resource_server_identifier')), '')}"
        if item.get("client_id") in going and proof and proof.created and address in graph.nodes:
            yield Diagnostic(
                code="plan-proof-goes",
                severity="warning",
                summary=f"Nothing will tell any more that this spec created {address}",
                detail="The proof stands on the API's Custom API Client, which is deleted here.",
                hint="`destroy` will leave the API alone. Remove it from the spec now, too, if it is to go.",
            )


def _orphan(target: ObjectRef) -> Orphan:
    return Orphan(address=target.address, kind=target.kind, id="", name=target.name)


def _part(app: ObjectRef, node: DesiredObject) -> str:
    """How a list of leftovers names a part of an application, or its place in a list of another object."""
    if node.target.absent:
        return node.address
    if node.address == app.address:
        return f"{app.address}.{next(iter(node.constraints), '')}"
    return f"{node.address}.{app.address.split('.', 1)[1]}"

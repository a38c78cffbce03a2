"""What this spec put into the tenant and no longer asks for, found by its marks alone: there is no state file.

Rights of what stays (grants, places among a connection's applications, keys) are revoked by every plan. Whole objects are
orphans: what the spec created is deleted and what it adopted is released, when that is asked for. `find_orphans` returns
both as nodes for the planner, which describe the objects as they are to be without them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tokenvault.errors import Diagnostic
from tokenvault.flavors.provisions import BY_SECRET, METHOD, PROVISION_KINDS, SLOTS, Revocation, absent, lent_keys
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind, Object
from tokenvault.model.constraints import Anything, Equals, NotIn
from tokenvault.model.desired import DesiredObject, Graph, ObjectRef, Provenance
from tokenvault.model.marks import API_METADATA_KEY, MORE_KEYS, Mark, Provision, read_mark, value_before
from tokenvault.model.spec import PUBLIC_TYPES
from tokenvault.plan.api_names import CLIENT_SUFFIX
from tokenvault.plan.changes import REVOKED
from tokenvault.plan.model import Orphan
from tokenvault.plan.ownership import Ownership, mark_of
from tokenvault.state.live import Live, match


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The words with which a plan says that an object is deleted or released, and who asked for it."""

    deleted: str
    released: str
    provenance: Provenance


PRUNED = Labels(
    deleted="created by this spec, which no longer has it",
    released="released: adopted by this spec, which no longer has it",
    provenance=REVOKED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """The provisions that the application at this address loses, and the node that describes its object without them."""

    application: str
    provisions: frozenset[Provision]
    node: DesiredObject


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanedObject:
    """One whole object that the spec no longer has: its entry in the plan, and the nodes that describe the tenant without it."""

    orphan: Orphan
    nodes: tuple[DesiredObject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """What a spec gave and no longer asks for: the provisions that every plan revokes, and whole objects."""

    revoked: tuple[Revoked, ...] = ()
    objects: tuple[OrphanedObject, ...] = ()

    @property
    def nodes(self) -> Iterator[DesiredObject]:
        """The nodes of both; what they stand for must be read before it is certain that it exists."""
        yield from (each.node for each in self.revoked)
        yield from (node for each in self.objects for node in each.nodes)


def made_elsewhere(graph: Graph, live: Live, *, adopt: bool) -> bool:
    """Whether a mark of the spec, or of one that it may take over from, records that it created an API which the graph does
    not have: only a list finds it.
    """
    asked = {node.target.provision for node in graph.of_kind("api")}
    kind = kinds()["application"]
    marks = (mark_of(kind, client) for client in live.state.objects.get(kind.collection.name, ()))
    ours = (mark for mark in marks if mark and (adopt or mark.spec == graph.spec_name))
    made = {p for mark in ours for p in mark.provisions if p.verb == "made"}
    return bool(made - asked) and "resource_servers" not in live.state.unreadable


def find_orphans(
    graph: Graph, live: Live, labels: Labels = PRUNED, *, retained: frozenset[str] | None = None, adopt: bool = False
) -> Orphans:
    """What the spec left behind, of what was read and exists. The addresses in `retained` stay (default: all of the graph)."""
    found = possible_orphans(graph, live, labels, retained=retained, adopt=adopt)
    nodes = {node.address: node for node in found.nodes}
    there = match(replace(graph, nodes=nodes), live.state) if nodes else live
    orphans = (_real(each, there) for each in found.objects)
    revoked = tuple(each for each in found.revoked if _is_there(each.node, there))
    return Orphans(revoked=revoked, objects=tuple(each for each in orphans if each))


def _real(orphaned: OrphanedObject, live: Live) -> OrphanedObject | None:
    nodes = tuple(node for node in orphaned.nodes if _is_there(node, live))
    first = orphaned.nodes[0].address
    if first not in live.objects:
        return None
    return OrphanedObject(orphan=replace(orphaned.orphan, id=live.ids[first]), nodes=nodes)


def _is_there(node: DesiredObject, live: Live) -> bool:
    """Whether there is an object to take something from. What somebody deleted is not made again for that."""
    return node.address in live.objects or (node.address in live.unknown and not node.target.absent)


def possible_orphans(
    graph: Graph, live: Live, labels: Labels = PRUNED, *, retained: frozenset[str] | None = None, adopt: bool = False
) -> Orphans:
    """What the spec left behind, as far as marks tell: whether or not it was read and still exists."""
    search = _Search.of(graph, live, labels, retained, adopt=adopt)
    for kind in kinds().values():
        for item in live.state.objects.get(kind.collection.name, ()) if kind.marker else ():
            mark = mark_of(kind, item)
            if mark and (mark.spec == graph.spec_name or search.is_taken_over(kind, item)):
                search.look_at(kind, item, mark)
    return Orphans(revoked=tuple(search.revoked), objects=tuple(search.orphans))


@dataclass(frozen=True, slots=True)
class _Search:
    """Searches for what one spec left behind: knows which objects stay, what is asked of them, which addresses are in use."""

    graph: Graph
    live: Live
    labels: Labels
    ownership: Ownership
    nodes: Mapping[tuple[str, str], DesiredObject]
    asked: Mapping[str, frozenset[Provision]]
    taken: set[str]
    revoked: list[Revoked] = field(default_factory=list)
    orphans: list[OrphanedObject] = field(default_factory=list)

    @classmethod
    def of(cls, graph: Graph, live: Live, labels: Labels, retained: frozenset[str] | None, *, adopt: bool) -> _Search:
        """A search where the objects at the `retained` addresses stay."""
        kept = {a: node for a, node in graph.nodes.items() if retained is None or a in retained}
        nodes = {(node.kind, live.ids[address]): node for address, node in kept.items() if address in live.ids}
        ownership = Ownership(graph, live, adopt)
        asked = {a: _asked(ownership, a) for a, node in graph.nodes.items() if kinds()[node.kind].marker}
        return cls(graph, live, labels, ownership, nodes, asked, set(kept))

    def is_taken_over(self, kind: Kind, item: Object) -> bool:
        """Whether the spec takes the object over from another one."""
        node = self.nodes.get((kind.name, str(item[kind.id_field])))
        return self.ownership.adopt and node is not None and bool(node.target.mark)

    def look_at(self, kind: Kind, item: Object, mark: Mark) -> None:
        """Adds what follows from one marked object."""
        node = self.nodes.get((kind.name, str(item[kind.id_field])))
        if node is not None and not node.target.mark:
            unmarked = self._unmarked(kind, node.target, item, self.labels.provenance)
            self.revoked.append(Revoked(application=node.address, provisions=frozenset(), node=unmarked))
        elif node is not None:
            recorded = self.ownership.provisions_of(node.address, item)
            self.revoked.extend(self._revoked(node.target, item, recorded, self.asked.get(node.address, frozenset())))
        elif mark.created and kind.deletable:
            target = self._target(kind, item, mark, "")
            self._add(target, absent(replace(target, after=self._successor(item)), self.labels.deleted))
        else:
            self._release(kind, item, mark)
        if node is None or not node.target.mark:
            self._apis(kind, item, mark)
        elif kind.name == "application":
            self._made(mark)

    def _add(self, target: ObjectRef, *nodes: DesiredObject) -> None:
        self.orphans.append(OrphanedObject(orphan=_orphan(target), nodes=nodes))

    def _release(self, kind: Kind, item: Object, mark: Mark) -> None:
        never = f"released: created by this spec, but a {kind.title} is never deleted"
        target = self._target(kind, item, mark, never if mark.created else self.labels.released)
        provisions = self.ownership.provisions_of(target.address, item)
        revoked = self._revoked(target, item, provisions, frozenset())
        self._add(target, self._unmarked(kind, target, item, self.labels.provenance), *(each.node for each in revoked))

    def _unmarked(self, kind: Kind, target: ObjectRef, item: Object, provenance: Provenance) -> DesiredObject:
        """The object without its mark. What else the mark records of it is revoked with that."""
        metadata = item.get(kind.metadata) or {}
        keys = [key for key in MORE_KEYS if key in metadata] + ([API_METADATA_KEY] if self._is_forgotten(item) else [])
        paths = [kind.marker, *(f"{kind.metadata}.{key}" for key in keys)]
        recorded = self.ownership.provisions_of(target.address, item)
        slots = dict.fromkeys("mrrt" if p.verb == "mrrt" else p.slot.split("/")[0] for p in sorted(recorded))
        found = dict.fromkeys(kind.path_of(slot) for slot in slots)  # in one order, so that plans read alike
        revoked = [path for path in found if path and not kind.field_at(path).all_or_nothing]
        revocation = self._revocation(target, item, (), provenance)
        return revocation.node(target, {**dict.fromkeys(revoked, Anything()), **{path: Equals(None) for path in paths}})

    def _is_forgotten(self, item: Object) -> bool:
        """Whether an application records what this spec gave to an API that the spec does not have any more."""
        record, identifier = (
            read_mark(item.get("client_metadata"), API_METADATA_KEY),
            item.get("resource_server_identifier"),
        )
        is_ours = record is not None and record.spec == self.graph.spec_name
        return is_ours and all(n.target.identity.get("identifier") != identifier for n in self._staying_apis())

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

    def _successor(self, item: Object) -> tuple[str, ...]:
        """The application whose mark records from now on that the spec created an API, as its Custom API Client is deleted."""
        identifier = item.get("resource_server_identifier")
        nodes = (node for node in self._staying_apis() if node.target.identity.get("identifier") == identifier)
        successors = (node.target.recorder for node in nodes)
        return tuple(one for one in successors if one and not one.endswith(CLIENT_SUFFIX)) if identifier else ()

    def _apis(self, kind: Kind, item: Object, mark: Mark) -> None:
        """Adds the API of an orphaned Custom API Client, where this spec recorded anything of it."""
        record = read_mark(item.get(kind.metadata), API_METADATA_KEY)
        identifier = str(item.get("resource_server_identifier"))
        if record and record.spec == self.graph.spec_name:
            self._api(identifier, record.key, created=record.created)
        self._made(mark)

    def _made(self, mark: Mark) -> None:
        """The APIs that the spec created, by what an application's mark records."""
        made = {p.slot for p in mark.provisions if p.verb == "made"}
        for api in self.live.state.objects.get("resource_servers", ()) if made else ():
            identifier = str(api.get("identifier"))
            if self.ownership.names.of_api(identifier) in made:
                self._api(identifier, str(api.get("name")), created=True)

    def _api(self, identifier: str, key: str, *, created: bool) -> None:
        address = f"api.{self.ownership.names.keys.get(identifier, key)}"
        if address in self.taken or any(
            n.target.identity.get("identifier") == identifier for n in self._staying_apis()
        ):
            return
        self.taken.add(address)
        target = ObjectRef(
            address=address,
            kind="api",
            identity={"identifier": identifier},
            name=key,
            creatable=False,
            recorder=f"{address}.api_client",
            provision=Provision("made", self.ownership.names.of_api(identifier)),
        )
        node = (
            absent(target, self.labels.deleted)
            if created
            else DesiredObject(target=target, requirements=(), constraints={})
        )
        self._add(target, node)

    def _staying_apis(self) -> Iterable[DesiredObject]:
        return (node for (kind, _), node in self.nodes.items() if kind == "api")

    # What an application loses

    def _revoked(
        self, app: ObjectRef, item: Object, recorded: frozenset[Provision], asked: frozenset[Provision]
    ) -> Iterator[Revoked]:
        """What the application was given and is not asked for. A mark elsewhere that says so was not written by us."""
        if app.kind != "application":
            return
        yield from self._grants(app, item, recorded, asked)
        by_verb: dict[str, list[str]] = defaultdict(list)
        for provision in sorted(recorded - asked):
            by_verb[provision.verb].append(provision.slot)
        lent = self._lent(item, recorded)
        if lent:
            by_verb.setdefault("privileged", [])
        for verb, names in by_verb.items():
            if verb in PROVISION_KINDS:
                provisions = {Provision(verb, name) for name in names} | (set(lent) if verb == "privileged" else set())
                revocation = self._revocation(app, item, names, self.labels.provenance, recorded)
                for node in PROVISION_KINDS[verb].revoke(replace(revocation, lent=tuple(lent.values()))):
                    mine = {p for p in provisions if verb != "with" or node.address == f"connection_clients.{p.slot}"}
                    yield Revoked(application=app.address, provisions=frozenset(mine), node=node)

    def _lent(self, item: Object, recorded: Iterable[Provision]) -> Mapping[Provision, tuple[str, str]]:
        kind, node = kinds()["application"], self.nodes.get(("application", str(item["client_id"])))
        asked = node.constraints if node else {}
        return lent_keys(item, recorded, {path: kind.slot_at(path) for path in SLOTS if path not in asked})

    def _grants(
        self, app: ObjectRef, item: Object, recorded: frozenset[Provision], asked: frozenset[Provision]
    ) -> Iterator[Revoked]:
        """Grants that the application was given, and grants to which scopes were added."""
        names = self._audiences(item)
        granted = {p.slot for p in recorded - asked if p.verb == "api"}
        extended = {p.slot.removeprefix("api/") for p in recorded if p.slot.startswith("api/")}
        for name in sorted(granted | {name for name in extended if Provision("api", name) not in asked}):
            audience = names.get(name, "")
            label = self.ownership.names.label(audience) if audience else name.removeprefix("~")
            identity = {"client_id": str(item["client_id"]), "audience": audience, "subject_type": "user"}
            target = ObjectRef(
                address=f"client_grant.{app.address.split('.', 1)[1]}.{label}",
                kind="client_grant",
                identity=identity,
                name=f"{app.address.split('.', 1)[1]} → {audience}",
                recorder=app.address,
                provision=Provision("api", name),
            )
            whole = name in granted
            node = (
                absent(target, self.labels.provenance.reason)
                if whole
                else DesiredObject(target=target, requirements=(), constraints={})
            )
            inside = {p for p in recorded if p.slot == f"api/{name}"}
            yield Revoked(
                application=app.address,
                provisions=frozenset(inside | ({Provision("api", name)} if whole else set())),
                node=node,
            )

    def _audiences(self, item: Object) -> Mapping[str, str]:
        """The APIs that an application holds grants on, by what marks call them."""
        names = self.ownership.names
        audiences = names.grants.get(str(item.get("client_id")), frozenset())
        entry_names = self.ownership.entry_names
        return {entry_names.get(audience) or names.of_api(audience): audience for audience in sorted(audiences)}

    def _revocation(
        self,
        app: ObjectRef,
        item: Object,
        names: Sequence[str],
        provenance: Provenance,
        recorded: Iterable[Provision] = (),
    ) -> Revocation:
        key_owners = [f"{self.graph.spec_name}/", *(p.slot for p in recorded if p.verb == "keys")]
        return Revocation(
            app=app,
            client=item,
            key_owners=key_owners,
            method=self._method(app, recorded),
            names=names,
            objects=self.live.state.objects,
            provenance=provenance,
        )

    def _method(self, app: ObjectRef, recorded: Iterable[Provision]) -> str:
        """How an application authenticates when its last key goes: as before, or as its type does."""
        node = self.graph.nodes.get(app.address)
        wanted = node.constraints.get("app_type") if node else None
        slot = kinds()["application"].slot_at(METHOD)
        before = next((value_before(p)[1] for p in recorded if p.verb == "was" and p.slot == slot), None)
        keeps_secret = node is not None and isinstance(node.constraints.get(METHOD), NotIn)
        if isinstance(wanted, Equals) and wanted.value in PUBLIC_TYPES and not keeps_secret:
            return "none"
        return str(before) if before and before != "none" else BY_SECRET


def _asked(ownership: Ownership, address: str) -> frozenset[Provision]:
    """The objects that the graph asks for on behalf of an application, and what else it asks by provisions."""
    nodes = (node.target.provision for node in ownership.recorded_by.get(address, ()))
    requirements = (requirement.provision for requirement in ownership.asked_for.get(address, ()))
    return frozenset(p for p in (*nodes, *requirements) if p)


def lost_witnesses(graph: Graph, live: Live, pruned: Iterable[OrphanedObject]) -> Iterator[Diagnostic]:
    """Warnings of APIs that stay, while the Custom API Client that proves them to be this spec's goes."""
    going = {orphaned.orphan.id for orphaned in pruned}
    apis = {str(node.target.identity["identifier"]): node for node in graph.of_kind("api")}
    for item in live.state.objects.get("clients", ()):
        record = read_mark(item.get("client_metadata"), API_METADATA_KEY)
        node = apis.get(str(item.get("resource_server_identifier")))
        if item.get("client_id") in going and record and record.created and node and not node.target.recorder:
            yield Diagnostic(
                code="plan-proof-goes",
                severity="warning",
                summary=f"Nothing will tell any more that this spec created {node.address}",
                detail="The proof stands on the API's Custom API Client, which is deleted here.",
                hint="`destroy` will leave the API alone. Remove it from the spec now, too, if it is to go.",
            )


def _orphan(target: ObjectRef) -> Orphan:
    return Orphan(address=target.address, kind=target.kind, id="", name=target.name)

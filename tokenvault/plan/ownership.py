"""Whose an object is, and what its mark is to say: the ownership part of planning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tokenvault.errors import Diagnostic
from tokenvault.flavors import provision_types
from tokenvault.flavors.base import MY_ACCOUNT
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind, Object
from tokenvault.model.constraints import Equals
from tokenvault.model.desired import DesiredObject, Graph, ObjectRef, Provenance, Requirement
from tokenvault.model.marks import API_METADATA_KEY, MAX_KEYS, METADATA_KEY, Mark, has_room, read_mark
from tokenvault.state.live import Live

OWNERSHIP = Provenance(source="tokenvault", reason="the mark by which this spec finds the object again")
PROOF = Provenance(
    source="tokenvault", reason="the proof that this spec created the API, which cannot be marked itself"
)


def mark_of(kind: Kind, live: Object | None) -> Mark | None:
    """The mark that the object carries."""
    return read_mark(live.get(kind.metadata)) if kind.metadata and live is not None else None


def provisions_by_owner(graph: Graph) -> Mapping[str, list[Requirement]]:
    """The asks of a graph that are loans, by the address of the object in whose mark they are written."""
    lent: dict[str, list[Requirement]] = defaultdict(list)
    for node in graph.nodes.values():
        for requirement in node.requirements:
            if requirement.provision:
                lent[node.address if kinds()[node.kind].marker else requirement.user].append(requirement)
    return lent


Wanted = Callable[[ObjectRef], bool]


@dataclass(frozen=True, slots=True)
class Ownership:
    """The marks of one plan. `settle` forgets loans that nobody asks for any more, for they are taken back."""

    graph: Graph
    live: Live
    adopt: bool
    settle: bool
    lent: Mapping[str, list[Requirement]]
    names: ApiNames
    holders: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, graph: Graph, live: Live, *, adopt: bool, settle: bool) -> Ownership:
        """The marks that a graph asks for on a tenant."""
        marked = (graph.nodes[address] for address in sorted(graph.nodes, reverse=True) if address in live.ids)
        holders = {(node.kind, live.ids[node.address]): node.address for node in marked if node.target.mark}
        return cls(graph, live, adopt, settle, provisions_by_owner(graph), ApiNames.of(graph, live), holders)

    def created(self, kind: Kind, live: Object | None) -> bool:
        """Whether this spec created the object. What does not exist yet, it will have."""
        if live is None:
            return True
        mark = mark_of(kind, live)
        return mark is not None and mark.created and mark.spec == self.graph.spec_name

    def problems(self, kind: Kind, node: DesiredObject, live: Object | None) -> Iterable[Diagnostic]:
        """What is wrong with whose the object is."""
        if live is None or not node.target.mark:
            return
        first, mark = self.holders[node.kind, self.live.ids[node.address]], mark_of(kind, live)
        if first != node.address:
            yield _same_object(node, first)
        if mark is None or mark.owner == node.target.mark:
            return
        if mark.spec != self.graph.spec_name and not self.adopt:
            yield Diagnostic(
                code="plan-foreign-owner",
                summary=f'{node.address} belongs to the spec "{mark.spec}" (as {mark.key})',
                detail="Two specs that manage one object undo each other's work.",
                hint=_foreign_hint(node),
                span=node.span,
                context=node.address,
            )
        other = f"{node.kind}.{mark.key}"
        if mark.spec == self.graph.spec_name and other in self.graph.nodes and first == node.address:
            yield _same_object(node, other)

    def takeover(self, kind: Kind, node: DesiredObject, live: Object | None) -> str | None:
        """What the plan says when the object becomes this spec's; None when it is no adoption."""
        if live is None or not node.target.mark:
            return None
        mark = mark_of(kind, live)
        if mark is None:
            return ""
        taken = mark.spec != self.graph.spec_name
        return f'taken over from the spec "{mark.spec}", which has it as {mark.key}' if taken else None

    def marked(
        self, kind: Kind, node: DesiredObject, live: Object | None, wanted: Wanted
    ) -> tuple[DesiredObject, Diagnostic | None]:
        """The node with asks for its marks where its kind carries them, or a warning that there is no room.

        `wanted` says whether a node that depends on another's value is wanted on this tenant.
        """
        if not kind.marker or not node.target.mark:
            return node, None
        if live is not None and not has_room(live.get(kind.metadata), METADATA_KEY):
            return node, _no_room(kind, node, METADATA_KEY in (live.get(kind.metadata) or {}))
        spec, key = node.target.mark.split("/", 1)
        mark = Mark(spec, key, self.created(kind, live), self.provisions(kind, node, live, wanted))
        requirements = [
            Requirement(target=node.target, path=kind.marker, constraint=Equals(str(mark)), provenance=OWNERSHIP)
        ]
        requirements += self._proofs(kind, node, live)
        constraints = {requirement.path: requirement.constraint for requirement in requirements}
        warning = _forgets(node, mark.forgotten) if mark.forgotten else None
        return replace(
            node, requirements=(*node.requirements, *requirements), constraints={**node.constraints, **constraints}
        ), warning

    def provisions(self, kind: Kind, node: DesiredObject, live: Object | None, wanted: Wanted) -> frozenset[str]:
        """What the object was lent before, by whoever had it, and what it is lent now because it lacks it."""
        requirements = [requirement for requirement in self.lent.get(node.address, ()) if wanted(requirement.target)]
        client_id = str(live[kind.id_field]) if live is not None else ""
        new = frozenset(
            requirement.provision for requirement in requirements if not self._holds(requirement, client_id)
        )
        if self.created(kind, live):
            new = frozenset(label for label in new if not provision_types()[label.split(":")[0]].exact)
        mark = mark_of(kind, live)
        known = mark is not None and (mark.spec == self.graph.spec_name or self.adopt)
        before = (
            frozenset(self.names.now(label, mark.spec) for label in mark.provisions) if mark and known else frozenset()
        )
        settle = self.settle and not node.target.protect
        return new | (before & {requirement.provision for requirement in requirements} if settle else before)

    def _holds(self, requirement: Requirement, client_id: str) -> bool:
        address = requirement.target.address
        live = self.live.objects.get(address)
        if live is None:
            return address in self.live.unknown
        return provision_types()[requirement.provision.split(":")[0]].pre_existing(requirement, live, client_id)

    def _proofs(self, kind: Kind, node: DesiredObject, live: Object | None) -> Iterable[Requirement]:
        """An API that does not exist yet is created by this plan: its Custom API Client remembers that."""
        address = node.target.witness
        if not address or address in self.live.objects or address in self.live.unknown:
            return
        if has_room((live or {}).get(kind.metadata), METADATA_KEY, API_METADATA_KEY):
            proof = Mark(self.graph.spec_name, address.split(".", 1)[1], created=True)
            path = f"{kind.metadata}.{API_METADATA_KEY}"
            yield Requirement(target=node.target, path=path, constraint=Equals(str(proof)), provenance=PROOF)


def _same_object(node: DesiredObject, other: str) -> Diagnostic:
    return Diagnostic(
        code="plan-ambiguous-application",
        summary=f"{node.address} and {other} are the same object of the tenant",
        hint="Give each its own name, or remove one of them.",
        span=node.span,
        context=node.address,
    )


def _forgets(node: DesiredObject, labels: Iterable[str]) -> Diagnostic:
    return Diagnostic(
        code="plan-mark-full",
        severity="warning",
        summary=f"The mark of {node.address} has no room for all that it is lent",
        detail=f"Neither `destroy` nor `--prune` will take back: {' '.join(labels)}.",
        hint="Take that back by hand one day, or split the application. Shorter names of spec and connections help, too.",
        span=node.span,
    )


def _foreign_hint(node: DesiredObject) -> str:
    if node.kind == "connection":
        return f"Write `{node.target.name}: {{}}` to use it without managing it, or pass --adopt to take it over."
    return "Give your application another name, or pass --adopt to take it over."


def _no_room(kind: Kind, node: DesiredObject, taken: bool) -> Diagnostic:
    why = f'has another\'s text under "{METADATA_KEY}"' if taken else f"is full ({MAX_KEYS} keys)"
    summary = f"{node.address} cannot be marked: its {kind.metadata} {why}"
    hint = "It is managed all the same, but `destroy` will not release it. Remove the key, or one that nobody reads."
    return Diagnostic(code="plan-no-mark", severity="warning", summary=summary, hint=hint, span=node.span)


CLIENT_SUFFIX = ".api_client"


@dataclass(frozen=True, slots=True)
class ApiNames:
    """The identifiers of APIs by the names that each spec's labels have for them, and this spec's keys by identifier."""

    spec: str
    identifiers: Mapping[str, Mapping[str, str]]
    keys: Mapping[str, str]

    @classmethod
    def of(cls, graph: Graph, live: Live) -> ApiNames:
        """The names in a graph, and in the marks of Custom API Clients, which know how an API was called before."""
        asked = _asked(graph)
        found: dict[str, dict[str, str]] = defaultdict(lambda: {MY_ACCOUNT: asked[MY_ACCOUNT]})
        found[graph.spec_name] |= asked
        for metadata_key in (API_METADATA_KEY, ""):
            for item in live.state.objects.get("clients", ()):
                metadata, identifier = item.get("client_metadata"), item.get("resource_server_identifier")
                mark = read_mark(metadata, metadata_key) if metadata_key else read_mark(metadata)
                if mark and identifier:
                    found[mark.spec][mark.key.removesuffix(CLIENT_SUFFIX)] = str(identifier)
        return cls(graph.spec_name, found, {identifier: name for name, identifier in asked.items()})

    @property
    def own(self) -> Mapping[str, str]:
        """The identifiers by the names that this spec's labels have for them."""
        return self.identifiers[self.spec]

    def now(self, label: str, spec: str) -> str:
        """A label of that spec as this one writes it today."""
        verb, name = label.split(":", 1)
        if verb not in provision_types() or not provision_types()[verb].of_api:
            return label
        identifier = self.identifiers.get(spec, {}).get(name, "")
        return f"{verb}:{self.keys.get(identifier, name)}"


def _asked(graph: Graph) -> dict[str, str]:
    found = {MY_ACCOUNT: f"https://{graph.domain}/me/"}
    for node in graph.of_kind("api"):
        found[node.address.removeprefix("api.")] = str(node.target.identity["identifier"])
    for node in graph.of_kind("my_account_api"):
        found[MY_ACCOUNT] = str(node.target.identity["identifier"])
    return found

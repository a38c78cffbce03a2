"""Ownership: which spec an object belongs to, what its mark records, and what the mark is to record after the plan.

`revoked_paths` names the attributes from which something is revoked though nothing is asked of them any more. What of a
value is revoked is decided in `provisions.py` (`Slot.without_revoked`), whole objects and rights in `orphans.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tokenvault.errors import Diagnostic
from tokenvault.flavors.base import MY_ACCOUNT, my_account_audience
from tokenvault.flavors.provisions import PROVISION_KINDS
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind, Object
from tokenvault.model.constraints import Anything, Default, Equals
from tokenvault.model.desired import DesiredObject, Graph, ObjectRef, Provenance, Requirement, bound
from tokenvault.model.marks import (
    API_METADATA_KEY,
    METADATA_KEY,
    MORE_KEYS,
    SECRET,
    Mark,
    Provision,
    has_room,
    mark_keys,
    read_mark,
)
from tokenvault.model.paths import get_path
from tokenvault.plan.api_names import CLIENT_SUFFIX, ApiNames, upgraded
from tokenvault.plan.api_records import ApiRecords
from tokenvault.plan.ownership_notes import foreign_owner, forgets, no_record, no_room, same_object
from tokenvault.plan.provisions import Slot
from tokenvault.plan.roster import LISTED, Roster
from tokenvault.plan.write_only import still_remembered
from tokenvault.state.live import Live, ids_of_others
from tokenvault.state.unknown import why_unknown

OWNERSHIP = Provenance(source="tokenvault", reason="the mark by which this spec finds the object again")
PROOF = Provenance(
    source="tokenvault", reason="the record of what this spec gave to the API, which cannot be marked itself"
)


def mark_of(kind: Kind, live: Object | None) -> Mark | None:
    """The mark that the object carries."""
    return read_mark(live.get(kind.metadata)) if kind.metadata and live is not None else None


Wanted = Callable[[ObjectRef], bool]


@dataclass(frozen=True)
class Ownership:
    """The marks of one plan.

    `only` are the addresses that the plan is limited to: what it leaves out is neither given nor revoked. `going` are those
    at which something is revoked, by application and provision; without `revoke`, nothing. `marked_anew`: as in `Roster`.
    """

    graph: Graph
    live: Live
    adopt: bool
    only: frozenset[str] | None = None
    going: Mapping[tuple[str, Provision], str] = field(default_factory=dict)
    revoke: bool = True
    marked_anew: frozenset[str] = frozenset()
    _read: dict[str, frozenset[Provision]] = field(default_factory=dict)

    @cached_property
    def names(self) -> ApiNames:
        """What marks call APIs."""
        return ApiNames.of(self.graph, self.live)

    @cached_property
    def entry_names(self) -> Mapping[str, str]:
        """What marks call the entries of lists, where it is not their digest."""
        return {my_account_audience(self.graph.domain): MY_ACCOUNT}

    @cached_property
    def recorded_by(self) -> Mapping[str, Sequence[DesiredObject]]:
        """The nodes whose provisions stand in an object's mark, by its address; the object itself among them."""
        found: dict[str, list[DesiredObject]] = defaultdict(list)
        for node in self.graph.nodes.values():
            if not node.target.absent:
                found[node.target.recorder or node.address].append(node)
        return found

    @cached_property
    def asked_for(self) -> Mapping[str, Sequence[Requirement]]:
        """The requirements with a provision of their own, by the application in whose mark it is recorded."""
        found: dict[str, list[Requirement]] = defaultdict(list)
        for node in self.graph.nodes.values():
            for requirement in node.requirements:
                if requirement.provision:
                    found[requirement.user].append(requirement)
        return found

    @cached_property
    def roster(self) -> Roster:
        """Which objects the spec has and had."""
        return Roster(self.graph, self.live, self.marked_anew)

    @cached_property
    def _api_records(self) -> ApiRecords:
        return ApiRecords(self.graph.spec_name, self.live, self.adopt)

    @cached_property
    def holders(self) -> Mapping[tuple[str, str], str]:
        """The first address that claims an object, by kind and id."""
        marked = (self.graph.nodes[a] for a in sorted(self.graph.nodes, reverse=True) if a in self.live.ids)
        return {(node.kind, self.live.ids[node.address]): node.address for node in marked if node.target.mark}

    def created(self, kind: Kind, live: Object | None) -> bool:
        """Whether the object is this spec's from its creation on. What does not exist yet will be."""
        mark = self._mark(kind, live)
        return live is None or (mark is not None and mark.created)

    def _mark(self, kind: Kind, live: Object | None) -> Mark | None:
        """The mark of an object that is this spec's, or becomes it."""
        mark = mark_of(kind, live)
        return mark if mark and (mark.spec == self.graph.spec_name or self.adopt) else None

    def problems(self, kind: Kind, node: DesiredObject, live: Object | None) -> Iterable[Diagnostic]:
        """What is wrong with whose the object is."""
        if (
            live is None
            and node.kind == "api"
            and not (self.roster.record_keeper or node.target.recorder.endswith(CLIENT_SUFFIX))
        ):
            yield no_record(node)
        if live is not None:
            yield from self._of_other_creator(node, self._creator(node))
        if live is None or not node.target.mark:
            return
        first, mark = self.holders[node.kind, self.live.ids[node.address]], mark_of(kind, live)
        if first != node.address:
            yield same_object(node, first)
        if mark is None or mark.owner == node.target.mark:
            return
        if mark.spec != self.graph.spec_name and not self.adopt:
            yield foreign_owner(node, mark)
        other = f"{node.kind}.{mark.key}"
        if mark.spec == self.graph.spec_name and other in self.graph.nodes and first == node.address:
            yield same_object(node, other)

    def _of_other_creator(self, node: DesiredObject, creator: Mark | None) -> Iterator[Diagnostic]:
        """The error for an API that another spec created, where it is not adopted, or nothing could record that it was."""
        recorder = node.target.recorder
        own = mark_of(kinds()["application"], self.live.objects.get(recorder))
        is_told = own is not None and own.spec != self.graph.spec_name  # of the application that records what it gets
        is_adoptable = recorder.endswith(CLIENT_SUFFIX) or bool(self.roster.record_keeper)
        if creator and not (self.adopt and is_adoptable) and (self.adopt or not is_told):
            yield foreign_owner(node, creator, is_adoptable=is_adoptable)

    def _creator(self, node: DesiredObject) -> Mark | None:
        """The mark of the other spec that created an API of which more is asked here than to be there."""
        is_managed = node.kind == "api" and any(not isinstance(asked, Default) for asked in node.constraints.values())
        return self._api_records.other_creator(str(node.target.identity["identifier"])) if is_managed else None

    def takeover(self, kind: Kind, node: DesiredObject, live: Object | None) -> str | None:
        """The words for an adoption, empty where the object has no mark; None when it is no adoption."""
        if live is not None and (creator := self._creator(node)):
            return f'taken over from the spec "{creator.spec}"'
        if live is None or not node.target.mark:
            return None
        mark = mark_of(kind, live)
        if mark is None:
            return ""
        taken = mark.spec != self.graph.spec_name
        return f'taken over from the spec "{mark.spec}", which has it as {mark.key}' if taken else None

    # What is recorded

    def recorded(self, node: DesiredObject) -> frozenset[Provision]:
        """What marks say that this spec gave to the object, or to the one in whose mark it is recorded."""
        if node.kind == "api":
            return self._api_records.of(str(node.target.identity["identifier"]))
        address = node.target.recorder or node.address
        return self.provisions_of(address, self.live.objects.get(address))

    def provisions_of(self, address: str, live: Object | None) -> frozenset[Provision]:
        """The provisions in the mark of the object at an address, as this version records them."""
        if address not in self._read:
            self._read[address] = self._provisions_of(address, live)
        return self._read[address]

    def _provisions_of(self, address: str, live: Object | None) -> frozenset[Provision]:
        kind = kinds()[address.split(".", 1)[0]]
        mark, node = self._mark(kind, live), self.graph.nodes.get(address)
        only_used = node is not None and not node.target.mark
        if mark is None or live is None or (only_used and mark.spec != self.graph.spec_name):
            return frozenset()
        taken = {Provision("keys", mark.owner)} if mark.spec != self.graph.spec_name else set()
        return upgraded(mark, kind, live, node.constraints if node else {}, self.names) | taken

    def slot(self, kind: Kind, node: DesiredObject, path: str) -> Slot | None:
        """What marks record of an attribute; None for an attribute of which nothing is recorded."""
        name, provision = kind.slot_at(path), node.target.provision
        if not name or not self._is_recorded(kind, node):
            return None
        recorded, known, live = self.recorded(node), kind.field_at(path), self.live.objects.get(node.address)
        given_now = not get_path(live, path.rsplit(".", 1)[0])
        return Slot(
            name=f"{provision.verb}/{provision.slot}" if name == "/" and provision else name,
            field=known,
            recorded=recorded,
            given=provision is not None and (provision in recorded or live is None),
            created=bool(kind.marker) and self.created(kind, live),
            covered=known.within is not None and (known.within in recorded or given_now),
            entry_name=self.entry_names,
        )

    def _is_recorded(self, kind: Kind, node: DesiredObject) -> bool:
        """Whether marks record what the object was given. An API's record may outlive all that uses the API."""
        return bool(kind.marker or node.target.recorder) or (node.kind == "api" and bool(self.recorded(node)))

    def revoked_paths(self, kind: Kind, node: DesiredObject) -> Iterator[str]:
        """Attributes of the object that the spec gave something to and does not require anything of any more."""
        if not self.revoke or not self._is_recorded(kind, node):
            return
        own, recorded = node.target.provision, self.recorded(node)
        found = dict.fromkeys(kind.lists if own in recorded else ())
        for provision in sorted(p for p in recorded if p.verb != SECRET):
            inside = own is not None and provision.slot == f"{own.verb}/{own.slot}"
            slot = "mrrt" if provision.verb == "mrrt" else provision.slot.split("/")[0]
            path = kind.path_of("/" if inside else slot)
            found |= {path: None} if path and not kind.field_at(path).all_or_nothing else {}
        yield from (path for path in found if isinstance(node.constraints.get(path), Default | None))

    # What is to be recorded

    def given(self, node: DesiredObject) -> frozenset[Provision]:
        """The provisions to record for a node once this plan has made it as it is wanted."""
        kind, live = kinds()[node.kind], self.live.objects.get(node.address)
        recorded = self.recorded(node)
        if node.address in self.live.unknown or (self.only is not None and node.address not in self.only):
            return self._about(node, recorded)
        found: set[Provision] = set()
        own = node.target.provision
        if own and (live is None or own in recorded):
            found.add(own)
        for path, constraint in kind.refine(node, live).constraints.items():
            slot = self.slot(kind, node, path)
            if slot is not None and live is not None and why_unknown(live, path, constraint, self.live):
                found |= {p for p in recorded if p.slot.split("/")[0] == slot.name}
            elif slot is not None:
                value = get_path(live, path) if live is not None else None
                owners = [f"{self.graph.spec_name}/", *(p.slot for p in recorded if p.verb == "keys")]
                ids = ids_of_others(self.live, owners) if slot.field.all_or_nothing else self.live.ids
                found |= set(slot.provisions(value, bound(constraint, ids), exists=live is not None))
        return frozenset(found)

    def _about(self, node: DesiredObject, recorded: Iterable[Provision]) -> frozenset[Provision]:
        """Those of the recorded provisions that are about the node itself."""
        own = node.target.provision
        if own is None or node.kind == "api":
            return frozenset(recorded)
        return frozenset(p for p in recorded if p == own or p.slot.split("/")[0:2] == [own.verb, own.slot])

    def marked(
        self, kind: Kind, node: DesiredObject, live: Object | None, wanted: Wanted
    ) -> tuple[DesiredObject, list[Diagnostic]]:
        """The node with requirements for its marks where its kind carries them, and warnings of what they have no room for.

        `wanted` says whether a node that depends on another's value is wanted on this tenant.
        """
        if not kind.marker or not node.target.mark:
            return node, []
        api = self._api_record(node)
        metadata = (live or {}).get(kind.metadata)
        keys = mark_keys(metadata, *([API_METADATA_KEY] if api else []))
        if not keys:
            return node, [no_room(kind, node, METADATA_KEY in (metadata or {}))]
        spec, key = node.target.mark.split("/", 1)
        mark = Mark(spec, key, self.created(kind, live), self.provisions(kind, node, live, wanted))
        constraints: dict[str, Any] = {
            f"{kind.metadata}.{name}": None for name in MORE_KEYS if name in keys and name in (metadata or {})
        }
        constraints |= {f"{kind.metadata}.{name}": text for name, text in mark.metadata(keys).items()}
        requirements = [
            Requirement(target=node.target, path=path, constraint=Equals(text), provenance=OWNERSHIP)
            for path, text in constraints.items()
        ]
        requirements += self._api_record_requirements(kind, node, metadata, api)
        forgotten = mark.forgotten(keys)
        ready = replace(
            node,
            requirements=(*node.requirements, *requirements),
            constraints={
                **node.constraints,
                **{requirement.path: requirement.constraint for requirement in requirements},
            },
        )
        return ready, [forgets(kind, node, forgotten)] if forgotten else []

    def provisions(self, kind: Kind, node: DesiredObject, live: Object | None, wanted: Wanted) -> frozenset[Provision]:
        """The provisions for the object's mark: what is asked for and did not exist before, and what is not revoked yet."""
        recorded = self.provisions_of(node.address, live)
        found: set[Provision] = set()
        for other in self.recorded_by.get(node.address, ()):
            if other.kind == "api" and node.target.identity.get("resource_server_identifier"):
                continue
            if other.kind == "api":
                found |= {p for p in self.given(other) if p.verb == "made"}
            elif wanted(other.target):
                found |= self.given(other)
            else:
                found |= self._about(other, recorded)
        if node.address == self.roster.record_keeper:
            apis = (self.given(api) for api in self.graph.of_kind("api") if not api.target.absent)
            made = {p for some in apis for p in some if p.verb == "made"}
            found |= made - self.roster.made_but_by(node.address)
        found |= set(self._given_by_requirement(kind, node, live, recorded, wanted))
        known = {p for p in recorded if p.verb not in LISTED}
        found |= {p for p in known - found if self._stays(node.address, p) or self._is_unknown(kind, live, p)}
        keys = {p for p in recorded if p.verb == "keys"} if Provision("privileged", "keys") in found else set()
        complete = frozenset(found | keys | still_remembered(kind, node, live, recorded))
        if self.only is not None or not self.revoke:  # a part of a spec has no roster
            listed = frozenset(p for p in recorded if p.verb in LISTED)
            return complete | (self.roster.with_asked(node.address, listed) if self.revoke else listed)
        return self.roster.added(node.address, complete | self.roster.found_places(node.address, complete), recorded)

    def _given_by_requirement(
        self, kind: Kind, node: DesiredObject, live: Object | None, recorded: frozenset[Provision], wanted: Wanted
    ) -> Iterator[Provision]:
        client_id = str(live[kind.id_field]) if live is not None else ""
        for requirement in self.asked_for.get(node.address, ()):
            provision = requirement.provision
            if provision is None or not wanted(requirement.target):
                continue
            included = self.only is None or requirement.target.address in self.only
            if provision in recorded or (included and not self._holds(requirement, client_id)):
                yield provision

    def _holds(self, requirement: Requirement, client_id: str) -> bool:
        """Whether the object had before what the requirement is about, or nobody can tell."""
        address = requirement.target.address
        live = self.live.objects.get(address)
        if live is None or requirement.provision is None:
            return address in self.live.unknown
        return PROVISION_KINDS[requirement.provision.verb].pre_existing(requirement, live, client_id)

    def _stays(self, address: str, provision: Provision) -> bool:
        """Whether a recorded provision that nobody asks for remains on record: it is not revoked by this plan."""
        if not self.revoke:
            return True
        if provision.verb == "made":
            return self._api_stays(provision)
        if provision.verb == SECRET:  # it may stand there still
            return True
        where = self.going.get((address, provision))
        if where is not None:
            return self.only is not None and where not in self.only
        return self.names.is_unresolved(provision)

    def _api_stays(self, made: Provision) -> bool:
        """Whether an API that the spec created is there, and is not deleted by this plan."""
        going = {node.target.provision for node in self.graph.nodes.values() if node.target.absent}
        apis = self.live.state.objects.get("resource_servers")
        return made not in going and (
            apis is None or made.slot in (self.names.of_api(str(a["identifier"])) for a in apis)
        )

    def _is_unknown(self, kind: Kind, live: Object | None, provision: Provision) -> bool:
        """Whether the token may not read the attribute: what is recorded of it stays on record."""
        path = kind.path_of(provision.slot.split("/")[0]) if live is not None else None
        return path is not None and live is not None and why_unknown(live, path, Anything(), self.live) is not None

    def _api_record(self, node: DesiredObject) -> Mark | None:
        """The record of the API that this Custom API Client is linked to."""
        if not node.target.identity.get("resource_server_identifier"):
            return None
        apis = [other for other in self.recorded_by.get(node.address, ()) if other.kind == "api"]
        for api in apis:
            found = self.given(api)
            created = api.target.provision in found
            provisions = frozenset(p for p in found if p.verb != "made")
            if created or provisions:
                return Mark(self.graph.spec_name, api.address.split(".", 1)[1], created, provisions)
        return None

    def _api_record_requirements(
        self, kind: Kind, node: DesiredObject, metadata: Any, record: Mark | None
    ) -> Iterator[Requirement]:
        path = f"{kind.metadata}.{API_METADATA_KEY}"
        if record is None:
            known = read_mark(metadata, API_METADATA_KEY) if metadata else None
            ours = known is not None and (known.spec == self.graph.spec_name or self.adopt)
            if ours and self.recorded_by.get(node.address, [node])[-1].kind == "api":
                yield Requirement(target=node.target, path=path, constraint=Equals(None), provenance=PROOF)
        elif has_room(metadata, API_METADATA_KEY):
            yield Requirement(target=node.target, path=path, constraint=Equals(str(record)), provenance=PROOF)

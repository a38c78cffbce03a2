"""What of a spec's objects is not as the spec says, seen from the other side of a plan: what the tenant has instead.

Of concern are the objects that carry the spec's mark, those that belong to these (grants, credentials, enablements) and
those that these rely on (connections, APIs, the My Account API, the MFA policy). An owned object that was deleted or lost
its mark is drift, and so is one that the spec no longer has and that goes on living. What the spec asks for and was never
given is pending: an edit that was not applied, or an apply that ended early.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace

from tokenvault import __version__
from tokenvault.kinds import kinds
from tokenvault.model.desired import DesiredObject, Graph
from tokenvault.model.marks import read_mark
from tokenvault.model.paths import get_path
from tokenvault.plan.changes import REVOKED
from tokenvault.plan.document import Document, change_document, diagnostic_document, orphan_document, variable_document
from tokenvault.plan.lost import UNMARKED, Lost, find_lost
from tokenvault.plan.model import Action, Attribute, Change, Orphan, Plan
from tokenvault.plan.ordering import renews_roster_alone
from tokenvault.plan.ownership import Ownership
from tokenvault.state.live import Live, asked_of

FORMAT = "tokenvault-drift"
FORMAT_VERSION = "1.0"
_OPPOSITE = {"add": "remove", "remove": "add", "change": "change"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The changes of a plan turned round: before is what the spec says, after is what the tenant has."""

    plan: Plan
    changes: tuple[Change, ...]
    pending: tuple[str, ...]
    incomplete: tuple[str, ...]
    concerned: int

    @property
    def dropped(self) -> tuple[Orphan, ...]:
        """What the spec owned, does not have any more, and what goes on living."""
        return tuple(orphan for orphan in self.plan.orphans if not orphan.protected)

    @property
    def is_empty(self) -> bool:
        """Whether everything of concern is as the spec says."""
        return not self.changes and not self.dropped


def find_drift(plan: Plan, graph: Graph, live: Live) -> Drift:
    """What of a plan is drift."""
    asked = asked_of(graph, live)
    lost = find_lost(graph, live)
    given = _Given(asked, live, Ownership(asked, live, adopt=False), lost.begun)
    lost = replace(lost, unmarked={**lost.unmarked, **_lacking_a_mark_alone(plan)})
    used, owned = _used(graph, given.ownership), frozenset(_owned(graph, live))
    concerned = {a for a in _concerned(graph, owned, live) if a in used | owned or not a.startswith("connection.")}
    concerned |= lost.deleted.keys() | lost.unmarked.keys()
    used -= concerned
    seen = [_only_whether_on(change) if change.address in used else change for change in plan.changes]
    concerned |= {change.address for change in seen if change.address in used and change.attributes}
    changes = [turned for change in seen if (turned := _turned(change, concerned, lost, given)) is not None]
    drifted = {change.address for change in changes}
    known = (c for c in plan.changes if c.address not in drifted and not renews_roster_alone(c))
    rest = [change.address for change in known if not lost.deleted.keys() & _needed(graph, change)]
    return Drift(
        plan=plan,
        changes=tuple(changes),
        pending=tuple(address for address in rest if address not in lost.incomplete),
        incomplete=tuple(address for address in rest if address in lost.incomplete),
        concerned=len(concerned),
    )


def _lacking_a_mark_alone(plan: Plan) -> dict[str, str]:
    """Objects that are as the spec says in everything but the mark: found by their name, or known to have had one."""
    by_name = UNMARKED.format(why="it is found by its name, and all that the spec asks of it is there")
    found = {}
    for change in plan.changes:
        marker = kinds()[change.kind].marker
        if change.adopts and marker and all(a.path[0].startswith(marker) for a in change.attributes):
            found[change.address] = change.reason or by_name
    return found


def _needed(graph: Graph, change: Change) -> frozenset[str]:
    """What the object of a change belongs to or refers to."""
    node = graph.nodes.get(change.address)
    return node.needs() if node else frozenset()


@dataclass(frozen=True, slots=True)
class _Given:
    """What marks say was given, to tell a change by others from an edit of the spec."""

    graph: Graph
    live: Live
    ownership: Ownership
    begun: frozenset[str]

    def is_theirs(self, change: Change, attribute: Attribute) -> bool:
        """Whether others changed the attribute, as far as marks tell: what is as it was given differs by an edit."""
        if change.kind == "connection_clients":
            return self._was_enabled(change, attribute)  # one too many is the spec's, which asks for it no more
        node, path = self.graph.nodes.get(change.address), attribute.path[0]
        if node is None:
            return REVOKED not in attribute.provenance
        is_as_given = self._is_as_given(node, path)
        is_asked_as_before = self.ownership.roster.is_asked_as_before(node, path)
        if is_asked_as_before is not None:
            return is_asked_as_before or is_as_given is False
        return not is_as_given and (REVOKED not in attribute.provenance or path in node.constraints)

    def _is_as_given(self, node: DesiredObject, path: str) -> bool | None:
        """Whether an attribute holds what the spec gave; None where marks do not tell."""
        slot = self.ownership.slot(kinds()[node.kind], node, path)
        return slot.is_as_given(get_path(self.live.objects.get(node.address), path)) if slot else None

    def is_new(self, address: str) -> bool:
        """Whether the spec asks for an object, of which no mark records that it did before."""
        node = self.graph.nodes.get(address)
        paths = node.constraints if node else ()
        known = {self.ownership.roster.is_asked_as_before(node, path) for path in paths} if node else set()
        return False in known and True not in known

    def _was_enabled(self, change: Change, attribute: Attribute) -> bool:
        """Whether a place among a connection's applications, which is missing, is on record."""
        name = str(change.identity.get("connection"))
        users = {address for address, known in self.live.ids.items() if known == str(attribute.after)} - self.begun
        return any(name in _recorded_places(self.ownership, user) for user in users)


def _concerned(graph: Graph, owned: frozenset[str], live: Live) -> frozenset[str]:
    claimed = {node.address for node in graph.nodes.values() if node.target.mark and kinds()[node.kind].marker}
    needs = {node.address: node.needs() for node in graph.nodes.values() if node.address not in claimed - owned}
    belonging = owned | {address for address, needed in needs.items() if needed & owned}
    relied_on = {need for address in belonging for need in needs[address]}
    tenant_wide = {address for address, needed in needs.items() if not needed and address in live.objects and owned}
    return frozenset((belonging | relied_on | tenant_wide) & needs.keys())


def _used(graph: Graph, ownership: Ownership) -> frozenset[str]:
    """Connections that applications use, by their marks, whether or not the spec has marked the connection itself."""
    apps = [node.address for node in graph.of_kind("application") if node.address in ownership.live.objects]
    return frozenset(f"connection.{name}" for app in apps for name in _recorded_places(ownership, app))


def _recorded_places(ownership: Ownership, address: str) -> frozenset[str]:
    """The connections among whose applications one was when its mark was written: given a place, or found there."""
    recorded = ownership.provisions_of(address, ownership.live.objects[address])
    found = ownership.roster.places(address) if ownership.roster.places_record(address) in recorded else ()
    return frozenset(p.slot for p in (*recorded, *found) if p.verb == "with")


def _only_whether_on(change: Change) -> Change:
    """The change with what is asked of every connection alone: the rest may be an edit that was not applied."""
    return replace(change, attributes=tuple(a for a in change.attributes if a.path[0] == "connected_accounts.active"))


def _owned(graph: Graph, live: Live) -> Iterable[str]:
    for node in graph.nodes.values():
        item, kind = live.objects.get(node.address), kinds()[node.kind]
        mark = read_mark(item.get(kind.metadata)) if item is not None and kind.metadata else None
        if mark and mark.spec == graph.spec_name:
            yield node.address


def _turned(change: Change, concerned: Set[str], lost: Lost, given: _Given) -> Change | None:
    """The change as drift: an object to be created is gone, a list that lacks a member lost it."""
    if change.address not in concerned or change.action is Action.DELETE:
        return None
    reason = lost.deleted.get(change.address) or lost.unmarked.get(change.address) or ""
    seen = replace(change, unmanaged=0, unmanaged_options=0, adopts=False, risks=(), reason=reason, requires=())
    if change.action is Action.CREATE:
        never = (
            change.address in lost.incomplete
            or _is_recorded_elsewhere(change, given.graph)
            or given.is_new(change.address)
        )
        return None if never and not reason else replace(seen, action=Action.DELETE, attributes=())
    mark = "" if change.address in lost.unmarked else kinds()[change.kind].marker
    theirs = (a for a in change.attributes if a.unknown is None and given.is_theirs(change, a))
    attributes = tuple(_opposite(a) for a in theirs if not _is_mark(a, mark))
    return replace(seen, attributes=attributes) if attributes else None


def _is_recorded_elsewhere(change: Change, graph: Graph) -> bool:
    """Whether a mark would record the object, or the places in it, had it ever been there."""
    node = graph.nodes.get(change.address)
    is_recorded_by_user = change.kind in ("credential", "connection_clients")
    return node is not None and bool(node.target.mark or node.target.recorder or is_recorded_by_user)


def _is_mark(attribute: Attribute, mark: str) -> bool:
    """Whether the attribute is the mark. tokenvault alone writes it, whenever what it gives changes."""
    return bool(mark) and attribute.path[0].startswith(mark)


def _opposite(attribute: Attribute) -> Attribute:
    op, before, after = _OPPOSITE[attribute.op], attribute.after, attribute.before
    return replace(attribute, op=op, before=before, after=after)  # type: ignore[arg-type]


def drift_document(drift: Drift) -> Document:
    """The drift as JSON data."""
    plan, gone = drift.plan, sum(change.action is Action.DELETE for change in drift.changes)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "tokenvault_version": __version__,
        "spec": {
            "name": plan.spec_name,
            "files": list(plan.files),
            "variables": [variable_document(variable) for variable in plan.variables],
        },
        "tenant": plan.tenant,
        "drifted": not drift.is_empty,
        "summary": {
            "changed": len(drift.changes) - gone,
            "gone": gone,
            "dropped": len(drift.dropped),
            "as_it_should_be": drift.concerned - len(drift.changes),
            "reads": plan.reads,
        },
        "changes": [change_document(change) for change in drift.changes],
        "dropped": [orphan_document(orphan) for orphan in drift.dropped],
        "pending": list(drift.pending),
        "incomplete": list(drift.incomplete),
        "warnings": [diagnostic_document(warning) for warning in plan.warnings],
    }

"""A plan describes the writes that would make the tenant what the spec asks for. Frozen data: no I/O, no drawing."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tokenvault.errors import Diagnostic, Span
from tokenvault.kinds import kinds
from tokenvault.model.desired import DesiredObject, Provenance
from tokenvault.model.spec import Variable
from tokenvault.plan.diff import Op
from tokenvault.plan.judgement import Judgement


class Action(Enum):
    """What happens to an object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute that changes. Sensitive values are not here at all; `unknown` names the object a value waits for."""

    path: tuple[str, ...]
    op: Op
    before: Any = None
    after: Any = None
    element: bool = False
    sensitive: bool = False
    unknown: str | None = None
    provenance: tuple[Provenance, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object that changes.

    `patch` are the full new values of its changed attributes by dotted path (references to objects not yet created
    inside); `deferred` are those that wait for objects which themselves wait for this one. `preconditions` are fingerprints
    of the live values that the change was decided on.
    """

    address: str
    kind: str
    action: Action
    name: str
    identity: Mapping[str, Any]
    id: str | None = None
    attributes: tuple[Attribute, ...] = ()
    patch: Mapping[str, Any] = field(default_factory=dict)
    deferred: Mapping[str, Any] = field(default_factory=dict)
    preconditions: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    adopts: bool = False
    unmanaged: int = 0
    unmanaged_options: int = 0
    kept: Mapping[str, int] = field(default_factory=dict)
    risks: tuple[str, ...] = ()
    reason: str = ""
    span: Span | None = None


def takes_from(change: Change) -> Iterator[str]:
    """The ids of those from whom the change takes something: an object of theirs, a part of it, or their place in a list."""
    if change.action is Action.DELETE or any(attribute.op == "remove" for attribute in change.attributes):
        yield from (str(value) for value in change.identity.values() if value != change.id)
    for attribute in change.attributes:
        if attribute.op == "remove" and attribute.element:
            yield str(attribute.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """An object that this spec created and no longer names."""

    address: str
    kind: str
    id: str
    name: str
    protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNode:
    """An object of the desired state, changed or not: its place in the graph. `requires` are what it refers to.

    `action` is None where nothing changes; `known` is false where the token may not read the object.
    """

    address: str
    kind: str
    name: str
    action: Action | None = None
    requires: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The part of a spec that a plan was limited to, and how many changes that left out."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a tenant lets requests through: `burst` at once, then so many a second."""

    per_second: float = 2.0
    burst: int = 0

    def seconds(self, requests: int) -> float:
        """How long so many requests take."""
        return max(0, requests - self.burst) / self.per_second


SLOWEST, FASTEST = 2.0, 16.0
BIG_BURST = 50


def pace_of(set_by_user: float | None, limit: int | None) -> Pace:
    """The pace that the user sets, else the one of the tenants whose answers name this limit (it is their burst).

    Auth0 publishes 16 requests a second for tenants with a burst of 50, and about 2 for all others.
    """
    if set_by_user:
        return Pace(per_second=set_by_user)
    return Pace(per_second=FASTEST if (limit or 0) >= BIG_BURST else SLOWEST, burst=limit or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that would change, in an order in which it can be carried out, and what a reader should know.

    `reads` are the requests that planning took. `lacking` are the scopes that the token would need besides its own to
    carry the plan out; None when nobody can tell which it has. `command` is the one that carries the plan out.
    `variables` are those of the environment that the spec may show. `judgement` is what the plan leads to, where that
    was judged.
    """

    spec_name: str
    tenant: str
    files: tuple[str, ...]
    salt: str
    changes: tuple[Change, ...] = ()
    nodes: tuple[PlannedNode, ...] = ()
    unchanged: int = 0
    orphans: tuple[Orphan, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    reads: int = 0
    pace: Pace = Pace()
    selection: Selection | None = None
    lacking: tuple[str, ...] | None = None
    command: str = "apply"
    variables: tuple[Variable, ...] = ()
    judgement: Judgement | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the tenant is as the spec says: nothing would be written, and nothing is left that the spec dropped."""
        return not self.changes and all(orphan.protected for orphan in self.orphans)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be written."""
        return not self.changes

    def count(self, action: Action) -> int:
        """How many objects meet this action."""
        return sum(change.action is action for change in self.changes)

    @property
    def writes(self) -> int:
        """How many requests an apply sends to change things."""
        return sum(writes_of(change) for change in self.changes)

    @property
    def rereads(self) -> int:
        """About how many reads an apply adds: each object just before its write, and all but what was created after."""
        before = sum(
            change.action is not Action.CREATE and not kinds()[change.kind].incremental for change in self.changes
        )
        rivals = any(change.action is Action.CREATE and kinds()[change.kind].marker for change in self.changes)
        shown = (change.action is Action.CREATE and not kinds()[change.kind].marker for change in self.changes)
        lists = {_list_of(change) for change, is_shown in zip(self.changes, shown, strict=True) if not is_shown}
        return before + rivals + len(lists)


def writes_of(change: Change) -> int:
    """One write per object; a worker that does not exist yet is written once more, when its keys do."""
    batch = kinds()[change.kind].batch
    if batch:
        return -(-sum(attribute.element for attribute in change.attributes) // batch)
    return 1 + bool(change.deferred)


def _list_of(change: Change) -> tuple[str, ...]:
    """The list that the object is read in: one for all, or one for each object that it belongs to."""
    collection = kinds()[change.kind].collection
    return (
        (collection.name, str(change.identity.get(collection.partition_key)))
        if collection.after
        else (collection.name,)
    )


def planned_nodes(
    wanted: Iterable[DesiredObject], known: Container[str], changes: Sequence[Change]
) -> tuple[PlannedNode, ...]:
    """The wanted nodes, and what is deleted, with what happens to each; references only to objects that are here."""
    wanted, by_address = list(wanted), {change.address: change for change in changes}
    here = {node.address for node in wanted} | by_address.keys()
    nodes = [
        PlannedNode(
            address=node.address,
            kind=node.kind,
            name=node.target.name,
            action=by_address[node.address].action if node.address in by_address else None,
            requires=tuple(sorted(node.needs() & here)),
            known=node.address in known,
        )
        for node in wanted
    ]
    retained = {node.address for node in wanted}
    gone = [change for change in changes if change.address not in retained]
    return (*nodes, *(_deleted(change) for change in gone))


def _deleted(change: Change) -> PlannedNode:
    return PlannedNode(
        address=change.address, kind=change.kind, name=change.name, action=change.action, requires=change.requires
    )

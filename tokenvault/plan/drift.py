"""What of a spec's objects is not as the spec says, seen from the other side of a plan: what the tenant has instead.

Of concern are the objects that carry the spec's mark, those that belong to these (grants, credentials, enablements) and
those that these rely on (connections, APIs, the My Account API, the MFA policy). What the spec asks for and was never
there is pending, not drift. There is no state file: a spec that was changed and not yet applied looks the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tokenvault import __version__
from tokenvault.kinds import kinds
from tokenvault.model.desired import Graph
from tokenvault.model.marks import read_mark
from tokenvault.plan.document import Document, change_document, diagnostic_document
from tokenvault.plan.model import Action, Attribute, Change, Plan
from tokenvault.state.live import Live

FORMAT = "tokenvault-drift"
FORMAT_VERSION = "1.0"
_OPPOSITE = {"add": "remove", "remove": "add", "change": "change"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The changes of a plan turned round: before is what the spec says, after is what the tenant has."""

    plan: Plan
    changes: tuple[Change, ...]
    pending: tuple[str, ...]
    concerned: int

    @property
    def is_empty(self) -> bool:
        """Whether everything of concern is as the spec says."""
        return not self.changes


def find_drift(plan: Plan, graph: Graph, live: Live) -> Drift:
    """What of a plan is drift."""
    concerned = _concerned(graph, live)
    changes = [turned for change in plan.changes if (turned := _turned(change, concerned)) is not None]
    drifted = {change.address for change in changes}
    pending = tuple(change.address for change in plan.changes if change.address not in drifted)
    return Drift(plan=plan, changes=tuple(changes), pending=pending, concerned=len(concerned))


def _concerned(graph: Graph, live: Live) -> frozenset[str]:
    owned = frozenset(_owned(graph, live))
    claimed = {node.address for node in graph.nodes.values() if node.target.mark and kinds()[node.kind].marker}
    needs = {node.address: node.needs() for node in graph.nodes.values() if node.address not in claimed - owned}
    belonging = owned | {address for address, needed in needs.items() if needed & owned}
    relied_on = {need for address in belonging for need in needs[address]}
    tenant_wide = {address for address, needed in needs.items() if not needed and address in live.objects and owned}
    return frozenset((belonging | relied_on | tenant_wide) & needs.keys())


def _owned(graph: Graph, live: Live) -> Iterable[str]:
    for node in graph.nodes.values():
        item, kind = live.objects.get(node.address), kinds()[node.kind]
        mark = read_mark(item.get(kind.metadata)) if item is not None and kind.metadata else None
        if mark and mark.spec == graph.spec_name:
            yield node.address


def _turned(change: Change, concerned: frozenset[str]) -> Change | None:
    """The change as drift: an object to be created is gone, a list that lacks a member lost it."""
    if change.address not in concerned or change.action is Action.DELETE:
        return None
    seen = replace(change, unmanaged=0, unmanaged_options=0, adopts=False, risks=(), reason="", requires=())
    if change.action is Action.CREATE:
        return replace(seen, action=Action.DELETE, attributes=())
    mark = kinds()[change.kind].marker
    attributes = tuple(_opposite(a) for a in change.attributes if a.unknown is None and not _is_mark(a, mark))
    return replace(seen, attributes=attributes) if attributes else None


def _is_mark(attribute: Attribute, mark: str) -> bool:
    """The mark follows what is lent; only tokenvault writes it."""
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
        "spec": {"name": plan.spec_name, "files": list(plan.files)},
        "tenant": plan.tenant,
        "drifted": not drift.is_empty,
        "summary": {
            "changed": len(drift.changes) - gone,
            "gone": gone,
            "as_it_should_be": drift.concerned - len(drift.changes),
            "reads": plan.reads,
        },
        "changes": [change_document(change) for change in drift.changes],
        "pending": list(drift.pending),
        "warnings": [diagnostic_document(warning) for warning in plan.warnings],
    }

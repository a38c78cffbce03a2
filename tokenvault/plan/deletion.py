"""Deletions: what the plan shows of one, which changes come before it, and how many a user allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind, Object
from tokenvault.model.desired import DesiredObject, bind
from tokenvault.model.paths import get_path
from tokenvault.plan.diff import Canonicalizer
from tokenvault.plan.model import Action, Attribute, Change
from tokenvault.plan.ordering import records_of_apis
from tokenvault.state.live import Live

SHOWN = 12


def deletion(kind: Kind, node: DesiredObject, live: Object, ids: Mapping[str, str], compare: Canonicalizer) -> Change:
    """The change that deletes a live object.

    Its preconditions are fingerprints of mark and name or, where the kind has neither (a grant), of all that may change:
    an apply refuses to delete an object that differs by then.
    """
    shown = dict.fromkeys(["name", *node.target.identity])
    values = {path: live[path] for path in shown if isinstance(live.get(path), str)}
    guarded = [path for path in (kind.marker, "name") if path in kind.fields] or [
        path for path, field in kind.fields.items() if not field.immutable
    ]
    return Change(
        address=node.address,
        kind=node.kind,
        action=Action.DELETE,
        name=str(live.get("name") or node.target.name),
        identity=bind(dict(node.target.identity), ids),
        id=str(live[kind.id_field]),
        attributes=tuple(Attribute(path=(path,), op="remove", before=value) for path, value in values.items()),
        preconditions={path: compare.fingerprint(get_path(live, path), kind.field_at(path)) for path in guarded},
        requires=node.target.after,
        risks=(kind.deletion_risk,) if kind.deletion_risk else (),
        reason=node.target.reason,
        span=node.span,
    )


def in_order(changes: Sequence[Change], live: Live) -> list[Change]:
    """The changes with deletions last, each waiting for whatever is done to objects that mention the deleted one.

    Auth0 drops what hangs on a deleted object by itself, and an update that finds its object changed is refused: so the
    update comes first. Of two deletions, that of the kind that is created later goes first, unless it records the
    other one, which carries no mark: nothing would tell of that any more.
    """
    objects, records = live.objects, records_of_apis(changes, live)
    gone = sorted((c for c in changes if c.action is Action.DELETE), key=_order, reverse=True)
    others = [change for change in changes if change.action is not Action.DELETE]
    mentioned = {change.address: frozenset(_texts(objects.get(change.address, {}))) for change in changes}
    ordered = []
    for change in gone:
        known = records.get(change.address, frozenset())
        first = [other for other in (*others, *gone) if other.id not in known or not _loses_its_mark_alone(other)]
        ordered.append(_after(change, first, mentioned, objects[change.address]))
    return [*others, *ordered]


def _loses_its_mark_alone(change: Change) -> bool:
    """Whether nothing that Auth0 may have dropped by then stands in the way of the change: a deletion, or one of a mark."""
    metadata = kinds()[change.kind].metadata
    return change.action is Action.DELETE or all(path.split(".")[0] == metadata for path in change.patch)


def _after(change: Change, changes: Sequence[Change], mentioned: Mapping[str, frozenset[str]], live: Object) -> Change:
    kind = kinds()[change.kind]
    names = {str(live[name]) for name in (kind.id_field, *kind.aliases) if name in live}
    first = [
        other.address
        for other in changes
        if names & mentioned[other.address]
        and other.address != change.address
        and (other.action is Action.UPDATE or (other.action is Action.DELETE and _order(other) > _order(change)))
    ]
    return replace(change, requires=tuple(dict.fromkeys((*change.requires, *first))))


def _order(change: Change) -> int:
    return kinds()[change.kind].order


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def refuse_more_than(limit: int | None, changes: Sequence[Change]) -> None:
    """`RefusedError` when more objects would be deleted than the user allows."""
    gone = [change.address for change in changes if change.action is Action.DELETE]
    if limit is None or len(gone) <= limit:
        return
    named = ", ".join(gone[:SHOWN]) + (f" and {len(gone) - SHOWN} more" if len(gone) > SHOWN else "")
    raise RefusedError(
        Diagnostic(
            code="plan-max-destroy",
            summary=f"{len(gone)} object{'' if len(gone) == 1 else 's'} would be deleted; --max-destroy allows {limit}",
            detail=f"{'They are' if len(gone) != 1 else 'It is'} {named}.",
            hint="Nothing was changed. Look at the plan without --max-destroy, then allow as many as you mean.",
        )
    )

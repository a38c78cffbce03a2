"""The one place where a request body is made from live and planned values, and where Auth0's merge rules are written down.

Planner, writer and verification use it, so that what is planned, what is sent and what is expected cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from typing import Any

from tokenvault.errors import Diagnostic
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Collection, Kind, Object
from tokenvault.model.desired import DesiredObject, bind
from tokenvault.model.paths import get_path, nest
from tokenvault.plan.diff import Canonicalizer, differences
from tokenvault.plan.model import Action, Change
from tokenvault.state.live import Live, State


def request_body(kind: Kind, values: Mapping[str, Any], live: Object) -> dict[str, Any]:
    """The body of an update that gives the live object these values (by dotted path; None: the attribute goes).

    An attribute that Auth0 replaces whole is sent whole, what it resets is sent again, and a key that is to go is sent as
    null where Auth0 may merge.
    """
    body: dict[str, Any] = {}
    for top in dict.fromkeys(path.split(".")[0] for path in values):
        inside = {path: value for path, value in values.items() if path.split(".")[0] == top}
        if top in inside and len(inside) == 1:
            body[top] = inside[top]
        elif top in kind.replaced:
            left = _with_values(live.get(top), top, inside, nulled=top in kind.nulled)
            body[top] = left if left or top not in kind.nullable else None
        else:
            body[top] = nest(inside)[top]
    for name in kind.resent:
        if live.get(name) is not None:
            body.setdefault(name, live[name])
    return body


def after_request(kind: Kind, body: Mapping[str, Any], live: Object) -> dict[str, Any]:
    """The object after Auth0 took the body: top-level mappings are merged or, where the kind says so, replaced."""
    after = dict(live)
    for name, value in body.items():
        known = after.get(name)
        if isinstance(value, Mapping) and name not in kind.replaced:
            after[name] = _without_nulls({**(known if isinstance(known, Mapping) else {}), **value})
        elif isinstance(value, Mapping):
            after[name] = _without_nulls(value)
        else:
            after[name] = value
    return {name: value for name, value in after.items() if value is not None}


def inconsistencies(kind: Kind, values: Mapping[str, Any], live: Object, compare: Canonicalizer) -> Iterator[str]:
    """The attributes that would not be as planned after the update, and those that nobody planned to change."""
    after = after_request(kind, request_body(kind, values, live), live)
    wanted = {path: value for path, value in values.items() if not _is_overridden(path, values)}
    found = {path: get_path(after, path) for path in wanted}
    yield from dict.fromkeys(difference.path[0] for difference in differences(kind, found, wanted, compare))
    planned = [tuple(path.split(".")) for path in values]
    for path in _leaves(live):
        managed = any(path[: len(p)] == p or p[: len(path)] == path for p in planned)
        if not managed and _at(after, path) != _at(live, path):
            yield ".".join(path)


GIVEN_BACK = (
    "It is not so yet: the spec no longer says what it is to be, and so the plan gives back what was there before."
)


def dead_ends(kind: Kind, node: DesiredObject, values: Mapping[str, Any], live: Object) -> Iterator[Diagnostic]:
    """What would stand in the way of the next plan, and does not in the way of this one.

    What loses its mark here is given back as it was: the next plan is not about it.
    """
    if kind.marker and values.get(kind.marker, kind) is None:
        return
    known, after = list(kind.check(node, live)), after_request(kind, request_body(kind, values, live), live)
    problems = (problem for problem in kind.check(node, after) if problem.severity == "error" and problem not in known)
    yield from (replace(problem, detail=problem.detail or GIVEN_BACK) for problem in problems)


def _is_overridden(path: str, values: Mapping[str, Any]) -> bool:
    """Whether longer paths say in more detail what is at this one."""
    return any(other.startswith(f"{path}.") for other in values)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif value is not None and path:
        yield path


def _at(item: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        item = item.get(part) if isinstance(item, Mapping) else None
    return item


def _with_values(live: Any, top: str, values: Mapping[str, Any], *, nulled: bool) -> dict[str, Any] | None:
    """The live value of a top-level attribute with these values at their paths, shorter paths first."""
    result = dict(live) if isinstance(live, Mapping) else {}
    for path, value in sorted(values.items(), key=lambda item: item[0].count(".")):
        if path == top:
            result = dict(value) if isinstance(value, Mapping) else {}
            continue
        *parents, last = path.split(".")[1:]
        holder = result
        for part in parents:
            below = holder.get(part)
            if not isinstance(below, Mapping) and value is None:
                break
            holder[part] = dict(below) if isinstance(below, Mapping) else {}
            holder = holder[part]
        else:
            if value is not None or (nulled and last in holder):
                holder[last] = copy(value)
            else:
                holder.pop(last, None)
    return result


def _without_nulls(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item is not None}


# ---- the tenant as a plan leads to it: what was read of it, with the plan's changes made


PLACEHOLDER = "(planned)"


def planned_state(live: Live, changes: Iterable[Change]) -> State:
    """What `live` was read from, after these changes. Objects that do not exist yet have a placeholder for an id."""
    changes = list(changes)
    created = {c.address: f"{PLACEHOLDER}{c.address}" for c in changes if c.action is Action.CREATE}
    ids = {**created, **live.ids}
    by_collection: dict[str, list[Change]] = {}
    for change in changes:
        by_collection.setdefault(kinds()[change.kind].collection.name, []).append(change)
    objects, partitions = dict(live.state.objects), dict(live.state.partitions)
    for name, some in by_collection.items():
        made = [_created(change, ids) for change in some if change.action is Action.CREATE]
        objects[name] = [*_changed(live.state.objects.get(name, ()), some, ids), *made]
        if name in partitions:
            partitions[name] |= frozenset(_partitions(kinds()[some[0].kind].collection, made))
    return replace(live.state, objects=objects, partitions=partitions)


def _created(change: Change, ids: Mapping[str, str]) -> Object:
    """The new object, as far as the plan says what it holds."""
    values: Any = bind({**change.identity, **change.patch, **change.deferred}, ids)
    return {kinds()[change.kind].id_field: ids[change.address], **nest(values)}


def _changed(found: Iterable[Object], changes: Iterable[Change], ids: Mapping[str, str]) -> Iterable[Object]:
    """The objects that stay, changed where a change is about them."""
    by_id = {(kinds()[change.kind].id_field, str(change.id)): change for change in changes if change.id}
    fields = {field for field, _ in by_id}
    for item in found:
        change = next((by_id[key] for field in fields if (key := (field, str(item.get(field)))) in by_id), None)
        if change is None:
            yield item
        elif change.action is not Action.DELETE:
            yield _updated(kinds()[change.kind], change, item, ids)


def _updated(kind: Kind, change: Change, item: Object, ids: Mapping[str, str]) -> Object:
    values: Any = bind({**change.patch, **change.deferred}, ids)
    return after_request(kind, request_body(kind, values, item), item)


def _partitions(collection: Collection, made: Iterable[Object]) -> Iterable[str]:
    return (str(item.get(collection.partition_key)) for item in made)

"""The tenant as a plan leads to it: what was read of it, with the plan's changes made. No request is sent for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tokenvault.kinds import kinds
from tokenvault.kinds.base import Collection, Kind, Object
from tokenvault.model.desired import bind
from tokenvault.model.paths import nest
from tokenvault.plan.model import Action, Change
from tokenvault.plan.patch import after_request, request_body
from tokenvault.state.live import Live, State

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

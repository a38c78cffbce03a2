"""The promise that what is not managed never changes, checked field by field on the tenant's whole state."""

from __future__ import annotations

from typing import Any

from tests.support import Objects

COLLECTIONS = {
    "application": "clients",
    "connection": "connections",
    "api": "resource_servers",
    "my_account_api": "resource_servers",
    "client_grant": "client_grants",
}


def assert_only_planned_changes(before: dict[str, Objects], after: dict[str, Objects], plan: dict[str, Any]) -> None:
    """Objects that existed differ at most where the plan says so; objects that did not are in the plan as creates."""
    planned = {(COLLECTIONS.get(c["kind"], c["kind"]), c["id"]): c for c in plan["changes"] if c["id"]}
    for collection, objects in before.items():
        if collection == "enablements":
            continue
        for key, item in objects.items():
            assert key in after[collection], f"{collection} {key} is gone"
            change = planned.get((collection, key))
            for path in differing(item, after[collection][key]):
                assert change and covered(path, change), f"{collection} {key} changed at {'.'.join(path)}"
    _assert_creates(before, after, plan)


def differing(before: Any, after: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of mappings at which two values differ; lists are compared whole."""
    before, after = (
        (before or {} if isinstance(after, dict) else before),
        (after or {} if isinstance(before, dict) else after),
    )
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted({*before, *after})
        return [found for key in keys for found in differing(before.get(key), after.get(key), (*path, key))]
    return [] if before == after else [path]


def covered(path: tuple[str, ...], change: dict[str, Any]) -> bool:
    """Whether the plan announced a change at or above the path. Auth0 computes `options.scope` from the scope options."""
    announced = {tuple(attribute["path"][0].split(".")) for attribute in change["attributes"]}
    if path == ("options", "scope"):
        return any(a[0] == "options" for a in announced)
    return any(path[: len(a)] == a for a in announced)


def _assert_creates(before: dict[str, Objects], after: dict[str, Objects], plan: dict[str, Any]) -> None:
    for kind, collection in COLLECTIONS.items():
        if kind == "my_account_api":
            continue
        kinds = [k for k, c in COLLECTIONS.items() if c == collection]
        creates = sum(c["kind"] in kinds and c["action"] == "create" for c in plan["changes"])
        new = set(after.get(collection, {})) - set(before.get(collection, {}))
        assert len(new) == creates, f"{len(new)} new {collection}, {creates} planned"

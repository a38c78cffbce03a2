"""What changed in a tenant that the plan did not show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.reliability.sequences.facts import exact
from tests.reliability.sequences.tenant import State
from tests.unmanaged import COLLECTIONS, covered, differing

Found = tuple[str, Any]
COMPARED = ("clients", "connections", "resource_servers", "client_grants", "credentials", "tenant")
COMPUTED = frozenset({"updated_at"})


def unplanned(before: State, after: State, plan: dict[str, Any], *, is_whole: bool) -> Iterator[Found]:
    """A signature and details of each difference that no change of the plan announces.

    `is_whole`: the plan was carried out to its end, so that as many objects are new as it creates.
    """
    changes = {(COLLECTIONS.get(c["kind"], c["kind"]), c["id"]): c for c in plan["changes"] if c["id"]}
    deleted = {key for key, change in changes.items() if change["action"] == "delete"}
    for collection in ("clients", "connections", "resource_servers", "client_grants"):
        for key, item in before.get(collection, {}).items():
            now = after.get(collection, {}).get(key)
            change = changes.get((collection, key))
            if now is None:
                if (collection, key) not in deleted and not _falls_with(collection, item, deleted, before):
                    yield f"{collection} deleted", item
                continue
            for path in differing(exact(item), exact(now)):
                if path[0] not in COMPUTED and not (change and covered(path, change)):
                    yield f"{collection} {'.'.join(path[:3])}", {"before": item, "after": now}
    yield from _created(before, after, plan, is_whole)
    yield from _enabled(before, after, plan, deleted)
    yield from _keys(before, after, plan)


def _falls_with(collection: str, item: dict[str, Any], deleted: set[tuple[str, str]], before: State) -> bool:
    """Auth0 deletes grants with their application or API, and a Custom API Client with its API."""
    apis = {api["identifier"]: key for key, api in before["resource_servers"].items()}
    if collection == "client_grants":
        gone = ("resource_servers", apis.get(item["audience"], ""))
        return ("clients", item["client_id"]) in deleted or gone in deleted
    linked = item.get("resource_server_identifier")
    return bool(linked) and ("resource_servers", apis.get(linked, "")) in deleted


def _created(before: State, after: State, plan: dict[str, Any], is_whole: bool) -> Iterator[Found]:
    kinds: dict[str, tuple[str, ...]] = {
        "clients": ("application",),
        "connections": ("connection",),
        "client_grants": ("client_grant",),
        "resource_servers": ("api", "my_account_api"),
    }
    for collection, of in kinds.items():
        creates = sum(c["kind"] in of and c["action"] == "create" for c in plan["changes"])
        new = after.get(collection, {}).keys() - before.get(collection, {}).keys()
        if len(new) > creates or (is_whole and len(new) < creates):
            yield f"{len(new)} new {collection}, {creates} planned", sorted(new)


def _enabled(before: State, after: State, plan: dict[str, Any], deleted: set[tuple[str, str]]) -> Iterator[Found]:
    names = {key: c["name"] for key, c in (before["connections"] | after["connections"]).items()}
    announced = {change["address"] for change in plan["changes"] if change["kind"] == "connection_clients"}
    rows = [dict(state.get("enablements", {})) for state in (before, after)]
    for key in rows[0].keys() ^ rows[1].keys():
        row = rows[0].get(key) or rows[1][key]
        fell = ("clients", row["client_id"]) in deleted
        if not fell and f"connection_clients.{names[row['connection_id']]}" not in announced:
            yield f"enablement {'gone' if key in rows[0] else 'new'}", row


def _keys(before: State, after: State, plan: dict[str, Any]) -> Iterator[Found]:
    was, now = before.get("credentials", {}), after.get("credentials", {})
    alive = {key for key in was if key.split("/")[0] in after["clients"]}
    gone, new = alive - now.keys(), now.keys() - was.keys()
    deletes = sum(c["kind"] == "credential" and c["action"] == "delete" for c in plan["changes"])
    creates = sum(c["kind"] == "credential" and c["action"] == "create" for c in plan["changes"])
    if len(gone) > deletes or len(new) > creates:
        yield f"credentials: {len(gone)} gone of {deletes}, {len(new)} new of {creates}", sorted(gone | new)
    for key in alive & now.keys():
        if was[key] != now[key] and not any(
            c["kind"] == "credential" and c["id"] in key and c["action"] == "update" for c in plan["changes"]
        ):
            yield "credential changed", {"before": was[key], "after": now[key]}

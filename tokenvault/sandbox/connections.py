"""Connections: `/connections`."""

from __future__ import annotations

from . import enablements, ids, strategies
from .check import BOOLEAN, OBJECT, STRINGS, Rule, additional_properties, closed, enum, nullable, text
from .connection_options import OPTIONS
from .errors import ApiError, bad_request, conflict, not_found
from .paging import checkpoint_slice, select, slice_page
from .routing import FIELDS, PAGING, Call, Reply, Route
from .store import Document, Filters, Transaction, merge, without_nulls
from .variants import (
    ANSWER_ONLY_KEYS,
    DELETION_204,
    DELETION_TAKES_TIME,
    ENABLED_CLIENTS_ACCEPTED,
    ENABLED_CLIENTS_GONE,
    FREEFORM_IGNORED,
    LIST_LACKS_METADATA,
    METADATA_KEEPS_NULLS,
    METADATA_MERGES,
    PURPOSE_OF_SIX,
)

KIND = "connections"
# What field selection cannot hide.
ALWAYS = ("id", "is_domain_connection", "authentication", "connected_accounts")
REPLACED = ("options", "authentication", "connected_accounts", "metadata")
METADATA_LIMIT, METADATA_LENGTH = 10, 255
ANSWER_ONLY_KEY = "revision"  # nothing that Auth0 has: a stand-in for whatever it may add
PURPOSE_ON: Document = {"active": True}
DELETED, DELETION_SECONDS = "deleted_at", 2.0  # of a connection whose deletion takes its time


# ---- what is stored


def create(tx: Transaction, body: Document, *, domain: str) -> Document:
    """A new connection with the server's defaults."""
    _check_variants(tx, body, body["strategy"])
    if tx.first(KIND, {"name": body["name"]}):
        raise conflict("A connection with the same name already exists", "connection_conflict")
    connection = {"id": ids.connection_id(), **_defaults(body), **body}
    connection["options"] = _completed(tx, body["strategy"], body.get("options") or {}, None, domain)
    if body["strategy"] in strategies.NAMED_BY_DEFAULT:
        connection.setdefault("display_name", body["name"])
    client_ids = connection.pop("enabled_clients", None) or []
    _save(tx, connection)
    enablements.replace_clients(tx, connection["id"], client_ids)
    return connection


def _defaults(body: Document) -> Document:
    defaults: Document = {
        "is_domain_connection": False,
        "authentication": {"active": True},
        "connected_accounts": {"active": False},
        "realms": [body["name"]],
    }
    return defaults | ({"show_as_button": False} if body["strategy"] in strategies.ENTERPRISE else {})


def _check_variants(tx: Transaction, body: Document, strategy: str) -> None:
    if ANSWER_ONLY_KEY in (body.get("options") or {}) and tx.varies(ANSWER_ONLY_KEYS):
        raise additional_properties([ANSWER_ONLY_KEY], "options")
    purposeful = (
        body.get("connected_accounts", {}).get("active") or not body.get("authentication", PURPOSE_ON)["active"]
    )
    if purposeful and strategy not in strategies.WITH_PURPOSE and tx.varies(PURPOSE_OF_SIX):
        message = "authentication and connected_accounts are not supported for this connection."
        raise bad_request(message, "operation_not_supported")


def _completed(tx: Transaction, strategy: str, sent: Document, before: Document | None, domain: str) -> Document:
    if tx.varies(FREEFORM_IGNORED):
        sent = {name: value for name, value in sent.items() if name != "freeform_scopes"}
    return strategies.complete_options(strategy, sent, before, domain)


def update(tx: Transaction, connection: Document, patch: Document, *, domain: str) -> Document:
    """The connection after a PATCH: `options` is replaced, and a display name that is not sent again is reset."""
    _check_variants(tx, patch, connection["strategy"])
    patch = _with_metadata(tx, connection, patch)
    if "display_name" in connection:
        patch = {"display_name": connection["name"], **patch}
    client_ids = patch.get("enabled_clients")
    changed = merge(connection, {key: patch[key] for key in patch if key != "enabled_clients"}, replaced=REPLACED)
    if patch.get("options") is not None:
        before = connection.get("options", {})
        changed["options"] = _completed(tx, connection["strategy"], patch["options"], before, domain)
    _save(tx, changed)
    if client_ids is not None:
        enablements.replace_clients(tx, connection["id"], client_ids)
    return changed


def _save(tx: Transaction, connection: Document) -> None:
    if connection.get("cross_app_access_requesting_app") and connection["strategy"] not in strategies.OIDC:
        message = "cross_app_access_requesting_app is not supported for this connection."
        raise bad_request(message, "operation_not_supported")
    if "metadata" in connection:
        _check_metadata(without_nulls(connection["metadata"] or {}))
        if not tx.varies(METADATA_KEEPS_NULLS):
            connection["metadata"] = without_nulls(connection["metadata"] or {})
    tx.put(KIND, connection["id"], connection)


def _with_metadata(tx: Transaction, connection: Document, patch: Document) -> Document:
    """The patch, with the whole metadata when the server merges it into what is there."""
    if not patch.get("metadata") or not tx.varies(METADATA_MERGES):
        return patch
    whole = connection.get("metadata", {}) | patch["metadata"]
    kept = tx.varies(METADATA_KEEPS_NULLS)
    return patch | {"metadata": whole if kept else without_nulls(whole)}


def _check_metadata(metadata: Document) -> None:
    if len(metadata) > METADATA_LIMIT:
        raise bad_request(f"metadata can have at most {METADATA_LIMIT} properties")
    for key, value in metadata.items():
        if len(key) > METADATA_LENGTH or not isinstance(value, str) or len(value) > METADATA_LENGTH:
            raise bad_request(f"metadata.{key} must be a string of at most {METADATA_LENGTH} characters")


def remove(tx: Transaction, connection: Document) -> None:
    """The connection, its enablements and the accounts that were connected through it."""
    enablements.replace_clients(tx, connection["id"], [])
    for account in tx.find("connected_accounts", {"connection_id": connection["id"]}):
        tx.delete("connected_accounts", f"{account['user_id']}/{account['id']}")
    tx.delete(KIND, connection["id"])


# ---- deletions that take their time


def bury(tx: Transaction, now: float) -> None:
    """Removes the connections whose deletion is over: Auth0 takes a moment for one."""
    for connection in tx.find(KIND):
        if is_gone(connection, now):
            remove(tx, connection)


def is_gone(connection: Document, now: float) -> bool:
    """Whether the connection was deleted long enough ago."""
    return bool(connection.get(DELETED, now) < now - DELETION_SECONDS)


# ---- what is shown


def view(call: Call, connection: Document) -> Document:
    """The connection as this token may see it: options need a scope of their own."""
    shown = {name: value for name, value in connection.items() if name != DELETED}
    if not call.tx.varies(ENABLED_CLIENTS_GONE):
        shown["enabled_clients"] = enablements.clients_of(call.tx, connection["id"])
    if not call.may("read:connections_options"):
        shown.pop("options", None)
    elif call.tx.varies(ANSWER_ONLY_KEYS):
        shown["options"] = {**shown["options"], ANSWER_ONLY_KEY: 1}
    return shown


def _existing(call: Call) -> Document:
    connection = call.tx.get(KIND, ids.check_path_id("connection", call.params["id"]))
    if connection is None or is_gone(connection, call.now):
        raise not_found("connection")
    return connection


def _filters(call: Call) -> Filters:
    filters: Document = {}
    if name := call.one("name"):
        filters["name"] = name
    if wanted := call.query.get("strategy"):
        filters["strategy"] = tuple(wanted)
    return filters


# ---- endpoints


def list_connections(call: Call) -> Reply:
    """GET /connections: in order of their names."""
    found = [one for one in call.tx.find(KIND, _filters(call)) if not is_gone(one, call.now)]
    shown = [select(call, view(call, one), ALWAYS) for one in sorted(found, key=lambda one: one["name"].lower())]
    if call.one("fields") and call.one("take") and call.tx.varies(LIST_LACKS_METADATA):
        hidden = ("metadata", "connected_accounts")
        shown = [{name: value for name, value in one.items() if name not in hidden} for one in shown]
    return slice_page(call, "connections", shown)


def get_connection(call: Call) -> Reply:
    """GET /connections/{id}."""
    return Reply(200, select(call, view(call, _existing(call)), ALWAYS))


def create_connection(call: Call) -> Reply:
    """POST /connections."""
    if "enabled_clients" in call.body and call.tx.varies(ENABLED_CLIENTS_GONE):
        raise additional_properties(["enabled_clients"])
    bury(call.tx, call.now)
    return Reply(201, view(call, create(call.tx, call.body, domain=call.domain)))


def update_connection(call: Call) -> Reply:
    """PATCH /connections/{id}."""
    connection = _existing(call)
    if "enabled_clients" in call.body and not call.tx.varies(ENABLED_CLIENTS_ACCEPTED):
        raise additional_properties(["enabled_clients"])
    if "options" in call.body:
        call.require("update:connections_options")
    return Reply(200, view(call, update(call.tx, connection, call.body, domain=call.domain)))


def delete_connection(call: Call) -> Reply:
    """DELETE /connections/{id}: 202 with the moment while there is something to delete, 204 after that."""
    bury(call.tx, call.now)
    connection = call.tx.get(KIND, ids.check_path_id("connection", call.params["id"]))
    if connection is None:
        return Reply(204)
    moment = connection.get(DELETED, call.now)
    if call.tx.varies(DELETION_TAKES_TIME):
        call.tx.put(KIND, connection["id"], connection | {DELETED: moment})
    else:
        remove(call.tx, connection)
    return Reply(204) if call.tx.varies(DELETION_204) else Reply(202, {"deleted_at": ids.timestamp(moment)})


def connection_status(call: Call) -> Reply:
    """GET /connections/{id}/status: only AD connectors have one, and none is online here."""
    if _existing(call)["strategy"] != "ad":
        raise bad_request("Checking the status is not supported for this connection.", "operation_not_supported")
    raise ApiError(404, "The connector is not online")


PURPOSE = closed({"active": BOOLEAN}, ("active",))
COMMON: dict[str, Rule] = {
    "authentication": PURPOSE,
    "connected_accounts": closed(
        dict.fromkeys(("active", "allow_missing_user_id", "cross_app_access"), BOOLEAN), ("active",)
    ),
    "cross_app_access_requesting_app": nullable(OBJECT),
    "cross_app_access_resource_app": nullable(OBJECT),
    "display_name": nullable(text(max=128)),
    "enabled_clients": nullable(STRINGS),
    "is_domain_connection": BOOLEAN,
    "metadata": nullable(OBJECT),
    "options": nullable(OPTIONS),
    "realms": STRINGS,
    "show_as_button": BOOLEAN,
}
NAME = text(max=128, pattern=r"^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$")
CREATE = closed(COMMON | {"name": NAME, "strategy": enum(*strategies.STRATEGIES)}, ("name", "strategy"))
UPDATE = closed(COMMON, min=1)


def list_client_connections(call: Call) -> Reply:
    """GET /clients/{id}/connections."""
    client_id = ids.check_path_id("client", call.params["id"])
    if call.tx.get("clients", client_id) is None:
        raise not_found("client")
    wanted = call.query.get("strategy", ())
    enabled = [row["connection_id"] for row in call.tx.find(enablements.KIND, {"client_id": client_id})]
    found = [connection for key in enabled if (connection := call.tx.get(KIND, key))]
    shown = [select(call, view(call, one), ALWAYS) for one in found if not wanted or one["strategy"] in wanted]
    return checkpoint_slice(call, "connections", shown, most=100)


def delete_connection_user(call: Call) -> Reply:
    """DELETE /connections/{id}/users: by e-mail; whether there was one is not told."""
    _existing(call)
    email = call.one("email")
    if not email:
        raise bad_request("Query validation error: 'Missing required property: email'.", "invalid_query_string")
    return Reply(204)


ROUTES = (
    Route(
        method="GET",
        path="/connections",
        scopes=("read:connections",),
        endpoint=list_connections,
        query=PAGING | FIELDS | {"strategy", "name"},
    ),
    Route(
        method="POST",
        path="/connections",
        scopes=("create:connections",),
        endpoint=create_connection,
        body=CREATE,
    ),
    Route(method="GET", path="/connections/{id}", scopes=("read:connections",), endpoint=get_connection, query=FIELDS),
    Route(
        method="PATCH",
        path="/connections/{id}",
        scopes=("update:connections",),
        endpoint=update_connection,
        body=UPDATE,
    ),
    Route(method="DELETE", path="/connections/{id}", scopes=("delete:connections",), endpoint=delete_connection),
    Route(
        method="DELETE",
        path="/connections/{id}/users",
        scopes=("delete:users",),
        endpoint=delete_connection_user,
        query=frozenset({"email"}),
    ),
    Route(method="GET", path="/connections/{id}/status", scopes=("read:connections",), endpoint=connection_status),
    Route(
        method="GET",
        path="/clients/{id}/connections",
        scopes=("read:connections", "read:clients", "read:client_summary"),
        endpoint=list_client_connections,
        query=PAGING | FIELDS | {"strategy"},
    ),
)

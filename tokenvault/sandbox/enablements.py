"""Stores and serves which applications may use which connection: `/connections/{id}/clients`."""

from __future__ import annotations

from . import ids, tenant_settings
from .check import BOOLEAN, NONEMPTY, array, closed
from .errors import bad_request, not_found
from .paging import checkpoint_slice
from .routing import PAGING, Call, Reply, Route
from .store import Document, Transaction

KIND = "enablements"
BATCH_LIMIT = 50


def clients_of(tx: Transaction, connection_id: str) -> list[str]:
    """The client ids a connection is enabled for, oldest first."""
    return [row["client_id"] for row in tx.below(KIND, connection_id)]


def is_enabled(tx: Transaction, connection_id: str, client_id: str) -> bool:
    """Whether the application may use the connection."""
    return tx.get(KIND, f"{connection_id}/{client_id}") is not None


def enable(tx: Transaction, connection_id: str, client_id: str) -> None:
    """Lets the application use the connection; no change where it may already."""
    tx.put(KIND, f"{connection_id}/{client_id}", {"connection_id": connection_id, "client_id": client_id})


def disable(tx: Transaction, connection_id: str, client_id: str) -> None:
    """Takes the connection from the application; no change where it may not use it."""
    tx.delete(KIND, f"{connection_id}/{client_id}")


def enable_by_default(tx: Transaction, client_id: str) -> None:
    """Enables every connection for a new application, where the tenant flag `enable_client_connections` is on."""
    if tenant_settings.flag(tx, "enable_client_connections"):
        for connection in tx.find("connections"):
            enable(tx, connection["id"], client_id)


def disable_everywhere(tx: Transaction, client_id: str) -> None:
    """Takes every connection from an application that is deleted."""
    for row in tx.find(KIND, {"client_id": client_id}):
        disable(tx, row["connection_id"], client_id)


def replace_clients(tx: Transaction, connection_id: str, client_ids: list[str]) -> None:
    """Replaces the whole list, as the deprecated `enabled_clients` of a connection does."""
    for client_id in clients_of(tx, connection_id):
        disable(tx, connection_id, client_id)
    for client_id in client_ids:
        _check_client(tx, client_id)
        enable(tx, connection_id, client_id)


def _check_client(tx: Transaction, client_id: str) -> None:
    if tx.get("clients", client_id) is None:
        raise bad_request(f"The client {client_id} does not exist")


# ---- endpoints


def _connection(call: Call) -> Document:
    connection = call.tx.get("connections", ids.check_path_id("connection", call.params["id"]))
    if connection is None:
        raise not_found("connection")
    return connection


def list_enabled_clients(call: Call) -> Reply:
    """GET: always a checkpoint page, whatever paging the query asks for."""
    rows: list[Document] = [{"client_id": client} for client in clients_of(call.tx, _connection(call)["id"])]
    return checkpoint_slice(call, "clients", rows, most=1000)


def update_enabled_clients(call: Call) -> Reply:
    """PATCH: enables and disables the applications that it names; the others stay as they are."""
    connection_id = _connection(call)["id"]
    for change in call.body:
        _check_client(call.tx, change["client_id"])
        switch = enable if change["status"] else disable
        switch(call.tx, connection_id, change["client_id"])
    return Reply(204)


CHANGE = closed({"client_id": NONEMPTY, "status": BOOLEAN}, ("client_id", "status"))
ROUTES = (
    Route(
        method="GET",
        path="/connections/{id}/clients",
        scopes=("read:connections",),
        endpoint=list_enabled_clients,
        query=PAGING,
    ),
    Route(
        method="PATCH",
        path="/connections/{id}/clients",
        scopes=("update:connections",),
        endpoint=update_enabled_clients,
        body=array(CHANGE, min=1, max=BATCH_LIMIT),
    ),
)

"""Tenant logs: keeps events about tokens and connected accounts, and answers them at `/logs` and `/users/{id}/logs`.

seta, feta                                              a Token Vault exchange
sertft, fertft                                          a refresh token that was used
connected_accounts_connection_succeeded, …_failed       an account that was connected
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from . import ids
from .errors import bad_request, not_found
from .paging import list_page, number, select, slice_page
from .routing import FIELDS, PAGING, Call, Reply, Route
from .store import Document, Transaction

KIND = "logs"
KEPT = 1000
EXCHANGE, REFRESH = ("seta", "feta"), ("sertft", "fertft")
CONNECT = ("connected_accounts_connection_succeeded", "connected_accounts_connection_failed")
SOCIAL = frozenset({"google-oauth2", "github", "box", "dropbox", "fitbit", "twitter", "windowslive", "oauth2"})


def keep(
    tx: Transaction,
    now: float,
    kind: str,
    *,
    client: Document | None,
    user_id: str = "",
    connection: str = "",
    ip: str = "",
    description: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Writes one event; of a thousand, the oldest goes."""
    log_id = f"900{re.sub(r'[^0-9]', '', ids.timestamp(now))}{ids.random_text(12)}"
    entry: Document = {
        "_id": log_id,
        "log_id": log_id,
        "date": ids.timestamp(now),
        "type": kind,
        "description": description,
        "client_id": (client or {}).get("client_id", ""),
        "client_name": (client or {}).get("name", ""),
        "ip": ip,
        "user_agent": "sandbox",
        "isMobile": False,
        "tenant_name": str((tx.get("tenant", "identity") or {}).get("domain", "")).split(".")[0],
        "environment_name": "sandbox",
        "details": dict(details or {}),
        **_user(tx, user_id),
        **_connection(tx, connection),
    }
    tx.put(KIND, log_id, entry)
    if (more := tx.count(KIND, {}) - KEPT) > 0:
        for oldest in tx.page(KIND, {}, offset=0, limit=more):
            tx.delete(KIND, oldest["log_id"])


def _user(tx: Transaction, user_id: str) -> Document:
    if not user_id:
        return {}
    user = tx.get("users", user_id) or {}
    return {"user_id": user_id, "user_name": user.get("email") or user_id.rpartition("|")[2]}


def _connection(tx: Transaction, name: str) -> Document:
    found = tx.first("connections", {"name": name}) if name else None
    if found is None:
        return {"connection": name} if name else {}
    kind = "social" if found["strategy"] in SOCIAL else "enterprise"
    return {"connection": name, "connection_id": found["id"], "strategy": found["strategy"], "strategy_type": kind}


# ---- endpoints


def list_logs(call: Call) -> Reply:
    """GET /logs: oldest first, unless the query sorts them."""
    if call.one("take") or call.one("from"):
        return list_page(call, KIND, "logs", {}, lambda entry: select(call, entry))
    wanted = _wanted(call.one("q") or "")
    return _page(call, [entry for entry in call.tx.find(KIND) if _fits(entry, wanted)])


def list_logs_of_user(call: Call) -> Reply:
    """GET /users/{id}/logs."""
    return _page(call, call.tx.find(KIND, {"user_id": call.params["id"]}))


def get_log(call: Call) -> Reply:
    """GET /logs/{id}."""
    entry = call.tx.get(KIND, call.params["id"])
    if entry is None:
        raise not_found("log", "log_not_found")
    return Reply(200, entry)


def _page(call: Call, entries: list[Document]) -> Reply:
    number(call, "page", 0)
    field, _, direction = (call.one("sort") or "date:1").partition(":")
    if field != "date" or direction not in ("1", "-1"):
        raise bad_request("Query validation error: 'sort' takes date:1 or date:-1.", "invalid_query_string")
    ordered = entries if direction == "1" else entries[::-1]
    return slice_page(call, "logs", [select(call, entry) for entry in ordered])


TERM = re.compile(r'\s*(\w[\w.]*):(?:"([^"]*)"|(\S+))\s*(?:AND\s+|$)')


def _wanted(query: str) -> dict[str, str]:
    """`type:feta AND user_id:"auth0|alice"`; other parts of Lucene's syntax are not known here."""
    found, at = dict[str, str](), 0
    while at < len(query):
        term = TERM.match(query, at)
        if term is None:
            raise bad_request("The query is not one that the sandbox understands", "invalid_query_string")
        found[term[1]], at = term[2] if term[2] is not None else term[3], term.end()
    return found


def _fits(entry: Document, wanted: Mapping[str, str]) -> bool:
    return all(str(entry.get(name, "")) == value for name, value in wanted.items())


SEARCH = PAGING | FIELDS | frozenset({"q", "sort"})
ROUTES = (
    Route(method="GET", path="/logs", scopes=("read:logs", "read:logs_users"), endpoint=list_logs, query=SEARCH),
    Route(method="GET", path="/logs/{id}", scopes=("read:logs", "read:logs_users"), endpoint=get_log),
    Route(
        method="GET",
        path="/users/{id}/logs",
        scopes=("read:logs", "read:logs_users"),
        endpoint=list_logs_of_user,
        query=PAGING | {"sort"},
    ),
)

"""The accounts that users have connected: `/users/{id}/connected-accounts`."""

from __future__ import annotations

from .errors import not_found
from .paging import checkpoint_slice
from .routing import PAGING, Call, Reply, Route
from .store import Document, Transaction

KIND = "connected_accounts"
SHOWN = ("id", "connection", "connection_id", "strategy", "access_type", "scopes", "created_at", "expires_at",
         "organization_id")  # fmt: skip


def accounts_of(tx: Transaction, user_id: str) -> list[Document]:
    """The user's accounts, oldest first."""
    return tx.find(KIND, {"user_id": user_id})


def list_accounts(call: Call) -> Reply:
    """GET: accounts that can be used while the user is away."""
    user_id = call.params["id"]
    if call.tx.get("users", user_id) is None:
        raise not_found("user")
    shown = [{key: account[key] for key in SHOWN if key in account} for account in accounts_of(call.tx, user_id)]
    return checkpoint_slice(call, "connected_accounts", shown, most=100)


ROUTES = (
    Route(
        method="GET",
        path="/users/{id}/connected-accounts",
        scopes=("read:users",),
        endpoint=list_accounts,
        query=PAGING,
    ),
)

"""Users, `/users`, and their connected accounts. A user whom nobody created is made up when first named."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

from . import ids
from .check import ANYTHING, BOOLEAN, NONEMPTY, STRING, Rule, closed
from .errors import bad_request, conflict, not_found
from .paging import checkpoint_slice, select, slice_page
from .routing import FIELDS, PAGING, Call, Reply, Route
from .store import Document, Transaction

KIND = "users"
PROFILE_CLAIMS = ("name", "nickname", "picture", "updated_at")
EMAIL_CLAIMS = ("email", "email_verified")


# ---- what is stored


def ensure_user(tx: Transaction, user_id: str, now: float) -> Document:
    """The user, made up on first mention."""
    user = tx.get(KIND, user_id)
    if user is None:
        user = {"user_id": user_id, "created_at": ids.timestamp(now)}
        tx.put(KIND, user_id, user)
    return user


def view(user: Document) -> Document:
    """The user with everything that nobody said about them made up from their id."""
    user_id = str(user["user_id"])
    provider, _, own = user_id.rpartition("|")
    created = user.get("created_at", ids.timestamp(0))
    email = user.get("email") or (own if "@" in own else f"{own}@acme.example")
    handle = email.partition("@")[0]
    connection = "Username-Password-Authentication" if provider in ("auth0", "") else provider
    made_up: dict[str, Any] = {
        "created_at": created,
        "updated_at": created,
        "email": email,
        "email_verified": True,
        "name": handle.replace(".", " ").title(),
        "nickname": handle,
        "picture": "https://cdn.auth0.com/avatars/default.png",
        "identities": [
            {
                "connection": connection,
                "user_id": own,
                "provider": provider or "auth0",
                "isSocial": provider not in ("auth0", ""),
            }
        ],
    }
    return made_up | user


def claims(user: Document, scopes: list[str]) -> Document:
    """What an ID token and /userinfo say of the user, for these scopes."""
    shown, wanted = view(user), ["sub"]
    wanted += PROFILE_CLAIMS if "profile" in scopes else ()
    wanted += EMAIL_CLAIMS if "email" in scopes else ()
    return {name: value for name, value in {"sub": shown["user_id"], **shown}.items() if name in wanted}


def remove(tx: Transaction, user_id: str) -> None:
    """The user with their connected accounts, sessions and refresh tokens."""
    for kind, key in (("connected_accounts", "id"), ("sessions", "id"), ("refresh_tokens", "token")):
        for held in tx.find(kind, {"user_id": user_id}):
            tx.delete(kind, f"{user_id}/{held['id']}" if kind == "connected_accounts" else held[key])
    tx.delete(KIND, user_id)


# ---- endpoints


def list_users(call: Call) -> Reply:
    """GET /users: all of them, or those that a search finds."""
    found = [user for user in map(view, call.tx.find(KIND)) if _is_meant(user, call.one("q") or "")]
    return slice_page(call, "users", [select(call, user) for user in found])


_TERM = re.compile(r'(?P<field>[\w.]+):(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]+))')


def _is_meant(user: Document, search: str) -> bool:
    """Whether a search of fields by value, joined by AND, finds the user; `*` stands for anything. Other forms are refused."""
    terms = list(_TERM.finditer(search))
    if _TERM.sub("", search).replace("AND", "").strip():
        raise bad_request(f"The sandbox searches by field:value, joined by AND: {search}", "invalid_query_string")
    return all(_holds(user, term["field"], term["quoted"] or term["plain"] or "") for term in terms)


def _holds(value: Any, field: str, wanted: str) -> bool:
    """Whether a field, dotted into objects and lists, has this value."""
    if isinstance(value, list):
        return any(_holds(one, field, wanted) for one in value)
    if field and isinstance(value, dict):
        name, _, rest = field.partition(".")
        return name in value and _holds(value[name], rest, wanted)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return not field and fnmatchcase(text.lower(), wanted.lower().replace("[", "[[]"))


def get_user(call: Call) -> Reply:
    """GET /users/{id}."""
    user = call.tx.get(KIND, call.params["id"])
    if user is None:
        raise not_found("user")
    return Reply(200, select(call, view(user)))


def users_by_email(call: Call) -> Reply:
    """GET /users-by-email: everybody with this address, however they log in."""
    wanted = (call.one("email") or "").lower()
    if "@" not in wanted:
        raise bad_request("Query validation error: 'email' is required.", "invalid_query_string")
    found = [user for user in map(view, call.tx.find(KIND)) if user["email"].lower() == wanted]
    return Reply(200, [select(call, user) for user in found])


def create_user(call: Call) -> Reply:
    """POST /users: a user of a database connection, whose password nobody asks for here."""
    body = {name: value for name, value in call.body.items() if name != "password"}
    connection = call.tx.first("connections", {"name": body.pop("connection")})
    if connection is None:
        raise bad_request("The connection does not exist", "inexistent_connection")
    own = body.pop("user_id", None) or ids.object_id()
    user_id = f"{connection['strategy']}|{own}"
    if call.tx.get(KIND, user_id) is not None:
        raise conflict("The user already exists.", "user_exists")
    user = {"user_id": user_id, "created_at": ids.timestamp(call.now), **body}
    call.tx.put(KIND, user_id, user)
    return Reply(201, view(user))


def delete_user(call: Call) -> Reply:
    """DELETE /users/{id}: 204 whether or not it was there."""
    remove(call.tx, call.params["id"])
    return Reply(204)


CREATE: Rule = closed(
    {
        "connection": NONEMPTY,
        "user_id": NONEMPTY,
        "email": NONEMPTY,
        "email_verified": BOOLEAN,
        "name": NONEMPTY,
        "nickname": NONEMPTY,
        "given_name": NONEMPTY,
        "family_name": NONEMPTY,
        "username": NONEMPTY,
        "picture": STRING,
        "password": NONEMPTY,
        "verify_email": BOOLEAN,
        "user_metadata": ANYTHING,
        "app_metadata": ANYTHING,
    },
    ("connection",),
)


# ---- the accounts that users have connected


SEARCH = frozenset({"q", "search_engine"})
ACCOUNTS = "connected_accounts"
ACCOUNT_FIELDS = ("id", "connection", "connection_id", "strategy", "access_type", "scopes", "created_at", "expires_at",
         "organization_id")  # fmt: skip


def accounts_of(tx: Transaction, user_id: str) -> list[Document]:
    """The user's accounts, oldest first."""
    return tx.find(ACCOUNTS, {"user_id": user_id})


def list_accounts(call: Call) -> Reply:
    """GET: accounts that can be used while the user is away."""
    user_id = call.params["id"]
    if call.tx.get("users", user_id) is None:
        raise not_found("user")
    shown = [
        {key: account[key] for key in ACCOUNT_FIELDS if key in account} for account in accounts_of(call.tx, user_id)
    ]
    return checkpoint_slice(call, "connected_accounts", shown, most=100)


ROUTES = (
    Route(method="GET", path="/users", scopes=("read:users",), endpoint=list_users, query=PAGING | FIELDS | SEARCH),
    Route(
        method="GET",
        path="/users-by-email",
        scopes=("read:users",),
        endpoint=users_by_email,
        query=FIELDS | {"email"},
    ),
    Route(method="POST", path="/users", scopes=("create:users",), endpoint=create_user, body=CREATE),
    Route(method="GET", path="/users/{id}", scopes=("read:users",), endpoint=get_user, query=FIELDS),
    Route(method="DELETE", path="/users/{id}", scopes=("delete:users",), endpoint=delete_user),
    Route(
        method="GET",
        path="/users/{id}/connected-accounts",
        scopes=("read:users",),
        endpoint=list_accounts,
        query=PAGING,
    ),
)

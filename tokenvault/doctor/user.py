"""The doctor for one user: what they connected, what went wrong for them, and the sentence to tell them.

Only what the API gave for this user goes into the answer: no token, no address of a network, no profile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tokenvault import __version__
from tokenvault.flavors.runtime.errors import RUN_TIME_ERRORS, RunTimeError, run_time_error
from tokenvault.flavors.runtime.providers import lacking_scopes, provider_title

FORMAT, VERSION = "tokenvault-doctor-user", "1.0"
Document = dict[str, Any]
FAILED = ("feta", "fertft", "connected_accounts_connection_failed")
EXCHANGED, NOT_EXCHANGED = "seta", "feta"
GONE = ("federated_connection_refresh_token_not_found", "federated_connection_refresh_token_flow_failed")
SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """What was read of one user. `unread` says why the logs are missing."""

    user_id: str
    accounts: Sequence[Mapping[str, Any]]
    logs: Sequence[Mapping[str, Any]] = ()
    unread: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of a connection now: its scopes, and the applications where users connect accounts of it.

    `broken` is why nothing can be exchanged through it, whoever the user is; `unknown`: the token may not tell.
    """

    strategy: str = ""
    scopes: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The tenant as far as it concerns users: connections by name, applications' names by client id, and the time.

    `whole`: nothing was left out, so that whatever the user connected belongs to the answer.
    """

    tenant: str
    asked: Mapping[str, Asked]
    names: Mapping[str, str] = field(default_factory=dict)
    now: float = 0.0
    whole: bool = True


def user_document(query: str, users: Sequence[UserView], context: Context) -> Document:
    """The public, versioned JSON form."""
    documents = [_user(user, context) for user in users]
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "tokenvault_version": __version__,
        "tenant": context.tenant,
        "asked": query,
        "ready": bool(documents) and all(c["state"] == "ready" for user in documents for c in user["connections"]),
        "users": documents,
    }


def _user(user: UserView, context: Context) -> Document:
    names = list(context.asked)
    if context.whole:
        names += [str(one["connection"]) for one in user.accounts if one["connection"] not in context.asked]
    return {
        "user_id": user.user_id,
        "connections": [_connection(name, user, context) for name in dict.fromkeys(names)],
        "failures": list(_failures(user, context)),
        "logs_unread": user.unread,
    }


# ---- one connection


def _connection(name: str, user: UserView, context: Context) -> Document:
    asked = context.asked.get(name, Asked())
    events = [entry for entry in user.logs if entry.get("connection") == name]
    accounts = [_account(one, asked, events, context) for one in user.accounts if one["connection"] == name]
    state, because = _state(asked, accounts)
    return {
        "connection": name,
        "strategy": asked.strategy or next((str(a["strategy"]) for a in accounts if a["strategy"]), None),
        "applications": list(asked.applications),
        "scopes": list(asked.scopes),
        "state": state,
        "because": because,
        "accounts": accounts,
        "tell": _tell(name, state, asked, accounts),
    }


def _account(
    account: Mapping[str, Any], asked: Asked, events: Sequence[Mapping[str, Any]], context: Context
) -> Document:
    """`scopes` is None where Auth0 does not tell; `refresh_token` where neither it nor the logs do."""
    granted = account.get("scopes")
    lacks = [] if granted is None else lacking_scopes(asked.scopes, granted)
    expires = account.get("expires_at")
    works, failed = _used(account, events)
    return {
        "id": account.get("id"),
        "strategy": account.get("strategy"),
        "organization": account.get("organization_id"),
        "created_at": account.get("created_at"),
        "expires_at": expires,
        "expired": bool(expires) and _moment(expires) <= context.now,
        "access_type": account.get("access_type"),
        "scopes": None if granted is None else list(granted),
        "lacks": lacks,
        "refresh_token": works,
        "last_failure": failed,
    }


def _used(account: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> tuple[bool | None, str | None]:
    """Whether the vault has a refresh token for it, told by the last exchange since it was connected; and how that failed."""
    if account.get("access_type") not in (None, "offline"):
        return False, None
    since = _moment(account.get("created_at"))
    for entry in sorted(events, key=lambda one: _moment(one.get("date")), reverse=True):
        if _moment(entry.get("date")) < since:
            break
        if entry.get("type") == EXCHANGED:
            return True, None
        if entry.get("type") == NOT_EXCHANGED and (code := code_of(entry)) in GONE:
            return False, code
    return None, None


def _state(asked: Asked, accounts: Sequence[Document]) -> tuple[str, list[str]]:
    """How it stands, the worst that the user cannot help first; of several accounts the best counts."""
    if asked.broken:
        return "not ready", list(asked.broken)
    if not accounts:
        return "not connected", ["the user never connected an account of it: logging in with it is not connecting it"]
    problems = [list(_problems(account)) for account in accounts]
    fewest = min(problems, key=len)
    if fewest:
        return "connect again", fewest
    if asked.unknown:
        return "unknown", ["the token may not read all that it depends on: `tokenvault doctor` names the scopes"]
    return "ready", []


def _problems(account: Document) -> Iterable[str]:
    if account["expired"]:
        yield f"the account expired at {account['expires_at']}"
    if account["lacks"]:
        yield f"it was connected before these scopes were asked for, or without them: {' '.join(account['lacks'])}"
    if account["refresh_token"] is False:
        code = account["last_failure"]
        yield f"the last exchange failed: {code}" if code else f"its access type is {account['access_type']}"


def _tell(name: str, state: str, asked: Asked, accounts: Sequence[Document]) -> str | None:
    """What the user should hear, in words that know nothing of scopes and tokens."""
    title = provider_title(asked.strategy, name)
    where = f" in {' or '.join(asked.applications[:3])}" if asked.applications else ""
    match state:
        case "not ready":
            return f"Access to your {title} account does not work at the moment. There is nothing you need to do; we mend it."
        case "not connected":
            return f"Please connect your {title} account{where}. Signing in with {title} is not enough."
        case "connect again":
            why = (
                "we ask for more than before" if any(a["lacks"] for a in accounts) else "the access that you gave ended"
            )
            return f"Please connect your {title} account{where} once more, and agree to what it asks: {why}."
        case _:
            return None


# ---- what went wrong


def _failures(user: UserView, context: Context) -> Iterable[Document]:
    failed = [entry for entry in user.logs if entry.get("type") in FAILED and _is_asked(entry, context)]
    for entry in sorted(failed, key=lambda one: _moment(one.get("date")), reverse=True)[:SHOWN]:
        error = _error(entry)
        client_id = str(entry.get("client_id") or "")
        yield {
            "date": entry.get("date"),
            "type": entry.get("type"),
            "code": code_of(entry),
            "means": error.means if error else None,
            "says": str(entry.get("description") or "") or None,
            "connection": entry.get("connection") or None,
            "application": context.names.get(client_id) or entry.get("client_name") or client_id or None,
        }


def _is_asked(entry: Mapping[str, Any], context: Context) -> bool:
    """What names no connection may be about any of them."""
    return context.whole or not entry.get("connection") or entry["connection"] in context.asked


def code_of(entry: Mapping[str, Any]) -> str | None:
    """The OAuth error of a log entry: Auth0 has it in `details`, or in words only."""
    details = entry.get("details")
    details = details if isinstance(details, Mapping) else {}
    values = [details.get("failure_reason"), details.get("error"), details.get("code")]
    flat = [value for one in values for value in (one.values() if isinstance(one, Mapping) else (one,))]
    known = {code for error in RUN_TIME_ERRORS for code in error.codes}
    texts = [*(str(value) for value in flat if value), str(entry.get("description") or "")]
    return next((text for text in texts if text in known), None) or next(
        (code for text in texts for code in sorted(known, key=len, reverse=True) if code in text),
        next((text for text in texts[:-1] if text.replace("_", "").isalnum()), None),
    )


def _error(entry: Mapping[str, Any]) -> RunTimeError | None:
    code = code_of(entry)
    return run_time_error(0, code, str(entry.get("description") or "")) if code else None


def _moment(text: object) -> float:
    """A time of the API as seconds; what is none is the beginning of time."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()

"""The consent page of a made-up provider: what stands between the connect flow's two requests.

A real provider would ask its user to log in and to consent; here the page asks for both at once, and hands out exactly
the scopes that were left ticked.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from . import ids, users
from .authorize import forget_expired, with_parameters
from .pages import PageError, button, form, page, redirect
from .routing import Reply
from .store import Document
from .visits import Visit

KIND = "connect_sessions"
PATH = "/connected-accounts/connect"
LIFETIME = 300


def begin(
    visit: Visit, *, user_id: str, client: Document, connection: Document, scopes: Sequence[str], redirect_uri: str,
    state: str | None, challenge: str | None, method: str, hint: str,
) -> Document:  # fmt: skip
    """A session of the connect flow, with the ticket that opens its page."""
    forget_expired(visit.tx, KIND, visit.now)
    key = ids.random_text(43)
    session = {
        "key": key,
        "ticket": ids.random_text(32),
        "expires": visit.now + LIFETIME,
        "user_id": user_id,
        "client_id": client["client_id"],
        "connection": connection["name"],
        "scopes": list(dict.fromkeys(scopes)),
        "redirect_uri": redirect_uri,
        "state": state,
        "challenge": challenge,
        "method": method,
        "hint": hint,
    }
    visit.tx.put(KIND, key, session)
    return session


def session(visit: Visit, key: str) -> Document | None:
    """The session that this key was handed out for, while it lasts."""
    held = visit.tx.get(KIND, key)
    return held if held and held["expires"] > visit.now else None


def end(visit: Visit, session: Document) -> None:
    """A session serves once."""
    visit.tx.delete(KIND, session["key"])


def _by_ticket(visit: Visit, ticket: str) -> Document:
    held = visit.tx.first(KIND, {"ticket": ticket}) if ticket else None
    if held is None or held["expires"] <= visit.now or held.get("code"):
        raise PageError(400, "This connection request is over", "Go back to the application and connect again.")
    return held


def show(visit: Visit) -> Reply:
    """GET: asks which account, and which scopes."""
    held = _by_ticket(visit, visit.query.get("ticket", ""))
    client = visit.tx.get("clients", held["client_id"]) or {"name": held["client_id"]}
    connection = visit.tx.first("connections", {"name": held["connection"]})
    if connection is None:
        raise PageError(400, "This connection is gone", f"{held['connection']} does not exist any more.")
    name = connection.get("display_name") or held["connection"]
    user = users.view(users.ensure_user(visit.tx, held["user_id"], visit.now))
    body = (
        f"<p><strong>{escape(str(client['name']))}</strong> wants to use <strong>{escape(name)}</strong> for "
        f"{escape(user['name'])} <small>({escape(user['user_id'])})</small>.</p>"
        f"{form(PATH, [('ticket', held['ticket'])], _fields(held, user))}"
    )
    return page(f"Connect {name}", body)


def _fields(held: Document, user: Document) -> str:
    account = held["hint"] or user["email"]
    ticks = "".join(
        f'<label><input type="checkbox" name="scope" value="{escape(scope)}" checked> <code>{escape(scope)}</code></label>'
        for scope in held["scopes"]
    )
    return (
        '<label>Account at the provider<input type="text" name="account" '
        f'value="{escape(account)}"></label><p>It will be able to:</p>{ticks or "<p>use the account</p>"}'
        f"<p>{button('decision', 'allow', 'Allow')} {button('decision', 'deny', 'Deny')}</p>"
    )


def submit(visit: Visit) -> Reply:
    """POST: back to the application, with a code or with the refusal."""
    pairs = visit.form_pairs
    fields = dict(pairs)
    held = _by_ticket(visit, fields.get("ticket", ""))
    if fields.get("decision") != "allow":
        end(visit, held)
        refusal = {"error": "access_denied", "error_description": "The user denied the request"}
        return redirect(with_parameters(held["redirect_uri"], {**refusal, "state": held["state"]}))
    ticked = {value for name, value in pairs if name == "scope"}
    held["consented"] = [scope for scope in held["scopes"] if scope in ticked]
    held["account"] = fields.get("account", "").strip() or held["hint"] or held["user_id"]
    held["code"] = ids.random_text(43)
    visit.tx.put(KIND, held["key"], held)
    return redirect(with_parameters(held["redirect_uri"], {"connect_code": held["code"], "state": held["state"]}))

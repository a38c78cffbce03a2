"""The My Account API, `/me/v1/connected-accounts/…`: an application connects an account for the user who is logged in.

POST   connect          a ticket for the browser, and a session to complete
POST   complete         the account, once the user has consented at the provider
GET    accounts         the user's accounts            DELETE accounts/{id}
GET    connections      what could be connected
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from . import authorize, client_auth, connections, enablements, logs, providers, users
from .auth import bearer, read_token
from .check import NONEMPTY, OBJECT, STRING, STRINGS, Rule, check_body, enum, opened
from .errors import ApiError, OAuthError
from .login import new_account
from .routing import Reply, Visit
from .store import Document
from .system_apis import my_account_identifier

PREFIX = "/me/v1/connected-accounts"
PAGE_SIZE = 20
TITLES = {400: "Validation Error", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}
ERRORS = "https://auth0.com/api-errors#"


class Problem(Exception):
    """A refusal of the My Account API: `{"type", "title", "detail", "status"}`."""

    def __init__(self, status: int, detail: str, code: str) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code = status, detail, code

    def reply(self) -> Reply:
        """The JSON form."""
        body = {
            "type": f"{ERRORS}{self.code}",
            "title": TITLES.get(self.status, "Error"),
            "detail": self.detail,
            "status": self.status,
        }
        return Reply(self.status, body, {"Content-Type": "application/json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The user whose token it is, and the application that holds it."""

    user_id: str
    client: Document


Endpoint = Callable[[Visit, Caller, str], Reply]


def answer(visit: Visit) -> Reply:
    """The reply to a request below /me/v1/connected-accounts; raises Problem for every refusal."""
    path = visit.message.path.removeprefix(PREFIX).rstrip("/")
    served = [(method, scope, endpoint, found) for method, pattern, scope, endpoint in ROUTES
              if (found := re.fullmatch(pattern, path))]  # fmt: skip
    if not served:
        raise Problem(404, "There is no such resource.", "A0E-404-0001")
    for method, scope, endpoint, found in served:
        if method == visit.message.method:
            return endpoint(visit, _caller(visit, scope), unquote(found.groupdict().get("id", "")))
    raise Problem(405, "The resource does not know this method.", "A0E-405-0001")


def _caller(visit: Visit, scope: str) -> Caller:
    try:
        claims = read_token(visit.tx, bearer(visit.authorization), my_account_identifier(visit.domain), visit.now)
    except (ApiError, ValueError) as problem:
        raise Problem(401, f"The access token is missing or not valid: {problem}", "A0E-401-0003") from None
    if scope not in str(claims.get("scope", "")).split():
        raise Problem(403, f"Insufficient scope, expected: {scope}", "A0E-403-0002")
    client, user_id = visit.tx.get("clients", str(claims.get("azp"))), str(claims["sub"])
    if client is None or visit.tx.get(users.KIND, user_id) is None:
        raise Problem(401, "The user or the application of the access token is gone", "A0E-401-0003")
    return Caller(user_id=user_id, client=client)


def _body(visit: Visit, rule: Rule) -> Document:
    try:
        body = visit.json_object()
        check_body(rule, body)
    except (ApiError, OAuthError) as problem:
        raise Problem(400, str(problem), "A0E-400-0003") from None
    return body


# ---- connecting


CONNECT = opened(
    {
        "connection": NONEMPTY,
        "redirect_uri": NONEMPTY,
        "state": STRING,
        "scopes": STRINGS,
        "code_challenge": NONEMPTY,
        "code_challenge_method": enum(*client_auth.PKCE_METHODS),
        "authorization_params": OBJECT,
    },
    ("connection", "redirect_uri"),
)


def _connect(visit: Visit, caller: Caller, _: str) -> Reply:
    """POST connect."""
    body = _body(visit, CONNECT)
    client, connection = caller.client, _connection(visit, caller.client, body["connection"])
    if not authorize.may_redirect(body["redirect_uri"], client.get("callbacks") or []):
        raise Problem(400, f"Callback URL mismatch: {body['redirect_uri']}", "A0E-400-0003")
    parameters = body.get("authorization_params") or {}
    scopes = body["scopes"] if body.get("scopes") else providers.scopes_of(connection.get("options", {}))
    session = providers.begin(
        visit,
        user_id=caller.user_id,
        client=client,
        connection=connection,
        scopes=scopes,
        redirect_uri=body["redirect_uri"],
        state=body.get("state"),
        challenge=body.get("code_challenge"),
        method=body.get("code_challenge_method", "S256"),
        hint=str(parameters.get("login_hint") or ""),
    )
    answered = {
        "auth_session": session["key"],
        "connect_uri": visit.alias.url(providers.CONSENT_PATH[1:]),
        "connect_params": {"ticket": session["ticket"]},
        "expires_in": providers.LIFETIME,
    }
    return Reply(201, answered)


def _connection(visit: Visit, client: Document, name: str) -> Document:
    """The connection, when this application may connect accounts through it."""
    connection = visit.tx.first(connections.KIND, {"name": name})
    if connection is None:
        raise Problem(404, f"The connection {name} does not exist", "A0E-404-0001")
    if not client.get("is_first_party") or not client.get("oidc_conformant"):
        raise Problem(403, "Connected accounts require a first-party, OIDC conformant client.", "A0E-403-0003")
    if not connection["connected_accounts"].get("active"):
        raise Problem(400, f"The connection {name} is not enabled for connected accounts", "A0E-400-0003")
    if not enablements.is_enabled(visit.tx, connection["id"], client["client_id"]):
        raise Problem(400, f"The connection {name} is not enabled for the client", "A0E-400-0003")
    try:
        providers.check_parameters(connection)
    except OAuthError as refusal:
        raise Problem(400, refusal.description, "A0E-400-0003") from None
    return connection


COMPLETE = opened(
    {"auth_session": NONEMPTY, "connect_code": NONEMPTY, "redirect_uri": NONEMPTY, "code_verifier": NONEMPTY},
    ("auth_session", "connect_code", "redirect_uri"),
)


def _logged(endpoint: Endpoint, *, succeeds: bool) -> Endpoint:
    """The endpoint, with an event in the tenant's logs when connecting fails, and when it has succeeded."""

    def run(visit: Visit, caller: Caller, rest: str) -> Reply:
        event: dict[str, Any] = {"client": caller.client, "user_id": caller.user_id, "ip": visit.message.client_host}
        try:
            reply = endpoint(visit, caller, rest)
        except Problem as problem:
            named = _named_connection(visit)
            logs.keep(visit.tx, visit.now, logs.CONNECT[1], **event, connection=named, description=problem.detail)
            raise
        if succeeds:
            logs.keep(visit.tx, visit.now, logs.CONNECT[0], **event, connection=reply.body["connection"])
        return reply

    return run


def _named_connection(visit: Visit) -> str:
    try:
        body = visit.json_object()
    except OAuthError:
        return ""
    session = providers.session(visit, str(body.get("auth_session") or "")) or {}
    return str(body.get("connection") or session.get("connection") or "")


def _complete(visit: Visit, caller: Caller, _: str) -> Reply:
    """POST complete."""
    body = _body(visit, COMPLETE)
    session = providers.session(visit, body["auth_session"])
    if session is None or session["user_id"] != caller.user_id or session["client_id"] != caller.client["client_id"]:
        raise Problem(400, "The auth_session is not valid or over", "A0E-400-0003")
    if not session.get("code") or session["code"] != body["connect_code"]:
        raise Problem(400, "The connect_code is not valid", "A0E-400-0003")
    if session["redirect_uri"] != body["redirect_uri"]:
        raise Problem(400, "The redirect_uri is not the one of the connect request", "A0E-400-0003")
    if session["challenge"] and not client_auth.pkce_matches(
        body.get("code_verifier", ""), session["challenge"], session["method"]
    ):
        raise Problem(400, "Failed to verify code verifier", "A0E-400-0003")
    connection = _connection(visit, caller.client, session["connection"])
    providers.end(visit, session)
    return Reply(201, _shown(_kept(visit, caller.user_id, connection, session)))


def _kept(visit: Visit, user_id: str, connection: Document, session: Document) -> Document:
    """The account as it is in the vault from now on; the same one at the provider is renewed, not doubled."""
    account = new_account(user_id, connection, visit.now, session["consented"], session["account"])
    for old in users.accounts_of(visit.tx, user_id):
        if (old["connection_id"], old.get("login_hint")) == (connection["id"], session["account"]):
            account |= {"id": old["id"], "created_at": old["created_at"]}
    visit.tx.put(users.ACCOUNTS, f"{user_id}/{account['id']}", account)
    return account


# ---- what is connected


def _shown(account: Document) -> Document:
    names = ("id", "connection", "access_type", "scopes", "created_at", "expires_at")
    return {name: account[name] for name in names if name in account}


def _accounts(visit: Visit, caller: Caller, _: str) -> Reply:
    """GET accounts."""
    wanted = visit.query.get("connection")
    held = users.accounts_of(visit.tx, caller.user_id)
    return _page(visit, "accounts", [_shown(one) for one in held if wanted in (None, "", one["connection"])])


def _remove(visit: Visit, caller: Caller, account_id: str) -> Reply:
    """DELETE accounts/{id}."""
    if not visit.tx.delete(users.ACCOUNTS, f"{caller.user_id}/{account_id}"):
        raise Problem(404, "There is no such connected account", "A0E-404-0001")
    return Reply(204)


def _connections(visit: Visit, caller: Caller, _: str) -> Reply:
    """GET connections: those that this application may connect accounts through."""
    client_id = caller.client["client_id"]
    usable = [one for one in visit.tx.find(connections.KIND) if one["connected_accounts"].get("active")
              and enablements.is_enabled(visit.tx, one["id"], client_id)]  # fmt: skip
    shown = [{"name": one["name"], "strategy": one["strategy"], "scopes": providers.scopes_of(one.get("options", {}))}
             for one in usable]  # fmt: skip
    return _page(visit, "connections", shown)


def _page(visit: Visit, key: str, items: list[Document]) -> Reply:
    """One page; some clients send the cursor back as `from`, some as `next`."""
    query = visit.query
    cursor, take = query.get("from") or query.get("next") or "0", query.get("take") or str(PAGE_SIZE)
    if not cursor.isdecimal() or not take.isdecimal() or not 1 <= int(take) <= PAGE_SIZE:
        raise Problem(400, f"take must be 1 to {PAGE_SIZE}, and from a cursor that was handed out", "A0E-400-0003")
    start, end = int(cursor), int(cursor) + int(take)
    body: dict[str, Any] = {key: items[start:end]}
    return Reply(200, body | ({"next": str(end)} if len(items) > end else {}))


ROUTES: tuple[tuple[str, str, str, Endpoint], ...] = (
    ("POST", "/connect", "create:me:connected_accounts", _logged(_connect, succeeds=False)),
    ("POST", "/complete", "create:me:connected_accounts", _logged(_complete, succeeds=True)),
    ("GET", "/accounts", "read:me:connected_accounts", _accounts),
    ("DELETE", "/accounts/(?P<id>[^/]+)", "delete:me:connected_accounts", _remove),
    ("GET", "/connections", "read:me:connected_accounts", _connections),
)

"""Logs users in and out: `/authorize`, the login page on which a developer picks a user, `/userinfo`, `/v2/logout`.

No password is asked for: whoever reaches the port can log in as any user.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from . import client_auth, ids, users
from .auth import bearer, read_token
from .errors import ApiError, OAuthError
from .pages import PageError, button, form, page, redirect
from .routing import Reply, Visit
from .store import Document, Transaction
from .user_tokens import Login, granted_at_login

COOKIE = "auth0"
REQUESTS, CODES, SESSIONS = "login_requests", "authorization_codes", "sessions"
REQUEST_LIFETIME, CODE_LIFETIME, SESSION_LIFETIME = 3_600, 60, 7 * 86_400
USERS_SHOWN = 200
LOGIN_PATH = "/u/login"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """What an application asked of `/authorize`, judged."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    audience: str | None
    state: str | None
    nonce: str | None
    challenge: str | None
    method: str | None


# ---- the request


def authorize(visit: Visit) -> Reply:
    """GET /authorize: on to the login page, or straight back to the application when the browser has a session."""
    query = visit.query
    client = _client(visit.tx, query.get("client_id", ""))
    redirect_uri = _redirect_uri(client, query.get("redirect_uri"))
    try:
        request = _judge(visit.tx, client, redirect_uri, query)
    except OAuthError as refusal:
        error = {"error": refusal.error, "error_description": visit.alias.outward_text(refusal.description)}
        return redirect(with_parameters(redirect_uri, {**error, "state": query.get("state")}))
    prompt = query.get("prompt", "").split()
    session = None if "login" in prompt else _session(visit, query.get("max_age"))
    if session:
        return _finish(visit, request, session)
    if "none" in prompt:
        error = {"error": "login_required", "error_description": "Login required"}
        return redirect(with_parameters(redirect_uri, {**error, "state": request.state}))
    key = _remember(visit, request, hint=query.get("login_hint"))
    return redirect(f"{LOGIN_PATH}?{urlencode({'state': key})}")


def _client(tx: Transaction, client_id: str) -> Document:
    client = tx.get("clients", client_id)
    if client is None or client.get("global"):
        raise PageError(400, "Unknown client", f"There is no application with the client id {client_id!r}.")
    return client


def _redirect_uri(client: Document, asked: str | None) -> str:
    callbacks: list[str] = client.get("callbacks") or []
    if not asked and len(callbacks) == 1:
        return callbacks[0]
    if not asked or not may_redirect(asked, callbacks):
        description = f"The provided redirect_uri {asked or ''} is not in the list of allowed callback URLs."
        raise PageError(403, "Callback URL mismatch", description)
    return asked


def may_redirect(asked: str, allowed: list[str]) -> bool:
    """Whether an address is one of the allowed ones, in whose host one label may be a wildcard."""
    return any(re.fullmatch(re.escape(one).replace(r"\*", "[A-Za-z0-9_-]+"), asked) for one in allowed)


def _judge(tx: Transaction, client: Document, redirect_uri: str, query: dict[str, str]) -> LoginRequest:
    if query.get("response_type") != "code":
        raise OAuthError(400, "unsupported_response_type", "The sandbox knows the response type code alone")
    if query.get("response_mode", "query") != "query":
        raise OAuthError(400, "invalid_request", "The sandbox knows the response mode query alone")
    if "authorization_code" not in client.get("grant_types", []):
        raise OAuthError(403, "unauthorized_client", "Grant type 'authorization_code' not allowed for the client.")
    challenge, method = query.get("code_challenge"), query.get("code_challenge_method", "plain")
    if challenge and method not in client_auth.PKCE_METHODS:
        raise OAuthError(400, "invalid_request", f"Unknown code_challenge_method: {method}")
    settings = tx.get("tenant", "settings") or {}
    audience = query.get("audience") or settings.get("default_audience") or None
    return LoginRequest(
        client_id=client["client_id"],
        redirect_uri=redirect_uri,
        scopes=granted_at_login(tx, client, audience, query.get("scope", "").split()),
        audience=audience,
        state=query.get("state"),
        nonce=query.get("nonce"),
        challenge=challenge,
        method=method if challenge else None,
    )


def _remember(visit: Visit, request: LoginRequest, hint: str | None) -> str:
    forget_expired(visit.tx, REQUESTS, visit.now)
    key = ids.random_text(32)
    expiry = visit.now + REQUEST_LIFETIME
    visit.tx.put(REQUESTS, key, {"key": key, "expires": expiry, "hint": hint, "request": asdict(request)})
    return key


def forget_expired(tx: Transaction, kind: str, now: float) -> None:
    """Remove what nobody can use any more."""
    for held in tx.find(kind):
        if held["expires"] <= now:
            tx.delete(kind, held["key"])


def with_parameters(address: str, parameters: dict[str, str | None]) -> str:
    """An address with more query parameters; those without a value are left out."""
    parts = urlsplit(address)
    given = [(name, value) for name, value in parameters.items() if value is not None]
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *given])
    return urlunsplit(parts._replace(query=query))


# ---- the login page


def show_login(visit: Visit) -> Reply:
    """GET /u/login: the planted users, and a field for somebody new."""
    held = _pending(visit, visit.query.get("state", ""))
    client = _client(visit.tx, held["request"]["client_id"])
    known = [users.view(user) for user in visit.tx.page(users.KIND, {}, offset=0, limit=USERS_SHOWN)]
    hint = held.get("hint") or ""
    known.sort(key=lambda user: hint not in (user["user_id"], user["email"]))
    picks = "".join(
        button("user", user["user_id"], f"{user['name']} · {user['user_id']}", kind="user") for user in known
    )
    somebody = (
        "<p><label>Somebody new: an email address, or a user id such as auth0|carol"
        f'<input type="text" name="new_user" value="{escape("" if _is_known(known, hint) else hint)}"></label></p>'
        f"<p>{button('action', 'create', 'Continue')} {button('action', 'cancel', 'Cancel')}</p>"
    )
    body = (
        f"<p>to continue to <strong>{escape(str(client['name']))}</strong></p>"
        f"{form(LOGIN_PATH, [('state', held['key'])], picks)}{form(LOGIN_PATH, [('state', held['key'])], somebody)}"
        f"{_asked(held['request'])}"
    )
    return page("Log in", body)


def _is_known(known: list[Document], hint: str) -> bool:
    return any(hint in (user["user_id"], user["email"]) for user in known)


def _asked(request: Document) -> str:
    api = f" for <code>{escape(request['audience'])}</code>" if request["audience"] else ""
    return f'<p class="quiet"><small>Scopes{api}: {escape(" ".join(request["scopes"]) or "none")}</small></p>'


def _pending(visit: Visit, key: str) -> Document:
    held = visit.tx.get(REQUESTS, key)
    if held is None or held["expires"] <= visit.now:
        raise PageError(400, "This login is over", "Go back to the application and try again.")
    return held


def submit_login(visit: Visit) -> Reply:
    """POST /u/login: logs the chosen user in and sends them back with a code."""
    fields = visit.form
    held = _pending(visit, fields.get("state", ""))
    request = LoginRequest(**{**held["request"], "scopes": tuple(held["request"]["scopes"])})
    if fields.get("action") == "cancel":
        visit.tx.delete(REQUESTS, held["key"])
        error = {"error": "access_denied", "error_description": "The user cancelled the login"}
        return redirect(with_parameters(request.redirect_uri, {**error, "state": request.state}))
    user_id = fields.get("user") or _user_named(visit.tx, fields.get("new_user", "").strip())
    if not user_id:  # nobody was named: back to the page
        return redirect(f"{LOGIN_PATH}?{urlencode({'state': held['key']})}")
    visit.tx.delete(REQUESTS, held["key"])
    users.ensure_user(visit.tx, user_id, visit.now)
    return _finish(visit, request, _begin_session(visit, user_id), new=True)


def _user_named(tx: Transaction, name: str) -> str:
    """The user id for what was typed: an id stands as it is, an address is somebody's, or makes somebody."""
    if not name or "|" in name:
        return name
    known = next((user["user_id"] for user in tx.find(users.KIND) if users.view(user)["email"] == name), None)
    return known or f"auth0|{name}"


# ---- sessions


def _session(visit: Visit, max_age: str | None) -> Document | None:
    session = visit.tx.get(SESSIONS, visit.cookies.get(COOKIE, ""))
    if session is None or session["expires"] <= visit.now or visit.tx.get(users.KIND, session["user_id"]) is None:
        return None
    too_old = max_age is not None and max_age.isdigit() and visit.now - session["auth_time"] > int(max_age)
    return None if too_old else session


def _begin_session(visit: Visit, user_id: str) -> Document:
    forget_expired(visit.tx, SESSIONS, visit.now)
    key = ids.random_text(32)
    session = {
        "key": key,
        "id": key,
        "user_id": user_id,
        "auth_time": visit.now,
        "expires": visit.now + SESSION_LIFETIME,
    }
    visit.tx.put(SESSIONS, key, session)
    return session


def _cookie(visit: Visit, value: str, age: int) -> str:
    secure = "; Secure" if visit.alias.secure else ""
    return f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}"


def _finish(visit: Visit, request: LoginRequest, session: Document, *, new: bool = False) -> Reply:
    """Back to the application with a code."""
    forget_expired(visit.tx, CODES, visit.now)
    code = ids.random_text(43)
    login = {**asdict(request), "user_id": session["user_id"], "auth_time": session["auth_time"]}
    visit.tx.put(CODES, code, {"key": code, "expires": visit.now + CODE_LIFETIME, "session_id": session["id"], **login})
    location = with_parameters(request.redirect_uri, {"code": code, "state": request.state})
    return redirect(location, [_cookie(visit, session["key"], SESSION_LIFETIME)] if new else [])


def login_of_code(code: Document, client: Document) -> Login:
    """The login that an authorization code stands for."""
    return Login(
        client=client,
        user_id=code["user_id"],
        audience=code["audience"],
        scopes=tuple(code["scopes"]),
        auth_time=code["auth_time"],
        session_id=code["session_id"],
    )


# ---- logging out, and who is logged in


def logout(visit: Visit) -> Reply:
    """GET /v2/logout and /oidc/logout: ends the session and goes where the application may send people."""
    query = visit.query
    session = visit.tx.get(SESSIONS, visit.cookies.get(COOKIE, ""))
    if session:
        visit.tx.delete(SESSIONS, session["key"])
    target = query.get("returnTo") or query.get("post_logout_redirect_uri")
    gone = _cookie(visit, "", 0)
    if not target:
        reply = page("Logged out", "<p>The session is over.</p>")
        return Reply(reply.status, reply.body, {**reply.headers, "Set-Cookie": gone})
    if not may_redirect(target, _logout_urls(visit.tx, query)):
        description = f"{target} is not in the list of allowed logout URLs."
        raise PageError(400, "Logout URL mismatch", description)
    return redirect(with_parameters(target, {"state": query.get("state")}), [gone])


def _logout_urls(tx: Transaction, query: dict[str, str]) -> list[str]:
    client_id = query.get("client_id") or client_auth.unverified_claims(query.get("id_token_hint", "")).get("aud")
    client = tx.get("clients", client_id) if isinstance(client_id, str) else None
    settings = tx.get("tenant", "settings") or {}
    own: list[str] = (client or {}).get("allowed_logout_urls") or []
    return [*own, *(settings.get("allowed_logout_urls") or [])]


def userinfo(visit: Visit) -> Reply:
    """GET or POST /userinfo: what the scopes of the access token say of its user."""
    try:
        token = bearer(visit.authorization)
        claims: dict[str, Any] = read_token(visit.tx, token, f"https://{visit.domain}/userinfo", visit.now)
    except (ApiError, ValueError):
        return Reply(401, "Unauthorized", {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    user = visit.tx.get(users.KIND, str(claims["sub"]))
    if user is None:
        return Reply(401, "Unauthorized", {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    return Reply(200, users.claims(user, str(claims.get("scope", "")).split()))

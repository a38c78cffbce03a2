"""The simulated identity providers: the tokens that they issue when a user connects an account, their consent page, their API."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import urlsplit

from . import ids, users
from .auth import bearer
from .authorize import forget_expired, with_parameters
from .errors import ApiError, OAuthError
from .pages import PageError, button, form, page, redirect
from .routing import Reply, Visit
from .store import Document, Transaction

OFFLINE_SCOPES = frozenset({"offline_access", "offline.access", "offline", "refresh_token"})
# These hand out refresh tokens (or tokens that never end) without being asked, once their app is set up for it.
GENEROUS_HOSTS = (
    "slack.com", "discord.com", "figma.com", "spotify.com", "freshbooks.com", "snapchat.com", "stripe.com", "twitch.tv",
    "huggingface.co", "digitalocean.com", "linear.app", "notion.com",
)  # fmt: skip
WITH_FLAG = frozenset({"google-oauth2", "google-apps", "windowslive"})
WITH_SCOPE = frozenset({"oidc", "okta", "waad", "salesforce", "salesforce-sandbox", "salesforce-community"})
OAUTH_APP_PREFIX = "Ov"  # GitHub's OAuth Apps; its GitHub Apps begin with Iv


def keys_of(connection: Document) -> str:
    """The provider's client id that the tenant uses; empty means Auth0's developer keys."""
    return str(connection.get("options", {}).get("client_id") or "")


def uses_developer_keys(connection: Document) -> bool:
    """Whether the connection uses Auth0's developer keys, which all tenants share: no token is stored for it."""
    return not keys_of(connection)


def gives_refresh_token(connection: Document) -> bool:
    """Whether connecting an account leaves a refresh token in the vault."""
    options, strategy = connection.get("options", {}), connection["strategy"]
    if uses_developer_keys(connection):
        return False
    if strategy in WITH_FLAG:
        return options.get("offline_access") is True
    if strategy in WITH_SCOPE:
        return _asks_offline(options) and _can_refresh(strategy, options)
    match strategy:
        case "oauth2":
            return _asks_offline(options) or _is_generous(options)
        case "twitter":
            return options.get("protocol") == "oauth2" and options.get("offline_access") is True
        case "github":
            return not keys_of(connection).startswith(OAUTH_APP_PREFIX)
    return True


def _can_refresh(strategy: str, options: Document) -> bool:
    if strategy not in ("oidc", "okta"):
        return True
    return options.get("type", "back_channel") == "back_channel" and not options.get("dpop_signing_alg")


def _asks_offline(options: Document) -> bool:
    asked = set(scopes_of(options)) | set(options.get("freeform_scopes") or [])
    parameters = {**(options.get("authParams") or {}), **_plain(options.get("upstream_params") or {})}
    return bool(asked & OFFLINE_SCOPES) or "offline" in parameters.values()


def _plain(upstream: Document) -> dict[str, Any]:
    return {name: spec.get("value") for name, spec in upstream.items() if isinstance(spec, dict)}


def _is_generous(options: Document) -> bool:
    host = urlsplit(str(options.get("authorizationURL", ""))).hostname or ""
    return any(host == known or host.endswith(f".{known}") for known in GENEROUS_HOSTS)


def scopes_of(options: Document) -> list[str]:
    """`options.scope`, whichever of its three forms it has."""
    scope = options.get("scope") or []
    return scope.replace(",", " ").split() if isinstance(scope, str) else list(scope)


def check_parameters(connection: Document) -> None:
    """Raises an error for parameters that Google refuses: a login request that says twice whether to prompt."""
    sent = _plain(connection.get("options", {}).get("upstream_params") or {})
    forced = sent.get("approval_prompt") or sent.get("prompt")
    if connection["strategy"] in ("google-oauth2", "google-apps") and forced:
        raise OAuthError(400, "invalid_request", "Conflict params: approval_prompt and prompt")


# ---- the consent page
# A real provider would ask its user to log in and to consent; here the page asks for both at once, and hands out exactly
# the scopes that were left ticked.


CONNECTS = "connect_sessions"
CONSENT_PATH = "/connected-accounts/connect"
LIFETIME = 300


def begin(
    visit: Visit, *, user_id: str, client: Document, connection: Document, scopes: Sequence[str], redirect_uri: str,
    state: str | None, challenge: str | None, method: str, hint: str,
) -> Document:  # fmt: skip
    """A session of the connect flow, with the ticket that opens its page."""
    forget_expired(visit.tx, CONNECTS, visit.now)
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
    visit.tx.put(CONNECTS, key, session)
    return session


def session(visit: Visit, key: str) -> Document | None:
    """The session that this key was handed out for, while it lasts."""
    held = visit.tx.get(CONNECTS, key)
    return held if held and held["expires"] > visit.now else None


def end(visit: Visit, session: Document) -> None:
    """Ends a session: it can be used once."""
    visit.tx.delete(CONNECTS, session["key"])


def _by_ticket(visit: Visit, ticket: str) -> Document:
    held = visit.tx.first(CONNECTS, {"ticket": ticket}) if ticket else None
    if held is None or held["expires"] <= visit.now or held.get("code"):
        raise PageError(400, "This connection request is over", "Go back to the application and connect again.")
    return held


def show_consent(visit: Visit) -> Reply:
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
        f"{form(CONSENT_PATH, [('ticket', held['ticket'])], _fields(held, user))}"
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


def submit_consent(visit: Visit) -> Reply:
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
    visit.tx.put(CONNECTS, held["key"], held)
    return redirect(with_parameters(held["redirect_uri"], {"connect_code": held["code"], "state": held["state"]}))


# ---- the provider's API: it answers any path, and says whose token it was called with and what the token is good for


PROVIDER_TOKENS = "provider_tokens"
API_PREFIX = "/sandbox/provider"
REFUSED = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


def hand_out(
    tx: Transaction, connection: Document, account: Document, scopes: Sequence[str], now: float, lifetime: int
) -> str:
    """A token of the provider for this account."""
    for old in tx.find(PROVIDER_TOKENS):
        if old["expires"] <= now:
            tx.delete(PROVIDER_TOKENS, old["token"])
    token = f"{connection['strategy']}-sandbox-token-{secrets.token_urlsafe(24)}"
    held = {"token": token, "expires": now + lifetime, "connection": connection["name"], "scopes": list(scopes)}
    tx.put(PROVIDER_TOKENS, token, {**held, "account_id": account["id"], "user_id": account["user_id"]})
    return token


def answer_api(tx: Transaction, path: str, authorization: str | None, now: float) -> Reply:
    """The reply of the provider's API to a call."""
    held = _held(tx, authorization)
    if held is None or held["expires"] <= now:
        return Reply(401, {"error": "invalid_token", "message": "The provider does not know this token"}, REFUSED)
    account = tx.get("connected_accounts", f"{held['user_id']}/{held['account_id']}")
    user = tx.get(users.KIND, held["user_id"])
    if account is None or user is None:
        return Reply(401, {"error": "invalid_token", "message": "The account is not connected any more"}, REFUSED)
    body = {
        "path": path.removeprefix(API_PREFIX) or "/",
        "connection": held["connection"],
        "account": account.get("login_hint") or users.view(user)["email"],
        "user_id": held["user_id"],
        "scopes": held["scopes"],
    }
    return Reply(200, body)


def _held(tx: Transaction, authorization: str | None) -> Document | None:
    try:
        return tx.get(PROVIDER_TOKENS, bearer(authorization))
    except ApiError:
        return None

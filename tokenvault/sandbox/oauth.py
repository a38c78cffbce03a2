"""`POST /oauth/token`: client credentials, authorization codes, refresh tokens, and (in exchange.py) Token Vault exchanges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from . import authorize, client_auth, client_grants, exchange, logs, user_tokens
from .aliases import Alias
from .auth import issue_token
from .client_auth import authenticate
from .errors import OAuthError
from .routing import Reply, Visit
from .store import Document, Transaction

NO_STORE = {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}
Grant = Callable[[Visit, Document, Mapping[str, str]], Reply]


def token(visit: Visit) -> Reply:
    """POST /oauth/token; raises OAuthError for every refusal."""
    form = visit.form
    grant_type = form.get("grant_type")
    if not grant_type:
        raise OAuthError(400, "invalid_request", "Missing required parameter: grant_type")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise OAuthError(403, "unsupported_grant_type", f"Unsupported grant type: {grant_type}")
    client = _caller(visit, form)
    if grant_type in LOGGED:
        return _logged(grant, visit, client, form)
    _check_grant_type(client, grant_type)
    return grant(visit, client, form)


def _check_grant_type(client: Document, grant_type: str) -> None:
    if grant_type not in client.get("grant_types", []):
        raise OAuthError(403, "unauthorized_client", f"Grant type '{grant_type}' not allowed for the client.")


def _logged(grant: Grant, visit: Visit, client: Document, form: Mapping[str, str]) -> Reply:
    """The grant, with its event in the tenant's logs. A refusal is answered, not raised: its event must last."""
    event = _event(visit, client, form)
    succeeded, failed = LOGGED[form["grant_type"]]
    try:
        _check_grant_type(client, form["grant_type"])
        reply = grant(visit, client, form)
    except OAuthError as refusal:
        details = {**event["details"], "failure_reason": refusal.error}
        logs.keep(visit.tx, visit.now, failed, **{**event, "details": details}, description=refusal.description)
        return Reply(refusal.status, refusal.body(), {**NO_STORE, **refusal.headers})
    logs.keep(visit.tx, visit.now, succeeded if reply.status < 400 else failed, **event)
    return reply


def _event(visit: Visit, client: Document, form: Mapping[str, str]) -> dict[str, Any]:
    """The log event of a request, before it is checked. The user that a worker names is taken as it is."""
    is_exchange = form["grant_type"] == exchange.GRANT_TYPE
    user_id, claims = exchange.named_user(visit.tx, form) if is_exchange else ("", {})
    held = visit.tx.get(user_tokens.KIND, form.get("refresh_token", ""))
    details: dict[str, Any] = {"is_privileged_worker": "audit_context" in claims} if is_exchange else {}
    return {
        "client": client,
        "user_id": str(held["user_id"]) if held else user_id,
        "connection": form.get("connection", ""),
        "ip": visit.message.client_host,
        "details": details | ({"audit_context": claims["audit_context"]} if "audit_context" in claims else {}),
    }


def revoke(visit: Visit) -> Reply:
    """POST /oauth/revoke: forgets a refresh token; a token that is none is no error."""
    form = visit.form
    client = _caller(visit, form)
    held = visit.tx.get(user_tokens.KIND, form.get("token", ""))
    if held and held["client_id"] == client["client_id"]:
        user_tokens.revoke_family(visit.tx, held["token"])
    return Reply(200, None, NO_STORE)


def _caller(visit: Visit, form: Mapping[str, str]) -> Document:
    issuers = _issuers(visit.domain, visit.alias)
    return authenticate(visit.tx, form, visit.authorization, issuers=issuers, now=visit.now)


def _issuers(domain: str, alias: Alias) -> frozenset[str]:
    """What may stand for this tenant as the audience of a JWT that somebody else signed."""
    names = {domain, alias.name, *alias.others}
    return frozenset(f"https://{name}/{path}" for name in names for path in ("", "oauth/token"))


# ---- client credentials


def _client_credentials(visit: Visit, client: Document, form: Mapping[str, str]) -> Reply:
    if client.get("token_endpoint_auth_method") == "none":
        raise OAuthError(401, "access_denied", "Unauthorized")
    settings = visit.tx.get("tenant", "settings") or {}
    audience = form.get("audience") or settings.get("default_audience")
    if not audience:
        raise OAuthError(
            403, "access_denied", "No audience parameter was provided, and no default audience has been configured"
        )
    api, scopes = _machine_scopes(visit.tx, client, audience)
    wanted = form.get("scope", "").split()
    granted = " ".join(scope for scope in scopes if not wanted or scope in wanted)
    claims = {
        "sub": f"{client['client_id']}@clients",
        "aud": audience,
        "azp": client["client_id"],
        "scope": granted,
        "gty": "client-credentials",
    }
    access_token = issue_token(visit.tx, claims, alias=visit.alias, now=visit.now, api=api)
    body = {
        "access_token": access_token,
        "scope": granted,
        "expires_in": api["token_lifetime"],
        "token_type": "Bearer",
    }
    return Reply(200, body, NO_STORE)


def _machine_scopes(tx: Transaction, client: Document, audience: str) -> tuple[Document, list[str]]:
    api = tx.first("resource_servers", {"identifier": audience})
    if api is None:
        raise OAuthError(403, "access_denied", f"Service not enabled within domain: {audience}")
    scopes = client_grants.granted_scopes(tx, client["client_id"], audience, "client")
    if scopes is None or api["subject_type_authorization"]["client"]["policy"] == "deny_all":
        raise OAuthError(
            403,
            "access_denied",
            f'Client is not authorized to access "{audience}". You need to create a "client-grant" associated to this '
            "API. See: https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants",
        )
    return api, scopes


# ---- the grants of a login


def _authorization_code(visit: Visit, client: Document, form: Mapping[str, str]) -> Reply:
    code = visit.tx.get(authorize.CODES, form.get("code", ""))
    if code is None or code["client_id"] != client["client_id"] or code["expires"] <= visit.now:
        raise OAuthError(403, "invalid_grant", "Invalid authorization code")
    if form.get("redirect_uri", code["redirect_uri"]) != code["redirect_uri"]:
        raise OAuthError(403, "invalid_grant", "The redirect_uri is not the one of the authorization request")
    _check_verifier(client, code, form.get("code_verifier"))
    visit.tx.delete(authorize.CODES, code["key"])
    login = authorize.login_of_code(code, client)
    body = user_tokens.answer(visit.tx, login, visit.now, alias=visit.alias, nonce=code["nonce"], domain=visit.domain)
    if "offline_access" in login.scopes:
        body["refresh_token"] = user_tokens.issue(visit.tx, login, visit.now)
    return Reply(200, body, NO_STORE)


def _check_verifier(client: Document, code: Document, verifier: str | None) -> None:
    """PKCE; an application that proves who it is in no other way must use it."""
    if code["challenge"] is None:
        if verifier or client.get("token_endpoint_auth_method") == "none":
            raise OAuthError(403, "invalid_grant", "The authorization request had no code_challenge")
        return
    if not verifier or not client_auth.pkce_matches(verifier, code["challenge"], code["method"]):
        raise OAuthError(403, "invalid_grant", "Failed to verify code verifier")


def _refresh_token(visit: Visit, client: Document, form: Mapping[str, str]) -> Reply:
    presented = form.get("refresh_token", "")
    if not presented:
        raise OAuthError(400, "invalid_request", "Missing required parameter: refresh_token")
    held = user_tokens.find(visit.tx, presented, client, visit.now)
    if held is None:
        if user_tokens.was_replaced(visit.tx, presented, client):
            user_tokens.revoke_family(visit.tx, presented)
        # answered, not raised: the revocation must last
        return Reply(403, OAuthError(403, "invalid_grant", "Unknown or invalid refresh token.").body(), NO_STORE)
    login = _narrowed(visit, held, client, form)
    body = user_tokens.answer(visit.tx, login, visit.now, alias=visit.alias, domain=visit.domain)
    if renewed := user_tokens.use(visit.tx, held, client, visit.now):
        body["refresh_token"] = renewed
    return Reply(200, body, NO_STORE)


def _narrowed(visit: Visit, held: Document, client: Document, form: Mapping[str, str]) -> user_tokens.Login:
    """The login for the API and the scopes that are asked for now.

    An audience outside the token's policies is ignored, as Auth0 does: the token is for the API of the login.
    """
    login = user_tokens.login_of(held, client)
    asked, audience = form.get("scope", "").split(), form.get("audience")
    policies = [policy for policy in held["policies"] if policy["audience"] == audience]
    if not audience or audience == login.audience or not policies:
        kept = tuple(scope for scope in login.scopes if not asked or scope in asked)
        return replace(login, scopes=kept or login.scopes)
    api = user_tokens.check_audience(visit.tx, client, policies[0]["audience"])
    permitted = {scope for policy in policies for scope in policy["scope"]}
    allowed = [one for one in user_tokens.allowed_scopes(visit.tx, client, api) if one in permitted]
    oidc = [one for one in login.scopes if one in user_tokens.OIDC_SCOPES and (not asked or one in asked)]
    given = (*oidc, *(one for one in allowed if not asked or one in asked))
    return replace(login, audience=audience, scopes=given)


# ---- the exchange


def _exchange(visit: Visit, client: Document, form: Mapping[str, str]) -> Reply:
    request = exchange.Request(
        client=client,
        form=form,
        issuers=_issuers(visit.domain, visit.alias),
        client_host=visit.message.client_host,
        domain=visit.domain,
        now=visit.now,
    )
    body: dict[str, Any] = exchange.exchange(visit.tx, request)
    return Reply(200, body, NO_STORE)


LOGGED = {"refresh_token": logs.REFRESH, exchange.GRANT_TYPE: logs.EXCHANGE}
GRANTS: dict[str, Grant] = {
    "client_credentials": _client_credentials,
    "authorization_code": _authorization_code,
    "refresh_token": _refresh_token,
    exchange.GRANT_TYPE: _exchange,
}

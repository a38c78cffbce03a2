"""The tokens of a login: which APIs and scopes an application may have for a user, and the answer that holds them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from . import client_grants, signing, users
from .aliases import Alias
from .auth import issue_token
from .errors import OAuthError
from .refresh_tokens import OIDC_SCOPES, Login
from .store import Document, Transaction
from .system_apis import is_my_account

ID_TOKEN_LIFETIME = 36_000


def refuse(error: str, description: str, status: int = 403) -> OAuthError:
    """A refusal in the words of OAuth."""
    return OAuthError(status, error, description)


# ---- what may be asked for


def check_audience(tx: Transaction, client: Document, audience: str) -> Document:
    """The API, when its policy lets users of this application in."""
    api = tx.first("resource_servers", {"identifier": audience})
    if api is None:
        raise refuse("access_denied", f"Service not found: {audience}", 400)
    policy = api["subject_type_authorization"]["user"]["policy"]
    granted = client_grants.granted_scopes(tx, client["client_id"], audience, "user")
    if policy == "deny_all" or (policy == "require_client_grant" and granted is None):
        message = f'Client "{client["client_id"]}" is not authorized to access resource server "{audience}".'
        raise refuse("access_denied", message)
    return api


def allowed_scopes(tx: Transaction, client: Document, api: Document) -> list[str]:
    """The API's scopes that the application may have for a user: all of them, or those of its grant."""
    values = [scope["value"] for scope in api.get("scopes", [])]
    if api["subject_type_authorization"]["user"]["policy"] == "allow_all":
        return values
    granted = client_grants.granted_scopes(tx, client["client_id"], api["identifier"], "user") or []
    return [value for value in values if value in granted]


def check_my_account(api: Document) -> None:
    """What else must hold of the My Account API for a token that nobody is asked about."""
    if not api["skip_consent_for_verifiable_first_party_clients"]:
        raise refuse("consent_required", "Consent required")
    if api.get("authorization_policy"):
        raise refuse("unmet_authentication_requirements", "The authorization policy of the API is not met")
    if (api.get("proof_of_possession") or {}).get("required"):
        raise refuse("invalid_dpop_proof", "The API requires proof of possession", 400)


def granted_at_login(
    tx: Transaction, client: Document, audience: str | None, asked: Collection[str]
) -> tuple[str, ...]:
    """The scopes of a login: what was asked for (all that is allowed, when nothing was) and may be had."""
    api = check_audience(tx, client, audience) if audience else None
    allowed = allowed_scopes(tx, client, api) if api else []
    if not asked:
        return ("openid", "profile", "email", *allowed)
    offline = "refresh_token" in client.get("grant_types", []) and (api is None or api["allow_offline_access"])
    oidc = [scope for scope in OIDC_SCOPES if scope in asked and (scope != "offline_access" or offline)]
    return (*oidc, *(scope for scope in allowed if scope in asked))


# ---- what is handed out


def answer(
    tx: Transaction, login: Login, now: float, *, alias: Alias, nonce: str | None = None, domain: str
) -> dict[str, Any]:
    """Access token and, for OpenID Connect, ID token of a login; its audience and scopes are judged already."""
    api = check_audience(tx, login.client, login.audience) if login.audience else None
    if api and is_my_account(tx, api["identifier"], domain):
        check_my_account(api)
    body: dict[str, Any] = {
        "access_token": _access_token(tx, login, now, api, alias, domain),
        "scope": " ".join(login.scopes),
        "expires_in": api["token_lifetime"] if api else ID_TOKEN_LIFETIME,
        "token_type": "Bearer",
    }
    if "openid" in login.scopes:
        body["id_token"] = _id_token(tx, login, now, alias, nonce)
    return body


def _access_token(tx: Transaction, login: Login, now: float, api: Document | None, alias: Alias, domain: str) -> str:
    userinfo = f"https://{domain}/userinfo"
    claims: Document = {
        "sub": login.user_id,
        "azp": login.client["client_id"],
        "scope": " ".join(login.scopes),
    }
    if api is None:
        return issue_token(
            tx, {**claims, "aud": userinfo}, alias=alias, now=now, api={"token_lifetime": ID_TOKEN_LIFETIME}
        )
    also_userinfo = "openid" in login.scopes and not is_my_account(tx, api["identifier"], domain)
    audience = [api["identifier"], userinfo] if also_userinfo else api["identifier"]
    return issue_token(tx, {**claims, "aud": audience}, alias=alias, now=now, api=api)


def _id_token(tx: Transaction, login: Login, now: float, alias: Alias, nonce: str | None) -> str:
    client = login.client
    user = users.ensure_user(tx, login.user_id, now)
    configuration = client.get("jwt_configuration") or {}
    claims: Document = {
        **users.claims(user, list(login.scopes)),
        "iss": alias.issuer,
        "aud": client["client_id"],
        "iat": int(now),
        "exp": int(now) + int(configuration.get("lifetime_in_seconds", ID_TOKEN_LIFETIME)),
        "auth_time": int(login.auth_time),
        "sid": login.session_id,
    }
    if nonce:
        claims["nonce"] = nonce
    return _signed_for(tx, client, claims, str(configuration.get("alg", "RS256")))


def _signed_for(tx: Transaction, client: Document, claims: Document, alg: str) -> str:
    if alg == "HS256" and client.get("client_secret") and client.get("token_endpoint_auth_method") != "none":
        return signing.sign_with_secret(claims, client["client_secret"])
    return signing.sign(tx, claims, alg=alg if alg in signing.ASYMMETRIC else "RS256")

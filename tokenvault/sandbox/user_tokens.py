"""The tokens of a login: which APIs and scopes an application gets for a user, the tokens that are issued, and refresh tokens."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from . import auth, client_grants, ids, users
from .aliases import Alias
from .auth import issue_token
from .errors import OAuthError
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
    """Raises OAuthError where the My Account API gives no token without consent, another login or proof of possession."""
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
        return auth.sign_with_secret(claims, client["client_secret"])
    return auth.sign(tx, claims, alg=alg if alg in auth.ASYMMETRIC else "RS256")


# ---- refresh tokens: what they remember of the login, when they end, and how they rotate
# A refresh token remembers the policies (MRRT) that its application had when it was issued: later changes of the
# application do not reach it.


KIND = "refresh_tokens"
TOKEN_LIMIT = 200  # refresh tokens of one user at one application; the oldest goes first
OIDC_SCOPES = ("openid", "profile", "email", "address", "phone", "offline_access")
LOGIN_SCOPES = ("openid", "profile", "email", "offline_access")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who logged in at which application, when, and what they asked for."""

    client: Document
    user_id: str
    audience: str | None
    scopes: tuple[str, ...]
    auth_time: float
    session_id: str


def issue(tx: Transaction, login: Login, now: float, *, family: str | None = None) -> str:
    """A new refresh token of this login; of a family when it takes the place of another."""
    client = login.client
    held = [one for one in tx.find(KIND, {"client_id": client["client_id"]}) if one["user_id"] == login.user_id]
    for oldest in held[: len(held) + 1 - TOKEN_LIMIT]:
        tx.delete(KIND, oldest["token"])
    token = f"v1.{secrets.token_urlsafe(40)}"
    tx.put(
        KIND,
        token,
        {
            "token": token,
            "user_id": login.user_id,
            "client_id": client["client_id"],
            "audience": login.audience,
            "scopes": list(login.scopes),
            "auth_time": login.auth_time,
            "session_id": login.session_id,
            "family": family or ids.random_text(22),
            "rotating": client["refresh_token"]["rotation_type"] == "rotating",
            "policies": client["refresh_token"].get("policies") or [],
            "created_at": ids.timestamp(now),
            "issued": now,
            "used": now,
        },
    )
    return token


def find(tx: Transaction, token: str, client: Document, now: float) -> Document | None:
    """The live refresh token of this application, or None; one that was replaced lives on for the leeway."""
    found = tx.get(KIND, token)
    if found is None or found["client_id"] != client["client_id"] or _is_expired(found, client, now):
        return None
    if "replaced" in found and now - found["replaced"] > client["refresh_token"].get("leeway", 0):
        return None
    return found


def _is_expired(token: Document, client: Document, now: float) -> bool:
    settings = client["refresh_token"]
    if "issued" not in token or settings.get("expiration_type") != "expiring":
        return False
    return _over(settings, "token_lifetime", token["issued"], now) or _over(
        settings, "idle_token_lifetime", token["used"], now
    )


def _over(settings: Document, lifetime: str, since: float, now: float) -> bool:
    limit: Any = settings.get(lifetime)
    return not settings.get(f"infinite_{lifetime}") and isinstance(limit, int) and now - since > limit


def was_replaced(tx: Transaction, token: str, client: Document) -> bool:
    """Whether this token was used up by rotation: somebody presents a copy."""
    found = tx.get(KIND, token)
    return found is not None and found["client_id"] == client["client_id"] and "replaced" in found


def use(tx: Transaction, found: Document, client: Document, now: float) -> str | None:
    """Note the use of a token; the one that takes its place, when the application rotates them."""
    found["used"] = now
    if not found["rotating"] and client["refresh_token"]["rotation_type"] != "rotating":
        tx.put(KIND, found["token"], found)
        return None
    found.setdefault("replaced", now)
    tx.put(KIND, found["token"], found)
    return issue(tx, login_of(found, client), now, family=found.get("family"))


def login_of(token: Document, client: Document) -> Login:
    """The login that a refresh token stands for."""
    return Login(
        client=client,
        user_id=token["user_id"],
        audience=token.get("audience"),
        scopes=tuple(token.get("scopes", LOGIN_SCOPES)),
        auth_time=float(token.get("auth_time", 0)),
        session_id=token.get("session_id", ""),
    )


def revoke_family(tx: Transaction, token: str) -> None:
    """Forget a token and every other that rotation made of the same login."""
    found = tx.get(KIND, token)
    if found is None:
        return
    family = found.get("family")
    tx.delete(KIND, token)
    for other in tx.find(KIND, {"family": family}) if family else ():
        tx.delete(KIND, other["token"])

"""The endpoints beside the Management API: finds the one for a request, and answers refusals in that endpoint's form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import auth, authorize, my_account, oauth, providers
from .errors import ApiError, OAuthError
from .my_account import Problem
from .pages import PageError
from .routing import Reply, Visit
from .user_tokens import OIDC_SCOPES

# ---- `/.well-known/…`: where a tenant's endpoints are, and its public keys


CACHE = {"Cache-Control": "public, max-age=15"}
CLAIMS = (
    "aud", "auth_time", "created_at", "email", "email_verified", "exp", "iat", "identities", "iss", "name",
    "nickname", "picture", "sub",
)  # fmt: skip


def openid_configuration(visit: Visit) -> Reply:
    """GET /.well-known/openid-configuration, with the host name that the caller used."""
    at = visit.alias.url
    body: dict[str, Any] = {
        "issuer": visit.alias.issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("oauth/token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at(".well-known/jwks.json"),
        "revocation_endpoint": at("oauth/revoke"),
        "end_session_endpoint": at("oidc/logout"),
        "scopes_supported": list(OIDC_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256", "plain"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["HS256", *auth.ASYMMETRIC],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "PS256"],
        "claims_supported": list(CLAIMS),
        "request_uri_parameter_supported": False,
        "request_parameter_supported": False,
    }
    return Reply(200, body, CACHE)


def jwks(visit: Visit) -> Reply:
    """GET /.well-known/jwks.json."""
    return Reply(200, auth.jwks(visit.tx), CACHE)


# ---- which endpoint


ENDPOINTS: dict[tuple[str, str], Callable[[Visit], Reply]] = {
    ("GET", "/.well-known/openid-configuration"): openid_configuration,
    ("GET", "/.well-known/oauth-authorization-server"): openid_configuration,
    ("GET", "/.well-known/jwks.json"): jwks,
    ("GET", "/authorize"): authorize.authorize,
    ("GET", authorize.LOGIN_PATH): authorize.show_login,
    ("POST", authorize.LOGIN_PATH): authorize.submit_login,
    ("GET", "/v2/logout"): authorize.logout,
    ("GET", "/oidc/logout"): authorize.logout,
    ("GET", "/userinfo"): authorize.userinfo,
    ("POST", "/userinfo"): authorize.userinfo,
    ("POST", "/oauth/token"): oauth.token,
    ("POST", "/oauth/revoke"): oauth.revoke,
    ("GET", providers.CONSENT_PATH): providers.show_consent,
    ("POST", providers.CONSENT_PATH): providers.submit_consent,
}
PATHS = frozenset(path for _, path in ENDPOINTS)
PUBLIC = frozenset(path for path in PATHS if path.startswith("/.well-known/"))


def is_endpoint(path: str) -> bool:
    """Whether a request to this path is served here."""
    return path in PATHS or path.startswith(f"{my_account.PREFIX}/")


def answer(visit: Visit) -> Reply:
    """The reply to a request beside the Management API; raises ApiError or OAuthError for some refusals."""
    method, path = visit.message.method, visit.message.path
    if method == "OPTIONS" and is_endpoint(path):  # a browser asks whether a page may call
        return Reply(204)
    try:
        if path.startswith(f"{my_account.PREFIX}/"):
            return my_account.answer(visit)
        endpoint = ENDPOINTS.get(("GET" if method == "HEAD" else method, path))
        if endpoint is None and path == "/oauth/token":
            raise OAuthError(404, "not_found", "Not Found")
        if endpoint is None:
            raise ApiError(405, "Method Not Allowed") if path in PATHS else ApiError(404, "Not Found")
        return endpoint(visit)
    except (Problem, PageError) as refusal:
        return refusal.reply()

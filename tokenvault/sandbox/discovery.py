"""`/.well-known/…`: where a tenant's endpoints are, and its public keys."""

from __future__ import annotations

from typing import Any

from . import signing
from .refresh_tokens import OIDC_SCOPES
from .routing import Reply
from .visits import Visit

CACHE = {"Cache-Control": "public, max-age=15"}
CLAIMS = (
    "aud", "auth_time", "created_at", "email", "email_verified", "exp", "iat", "identities", "iss", "name",
    "nickname", "picture", "sub",
)  # fmt: skip


def openid_configuration(visit: Visit) -> Reply:
    """GET /.well-known/openid-configuration, in the words of whoever asks."""
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
        "id_token_signing_alg_values_supported": ["HS256", *signing.ASYMMETRIC],
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
    return Reply(200, signing.jwks(visit.tx), CACHE)

"""Fills a new tenant: with the objects that Auth0 gives to every tenant, and with those of a sample company."""

from __future__ import annotations

from . import (
    CLIENT_ID,
    CLIENT_SECRET,
    client_defaults,
    client_grants,
    clients,
    connections,
    enablements,
    ids,
    resource_servers,
    system_apis,
    users,
)
from . import tenant_settings as settings
from .store import Document, Transaction


def plant_bare_tenant(tx: Transaction, domain: str) -> None:
    """What every tenant is born with: its settings, the Management API, the global client."""
    tx.put("tenant", "identity", {"domain": domain})
    tx.put("tenant", "settings", settings.defaults("Acme"))
    tx.put("tenant", "policies", {"policies": []})
    resource_servers.create(tx, system_apis.management_api(domain), domain=domain)
    _plant_global_client(tx, domain)


def _plant_global_client(tx: Transaction, domain: str) -> None:
    client: Document = {
        "tenant": domain.split(".")[0],
        "global": True,
        "name": "All Applications",
        "callbacks": [],
        "is_first_party": True,
        "owners": ["mr|samlp|admin@acme.example"],
        "custom_login_page_on": True,
        "cross_origin_authentication": True,
        "client_id": ids.client_id(),
        "client_secret": ids.client_secret(),
        "signing_keys": clients.signing_keys(),
    }
    rotation = {"rotation_type": "non-rotating", "expiration_type": "non-expiring"}
    client["refresh_token"] = client_defaults.complete_refresh_token(rotation, client)
    tx.put("clients", client["client_id"], client)


def plant_sample_company(tx: Transaction, domain: str, now: float) -> None:
    """Acme: a deploy tool, a legacy portal with a past, a single-page app, the connections they use, and two users."""
    company = domain.split(".")[0]
    settings.plant_domain(tx, {"domain": "auth.acme.example", "type": "auth0_managed_certs"})
    created = {body["name"]: connections.create(tx, body, domain=domain)["id"] for body in SAMPLE_CONNECTIONS}
    clients.create(tx, DEPLOY_TOOL, now, tenant=company, client_id=CLIENT_ID)
    grant = {"client_id": CLIENT_ID, "audience": system_apis.management_identifier(domain)}
    client_grants.create(tx, {**grant, "scope": list(system_apis.MANAGEMENT_SCOPES)}, domain=domain)
    for user_id in SAMPLE_USERS:
        users.ensure_user(tx, user_id, now)
    for body in (LEGACY_PORTAL, STOREFRONT):
        client = clients.create(tx, body, now, tenant=company)
        for name in ("google-oauth2", "github", "Username-Password-Authentication"):
            enablements.enable(tx, created[name], client["client_id"])


SAMPLE_USERS = ("auth0|alice", "auth0|bob")
DEPLOY_TOOL: Document = {
    "name": "Acme Deploy",
    "description": "Machine-to-machine application for infrastructure as code",
    "app_type": "non_interactive",
    "grant_types": ["client_credentials"],
    "token_endpoint_auth_method": "client_secret_post",
    "oidc_conformant": True,
    "jwt_configuration": {"alg": "RS256", "lifetime_in_seconds": 36_000},
    "client_secret": CLIENT_SECRET,
}
LEGACY_PORTAL: Document = {
    "name": "Legacy Portal",
    "description": "The customer portal of 2014. Handle with care.",
    "app_type": "regular_web",
    "token_endpoint_auth_method": "client_secret_post",
    "oidc_conformant": False,
    "grant_types": ["authorization_code", "implicit", "refresh_token", "client_credentials", "password"],
    "callbacks": ["https://portal.acme.example/login/callback", "https://old.acme.example/callback"],
    "allowed_logout_urls": ["https://portal.acme.example/bye"],
    "allowed_origins": ["https://portal.acme.example"],
    "web_origins": ["https://portal.acme.example"],
    "logo_uri": "https://portal.acme.example/logo.png",
    "initiate_login_uri": "https://portal.acme.example/login",
    "sso": True,
    "client_metadata": {"team": "portal", "cost_center": "4711"},
    "jwt_configuration": {"alg": "HS256", "lifetime_in_seconds": 28_800},
    "refresh_token": {
        "rotation_type": "rotating",
        "expiration_type": "expiring",
        "leeway": 30,
        "token_lifetime": 2_592_000,
        "idle_token_lifetime": 1_296_000,
        "infinite_token_lifetime": False,
        "infinite_idle_token_lifetime": False,
    },
    "native_social_login": {"apple": {"enabled": False}, "facebook": {"enabled": False}},
    "mobile": {"ios": {"team_id": "9JA89QQLNQ", "app_bundle_identifier": "com.acme.portal"}},
}
STOREFRONT: Document = {
    "name": "Storefront",
    "app_type": "spa",
    "token_endpoint_auth_method": "none",
    "oidc_conformant": True,
    "grant_types": ["authorization_code", "refresh_token"],
    "callbacks": ["https://shop.acme.example"],
    "web_origins": ["https://shop.acme.example"],
    "allowed_logout_urls": ["https://shop.acme.example"],
    "refresh_token": {"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 0},
    "jwt_configuration": {"alg": "RS256", "lifetime_in_seconds": 36_000},
}
SAMPLE_CONNECTIONS: tuple[Document, ...] = (
    {"name": "Username-Password-Authentication", "strategy": "auth0"},
    {
        "name": "google-oauth2",
        "strategy": "google-oauth2",
        "options": {
            "client_id": "1234567890-acme.apps.googleusercontent.com",
            "client_secret": "GOCSPX-acme-sandbox-only",
            "email": True,
            "profile": True,
            "allowed_audiences": ["acme.apps.googleusercontent.com"],
            "set_user_root_attributes": "on_each_login",
            "icon_url": "https://acme.example/google.png",
        },
    },
    {
        "name": "github",
        "strategy": "github",
        "options": {
            "client_id": "Iv1.acme0sandbox",
            "client_secret": "acme-github-sandbox-only",
            "email": True,
            "read_user": True,
            "profile": True,
            "upstream_params": {"screen_name": {"alias": "login_hint"}},
        },
    },
    {
        "name": "sign-in-with-slack",
        "strategy": "oauth2",
        "display_name": "Slack",
        "options": {
            "client_id": "111.222",
            "client_secret": "acme-slack-sandbox-only",
            "authorizationURL": "https://slack.com/oauth/v2/authorize",
            "tokenURL": "https://slack.com/api/oauth.v2.access",
            "scope": ["users:read", "channels:read"],
            "scripts": {"fetchUserProfile": "function(accessToken, ctx, cb) { cb(null, ctx); }"},
        },
    },
)

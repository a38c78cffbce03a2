"""The APIs that Auth0 itself owns: the Management API and the My Account API, told by their identifiers."""

from __future__ import annotations

from .store import Document, Transaction

MANAGEMENT_NAME, MY_ACCOUNT_NAME = "Auth0 Management API", "Auth0 My Account API"
CONNECTED_ACCOUNTS_SCOPES = (
    "create:me:connected_accounts",
    "read:me:connected_accounts",
    "delete:me:connected_accounts",
)
MY_ACCOUNT_SCOPES = (
    "read:me:authentication_methods",
    "delete:me:authentication_methods",
    "update:me:authentication_methods",
    "create:me:authentication_methods",
    "read:me:factors",
    *CONNECTED_ACCOUNTS_SCOPES,
)
CRUD = ("read", "create", "update", "delete")
WHOLE = (
    "client_grants", "users", "users_app_metadata", "clients", "client_keys", "client_credentials",
    "client_token_vault_privileged_access", "connections", "resource_servers", "device_credentials", "rules",
    "actions", "email_provider", "email_templates", "roles", "custom_domains", "log_streams", "organizations",
    "authentication_methods", "phone_providers", "phone_templates", "encryption_keys", "self_service_profiles",
    "forms", "flows", "flows_vault_connections", "network_acls", "user_attribute_profiles", "event_streams",
    "connection_profiles", "token_exchange_profiles", "rate_limit_policies", "scim_config",
)  # fmt: skip
VERBS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(WHOLE, CRUD),
    "connections_options": ("read", "update"),
    "connections_keys": ("read", "create", "update"),
    "client_summary": ("read",),
    "tenant_settings": ("read", "update"),
    "mfa_policies": ("read", "update"),
    "guardian_factors": ("read", "update"),
    "guardian_enrollments": ("read", "delete"),
    "prompts": ("read", "update"),
    "branding": ("read", "update", "delete"),
    "attack_protection": ("read", "update"),
    "grants": ("read", "delete"),
    "logs": ("read",),
    "stats": ("read",),
    "sessions": ("read", "update", "delete"),
    "refresh_tokens": ("read", "update", "delete"),
    "federated_connections_tokens": ("read", "delete"),
}
MANAGEMENT_SCOPES = tuple(f"{verb}:{noun}" for noun, verbs in VERBS.items() for verb in verbs)


def management_identifier(domain: str) -> str:
    """The audience of the Management API."""
    return f"https://{domain}/api/v2/"


def my_account_identifier(domain: str) -> str:
    """The audience of the My Account API, trailing slash and all."""
    return f"https://{domain}/me/"


def is_my_account(tx: Transaction, identifier: str, domain: str) -> bool:
    """Whether this is the My Account API of the tenant or of one of its custom domains."""
    domains = [domain, *(custom["domain"] for custom in tx.find("custom_domains"))]
    return identifier in map(my_account_identifier, domains)


def scope_items(values: tuple[str, ...]) -> list[Document]:
    """Scopes as a resource server lists them."""
    return [{"value": value, "description": value.replace(":", " ").replace("_", " ").title()} for value in values]


def management_api(domain: str) -> Document:
    """The Management API as every tenant is born with it."""
    return {
        "name": MANAGEMENT_NAME,
        "identifier": management_identifier(domain),
        "is_system": True,
        "scopes": scope_items(MANAGEMENT_SCOPES),
    }


def my_account_api(identifier: str) -> Document:
    """The My Account API: whatever is asked for, the server makes it like this."""
    return {
        "name": MY_ACCOUNT_NAME,
        "identifier": identifier,
        "is_system": True,
        "allow_offline_access": True,
        "skip_consent_for_verifiable_first_party_clients": True,
        "token_lifetime": 600,
        "token_lifetime_for_web": 600,
        "subject_type_authorization": {
            "client": {"policy": "deny_all"},
            "user": {"policy": "require_client_grant"},
        },
        "proof_of_possession": {"mechanism": "dpop", "required": False},
        "scopes": scope_items(MY_ACCOUNT_SCOPES),
    }

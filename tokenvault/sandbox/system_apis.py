"""The APIs that Auth0 itself owns: the Management API and the My Account API, recognised by their identifiers."""

from __future__ import annotations

from .store import Document, Transaction
from .variants import CANONICAL_MY_ACCOUNT

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
NOUNS = {  # by the verbs of their scopes
    "read create update delete": (
        "client_grants users users_app_metadata clients client_keys client_credentials "
        "client_token_vault_privileged_access connections resource_servers device_credentials rules hooks actions "
        "email_provider shields custom_domains roles log_streams authentication_methods organizations "
        "organization_discovery_domains organization_connections organization_clients scim_config "
        "directory_provisionings phone_providers phone_templates encryption_keys custom_signing_keys "
        "self_service_profiles forms flows flows_vault_connections network_acls network_acl_keys vdcs_templates "
        "user_attribute_profiles event_streams connection_profiles token_exchange_profiles rate_limit_policies portals "
        "groups"
    ),
    "read create update": "email_templates signing_keys connections_keys",
    "read create delete": (
        "user_custom_blocks role_members organization_members organization_member_roles organization_invitations "
        "organization_groups organization_group_roles organization_client_grants group_roles scim_token"
    ),
    "read update delete": "rules_configs branding sessions refresh_tokens",
    "read update": (
        "tenant_settings triggers guardian_factors mfa_policies prompts limits attack_protection connections_options "
        "self_service_profile_custom_texts event_deliveries"
    ),
    "read delete": "anomaly_blocks grants guardian_enrollments flows_executions federated_connections_tokens",
    "create delete": "passwords_checking_job sso_access_tickets",
    "create": "user_tickets guardian_enrollment_tickets",
    "blacklist": "tokens",
    "read": (
        "client_summary stats insights logs logs_users user_idp_tokens entitlements organizations_summary flows_vault "
        "user_effective_permissions user_effective_roles organization_member_effective_roles user_role_source_groups "
        "organization_member_role_source_groups user_permission_source_roles events security_metrics group_members"
    ),
}
MANAGEMENT_SCOPES = tuple(
    f"{verb}:{noun}" for verbs, nouns in NOUNS.items() for noun in nouns.split() for verb in verbs.split()
)


def management_identifier(domain: str) -> str:
    """The audience of the Management API."""
    return f"https://{domain}/api/v2/"


def my_account_identifier(domain: str) -> str:
    """The audience of the My Account API, trailing slash and all."""
    return f"https://{domain}/me/"


def is_my_account(tx: Transaction, identifier: str, domain: str) -> bool:
    """Whether this is the My Account API of the tenant or of one of its custom domains."""
    domains = [domain]
    if not tx.varies(CANONICAL_MY_ACCOUNT):
        domains += [custom["domain"] for custom in tx.find("custom_domains")]
    return identifier in map(my_account_identifier, domains)


def scope_items(values: tuple[str, ...]) -> list[Document]:
    """Scopes as a resource server lists them, each with its name in plain words for description."""
    return [{"value": value, "description": _in_words(value)} for value in values]


def _in_words(scope: str) -> str:
    return scope.replace(":me:", ":").replace(":", " ").replace("_", " ").title()


def management_api(domain: str) -> Document:
    """The Management API as every tenant is born with it."""
    return {
        "name": MANAGEMENT_NAME,
        "identifier": management_identifier(domain),
        "is_system": True,
        "scopes": scope_items(MANAGEMENT_SCOPES),
    }


def my_account_api(body: Document) -> Document:
    """A new My Account API: of the body only the identifier and the policy are used, the rest is always the same."""
    asked = {name: body[name] for name in ("identifier", "authorization_policy") if body.get(name)}
    return asked | {
        "name": MY_ACCOUNT_NAME,
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

"""The tenant itself: `/tenants/settings`, and its custom domains."""

from __future__ import annotations

from . import ids
from .check import (
    BOOLEAN,
    HTTPS_OR_EMPTY,
    OBJECT,
    STRING,
    STRINGS,
    URI_OR_EMPTY,
    Rule,
    array,
    closed,
    enum,
    integer,
    mapping,
    nullable,
    opened,
    text,
)
from .client_rules import QUOTA
from .errors import conflict, not_found
from .paging import checkpoint_slice, select
from .routing import FIELDS, PAGING, Call, Reply, Route
from .store import Document, Transaction, merge
from .variants import MFA_BY_ACTION

FLAGS = (
    "allow_changing_enable_sso", "allow_legacy_delegation_grant_types", "allow_legacy_ro_grant_types",
    "allow_legacy_tokeninfo_endpoint", "change_pwd_flow_v1", "custom_domains_provisioning", "dashboard_insights_view",
    "dashboard_log_streams_next", "disable_clickjack_protection_headers", "disable_fields_map_fix",
    "disable_impersonation", "disable_management_api_sms_obfuscation", "enable_adfs_waad_email_verification",
    "enable_apis_section", "enable_client_connections", "enable_custom_domain_in_emails",
    "enable_dynamic_client_registration", "enable_idtoken_api2", "enable_legacy_logs_search_v2",
    "enable_legacy_profile", "enable_pipeline2", "enable_public_signup_user_exists_error", "enable_sso",
    "enforce_client_authentication_on_passwordless_start", "genai_trial", "improved_signup_bot_detection_in_classic",
    "local_resource_discovery",
    "mfa_show_factor_list_on_enrollment", "new_universal_login_experience_enabled",
    "no_disclose_enterprise_connections", "remove_alg_from_jwks", "require_pushed_authorization_requests",
    "revoke_refresh_token_grant", "trust_azure_adfs_email_verified_connection_property", "universal_login",
    "use_scope_descriptions_for_consent",
)  # fmt: skip
HOURS = ("session_lifetime", "idle_session_lifetime", "ephemeral_session_lifetime", "idle_ephemeral_session_lifetime")
REPLACED = ("default_token_quota",)
PAGE = closed({"enabled": BOOLEAN, "html": STRING})
NUMBER: Rule = {"type": "number"}
TOKEN_QUOTA = opened({"client_credentials": QUOTA}, ("client_credentials",))


def defaults(friendly_name: str) -> Document:
    """The settings of a new tenant; applications get no connections by themselves."""
    return {
        "friendly_name": friendly_name,
        "support_email": "support@acme.example",
        "support_url": "https://acme.example/support",
        "allowed_logout_urls": [],
        "enabled_locales": ["en"],
        "flags": {
            "allow_changing_enable_sso": False,
            "disable_impersonation": True,
            "enable_client_connections": False,
            "enable_dynamic_client_registration": False,
            "enable_sso": True,
            "universal_login": True,
            "revoke_refresh_token_grant": False,
            "disable_clickjack_protection_headers": False,
        },
        "session_lifetime": 168,
        "idle_session_lifetime": 72,
        "session_cookie": {"mode": "persistent"},
        "sandbox_version": "22",
        "sandbox_versions_available": ["22", "18", "12"],
        "oidc_logout": {"rp_logout_end_session_endpoint_discovery": True},
        "resource_parameter_profile": "audience",
        "client_id_metadata_document_supported": False,
        "customize_mfa_in_postlogin_action": False,
    }


def settings(tx: Transaction) -> Document:
    """The tenant's settings."""
    kept = tx.get("tenant", "settings") or {}
    return kept | ({"customize_mfa_in_postlogin_action": True} if tx.varies(MFA_BY_ACTION) else {})


def flag(tx: Transaction, name: str) -> bool:
    """Whether a flag of the tenant is on."""
    return bool(settings(tx).get("flags", {}).get(name))


def get_settings(call: Call) -> Reply:
    """GET /tenants/settings."""
    return Reply(200, select(call, settings(call.tx)))


def update_settings(call: Call) -> Reply:
    """PATCH /tenants/settings: merged; lifetimes may be sent in minutes and are shown in hours."""
    patch = dict(call.body)
    for name in HOURS:
        if minutes := patch.pop(f"{name}_in_minutes", None):
            patch[name] = minutes / 60
    changed = merge(settings(call.tx), patch, replaced=REPLACED)
    call.tx.put("tenant", "settings", changed)
    return Reply(200, changed)


UPDATE = closed(
    {
        **{name: nullable(NUMBER) for name in HOURS},
        **{f"{name}_in_minutes": nullable(integer(least=1)) for name in HOURS},
        **{name: nullable(STRING) for name in (
            "default_audience", "default_directory", "friendly_name", "support_email",
        )},
        **{name: nullable(text(max=8)) for name in ("legacy_sandbox_version", "sandbox_version")},
        **{name: nullable(URI_OR_EMPTY) for name in ("picture_url", "support_url")},
        "default_redirection_uri": nullable(HTTPS_OR_EMPTY),
        **{name: nullable(BOOLEAN) for name in (
            "allow_organization_name_in_authentication_api", "authorization_response_iss_parameter_supported",
            "client_id_metadata_document_supported", "customize_mfa_in_postlogin_action", "enable_ai_guide",
            "client_id_metadata_document_dynamic_registration_supported", "dpop_strict_refresh_token_binding",
            "include_session_metadata_in_tenant_logs", "phone_consolidated_experience",
            "pushed_authorization_requests_supported", "skip_non_verifiable_callback_uri_confirmation_prompt",
        )},
        "access_token": nullable(OBJECT),
        "acr_values_supported": nullable(STRINGS),
        "allowed_logout_urls": nullable(STRINGS),
        "change_password": nullable(PAGE),
        "default_token_quota": nullable(closed(dict.fromkeys(("clients", "organizations"), TOKEN_QUOTA), min=1)),
        "device_flow": nullable(closed({"charset": enum("base20", "digits"), "mask": text(max=20)})),
        "dynamic_client_registration_security_mode": enum("strict", "permissive"),
        "enabled_locales": array(STRING, min=1),
        "error_page": nullable(closed({"html": STRING, "show_log_link": BOOLEAN, "url": URI_OR_EMPTY})),
        "flags": nullable(closed(dict.fromkeys(FLAGS, BOOLEAN))),
        "guardian_mfa_page": nullable(PAGE),
        "mtls": nullable(closed({"enable_endpoint_aliases": BOOLEAN})),
        "oidc_logout": closed({"rp_logout_end_session_endpoint_discovery": BOOLEAN}),
        "resource_parameter_profile": enum("audience", "compatibility"),
        "security_headers": nullable(OBJECT),
        "session_cookie": nullable(closed({"mode": enum("persistent", "non-persistent")}, ("mode",))),
        "sessions": nullable(closed({"oidc_logout_prompt_enabled": BOOLEAN})),
        "universal_login": nullable(OBJECT),
        "country_codes": nullable(OBJECT),
    },
    min=1,
)  # fmt: skip


# ---- custom domains

DOMAIN_COMMON: dict[str, Rule] = {
    "tls_policy": enum("recommended"),
    "custom_client_ip_header": nullable(STRING),
    "domain_metadata": mapping(nullable(text(max=255)), max=10),
    "relying_party_identifier": nullable(text(max=255)),
}
DOMAIN_CREATE = closed(
    DOMAIN_COMMON
    | {
        "domain": text(min=3, max=255, pattern=r"^([a-zA-Z0-9-]+\.)+[A-Za-z0-9-]+$"),
        "type": enum("auth0_managed_certs", "self_managed_certs"),
        "verification_method": enum("txt"),
    },
    ("domain", "type"),
)
DOMAIN_UPDATE = closed(DOMAIN_COMMON)


def list_domains(call: Call) -> Reply:
    """GET /custom-domains: a bare array unless pages are asked for."""
    domains = [select(call, domain) for domain in call.tx.find("custom_domains")]
    if call.one("take"):
        return checkpoint_slice(call, "custom_domains", domains, most=100)
    return Reply(200, domains)


def create_domain(call: Call) -> Reply:
    """POST /custom-domains: ready at once, for want of a DNS to ask."""
    if call.tx.first("custom_domains", {"domain": call.body["domain"]}):
        raise conflict("The specified custom domain already exists", "custom_domain_conflict")
    return Reply(201, plant_domain(call.tx, call.body))


def plant_domain(tx: Transaction, body: Document) -> Document:
    """A custom domain as Auth0 keeps one that is verified; the first one is the default."""
    key = f"cd_{ids.random_text(16)}"
    edge = f"{key.lower().replace('_', '-')}.edge.tenants.auth0.com"
    domain = {
        "custom_domain_id": key,
        "status": "ready",
        "primary": True,
        "is_default": not tx.find("custom_domains"),
        "tls_policy": "recommended",
        "verification": _verification(body, edge),
        **({"origin_domain_name": edge} if body["type"] == "self_managed_certs" else {}),
        **{name: value for name, value in body.items() if name != "verification_method"},
    }
    tx.put("custom_domains", key, domain)
    return domain


def _verification(body: Document, edge: str) -> Document:
    """How it was shown whose the domain is: Auth0 sees a CNAME lead to itself, or a TXT record where it does not."""
    if body["type"] == "auth0_managed_certs":
        methods = [{"name": "cname", "record": edge, "domain": body["domain"]}]
    else:
        record = f"auth0-domain-verification={ids.random_text(32)}"
        methods = [{"name": "txt", "record": record, "domain": f"_cf-custom-hostname.{body['domain']}"}]
    return {"methods": methods, "status": "verified"}


def _existing_domain(call: Call) -> Document:
    domain = call.tx.get("custom_domains", call.params["id"])
    if domain is None:
        raise not_found("custom domain")
    return domain


def get_domain(call: Call) -> Reply:
    """GET /custom-domains/{id}."""
    return Reply(200, _existing_domain(call))


def update_domain(call: Call) -> Reply:
    """PATCH /custom-domains/{id}: the metadata merges, null removes."""
    domain = merge(_existing_domain(call), call.body)
    call.tx.put("custom_domains", domain["custom_domain_id"], domain)
    return Reply(200, domain)


def get_default_domain(call: Call) -> Reply:
    """GET /custom-domains/default: the one that is used where none is named, else the canonical domain."""
    return Reply(200, call.tx.first("custom_domains", {"is_default": True}) or {"domain": call.domain})


def set_default_domain(call: Call) -> Reply:
    """PATCH /custom-domains/default: a custom domain, or the canonical one."""
    wanted, domains = call.body["domain"], call.tx.find("custom_domains")
    if wanted not in (call.domain, *(domain["domain"] for domain in domains)):
        raise not_found("custom domain")
    for domain in domains:
        call.tx.put("custom_domains", domain["custom_domain_id"], domain | {"is_default": domain["domain"] == wanted})
    return get_default_domain(call)


def delete_domain(call: Call) -> Reply:
    """DELETE /custom-domains/{id}."""
    call.tx.delete("custom_domains", call.params["id"])
    return Reply(204)


ROUTES = (
    Route(
        method="GET",
        path="/tenants/settings",
        scopes=("read:tenant_settings",),
        endpoint=get_settings,
        query=FIELDS,
    ),
    Route(
        method="PATCH",
        path="/tenants/settings",
        scopes=("update:tenant_settings",),
        endpoint=update_settings,
        body=UPDATE,
    ),
    Route(
        method="GET",
        path="/custom-domains",
        scopes=("read:custom_domains",),
        endpoint=list_domains,
        query=PAGING | FIELDS | {"q", "sort"},
    ),
    Route(
        method="POST",
        path="/custom-domains",
        scopes=("create:custom_domains",),
        endpoint=create_domain,
        body=DOMAIN_CREATE,
    ),
    Route(method="GET", path="/custom-domains/default", scopes=("read:custom_domains",), endpoint=get_default_domain),
    Route(
        method="PATCH",
        path="/custom-domains/default",
        scopes=("update:custom_domains",),
        endpoint=set_default_domain,
        body=closed({"domain": STRING}, ("domain",)),
    ),
    Route(method="GET", path="/custom-domains/{id}", scopes=("read:custom_domains",), endpoint=get_domain),
    Route(
        method="PATCH",
        path="/custom-domains/{id}",
        scopes=("update:custom_domains",),
        endpoint=update_domain,
        body=DOMAIN_UPDATE,
    ),
    Route(method="DELETE", path="/custom-domains/{id}", scopes=("delete:custom_domains",), endpoint=delete_domain),
)

"""The rules for the bodies of POST and PATCH /clients.

They differ little: POST takes credentials inline and the linked API, PATCH takes credential ids and a secret.
"""

from __future__ import annotations

from .addon_rules import ADDONS
from .check import (
    ANYTHING,
    BOOLEAN,
    HTTPS_OR_EMPTY,
    NONEMPTY,
    NONEMPTY_STRINGS,
    OBJECT,
    STRING,
    STRINGS,
    URI_OR_EMPTY,
    Rule,
    array,
    closed,
    enum,
    integer,
    nullable,
    opened,
    text,
    told_by,
)
from .ids import PATH_PATTERNS

APP_TYPES = (
    "native", "spa", "regular_web", "non_interactive", "resource_server", "express_configuration", "rms", "box",
    "cloudbees", "concur", "dropbox", "mscrm", "echosign", "egnyte", "newrelic", "office365", "salesforce", "sentry",
    "sharepoint", "slack", "springcm", "zendesk", "zoom", "sso_integration", "oag",
)  # fmt: skip
JWT_ALGORITHMS = ("HS256", "RS256", "RS512", "PS256")
KEY_ALGORITHMS = ("RS256", "RS384", "PS256")

POLICY = closed({"audience": text(min=1, max=600), "scope": array(text(min=1, max=280))}, ("audience", "scope"))
REFRESH_TOKEN = closed(
    {
        "rotation_type": enum("rotating", "non-rotating"),
        "expiration_type": enum("expiring", "non-expiring"),
        "leeway": integer(least=0),
        "token_lifetime": integer(least=1, most=157_788_000),
        "idle_token_lifetime": integer(least=1),
        "infinite_token_lifetime": BOOLEAN,
        "infinite_idle_token_lifetime": BOOLEAN,
        "policies": nullable(array(POLICY, min=1)),
    },
    ("rotation_type", "expiration_type"),
)
JWT_CONFIGURATION = opened(
    {
        "alg": enum(*JWT_ALGORITHMS),
        "lifetime_in_seconds": integer(least=0),
        "secret_encoded": BOOLEAN,
        "scopes": OBJECT,
    }
)
SOCIAL_LOGIN = nullable(closed({"enabled": BOOLEAN}, min=1))
AMOUNT = nullable(integer(least=1, most=2_147_483_647))
QUOTA = closed({"enforce": BOOLEAN, "per_day": AMOUNT, "per_hour": AMOUNT}, min=1)
DELEGATION = closed({"allow_delegated_access": BOOLEAN, "enforce_device_binding": enum("ip", "asn")})
SESSION_TRANSFER = closed(
    {
        "allow_refresh_token": nullable(BOOLEAN),
        "allowed_authentication_methods": nullable(array(enum("cookie", "query"))),
        "can_create_session_transfer_token": nullable(BOOLEAN),
        "delegation": nullable(DELEGATION),
        "enforce_cascade_revocation": nullable(BOOLEAN),
        "enforce_device_binding": nullable(enum("ip", "asn", "none", None)),
        "enforce_online_refresh_tokens": nullable(BOOLEAN),
    }
)
MOBILE = opened(
    {
        "android": nullable(
            opened(
                {
                    "app_package_name": nullable(STRING),
                    "sha256_cert_fingerprints": nullable(array(NONEMPTY, min=1)),
                }
            )
        ),
        "ios": nullable(opened({"app_bundle_identifier": nullable(STRING), "team_id": nullable(STRING)})),
    }
)
LOGOUT_INITIATORS = (
    "rp-logout", "idp-logout", "password-changed", "session-expired", "session-revoked", "account-deleted",
    "email-identifier-changed", "mfa-phone-unenrolled", "account-deactivated", "profile-changed",
)  # fmt: skip
LOGOUT = opened(
    {
        "backchannel_logout_urls": nullable(array(HTTPS_OR_EMPTY)),
        "backchannel_logout_initiators": nullable(
            opened({"mode": enum("custom", "all"), "selected_initiators": nullable(array(enum(*LOGOUT_INITIATORS)))})
        ),
        "backchannel_logout_session_metadata": nullable(opened({"include": BOOLEAN})),
    }
)
ENCRYPTION_KEY = opened(dict.fromkeys(("cert", "pub", "subject"), nullable(STRING)))
EXPRESS = closed(
    {
        "admin_login_domain": NONEMPTY,
        "connection_profile_id": STRING,
        "enable_client": BOOLEAN,
        "enable_organization": BOOLEAN,
        "initiate_login_uri_template": STRING,
        "linked_clients": array(closed({"client_id": STRING}, ("client_id",))),
        "oin_submission_id": text(min=1, max=200),
        "okta_oin_client_id": STRING,
        "user_attribute_profile_id": STRING,
    },
    (
        "initiate_login_uri_template", "user_attribute_profile_id", "connection_profile_id", "enable_client",
        "enable_organization", "okta_oin_client_id", "admin_login_domain",
    ),
)  # fmt: skip
MY_ORGANIZATION = closed(
    {
        "allowed_strategies": array(enum("pingfederate", "adfs", "waad", "google-apps", "okta", "oidc", "samlp")),
        "connection_deletion_behavior": enum("allow", "allow_if_empty"),
        "connection_profile_id": STRING,
        "enforce_permission_ceiling": BOOLEAN,
        "enforce_self_assignment_restriction": BOOLEAN,
        "invitation_landing_client_id": STRING,
        "third_party_client_access": closed(
            {"allowed_values": array(enum("allow", "block")), "default_value": enum("block")},
            ("allowed_values", "default_value"),
        ),
        "user_attribute_profile_id": STRING,
    },
    ("allowed_strategies", "connection_deletion_behavior"),
)
INLINE_KEY = closed(
    {
        "credential_type": enum("public_key"),
        "pem": NONEMPTY,
        "name": text(max=128),
        "alg": enum(*KEY_ALGORITHMS),
        "kid": text(pattern=r"^[0-9a-zA-Z_-]{10,64}$"),
        "expires_at": STRING,
        "parse_expiry_from_cert": BOOLEAN,
    },
    ("credential_type", "pem"),
)
INLINE_CERTIFICATE = closed(
    {
        "credential_type": enum("x509_cert", "cert_subject_dn"),
        "name": text(max=128),
        "pem": text(min=1, max=4096),
        "subject_dn": text(min=1, max=256),
    },
    ("credential_type",),
)
CREDENTIAL_REFERENCE = closed({"id": STRING}, ("id",))
# An application that is copied from the answers of another tenant refers to keys that are nowhere but there.
COPIED = closed({"id": text(pattern=PATH_PATTERNS["credential"])})
KEY_OR_COPY, CERTIFICATE_OR_COPY = told_by("id", COPIED, INLINE_KEY), told_by("id", COPIED, INLINE_CERTIFICATE)
GRANT = closed({"connection": NONEMPTY, "scopes": NONEMPTY_STRINGS}, ("connection", "scopes"))


def authentication_methods(key: Rule, certificate: Rule) -> Rule:
    """The slots by which an application proves who it is; one of them at a time, two credentials in each."""

    def slot(item: Rule) -> Rule:
        return closed({"credentials": array(item, max=2)}, ("credentials",))

    methods = {
        "private_key_jwt": slot(key),
        "tls_client_auth": slot(certificate),
        "self_signed_tls_client_auth": slot(certificate),
    }
    return nullable(closed(methods, min=1, max=1))


def privileged_access(credential: Rule) -> Rule:
    """`token_vault_privileged_access`: all three parts or nothing."""
    parts = {
        "credentials": array(credential, max=2),
        "ip_allowlist": array(STRING, max=10),
        "grants": array(GRANT, max=5),
    }
    return nullable(closed(parts, tuple(parts)))


def signed_request_object(credential: Rule) -> Rule:
    """`signed_request_object`: keys for JAR."""
    return nullable(closed({"required": BOOLEAN, "credentials": array(credential, max=2)}))


COMMON: dict[str, Rule] = {
    "name": text(min=1, pattern=r"^[^<>]+$"),
    "description": text(max=140),
    "app_type": enum(*APP_TYPES),
    "is_first_party": BOOLEAN,
    "oidc_conformant": BOOLEAN,
    "is_token_endpoint_ip_header_trusted": BOOLEAN,
    "cross_origin_authentication": BOOLEAN,
    "cross_origin_auth": BOOLEAN,
    "custom_login_page_on": BOOLEAN,
    "sso": BOOLEAN,
    "sso_disabled": BOOLEAN,
    "grant_types": NONEMPTY_STRINGS,
    "callbacks": STRINGS,
    "allowed_origins": STRINGS,
    "web_origins": STRINGS,
    "allowed_logout_urls": STRINGS,
    "allowed_clients": NONEMPTY_STRINGS,
    "client_aliases": NONEMPTY_STRINGS,
    "logo_uri": URI_OR_EMPTY,
    "initiate_login_uri": HTTPS_OR_EMPTY,
    "custom_login_page": STRING,
    "custom_login_page_preview": STRING,
    "form_template": STRING,
    "token_endpoint_auth_method": nullable(enum("none", "client_secret_post", "client_secret_basic")),
    "jwt_configuration": JWT_CONFIGURATION,
    "refresh_token": nullable(REFRESH_TOKEN),
    "addons": nullable(ADDONS),
    "client_metadata": opened(),
    "mobile": nullable(MOBILE),
    "native_social_login": nullable(
        closed({"apple": SOCIAL_LOGIN, "facebook": SOCIAL_LOGIN, "google": SOCIAL_LOGIN}, min=1)
    ),
    "oidc_logout": nullable(LOGOUT),
    "oidc_backchannel_logout": nullable(LOGOUT),
    "encryption_key": nullable(ENCRYPTION_KEY),
    "signing_keys": nullable(ANYTHING),
    "cross_origin_loc": nullable(STRING),
    "default_organization": nullable(
        closed({"organization_id": STRING, "flows": array(enum("client_credentials"))}, ("organization_id", "flows"))
    ),
    "organization_usage": nullable(enum("deny", "allow", "require")),
    "organization_require_behavior": nullable(enum("no_prompt", "pre_login_prompt", "post_login_prompt")),
    "organization_discovery_methods": nullable(array(enum("email", "organization_name"), min=1)),
    "require_pushed_authorization_requests": nullable(BOOLEAN),
    "require_proof_of_possession": nullable(BOOLEAN),
    "compliance_level": nullable(
        enum("none", "fapi1_adv_pkj_par", "fapi1_adv_mtls_par", "fapi2_sp_pkj_mtls", "fapi2_sp_mtls_mtls")
    ),
    "skip_non_verifiable_callback_uri_confirmation_prompt": nullable(BOOLEAN),
    "par_request_expiry": nullable(integer(least=10, most=600)),
    "session_transfer": nullable(SESSION_TRANSFER),
    "token_exchange": nullable(
        closed({"allow_any_profile_of_type": array(enum("custom_authentication", "on_behalf_of_token_exchange"))})
    ),
    "token_quota": nullable(closed({"client_credentials": QUOTA}, ("client_credentials",))),
    "third_party_security_mode": enum("strict", "permissive"),
    "redirection_policy": enum("allow_always", "open_redirect_protection"),
    "async_approval_notification_channels": nullable(array(enum("guardian-push", "email", "my-account"), min=1)),
    "express_configuration": nullable(EXPRESS),
    "my_organization_configuration": nullable(MY_ORGANIZATION),
    "anonymous_sessions": nullable(closed({"active": BOOLEAN}, ("active",))),
    "b2b_integration_configuration": nullable(
        opened(
            {
                "integration_type": enum("custom_auth_server", "third_party", "application"),
                "sso_profiles": nullable(STRINGS),
            }
        )
    ),
    "enforce_anon_session_transfer_network_binding": nullable(enum("ip", "asn", "none")),
    "fedcm_login": nullable(opened({"google": nullable(opened({"is_enabled": BOOLEAN}))})),
    "oidc_support": nullable(
        closed(
            {
                "is_allowed": BOOLEAN,
                "allow_all_scopes": BOOLEAN,
                "allowed_scopes": array(enum("profile", "email", "address", "phone")),
            },
        )
    ),
    "identity_assertion_authorization_grant": nullable(OBJECT),
}

CREATE = closed(
    COMMON
    | {
        **dict.fromkeys(("custom_login_page", "custom_login_page_preview", "form_template"), NONEMPTY),
        "resource_server_identifier": text(min=1, max=600),
        "client_authentication_methods": authentication_methods(KEY_OR_COPY, CERTIFICATE_OR_COPY),
        "signed_request_object": signed_request_object(KEY_OR_COPY),
        "token_vault_privileged_access": privileged_access(KEY_OR_COPY),
    },
    ("name",),
)
MINIMAL_CREATE = closed(
    {name: COMMON.get(name, STRING) for name in ("name", "app_type", "resource_server_identifier", "grant_types")}
)
UPDATE = closed(
    COMMON
    | {
        "client_secret": text(min=1),
        "client_authentication_methods": authentication_methods(CREDENTIAL_REFERENCE, CREDENTIAL_REFERENCE),
        "signed_request_object": signed_request_object(CREDENTIAL_REFERENCE),
        "token_vault_privileged_access": privileged_access(CREDENTIAL_REFERENCE),
    },
    min=1,
)
CREDENTIAL_CREATE = closed(
    {
        "credential_type": enum("public_key", "cert_subject_dn", "x509_cert"),
        "name": text(max=128),
        "pem": STRING,
        "subject_dn": text(min=1, max=256),
        "alg": enum(*KEY_ALGORITHMS),
        "kid": text(pattern=r"^[0-9a-zA-Z_-]{10,64}$"),
        "expires_at": STRING,
        "parse_expiry_from_cert": BOOLEAN,
    },
    ("credential_type",),
)
CREDENTIAL_UPDATE = closed({"expires_at": STRING}, ("expires_at",), min=1)

"""What `options` of a connection may hold, whatever its strategy; what is not named here is taken as it is sent."""

from __future__ import annotations

from .check import (
    BOOLEAN,
    STRING,
    STRINGS,
    Rule,
    array,
    closed,
    enum,
    integer,
    mapping,
    nullable,
    number,
    opened,
    text,
)

SIGNING_ALGORITHMS = ("ES256", "ES384", "PS256", "PS384", "RS256", "RS384", "RS512")
UPSTREAM_ALIASES = (
    "acr_values", "audience", "client_id", "display", "id_token_hint", "login_hint", "max_age", "prompt", "resource",
    "response_mode", "response_type", "ui_locales",
)  # fmt: skip
BOOLEANS = (
    "api_enable_groups", "api_enable_users", "basic_profile", "disable_self_service_change_password",
    "enable_script_context", "enabledDatabaseCustomization", "ext_admin", "ext_agreed_terms", "ext_assigned_plans",
    "ext_groups", "ext_is_suspended", "ext_profile", "import_mode",
)  # fmt: skip
SCRIPTS = (
    "change_email", "change_password", "change_phone_number", "change_username", "create", "delete", "get_user",
    "login", "verify",
)  # fmt: skip

ENABLED = closed({"enabled": BOOLEAN})
ACTIVE = closed({"active": BOOLEAN})
SIGNUP_STATUS = enum("required", "optional", "inactive")
VERIFIED_SIGNUP = closed({"status": SIGNUP_STATUS, "verification": ACTIVE})
IDENTIFIER = closed({"active": BOOLEAN, "default_method": enum("password", "email_otp")})
USERNAME_LENGTH = number(least=1, most=128)
ATTRIBUTES = closed(
    {
        "email": closed(
            {
                "identifier": IDENTIFIER,
                "profile_required": BOOLEAN,
                "signup": VERIFIED_SIGNUP,
                "unique": BOOLEAN,
                "verification_method": enum("link", "otp"),
            }
        ),
        "phone_number": closed(
            {"identifier": IDENTIFIER, "profile_required": BOOLEAN, "signup": VERIFIED_SIGNUP},
        ),
        "username": closed(
            {
                "identifier": IDENTIFIER,
                "profile_required": BOOLEAN,
                "signup": closed({"status": SIGNUP_STATUS}),
                "validation": closed(
                    {
                        "allowed_types": closed({"email": BOOLEAN, "phone_number": BOOLEAN}),
                        "max_length": USERNAME_LENGTH,
                        "min_length": USERNAME_LENGTH,
                    }
                ),
            }
        ),
    },
    min=1,
)
PASSWORD = closed(
    {"api_behavior": enum("required", "optional"), "enabled": BOOLEAN, "signup_behavior": enum("allow", "block")}
)
PASSWORD_OPTIONS = closed(
    {
        "complexity": closed(
            {
                "character_type_rule": enum("all", "three_of_four"),
                "character_types": array(enum("uppercase", "lowercase", "number", "special")),
                "identical_characters": enum("allow", "block"),
                "max_length_exceeded": enum("truncate", "error"),
                "min_length": integer(least=1, most=72),
                "sequential_characters": enum("allow", "block"),
            }
        ),
        "dictionary": closed(
            {"active": BOOLEAN, "custom": array(text(max=50)), "default": enum("en_10k", "en_100k")},
        ),
        "history": closed({"active": BOOLEAN, "size": integer(least=1, most=24)}),
        "profile_data": closed({"active": BOOLEAN, "blocked_fields": array(text(max=100))}),
    }
)
DATABASE: dict[str, Rule] = {
    "attributes": ATTRIBUTES,
    "authentication_methods": closed(
        {"email_otp": ENABLED, "passkey": ENABLED, "password": PASSWORD, "phone_otp": ENABLED},
    ),
    "configuration": mapping(nullable(STRING)),
    "customScripts": opened(dict.fromkeys(SCRIPTS, text(min=1))),
    "passkey_options": closed(
        {
            "challenge_ui": enum("both", "autofill", "button"),
            "local_enrollment_enabled": BOOLEAN,
            "progressive_enrollment_enabled": BOOLEAN,
        }
    ),
    "passwordPolicy": enum("none", "low", "fair", "good", "excellent"),
    "password_complexity_options": closed({"min_length": integer(least=1, most=128)}),
    "password_dictionary": closed({"dictionary": array(text(max=50)), "enable": BOOLEAN}, ("enable",)),
    "password_history": closed({"enable": BOOLEAN, "size": integer(least=0, most=24)}, ("enable",)),
    "password_no_personal_info": closed({"enable": BOOLEAN}, ("enable",)),
    "password_options": PASSWORD_OPTIONS,
    "precedence": array(enum("email", "phone_number", "username"), min=3),
    "validation": closed(
        {"username": nullable(closed({"max": integer(most=128), "min": integer(least=1)}, ("max", "min")))},
    ),
}
FEDERATED: dict[str, Rule] = {
    "assertion_decryption_settings": closed(
        {"algorithm_exceptions": array(text(min=1, max=100)), "algorithm_profile": enum("v2026-1")},
        ("algorithm_profile",),
    ),
    "fedMetadataXml": STRING,
    "federated_connections_access_tokens": ACTIVE,
    "freeform_scopes": STRINGS,
    "gateway_authentication": opened(
        {
            "audience": STRING,
            "method": STRING,
            "secret": STRING,
            "secret_base64_encoded": BOOLEAN,
            "subject": STRING,
        },
        ("method", "audience", "secret"),
    ),
    "id_token_signed_response_algs": array(enum(*SIGNING_ALGORITHMS)),
    "metadataXml": STRING,
    "non_persistent_attrs": STRINGS,
    "set_user_root_attributes": enum("on_each_login", "on_first_login", "never_on_login"),
    "strategy_version": integer(),
    "token_endpoint_auth_method": enum("client_secret_post", "private_key_jwt"),
    "token_endpoint_auth_signing_alg": enum(*SIGNING_ALGORITHMS),
    "token_endpoint_jwtca_aud_format": enum("issuer", "token_endpoint"),
    "upstream_params": mapping(nullable(closed({"alias": enum(*UPSTREAM_ALIASES), "value": STRING}, max=1))),
}
OPTIONS = opened(
    {name: nullable(rule) for name, rule in {**dict.fromkeys(BOOLEANS, BOOLEAN), **DATABASE, **FEDERATED}.items()}
)

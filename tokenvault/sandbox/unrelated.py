"""Endpoints that have nothing to do with Token Vault: collections that are always empty, and settings that are only stored.

Tools that export a whole tenant read all of them, and fail at the first that does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass

from .check import OBJECT
from .errors import ApiError
from .paging import slice_page
from .routing import FIELDS, PAGING, Call, Endpoint, Reply, Route
from .store import Document, merge

ANY_FILTER = PAGING | FIELDS | frozenset(
    {"actionName", "audience", "client_id", "deployed", "enabled", "hydrate", "installed", "name", "name_filter", "q",
     "sort", "status", "trigger", "triggerId", "type", "user_id", "disabled", "bound", "version", "resource_server_id"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """A collection: the scope that lists it, and the key that its items stand under; without one it is a bare array."""

    path: str
    scope: str
    key: str = ""
    wrapped: bool = False  # in an object even when no pages are asked for

    def list(self, call: Call) -> Reply:
        """GET: an empty list, in the shape that the query asks for."""
        if not self.key:
            return Reply(200, [])
        listed = slice_page(call, self.key, [])
        return Reply(200, {self.key: []}) if self.wrapped and listed.body == [] else listed


EMPTY = (
    # what Auth0 has retired
    Empty(path="/rules", scope="read:rules", key="rules"),
    Empty(path="/rules-configs", scope="read:rules_configs"),
    Empty(path="/hooks", scope="read:hooks", key="hooks"),
    # what it has not
    Empty(path="/actions/actions", scope="read:actions", key="actions", wrapped=True),
    Empty(path="/actions/triggers", scope="read:actions", key="triggers", wrapped=True),
    Empty(path="/actions/modules", scope="read:actions", key="modules", wrapped=True),
    Empty(path="/roles", scope="read:roles", key="roles"),
    Empty(path="/organizations", scope="read:organizations", key="organizations"),
    Empty(path="/log-streams", scope="read:log_streams"),
    Empty(path="/branding/themes", scope="read:branding", key="themes", wrapped=True),
    Empty(path="/branding/phone/providers", scope="read:phone_providers", key="providers", wrapped=True),
    Empty(path="/branding/phone/templates", scope="read:phone_templates", key="templates", wrapped=True),
    Empty(path="/forms", scope="read:forms", key="forms"),
    Empty(path="/flows", scope="read:flows", key="flows"),
    Empty(path="/flows/vault/connections", scope="read:flows_vault_connections", key="connections"),
    Empty(path="/self-service-profiles", scope="read:self_service_profiles", key="self_service_profiles"),
    Empty(path="/network-acls", scope="read:network_acls", key="network_acls"),
    Empty(path="/token-exchange-profiles", scope="read:token_exchange_profiles", key="token_exchange_profiles", wrapped=True),
    Empty(path="/connection-profiles", scope="read:connection_profiles", key="connection_profiles", wrapped=True),
    Empty(path="/user-attribute-profiles", scope="read:user_attribute_profiles", key="user_attribute_profiles", wrapped=True),
    Empty(path="/connections-directory-provisionings", scope="read:directory_provisionings", key="directory_provisionings"),
    Empty(path="/event-streams", scope="read:event_streams", key="eventStreams", wrapped=True),
    Empty(path="/rate-limit-policies", scope="read:rate_limit_policies", key="rate_limit_policies", wrapped=True),
    Empty(path="/groups", scope="read:groups", key="groups", wrapped=True),
    Empty(path="/device-credentials", scope="read:device_credentials", key="device_credentials"),
    Empty(path="/grants", scope="read:grants", key="grants"),
)  # fmt: skip


BOT_DETECTION = {
    "bot_detection_level": "medium",
    "challenge_password_policy": "never",
    "challenge_passwordless_policy": "never",
    "challenge_password_reset_policy": "never",
    "allowlist": [],
    "monitoring_mode_enabled": False,
}
# Settings that nobody has changed: what a new tenant answers, as far as it is known.
UNTOUCHED: dict[str, tuple[str, Document]] = {
    "/branding": ("read:branding", {}),
    "/prompts": ("read:prompts", {"universal_login_experience": "new", "identifier_first": False}),
    "/prompts/{prompt}/custom-text/{language}": ("read:prompts", {}),
    "/prompts/{prompt}/partials": ("read:prompts", {}),
    "/prompts/rendering": ("read:prompts", {"configs": [], "start": 0, "limit": 50, "total": 0}),
    "/attack-protection/breached-password-detection": (
        "read:attack_protection",
        {"enabled": False, "shields": [], "admin_notification_frequency": [], "method": "standard"},
    ),
    "/attack-protection/brute-force-protection": (
        "read:attack_protection",
        {"enabled": True, "shields": ["block", "user_notification"], "mode": "count_per_identifier_and_ip",
         "allowlist": [], "max_attempts": 10},
    ),
    "/attack-protection/suspicious-ip-throttling": (
        "read:attack_protection",
        {"enabled": True, "shields": ["admin_notification", "block"], "allowlist": [],
         "stage": {"pre-login": {"max_attempts": 100, "rate": 864_000},
                   "pre-user-registration": {"max_attempts": 50, "rate": 1200}}},
    ),
    "/attack-protection/bot-detection": ("read:attack_protection", BOT_DETECTION),
    "/attack-protection/captcha": ("read:attack_protection", {"active_provider_id": "auth_challenge"}),
    "/supplemental-signals": ("read:attack_protection", {"akamai_enabled": False}),
    "/risk-assessments/settings": ("read:attack_protection", {"enabled": False}),
    "/risk-assessments/settings/new-device": ("read:attack_protection", {"remember_for": 30}),
}  # fmt: skip


KIND = "settings"


def _settings_routes(path: str, scope: str, default: Document) -> tuple[Route, ...]:
    """GET shows the settings, PATCH changes some of them, PUT all."""

    def key(call: Call) -> str:
        return path.format(**call.params)

    def read(call: Call) -> Reply:
        return Reply(200, call.tx.get(KIND, key(call)) or default)

    def patch(call: Call) -> Reply:
        return keep(call, merge(call.tx.get(KIND, key(call)) or default, call.body))

    def put(call: Call) -> Reply:
        return keep(call, call.body)

    def keep(call: Call, settings: Document) -> Reply:
        call.tx.put(KIND, key(call), settings)
        return Reply(200, settings)

    write = (scope.replace("read:", "update:"),)
    return (
        Route(method="GET", path=path, scopes=(scope,), endpoint=read, query=ANY_FILTER),
        Route(method="PATCH", path=path, scopes=write, endpoint=patch, body=OBJECT),
        Route(method="PUT", path=path, scopes=write, endpoint=put, body=OBJECT),
    )


def _absent(message: str, code: str) -> Endpoint:
    def refuse(call: Call) -> Reply:
        raise ApiError(404, message, code)

    return refuse


ROUTES = (
    *(
        Route(method="GET", path=empty.path, scopes=(empty.scope,), endpoint=empty.list, query=ANY_FILTER)
        for empty in EMPTY
    ),
    *(route for path, (scope, default) in UNTOUCHED.items() for route in _settings_routes(path, scope, default)),
    Route(
        method="GET",
        path="/emails/provider",
        scopes=("read:email_provider",),
        endpoint=_absent("There is not a configured email provider", "inexistent_email_provider"),
        query=FIELDS,
    ),
    Route(
        method="GET",
        path="/email-templates/{name}",
        scopes=("read:email_templates",),
        endpoint=_absent("The template does not exist", "inexistent_email_template"),
    ),
    Route(
        method="GET",
        path="/branding/templates/universal-login",
        scopes=("read:branding",),
        endpoint=_absent("The template does not exist", "inexistent_template"),
    ),
    Route(
        method="GET",
        path="/branding/themes/default",
        scopes=("read:branding",),
        endpoint=_absent("There was an error retrieving branding settings: theme not found", "theme_not_found"),
    ),
)

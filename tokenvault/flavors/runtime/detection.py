"""Who uses a flavor, told from the tenant alone: by traces that nobody leaves who does not use Token Vault."""

from __future__ import annotations

from collections.abc import Iterable

from tokenvault.flavors.provisions import PRIVILEGED
from tokenvault.flavors.runtime.request import CONNECTED_ACCOUNTS_SCOPES, TOKEN_VAULT_GRANT
from tokenvault.flavors.runtime.tenant_view import DetectedUse, Object, TenantView, Unreadable, user_policy
from tokenvault.model.paths import get_path

MACHINES = ("resource_server", "non_interactive")


def connecting(tenant_view: TenantView) -> Iterable[DetectedUse]:
    """Applications whose refresh tokens or grants reach connected accounts through the My Account API."""
    for client in tenant_view.clients:
        if client.get("app_type") not in MACHINES and (
            _has_policy(client, tenant_view) or _has_grant(client, tenant_view)
        ):
            yield DetectedUse(app=client, client=client)


def _has_policy(client: Object, tenant_view: TenantView) -> bool:
    policies = get_path(client, "refresh_token.policies") or ()
    return any(p.get("audience") == tenant_view.my_account_audience and _manages(p.get("scope")) for p in policies)


def _has_grant(client: Object, tenant_view: TenantView) -> bool:
    grant = tenant_view.user_grant(str(client["client_id"]), tenant_view.my_account_audience)
    if grant is None or isinstance(grant, Unreadable):
        return False
    return bool(grant.get("allow_all_scopes")) or _manages(grant.get("scope"))


def _manages(scopes: object) -> bool:
    return isinstance(scopes, list) and any(scope in CONNECTED_ACCOUNTS_SCOPES for scope in scopes)


def refreshing(tenant_view: TenantView) -> Iterable[DetectedUse]:
    """Applications with the Token Vault grant type where users log in; of workers, those whose refresh tokens can serve."""
    for client in tenant_view.clients:
        serves = not client.get(PRIVILEGED) or (
            get_path(client, "refresh_token.rotation_type") == "non-rotating" and _has_policy(client, tenant_view)
        )
        if _exchanges(client) and client.get("app_type") not in MACHINES and serves:
            yield DetectedUse(app=client, client=client)


def serving(tenant_view: TenantView) -> Iterable[DetectedUse]:
    """Custom API Clients, each with every application that connects accounts and evidently calls its API.

    One without any (`app` is None) serves callers that leave no traces here: third-party or dynamically registered ones.
    """
    apps = [detection.app for detection in connecting(tenant_view) if detection.app is not None]
    for client in tenant_view.clients:
        identifier = client.get("resource_server_identifier")
        if client.get("app_type") == "resource_server" and identifier:
            consumers = [app for app in apps if _calls(app, str(identifier), tenant_view)]
            for app in consumers or (None,):
                yield DetectedUse(app=app, client=client, api=str(identifier))


def _calls(app: Object, identifier: str, tenant_view: TenantView) -> bool:
    """Whether a grant or a policy says so; or the API is open to all, and a public application exchanges nothing itself."""
    api = tenant_view.api(identifier)
    granted = tenant_view.user_grant(str(app["client_id"]), identifier)
    open_to_all = api is not None and not isinstance(api, Unreadable) and user_policy(api) == "allow_all"
    public = app.get("token_endpoint_auth_method") == "none"
    policies = get_path(app, "refresh_token.policies") or ()
    named = any(policy.get("audience") == identifier for policy in policies)
    return named or granted is not None or (open_to_all and public)


def working(tenant_view: TenantView) -> Iterable[DetectedUse]:
    """Applications with privileged access, and machines with the Token Vault grant type that lack it."""
    for client in tenant_view.clients:
        access = client.get(PRIVILEGED)
        if access or (_exchanges(client) and client.get("app_type") == "non_interactive"):
            named = [grant.get("connection") for grant in (access or {}).get("grants") or ()]
            yield DetectedUse(app=client, client=client, connections=tuple(name for name in named if name))


def _exchanges(client: Object) -> bool:
    return TOKEN_VAULT_GRANT in (client.get("grant_types") or ())

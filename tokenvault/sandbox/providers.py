"""What an identity provider would do when a user connects an account: would it hand out a refresh token?"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from .errors import OAuthError
from .store import Document

OFFLINE_SCOPES = frozenset({"offline_access", "offline.access", "offline", "refresh_token"})
# These hand out refresh tokens (or tokens that never end) without being asked, once their app is set up for it.
GENEROUS_HOSTS = (
    "slack.com", "discord.com", "figma.com", "spotify.com", "freshbooks.com", "snapchat.com", "stripe.com", "twitch.tv",
    "huggingface.co", "digitalocean.com", "linear.app", "notion.com",
)  # fmt: skip
WITH_FLAG = frozenset({"google-oauth2", "google-apps", "windowslive"})
WITH_SCOPE = frozenset({"oidc", "okta", "waad", "salesforce", "salesforce-sandbox", "salesforce-community"})
OAUTH_APP_PREFIX = "Ov"  # GitHub's OAuth Apps; its GitHub Apps begin with Iv


def keys_of(connection: Document) -> str:
    """The provider's client id that the tenant uses; empty means Auth0's developer keys."""
    return str(connection.get("options", {}).get("client_id") or "")


def uses_developer_keys(connection: Document) -> bool:
    """Developer keys are shared by all tenants, so nothing is stored under them."""
    return not keys_of(connection)


def gives_refresh_token(connection: Document) -> bool:
    """Whether connecting an account leaves a refresh token in the vault."""
    options, strategy = connection.get("options", {}), connection["strategy"]
    if uses_developer_keys(connection):
        return False
    if strategy in WITH_FLAG:
        return options.get("offline_access") is True
    if strategy in WITH_SCOPE:
        return _asks_offline(options) and _can_refresh(strategy, options)
    match strategy:
        case "oauth2":
            return _asks_offline(options) or _is_generous(options)
        case "twitter":
            return options.get("protocol") == "oauth2" and options.get("offline_access") is True
        case "github":
            return not keys_of(connection).startswith(OAUTH_APP_PREFIX)
    return True


def _can_refresh(strategy: str, options: Document) -> bool:
    if strategy not in ("oidc", "okta"):
        return True
    return options.get("type", "back_channel") == "back_channel" and not options.get("dpop_signing_alg")


def _asks_offline(options: Document) -> bool:
    asked = set(scopes_of(options)) | set(options.get("freeform_scopes") or [])
    parameters = {**(options.get("authParams") or {}), **_plain(options.get("upstream_params") or {})}
    return bool(asked & OFFLINE_SCOPES) or "offline" in parameters.values()


def _plain(upstream: Document) -> dict[str, Any]:
    return {name: spec.get("value") for name, spec in upstream.items() if isinstance(spec, dict)}


def _is_generous(options: Document) -> bool:
    host = urlsplit(str(options.get("authorizationURL", ""))).hostname or ""
    return any(host == known or host.endswith(f".{known}") for known in GENEROUS_HOSTS)


def scopes_of(options: Document) -> list[str]:
    """`options.scope`, whichever of its three forms it has."""
    scope = options.get("scope") or []
    return scope.replace(",", " ").split() if isinstance(scope, str) else list(scope)


def check_parameters(connection: Document) -> None:
    """Google refuses a login request that says twice whether to prompt."""
    upstream = connection.get("options", {}).get("upstream_params") or {}
    if connection["strategy"] == "google-oauth2" and "approval_prompt" in upstream:
        raise OAuthError(400, "invalid_request", "Conflict params: approval_prompt and prompt")

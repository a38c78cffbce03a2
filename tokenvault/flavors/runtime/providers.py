"""What is known of providers: which give refresh tokens unasked, and what of them only a person can check."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tokenvault.kinds.connection_scopes import scope_list
from tokenvault.kinds.strategies import WRONG_NAMES
from tokenvault.secrets import Secret

OFFLINE_SCOPES = frozenset({"offline_access", "offline.access", "offline", "refresh_token"})
UNASKED = (
    "slack.com",
    "discord.com",
    "figma.com",
    "spotify.com",
    "freshbooks.com",
    "snapchat.com",
    "stripe.com",
    "twitch.tv",
    "huggingface.co",
    "digitalocean.com",
    "linear.app",
    "notion.com",
)
OAUTH_APP = "Ov"
Options = Mapping[str, Any]


def asks_offline(options: Options) -> bool:
    """Whether the options ask the provider for offline access, by scope or by parameter."""
    if options.get("offline_access") is True:
        return True
    parameters = dict(options.get("authParams") or {})
    for name, entry in (options.get("upstream_params") or {}).items():
        parameters[name] = entry.get("value") if isinstance(entry, Mapping) else entry
    parameters |= dict(parse_qsl(urlsplit(str(options.get("authorizationURL") or "")).query))
    asked = scope_list(options.get("scope")) | scope_list(options.get("freeform_scopes"))
    return bool(asked & OFFLINE_SCOPES) or "offline" in parameters.values()


def gives_unasked(options: Options) -> bool:
    """Whether this is a provider that issues refresh tokens without being asked."""
    return any(_at(options, host) for host in UNASKED)


def is_oauth_app(client_id: Any) -> bool:
    """Whether a GitHub client id is an OAuth App's: 20 hexadecimal digits in the old form, `Ov…` in the new one."""
    client_id = client_id.reveal() if isinstance(client_id, Secret) else str(client_id)  # planned, from a variable
    old = len(client_id) == 20 and all(letter in "0123456789abcdef" for letter in client_id)
    return old or client_id.startswith(OAUTH_APP)


def _at(options: Options, host: str) -> bool:
    found = urlsplit(str(options.get("authorizationURL") or "")).hostname or ""
    return found == host or found.endswith(f".{host}")


TITLES = {
    "amazon": "Amazon",
    "bitbucket": "Bitbucket",
    "box": "Box",
    "dropbox": "Dropbox",
    "fitbit": "Fitbit",
    "github": "GitHub",
    "google-apps": "Google",
    "google-oauth2": "Google",
    "paypal": "PayPal",
    "salesforce": "Salesforce",
    "salesforce-community": "Salesforce",
    "salesforce-sandbox": "Salesforce",
    "thirtysevensignals": "Basecamp",
    "twitter": "X",
    "waad": "Microsoft",
    "windowslive": "Microsoft",
}


def provider_title(strategy: str, connection: str) -> str:
    """What users call the provider; where the strategy does not tell, the connection's name."""
    return TITLES.get(strategy) or connection.removeprefix("sign-in-with-")


def near_connections(name: str, strategies: Mapping[str, str]) -> list[str]:
    """The tenant's connections (name to strategy) that somebody may mean who calls one so: `slack`, `Google`, `githb`."""
    wanted = name.lower()
    meant = WRONG_NAMES.get(wanted, ("", ""))[0]
    close = set(difflib.get_close_matches(wanted, [other.lower() for other in strategies], n=3, cutoff=0.6))
    alike = [
        other
        for other, strategy in strategies.items()
        if other.lower() in close
        or (len(wanted) > 2 and (wanted in other.lower() or other.lower() in wanted))
        or strategy == wanted
        or (meant not in ("", "oauth2", "oidc") and strategy == meant)
    ]
    return sorted(alike, key=lambda other: -difflib.SequenceMatcher(None, wanted, other.lower()).ratio())[:3]


def lacking_scopes(asked: Iterable[str], granted: Iterable[str]) -> list[str]:
    """The scopes that were asked for and not given, however the provider spells what it gives.

    `email` and `https://www.googleapis.com/auth/userinfo.email` are one, and so are `User.Read` and
    `https://graph.microsoft.com/User.Read`. Asking for offline access is not a scope that providers answer with.
    """
    given = {_plain(scope) for scope in granted}
    return [scope for scope in asked if scope not in OFFLINE_SCOPES and _plain(scope) not in given]


def _plain(scope: str) -> str:
    return scope.rstrip("/").rsplit("/", 1)[-1].removeprefix("userinfo.").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a person must look at, at the provider: of connections of these strategies, if their options say so."""

    id: str
    strategies: tuple[str, ...]
    says: str
    link: str
    applies: Callable[[Options], bool] | None = None


NOTES = (
    Note(
        id="google-testing",
        strategies=("google-oauth2",),
        says='while Google\'s consent screen is in "Testing", refresh tokens die after 7 days: publish the app',
        link="https://console.cloud.google.com/auth/audience",
    ),
    Note(
        id="github-app",
        strategies=("github",),
        says='it must be a GitHub App with "Expire user authorization tokens" on: an OAuth App has no refresh tokens',
        link="https://github.com/settings/apps",
    ),
    Note(
        id="slack-app",
        strategies=("oauth2",),
        applies=lambda options: _at(options, "slack.com"),
        says="the Slack app needs token rotation, and distribution before other workspaces can connect",
        link="https://api.slack.com/apps",
    ),
    Note(
        id="entra-consent",
        strategies=("waad",),
        says="users of other Entra tenants can connect only after their administrator consented",
        link="https://entra.microsoft.com",
    ),
    Note(
        id="salesforce-tokens",
        strategies=("salesforce", "salesforce-sandbox", "salesforce-community"),
        says="opaque Salesforce tokens end after 10 minutes by default: prefer JWT-based access tokens",
        link="https://login.salesforce.com",
    ),
)

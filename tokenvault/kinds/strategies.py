"""What is known of connection strategies: how scopes are set, how offline access is asked for, what can never work.

Sources: Auth0's provider pages and traffic recorded with real tenants. Strategies that are not listed are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WRONG_NAMES: Mapping[str, tuple[str, str]] = {
    "microsoft": ("windowslive", "Microsoft accounts have the strategy `windowslive`, Entra ID has `waad`."),
    "slack": ("oauth2", "Slack has the strategy `oauth2`, in a connection named `sign-in-with-slack`."),
    "spotify": ("oauth2", "Spotify has the strategy `oauth2`, in a connection named `spotify`."),
    "stripe-connect": ("oauth2", "Stripe has the strategy `oauth2`, in a connection named `stripe`."),
    "stripe": ("oauth2", "Stripe has the strategy `oauth2`, in a connection named `stripe`."),
    "google": ("google-oauth2", "Google has the strategy `google-oauth2`, Google Workspace has `google-apps`."),
    "google-workspace": ("google-apps", "Google Workspace has the strategy `google-apps`."),
    "entra": ("waad", "Microsoft Entra ID has the strategy `waad`."),
    "azure-ad": ("waad", "Microsoft Entra ID has the strategy `waad`."),
    "discord": ("oauth2", "Discord has the strategy `oauth2`, in a connection named `discord`."),
    "figma": ("oauth2", "Figma has the strategy `oauth2`, in a connection named `figma`."),
    "twitch": ("oauth2", "Twitch has the strategy `oauth2`, in a connection named `twitch`."),
    "x": ("twitter", "X has the strategy `twitter`."),
    "basecamp": ("thirtysevensignals", "Basecamp has the strategy `thirtysevensignals`."),
}

KNOWN = frozenset(
    [
        "ad",
        "adfs",
        "amazon",
        "apple",
        "auth0",
        "auth0-oidc",
        "baidu",
        "bitbucket",
        "bitly",
        "box",
        "custom",
        "daccount",
        "dropbox",
        "dwolla",
        "email",
        "evernote",
        "evernote-sandbox",
        "exact",
        "facebook",
        "fitbit",
        "github",
        "google-apps",
        "google-oauth2",
        "instagram",
        "ip",
        "line",
        "linkedin",
        "oauth1",
        "oauth2",
        "office365",
        "oidc",
        "okta",
        "paypal",
        "paypal-sandbox",
        "pingfederate",
        "planningcenter",
        "salesforce",
        "salesforce-community",
        "salesforce-sandbox",
        "samlp",
        "sharepoint",
        "shop",
        "shopify",
        "sms",
        "soundcloud",
        "thirtysevensignals",
        "twitter",
        "untappd",
        "vkontakte",
        "waad",
        "weibo",
        "windowslive",
        "wordpress",
        "yahoo",
        "yandex",
    ]
)

NEVER: Mapping[str, str] = {
    "auth0": "a database of users has no provider that could issue tokens",
    "email": "passwordless e-mail has no provider that could issue tokens",
    "sms": "passwordless SMS has no provider that could issue tokens",
    "samlp": "SAML issues assertions, not tokens",
    "adfs": "it issues assertions, not tokens",
    "ad": "Active Directory/LDAP issues no tokens",
    "ip": "IP address authentication issues no tokens",
    "pingfederate": "it issues assertions, not tokens",
    "oauth1": "OAuth 1.0 has no refresh tokens",
    "evernote": "OAuth 1.0 has no refresh tokens",
    "evernote-sandbox": "OAuth 1.0 has no refresh tokens",
}

UNDOCUMENTED = frozenset({"linkedin", "facebook"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How one strategy takes scopes and offline access.

    `booleans` maps a scope to the boolean option that stands for it (only pairs that are certain). `freeform` says that
    `options.freeform_scopes` takes the rest. Without booleans and freeform, `options.scope` is written as it is: a
    space-separated string where `scope_string`, a list otherwise. `offline_option` is the option for offline access,
    `offline_scope` the scope that asks for it; neither: the provider needs nothing.
    """

    booleans: Mapping[str, str] = field(default_factory=dict)
    freeform: bool = False
    scope_string: bool = False
    offline_option: str = ""
    offline_scope: str = ""
    offline_note: str = ""

    @property
    def has_offline_access(self) -> bool:
        """Whether there is an option or a scope to set."""
        return bool(self.offline_option or self.offline_scope)


_VERBS = ("read", "write", "admin")
_GITHUB = {
    "user:email": "email",
    "read:user": "read_user",
    "user:follow": "follow",
    "repo:status": "repo_status",
    "repo_deployment": "repo_deployment",
    "public_repo": "public_repo",
    "repo": "repo",
    "delete_repo": "delete_repo",
    "notifications": "notifications",
    "gist": "gist",
    **{f"{verb}:{noun}": f"{verb}_{noun}" for verb in _VERBS for noun in ("org", "repo_hook", "public_key")},
}

_GOOGLE = "https://www.googleapis.com/auth/"
# Named after the scope, with `_` for `.`: seen of `calendar` and `drive_file`. An apply looks whether the scope is in force.
_GOOGLE_NAMES = """
analytics calendar calendar.addons.execute calendar.events calendar.events.readonly calendar.settings.readonly
contacts.other.readonly contacts.readonly directory.readonly drive drive.activity drive.activity.readonly drive.appdata
drive.apps.readonly drive.file drive.metadata drive.metadata.readonly drive.photos.readonly drive.readonly drive.scripts
gmail.compose gmail.insert gmail.labels gmail.metadata gmail.modify gmail.readonly gmail.send gmail.settings.basic
gmail.settings.sharing tasks tasks.readonly youtube.readonly youtube.upload youtubepartner
"""

STRATEGIES: Mapping[str, Strategy] = {
    "google-oauth2": Strategy(
        booleans={
            "email": "email",
            "profile": "profile",
            **{_GOOGLE + name: name.replace(".", "_") for name in _GOOGLE_NAMES.split()},
        },
        freeform=True,
        offline_option="offline_access",
    ),
    "google-apps": Strategy(offline_note="switch on offline access on the connection's page of the dashboard"),
    "windowslive": Strategy(
        booleans={"https://graph.microsoft.com/User.Read": "graph_user"}, freeform=True, offline_option="offline_access"
    ),
    "github": Strategy(
        booleans=_GITHUB,
        freeform=True,
        offline_note='use a GitHub App with "Expire user authorization tokens" on: an OAuth App never issues refresh tokens',
    ),
    "linkedin": Strategy(
        booleans={"r_emailaddress": "email", "r_liteprofile": "profile", "r_basicprofile": "basic_profile"},
        freeform=True,
    ),
    "facebook": Strategy(freeform=True),
    "amazon": Strategy(freeform=True),
    "apple": Strategy(freeform=True),
    "twitter": Strategy(offline_option="offline_access"),
    "waad": Strategy(offline_scope="offline_access"),
    "oidc": Strategy(scope_string=True, offline_scope="offline_access"),
    "okta": Strategy(scope_string=True, offline_scope="offline_access"),
    "oauth2": Strategy(offline_scope="offline_access"),
    "salesforce": Strategy(offline_scope="refresh_token"),
    "salesforce-sandbox": Strategy(offline_scope="refresh_token"),
    "salesforce-community": Strategy(offline_scope="refresh_token"),
    "dropbox": Strategy(offline_note="set `options.upstream_params.token_access_type` to `offline`"),
    "box": Strategy(),
    "fitbit": Strategy(),
    "bitbucket": Strategy(),
    "paypal": Strategy(),
    "paypal-sandbox": Strategy(),
    "thirtysevensignals": Strategy(),
}

DASHBOARD = "https://manage.auth0.com/#/"
_ENTERPRISE = frozenset({"oidc", "okta", "waad", "google-apps", "samlp", "adfs", "ad", "pingfederate", "ip"})


def dashboard_section(strategy: str) -> str:
    """The part of the dashboard in which connections of a strategy stand."""
    return "enterprise" if strategy in _ENTERPRISE else "social"


def dashboard_page(connection: Mapping[str, Any]) -> str:
    """The page of one connection in the dashboard."""
    return f"{DASHBOARD}connections/{dashboard_section(str(connection.get('strategy')))}/{connection.get('id')}"

"""The rules for `options` of a connection, the same for every strategy. An option without a rule is kept as it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
from .store import Document

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


# ---- which provider scope each boolean of a connection's options stands for


GOOGLE = "https://www.googleapis.com/auth/"
GRAPH = "https://graph.microsoft.com/"

GOOGLE_PLAIN = (
    "analytics blogger calendar calendar_addons_execute calendar_events calendar_events_readonly "
    "calendar_settings_readonly contacts_other_readonly contacts_readonly coordinate coordinate_readonly "
    "directory_readonly drive drive_activity drive_activity_readonly drive_appdata drive_apps_readonly drive_file "
    "drive_metadata drive_metadata_readonly drive_photos_readonly drive_readonly drive_scripts gmail_compose "
    "gmail_insert gmail_labels gmail_metadata gmail_modify gmail_readonly gmail_send gmail_settings_basic "
    "gmail_settings_sharing moderator orkut tasks tasks_readonly youtube_readonly youtube_upload youtubepartner"
)
GOOGLE_SCOPES: dict[str, str] = {
    name: GOOGLE + name.replace("_", ".", 1).replace("_readonly", ".readonly") for name in GOOGLE_PLAIN.split()
} | {
    "email": "email",  # *
    "profile": "profile",  # *
    "gmail": "https://mail.google.com/mail/feed/atom",  # * the legacy feed, not the Gmail API
    "youtube": "https://gdata.youtube.com",  # * likewise
    "gmail_new": "https://mail.google.com/",
    "youtube_new": GOOGLE + "youtube",
    "youtube_channelmemberships_creator": GOOGLE + "youtube.channel-memberships.creator",
    "adsense_management": GOOGLE + "adsense",
    "calendar_addons_execute": GOOGLE + "calendar.addons.execute",
    "calendar_settings_readonly": GOOGLE + "calendar.settings.readonly",
    "contacts": "https://www.google.com/m8/feeds/",
    "contacts_new": GOOGLE + "contacts",
    "contacts_other_readonly": GOOGLE + "contacts.other.readonly",
    "content_api_for_shopping": GOOGLE + "content",
    "chrome_web_store": GOOGLE + "chromewebstore.readonly",
    "document_list": "https://docs.google.com/feeds/",
    "drive_apps_readonly": GOOGLE + "drive.apps.readonly",
    "gmail_settings_basic": GOOGLE + "gmail.settings.basic",
    "gmail_settings_sharing": GOOGLE + "gmail.settings.sharing",
    "google_affiliate_network": GOOGLE + "gan",
    "google_books": GOOGLE + "books",
    "google_cloud_storage": GOOGLE + "devstorage.read_write",
    "google_drive": GOOGLE + "drive",
    "google_drive_files": GOOGLE + "drive.file",
    "google_plus": GOOGLE + "plus.login",
    "latitude_best": GOOGLE + "latitude.all.best",
    "latitude_city": GOOGLE + "latitude.all.city",
    "picasa_web": "https://picasaweb.google.com/data/",
    "sites": "https://sites.google.com/feeds/",
    "url_shortener": GOOGLE + "urlshortener",
    "webmaster_tools": "https://www.google.com/webmasters/tools/feeds/",
}
GITHUB_SCOPES = {
    "email": "user:email",
    "read_user": "read:user",
    "follow": "user:follow",
    "repo_status": "repo:status",
    **{name: name for name in ("public_repo", "repo", "repo_deployment", "delete_repo", "notifications", "gist")},
    **{f"{verb}_{noun}": f"{verb}:{noun}"
       for verb in ("read", "write", "admin") for noun in ("org", "repo_hook", "public_key")},
}  # fmt: skip
MICROSOFT_SCOPES = {
    "offline_access": "offline_access",
    **{
        name: GRAPH + permission
        for name, permission in {
            "graph_user": "User.Read",  # *
            "graph_user_update": "User.ReadWrite",
            "graph_user_activity": "UserActivity.ReadWrite.CreatedByApp",
            "graph_calendars": "Calendars.Read",
            "graph_calendars_update": "Calendars.ReadWrite",
            "graph_contacts": "Contacts.Read",
            "graph_contacts_update": "Contacts.ReadWrite",
            "graph_device": "Device.Read",
            "graph_device_command": "Device.Command",
            "graph_emails": "Mail.Read",
            "graph_emails_update": "Mail.ReadWrite",
            "graph_files": "Files.Read",
            "graph_files_all": "Files.Read.All",
            "graph_files_update": "Files.ReadWrite",
            "graph_files_all_update": "Files.ReadWrite.All",
            "graph_notes": "Notes.Read",
            "graph_notes_create": "Notes.Create",
            "graph_notes_update": "Notes.ReadWrite",
            "graph_tasks": "Tasks.Read",
            "graph_tasks_update": "Tasks.ReadWrite",
            "directory_accessasuser_all": "Directory.AccessAsUser.All",
            "directory_read_all": "Directory.Read.All",
            "directory_readwrite_all": "Directory.ReadWrite.All",
            "group_read_all": "Group.Read.All",
            "group_readwrite_all": "Group.ReadWrite.All",
            "mail_readwrite_all": "Mail.ReadWrite.All",
            "mail_send": "Mail.Send",
            "rolemanagement_read_all": "RoleManagement.Read.All",
            "rolemanagement_readwrite_directory": "RoleManagement.ReadWrite.Directory",
            "sites_read_all": "Sites.Read.All",
            "sites_readwrite_all": "Sites.ReadWrite.All",
            "team_readbasic_all": "Team.ReadBasic.All",
            "team_readwrite_all": "Team.ReadWrite.All",
            "user_read_all": "User.Read.All",
            "user_readbasic_all": "User.ReadBasic.All",
        }.items()
    },
}
MICROSOFT_FIRST_SCOPES = MICROSOFT_SCOPES | {"signin": "wl.signin"}
LINKEDIN_SCOPES = {
    "email": "r_emailaddress",
    "profile": "r_liteprofile",
    "basic_profile": "r_basicprofile",
    "full_profile": "r_fullprofile",
    "network": "r_network",
    "openid": "openid",
}
LINKEDIN_FIRST_SCOPES = LINKEDIN_SCOPES | {"profile": "r_basicprofile"}
LINKEDIN_OPENID_SCOPES = {"email": "email", "profile": "profile", "openid": "openid"}
FACEBOOK_NAMES = (
    "ads_management ads_read allow_context_profile_field business_management email groups_access_member_info "
    "leads_retrieval manage_notifications manage_pages pages_manage_cta pages_manage_instant_articles pages_messaging "
    "pages_messaging_phone_number pages_messaging_subscriptions pages_show_list public_profile publish_actions "
    "publish_pages publish_to_groups publish_video read_audience_network_insights read_insights read_mailbox "
    "read_page_mailboxes read_stream user_age_range user_birthday user_events user_friends user_gender user_groups "
    "user_hometown user_likes user_link user_location user_managed_groups user_photos user_posts user_status "
    "user_tagged_places user_videos"
)


def _names(text: str) -> dict[str, str]:
    return {name: name for name in text.split()}


SCOPE_BOOLEANS: dict[str, Mapping[str, str]] = {
    "google-oauth2": GOOGLE_SCOPES,
    "google-apps": _names("email profile"),
    "github": GITHUB_SCOPES,
    "windowslive": MICROSOFT_SCOPES,
    "linkedin": LINKEDIN_SCOPES,
    "facebook": _names(FACEBOOK_NAMES),
    "amazon": _names("profile postal_code"),
    "apple": _names("name email"),
    "bitbucket": _names("profile"),
    "line": _names("profile email"),
    **dict.fromkeys(("paypal", "paypal-sandbox"), _names("profile email address phone")),
    **dict.fromkeys(("salesforce", "salesforce-community", "salesforce-sandbox"), _names("profile")),
    "twitter": {
        **_names("profile"),
        "tweet_read": "tweet.read",
        "users_read": "users.read",
        "offline_access": "offline.access",
    },
}
YIELDING = frozenset(
    {"amazon", "apple", "bitbucket", "line", "paypal", "paypal-sandbox", "salesforce", "salesforce-community",
     "salesforce-sandbox", "twitter"}
)  # fmt: skip
BASE = {"paypal": ("openid",), "paypal-sandbox": ("openid",)}
JOINED: dict[str, Callable[[list[str]], str]] = {"facebook": ",".join, "apple": " ".join}


def is_computed(strategy: str, options: Document) -> bool:
    """Whether the server computes the scope of these options."""
    if strategy not in SCOPE_BOOLEANS:
        return False
    said = {*_table(strategy, options), "freeform_scopes"} & options.keys()
    return strategy not in YIELDING or bool(said) or not options.get("scope")


def computed_scope(strategy: str, options: Document) -> str | list[str]:
    """`options.scope` as the booleans make it, in the order in which they were sent."""
    table = _table(strategy, options)
    scopes = list(BASE.get(strategy, ()))
    scopes += [table[name] for name, value in options.items() if value is True and name in table]
    scopes += options.get("freeform_scopes") or []
    unique = list(dict.fromkeys(scopes))
    return JOINED[strategy](unique) if strategy in JOINED else unique


# Documents say that LinkedIn's third version is the default; a tenant was seen to ask for the scopes of the first.
FIRST_VERSION = 1
BY_VERSION: dict[str, Mapping[int, Mapping[str, str]]] = {
    "linkedin": {1: LINKEDIN_FIRST_SCOPES, 2: LINKEDIN_SCOPES, 3: LINKEDIN_OPENID_SCOPES},
    "windowslive": {1: MICROSOFT_FIRST_SCOPES, 2: MICROSOFT_SCOPES},
}


def _table(strategy: str, options: Document) -> Mapping[str, str]:
    versions = BY_VERSION.get(strategy, {})
    return versions.get(options.get("strategy_version") or FIRST_VERSION, SCOPE_BOOLEANS[strategy])

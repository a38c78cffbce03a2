"""Which provider scope each boolean of a connection's options stands for.

`options.scope` of these strategies is computed from the booleans on every write, whatever is sent there; scopes
without a boolean go to `freeform_scopes`. The github, linkedin and facebook names and the starred entries below were
seen at real tenants; the rest follows the providers' own documentation of the permission that Auth0 describes. Where no
tenant was seen to ignore a scope that is sent (`YIELDING`), it stands unless booleans or free scopes come with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .store import Document

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


BOOLEANS: dict[str, Mapping[str, str]] = {
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
    if strategy not in BOOLEANS:
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
    return versions.get(options.get("strategy_version") or FIRST_VERSION, BOOLEANS[strategy])

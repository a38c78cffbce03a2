"""For each flavor the flags that say everything. A new flavor needs an entry here."""

from __future__ import annotations

NEW = ("--app-name", "Acme Assistant", "--type", "regular_web", "--callback", "https://assistant.acme.com/callback")
GOOGLE = ("--connection", "google-oauth2")
READONLY = "https://www.googleapis.com/auth/calendar.readonly"

FLAGS: dict[str, tuple[str, ...]] = {
    "connected_accounts": (*NEW, *GOOGLE, "--flavor", "connected_accounts"),
    "refresh_token_exchange": (
        *NEW, *GOOGLE, "--connection", "sign-in-with-slack", "--logout-url", "https://assistant.acme.com",
        "--flavor", "refresh_token_exchange",
    ),
    "access_token_exchange": (
        "--app-name", "Acme Calendar", "--type", "spa", "--callback", "https://calendar.acme.com/callback", *GOOGLE,
        "--flavor", "access_token_exchange", "--api-identifier", "https://api.calendar.acme.com",
        "--api-name", "Calendar API", "--api-client-name", "Calendar Vault",
    ),
    "privileged_worker": (
        "--app-name", "Nightly Sync", "--type", "m2m", *GOOGLE, "--flavor", "privileged_worker", "--generate-key",
        "--ip", "203.0.113.0/24", "--ip", "127.0.0.1", "--grant", f"google-oauth2={READONLY}",
    ),
}  # fmt: skip


def without(flags: tuple[str, ...], *names: str) -> list[str]:
    """The flags without some of them and their values."""
    kept: list[str] = []
    given = list(flags)
    while given:
        flag = given.pop(0)
        values = [] if flag == "--generate-key" else [given.pop(0)]
        kept += [] if flag in names else [flag, *values]
    return kept

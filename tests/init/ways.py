"""Ways through the wizard: what it asks on them, and the keys that answer it."""

from __future__ import annotations

from tests.init.flags import READONLY
from tests.init.wizard import DOWN, ENTER, ERASE, SPACE, Step
from tokenvault.flavors import flavors

SPEC = "tokenvault.yaml"
SANDBOX = ("--sandbox",)
CONNECTIONS = "Which connections?"


def flavor_keys(name: str, available: list[str]) -> str:
    """The keys that choose a flavor among those that the type can have."""
    return DOWN * available.index(name) + SPACE + ENTER


def new_application(name: str, kind: str) -> list[Step]:
    types = ["regular_web", "m2m", "spa", "native"]
    steps = [
        ("Which application?", ENTER),
        ("Name of the new application:", name + ENTER),
        ("What type of application is it?", DOWN * types.index(kind) + ENTER),
    ]
    urls = [
        ("Callback URLs", "https://app.acme.com/callback, http://localhost:3000/callback" + ENTER),
        ("Logout URLs", "https://app.acme.com" + ENTER),
    ]
    return steps + (urls if kind != "m2m" else [])


def ways() -> dict[str, list[Step]]:
    """For each flavor every question and its answer, up to the last one."""
    fits = {
        kind: [name for name, flavor in flavors().items() if kind in flavor.types]
        for kind in ("regular_web", "spa", "m2m")
    }
    google = (CONNECTIONS, DOWN + SPACE + ENTER)
    name = ("Name of this spec", ENTER)

    def web(flavor: str, kind: str = "regular_web") -> list[Step]:
        return [*new_application("Acme Assistant", kind), ("Which flavors", flavor_keys(flavor, fits[kind])), google]

    api = [
        ("Identifier of the API", "https://api.calendar.acme.com" + ENTER),
        ("Name of the API:", ERASE + "Calendar API" + ENTER),
        ("Name of the Custom API Client (may be empty):", "Calendar Vault" + ENTER),
    ]
    worker = [
        ("How the worker authenticates:", DOWN + ENTER),
        ("With which key?", ENTER),
        ("that the worker sends from", "203.0.113.0/24, 127.0.0.1" + ENTER),
        ("Scopes that it may get of google-oauth2:", READONLY + ENTER),
    ]
    return {
        "connected_accounts": [*web("connected_accounts"), name],
        "refresh_token_exchange": [*web("refresh_token_exchange"), name],
        "access_token_exchange": [*web("access_token_exchange", "spa"), *api, name],
        "privileged_worker": [
            *new_application("Nightly Sync", "m2m"),
            ("Which flavors", flavor_keys("privileged_worker", fits["m2m"])), google, *worker,
            ("Name of this spec", ERASE + "nightly" + ENTER),
        ],
    }  # fmt: skip

"""What a change of how an application authenticates means for whoever runs it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tokenvault.kinds import Object
from tokenvault.paths import get_path

METHODS, METHOD = "client_authentication_methods", "token_endpoint_auth_method"
KEYS = f"{METHODS}.private_key_jwt.credentials"


def risks(live: Object, sets: Mapping[str, Any]) -> Iterable[str]:
    """The risks of setting these attributes, given what the application has."""
    before, after = live.get(METHOD), sets.get(METHOD)
    if before == "none" and after is not None:
        yield "it is public no longer: it must authenticate with its client secret at the token endpoint from now on"
    if METHODS in sets and live.get(METHODS):
        yield "the application can no longer authenticate with its keys, only with its client secret"
    if KEYS in sets and not live.get(METHODS) and before is not None:
        yield "its client secret stops working at the token endpoint: it must authenticate with its key from now on"
    if _ids(get_path(live, KEYS)) - _ids(sets.get(KEYS, get_path(live, KEYS))):
        yield "whoever still authenticates with a key that is removed here is refused from then on"


def _ids(slot: Any) -> set[str]:
    return {str(entry["id"]) for entry in slot or []}

"""Writes of applications: the bodies with which one is created, the risks of a change, and advice where Auth0 refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tokenvault.kinds.base import Object
from tokenvault.model.paths import get_path

LEGACY_GRANTS = "http://auth0.com/oauth/legacy/"
METHODS, METHOD = "client_authentication_methods", "token_endpoint_auth_method"
KEYS = f"{METHODS}.private_key_jwt.credentials"


def risks(live: Object, patch: Mapping[str, Any]) -> Iterable[str]:
    """The risks of setting these attributes, given what the application has."""
    legacy = [grant for grant in live.get("grant_types") or () if str(grant).startswith(LEGACY_GRANTS)]
    if legacy:
        yield (
            f"it has grant types that Auth0 has retired ({', '.join(legacy[:2])}{', …' * (len(legacy) > 2)}): where the "
            "tenant does not allow them any more, Auth0 refuses every change; remove them in the dashboard first"
        )
    before, after = live.get(METHOD), patch.get(METHOD)
    if before == "none" and after is not None:
        yield "it is public no longer: it must authenticate with its client secret at the token endpoint from now on"
    if METHODS in patch and live.get(METHODS):
        yield "the application can no longer authenticate with its keys, only with its client secret"
    if KEYS in patch and not live.get(METHODS) and before is not None:
        yield "its client secret stops working at the token endpoint: it must authenticate with its key from now on"
    if _ids(get_path(live, KEYS)) - _ids(patch.get(KEYS, get_path(live, KEYS))):
        yield "whoever still authenticates with a key that is removed here is refused from then on"


def _ids(slot: Any) -> set[str]:
    return {str(entry["id"]) for entry in slot or []}


LEAST = ("name", "app_type", "resource_server_identifier", "grant_types")
MARKED = (*LEAST, "client_metadata")


def advice(values: Object, said: str) -> Iterable[str]:
    """Auth0 recommends a key pair for each use; nobody knows whether it insists."""
    signing, authenticating = (values.get(path) or () for path in ("token_vault_privileged_access.credentials", KEYS))
    if any(entry in authenticating for entry in signing):
        yield (
            "If it is that one key serves two uses, give the worker a key pair of its own to authenticate with: "
            "`authentication_keys` beside `public_keys`"
        )


def bodies(body: Object) -> Sequence[Object]:
    """A Custom API Client is created with what Auth0 is known to take for one; the mark goes along where it is taken."""
    if body.get("app_type") != "resource_server":
        return (body,)
    return tuple({name: body[name] for name in names if name in body} for names in (MARKED, LEAST))

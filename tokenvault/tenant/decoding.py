"""What the items of a list must look like for tokenvault to understand them: only what is read of them, and no more.

A value of a type that nobody knows is an error, not a difference to be planned away; properties that are not listed here
may hold anything, and any that is not required may be missing or null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Shape = type | list[Any] | dict[str, Any]
"""A type; a list of one shape; or a mapping of names to shapes, with `!` behind the required ones."""

_CREDENTIALS = [{"id!": str}]
_CLIENT: Shape = {
    "client_id!": str,
    **dict.fromkeys(("name", "app_type", "resource_server_identifier", "token_endpoint_auth_method"), str),
    **{name: [str] for name in ("grant_types", "callbacks", "allowed_logout_urls", "web_origins")},
    **dict.fromkeys(("global", "is_first_party", "oidc_conformant"), bool),
    "client_metadata": {},
    "jwt_configuration": {"alg": str},
    "refresh_token": {"rotation_type": str, "policies": [{"audience": str, "scope": [str]}]},
    "client_authentication_methods": {"private_key_jwt": {"credentials": _CREDENTIALS}},
    "token_vault_privileged_access": {
        "credentials": _CREDENTIALS,
        "ip_allowlist": [str],
        "grants": [{"connection": str, "scopes": [str]}],
    },
}
_SHAPES: Mapping[str, Shape] = {
    "clients": _CLIENT,
    "connections": {
        **dict.fromkeys(("id!", "name!", "strategy!"), str),
        "display_name": str,
        "options": {"upstream_params": {}},
        "metadata": {},
        "connected_accounts": {"active": bool},
    },
    "resource-servers": {
        **dict.fromkeys(("id!", "identifier!"), str),
        "name": str,
        "scopes": [{"value!": str}],
        "subject_type_authorization": {"user": {"policy": str}, "client": {"policy": str}},
    },
    "client-grants": {**dict.fromkeys(("id!", "client_id", "audience!", "subject_type"), str), "scope": [str]},
    "connections/clients": {"client_id!": str},
    "clients/credentials": {"id!": str, "kid": str, "name": str, "alg": str, "credential_type": str},
}


def shape_problem(path: str, items: Iterable[Any]) -> str:
    """What of a list's items cannot be understood; nothing when all can. `path` is the endpoint's."""
    parts = path.split("/")
    shape = _SHAPES.get("/".join(parts[::2]))
    return next((odd for item in items if (odd := _odd(item, shape, "an item"))), "") if shape else ""


def _odd(value: Any, shape: Shape, name: str) -> str:
    if isinstance(shape, type):
        return "" if isinstance(value, shape) else f"{name} is not what it always was"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{name} is no list"
        return next((odd for item in value if (odd := _odd(item, shape[0], f"an element of {name}"))), "")
    if not isinstance(value, dict):
        return f"{name} is no object"
    for key, inside in shape.items():
        attribute = key.removesuffix("!")
        if value.get(attribute) is None:
            if key != attribute:
                return f"{name} has no {attribute}"
        elif odd := _odd(value[attribute], inside, attribute):
            return odd
    return ""

"""What comes in from the Management API is checked here, at the edge, so that nothing deeper meets a shape it does not know.

Only what tokenvault reads of an object is checked, and no more. A value of a type that nobody knows is an error, not a
difference to be planned away; properties that are not listed here may hold anything. What is not required may be missing or
null, as in the API, which requires next to nothing: the code that reads it has to cope.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tokenvault.tenant.failures import unintelligible

Item = dict[str, Any]
Shape = type | list[Any] | dict[str, Any]
"""A type; a list of one shape; or a mapping of names to shapes, with `!` behind the required ones."""

MAX_CURSOR = 10_000

_CREDENTIALS = [{"id!": str}]
_CLIENT: Shape = {
    "client_id!": str,
    **dict.fromkeys(("name", "app_type", "resource_server_identifier", "token_endpoint_auth_method"), str),
    **{name: [str] for name in ("grant_types", "callbacks", "allowed_logout_urls", "web_origins", "allowed_origins")},
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
_CONNECTION: Shape = {
    **dict.fromkeys(("id!", "name!", "strategy!"), str),
    "display_name": str,
    "options": {"upstream_params": {}},
    "metadata": {},
    "authentication": {"active": bool},
    "connected_accounts": {"active": bool},
}
_API: Shape = {
    **dict.fromkeys(("id!", "identifier!"), str),
    **dict.fromkeys(("name", "signing_alg"), str),
    "scopes": [{"value!": str}],
    "subject_type_authorization": {"user": {"policy": str}, "client": {"policy": str}},
}
_GRANT: Shape = {
    **dict.fromkeys(("id!", "client_id", "audience", "subject_type"), str),
    "scope": [str],
    "allow_all_scopes": bool,
}
_CREDENTIAL: Shape = dict.fromkeys(("id!", "kid", "name", "alg", "credential_type", "expires_at"), str)

_ITEMS: Mapping[str, Shape] = {
    "clients": _CLIENT,
    "connections": _CONNECTION,
    "connections/*/clients": {"client_id!": str},
    "resource-servers": _API,
    "client-grants": _GRANT,
    "clients/*/credentials": _CREDENTIAL,
    "custom-domains": {**dict.fromkeys(("domain", "status"), str), "is_default": bool},
    "tenants": {"flags": {"enable_client_connections": bool}},
    "users": {"user_id!": str},
    "users-by-email": {"user_id!": str},
    "users/*/connected-accounts": {
        **dict.fromkeys(("id!", "connection!"), str),
        **dict.fromkeys(("strategy", "access_type", "created_at", "expires_at", "organization_id"), str),
        "scopes": [str],
    },
    "users/*/logs": dict.fromkeys(("type!", "date", "description", "client_id", "client_name", "connection"), str),
    "guardian/policies": str,
}
"""The lists, and what one item of each is. Below a list that has items with ids, `/ID` answers one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list. `total`, `limit` and `next` are None where the answer does not tell."""

    items: list[Item]
    total: int | None = None
    limit: int | None = None
    next: str | None = None


def json_of(content: bytes) -> Any:
    """The JSON of a body; None where it is none."""
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None


def page_of(path: str, key: str, answer: Any, fields: Collection[str] | None = None) -> Page:
    """A page of the list at `path`, whose items stand under `key`. `ApiError` when it is none.

    `fields` are those that were asked for, where not all were: the others are not required.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get(key), list):
        raise unintelligible("GET", path, f"it is no page with a list of {key}")
    return Page(
        items=_checked(path, answer[key], [_ITEMS.get(_endpoint(path), {})], fields),
        total=_count(path, "total", answer.get("total"), least=0),
        limit=_count(path, "limit", answer.get("limit"), least=1),
        next=_cursor(path, answer.get("next")),
    )


def decoded(path: str, answer: Any, fields: Collection[str] | None = None) -> Any:
    """What a GET of `path` answers: an object, or the items of a list, in an envelope or not. `ApiError` for anything else."""
    endpoint = _endpoint(path)
    if endpoint in _ITEMS:
        return _checked(path, _unwrapped(endpoint, answer), [_ITEMS[endpoint]], fields)
    shape = _ITEMS.get(endpoint.removesuffix("/*"), {}) if endpoint.endswith("/*") else None
    return answer if shape is None else _checked(path, answer, shape, fields)


def written(path: str, answer: Any) -> Any:
    """What a POST to the list at `path` answers: the object that it made. `ApiError` when it is none."""
    shape = _ITEMS.get(_endpoint(path))
    return _checked(path, answer, shape, method="POST") if isinstance(shape, dict) else answer


def _endpoint(path: str) -> str:
    """The path with a `*` for every id."""
    if path in _ITEMS:
        return path
    return "/".join("*" if place % 2 else part for place, part in enumerate(path.split("/")))


def _unwrapped(endpoint: str, answer: Any) -> Any:
    key = endpoint.rsplit("/", 1)[-1].replace("-", "_")
    return answer.get(key) if isinstance(answer, dict) else answer


def _checked(
    path: str, answer: Any, shape: Shape, fields: Collection[str] | None = None, *, method: str = "GET"
) -> Any:
    if problem := _problem(answer, shape, "the answer", fields):
        raise unintelligible(method, path, problem)
    return answer


def _problem(value: Any, shape: Shape, name: str, fields: Collection[str] | None = None) -> str:
    """What of the value cannot be understood; nothing when all can."""
    if isinstance(shape, type):
        return "" if isinstance(value, shape) else f"{name} is not what it always was"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{name} is no list"
        inside = "an item" if name == "the answer" else f"an element of {name}"
        return next((problem for item in value if (problem := _problem(item, shape[0], inside, fields))), "")
    if not isinstance(value, dict):
        return f"{name} is no object"
    for key, expected in shape.items():
        attribute = key.removesuffix("!")
        if value.get(attribute) is None:
            if key != attribute and (fields is None or attribute in fields):
                return f"{name} has no {attribute}"
        elif problem := _problem(value[attribute], expected, attribute):
            return problem
    return ""


def _count(path: str, name: str, value: Any, *, least: int) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise unintelligible("GET", path, f"its {name} is no number of items")
    return value


def _cursor(path: str, value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_CURSOR:
        raise unintelligible("GET", path, "its `next` is no cursor")
    return value

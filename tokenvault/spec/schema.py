"""The JSON Schema of a spec, assembled from the tables of kinds and flavors that read it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from tokenvault.flavors import flavors
from tokenvault.flavors.base import Flavor, suits
from tokenvault.kinds import kinds
from tokenvault.kinds.application import APP_TYPES
from tokenvault.kinds.connection_rules import may_be_asked, unset_offline
from tokenvault.kinds.cross_app_access import OPENID_CONNECT
from tokenvault.kinds.strategies import NEVER, STRATEGIES, WRONG_NAMES

DOMAIN = "[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?"
NAME_PATTERN = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
VARIABLE_PATTERN = "^[A-Za-z_][A-Za-z0-9_]*$"
VARIABLE_FORM = "The name of an environment variable, without $: letters, digits and _."
SCHEMA_ID = "urn:tokenvault:spec:1"


@cache
def spec_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that `validate` uses and editors complete from."""
    sections = {kind.section.name: copy.deepcopy(kind.section.schema) for kind in kinds().values() if kind.section}
    applications, apis = (sections[name]["additionalProperties"]["properties"] for name in ("applications", "apis"))
    applications["flavors"].update(_flavors(flavors().values()))
    serving = [replace(flavor, schema=_of_api(flavor)) for flavor in flavors().values() if flavor.serves_apis]
    apis["flavors"].update(_flavors(serving))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "tokenvault spec",
        "description": "Which applications use which Auth0 Token Vault flavors on which connections.",
        "type": "object",
        "additionalProperties": False,
        "required": ["version", "name"],
        "properties": {**_top(), **sections},
    }


def _top() -> dict[str, Any]:
    return {
        "version": {"description": "The version of this format.", "const": 1, "examples": [1]},
        "name": {
            "description": "Who owns what this spec creates: part of the mark left on it. Do not change it later.",
            "type": "string",
            "pattern": NAME_PATTERN,
            "errorMessage": "At most 40 lowercase letters, digits and hyphens, with no hyphen at either end.",
            "examples": ["acme-assistant"],
        },
        "overlay": {
            "description": "This file changes what the files before it say, merged by key (`plan base.yaml prod.yaml`).",
            "type": "boolean",
            "default": False,
            "examples": [True],
        },
        "tenant": {
            "description": "A guard: refuse to touch any other tenant than this domain.",
            "type": "string",
            "minLength": 1,
            "pattern": f"^(https://)?{DOMAIN}/?$|\\$\\{{",
            "errorMessage": "The tenant's domain alone, without a path.",
            "examples": ["${env:AUTH0_DOMAIN}"],
        },
        "variables": {
            "description": "Environment variables whose values may be shown: `${env:NAME}` then works in every field. "
            "Any other variable, and any file, may stand only where a secret belongs. Only the first file of a spec has a "
            "say in this, and plans list what it says. A `sensitive` variable may stand in any option of a connection and "
            "is shown nowhere.",
            "type": "array",
            "uniqueItems": True,
            "maxItems": 200,
            "items": {
                "anyOf": [
                    {
                        "type": "string",
                        "pattern": VARIABLE_PATTERN,
                        "errorMessage": VARIABLE_FORM,
                        "examples": ["APP_HOST"],
                    },
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["name"],
                        "properties": {
                            "name": {
                                "description": "The environment variable.",
                                "type": "string",
                                "pattern": VARIABLE_PATTERN,
                                "errorMessage": VARIABLE_FORM,
                                "examples": ["CRM_HEADER"],
                            },
                            "sensitive": {
                                "description": "Its value is a secret, which an option of a connection needs.",
                                "type": "boolean",
                                "default": False,
                                "examples": [True],
                            },
                        },
                    },
                ]
            },
            "examples": [["APP_HOST", "LOGIN_DOMAIN"]],
        },
        "my_account_api": {
            "description": "The My Account API, through which users connect accounts.",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "domain": {
                    "description": "The custom domain that users log in on, when they do: `usage` and `exchange` use it. The API "
                    "itself is the tenant's own. An application may name another one. Default: the tenant's domain.",
                    "type": "string",
                    "pattern": "^([A-Za-z0-9.-]+(:[0-9]+)?|.*\\$\\{.*)$",
                    "errorMessage": "The domain alone, without https:// and without a path.",
                    "examples": ["auth.acme.com"],
                }
            },
            "examples": [{"domain": "auth.acme.com"}],
        },
    }


_NO_SETTINGS = {"type": "object", "additionalProperties": False}


def _of_api(flavor: Flavor) -> dict[str, Any] | None:
    """The flavor's settings in an API's entry, which names the API itself; None where there are no others."""
    schema = dict(flavor.schema or {})
    properties = {name: each for name, each in schema.get("properties", {}).items() if name != "api"}
    required = [name for name in schema.get("required", ()) if name != "api"]
    return {**schema, "properties": properties, "required": required} if properties else None


def _flavors(offered: Iterable[Flavor]) -> dict[str, Any]:
    """A flavor is its name or, with settings, a mapping of one key."""
    offered = list(offered)
    summaries = " ".join(f"`{flavor.name}`: {flavor.summary}" for flavor in offered)
    plain = {"enum": [flavor.name for flavor in offered], "description": summaries}
    with_settings = {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            flavor.name: {"description": flavor.summary, **copy.deepcopy(dict(flavor.schema or _NO_SETTINGS))}
            for flavor in offered
        },
    }
    return {"items": {"anyOf": [plain, with_settings]}}


# ---- for editors: it also refuses what `validate` refuses by rules, where JSON Schema can say so
# `validate` itself reads by `spec_schema`, and by rules that say more than a schema can. `errorMessage` is what
# yaml-language-server, and with it most editors, shows instead of a text of its own.


@cache
def editor_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that is published: `tokenvault schema`, and the file that `init` writes beside a spec."""
    schema = copy.deepcopy(spec_schema())
    application = schema["properties"]["applications"]["additionalProperties"]
    application["allOf"] = list(_by_type())
    application["properties"]["connections"]["minItems"] = 1
    application["properties"]["flavors"]["items"]["allOf"] = list(_settings())
    application["properties"]["flavors"]["allOf"] = list(_once())
    connection = schema["properties"]["connections"]["additionalProperties"]
    connection["allOf"] = list(_by_strategy())
    schema["properties"]["apis"]["additionalProperties"]["properties"]["identifier"] |= OWN_API
    schema["allOf"] = [
        {"if": {"not": OVERLAY}, "then": {"properties": {"connections": {"additionalProperties": WHOLE}}}}
    ]
    return schema


OVERLAY = {"required": ["overlay"], "properties": {"overlay": {"const": True}}}
WHOLE = {
    "if": {"type": "object", "required": ["credentials"]},
    "then": {"required": ["strategy"], "errorMessage": "Credentials need a `strategy`: it decides what they mean."},
}


OWN_API = {
    "pattern": "^(?!.*(/me|/api/v2)/*$)",
    "errorMessage": "Give your own API's identifier. The My Account API, …/me/, is set up by every flavor that needs it.",
}


def _by_strategy() -> Iterator[dict[str, Any]]:
    """Strategies that are none, or never yield tokens; and what others do not take."""
    wrong = {name: f"Auth0 has no strategy {name}. {hint}" for name, (_, hint) in WRONG_NAMES.items()}
    wrong |= {name: f"A connection of strategy {name} never yields tokens: {why}." for name, why in NEVER.items()}
    for name, message in wrong.items():
        yield _where_strategy({"const": name}, {"properties": {"strategy": _never(message)}})
    message = "Cross App Access is for connections of strategy oidc or okta."
    resource = {"properties": {"cross_app_access": _never_true(message)}}
    requesting = {"cross_app_access_requesting_app": _never_true(message), "connected_accounts": resource}
    yield _where_strategy({"not": {"enum": list(OPENID_CONNECT)}}, {"properties": requesting})
    set_elsewhere = [name for name, known in STRATEGIES.items() if known.offline_note and not may_be_asked(name)]
    for name in set_elsewhere:
        summary, hint = unset_offline(name)
        offline = {"properties": {"offline_access": _never_true(f"{summary}. {hint}")}}
        yield _where_strategy({"const": name}, offline)


def _where_strategy(strategy: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"required": ["strategy"], "properties": {"strategy": {"type": "string", **strategy}}}, "then": then}


def _never_true(message: str) -> dict[str, Any]:
    return {"enum": [False], "errorMessage": message}


def _once() -> Iterator[dict[str, Any]]:
    """Each flavor stands once in a list."""
    for flavor in flavors().values():
        message = f"{flavor.name} stands here twice."
        yield {"contains": _named(flavor), "minContains": 0, "maxContains": 1, "errorMessage": message}


def _by_type() -> Iterator[dict[str, Any]]:
    """For each type of application, the flavors that it cannot use, and those that it can only if it keeps a secret."""
    secret = {"required": ["confidential"], "properties": {"confidential": {"const": True}}}
    for kind in APP_TYPES:
        this = {"required": ["type"], "properties": {"type": {"const": kind}}}
        others = [flavor for flavor in flavors().values() if not suits(flavor, kind, confidential=False)]
        never = [_refused(flavor, kind) for flavor in others if not suits(flavor, kind, confidential=True)]
        without = [_refused(flavor, kind) for flavor in others if suits(flavor, kind, confidential=True)]
        for condition, refused in ((this, never), ({**this, "not": secret}, without)):
            if refused:
                yield {"if": condition, "then": {"properties": {"flavors": {"items": {"allOf": refused}}}}}


def _refused(flavor: Flavor, kind: str) -> dict[str, Any]:
    return {
        "if": _named(flavor),
        "then": _never(f"An application of type {kind} cannot use {flavor.name}. {flavor.type_hint}"),
    }


def _named(flavor: Flavor) -> dict[str, Any]:
    return {"anyOf": [{"const": flavor.name}, {"type": "object", "required": [flavor.name]}]}


def _never(message: str) -> dict[str, Any]:
    """What neither text nor a mapping satisfies: of a wrong type editors show the message, of `not` a text of their own."""
    return {"type": "null", "errorMessage": message}


def _settings() -> Iterator[dict[str, Any]]:
    """The settings without which a flavor is refused, and that none of them is empty."""
    for flavor in flavors().values():
        for name, most in flavor.most.items():
            limit = {
                "maxItems": most,
                "maxProperties": most,
                "errorMessage": f"{flavor.name} takes at most {most} here.",
            }
            yield _having(flavor, {"properties": {name: limit}})
        required = (*((flavor.schema or {}).get("required") or ()), *flavor.needed)
        if not required:
            continue
        says = f"{flavor.name} needs settings below it: {', '.join(f'`{name}`' for name in required)}."
        yield {"if": {"const": flavor.name}, "then": _never(says)}
        for name in required:
            yield _having(flavor, {"required": [name], "errorMessage": f"{flavor.name} needs `{name}`."})
        yield _having(flavor, {"properties": {name: {"minItems": 1, "minProperties": 1} for name in flavor.needed}})


def _having(flavor: Flavor, settings: dict[str, Any]) -> dict[str, Any]:
    """What holds for the settings of a flavor, wherever they are written as a mapping."""
    return {
        "if": {"type": "object", "required": [flavor.name], "properties": {flavor.name: {"type": "object"}}},
        "then": {"properties": {flavor.name: settings}},
    }

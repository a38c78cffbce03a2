"""The JSON Schema of a spec as editors get it: it also refuses what `validate` refuses by rules, where JSON Schema can say so.

`validate` itself reads by `spec_schema`, and by rules that say more than a schema can. `errorMessage` is what
yaml-language-server, and with it most editors, shows instead of a text of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

from tokenvault.flavors import flavors
from tokenvault.flavors.base import Flavor, suits
from tokenvault.kinds.application import APP_TYPES
from tokenvault.spec.schema import spec_schema


@cache
def editor_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that is published: `tokenvault schema`, and the file that `init` writes beside a spec."""
    schema = copy.deepcopy(spec_schema())
    application = schema["properties"]["applications"]["additionalProperties"]
    application["allOf"] = list(_by_type())
    application["properties"]["connections"]["minItems"] = 1
    application["properties"]["flavors"]["items"]["allOf"] = list(_settings())
    return schema


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
    named = {"anyOf": [{"const": flavor.name}, {"type": "object", "required": [flavor.name]}]}
    return {"if": named, "then": _never(f"An application of type {kind} cannot use {flavor.name}. {flavor.type_hint}")}


def _never(message: str) -> dict[str, Any]:
    """What neither text nor a mapping satisfies: of a wrong type editors show the message, of `not` a text of their own."""
    return {"type": "null", "errorMessage": message}


def _settings() -> Iterator[dict[str, Any]]:
    """The settings without which a flavor is refused, and that none of them is empty."""
    for flavor in flavors().values():
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

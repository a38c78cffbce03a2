"""A JSON Schema (draft 2020-12) as the structural schema that a CRD takes: less, and in fewer words.

What cannot be said there (`const`, alternatives of several types, unique items) is left out or weakened. That loses nothing:
the operator holds every object against the full schema, as `tokenvault validate` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEPT = (
    "description",
    "type",
    "enum",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
)
_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
PRESERVE = "x-kubernetes-preserve-unknown-fields"


def structural(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema for a CRD. Keys that it does not know are kept, so that the operator can name them instead of losing them."""
    found = {name: schema[name] for name in _KEPT if name in schema}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    kind = _type(found)
    if kind is None:
        described = {"description": found["description"]} if "description" in found else {}
        return {**described, PRESERVE: True}
    found["type"] = kind
    if alternatives := [choice for choice in schema.get("anyOf", ()) if set(choice) == {"required"}]:
        found["anyOf"] = alternatives
    if kind == "object":
        found |= _object(schema)
    elif kind == "array":
        found["items"] = structural(schema["items"]) if "items" in schema else {PRESERVE: True}
    return found


def _type(found: Mapping[str, Any]) -> str | None:
    """The one type of the value; None where several are possible, or none is said."""
    if isinstance(found.get("type"), str):
        return str(found["type"])
    types = {_TYPES.get(type(value)) for value in found.get("enum", ())}
    return types.pop() if len(types) == 1 else None


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An object has named keys, or keys of one's own: a structural schema cannot say both."""
    others = schema.get("additionalProperties")
    if schema.get("properties"):
        named = {name: structural(inside) for name, inside in schema["properties"].items()}
        return {"properties": named, PRESERVE: True}
    return {"additionalProperties": structural(others)} if isinstance(others, Mapping) and others else {PRESERVE: True}

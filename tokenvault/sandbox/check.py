"""Checks request bodies against compact rules and refuses in the words of the Management API.

Rules are small JSON-schema-like dictionaries built by the functions at the top; objects are closed unless said
otherwise, which is the strictness that catches most mistakes of a client.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from .errors import ApiError, bad_request

Rule = dict[str, Any]


def text(**limits: Any) -> Rule:
    """A string; limits: min, max, pattern, and format, a name that a refusal gives in place of the pattern."""
    return {"type": "string", **limits}


def integer(**limits: Any) -> Rule:
    """An integer; limits: least, most."""
    return {"type": "integer", **limits}


def number(**limits: Any) -> Rule:
    """A number; limits: least, most."""
    return {"type": "number", **limits}


def array(items: Rule, **limits: Any) -> Rule:
    """An array; limits: min, max."""
    return {"type": "array", "items": items, **limits}


def enum(*values: Any) -> Rule:
    """One of these values."""
    return {"enum": values}


def closed(properties: Mapping[str, Rule], required: Collection[str] = (), **limits: Any) -> Rule:
    """An object that may hold these properties and no other."""
    return {"type": "object", "properties": properties, "required": required, "closed": True, **limits}


def opened(properties: Mapping[str, Rule] | None = None, required: Collection[str] = (), **limits: Any) -> Rule:
    """An object that may hold anything besides these properties."""
    return {"type": "object", "properties": properties or {}, "required": required, **limits}


def mapping(values: Rule, **limits: Any) -> Rule:
    """An object of any keys whose values all obey one rule."""
    return {"type": "object", "values": values, **limits}


def either(*rules: Rule) -> Rule:
    """A value that obeys one of these rules, which differ in type."""
    return {"either": rules}


def told_by(key: str, present: Rule, absent: Rule) -> Rule:
    """An object that obeys the rule `present` when it has this key, and `absent` when it has not."""
    return {"told_by": (key, present, absent)}


def nullable(rule: Rule) -> Rule:
    """The same, or null."""
    return {**rule, "nullable": True}


STRING = text()
NONEMPTY = text(min=1)
HTTPS_OR_EMPTY = text(pattern=r"^(https://\S+)?$", format="absolute-https-uri-with-placeholders-or-empty")
URI_OR_EMPTY = text(pattern=r"^([a-zA-Z][a-zA-Z0-9+.-]*:\S+)?$", format="absolute-uri-or-empty")
BOOLEAN: Rule = {"type": "boolean"}
ANYTHING: Rule = {}
STRINGS = array(STRING)
NONEMPTY_STRINGS = array(NONEMPTY)
OBJECT = opened()

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def check_body(rule: Rule, body: Any) -> None:
    """Refuse a body that breaks the rule, as 400 invalid_body."""
    _check(rule, body, "")


def _check(rule: Rule, value: Any, path: str) -> None:
    if value is None and rule.get("nullable"):
        return
    if "either" in rule:
        rule = next((one for one in rule["either"] if _has_type(value, one["type"])), rule["either"][0])
    if "told_by" in rule:
        key, present, absent = rule["told_by"]
        rule = present if isinstance(value, dict) and key in value else absent
    if "enum" in rule:
        _check_enum(rule["enum"], value, path)
        return
    if "type" in rule and not _has_type(value, rule["type"]):
        raise _invalid(f"Expected type {rule['type']} but found type {_type_name(value)}", path)
    match value:
        case str():
            _check_string(rule, value, path)
        case list():
            _check_array(rule, value, path)
        case dict():
            _check_object(rule, value, path)
        case int() | float() if not isinstance(value, bool):
            _check_number(rule, value, path)


def _check_enum(allowed: Collection[Any], value: Any, path: str) -> None:
    types = dict.fromkeys(_type_name(one) for one in allowed)
    if _type_name(value) not in types:
        raise _invalid(f"Expected type {next(iter(types))} but found type {_type_name(value)}", path)
    if value not in allowed:
        raise _invalid(f"No enum match for: {value}", path)


def _check_string(rule: Rule, value: str, path: str) -> None:
    if len(value) < rule.get("min", 0):
        raise _invalid(f"String is too short ({len(value)} chars), minimum {rule['min']}", path)
    if len(value) > rule.get("max", len(value)):
        raise _invalid(f"String is too long ({len(value)} chars), maximum {rule['max']}", path)
    if "pattern" in rule and not re.search(rule["pattern"], value):
        if "format" in rule:
            raise _invalid(f"Object didn't pass validation for format {rule['format']}: {value}", path)
        raise _invalid(f"String does not match pattern: {rule['pattern']}", path)


def _check_number(rule: Rule, value: float, path: str) -> None:
    if value < rule.get("least", value):
        raise _invalid(f"Value {value} is less than minimum {rule['least']}", path)
    if value > rule.get("most", value):
        raise _invalid(f"Value {value} is greater than maximum {rule['most']}", path)


def _check_array(rule: Rule, value: list[Any], path: str) -> None:
    if len(value) < rule.get("min", 0):
        raise _invalid(f"Array is too short ({len(value)}), minimum {rule['min']}", path)
    if len(value) > rule.get("max", len(value)):
        raise _invalid(f"Array is too long ({len(value)}), maximum {rule['max']}", path)
    for index, item in enumerate(value):
        _check(rule.get("items", ANYTHING), item, f"{path}[{index}]")


def _check_object(rule: Rule, value: dict[str, Any], path: str) -> None:
    properties = rule.get("properties", {})
    if unknown := [key for key in value if rule.get("closed") and key not in properties]:
        raise additional_properties(unknown, path)
    for key in rule.get("required", ()):
        if key not in value:
            raise _invalid(f"Missing required property: {key}", path)
    if len(value) < rule.get("min", 0):
        raise _invalid(f"Too few properties defined ({len(value)}), minimum {rule['min']}", path)
    if len(value) > rule.get("max", len(value)):
        raise _invalid(f"Too many properties defined ({len(value)}), maximum {rule['max']}", path)
    for key, item in value.items():
        _check(properties.get(key, rule.get("values", ANYTHING)), item, f"{path}.{key}" if path else key)


def additional_properties(names: Collection[str], path: str = "") -> ApiError:
    """400 for properties that an object has no place for."""
    hint = "consider storing them in metadata, or removing them"
    problem = f"'Additional properties not allowed: {','.join(names)}' ({hint})"
    return bad_request(f"Payload validation error: {problem}{_at(path)}.")


def _invalid(problem: str, path: str) -> Exception:
    return bad_request(f"Payload validation error: '{problem}'{_at(path)}.")


def _at(path: str) -> str:
    return f" on property {path}" if path else ""


def _has_type(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    names = ("boolean", "integer", "number", "string", "array", "object")
    return next(name for name in names if _has_type(value, name))

"""What a spec may say: every field of the schema that `validate` uses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tokenvault.reference.table import code, table
from tokenvault.spec.schema import spec_schema

Schema = Mapping[str, Any]


def fields_chapter() -> str:
    """The spec's fields, one table for each thing that stands at its top."""
    top = spec_schema()["properties"]
    plain = {name: field for name, field in top.items() if not _inside(field)}
    head = "## The spec\n\nA YAML file; `*` in a path stands for a name of your own."
    return "\n\n".join(
        [head, _table(_fields(plain)), *(_section(name, top[name]) for name in top if name not in plain)]
    )


def _section(name: str, schema: Schema) -> str:
    return f"### `{name}`\n\n{schema['description']}\n\n{_table(_fields(_inside(schema)))}"


def _inside(schema: Schema) -> dict[str, Schema]:
    """What stands directly in an object; entries of a list or of a free mapping stand below `*`."""
    found = dict(schema.get("properties", {}))
    for key in ("additionalProperties", "items"):
        if isinstance(below := schema.get(key), dict):
            found.update({f"*.{name}": field for name, field in _inside(below).items()})
    for option in schema.get("anyOf", ()):
        found.update(_inside(option))
    return found


def _fields(schemas: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    for name, schema in schemas.items():
        yield name, schema
        yield from ((f"{name}.{below}", field) for below, field in _fields(_inside(schema)))


def _table(fields: Iterator[tuple[str, Schema]]) -> str:
    rows = [
        (code(path), _type(field), _value(field.get("default")), field.get("description", ""), _example(field))
        for path, field in fields
    ]
    return table(("Field", "Type", "Default", "What it says", "Example"), rows)


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(code(value) for value in schema["enum"])
    if "const" in schema:
        return code(schema["const"])
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema.get('items', {}))}"
        case "object":
            return "mapping"
        case list() as several:
            return " or ".join(several)
        case None:
            options = [_type(option) for option in schema.get("anyOf", ())]
            return " or ".join(dict.fromkeys(option for option in options if option)) or "anything"
        case one:
            return str(one)


def _value(value: Any) -> str:
    return "" if value is None else code(json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value)


def _example(schema: Schema) -> str:
    return _value(next(iter(schema.get("examples", ())), None))

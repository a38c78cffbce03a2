"""The published schemas are the ones that the code reads by, and explain themselves in an editor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.support import EXAMPLES, ROOT, cli

SCHEMA = ROOT / "schemas" / "tokenvault.schema.json"


def test_the_published_schema_is_current() -> None:
    assert SCHEMA.read_text() == cli("schema").out, "run: tokenvault schema > schemas/tokenvault.schema.json"


def test_the_schema_is_valid_draft_2020_12() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_names_the_schema_and_satisfies_it(example: Any) -> None:
    text = example.read_text()
    assert text.startswith("# yaml-language-server: $schema=../schemas/tokenvault.schema.json\n")
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(yaml.safe_load(text))


def test_every_field_has_a_description_and_an_example() -> None:
    for path, schema in fields(json.loads(SCHEMA.read_text())):
        assert schema.get("description"), path
        known = {"examples", "enum", "const", "properties", "additionalProperties"}
        assert known & set(schema), f"{path} has no example"


def fields(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, inside in schema.get("properties", {}).items():
        yield f"{path}.{name}", inside
        yield from fields(inside, f"{path}.{name}")
    for key in ("additionalProperties", "items"):
        if isinstance(schema.get(key), dict):
            yield from fields(schema[key], f"{path}.*")
    for option in schema.get("anyOf", []):
        yield from fields(option, path)

"""A seeded sample of edit sequences, and every minimal sequence that once failed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.sequences.machine import play, sorts
from tests.reliability.sequences.runs import drawn, played
from tests.reliability.sequences.tenant import Tenant, tenant
from tests.support import ROOT

FOUND = sorted((Path(__file__).parent / "found").glob("*.json"))
SAMPLE, SECONDS = 60, 30.0


@pytest.fixture(scope="module")
def here() -> Iterator[Tenant]:
    with tenant() as found:
        yield found


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in FOUND])
def test_what_once_failed(here: Tenant, path: Path) -> None:
    outcome = play(here, json.loads(path.read_text())["case"])
    assert sorts(outcome.failures) == [], "\n".join(outcome.log)


def test_a_sample_of_sequences(here: Tenant) -> None:
    ends, failed, played_so_far = time.monotonic() + SECONDS, dict[str, list[str]](), 0
    for name, case in drawn(0, 0, SAMPLE):
        if time.monotonic() > ends:
            break
        played_so_far += 1
        outcome = played(here, name, case)
        if outcome.failures:
            failed[name] = sorts(outcome.failures)
    assert played_so_far > 0
    assert failed == {}, "\n".join(f"--replay {name}: {told}" for name, told in failed.items())


# ---- the generator covers the schema


def test_the_generator_gives_every_field_of_the_schema_a_value() -> None:
    """A field that is new in the schema must come into `entries` too."""
    schema = json.loads((ROOT / "schemas" / "tokenvault.schema.json").read_text())
    seen: set[str] = {"/overlay", "/variables", "/variables/*/name", "/variables/*/sensitive"}  # `world` writes them
    for _, case in drawn(0, 0, 400):
        for spec in case["specs"]:
            seen |= set(_fields_of(spec, schema, ""))
        for step in case["steps"]:
            if step["do"] == "put":
                whole: Any = step["value"]
                for part in reversed(step["path"]):
                    whole = {part: whole}
                seen |= set(_fields_of(whole, schema, ""))
    undrawn = set(_declared(schema, "")) - seen
    assert not undrawn, "draw a new field in `entries.py`, and say in `facts.py` what it asks for"


def _declared(schema: dict[str, Any], path: str) -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}/{name}"
        yield from _declared(inner, f"{path}/{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from _declared(schema[keyword], f"{path}/*")
    for inner in schema.get("anyOf", ()):
        yield from _declared(inner, path)


def _fields_of(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    inner = {**schema.get("properties", {})}
    for choice in schema.get("anyOf", ()):
        yield from _fields_of(value, choice, path)
    if isinstance(value, dict):
        for key, item in value.items():
            if key in inner:
                yield f"{path}/{key}"
                yield from _fields_of(item, inner[key], f"{path}/{key}")
            elif isinstance(schema.get("additionalProperties"), dict):
                yield from _fields_of(item, schema["additionalProperties"], f"{path}/*")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            yield from _fields_of(item, schema["items"], f"{path}/*")

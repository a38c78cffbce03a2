"""The public JSON of a plan: described whole, drawn faithfully, safe to show."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.plan.gallery import CASES, GOLDEN
from tests.plan.tenants import SECRETS
from tests.render.plans import HOSTILE, document_with, documents
from tests.support import ROOT, cli
from tokenvault.plan.model import Pace
from tokenvault.render.block import SIGNS
from tokenvault.render.terminal import Painter
from tokenvault.render.text import plan_text
from tokenvault.text import safe

SCHEMAS = ("plan", "events", "drift")
UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def closed(schema: Any) -> Any:
    """The schema, refusing every property that it does not describe."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    described = inner.get("type") == "object" and "properties" in inner
    return {**inner, "additionalProperties": False} if described else inner


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_published_schema_is_current_and_valid(name: str) -> None:
    text = (ROOT / "schemas" / f"{name}.schema.json").read_text()
    assert text == cli("schema", name).out, f"run: tokenvault schema {name} > schemas/{name}.schema.json"
    Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_property_of_a_schema_is_described(name: str) -> None:
    schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())
    for place, part in properties(schema):
        assert part.get("description"), f"{name}: {place}"


def properties(schema: Any, place: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every property of a schema, with where it is."""
    if isinstance(schema, list):
        return [found for item in schema for found in properties(item, place)]
    if not isinstance(schema, dict):
        return []
    own = [(f"{place}/{name}", part) for name, part in schema.get("properties", {}).items()]
    below = [found for key, value in schema.items() for found in properties(value, f"{place}/{key}")]
    return own + below


PLAN = closed(json.loads((ROOT / "schemas" / "plan.schema.json").read_text()))


@given(documents())
def test_any_plan_is_what_the_schema_says_and_nothing_else(plan: dict[str, Any]) -> None:
    round_trip = json.loads(json.dumps(_with_known_kinds(plan)))
    Draft202012Validator(PLAN).validate(round_trip)


def _with_known_kinds(plan: dict[str, Any]) -> dict[str, Any]:
    """Hypothesis makes up kinds of orphans; there are none but ours."""
    return {**plan, "orphans": [{**orphan, "kind": "application"} for orphan in plan["orphans"]]}


@pytest.mark.parametrize("name", CASES)
def test_every_plan_of_the_gallery_is_what_the_schema_says(name: str) -> None:
    Draft202012Validator(PLAN).validate(json.loads((GOLDEN / name / "plan.json").read_text()))


@given(documents(), st.integers(60, 140), st.booleans(), st.booleans())
def test_the_text_of_any_plan_shows_the_same_actions_on_the_same_objects(
    plan: dict[str, Any], width: int, full: bool, summary: bool
) -> None:
    text = plan_text(plan, width=width, full=full, summary=summary)
    changes = text.split("\n\nPlan: ")[0] if plan["changes"] else ""
    signs = [line.split()[0] for line in changes.splitlines() if re.match(r"  [-+~] \S", line)]
    wanted = [SIGNS[change["action"]][0] for change in plan["changes"]]
    legend = 1 if plan["changes"] else 0
    assert signs[legend:] == wanted
    for change in plan["changes"] if not summary else ():
        assert change["kind"] in text
    s = plan["summary"]
    if plan["changes"]:
        assert f"Plan: {s['create']:,} to add, {s['update']:,} to change" in text
    else:
        assert text.startswith("No changes.")


@given(documents(), st.booleans())
def test_the_text_of_any_plan_is_inert(plan: dict[str, Any], colours: bool) -> None:
    text = COLOUR.sub("", plan_text(plan, Painter(colours)))
    assert not UNSAFE.search(text)
    text.encode("utf-8", "strict")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_text_stays_text(hostile: str) -> None:
    text = plan_text(document_with(hostile), Painter(True))
    assert not UNSAFE.search(COLOUR.sub("", text))
    assert not [line for line in text.splitlines() if line.startswith(("Plan:", "Error:")) and "write" not in text]


@given(documents())
def test_colours_change_nothing_but_colours(plan: dict[str, Any]) -> None:
    assert COLOUR.sub("", plan_text(plan, Painter(True))) == plan_text(plan)


@given(documents())
def test_drawing_leaves_the_document_as_it_is(plan: dict[str, Any]) -> None:
    before = copy.deepcopy(plan)
    plan_text(plan)
    assert plan == before


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_line_is_wider_than_the_terminal_only_where_a_value_must_stay_whole(width: int) -> None:
    for name in CASES:
        text = plan_text(json.loads((GOLDEN / name / "plan.json").read_text()), width=width)
        for line in (line for line in text.splitlines() if len(line) > width):
            assert '"' in line or "(known after apply" in line or max(map(len, line.split())) > width // 2, line


def test_sensitive_values_are_in_no_file_of_the_gallery() -> None:
    files = [path for path in GOLDEN.rglob("*") if path.is_file()]
    assert len(files) > 60
    for path in files:
        text = path.read_text()
        assert not [secret for secret in (*SECRETS.values(), "canary", "GOCSPX", "sandbox-only") if secret in text], (
            path
        )


def test_safe_text_is_what_the_test_looks_for() -> None:
    assert UNSAFE.search("\x1b") and not UNSAFE.search(safe("\x1b\u202e\x00"))


@pytest.mark.parametrize(("requests", "seconds"), [(3, 0), (10, 0), (30, 10)])
def test_what_a_tenant_takes_at_once_takes_no_time(requests: int, seconds: float) -> None:
    assert Pace(per_second=2, burst=10).seconds(requests) == seconds

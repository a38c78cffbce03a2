"""What people get wrong every day is told in their words, with what to write instead; no error hides another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import Result, cli, write_spec
from tokenvault.spec.schema import spec_schema

HEAD = "version: 1\nname: acme\n"
SCALARS = {
    "*.example.com": "quotes",
    "*": "quotes",
    "[*]": "quotes",
    "@x": "quotes",
    "`x`": "quotes",
    "*nope": "quotes",
}

YAML = {
    "a tab": ("connections:\n\tgithub: {}\n", 4, "no tabs"),
    "a tab below a key": ("connections:\n  github:\n\t  purpose: x\n", 5, "no tabs"),
    "a colon in a text": ("applications:\n  a:\n    name: My app: the best\n", 5, '"My app: the best"'),
    "a key too far right": ("connections: x\n  github: {}\n", 4, "indented too far"),
    "a key too far left": ("connections:\n  a: {}\n b: {}\n", 5, "same column"),
    "a dash in a mapping": ("connections:\n  - a\n b: 1\n", 5, "same column"),
    "a list behind its key": ("connections: - a\n", 3, "in brackets"),
    "an open quote": ('tenant: "x\n', 3, "not closed"),
    "an open bracket": ("connections: [a\n", 3, "Close it with ]"),
    "an open brace": ("connections: {a: {}\n", 3, "Close it with }"),
    "text behind a quote": ('tenant: "x" y\n', 3, "whole value in quotes"),
    "a line without a colon": ("tenant\nconnections: {}\n", 3, "lacks its colon"),
    "a backslash": ('tenant: "\\xzz"\n', 3, "single quotes"),
    "an unknown escape": ('tenant: "\\p"\n', 3, "single quotes"),
    **{f"{text} as a text": (f"tenant: {text}\n", 3, hint) for text, hint in SCALARS.items()},
}


def validated(folder: Path, text: str) -> Result:
    result = cli("validate", write_spec(folder, text))
    assert result.code == 1 and "unexpectedly" not in result.err
    return result


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(("text", "line", "hint"), YAML.values(), ids=YAML)
def test_what_is_no_yaml_is_told_with_a_way_out(tmp_path: Path, text: str, line: int, hint: str) -> None:
    said = validated(tmp_path, HEAD + text).err
    assert "[spec-yaml]" in said and hint in words(said), said
    assert f"spec.yaml:{line}:" in said, said
    assert "token" not in said and "block mapping" not in said


def test_the_parser_s_words_are_kept_where_there_are_no_better_ones(tmp_path: Path) -> None:
    assert "Not valid YAML: " in validated(tmp_path, "%YAML 9.9.9\n---\na: 1\n").err


TYPES = {
    "a connection of nothing": ("connections:\n  google-oauth2:\n", "google-oauth2: {}"),
    "connections as a list": ("connections: [google-oauth2]\n", "connections: {google-oauth2: {}}"),
    "a list as a text": ("connections: {c: {scopes: email}}\n", "scopes: [email,"),
    "a text as a list": (
        "connections: {c: {}}\napplications: {a: {type: spa, name: [x], flavors: [x]}}\n",
        "name: Acme",
    ),
    "a truth in quotes": ("connections: {c: {offline_access: 'true'}}\n", "offline_access: true"),
    "flavors as a text": (
        "applications: {a: {type: spa, flavors: connected_accounts}}\n",
        "flavors: [connected_accounts,",
    ),
    "a client id beside the credentials": ("connections: {c: {client_id: x}}\n", "belongs under `credentials`"),
    "applications as a list": ("applications: [{name: x}]\n", "applications: {assistant: {type: regular_web"),
}


@pytest.mark.parametrize(("text", "hint"), TYPES.values(), ids=TYPES)
def test_a_wrong_type_comes_with_an_example(tmp_path: Path, text: str, hint: str) -> None:
    assert hint in words(validated(tmp_path, HEAD + text).err)


VALUES = {
    "a variable that is set to nothing": ("tenant: ${env:AUTH0_DOMAIN}\n", "even an empty value counts"),
    "too long a text": (f"connections: {{c: {{}}}}\napplications: {{a: {{name: {'x' * 500}}}}}\n", "Use at most"),
    "an empty list": ("connections: {c: {}}\napplications: {a: {type: spa, flavors: []}}\n", "List at least one"),
    "the same twice": (
        "connections: {c: {}}\napplications: {a: {type: spa, flavors: [connected_accounts], connections: [c, c]}}\n",
        "Remove what is there already",
    ),
    "a truth": ("connections: {c: {}}\napplications: {a: {client_id: x, first_party: {}}}\n", "Possible: true."),
}


@pytest.mark.parametrize(("text", "hint"), VALUES.values(), ids=VALUES)
def test_a_value_that_cannot_be_says_what_can(tmp_path: Path, text: str, hint: str) -> None:
    result = cli("validate", write_spec(tmp_path, HEAD + text), env={"AUTH0_DOMAIN": ""})
    assert result.code == 1 and hint in words(result.err), result.err


@pytest.mark.parametrize(
    ("file", "text", "way"),
    [
        (
            "old keys/job.key.pem",
            "-----BEGIN PRIVATE KEY-----",
            "`openssl rsa -in 'old keys/job.key.pem' -pubout -out 'old keys/job.pub.pem'`",
        ),
        ("job.pem", "no key", "`openssl genrsa -out worker.key.pem 2048`"),
    ],
)
def test_how_the_public_key_is_made_can_be_pasted(tmp_path: Path, file: str, text: str, way: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    worker = (
        f"{{privileged_worker: {{public_keys: [{{file: '{file}'}}], grants: {{c: [x]}}, ip_allowlist: [10.0.0.1]}}}}"
    )
    said = validated(
        tmp_path, f"{HEAD}connections: {{c: {{}}}}\napplications: {{a: {{type: m2m, flavors: [{worker}]}}}}\n"
    ).err
    assert "[spec-worker-key]" in said and way in said, said


def test_a_version_in_quotes_is_told_to_lose_them(tmp_path: Path) -> None:
    said = validated(tmp_path, 'version: "1"\nname: acme\n').err
    assert "[spec-version]" in said and "without quotes: `version: 1`" in said and "Did you mean" not in said


def fields(schema: Any, value: Any) -> Iterator[tuple[Any, str]]:
    """A value of a wrong type for every field that the schema has, each in a spec of its own, as nested data."""
    for name, inside in schema.get("properties", {}).items():
        yield {**value, name: _wrong(inside)}, name
        for deeper, field in fields(inside, {}):
            yield {**value, name: deeper}, field
    entries = schema.get("additionalProperties")
    if isinstance(entries, dict):
        yield {"some-entry": _wrong(entries)}, "some-entry"
        for deeper, field in fields(entries, {}):
            yield {"some-entry": deeper}, field


def _wrong(schema: Any) -> Any:
    return "text" if schema.get("type") in ("object", "array", "boolean") else {"a": {"b": 1}}


@pytest.mark.parametrize(("spec", "field"), list(fields(spec_schema(), {})), ids=lambda value: str(value)[:60])
def test_every_field_of_a_wrong_type_says_what_it_takes(tmp_path: Path, spec: Any, field: str) -> None:
    result = cli("validate", write_spec(tmp_path, {"version": 1, "name": "acme", **spec}), "--format", "json")
    assert result.code == 1
    about = [p for p in result.json["problems"] if f'"{field}"' in p["summary"] or p["code"] == "spec-version"]
    assert about and all(problem["hint"] for problem in about), result.json["problems"]


EVERYTHING = """\
version: 1
name: acme
conections:
  google-oauth2: {scopes: email}
applicatons:
  a: {type: spa, flavors: [refresh_token_exchange], colour: red}
  b: {type: web, flavors: [connected_accounts]}
wibble: {}
"""


def test_an_unknown_key_at_the_top_hides_nothing_below_it(tmp_path: Path) -> None:
    result = cli("validate", write_spec(tmp_path, EVERYTHING), "--format", "json")
    told = [(problem["at"]["line"], problem["code"]) for problem in result.json["problems"]]
    assert told == [
        (3, "spec-unknown-key"),
        (4, "spec-type"),
        (5, "spec-unknown-key"),
        (6, "spec-public-client"),
        (6, "spec-unknown-key"),
        (7, "spec-value"),
        (8, "spec-unknown-key"),
    ]
    hints = [problem["hint"] for problem in result.json["problems"]]
    assert 'Did you mean "connections"?' in hints and 'Did you mean "applications"?' in hints

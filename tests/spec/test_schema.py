"""The published schemas are the ones that the code reads by, and explain themselves in an editor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.support import EXAMPLES, ROOT, cli, write_spec
from tokenvault.flavors import flavors

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


HEAD = {
    "version": 1,
    "name": "a",
    "connections": {"github": {}},
    "apis": {"api": {"identifier": "https://api.example"}},
}
WORKER = {
    "public_keys": [{"file": "keys/worker.pub.pem"}],
    "ip_allowlist": ["203.0.113.0/24"],
    "grants": {"github": []},
}


def refused_by_the_schema(application: Any) -> list[str]:
    """What an editor would show of an application, as the schema words it."""
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    found = validator.iter_errors({**HEAD, "applications": {"app": application}})
    return [str(error.schema.get("errorMessage", error.message)) for error in found]


@pytest.mark.parametrize("confidential", [None, True, False])
@pytest.mark.parametrize("kind", ["spa", "native"])
@pytest.mark.parametrize("flavor", ["connected_accounts", "refresh_token_exchange"])
def test_the_schema_knows_what_an_application_with_a_secret_may_do(
    kind: str, flavor: str, confidential: bool | None, tmp_path: Path
) -> None:
    application = {"type": kind, "flavors": [flavor], "connections": ["github"]}
    application |= {} if confidential is None else {"confidential": confidential}
    write_spec(tmp_path, {**HEAD, "applications": {"app": application}})
    checked = cli("validate", "spec.yaml", cwd=tmp_path)
    assert bool(refused_by_the_schema(application)) == (checked.code != 0), checked.err


@pytest.mark.parametrize("kind", ["regular_web", "m2m", "spa", "native"])
@pytest.mark.parametrize("flavor", sorted(flavors()))
@pytest.mark.parametrize("given", [None, {}, {"api": "api"}, WORKER, *({k: v for k, v in WORKER.items() if k != name}
    for name in WORKER), {**WORKER, "grants": {}}, {**WORKER, "ip_allowlist": []}], ids=str)  # fmt: skip
def test_the_schema_refuses_a_flavor_when_validate_does(kind: str, flavor: str, given: Any, tmp_path: Path) -> None:
    application = {"type": kind, "flavors": [flavor if given is None else {flavor: given}], "connections": ["github"]}
    write_spec(tmp_path, {**HEAD, "applications": {"app": application}})
    (tmp_path / "keys" / "worker.pub.pem").write_text((ROOT / "examples" / "keys" / "nightly-sync.pub.pem").read_text())
    checked = cli("validate", "spec.yaml", cwd=tmp_path)
    said = refused_by_the_schema(application)
    assert bool(said) == (checked.code != 0), (said, checked.err)


def test_an_application_without_a_connection_is_refused_by_both(tmp_path: Path) -> None:
    application = {"type": "spa", "flavors": ["connected_accounts"], "connections": []}
    write_spec(tmp_path, {**HEAD, "applications": {"app": application}})
    assert cli("validate", "spec.yaml", cwd=tmp_path).code == 1
    assert refused_by_the_schema(application)


def test_the_entry_for_the_schema_store_names_the_files_that_are_found_and_the_schema_that_is_published() -> None:
    """Its catalogue takes an object of exactly these four keys."""
    entry = json.loads((ROOT / "schemas" / "schemastore.json").read_text())
    assert list(entry) == ["name", "description", "fileMatch", "url"]
    assert "tokenvault.yaml" in entry["fileMatch"]
    assert (ROOT / entry["url"].partition("/main/")[2]) == SCHEMA


BOTH = {
    "a strategy that is none": ("connections: {c: {strategy: STRATEGY}}", "microsoft", "windowslive"),
    "a strategy without tokens": ("connections: {c: {strategy: STRATEGY}}", "samlp", "oidc"),
    "credentials of no strategy": (
        "connections: {c: {STRATEGY credentials: {client_id: x, client_secret: '${env:S}'}}}",
        "",
        "strategy: oidc,",
    ),
    "Cross App Access": (
        "connections: {c: {strategy: STRATEGY, connected_accounts: {cross_app_access: true}}}",
        "google-oauth2",
        "okta",
    ),
    "a requesting application": (
        "connections: {c: {strategy: STRATEGY, cross_app_access_requesting_app: true}}",
        "github",
        "oidc",
    ),
    "offline access that is set elsewhere": (
        "connections: {c: {strategy: STRATEGY, offline_access: true}}",
        "github",
        "google-oauth2",
    ),
    "an API of Auth0's own": ("apis: {a: {identifier: 'https://STRATEGY'}}", "t.auth0.com/me/", "t.example/menu/"),
    "a flavor twice": (
        "connections: {c: {}}\napplications: {a: {type: regular_web, callbacks: ['https://a'], flavors: "
        "[refresh_token_exchange, STRATEGY]}}",
        "{refresh_token_exchange: {}}",
        "connected_accounts",
    ),
    "eleven addresses": (
        "connections: {c: {}}\napplications: {w: {type: m2m, flavors: [{privileged_worker: {public_keys: "
        "[{file: keys/nightly-sync.pub.pem}], grants: {c: [x]}, ip_allowlist: [STRATEGY]}}]}}",
        ", ".join(f"10.0.0.{n}" for n in range(11)),
        ", ".join(f"10.0.0.{n}" for n in range(10)),
    ),
}


@pytest.mark.parametrize(("text", "wrong", "right"), BOTH.values(), ids=BOTH)
def test_editors_refuse_what_validate_refuses(tmp_path: Path, text: str, wrong: str, right: str) -> None:
    schema = Draft202012Validator(cli("schema").json)
    for value, is_right in ((wrong, False), (right, True)):
        spec = f"version: 1\nname: acme\n{text.replace('STRATEGY', value)}\n"
        assert schema.is_valid(yaml.safe_load(spec)) is is_right, value
        validated = cli("validate", write_spec(tmp_path, spec), env={"S": "a secret"})
        assert (validated.code == 0) is is_right, validated.err

"""The fleet file: everything that is wrong at once, with its place; what a spec sees; which members are meant."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.fleet.conftest import BASE, Bench
from tests.support import ROOT, cli
from tokenvault.fleet.schema import fleet_schema

WRONG = """\
version: 2
fleet: acme
defaults:
  spec: base.yaml
  max_rpm: 3
tenants:
  dev:
    domian: acme-dev.us.auth0.com
    credentials: {prefix: DEV_}
  prod:
    domain: acme
    labels: [a]
"""
CONTRADICTIONS = """\
version: 1
fleet: acme
tenants:
  both: {domain: a.us.auth0.com, sandbox: a.db, spec: s.yaml, credentials: {prefix: A_}}
  neither: {spec: s.yaml}
  bare: {domain: b.us.auth0.com, spec: s.yaml, credentials: {client_secret: "${env:AUTH0_CLIENT_SECRET}", client_id: x}}
  literal: {domain: c.us.auth0.com, spec: s.yaml, credentials: {api_token: abc}, variables: {CRM_SECRET: hunter2}}
  nothing: {domain: d.us.auth0.com}
  own: {sandbox: e.db, spec: s.yaml, variables: {AUTH0_API_TOKEN: "${env:X}"}}
  name: {domain: acme, spec: s.yaml, credentials: {prefix: N_}}
"""
SECRETS = """\
version: 1
name: secrets
connections:
  crm:
    strategy: oauth2
    credentials: {client_id: crm, client_secret: "${env:CRM_SECRET}"}
    options: {authorizationURL: https://crm.example.com/a, tokenURL: https://crm.example.com/t}
    scopes: [read, offline_access]
applications:
  web: {type: regular_web, callbacks: [https://a.example/cb], flavors: [connected_accounts]}
"""


def test_all_that_is_wrong_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(WRONG)
    done = cli("fleet", "validate", "fleet.yaml", cwd=tmp_path)
    assert done.code == 1 and done.out == ""
    for said in (
        "fleets of version 1",
        'Unknown key "max_rpm"',
        'Did you mean "max_rps"?',
        "fleet.yaml:8:5",
        'Did you mean "domain"?',
        "fleet.yaml:12:",
    ):
        assert said in done.err


def test_contradictions_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(CONTRADICTIONS)
    done = cli("fleet", "plan", "fleet.yaml", cwd=tmp_path)
    assert done.code == 1 and "hunter2" not in done.err and "abc" not in done.err
    for line, code in (
        (4, "fleet-tenant"),
        (5, "fleet-tenant"),
        (6, "fleet-credentials"),
        (7, "spec-literal-secret"),
        (8, "fleet-credentials"),
        (8, "fleet-no-spec"),
        (9, "fleet-variable"),
        (10, "fleet-tenant"),
    ):
        assert any(f"[{code}]" in part and f"fleet.yaml:{line}:" in part for part in done.err.split("Error: ")), (
            line,
            code,
        )


@pytest.mark.parametrize(
    "text", ["", "[]", "tenants: {a: }", "version: 1\nfleet: x\ntenants: {a: {domain: 3}}", "{", "fleet: &a [*a]"]
)
def test_nonsense_is_no_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "fleet.yaml").write_text(text)
    done = cli("fleet", "validate", "fleet.yaml", cwd=tmp_path)
    assert done.code == 1 and "Error:" in done.err and "unexpectedly" not in done.err


def test_a_spec_sees_nothing_but_its_own_variables(bench: Bench) -> None:
    (bench.folder / "spec.yaml").write_text(SECRETS)
    (bench.folder / "a.env").write_text("CRM_SECRET=of-a\n")
    bench.defaults = {"spec": "spec.yaml"}
    bench.members = {
        "a": {"sandbox": "a.db", "env_file": "a.env"},
        "b": {"sandbox": "b.db", "variables": {"CRM_SECRET": "${env:B_CRM_SECRET}"}},
        "c": {"sandbox": "c.db"},
        "d": {"sandbox": "d.db", "variables": {"CRM_SECRET": "${env:NOT_SET}"}},
    }
    done = bench.run("apply", "-y", "--json", CRM_SECRET="ambient", B_CRM_SECRET="of-b")
    codes = {name: (m["error"] or {}).get("code") for name, m in done.json["members"].items()}
    assert codes == {"a": None, "b": None, "c": "spec-unset-variable", "d": "spec-unset-variable"}
    assert _secret(bench.folder / "a.db") == "of-a" and _secret(bench.folder / "b.db") == "of-b"
    assert not {"of-a", "of-b", "ambient"} & set((done.out + done.err).replace('"', " ").split())


def _secret(state: Path) -> str:
    with contextlib.closing(sqlite3.connect(state)) as database:
        rows = database.execute("SELECT doc FROM objects WHERE kind = 'connections'").fetchall()
    return str(
        next(c for c in map(json.loads, (doc for (doc,) in rows)) if c["name"] == "crm")["options"]["client_secret"]
    )


def test_a_copy_of_a_credential_is_refused_in_a_spec(bench: Bench) -> None:
    (bench.folder / "spec.yaml").write_text(SECRETS)
    bench.members = {
        "a": {
            "domain": "127.0.0.1:1",
            "spec": "spec.yaml",
            "credentials": {"prefix": "A_"},
            "variables": {"CRM_SECRET": "${env:COPY}"},
        }
    }
    done = bench.run(
        "validate", A_AUTH0_CLIENT_SECRET="the-very-secret", A_AUTH0_CLIENT_ID="id", COPY="the-very-secret"
    )
    assert done.code == 1 and "spec-own-credential" in done.err and "the-very-secret" not in done.err


def test_members_are_chosen_by_name_and_label(bench: Bench) -> None:
    for name, tier in (("dev", "test"), ("eu-1", "prod"), ("eu-2", "prod")):
        bench.members[name] = {"sandbox": f"{name}.db", "labels": {"tier": tier}}

    def chosen(*options: str) -> list[str]:
        return list(bench.run("validate", "--json", *options).json["members"])

    assert chosen("--only", "eu-*") == chosen("--only", "tier=prod") == chosen("--exclude", "dev") == ["eu-1", "eu-2"]
    assert chosen("--only", "tier=*", "--exclude", "eu-1") == ["dev", "eu-2"]
    nobody = bench.run("validate", "--only", "eu1")
    assert nobody.code == 1 and 'Did you mean "eu-1"?' in nobody.err


def test_only_what_changed_since_a_commit(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        (bench.folder / f"{name}.yaml").write_text(BASE)
        bench.members[name] = {"sandbox": f"{name}.db", "spec": f"{name}.yaml"}
    bench.write()
    _git(bench.folder, "init", "-q")
    _git(bench.folder, "add", "*.yaml")
    _git(bench.folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "first")

    def changed() -> list[str]:
        return list(bench.run("validate", "--json", "--changed", "HEAD").json["members"])

    assert changed() == []
    (bench.folder / "b.yaml").write_text(BASE.replace("Fleet Assistant", "Another"))
    assert changed() == ["b"]
    bench.members["c"]["labels"] = {"tier": "test"}
    assert changed() == ["b", "c"]
    bench.defaults["max_rps"] = 3
    assert changed() == ["a", "b", "c"]
    wrong = bench.run("validate", "--changed", "no-such-commit")
    assert wrong.code == 1 and "fleet-git" in wrong.err


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def test_the_example_is_valid_and_can_be_tried(tmp_path: Path) -> None:
    example = ROOT / "examples" / "fleet" / "fleet.yaml"
    assert cli("fleet", "validate", example).code == 0
    planned = cli("fleet", "plan", example, f"--sandbox={tmp_path / 'sandboxes'}", cwd=tmp_path)
    assert planned.code == 0 and "4 planned" in planned.out, planned.err
    assert planned.out.count("2 tenants: the same 7 changes") == 2  # the hosts are variables
    assert cli("fleet", "apply", example, "-y", f"--sandbox={tmp_path / 'sandboxes'}", cwd=tmp_path).code == 0


def test_the_schema_is_the_published_one_and_fits_the_example() -> None:
    from jsonschema import Draft202012Validator

    published = json.loads((ROOT / "schemas" / "fleet.schema.json").read_text())
    assert published == fleet_schema() == cli("schema", "fleet").json
    Draft202012Validator.check_schema(published)
    Draft202012Validator(published).validate(yaml.safe_load((ROOT / "examples/fleet/fleet.yaml").read_text()))

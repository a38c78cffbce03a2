"""Scopes are known before the first write; what a scope cannot mend is told apart from what it can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.plan.applied import least
from tests.plan.gallery import CASES
from tests.plan.tenants import SECRETS, edit, run
from tests.support import ROOT, WRITES, cli, requests_of, served, write_spec
from tokenvault.kinds import kinds
from tokenvault.plan.file import plan_of
from tokenvault.plan.model import Plan
from tokenvault.plan.preflight import checked, missing, plan_scopes
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET, TOKEN
from tokenvault.secrets import Secret
from tokenvault.tenant.failures import refusal
from tokenvault.tenant.scopes import needed_scopes

CASE = "create-everything"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planned")
    CASES[CASE].prepare(CASE, folder)
    assert run(folder, "plan", "spec.yaml", "--out", "plan.json").code == 0
    return folder


@pytest.fixture(scope="module")
def whole(folder: Path) -> Plan:
    document = json.loads((folder / "plan.json").read_text())
    return plan_of(document, lambda reference, _: Secret(SECRETS["CRM_CLIENT_SECRET"], reference))


def test_the_scopes_that_a_plan_names_are_enough_to_carry_it_out(folder: Path, whole: Plan) -> None:
    scopes = {*plan_scopes(whole), *needed_scopes().plan}
    with served(folder / "tenant.db", "--scopes", " ".join(scopes)) as tenant:
        login = {"AUTH0_DOMAIN": tenant, "AUTH0_API_TOKEN": TOKEN, **SECRETS}
        applied = cli("apply", "spec.yaml", "-y", cwd=folder, env=login)
        assert applied.code == 0, applied.err


def test_each_scope_that_lacks_is_named_alone_with_the_objects_that_it_is_for(whole: Plan) -> None:
    needed = plan_scopes(whole)
    for scope, addresses in needed.items():
        plan = checked(whole, frozenset(needed) - {scope})
        problem = missing(plan)
        assert plan.lacking == (scope,)
        assert problem is not None
        assert addresses[0] in problem.detail
        assert f"auth0 login --scopes {scope}" in problem.hint
        assert ("Early Access" in problem.hint) == (scope == "update:client_token_vault_privileged_access")
        assert [w.code for w in plan.warnings].count("preflight-scopes") == 1
    assert missing(checked(whole, frozenset(needed))) is None


def test_a_token_that_does_not_tell_its_scopes_is_given_the_benefit_of_the_doubt(whole: Plan) -> None:
    plan = checked(whole, None)
    assert (plan.lacking, missing(plan), plan.warnings) == (None, None, whole.warnings)


def test_every_verb_of_every_kind_knows_its_scopes() -> None:
    for kind in kinds().values():
        asked_for = kind.section is not None or kind.deletable or kind.update is not None
        assert bool(kind.scopes.update or kind.scopes.create) == asked_for, kind.name
        assert bool(kind.scopes.delete) == kind.deletable, kind.name


def refusals(folder: Path, *rules: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is said of each change when requests are refused so."""
    (folder / "faults.json").write_text(json.dumps(rules))
    CASES[CASE].prepare(CASE, folder)
    with served(folder / "tenant.db", "--faults", folder / "faults.json") as tenant:
        login = {"AUTH0_DOMAIN": tenant, "AUTH0_API_TOKEN": TOKEN, **SECRETS}
        applied = cli("apply", "spec.yaml", "-y", "--json", cwd=folder, env=login)
    assert applied.code == 1
    found = [json.loads(line) for line in applied.out.splitlines()]
    schema = Draft202012Validator(json.loads((ROOT / "schemas" / "events.schema.json").read_text()))
    for line in found:
        schema.validate(line)
    return {
        line["address"]: line["diagnostic"]
        for line in found
        if line.get("outcome") in ("failed", "incomplete") and "address" in line
    }


def test_a_feature_that_is_not_bought_is_told_apart_from_a_scope_that_lacks(tmp_path: Path) -> None:
    said = refusals(
        tmp_path,
        {"fault": 403, "body": "entitlement", "method": "PATCH", "path": "/api/v2/clients/*", "times": None},
        {"fault": 403, "body": "scope", "method": "POST", "path": "/api/v2/client-grants", "times": None},
    )
    worker, grant = said["application.nightly-sync"], said["client_grant.assistant.my_account"]
    assert (worker["code"], grant["code"]) == ("api-entitlement", "api-scope")
    assert "client_authentication_methods needs Private Key JWT" in worker["hint"]
    assert "`authentication: client_secret_post`" in worker["hint"]
    assert "token_vault_privileged_access needs privileged worker exchange" in worker["hint"]
    assert "some:scope" in grant["hint"]
    assert grant["summary"] == "Auth0 refused to create client_grant.assistant.my_account (403)"
    assert (grant["context"], grant["at"]["line"]) == ("client_grant.assistant.my_account", 23)


def test_a_refused_attribute_of_a_feature_in_early_access_is_told_as_that(tmp_path: Path) -> None:
    message = "Payload validation error: 'Additional properties not allowed: token_vault_privileged_access'."
    body = {"statusCode": 400, "error": "Bad Request", "message": message, "errorCode": "invalid_body"}
    said = refusals(
        tmp_path, {"fault": 400, "body": body, "method": "PATCH", "path": "/api/v2/clients/*", "times": None}
    )
    worker = said["application.nightly-sync"]
    assert worker["code"] == "api-entitlement"
    assert "Early Access" in worker["hint"]
    assert "Private Key JWT" not in worker["hint"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            {"errorCode": "insufficient_scope", "message": "Insufficient scope, expected any of: update:clients"},
            "api-scope",
        ),
        ({"errorCode": "insufficient_scope", "message": "Please upgrade your subscription"}, "api-entitlement"),
        ({"errorCode": "insufficient_scope", "message": "Insufficient scope"}, "api-scope"),
        ({"errorCode": "feature_not_enabled", "message": "No"}, "api-entitlement"),
        ({"errorCode": "operation_not_supported", "message": "The global client cannot be changed"}, "api-forbidden"),
    ],
)
def test_what_a_403_means(body: dict[str, Any], code: str) -> None:
    assert refusal("POST", "client-grants", 403, body).diagnostics[0].code == code


@pytest.mark.parametrize(("count", "more"), [(3, ""), (4, " and 1 more"), (5, " and 2 more")])
def test_of_the_objects_that_a_scope_is_for_three_are_named_and_the_others_counted(
    tmp_path: Path, count: int, more: str
) -> None:
    CASES[CASE].prepare(CASE, tmp_path)
    edit(tmp_path / "tenant.db", least)
    apps = {f"app-{n}": {"type": "regular_web", "flavors": ["connected_accounts"]} for n in range(count)}
    write_spec(tmp_path, {"version": 1, "name": "acme", "connections": {"github": {}}, "applications": apps})
    with served(tmp_path / "tenant.db") as tenant:
        login = {"AUTH0_DOMAIN": tenant, "AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": CLIENT_SECRET}
        shown = cli("plan", "spec.yaml", cwd=tmp_path, env=login)
    lines = [line.rstrip() for line in shown.out.splitlines()]
    assert any(line.endswith(f"client_grant.app-2.my_account{more}") for line in lines), shown.out


def test_nothing_is_written_when_a_scope_lacks(tmp_path: Path) -> None:
    """The sandbox's own login tells its scopes: see the gallery for what is said."""
    CASES[CASE].prepare(CASE, tmp_path)
    edit(tmp_path / "tenant.db", least)
    with served(tmp_path / "tenant.db") as tenant:
        login = {"AUTH0_DOMAIN": tenant, "AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": CLIENT_SECRET, **SECRETS}
        saved = cli("plan", "spec.yaml", "--out", "plan.json", cwd=tmp_path, env=login)
        for what in (("spec.yaml", "-y"), ("plan.json",)):
            refused = cli("apply", *what, "--debug", cwd=tmp_path, env=login)
            assert (saved.code, refused.code, "[preflight-scopes]" in refused.err) == (0, 1, True)
            assert not requests_of(refused, *WRITES)

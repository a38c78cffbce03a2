"""The doctor without a spec, with a token that sees less, and what only a person can check."""

from __future__ import annotations

import copy
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import cli, requests_of, served
from tests.world import ASSISTANT, SPA, WORKER, World

GOOGLE = "google-oauth2"


def found(document: dict[str, Any], precondition: str) -> dict[str, Any]:
    """The finding of this precondition."""
    findings: list[dict[str, Any]] = [f for f in document["findings"] if f["id"] == precondition]
    assert len(findings) == 1, [f["id"] for f in document["findings"]]
    return findings[0]


def states(document: dict[str, Any]) -> set[str]:
    return {case["state"] for case in document["cases"]}


# ---- without a spec


def test_every_use_of_token_vault_is_found_without_a_spec(world: World) -> None:
    document = world.doctor()
    seen = {(case["application"], case["flavor"], case["connection"]) for case in document["cases"]}
    connections = (GOOGLE, "acme-id", "github")
    assert seen == {
        *(
            (ASSISTANT, flavor, name)
            for flavor in ("connected_accounts", "refresh_token_exchange")
            for name in connections
        ),
        (SPA, "connected_accounts", GOOGLE),
        (SPA, "access_token_exchange", GOOGLE),
        (WORKER, "privileged_worker", GOOGLE),
    }
    assert document["ready"] and document["spec"] is None


def test_the_sample_company_uses_no_token_vault(tmp_path: Path) -> None:
    result = cli("doctor", "--sandbox=tenant.db", cwd=tmp_path)
    assert (result.code, result.out) == (0, "No application uses Token Vault on sandbox.localhost.\n")


def test_fixes_without_a_spec_are_for_a_person_and_name_the_page(world: World) -> None:
    world.patch_client(ASSISTANT, oidc_conformant=False)
    fix = found(world.doctor(), "application-oidc-conformant")["fix"]
    client_id = world.client(ASSISTANT)["client_id"]
    assert fix["how"] == "person"
    assert fix["link"] == f"https://manage.auth0.com/#/applications/{client_id}/settings"
    assert "tokenvault export --adopt-all" in " ".join(world.run("doctor").out.split())


def test_an_application_whose_connections_were_all_switched_off_is_not_forgotten(world: World) -> None:
    for name in (GOOGLE, "acme-id", "github"):
        world.enable(name, ASSISTANT, False)
    document = world.doctor()
    mine = [case for case in document["cases"] if case["application"] == ASSISTANT]
    assert {case["state"] for case in mine} == {"not ready"} and {case["connection"] for case in mine} == {None}
    assert "no connection" in found(document, "connection-exists")["says"]


def test_an_api_that_no_known_application_calls_is_judged_by_itself(world: World) -> None:
    world.api("DELETE", f"/clients/{world.client(SPA)['client_id']}")
    document = world.doctor()
    mine = [case for case in document["cases"] if case["flavor"] == "access_token_exchange"]
    assert mine and {case["state"] for case in mine} == {"ready"}
    judged = {row for case in mine for row in case["preconditions"]}
    assert not {row for row in judged if row.startswith(("application-", "my-account-"))}


def test_a_machine_with_the_grant_and_no_privileged_access_is_not_ready(world: World) -> None:
    world.patch_client(WORKER, token_vault_privileged_access=None)
    assert found(world.doctor(), "worker-privileged-access")["subject"]["name"] == WORKER


# ---- what only a person can check, and what a spec cannot ask for


def test_what_a_person_must_look_at_holds_nothing_up(world: World) -> None:
    document = world.doctor("spec.yaml")
    notes = {finding["id"] for finding in document["findings"]}
    assert document["ready"] and notes == {"google-testing", "github-app", "application-domain"}
    assert all(finding["fix"]["link"] for finding in document["findings"])


def test_providers_and_organizations_are_noted(world: World) -> None:
    spec = copy.deepcopy(world.spec)
    spec["connections"]["sign-in-with-slack"] = {}
    world.write(spec)
    assert world.apply().code == 0
    world.patch_client(ASSISTANT, organization_usage="require", organization_require_behavior="pre_login_prompt")
    document = world.doctor("spec.yaml")
    assert document["ready"]
    assert {"slack-app", "application-organizations"} <= {finding["id"] for finding in document["findings"]}


@pytest.mark.parametrize(
    ("strategy", "options", "note"),
    [
        ("waad", {"scope": ["offline_access"]}, "entra-consent"),
        ("salesforce", {"scope": ["refresh_token"]}, "salesforce-tokens"),
    ],
)
def test_enterprise_providers_are_noted(world: World, strategy: str, options: dict[str, Any], note: str) -> None:
    add_connection(world, strategy, options)
    assert found(world.doctor(), note)["state"] == "check"


def add_connection(world: World, strategy: str, options: dict[str, Any]) -> None:
    """A connection made by hand, on and enabled for the assistant."""
    body = {"name": "added", "strategy": strategy, "options": {"client_id": "x", **options}}
    world.api("POST", "/connections", {**body, "connected_accounts": {"active": True}})
    world.enable("added", ASSISTANT, True)


@pytest.mark.parametrize(
    ("strategy", "options", "broken"),
    [
        ("twitter", {"offline_access": True}, "connection-oauth2"),
        ("twitter", {"offline_access": True, "protocol": "oauth2"}, None),
        ("oauth2", {"authorizationURL": "https://crm.acme.example/authorize"}, "connection-offline-access"),
        ("oauth2", {"authorizationURL": "https://crm.acme.example/authorize?access_type=offline"}, None),
        ("oauth2", {"authorizationURL": "https://crm.acme.example/a", "scope": ["offline_access"]}, None),
        ("oauth2", {"authorizationURL": "https://slack.com/oauth/v2/authorize"}, None),
        ("dropbox", {"upstream_params": {"token_access_type": {"value": "offline"}}}, None),
        ("google-apps", {}, "connection-offline-access"),
        ("box", {}, None),
    ],
)
def test_whether_a_provider_gives_refresh_tokens_depends_on_its_strategy(
    world: World, strategy: str, options: dict[str, Any], broken: str | None
) -> None:
    add_connection(world, strategy, options)
    document = world.doctor()
    amiss = {f["id"] for f in document["findings"] if f["state"] == "not ready" and f["subject"]["name"] == "added"}
    assert amiss == ({broken} if broken else set())


def test_a_connection_that_can_never_yield_tokens_is_named(world: World) -> None:
    spec = copy.deepcopy(world.spec)
    spec["connections"]["Username-Password-Authentication"] = {}
    world.write(spec)
    finding = found(world.doctor("spec.yaml"), "connection-strategy")
    assert finding["state"] == "not ready" and "auth0" in finding["says"]


def test_a_provider_that_needs_no_asking_can_be_declared(world: World) -> None:
    add_connection(world, "oauth2", {"authorizationURL": "https://crm.acme.example/authorize"})
    spec = copy.deepcopy(world.spec)
    spec["connections"]["added"] = {"offline_access": False}
    world.write(spec)
    document = world.doctor("spec.yaml")
    found = [f for f in document["findings"] if f["id"] == "connection-offline-access"]
    assert [f["state"] for f in found] == [
        "check"
    ]  # the spec's word holds nothing up, and nothing tells that it is true


def test_a_worker_alone_is_ready_and_told_that_nobody_connects(tmp_path: Path, template: World) -> None:
    lone = template.copy(tmp_path)
    lone.close()
    (tmp_path / "tenant.db").unlink()
    lone.write({**template.spec, "applications": {WORKER: template.spec["applications"][WORKER]}})
    assert lone.apply().code == 0
    document = lone.doctor("spec.yaml")
    assert document["ready"] and found(document, "worker-users")["state"] == "check"


@pytest.mark.parametrize(
    ("live", "asked", "lacks"),
    [
        (["127.0.0.0/8"], ["127.0.0.1"], None),
        (["127.0.0.1", "2001:db8::/32"], ["127.0.0.1/32", "2001:db8::1"], None),
        (["127.0.0.1"], ["127.0.0.0/24", "127.0.0.1"], "127.0.0.0/24"),
        (["127.0.0.1"], ["2001:db8::1"], "2001:db8::1"),
    ],
)
def test_a_workers_addresses_are_those_of_the_spec_or_within_what_is_listed(
    world: World, live: list[str], asked: list[str], lacks: str | None
) -> None:
    spec = copy.deepcopy(world.spec)
    spec["applications"][WORKER]["flavors"][0]["privileged_worker"]["ip_allowlist"] = asked
    world.write(spec)
    world.patch_access(ip_allowlist=live)
    document = world.doctor("spec.yaml")
    amiss = [f["says"] for f in document["findings"] if f["id"] == "worker-ip-allowlist"]
    assert amiss == ([f"its IP allowlist lacks {lacks}"] if lacks else [])
    assert world.doctor()["ready"], "without a spec nobody knows where the worker is"


def test_an_ignored_mfa_policy_is_not_looked_at(world: World) -> None:
    world.api("PUT", "/guardian/policies", ["all-applications"])
    world.write({**world.spec, "mfa_policy": "ignore"})
    assert world.doctor("spec.yaml")["ready"]


# ---- what the token may not read


@pytest.fixture(scope="module")
def address(template: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = template.copy(tmp_path_factory.mktemp("served")).folder
    with served(folder / "tenant.db") as running:
        yield running


def limited_token(address: str, without: set[str]) -> str:
    """A token of the deploy tool that lacks some scopes."""
    from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET
    from tokenvault.sandbox.system_apis import MANAGEMENT_SCOPES

    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "audience": f"https://{address}/api/v2/",
        "scope": " ".join(scope for scope in MANAGEMENT_SCOPES if scope not in without),
    }
    with urllib.request.urlopen(f"http://{address}/oauth/token", urllib.parse.urlencode(form).encode()) as answer:
        token: str = json.load(answer)["access_token"]
        return token


UNREADABLE = [
    ({"read:connections_options"}, {"connection-own-keys", "connection-offline-access", "connection-prompt"}),
    ({"read:connections"}, {"connection-exists", "connection-connected-accounts", "connection-enabled"}),
    ({"read:resource_servers"}, {"my-account-active", "my-account-skips-consent", "api-exists", "api-grant"}),
    ({"read:client_grants"}, {"my-account-grant", "api-grant"}),
    ({"read:mfa_policies"}, {"mfa-policy"}),
    ({"read:client_credentials", "read:client_keys"}, {"worker-key", "worker-authentication"}),
]


@pytest.mark.parametrize(("lacking", "unknown"), UNREADABLE, ids=[min(row[0]) for row in UNREADABLE])
@pytest.mark.parametrize("with_spec", [True, False], ids=["spec", "tenant"])
def test_what_the_token_may_not_read_is_unknown_and_never_ready(
    template: World, address: str, lacking: set[str], unknown: set[str], with_spec: bool
) -> None:
    env = {"AUTH0_DOMAIN": address, "AUTH0_API_TOKEN": limited_token(address, lacking), "PROVIDER_SECRET": "x"}
    specs = ["spec.yaml"] if with_spec else []
    result = cli("doctor", *specs, "--format", "json", cwd=template.folder, env=env)
    assert result.code == 1, result.err
    document = result.json
    assert not document["ready"] and "unknown" in states(document) and "not ready" not in states(document)
    told = {finding["id"]: finding for finding in document["findings"] if finding["state"] == "unknown"}
    assert unknown <= set(told)
    assert all(set(told[name]["scopes"]) & lacking for name in unknown)
    text = cli("doctor", *specs, cwd=template.folder, env=env).out
    assert "Unknown, because the token may not read it" in text and min(lacking) in text


def test_a_token_that_may_not_read_applications_is_told_so(template: World, address: str) -> None:
    lacking = {"read:clients", "read:client_keys", "read:client_credentials", "read:client_summary"}
    env = {"AUTH0_DOMAIN": address, "AUTH0_API_TOKEN": limited_token(address, lacking)}
    result = cli("doctor", env=env)
    assert result.code == 1 and result.out == ""
    assert "may not read the applications" in result.err and "read:clients" in result.err


def test_the_scopes_that_applying_would_lack_are_told(template: World, address: str) -> None:
    env = {
        "AUTH0_DOMAIN": address,
        "AUTH0_API_TOKEN": limited_token(address, {"update:clients"}),
        "PROVIDER_SECRET": "x",
    }
    result = cli("doctor", "spec.yaml", "--format", "json", cwd=template.folder, env=env)
    assert "update:clients" in result.json["token"]["lacks_to_apply"]


# ---- manners


def test_the_doctor_writes_nothing(world: World) -> None:
    result = world.run("doctor", "spec.yaml", "--debug")
    assert requests_of(result) and not requests_of(result, "POST", "PATCH", "PUT", "DELETE")


def test_a_spec_for_another_tenant_is_refused(template: World, address: str, tmp_path: Path) -> None:
    (tmp_path / "worker.pub.pem").write_bytes((template.folder / "worker.pub.pem").read_bytes())
    World(tmp_path, {**template.spec, "tenant": "other.eu.auth0.com"})
    env = {"AUTH0_DOMAIN": address, "AUTH0_API_TOKEN": "sandbox", "PROVIDER_SECRET": "x"}
    result = cli("doctor", "spec.yaml", cwd=tmp_path, env=env)
    assert result.code == 1 and "tenant-guard" in result.err

"""An API whose callers no spec lists: its Custom API Client exchanges for third-party or dynamically registered applications."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import Result, cli
from tests.world import World
from tokenvault.sandbox import open_sandbox

GOOGLE, GITHUB, MCP = "google-oauth2", "github", "https://mcp.acme.example/"
EXCHANGE = "access_token_exchange"


class Tenant(World):
    """A tenant with this spec, and its own secrets at run time."""

    def __init__(self, folder: Path, **api: Any) -> None:
        entry = {"identifier": MCP, "name": "Acme MCP", "flavors": [EXCHANGE], **api}
        super().__init__(
            folder,
            {"version": 1, "name": "mcp", "connections": {GOOGLE: {"offline_access": True}}, "apis": {"mcp": entry}},
        )

    def exchanged(self, caller: str, *, user: str = "auth0|alice", connection: str = GOOGLE) -> Result:
        token = self.sandbox.issue_access_token(user, self.client(caller)["client_id"], MCP)
        env = {"MCP_API_CLIENT_SECRET": self.secret(MCP), "AUTH0_SUBJECT_TOKEN": token}
        arguments = ("exchange", "mcp.api_client", connection, "--spec", "spec.yaml", "--format", "json")
        return self.run(*arguments, env=env)


@pytest.fixture
def world(tmp_path: Path) -> Tenant:
    return Tenant(tmp_path)


def ids(world: World, *specs: str) -> set[str]:
    return {finding["id"] for finding in world.doctor(*specs)["findings"]}


def test_a_spec_describes_the_exchanging_client_alone(world: Tenant) -> None:
    planned = world.run("plan", "spec.yaml", "--format", "json")
    addresses = {change["address"] for change in planned.json["changes"]}
    assert addresses == {
        "api.mcp",
        "application.mcp.api_client",
        f"connection.{GOOGLE}",
        f"connection_clients.{GOOGLE}",
    }
    assert planned.json["judgement"]["summary"] == {"ready": 1, "not_ready": 0, "unknown": 0, "stops": 0}
    assert world.apply().code == 0
    assert world.run("plan", "spec.yaml", "--detailed-exitcode").code == 0
    assert world.run("drift", "spec.yaml").code == 0
    client = world.client(MCP)
    assert (client["app_type"], client["is_first_party"]) == ("resource_server", True)


def test_its_callers_are_asked_for_nothing_of_first_party_applications(world: Tenant) -> None:
    assert world.apply().code == 0
    world.patch_api(MCP, allow_offline_access=False, skip_consent_for_verifiable_first_party_clients=False)
    for specs in ((), ("spec.yaml",)):
        document = world.doctor(*specs)
        assert document["ready"]
        judged = {row for case in document["cases"] for row in case["preconditions"]}
        assert not {row for row in judged if row.startswith(("application-", "my-account-"))}
        assert not judged & {"api-offline-access", "api-skips-consent", "api-grant"}
    assert world.run("plan", "spec.yaml", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("patch", "row"),
    [
        ({"signing_alg": "HS256", "signing_secret": "s" * 16}, "api-rs256"),
        ({"subject_type_authorization": {"user": {"policy": "deny_all"}}}, "api-user-policy"),
    ],
)
def test_what_keeps_its_callers_from_exchanging_is_named(world: Tenant, patch: dict[str, Any], row: str) -> None:
    assert world.apply().code == 0
    world.patch_api(MCP, **patch)
    assert row in ids(world) and row in ids(world, "spec.yaml")
    assert world.apply().code == 0
    assert row not in ids(world)


def test_a_third_party_caller_has_its_token_exchanged(world: Tenant) -> None:
    assert world.apply().code == 0
    body = {"name": "Some Agent", "app_type": "native", "is_first_party": False, "oidc_conformant": True,
            "token_endpoint_auth_method": "none", "third_party_security_mode": "strict",
            "grant_types": ["authorization_code", "refresh_token"]}  # fmt: skip
    assert "api-callers" in ids(world, "spec.yaml")
    caller = world.api("POST", "/clients", body)["client_id"]
    grant = {"client_id": caller, "audience": MCP, "scope": [], "subject_type": "user"}
    world.api("POST", "/client-grants", grant)
    assert "api-callers" not in ids(world, "spec.yaml")
    refused = world.exchanged("Some Agent")
    assert refused.json["error"]["id"] == "refresh-token-not-found"
    world.sandbox.connect("auth0|alice", GOOGLE)
    assert world.exchanged("Some Agent").code == 0


def test_users_must_connect_their_accounts_somewhere(world: Tenant) -> None:
    assert world.apply().code == 0
    assert "api-users" in ids(world, "spec.yaml") and "api-users" in ids(world)
    spec = json.loads(json.dumps(world.spec))
    spec["applications"] = {
        "accounts": {"type": "regular_web", "callbacks": ["https://a.example/cb"], "flavors": ["connected_accounts"]}
    }
    world.write(spec)
    assert world.apply().code == 0
    assert "api-users" not in ids(world, "spec.yaml") | ids(world)
    flavors = {(case["application"], case["flavor"]) for case in world.doctor()["cases"]}
    assert flavors == {("accounts", "connected_accounts"), ("Acme MCP (Token Vault)", EXCHANGE)}


def test_usage_says_how_it_exchanges_and_who_connects(world: Tenant) -> None:
    assert world.apply().code == 0
    shown = world.run("usage", "spec.yaml", "--format", "json").json
    (exchange,) = shown["exchanges"]
    assert (exchange["application"], exchange["client_id"]) == ("mcp.api_client", world.client(MCP)["client_id"])
    assert "in an application of yours" in exchange["notes"][0]
    assert shown["connecting"] == []
    assert world.run("usage", "spec.yaml", "mcp.api_client").out.count("curl --silent") == 1


def test_a_name_and_some_connections_of_its_own(tmp_path: Path) -> None:
    world = Tenant(tmp_path, flavors=[{EXCHANGE: {"client_name": "The MCP"}}], connections=[GOOGLE])
    world.write({**world.spec, "connections": {GOOGLE: {"offline_access": True}, GITHUB: {}}})
    assert world.apply().code == 0
    assert world.client("The MCP")["resource_server_identifier"] == MCP
    assert [case["connection"] for case in world.doctor("spec.yaml")["cases"]] == [GOOGLE]


def test_it_is_taken_away_again(world: Tenant) -> None:
    before = len(world.api("GET", "/clients?per_page=100"))
    world.close()
    assert world.apply().code == 0
    world.write({**world.spec, "apis": {"mcp": {"identifier": MCP, "name": "Acme MCP"}}})
    left = world.run("plan", "spec.yaml", "--prune", "--format", "json").json
    assert {(c["address"], c["action"]) for c in left["changes"]} >= {("application.mcp.api_client", "delete")}
    world.write({**world.spec, "apis": {"mcp": {"identifier": MCP, "name": "Acme MCP", "flavors": [EXCHANGE]}}})
    assert world.run("destroy", "spec.yaml", "-y").code == 0
    tenant = open_sandbox(tmp := world.folder / "tenant.db")
    assert len(tenant.export_state()["objects"]["clients"]) == before, tmp
    tenant.close()


# ---- export


def by_hand(world: World, policy: str, *, enabled: bool, grants: bool = True) -> str:
    """An API and its Custom API Client, clicked together."""
    user = {"user": {"policy": policy}, "client": {"policy": "deny_all"}}
    world.api("POST", "/resource-servers", {"identifier": MCP, "name": "My MCP", "signing_alg": "RS256",
              "subject_type_authorization": user, "scopes": [{"value": "tools", "description": "Tools"}]})  # fmt: skip
    grant = "urn:ietf:params:oauth:grant-type:token-exchange:federated-connection-access-token"
    kinds = ["client_credentials", grant.replace("ietf", "auth0")] if grants else ["client_credentials"]
    client = world.api("POST", "/clients", {"name": "MCP backend", "app_type": "resource_server", "is_first_party": True,
                       "oidc_conformant": True, "resource_server_identifier": MCP, "grant_types": kinds})  # fmt: skip
    world.patch_connection(GOOGLE, connected_accounts={"active": True})
    world.patch_options(GOOGLE, offline_access=True, client_id="own", client_secret="secret")
    if enabled:
        world.enable(GOOGLE, "MCP backend", True)
    return str(client["client_id"])


@pytest.mark.parametrize("policy", ["allow_all", "require_client_grant"])
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("linker", [True, False])
def test_export_yields_it_from_a_tenant(world: Tenant, policy: str, enabled: bool, linker: bool) -> None:
    if linker:  # it connects accounts, and never calls the API
        app = {"type": "regular_web", "callbacks": ["https://a.example/cb"], "flavors": ["connected_accounts"]}
        world.write({**world.spec, "apis": {}, "applications": {"accounts": app}})
        assert world.apply().code == 0
    by_hand(world, policy, enabled=enabled)
    world.close()
    exported = world.run("export", "--output", "again.yaml")
    assert exported.code == 0 and "Not in the spec" not in exported.err, exported.err
    spec = yaml.safe_load((world.folder / "again.yaml").read_text())
    (api,) = spec["apis"].values()
    assert api["identifier"] == MCP and api["scopes"] == {"tools": "Tools"}
    assert api["flavors"] == [{EXCHANGE: {"client_name": "MCP backend"}}]
    assert list(spec.get("applications") or ()) == (["accounts"] if linker else [])
    planned = world.run("plan", "again.yaml", "--format", "json")
    assert planned.json["changes"] == [], planned.out
    cases = world.doctor("again.yaml")["cases"]
    assert {case["state"] for case in cases if case["flavor"] == EXCHANGE} == {"ready"}


def test_export_takes_one_api_by_its_client(world: Tenant) -> None:
    by_hand(world, "allow_all", enabled=True)
    exported = world.run("export", "--app", "MCP backend")
    assert exported.code == 0, exported.err
    assert [api["identifier"] for api in yaml.safe_load(exported.out)["apis"].values()] == [MCP]


def test_export_says_what_keeps_it_from_being_taken_in(world: Tenant) -> None:
    by_hand(world, "allow_all", enabled=True)
    world.patch_client("MCP backend", oidc_conformant=False)
    exported = world.run("export", "--output", "left.yaml")
    assert "oidc_conformant" in exported.err
    assert "# " in (world.folder / "left.yaml").read_text() and "flavors" in (world.folder / "left.yaml").read_text()
    repaired = world.run("export", "--adopt-all", "--output", "repair.yaml")
    assert repaired.code == 0, repaired.err
    assert world.run("apply", "repair.yaml", "-y").code == 0
    assert world.doctor("repair.yaml")["ready"]


# ---- what is wrong in a spec


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"flavors": ["connected_accounts"]}, "spec-value"),
        ({"flavors": [{EXCHANGE: {"api": "mcp"}}]}, "spec-unknown-key"),
        ({"flavors": [EXCHANGE], "connections": ["gogle-oauth2"]}, "spec-unknown-connection"),
        ({"flavors": [EXCHANGE], "connections": []}, "spec-no-connection"),
        ({"flavors": [EXCHANGE, EXCHANGE]}, "spec-flavor-twice"),
        ({"connections": [GOOGLE]}, "spec-missing"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(tmp_path: Path, entry: dict[str, Any], code: str) -> None:
    spec = {"version": 1, "name": "mcp", "connections": {GOOGLE: {}}, "apis": {"mcp": {"identifier": MCP, **entry}}}
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
    told = cli("validate", "spec.yaml", "--format", "json", cwd=tmp_path)
    assert told.code == 1
    assert code in [problem["code"] for problem in told.json["problems"]], told.out


def test_a_client_that_is_not_enabled_beside_others_is_something_to_look_at(world: Tenant) -> None:
    assert world.apply().code == 0
    world.api("POST", "clients", {"name": "Somebody", "app_type": "regular_web"})
    world.enable(GOOGLE, "Somebody", True)
    world.enable(GOOGLE, MCP, False)
    assert "api-client-enabled" in ids(world, "spec.yaml")

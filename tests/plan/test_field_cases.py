"""Situations that people reported in public, rebuilt in the sandbox: what the plan, `validate` and the doctor say of each."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.doctor.conftest import template, world
from tests.support import Result, cli, served
from tests.tenant.tenant import Tenant
from tests.world import API, ASSISTANT, CALENDAR, World

__all__ = ["template", "world"]
GOOGLE = "google-oauth2"
RETIRED = {"federated_connections_access_tokens": {"active": True}}


def words(text: str) -> str:
    return " ".join(text.split())


def approval(result: Result) -> str:
    """What the plan says before approval, on one line."""
    assert result.code == 0, result.err
    _, _, after = result.out.partition("Before you approve:")
    return words(after)


def changed(world: World, **edits: Any) -> None:
    """The spec with other settings of connections (by name) or applications."""
    spec = copy.deepcopy(world.spec)
    for name, settings in edits.items():
        holder = spec["connections"] if name in spec["connections"] else spec["applications"]
        holder[name].update(settings)
    world.write(spec)


def validated(tmp_path: Path, spec: dict[str, Any]) -> Result:
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump({"version": 1, "name": "acme", **spec}))
    return cli("validate", "spec.yaml", "--format", "json", cwd=tmp_path, env={"SECRET": "x"})


def codes(result: Result) -> dict[str, str]:
    return {problem["code"]: problem["severity"] for problem in result.json["problems"]}


# ---- 2: the retired purpose flag


@pytest.mark.parametrize("specs", [(), ("spec.yaml",)])
def test_a_connection_with_the_retired_purpose_is_named_with_the_cure(world: World, specs: tuple[str, ...]) -> None:
    world.patch_connection(GOOGLE, connected_accounts={"active": False})
    world.patch_options(GOOGLE, **RETIRED)
    document = world.doctor(*specs)
    finding = next(f for f in document["findings"] if f["id"] == "connection-connected-accounts")
    assert finding["subject"]["name"] == GOOGLE
    assert "federated_connections_access_tokens" in finding["says"] and "users connect again" in finding["says"]
    assert "must connect their accounts again" in approval(world.run("plan", "spec.yaml"))


# ---- 3: a provider option that makes connecting fail


@pytest.mark.parametrize("name", ["approval_prompt", "prompt"])
def test_an_option_that_makes_connecting_fail_is_said_before_approval(world: World, name: str) -> None:
    world.patch_options(GOOGLE, upstream_params={name: {"value": "consent"}})
    assert f"Will still not work: connection {GOOGLE}: its upstream_params force {name}" in words(
        world.run("plan", "spec.yaml").out
    )
    assert world.refusal(ASSISTANT, GOOGLE) == "prompt-conflict"


@pytest.mark.parametrize(
    "harmless",
    [{"prompt": {"alias": "prompt"}}, {"login_hint": {"alias": "login_hint"}}, {"hd": {"value": "acme.example"}}],
)
def test_an_option_that_harms_nobody_raises_no_alarm(world: World, harmless: dict[str, Any]) -> None:
    world.patch_options(GOOGLE, upstream_params=harmless)
    assert "work" not in words(world.run("plan", "spec.yaml").out)
    assert world.doctor("spec.yaml")["ready"] and world.refusal(ASSISTANT, GOOGLE) is None


# ---- 4: scopes that do not come back


def test_users_who_connected_before_must_connect_again_when_scopes_grow(world: World) -> None:
    drive = "https://www.googleapis.com/auth/drive.readonly"
    changed(world, **{GOOGLE: {"scopes": ["email", "profile", CALENDAR, drive]}})
    told = approval(world.run("plan", "spec.yaml"))
    assert (
        f"connection.google-oauth2: users who connected before did not agree to {drive}: they must connect again"
        in told
    )


def test_users_must_connect_again_when_offline_access_is_turned_on(world: World) -> None:
    world.patch_options(GOOGLE, offline_access=False)
    assert "connected without offline access have no refresh token: their users must" in approval(
        world.run("plan", "spec.yaml")
    )


@pytest.mark.parametrize("connection", [GOOGLE, "acme-id"])
def test_a_retreat_of_offline_access_is_said_before_approval(world: World, connection: str) -> None:
    spec = copy.deepcopy(world.spec)
    del spec["connections"][connection]["offline_access"]
    world.write(spec)
    told = approval(world.run("plan", "spec.yaml"))
    assert f"connection.{connection}: accounts connected from now on get no refresh token" in told
    assert f"Stops working: connection {connection}: it does not ask the provider for offline access" in told


def test_a_scope_that_goes_troubles_nobody(world: World) -> None:
    changed(world, **{GOOGLE: {"scopes": ["email", "profile"]}})
    assert "connect" not in approval(world.run("plan", "spec.yaml"))


# ---- 7: a custom provider without a profile script


def test_a_custom_connection_needs_a_profile_script(world: World) -> None:
    spec = copy.deepcopy(world.spec)
    spec["connections"]["crm"] = {
        "strategy": "oauth2",
        "credentials": spec["connections"][GOOGLE]["credentials"],
        "offline_access": True,
        "scopes": ["offline_access", "contacts.read"],
        "options": {"authorizationURL": "https://crm.example/a", "tokenURL": "https://crm.example/t"},
    }
    spec["applications"][ASSISTANT]["connections"] = ["crm"]
    world.write(spec)
    assert world.apply().code == 0

    def told() -> set[str]:
        return {f["id"] for f in world.doctor("spec.yaml")["findings"] if f["subject"]["name"] == "crm"}

    assert {"connection-profile-script", "connection-scope-separator"} <= told()
    world.patch_options("crm", scripts={"fetchUserProfile": "function(){}"}, useOauthSpecScope=True)
    assert not {"connection-profile-script", "connection-scope-separator"} & told()


@pytest.mark.parametrize("scripts", [None, {"fetchUserProfile": ""}])
def test_a_missing_profile_script_is_seen_offline(tmp_path: Path, scripts: Any) -> None:
    crm: dict[str, Any] = {"strategy": "oauth2", "scopes": ["offline_access"], "options": {"tokenURL": "https://crm.example/t"},
           "credentials": {"client_id": "x", "client_secret": "${env:SECRET}"}}  # fmt: skip
    crm["options"] |= {"scripts": scripts} if scripts else {}
    app = {"type": "regular_web", "callbacks": ["https://a.example/cb"], "flavors": ["connected_accounts"]}
    spec = {"connections": {"crm": crm}, "applications": {"web": app}}
    assert codes(validated(tmp_path, spec))["spec-no-profile-script"] == "warning"
    crm["connected_accounts"] = {"allow_missing_user_id": True}
    assert "spec-no-profile-script" not in codes(validated(tmp_path, spec))


# ---- 8: legacy grant types


def test_legacy_grant_types_are_seen_before_auth0_refuses_the_change(world: World) -> None:
    legacy = "http://auth0.com/oauth/legacy/grant-type/ro"
    world.sandbox  # noqa: B018  (opened, so that the tenant is there)
    state = world.sandbox.export_state()
    found = next(c for c in state["objects"]["clients"].values() if c["name"] == ASSISTANT)
    found["grant_types"].append(legacy)
    world.sandbox.load_state(state)
    changed(world, assistant={"callbacks": ["https://other.example/cb"]})
    told = approval(world.run("plan", "spec.yaml"))
    assert f"application.assistant: it has grant types that Auth0 has retired ({legacy})" in told
    assert "remove them in the dashboard first" in told


# ---- 9: almost the same identifier


@pytest.mark.parametrize(
    "identifier",
    [
        f"{API}/",
        f"{API}/mcp",
        f"{API}/mcp/",
        f"{API}/sse",
        API.replace("https", "http"),
        API.replace("calendar", "Calendar"),
    ],
)
def test_an_api_beside_one_of_almost_the_same_identifier_is_not_planned_without_a_word(
    world: World, identifier: str
) -> None:
    spec = copy.deepcopy(world.spec)
    spec["apis"]["calendar"]["identifier"] = identifier
    spec["name"] = "other"
    del spec["applications"]["assistant"], spec["applications"]["nightly-sync"]
    spec["applications"]["fresh"] = spec["applications"].pop("calendar-spa")
    spec["connections"] = {"github": {}}
    spec["applications"]["fresh"]["connections"] = ["github"]
    world.write(spec)
    planned = world.run("plan", "spec.yaml", "--format", "json").json
    warning = next(w for w in planned["warnings"] if w["code"] == "plan-near-miss")
    assert API in warning["hint"] and warning["context"] == "api.calendar"


# ---- 10: names that people expect


def test_the_connections_that_there_are_are_named_where_none_is_meant(world: World) -> None:
    """For one that is created they say nothing: what else there is is no near miss."""
    spec = {"version": 1, "name": "other", "connections": {"qqq": {}}}
    world.write(spec)
    planned = world.run("plan", "spec.yaml")
    assert planned.code == 1 and "The tenant's connections: `Username-Password-Authentication`, `acme-id`" in " ".join(
        planned.err.split()
    ), planned.err
    assert "plan-purpose" not in planned.err  # of what kind it would be is not known
    own = {"client_id": "x", "client_secret": "${env:SECRET}"}
    world.write({**spec, "connections": {"qqq": {"strategy": "github", "credentials": own}}})
    planned = world.run("plan", "spec.yaml", env={"SECRET": "s"})
    assert planned.code == 0 and "plan-near-miss" not in planned.err, planned.err


@pytest.mark.parametrize(
    ("wanted", "has"), [("Google", GOOGLE), ("google", GOOGLE), ("gihub", "github"), ("id", "acme-id")]
)
def test_a_connection_by_another_name_is_suggested(world: World, wanted: str, has: str) -> None:
    world.write({**world.spec, "connections": {wanted: {}}, "applications": {
        "web": {"type": "regular_web", "callbacks": ["https://a.example/cb"], "flavors": ["connected_accounts"]}}})  # fmt: skip
    planned = world.run("plan", "spec.yaml")
    assert planned.code == 1 and f"`{has}`" in planned.err, planned.err


# ---- 11: third-party applications


def test_the_external_id_of_a_third_party_application_is_no_client_id(tmp_path: Path) -> None:
    app = {"client_id": "https://agent.example/client.json", "flavors": ["connected_accounts"]}
    (problem,) = validated(tmp_path, {"connections": {"github": {}}, "applications": {"agent": app}}).json["problems"]
    assert "external id of a third-party application" in problem["hint"] and "API" in problem["hint"]


def test_a_third_party_application_is_adopted_only_with_an_explicit_word(world: World) -> None:
    made = world.api("POST", "/clients", {"name": "Partner", "app_type": "regular_web", "is_first_party": False,
                                          "oidc_conformant": True})  # fmt: skip
    spec = {**world.spec, "name": "partners", "connections": {"github": {}}, "apis": {}}
    app = {"client_id": made["client_id"], "callbacks": ["https://p.example/cb"], "flavors": ["connected_accounts"]}
    world.write({**spec, "applications": {"partner": app}})
    refused = world.run("plan", "spec.yaml")
    assert refused.code == 1 and "plan-third-party" in refused.err and "first_party: true" in words(refused.err)
    world.write({**spec, "applications": {"partner": {**app, "first_party": True}}})
    told = approval(world.run("plan", "spec.yaml"))
    assert "no longer asked for consent" in told
    assert world.apply().code == 0
    assert world.client("Partner")["is_first_party"] is True


ADOPTED = {
    "a third party": ({"app_type": "regular_web", "is_first_party": False}, {"first_party": True}),
    "a public one": (
        {"app_type": "native", "token_endpoint_auth_method": "none"},
        {"type": "native", "confidential": True, "flavors": ["refresh_token_exchange"]},
    ),
    "of another type": (
        {"app_type": "non_interactive"},
        {"type": "regular_web", "flavors": ["refresh_token_exchange"]},
    ),
}


@pytest.mark.parametrize(("made", "asked"), ADOPTED.values(), ids=ADOPTED)
@pytest.mark.parametrize("way", ["destroy", "prune"])
def test_an_application_that_could_not_be_adopted_as_it_was_is_given_back_as_it_was(
    world: World, made: dict[str, Any], asked: dict[str, Any], way: str
) -> None:
    client = world.api("POST", "/clients", {"name": "Partner", "oidc_conformant": True, **made})
    spec = {**world.spec, "name": "partners", "connections": {"github": {}}, "apis": {}}
    app = {"client_id": client["client_id"], "callbacks": ["https://p.example/cb"], "flavors": ["connected_accounts"]}
    world.write({**spec, "applications": {"partner": {**app, **asked}}})
    assert world.apply().code == 0
    if way == "prune":
        world.write({**spec, "applications": {}})
    left = world.run(*(["destroy"] if way == "destroy" else ["apply", "--prune"]), "spec.yaml", "-y")
    assert left.code == 0, left.err
    assert {name: world.client("Partner")[name] for name in made} == made


# ---- 14, 15: what an application demands of its logins, and how long they last


@pytest.mark.parametrize(
    ("patch", "row"),
    [
        ({"require_proof_of_possession": True}, "application-dpop"),
        ({"require_pushed_authorization_requests": True}, "application-pushed-requests"),
    ],
)
def test_what_a_login_must_carry_is_to_be_looked_at(world: World, patch: dict[str, bool], row: str) -> None:
    assert row not in {f["id"] for f in world.doctor("spec.yaml")["findings"]}
    world.patch_client(ASSISTANT, **patch)
    document = world.doctor("spec.yaml")
    finding = next(f for f in document["findings"] if f["id"] == row)
    assert (finding["state"], finding["subject"]["name"]) == ("check", ASSISTANT)
    assert document["ready"]


def test_what_the_whole_tenant_or_the_api_demands_is_to_be_looked_at(world: World) -> None:
    world.api("PATCH", "/tenants/settings", {"flags": {"require_pushed_authorization_requests": True}})
    world.patch_api(API, proof_of_possession={"mechanism": "dpop", "required": True})
    document = world.doctor("spec.yaml")
    told = {f["id"]: f["says"] for f in document["findings"]}
    assert "the tenant requires" in told["application-pushed-requests"] and "DPoP" in told["api-dpop"]
    assert document["ready"]


# ---- 13: organizations


@pytest.mark.parametrize(
    ("behavior", "named"), [("no_prompt", True), ("pre_login_prompt", False), ("post_login_prompt", False)]
)
def test_a_login_names_the_organization_where_nobody_is_asked_for_it(world: World, behavior: str, named: bool) -> None:
    world.patch_client(ASSISTANT, organization_usage="require", organization_require_behavior=behavior)
    steps = words(world.run("usage", "spec.yaml", ASSISTANT).out)
    assert ("&organization=<ORGANIZATION_ID>" in steps) == named
    assert "application-organizations" in {f["id"] for f in world.doctor("spec.yaml")["findings"]}


@pytest.mark.parametrize("usage", ["allow", "deny"])
def test_without_a_required_organization_none_is_asked_for(world: World, usage: str) -> None:
    world.patch_client(ASSISTANT, organization_usage=usage)
    assert "organization" not in world.run("usage", "spec.yaml", ASSISTANT).out
    assert "application-organizations" not in {f["id"] for f in world.doctor("spec.yaml")["findings"]}


def test_short_refresh_tokens_are_to_be_looked_at(world: World) -> None:
    world.patch_refresh_token(
        ASSISTANT, expiration_type="expiring", idle_token_lifetime=1800, token_lifetime=86400 * 30,
        infinite_idle_token_lifetime=False, infinite_token_lifetime=False,
    )  # fmt: skip
    finding = next(f for f in world.doctor("spec.yaml")["findings"] if f["id"] == "application-lasting-tokens")
    assert "30 minutes" in finding["says"]


# ---- 18: every connection for every new application


def enable_everything(world: World) -> None:
    world.api("PATCH", "/tenants/settings", {"flags": {"enable_client_connections": True}})


ONLY_GITHUB: dict[str, Any] = {
    "version": 1,
    "name": "second",
    "connections": {"github": {}},
    "applications": {
        "fresh": {"type": "regular_web", "callbacks": ["https://f.example/cb"], "flavors": ["connected_accounts"]}
    },
}


def test_that_a_new_application_comes_with_every_connection_is_said_before_approval(world: World) -> None:
    enable_everything(world)
    assert "enable_client_connections" not in world.run("plan", "spec.yaml").out, "it creates nothing"
    world.write(ONLY_GITHUB)
    told = approval(world.run("plan", "spec.yaml"))
    connections = len(world.api("GET", "/connections"))
    assert (
        f"application.fresh: a new application is enabled on every connection of the tenant ({connections} now)" in told
    )
    assert world.apply().code == 0
    client_id = world.client("fresh")["client_id"]
    listed = world.api("GET", f"/connections/{world.connection(GOOGLE)['id']}/clients")["clients"]
    assert client_id in {one["client_id"] for one in listed}, "nobody asked for it to be taken back"
    assert world.run("plan", "spec.yaml", "--detailed-exitcode").code == 0
    assert world.run("drift", "spec.yaml").code == 0


def test_without_the_flag_nothing_is_said_of_it(world: World) -> None:
    world.write(ONLY_GITHUB)
    assert "enable_client_connections" not in world.run("plan", "spec.yaml").out


def test_a_custom_api_client_comes_with_every_connection_too(world: World) -> None:
    enable_everything(world)
    api = {"identifier": "https://mcp.example/", "flavors": ["access_token_exchange"]}
    world.write({**ONLY_GITHUB, "applications": {}, "apis": {"mcp": api}})
    assert "application.mcp.api_client: a new application is enabled on" in approval(world.run("plan", "spec.yaml"))


# ---- 19: GitHub Apps


def test_scopes_of_a_github_app_are_said_to_be_ignored(world: World, tmp_path: Path) -> None:
    changed(world, github={"scopes": ["repo"]})
    planned = world.run("plan", "spec.yaml", "--format", "json").json
    assert "plan-github-scopes" in {warning["code"] for warning in planned["warnings"]}
    github = {
        "strategy": "github",
        "scopes": ["repo"],
        "credentials": {"client_id": "Iv1.x", "client_secret": "${env:SECRET}"},
    }
    app = {"type": "regular_web", "callbacks": ["https://a.example/cb"], "flavors": ["connected_accounts"]}
    told = validated(tmp_path, {"connections": {"github": github}, "applications": {"web": app}})
    assert (told.code, codes(told)) == (0, {"spec-github-scopes": "warning"})


# ---- what is decidable offline


def test_validate_warns_of_what_will_not_work(tmp_path: Path) -> None:
    keys = {"client_id": "x", "client_secret": "${env:SECRET}"}
    app = {"type": "regular_web", "flavors": ["refresh_token_exchange"]}
    spec: dict[str, Any] = {
        "connections": {GOOGLE: {"strategy": GOOGLE, "credentials": keys}},
        "applications": {"web": app},
    }
    told = validated(tmp_path, spec)
    assert (told.code, codes(told)) == (0, {"spec-no-callback": "warning", "spec-no-offline-access": "warning"})
    assert told.json["valid"]
    app["callbacks"] = ["https://a.example/cb"]
    spec["connections"][GOOGLE]["offline_access"] = True
    assert codes(validated(tmp_path, spec)) == {}


def test_one_warning_is_told_for_one_cause(tmp_path: Path) -> None:
    app = {"type": "regular_web", "flavors": ["connected_accounts"]}
    spec = {"connections": {"github": {}}, "applications": {f"web-{n}": app for n in range(12)}}
    assert len(validated(tmp_path, spec).json["problems"]) == 12
    told = cli("validate", "spec.yaml", cwd=tmp_path).err
    assert told.count("[spec-no-callback]") == 1
    assert "So it is with 11 others:" in told and "and 5 more" in told


def test_a_machine_is_told_that_nobody_logs_in_to_it(tmp_path: Path) -> None:
    app = {"type": "m2m", "flavors": ["refresh_token_exchange"]}
    told = validated(tmp_path, {"connections": {"github": {}}, "applications": {"job": app}})
    problem = next(p for p in told.json["problems"] if p["code"] == "spec-flavor-type")
    assert "privileged_worker" in problem["hint"] and "public" not in problem["hint"]


# ---- 5: confidentiality, not the type, decides


@pytest.mark.parametrize("app_type", ["native", "spa"])
def test_an_application_that_keeps_a_secret_exchanges_whatever_its_type(world: World, app_type: str) -> None:
    changed(world, assistant={"type": app_type, "confidential": True, "callbacks": ["https://a.example/cb"]})
    assert world.apply().code == 0
    client = world.client(ASSISTANT)
    assert (client["app_type"], client["refresh_token"]["rotation_type"]) == (app_type, "non-rotating")
    assert client["token_endpoint_auth_method"] != "none"
    assert world.doctor("spec.yaml")["ready"]
    assert world.refusal(ASSISTANT, GOOGLE) is None


def test_a_public_application_is_refused_where_a_secret_is_needed(world: World, tmp_path: Path) -> None:
    app = {"type": "native", "callbacks": ["https://a.example/cb"], "flavors": ["refresh_token_exchange"]}
    told = validated(tmp_path, {"connections": {"github": {}}, "applications": {"web": app}})
    assert (told.code, codes(told)) == (1, {"spec-public-client": "error"})
    made = world.api("POST", "/clients", {"name": "Phone", "app_type": "native", "token_endpoint_auth_method": "none"})
    adopted = {"client_id": made["client_id"], "flavors": ["refresh_token_exchange"]}
    spec = {"version": 1, "name": "phones", "connections": {"github": {}}, "applications": {"phone": adopted}}
    world.write(spec)
    refused = world.run("plan", "spec.yaml")
    assert refused.code == 1 and "plan-public-client" in refused.err
    world.write({**spec, "applications": {"phone": {**adopted, "confidential": True}}})
    assert "it is public no longer" in approval(world.run("plan", "spec.yaml"))


def test_export_keeps_the_flavor_of_a_confidential_native_application(world: World) -> None:
    changed(world, assistant={"type": "native", "confidential": True})
    assert world.apply().code == 0
    exported = world.run("export", "--app", ASSISTANT)
    assert exported.code == 0, exported.err
    app = yaml.safe_load(exported.out)["applications"][ASSISTANT]
    assert (app["type"], app["confidential"], app["flavors"]) == ("native", True, ["refresh_token_exchange"])
    (world.folder / "spec.yaml").write_text(exported.out)
    assert world.run("plan", "spec.yaml", "--target", f"application.{ASSISTANT}").out.startswith("No changes.")


# ---- 6: a worker that was half set up


def test_a_worker_with_credentials_only_is_told_what_it_lacks_of_each_connection(world: World) -> None:
    world.patch_access(grants=[], ip_allowlist=[])
    document = world.doctor()
    numbers = [n for n, case in enumerate(document["cases"]) if case["application"] == "nightly-sync"]
    assert [document["cases"][n]["connection"] for n in numbers] == [GOOGLE]
    told = {f["id"]: f["says"] for f in document["findings"] if set(numbers) & set(f["cases"])}
    assert told["worker-grant"] == f"it is granted nothing of {GOOGLE}"
    assert "worker-ip-allowlist" in told and "connection-exists" not in told
    world.enable(GOOGLE, "nightly-sync", False)
    told = {f["id"]: f["says"] for f in world.doctor()["findings"]}
    assert told["worker-grant"] == "it is granted no connection"


# ---- 16: what Auth0 may leave out of an answer


def without(objects: dict[str, Any], kind: str, key: str) -> None:
    """What a tenant answers that leaves a key out."""
    clients = list(objects["clients"].values())
    assistant = next(client for client in clients if client["name"] == ASSISTANT)
    worker = next(client for client in clients if client["name"] == "nightly-sync")
    holders = {
        "policy": assistant["refresh_token"]["policies"],
        "grant": worker["token_vault_privileged_access"]["grants"],
        "credential": list(objects["credentials"].values()),
        "user grant": list(objects["client_grants"].values()),
    }
    for holder in holders[kind]:
        holder.pop(key, None)


@pytest.mark.parametrize(
    ("kind", "key", "row"),
    [
        ("policy", "scope", "application-mrrt"),
        ("grant", "connection", "worker-grant"),
        ("grant", "scopes", "worker-scopes"),
        ("credential", "expires_at", ""),
        ("user grant", "scope", "my-account-grant-scopes"),
    ],
)
def test_an_optional_key_that_is_missing_breaks_nothing(world: World, kind: str, key: str, row: str) -> None:
    state = world.sandbox.export_state()
    without(state["objects"], kind, key)
    world.sandbox.load_state(state)
    for specs in ((), ("spec.yaml",)):
        document = world.doctor(*specs)
        told = {f["id"] for f in document["findings"] if f["state"] != "check"}
        assert row in told if row and (row != "worker-scopes" or specs) else document["ready"]
    assert world.run("plan", "spec.yaml").code == 0 and world.run("export").code == 0
    assert world.apply().code == 0 and world.doctor("spec.yaml")["ready"]


def test_a_policy_without_scopes_is_called_that(world: World) -> None:
    policies = [{"audience": p["audience"]} for p in world.client(ASSISTANT)["refresh_token"]["policies"]]
    state = world.sandbox.export_state()
    client = next(c for c in state["objects"]["clients"].values() if c["name"] == ASSISTANT)
    client["refresh_token"]["policies"] = policies
    world.sandbox.load_state(state)
    says = next(f["says"] for f in world.doctor("spec.yaml")["findings"] if f["id"] == "application-mrrt")
    assert "its MRRT policy names no scope" in says


# ---- 17: the limits of the tenant's plan


@pytest.mark.parametrize(
    "body",
    [
        {"message": "You reached the limit of entities of this type for this tenant", "errorCode": "too_many_entities"},
        {"message": "You have reached the maximum number of applications"},
        {"message": "Application quota exceeded for this tenant"},
    ],
)
def test_a_tenant_that_is_full_is_told_from_a_token_that_may_not(tmp_path: Path, body: dict[str, str]) -> None:
    app = {"type": "regular_web", "callbacks": ["https://a.example/cb"], "flavors": ["connected_accounts"]}
    spec = {"version": 1, "name": "acme", "connections": {"github": {}}, "applications": {"web": app}}
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
    with served(tmp_path / "tenant.db") as domain:
        rule = {"fault": 403, "method": "POST", "path": "/api/v2/clients", "times": None, "body": body}
        Tenant(domain).faults(rule)
        env = {"AUTH0_DOMAIN": domain, "AUTH0_API_TOKEN": "sandbox"}
        applied = cli("apply", "spec.yaml", "-y", cwd=tmp_path, env=env)
    assert applied.code == 1
    assert "delete some that nobody uses, or have the plan upgraded" in words(applied.err)
    assert "[api-plan-limit]" in applied.err

"""The interactive wizard that people used before, its scenarios with the same input here, and what each ends with.

One test per thing that it left undone or broke; the README's table names these tests.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.init.flags import FLAGS, NEW, READONLY, without
from tests.init.ways import SANDBOX, ways
from tests.init.wizard import ESCAPE, Wizard
from tests.support import CONNECTED_ACCOUNTS, TOKEN_VAULT_GRANT, Result, by_name, cli, requests_of, served, tenant
from tokenvault.flavors.public_keys import read_public_key
from tokenvault.sandbox import open_sandbox

State = dict[str, dict[str, Any]]
DATABASE = Path(".tokenvault/sandbox.db")
WEB = FLAGS["refresh_token_exchange"]


def scenario(folder: Path, *flags: str) -> State:
    """`init`, `apply`; what the tenant holds then."""
    made = cli("init", *flags, "--force", cwd=folder)
    assert made.code == 0, made.err
    applied = cli("apply", "-y", "--sandbox", cwd=folder)
    assert applied.code == 0, applied.err
    return tenant(folder / DATABASE)


def before(folder: Path, change: Callable[[State], None] = lambda state: None) -> State:
    """The tenant as it is before, changed by hand."""
    (folder / DATABASE).parent.mkdir(exist_ok=True)
    sandbox = open_sandbox(folder / DATABASE)
    state = sandbox.export_state()
    change(state["objects"])
    sandbox.load_state(json.loads(json.dumps(state)))
    sandbox.close()
    return tenant(folder / DATABASE)


def enabled(state: State, connection: str) -> set[str]:
    """The names of the applications that may use a connection."""
    known = by_name(state["connections"], connection)["id"]
    ids = [key.split("/")[1] for key in state["enablements"] if key.startswith(f"{known}/")]
    return {state["clients"][client_id]["name"] for client_id in ids}


def user_grants(state: State, name: str) -> dict[str, set[str]]:
    """The scopes that an application may ask for on behalf of users, by API."""
    client_id = by_name(state["clients"], name)["client_id"]
    grants = [grant for grant in state["client_grants"].values() if grant["client_id"] == client_id]
    return {grant["audience"]: set(grant["scope"]) for grant in grants if grant.get("subject_type") == "user"}


def test_01_the_connected_accounts_purpose_is_on_where_auth0_looks_for_it(folder: Path) -> None:
    google = by_name(scenario(folder, *WEB)["connections"], "google-oauth2")
    assert google["connected_accounts"]["active"] is True
    assert "connected_accounts" not in google["options"]


def test_02_options_that_the_token_may_not_read_are_not_wiped(folder: Path, tmp_path: Path) -> None:
    scopes = "read:clients create:clients update:clients read:connections update:connections read:resource_servers "
    scopes += (
        "create:resource_servers update:resource_servers read:client_grants create:client_grants read:mfa_policies"
    )
    known = by_name(before(tmp_path)["connections"], "github")["options"]
    flags = ["--connection", "github", "--flavor", "connected_accounts"]
    assert cli("init", *NEW, *flags, cwd=folder).code == 0
    with served(tmp_path / DATABASE, "--scopes", scopes.replace(" ", ",")) as host:
        applied = cli("apply", "-y", cwd=folder, env={"AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"})
        assert applied.code == 0, applied.err
    github = by_name(tenant(tmp_path / DATABASE)["connections"], "github")
    assert github["connected_accounts"]["active"] is True
    assert github["options"] == known and known["client_secret"]


def test_03_applications_that_used_a_connection_still_do(folder: Path) -> None:
    was = enabled(before(folder), "google-oauth2")
    assert was == {"Legacy Portal", "Storefront"}
    assert enabled(scenario(folder, *WEB), "google-oauth2") == {*was, "Acme Assistant"}


def test_04_the_display_name_of_a_connection_stays(folder: Path) -> None:
    slack = by_name(scenario(folder, *WEB)["connections"], "sign-in-with-slack")
    assert (slack["display_name"], slack["connected_accounts"]["active"]) == ("Slack", True)


def test_05_a_connection_beyond_the_first_page_is_found_and_one_that_is_nowhere_is_an_error(folder: Path) -> None:
    def crowd(state: State) -> None:
        template = by_name(state["connections"], "github")
        for number in range(120):
            more = copy.deepcopy(template) | {"id": f"con_crowd{number:011}", "name": f"crowd-{number:03}"}
            state["connections"][more["id"]] = more

    before(folder, crowd)
    flags = without(WEB, "--connection")
    state = scenario(folder, *flags, "--connection", "crowd-119")
    assert by_name(state["connections"], "crowd-119")["connected_accounts"]["active"] is True
    assert cli("init", *flags, "--connection", "nowhere", "--force", cwd=folder).code == 0
    missing = cli("apply", "-y", "--sandbox", cwd=folder)
    assert missing.code == 1 and 'The tenant has no connection "nowhere"' in missing.err
    assert tenant(folder / DATABASE) == state


@pytest.mark.parametrize("strategy", ["google-apps", "waad", "windowslive", "amazon", "bitbucket", "paypal", "oauth2"])
def test_06_every_provider_is_known_by_its_real_strategy(folder: Path, strategy: str) -> None:
    def rename(state: State) -> None:
        by_name(state["connections"], "github").update(name="theirs", strategy=strategy, realms=["theirs"])

    before(folder, rename)
    state = scenario(folder, *without(WEB, "--connection"), "--connection", "theirs")
    assert by_name(state["connections"], "theirs")["connected_accounts"]["active"] is True


@pytest.mark.parametrize("strategy", ["microsoft", "slack", "spotify", "stripe-connect"])
def test_06_the_names_that_the_old_wizard_gave_strategies_are_corrected(folder: Path, strategy: str) -> None:
    spec = f"version: 1\nname: a\nconnections:\n  theirs: {{strategy: {strategy}}}\n"
    (folder / "tokenvault.yaml").write_text(spec)
    judged = cli("validate", cwd=folder)
    assert judged.code == 1 and "is not a strategy of Auth0; use" in judged.err


def test_07_the_custom_api_client_is_linked_to_its_api_and_made_once(folder: Path) -> None:
    flags = FLAGS["access_token_exchange"]
    for _ in range(2):
        clients = scenario(folder, *flags)["clients"]
        linked = [client for client in clients.values() if client.get("app_type") == "resource_server"]
        assert [client["resource_server_identifier"] for client in linked] == ["https://api.calendar.acme.com"]
        assert TOKEN_VAULT_GRANT in linked[0]["grant_types"]
        assert TOKEN_VAULT_GRANT not in by_name(clients, "Acme Calendar")["grant_types"]


def test_08_only_the_my_account_api_is_touched_whatever_other_apis_there_are(folder: Path) -> None:
    scenario(folder, *FLAGS["access_token_exchange"])
    was = tenant(folder / DATABASE)["resource_servers"]
    flags = [*without(WEB, "--connection"), "--connection", "google-oauth2=", "-o", "other.yaml"]
    assert cli("init", *flags, cwd=folder).code == 0
    applied = cli("apply", "other.yaml", "-y", "--sandbox", cwd=folder)
    assert applied.code == 0, applied.err
    assert tenant(folder / DATABASE)["resource_servers"] == was


def test_09_no_scopes_are_pushed_into_the_my_account_api(folder: Path) -> None:
    state = scenario(folder, *WEB)
    own = next(api for api in state["resource_servers"].values() if api["identifier"].endswith("/me/"))
    assert not {"read:me", "update:me", "delete:me"} & {scope["value"] for scope in own["scopes"]}
    again = cli("apply", "-y", "--sandbox", "--debug", cwd=folder)
    assert again.code == 0 and requests_of(again, "POST", "PUT", "PATCH", "DELETE") == []


def test_10_a_worker_authenticates_with_the_key_that_was_made_for_it(folder: Path) -> None:
    state = scenario(folder, *FLAGS["privileged_worker"])
    worker = by_name(state["clients"], "Nightly Sync")
    key = read_public_key((folder / "keys/nightly-sync.pub.pem").read_text())
    credential = next(c for c in state["credentials"].values() if c["kid"] == key.kid)
    assert worker["client_authentication_methods"] == {"private_key_jwt": {"credentials": [{"id": credential["id"]}]}}
    assert worker.get("token_endpoint_auth_method") is None
    assert worker["jwt_configuration"]["alg"] == "RS256"


def test_11_a_worker_may_do_what_it_is_granted_and_nothing_else(folder: Path) -> None:
    state = scenario(folder, *FLAGS["privileged_worker"])
    worker = by_name(state["clients"], "Nightly Sync")
    access = worker["token_vault_privileged_access"]
    assert access["grants"] == [{"connection": "google-oauth2", "scopes": [READONLY]}]
    assert access["ip_allowlist"] == ["203.0.113.0/24", "127.0.0.1"] and len(access["credentials"]) == 1
    assert worker["grant_types"] == [TOKEN_VAULT_GRANT]
    assert user_grants(state, "Nightly Sync") == {}
    assert not (worker.get("refresh_token") or {}).get("policies")


def test_12_rotation_is_off_for_an_application_that_had_it_on_and_its_policy_is_whole(folder: Path) -> None:
    def half_a_policy(state: State) -> None:
        portal = by_name(state["clients"], "Legacy Portal")
        policy = {"audience": "https://sandbox.localhost/me/", "scope": ["read:me:connected_accounts"]}
        portal["refresh_token"] = {**portal["refresh_token"], "policies": [policy]}

    was = by_name(before(folder, half_a_policy)["clients"], "Legacy Portal")
    assert was["refresh_token"]["rotation_type"] == "rotating"
    flags = ["--flavor", "refresh_token_exchange", "--connection", "google-oauth2"]
    state = scenario(folder, "--client-id", was["client_id"], *flags)
    now = by_name(state["clients"], "Legacy Portal")["refresh_token"]
    assert now["rotation_type"] == "non-rotating" and now["expiration_type"]
    assert {policy["audience"]: set(policy["scope"]) for policy in now["policies"]} == {
        "https://sandbox.localhost/me/": CONNECTED_ACCOUNTS
    }
    assert user_grants(state, "Legacy Portal") == {"https://sandbox.localhost/me/": CONNECTED_ACCOUNTS}


def test_13_what_only_shows_at_run_time_is_checked(folder: Path) -> None:
    scenario(folder, *WEB)
    assert cli("doctor", "--sandbox", cwd=folder).code == 0

    def break_it(state: State) -> None:
        state["tenant"]["policies"] = {"policies": ["all-applications"]}
        by_name(state["connections"], "sign-in-with-slack")["options"]["client_id"] = ""

    before(folder, break_it)
    assert "MFA" in cli("plan", "--sandbox", cwd=folder).out
    judged = cli("doctor", "--sandbox", cwd=folder)
    assert judged.code == 1 and "MFA" in judged.out and "sign-in-with-slack" in judged.out


def test_14_the_tenant_is_as_it_was_when_one_stops_after_all_the_questions(folder: Path) -> None:
    was = before(folder)
    wizard = Wizard(folder, *SANDBOX)
    wizard.answer([*ways()["refresh_token_exchange"], ("Write tokenvault.yaml?", ESCAPE)])
    assert wizard.end() == 1
    assert tenant(folder / DATABASE) == was


def test_15_a_step_that_fails_is_a_failure_of_the_whole(folder: Path, tmp_path: Path) -> None:
    assert cli("init", *WEB, cwd=folder).code == 0
    with served(tmp_path / "failing.db") as host:
        token = {"Authorization": "Bearer sandbox"}
        rule = {"fault": 400, "method": "PATCH", "path": "*/connections/*", "times": None}
        httpx.put(f"http://{host}/sandbox/faults", json=[rule], headers=token).raise_for_status()
        applied = cli("apply", "-y", cwd=folder, env={"AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"})
        assert applied.code == 1 and "Apply complete" not in applied.out
        assert "connection.google-oauth2" in applied.out + applied.err
        httpx.put(f"http://{host}/sandbox/faults", json=[], headers=token).raise_for_status()
        again = cli("apply", "-y", cwd=folder, env={"AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"})
        assert again.code == 0, again.err


def test_16_no_secret_is_printed_not_even_while_debugging(folder: Path) -> None:
    results = [cli("init", *FLAGS["access_token_exchange"], cwd=folder)]
    results += [
        cli(command, *options, "--sandbox", "--debug", cwd=folder) for command, *options in [("apply", "-y"), ("plan",)]
    ]
    secrets = [client["client_secret"] for client in tenant(folder / DATABASE)["clients"].values()]
    secrets += [
        c["options"]["client_secret"]
        for c in tenant(folder / DATABASE)["connections"].values()
        if "client_secret" in c["options"]
    ]
    shown = "".join(result.out + result.err for result in results)
    assert len(secrets) > 5 and not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize("flavor", FLAGS)
def test_17_a_second_run_sends_no_write(folder: Path, flavor: str) -> None:
    scenario(folder, *FLAGS[flavor])
    again = cli("apply", "-y", "--sandbox", "--debug", cwd=folder)
    assert again.code == 0 and requests_of(again, "POST", "PUT", "PATCH", "DELETE") == []


def test_18_flags_are_judged_before_anything_happens(folder: Path) -> None:
    refused = cli("init", *without(WEB, "--flavor"), "--flavor", "refresh_token", cwd=folder)
    assert refused.code == 1 and 'Did you mean "refresh_token_exchange"?' in refused.err
    assert list(folder.iterdir()) == []


def test_18_a_second_run_makes_no_second_application(folder: Path) -> None:
    for _ in range(2):
        state = scenario(folder, *WEB)
        by_name(state["clients"], "Acme Assistant")


def test_18_a_single_page_application_is_offered_and_works(folder: Path) -> None:
    state = scenario(folder, *FLAGS["access_token_exchange"])
    app = by_name(state["clients"], "Acme Calendar")
    assert (app["app_type"], app["refresh_token"]["rotation_type"]) == ("spa", "rotating")


def test_18_what_would_happen_can_be_seen_first_as_data_too(folder: Path) -> None:
    cli("init", *WEB, cwd=folder)
    was = before(folder)
    planned: Result = cli("plan", "--sandbox", "--format", "json", cwd=folder)
    assert planned.code == 0 and planned.json["changes"]
    assert tenant(folder / DATABASE) == was


def test_18_no_other_tenant_is_touched_by_mistake(folder: Path) -> None:
    assert cli("init", *WEB, "--tenant", "acme.us.auth0.com", cwd=folder).code == 0
    env = {"AUTH0_DOMAIN": "127.0.0.1:1", "AUTH0_API_TOKEN": "x"}
    refused = cli("apply", "-y", cwd=folder, env=env)
    assert refused.code == 1 and "The spec is for acme.us.auth0.com" in refused.err

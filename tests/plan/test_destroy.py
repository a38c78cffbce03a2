"""Leaving: what was created is deleted, what was adopted loses exactly what it was given, the rest stays."""

from __future__ import annotations

import json
import sys
from typing import Any

import pexpect
import pytest

from tests.export.by_hand import MY_ACCOUNT, policy
from tests.plan.test_prune import API, everything
from tests.state.world import Spec, World, changed_paths, changes, spec_of, web, worker, writes
from tests.support import ROOT, TOKEN_VAULT_GRANT, by_name, cli

PORTAL = "Legacy Portal"


def test_nothing_created_is_left_and_the_adopted_have_what_they_had(acme: World) -> None:
    before = acme.state()
    acme.apply(everything())
    acme.destroy(everything())
    after = acme.state()
    assert after["clients"].keys() == before["clients"].keys()
    assert after["client_grants"] == before["client_grants"]
    assert after["enablements"] == before["enablements"]
    assert not after.get("credentials")
    portal = by_name(before["clients"], PORTAL)
    assert changed_paths(portal, acme.client(PORTAL)) == set()
    assert {api["identifier"] for api in after["resource_servers"].values()} == {
        *(api["identifier"] for api in before["resource_servers"].values()),
        MY_ACCOUNT,
    }
    for key, connection in before["connections"].items():
        assert changed_paths(connection, after["connections"][key]) <= {"connected_accounts.active"}


WEB = {"method": "DELETE", "path": "*/api/v2/clients/*", "when": "after"}


@pytest.mark.parametrize(
    ("answers", "note"),
    [([{**WEB, "fault": 404}], "it was so already"), ([{**WEB, "fault": 503}, {**WEB, "fault": 404, "nth": 2}], "")],
    ids=["somebody was first", "the answer was lost"],
)
def test_what_is_gone_when_it_is_to_be_deleted_was_deleted_by_this_run_or_before(
    acme: World, answers: list[dict[str, Any]], note: str
) -> None:
    spec = spec_of({"web": web()})
    acme.apply(spec)
    done = acme.run_into(answers, "destroy", spec, "-y", "--json")
    ended = [one for one in map(json.loads, done.out.splitlines()) if one["type"] == "ended"]
    assert done.code == 0, done.out
    assert [one["note"] for one in ended if one["address"] == "application.web"] == [note]


def test_a_second_destroy_has_nothing_to_do_and_a_plan_creates_again(acme: World) -> None:
    acme.apply(everything())
    acme.destroy(everything())
    again = acme.destroy(everything())
    assert again.out.startswith("No changes. There is nothing to do") and writes(again) == []
    planned = changes(acme.plan(everything()))
    created = {"application.assistant", "application.front", "application.calendar.api_client", "api.calendar"}
    assert {address for address in created if planned[address] == "create"} == created
    assert planned["application.portal"] == "update"
    acme.apply(everything())
    acme.assert_done(everything())


def test_the_plan_says_what_an_adopted_application_gets_back(acme: World) -> None:
    acme.apply(everything())
    said = " ".join(acme.run("destroy", everything(), "-y").out.replace("#", " ").split())
    assert "released: adopted by this spec" in said and "kept, as it may have been so before" not in said
    assert "oidc_conformant = true -> false" in said and TOKEN_VAULT_GRANT in said
    assert "Destroy complete!" in said and "doctor" not in said


def by_hand_with_token_vault(acme: World) -> Spec:
    """An application that had the grant, the policy, the user grant and a connection before it was adopted."""
    acme.hands.my_account()
    acme.hands.connection("google-oauth2")
    acme.hands.web("App", "google-oauth2")
    return spec_of({"app": web(name="App")}, "google-oauth2", "github")


def test_what_was_there_before_the_adoption_is_not_taken_away(acme: World) -> None:
    spec = by_hand_with_token_vault(acme)
    before = acme.state()
    acme.apply(spec)
    assert "App" in acme.enabled("github")
    acme.destroy(spec)
    after = acme.state()
    assert changed_paths(by_name(before["clients"], "App"), acme.client("App")) - {"client_metadata"} == set()
    assert acme.client("App").get("client_metadata", {}) == {}
    assert (after["client_grants"], after["enablements"]) == (before["client_grants"], before["enablements"])


def test_policies_and_grants_for_other_apis_stay(acme: World) -> None:
    acme.hands.ask("POST", "resource-servers", {"identifier": "https://x.example.com", "name": "X"})
    refresh = {**acme.client(PORTAL)["refresh_token"], "policies": [policy("https://x.example.com", [])]}
    acme.patch(PORTAL, {"refresh_token": refresh})
    acme.hands.grant(acme.client(PORTAL)["client_id"], "https://x.example.com", [])
    acme.apply(everything())
    acme.destroy(everything())
    assert acme.client(PORTAL)["refresh_token"]["policies"] == [policy("https://x.example.com", [])]
    assert acme.grants(PORTAL) == {"https://x.example.com"}


def test_an_adopted_worker_loses_its_privileges_and_our_keys_and_logs_in_with_its_secret_again(acme: World) -> None:
    acme.hands.application("Job", app_type="non_interactive", token_endpoint_auth_method="client_secret_post")
    before = acme.client("Job")
    spec = spec_of({"job": worker("a", name="Job")})
    acme.apply(spec)
    shown = acme.run("destroy", spec, "-y").out
    assert "can no longer authenticate with its keys, only with its client secret" in " ".join(shown.split())
    changed = changed_paths(before, acme.client("Job")) - {"client_metadata"}
    assert changed == {"jwt_configuration.alg"}  # Auth0 takes an absent one for HS256, and lets none be taken away
    assert acme.client("Job")["jwt_configuration"]["alg"] == "HS256"
    assert not acme.state().get("credentials")


def test_protected_objects_and_what_they_use_stay_and_are_shown(acme: World) -> None:
    spec = everything()
    spec["applications"]["front"]["protect"] = True
    spec["applications"]["portal"]["protect"] = True
    acme.apply(spec)
    before = acme.state()
    shown = " ".join(acme.destroy(spec).out.split())
    for line in (
        "application.front stays as it is: it is protected",
        "application.portal stays as it is: it is protected",
        "api.calendar stays as it is: application.front, which is protected, uses it",
        "application.calendar.api_client stays as it is: application.front, which is protected, uses it",
    ):
        assert line in shown
    after = acme.state()
    gone = {client["name"] for key, client in before["clients"].items() if key not in after["clients"]}
    assert gone == {"assistant", "job"}
    staying = before["clients"].keys() & after["clients"].keys()
    assert all(before["clients"][key] == after["clients"][key] for key in staying)
    assert acme.enabled("github") >= {"front", PORTAL} and acme.grants("front") == {API, MY_ACCOUNT}


def test_an_unprotected_application_can_go_while_its_neighbour_on_a_connection_stays(acme: World) -> None:
    spec = spec_of({"one": web(protect=True), "two": web(name=PORTAL)}, "sign-in-with-slack")
    acme.apply(spec)
    acme.destroy(spec)
    assert acme.enabled("sign-in-with-slack") == {"one"}


def test_an_api_that_nothing_proves_to_be_ours_stays_and_is_shown(acme: World) -> None:
    acme.hands.ask("POST", "resource-servers", {"identifier": API, "name": "alone"})
    spec = spec_of({"app": web()}, apis={"alone": {"identifier": API}})
    acme.apply(spec)
    assert "api.alone stays: nothing proves that this spec created it" in acme.destroy(spec).out
    assert API in {api["identifier"] for api in acme.state()["resource_servers"].values()}


def test_an_api_that_no_application_uses_yet_is_known_to_be_ours(acme: World) -> None:
    spec = spec_of({"app": web()}, apis={"alone": {"identifier": API}})
    acme.apply(spec)
    acme.destroy(spec)
    assert API not in {api["identifier"] for api in acme.state()["resource_servers"].values()}


def test_what_the_spec_left_behind_earlier_goes_too(acme: World) -> None:
    acme.apply(everything())
    acme.destroy(spec_of({"assistant": web()}))
    names = {client["name"] for client in acme.state()["clients"].values()}
    assert names == {"All Applications", "Acme Deploy", PORTAL, "Storefront"}
    assert API not in {api["identifier"] for api in acme.state()["resource_servers"].values()}


def test_a_tenant_to_which_the_spec_was_never_applied_is_left_alone(acme: World) -> None:
    acme.hands.application("assistant")
    before = acme.state()
    assert writes(acme.destroy(everything())) == []
    assert acme.state() == before


ALSO: list[tuple[str, str, Any, Any]] = [
    ("my_account_api", "no application of this tenant reaches it any more", "delete", None),
    ("connection.google-oauth2", "users' stored tokens of this connection stop working", "update", False),
    ("mfa_policy", "multi-factor authentication is asked of every user again", "update", ["all-applications"]),
]


def left(acme: World, address: str) -> Any:
    """What is in the tenant of what was asked for by name."""
    state = acme.state()
    if address == "my_account_api":
        return next((api for api in state["resource_servers"].values() if api["identifier"] == MY_ACCOUNT), None)
    if address == "mfa_policy":
        return state["tenant"]["policies"]["policies"]
    return by_name(state["connections"], "google-oauth2")["connected_accounts"]["active"]


@pytest.mark.parametrize(("address", "risk", "action", "end"), ALSO)
def test_what_stays_otherwise_goes_when_it_is_asked_for_by_name(
    acme: World, address: str, risk: str, action: str, end: Any
) -> None:
    spec = {**everything(), "mfa_policy": "set_never"}
    acme.hands.ask("PUT", "guardian/policies", ["all-applications"])
    acme.apply(spec)
    with_it, without_it = left(acme, address), acme.state()
    acme.destroy(spec)
    assert left(acme, address) == with_it != end
    assert without_it["clients"].keys() != acme.state()["clients"].keys()
    shown = acme.destroy(spec, "--also", address)
    assert risk in " ".join(shown.out.split()) and "asked for by its address" in shown.out
    assert left(acme, address) == end
    assert writes(acme.destroy(spec, "--also", address)) == []


@pytest.mark.parametrize("address", ["application.assistant", "mfa_policy", "connection.githob"])
def test_what_cannot_be_asked_for_by_name_is_refused(acme: World, address: str) -> None:
    acme.apply(everything())
    said = acme.refused("destroy", everything(), "-y", "--also", address)
    assert f"--also {address}" in said and ("Did you mean" in said or "It can be: my_account_api" in said)


def test_more_deletions_than_allowed_are_refused_before_any_write(acme: World) -> None:
    acme.apply(everything())
    said = acme.refused("destroy", everything(), "-y", "--max-destroy", "3")
    assert "objects would be deleted; --max-destroy allows 3" in said


def test_a_part_can_be_destroyed(acme: World) -> None:
    acme.apply(everything())
    acme.destroy(everything(), "--target", "application.assistant")
    names = {client["name"] for client in acme.state()["clients"].values()}
    assert "assistant" not in names and {"front", "job"} <= names


def test_without_a_terminal_or_consent_nothing_is_sent(acme: World) -> None:
    acme.apply(everything())
    said = acme.refused("destroy", everything(), "--debug")
    assert "--auto-approve" in said and "/api/v2/" not in said


def test_the_events_of_a_destroy_are_lines_of_json(acme: World) -> None:
    acme.apply(everything())
    lines = [json.loads(line) for line in acme.destroy(everything(), "--json").out.splitlines()]
    ended = {line["address"]: line["outcome"] for line in lines if line["type"] == "ended"}
    assert set(ended.values()) == {"done"} and "api.calendar" in ended


@pytest.mark.parametrize(("typed", "code"), [("sandbox.localhost", 0), ("yes", 1), ("", 1)])
def test_only_the_tenants_domain_is_consent(acme: World, typed: str, code: int) -> None:
    acme.apply(spec_of({"assistant": web()}))
    command = ["-m", "tokenvault", "destroy", "spec.yaml", "--sandbox", "t.db"]
    env = {"PYTHONPATH": str(ROOT), "TERM": "xterm", "PATH": "/usr/bin:/bin"}
    seen = pexpect.spawn(sys.executable, command, cwd=acme.folder, env=env, encoding="utf-8", timeout=60)
    seen.expect("Type the tenant's domain, sandbox.localhost, to go on: ")
    seen.sendline(typed)
    seen.expect(pexpect.EOF)
    seen.close()
    assert seen.exitstatus == code
    names = {client["name"] for client in acme.state()["clients"].values()}
    assert ("assistant" in names) == (code == 1)
    assert code == 0 or "Destroy cancelled. Nothing was changed." in str(seen.before)


CUTS = [
    ("PATCH", "*/connections/*"),
    ("PATCH", "*/clients/*"),
    ("DELETE", "*/clients/*"),
    ("DELETE", "*/resource-servers/*"),
]


@pytest.mark.parametrize(("method", "path"), CUTS)
def test_a_destroy_that_is_cut_short_is_finished_by_the_next(acme: World, method: str, path: str) -> None:
    before = acme.state()
    acme.apply(everything())
    cut = acme.run_into({"method": method, "path": path, "fault": 403}, "destroy", everything(), "-y")
    assert cut.code == 1 and "Destroy incomplete" in cut.out
    assert "Run `tokenvault destroy spec.yaml` again" in cut.out
    acme.destroy(everything())
    assert acme.state()["clients"].keys() == before["clients"].keys()
    assert acme.state()["enablements"] == before["enablements"]


def test_the_spec_must_be_for_this_tenant(acme: World) -> None:
    spec = {**everything(), "tenant": "prod.eu.auth0.com"}
    done = cli(
        "destroy", "spec.yaml", "-y", cwd=acme.folder, env={"AUTH0_DOMAIN": "127.0.0.1:9", "AUTH0_API_TOKEN": "x"}
    )
    assert done.code == 1
    acme.apply(everything())
    said = acme.run_into({"fault": 500}, "destroy", spec, "-y").err
    assert "The spec is for prod.eu.auth0.com" in said


def test_an_adopted_front_end_gives_back_what_it_got_for_an_api_that_was_made_by_hand(acme: World) -> None:
    """Its Custom API Client lacks nothing, so it carries no mark, and still the labels are understood."""
    acme.hands.my_account()
    acme.hands.connection("google-oauth2")
    acme.hands.api(API, "Calendar", scopes={"read:it": "Read it"})
    acme.hands.ask("PATCH", f"resource-servers/{api_id(acme)}", {"subject_type_authorization": REQUIRES_GRANTS})
    acme.hands.spa("Front", "google-oauth2")
    before = acme.state()
    flavors = [{"access_token_exchange": {"api": "calendar"}}]
    apis = {"calendar": {"identifier": API, "scopes": {"read:it": "Read it"}}}
    spec = spec_of({"front": {"type": "spa", "name": "Front", "flavors": flavors}}, apis=apis)
    acme.apply(spec)
    assert acme.grants("Front") == {API, MY_ACCOUNT}
    acme.destroy(spec)
    assert acme.state()["client_grants"] == before["client_grants"]
    assert changed_paths(by_name(before["clients"], "Front"), acme.client("Front")) <= {"client_metadata"}


REQUIRES_GRANTS = {"user": {"policy": "require_client_grant"}, "client": {"policy": "require_client_grant"}}


def api_id(acme: World) -> str:
    """The id of the backend API."""
    return next(key for key, api in acme.state()["resource_servers"].items() if api["identifier"] == API)


def test_a_grant_that_version_0_1_gave_on_a_custom_domain_gives_way_to_the_canonical_one(acme: World) -> None:
    """Version 0.1 asked for the My Account API on the custom domain that users log in on."""
    acme.hands.my_account()
    acme.hands.ask("POST", "resource-servers", {"identifier": CUSTOM, "name": "Not My Account"})
    refresh = {**acme.client(PORTAL)["refresh_token"], "policies": [policy(CUSTOM)]}
    mark = "acme/portal adopted api:my_account grant:exchange mrrt:my_account with:google-oauth2"
    grants = [*acme.client(PORTAL)["grant_types"], TOKEN_VAULT_GRANT]
    acme.patch(PORTAL, {"refresh_token": refresh, "grant_types": grants, "client_metadata": {"tokenvault": mark}})
    acme.hands.grant(acme.client(PORTAL)["client_id"], CUSTOM, [])
    spec = spec_of({"portal": web(name=PORTAL)}, my_account_api={"domain": "auth.acme.example"})
    acme.apply(spec)
    assert acme.grants(PORTAL) == {MY_ACCOUNT}
    assert [entry["audience"] for entry in acme.client(PORTAL)["refresh_token"]["policies"]] == [MY_ACCOUNT]
    acme.assert_done(spec)
    acme.destroy(spec)
    assert acme.grants(PORTAL) == set() and not acme.client(PORTAL)["refresh_token"].get("policies")
    assert TOKEN_VAULT_GRANT not in acme.client(PORTAL)["grant_types"]


CUSTOM = "https://auth.acme.example/me/"


def test_marks_that_nobody_of_us_wrote_break_nothing(acme: World) -> None:
    """Labels that mean nothing, on objects that are given nothing."""
    google = by_name(acme.state()["connections"], "google-oauth2")["id"]
    acme.hands.ask("PATCH", f"connections/{google}", {"metadata": {"tokenvault": "acme/x adopted with:github mrrt:y"}})
    strange = "acme/portal adopted privileged:other with:nobody,../x,\u202e api:no mrrt:no zzz:1"
    acme.patch(PORTAL, {"client_metadata": {"tokenvault": strange}})
    before = acme.client(PORTAL)
    acme.destroy(spec_of({"other": web()}))
    assert changed_paths(before, acme.client(PORTAL)) == {"client_metadata.tokenvault"}
    assert by_name(acme.state()["connections"], "google-oauth2").get("metadata", {}) == {}


@pytest.mark.parametrize("address", ["my_account_api", "connection.google-oauth2"])
def test_a_target_that_destroy_leaves_alone_is_no_unknown_address(acme: World, address: str) -> None:
    spec = spec_of({"portal": web(name=PORTAL)})
    acme.apply(spec)
    before = acme.state()
    done = acme.destroy(spec, "--target", address)
    assert "address-unknown" not in done.err and acme.state() == before

"""What nobody has seen a real tenant do: writes that it takes only otherwise, and what it makes of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.plan.applied import events
from tests.plan.tenants import edit
from tests.reliability.bench import bench
from tests.support import Result, by_name, requests_of, tenant
from tests.world import ASSISTANT, SPA, WORKER, World, whole_spec
from tokenvault.sandbox.variants import VARIABLE


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.make_key()
    return made


def apply(world: World, *variants: str) -> Result:
    return world.run("apply", "spec.yaml", "-y", "--json", "--debug", env={VARIABLE: ",".join(variants)})


def ended(result: Result) -> dict[str, dict[str, Any]]:
    return {line["address"]: line for line in events(result.out) if line["type"] == "ended"}


def state(world: World) -> Mapping[str, Any]:
    return tenant(world.folder / "tenant.db")


def settled(world: World, *variants: str) -> bool:
    plan = world.run("plan", "spec.yaml", "--detailed-exitcode", env={VARIABLE: ",".join(variants)})
    return plan.code == 0


def test_a_custom_api_client_costs_one_request_where_auth0_takes_its_mark(world: World) -> None:
    plain = apply(world)
    assert plain.code == 0, plain.out
    client = by_name(state(world)["clients"], "calendar (Token Vault)")
    assert not [line for line in requests_of(plain, "PATCH") if client["client_id"] in line]


def test_a_custom_api_client_is_made_with_the_least_and_marked_afterwards(world: World) -> None:
    least = apply(world, "minimal-api-client")
    client = by_name(state(world)["clients"], "calendar (Token Vault)")
    assert client["client_metadata"]["tokenvault"].startswith("world/calendar.api_client created")
    assert least.code == 0 and settled(world, "minimal-api-client")
    assert world.run("destroy", "spec.yaml", "-y").code == 0
    assert client["client_id"] not in state(world)["clients"], "it is known to be this spec's"


def test_a_custom_api_client_whose_rest_is_refused_was_created_and_not_completed(world: World) -> None:
    with bench(world.folder / "served") as there:
        state = copy.deepcopy(there.start)
        state["objects"]["tenant"]["variants"] = {"names": ["minimal-api-client"]}
        there.load(state)
        spec = whole_spec()
        spec["connections"], spec["applications"] = {"google-oauth2": {}}, {SPA: spec["applications"][SPA]}
        world.write(spec)
        there.faults({"fault": 400, "method": "PATCH", "path": "/api/v2/clients/*", "times": None})
        applied = there.apply(world.folder / "spec.yaml", "--json")
        made = ended(applied)["application.calendar.api_client"]
        assert (made["outcome"], bool(made["id"])) == ("incomplete", True), made
        assert "was created, but not completed: Auth0 refused the rest (400)" in made["diagnostic"]["summary"]
        there.settle()
        assert there.apply(world.folder / "spec.yaml").code == 0


def test_a_key_that_only_answers_carry_is_left_out_and_named(world: World) -> None:
    assert apply(world).code == 0
    spec = whole_spec()
    spec["connections"]["acme-id"]["scopes"] = ["openid", "profile"]
    world.write(spec)
    changed = apply(world, "answer-only-keys")
    assert changed.code == 0, changed.out
    assert "options.revision" in ended(changed)["connection.acme-id"]["note"]
    assert settled(world, "answer-only-keys")


@pytest.mark.parametrize("revision", [0, 7])
def test_what_the_spec_asks_for_is_never_left_out(world: World, revision: int) -> None:
    spec = whole_spec()
    spec["connections"]["acme-id"]["options"] = {**spec["connections"]["acme-id"]["options"], "revision": revision}
    assert apply(world).code == 0
    world.write(spec)
    refused = apply(world, "answer-only-keys")
    assert refused.code == 1
    assert "revision" in ended(refused)["connection.acme-id"]["diagnostic"]["detail"]


def test_a_worker_is_written_in_parts_only_where_auth0_wants_that(world: World) -> None:
    plain = apply(world)
    assert plain.code == 0
    worker = by_name(state(world)["clients"], WORKER)
    assert len([line for line in requests_of(plain, "PATCH") if worker["client_id"] in line]) == 1
    assert world.run("destroy", "spec.yaml", "-y", env={VARIABLE: "worker-parts-alone"}).code == 0
    parted = apply(world, "worker-parts-alone")
    assert parted.code == 0, parted.out
    assert settled(world, "worker-parts-alone")


def test_a_user_grant_that_is_kept_for_machines_is_taken_back(world: World) -> None:
    result = apply(world, "user-grant-as-client")
    failed = ended(result)["client_grant.assistant.my_account"]
    assert result.code == 1 and failed["diagnostic"]["code"] == "apply-not-kept"
    assert "subject type client" in failed["diagnostic"]["summary"] and "deleted again" in failed["diagnostic"]["hint"]
    application = by_name(state(world)["clients"], "assistant")["client_id"]
    assert not [grant for grant in state(world)["client_grants"].values() if grant.get("client_id") == application]


def test_the_default_policy_of_a_new_my_account_api_is_told(world: World) -> None:
    made = ended(apply(world, "default-policy"))["my_account_api"]
    assert "Default Policy" in made["note"]
    assert not ended(apply(world)).get("my_account_api")


def test_leaving_deny_all_sends_the_users_half_alone(world: World) -> None:
    assert apply(world).code == 0
    api = next(a for a in state(world)["resource_servers"].values() if a["identifier"].endswith("/me/"))
    policy = {"client": {"policy": "deny_all"}, "user": {"policy": "deny_all"}}
    world.api("PATCH", f"/resource-servers/{api['id']}", {"subject_type_authorization": policy})
    left = apply(world, "system-client-policy-fixed")
    assert left.code == 0, left.out
    now = state(world)["resource_servers"][api["id"]]["subject_type_authorization"]
    assert now == {"client": {"policy": "deny_all"}, "user": {"policy": "require_client_grant"}}


RARE = "https://www.googleapis.com/auth/photos.made-up"
IGNORED = "freeform-scopes-ignored"


def asking_for(world: World, *scopes: str) -> None:
    spec = whole_spec()
    spec["connections"]["google-oauth2"] = {"scopes": ["email", *scopes]}
    world.write(spec)


def google(world: World) -> dict[str, Any]:
    return by_name(state(world)["connections"], "google-oauth2")


def chosen_by_hand(objects: dict[str, Any]) -> None:
    by_name(objects["connections"], "google-oauth2")["options"]["scope"].append(RARE)


def planned(world: World, *variants: str) -> Result:
    return world.run("plan", "spec.yaml", "--detailed-exitcode", "--format", "json", env={VARIABLE: ",".join(variants)})


def test_a_scope_that_auth0_has_a_setting_for_is_asked_for_by_that(world: World) -> None:
    asking_for(world, "https://www.googleapis.com/auth/calendar.events", "https://www.googleapis.com/auth/drive.file")
    assert apply(world, IGNORED).code == 0 and settled(world, IGNORED)
    options = google(world)["options"]
    assert options["calendar_events"] is options["drive_file"] is True
    assert {"https://www.googleapis.com/auth/calendar.events", "https://www.googleapis.com/auth/drive.file"} <= {
        *options["scope"]
    }


def test_a_scope_that_is_not_kept_is_a_warning_that_leads_to_its_page_and_is_not_planned_again(world: World) -> None:
    asking_for(world, RARE)
    applied = world.run("apply", "spec.yaml", "-y", env={VARIABLE: IGNORED})
    page = f"https://manage.auth0.com/#/connections/social/{google(world)['id']}"
    said = " ".join(applied.err.split())
    assert applied.code == 0 and "Apply complete" in applied.out, applied.err
    assert f"Warning: Auth0 accepted the change of connection.google-oauth2, and did not keep the scope {RARE}" in said
    assert page in said
    plan = planned(world, IGNORED)
    warned = [each for each in plan.json["warnings"] if each["code"] == "plan-scopes-not-kept"]
    assert plan.code == 0 and RARE in warned[0]["summary"] and page in warned[0]["hint"]
    assert world.run("drift", "spec.yaml", env={VARIABLE: IGNORED}).code == 0
    assert world.run("destroy", "spec.yaml", "-y", env={VARIABLE: IGNORED}).code == 0
    assert "tokenvault" not in (google(world).get("metadata") or {})


def test_once_a_person_has_chosen_the_scope_nothing_is_said_and_nothing_planned(world: World) -> None:
    asking_for(world, RARE)
    assert apply(world, IGNORED).code == 0
    edit(world.folder / "tenant.db", chosen_by_hand)
    plan = planned(world, IGNORED)
    assert plan.code == 0 and "plan-scopes-not-kept" not in plan.out


def test_another_scope_is_tried_though_one_was_not_kept(world: World) -> None:
    asking_for(world, RARE)
    assert apply(world, IGNORED).code == 0
    asking_for(world, RARE, f"{RARE}.too")
    assert planned(world).code == 2
    assert apply(world).code == 0
    assert google(world)["options"]["freeform_scopes"] == [f"{RARE}.too"]
    plan = planned(world)
    assert plan.code == 0 and RARE in plan.json["warnings"][-1]["summary"]


def workspace(world: World, *scopes: str) -> None:
    spec = whole_spec()
    credentials = spec["connections"]["acme-id"]["credentials"]
    spec["connections"] = {"workspace": {"strategy": "google-apps", "scopes": [*scopes], "credentials": credentials}}
    spec["applications"] = {ASSISTANT: spec["applications"][ASSISTANT]}
    world.write(spec)


def test_scopes_that_auth0_computes_by_itself_are_a_warning_too(world: World) -> None:
    workspace(world, RARE)
    applied = apply(world)
    last = next(line for line in events(applied.out) if line["type"] == "verified")
    assert applied.code == 0, applied.out
    assert [each["code"] for each in last["not_kept"]] == ["apply-scopes-not-kept"] and settled(world)


def test_what_auth0_kept_of_the_scopes_is_still_all_that_the_connection_is_to_have(world: World) -> None:
    workspace(world, "email", "profile", RARE)
    assert apply(world).code == 0 and settled(world)
    edit(
        world.folder / "tenant.db",
        lambda objects: by_name(objects["connections"], "workspace")["options"]["scope"].append("theirs"),
    )
    assert planned(world).code == 2


def of_twitter(world: World) -> None:
    spec = whole_spec()
    credentials = spec["connections"]["acme-id"]["credentials"]
    twitter = {"strategy": "twitter", "options": {"protocol": "oauth2"}, "offline_access": True}
    spec["connections"] = {"x": {**twitter, "credentials": credentials}}
    spec["applications"] = {ASSISTANT: spec["applications"][ASSISTANT]}
    world.write(spec)


def test_before_a_purpose_that_auth0_may_refuse_the_plan_says_so_and_not_after_it_took_it(world: World) -> None:
    of_twitter(world)
    warned = [each for each in planned(world).json["warnings"] if each["code"] == "plan-purpose"]
    assert "connection.x" in warned[0]["summary"] and "manage.auth0.com" in warned[0]["hint"]
    assert apply(world).code == 0
    assert "plan-purpose" not in planned(world).out


def test_a_refused_purpose_leads_to_the_dashboard_and_to_no_other_feature(world: World) -> None:
    of_twitter(world)
    refused = ended(apply(world, "purpose-of-six-strategies"))["connection.x"]["diagnostic"]
    assert "under Purpose on the connection's page" in refused["hint"], refused
    assert "Cross App Access" not in refused["hint"] and refused["code"] == "api-invalid"


def test_a_purpose_that_was_switched_on_by_hand_is_not_written_again(world: World) -> None:
    of_twitter(world)
    assert apply(world, "purpose-of-six-strategies").code == 1
    by_hand = {"name": "x", "strategy": "twitter", "options": {"protocol": "oauth2", "offline_access": True}}
    world.api("POST", "/connections", {**by_hand, "connected_accounts": {"active": True}})
    spec = {**world.spec, "connections": {"x": {}}}
    world.write(spec)
    assert apply(world, "purpose-of-six-strategies").code == 0
    assert settled(world, "purpose-of-six-strategies")

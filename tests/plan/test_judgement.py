"""A plan says what will not work after it, and what stops working; apply ends with what works; pipelines can fail on it."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.conftest import template, world
from tests.plan.tenants import edit
from tests.support import ROOT, cli, served, write_spec
from tests.world import ASSISTANT, World
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET

__all__ = ["template", "world"]
GOOGLE = "google-oauth2"


def judgement(world: World, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = world.run("plan", "spec.yaml", "--format", "json", *options).json["judgement"]
    return found


def with_prompt(world: World) -> None:
    world.patch_options(GOOGLE, upstream_params={"prompt": {"value": "consent"}})


def test_the_quickstart_is_judged_to_work_and_that_makes_no_noise(tmp_path: Path) -> None:
    spec = ROOT / "examples/quickstart.yaml"
    first = cli("plan", spec, "--sandbox=t.db", "--fail-on", "broken", cwd=tmp_path)
    assert first.code == 0 and "work" not in first.out.split("Before you approve")[1]
    applied = cli("apply", spec, "-y", "--sandbox=t.db", "--fail-on", "broken", cwd=tmp_path)
    assert applied.code == 0
    assert "Works now: every connection of every application (7 cases)." in applied.out
    again = cli("plan", spec, "--sandbox=t.db", "--fail-on", "broken", cwd=tmp_path)
    assert (again.code, again.out.count("\n")) == (0, 1)


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_an_mfa_policy_that_breaks_everything_is_told_once(world: World, form: str) -> None:
    world.api("PUT", "/guardian/policies", ["all-applications"])
    shown = world.run("plan", "spec.yaml", "--format", form).out
    assert "stands in the way" not in shown and shown.count("the tenant-wide MFA policy is") == 1


def loses(world: World, **edits: Any) -> str:
    """What the plan says before approval of a spec whose applications ask for less."""
    spec = copy.deepcopy(world.spec)
    worker = spec["applications"]["nightly-sync"]["flavors"][0]["privileged_worker"]
    for name, value in edits.items():
        (worker if name in worker else spec["applications"]["assistant"])[name] = value
    world.write(spec)
    _, _, after = world.run("plan", "spec.yaml").out.partition("Before you approve:")
    return " ".join(after.split())


def test_a_worker_that_may_call_from_fewer_addresses_stops_working_from_the_others(world: World) -> None:
    told = loses(world, ip_allowlist=["203.0.113.0/24"])
    assert "application.nightly-sync: the worker is refused when it calls from 127.0.0.1" in told


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        (
            {"grants": {GOOGLE: ["email"]}},
            "the worker gets no more tokens of google-oauth2 (https://www.googleapis.com",
        ),
        ({"callbacks": ["https://new.example/cb"]}, "come back to https://assistant.acme.example/callback are refused"),
        ({"connections": [GOOGLE]}, "users cannot log in or connect accounts through it in"),
    ],
)
def test_what_a_smaller_list_takes_away_is_said_before_approval(world: World, edits: dict[str, Any], says: str) -> None:
    assert says in loses(world, **edits)


def test_a_longer_list_takes_nothing_away(world: World) -> None:
    told = loses(world, ip_allowlist=["127.0.0.1", "203.0.113.9"])
    assert "refused" not in told


def test_what_stays_broken_is_said_before_approval_in_every_form(world: World) -> None:
    with_prompt(world)
    world.patch_client(ASSISTANT, callbacks=["https://added.example/callback"])
    text = world.run("plan", "spec.yaml")
    assert text.code == 0
    approve = " ".join(text.out.split("Before you approve:")[1].split())
    assert "Will still not work: connection google-oauth2: its upstream_params force prompt" in approve
    assert (
        "5 of 9 cases: assistant × google-oauth2, calendar-spa × google-oauth2, nightly-sync × google-oauth2" in approve
    )
    assert "Remove approval_prompt and prompt" in approve
    assert approve.count("upstream_params force") == 1
    for form in ("markdown", "html"):
        shown = world.run("plan", "spec.yaml", "--format", form).out
        assert "Will still not work" in shown and "force prompt" in shown and "5 of 9" in shown
    (cause,) = judgement(world)["causes"]
    assert (cause["id"], len(cause["cases"]), cause["stops"]) == ("connection-prompt", 5, [])


def test_what_stops_working_is_told_from_what_never_did(world: World) -> None:
    spec = copy.deepcopy(world.spec)
    spec["connections"][GOOGLE]["offline_access"] = False
    spec["connections"]["acme-id"]["options"] = {**spec["connections"]["acme-id"]["options"], "type": "front_channel"}
    del spec["connections"][GOOGLE]
    for app in spec["applications"].values():
        app["connections"] = ["acme-id"]
    del spec["applications"]["nightly-sync"]
    world.write(spec)
    found = judgement(world)
    stopping = [cause for cause in found["causes"] if cause["stops"]]
    assert [cause["id"] for cause in stopping] == ["connection-back-channel"]
    told = [found["cases"][number] for number in stopping[0]["stops"]]
    assert {(case["application"], case["before"], case["after"]) for case in told} == {
        ("assistant", "ready", "not ready")
    }
    assert "Stops working: connection acme-id" in " ".join(world.run("plan", "spec.yaml").out.split())


def test_a_plan_without_changes_says_what_does_not_work(world: World) -> None:
    with_prompt(world)
    told = world.run("plan", "spec.yaml", "--detailed-exitcode")
    assert told.code == 0 and told.out.startswith("No changes.")
    assert "Not ready, and nothing in this plan changes that:" in told.out


def test_pipelines_fail_on_what_is_broken(world: World) -> None:
    assert world.run("plan", "spec.yaml", "--fail-on", "broken").code == 0
    with_prompt(world)
    assert world.run("plan", "spec.yaml").code == 0
    assert world.run("plan", "spec.yaml", "--fail-on", "broken").code == 3
    world.patch_client(ASSISTANT, callbacks=[])
    assert world.run("plan", "spec.yaml", "--fail-on", "broken", "--detailed-exitcode").code == 3
    applied = world.run("apply", "spec.yaml", "-y", "--fail-on", "broken")
    assert applied.code == 3
    said = " ".join(applied.out.split("Apply complete!")[1].split())
    assert "Works now: 4 of 9 cases. Does not: assistant × google-oauth2" in said
    assert "Do this first: Remove approval_prompt and prompt" in said
    assert world.client(ASSISTANT)["callbacks"], "what could be applied was"
    world.patch_options(GOOGLE, upstream_params=None)
    assert world.run("apply", "spec.yaml", "-y", "--fail-on", "broken").code == 0


def test_a_saved_plan_keeps_its_judgement(world: World) -> None:
    with_prompt(world)
    world.patch_client(ASSISTANT, callbacks=[])
    assert world.run("plan", "spec.yaml", "--out", "plan.json").code == 0
    assert "Will still not work" in cli("show", "plan.json", cwd=world.folder).out
    applied = world.run("apply", "plan.json", "--fail-on", "broken")
    assert applied.code == 3 and "Do this first" in applied.out


def test_programs_get_the_verdict_with_the_last_event(world: World) -> None:
    with_prompt(world)
    world.patch_client(ASSISTANT, callbacks=[])
    lines = [json.loads(line) for line in world.run("apply", "spec.yaml", "-y", "--json").out.splitlines()]
    assert lines[-1]["judgement"]["summary"] == {"ready": 4, "not_ready": 5, "unknown": 0, "stops": 0}


def test_a_part_of_a_plan_is_judged_for_what_it_does(world: World) -> None:
    world.patch_client(ASSISTANT, callbacks=[])
    world.patch_connection("github", connected_accounts={"active": False})
    part = judgement(world, "--target", "connection.github")
    assert [cause["id"] for cause in part["causes"]] == ["application-callbacks"]
    assert part["causes"][0]["fix"]["text"] == "tokenvault apply spec.yaml --sandbox=tenant.db"
    assert not judgement(world)["causes"]


def test_judging_takes_no_request(world: World) -> None:
    before = world.run("plan", "spec.yaml", "--format", "json").json["summary"]["reads"]
    with_prompt(world)
    after = world.run("plan", "spec.yaml", "--format", "json").json
    assert after["judgement"]["causes"] and after["summary"]["reads"] == before


@pytest.mark.parametrize("lacking", ["read:connections_options", "read:mfa_policies"])
def test_what_the_token_may_not_read_is_unknown_and_no_alarm(world: World, lacking: str) -> None:
    with_prompt(world)
    world.api("PUT", "/guardian/policies", ["all-applications"])
    world.close()

    def without(objects: dict[str, Any]) -> None:
        for grant in objects["client_grants"].values():
            grant["scope"] = [scope for scope in grant["scope"] if scope != lacking]

    edit(world.folder / "tenant.db", without)
    env = {"PROVIDER_SECRET": "canary-provider-secret"}
    with served(world.folder / "tenant.db") as tenant:
        login = {"AUTH0_DOMAIN": tenant, "AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": CLIENT_SECRET}
        made = cli("plan", "spec.yaml", "--format", "json", cwd=world.folder, env={**env, **login})
    assert made.code == 0, made.err
    found = made.json["judgement"]
    hidden = {"read:connections_options": "connection-prompt", "read:mfa_policies": "mfa-policy"}
    shown = {cause["id"] for cause in found["causes"]}
    assert hidden[lacking] not in shown
    assert shown >= set(hidden.values()) - {hidden[lacking]}


def test_what_a_plan_had_no_need_to_read_is_not_blamed_on_the_token(tmp_path: Path) -> None:
    """Of a connection that the spec merely uses no options are read, though the token may read them."""
    application = {"type": "native", "callbacks": ["https://a.example/cb"], "flavors": ["connected_accounts"]}
    spec = {"version": 1, "name": "a", "connections": {GOOGLE: {}}, "applications": {"app": application}}
    applied = cli("apply", write_spec(tmp_path, spec), "-y", "--sandbox=t.db", cwd=tmp_path)
    assert applied.code == 0, applied.err
    assert "Works now: 0 of 1 case. 1 case cannot be judged from what was read." in applied.out
    assert "the token may not read" not in applied.out


def test_a_snapshot_that_lacks_objects_raises_no_alarm(world: World) -> None:
    assert world.run("snapshot", "spec.yaml", "--output", "snapshot.json").code == 0
    spec = copy.deepcopy(world.spec)
    spec["applications"]["assistant"]["connections"] = ["github"]
    world.write(spec)
    planned = cli("plan", "spec.yaml", "--live", "snapshot.json", "--format", "json", cwd=world.folder,
                  env={"PROVIDER_SECRET": "x"})  # fmt: skip
    assert planned.code == 0, planned.err
    assert planned.json["judgement"]["causes"] == []


def test_a_snapshot_is_judged_by_what_it_holds(world: World) -> None:
    world.patch_connection("github", connected_accounts={"active": False})
    with_prompt(world)
    assert world.run("snapshot", "spec.yaml", "--output", "snapshot.json").code == 0
    world.write({**world.spec, "mfa_policy": "ignore"})
    env = {"PROVIDER_SECRET": "x"}
    planned = cli("plan", "spec.yaml", "--live", "snapshot.json", "--format", "json", cwd=world.folder, env=env)
    told = planned.json["judgement"]
    github = [case for case in told["cases"] if case["connection"] == "github"]
    assert {(case["before"], case["after"]) for case in github} == {("not ready", "ready")}
    assert {case["after"] for case in told["cases"] if case["connection"] == GOOGLE} == {"unknown"}
    assert told["causes"] == []


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_a_connection_of_which_the_spec_asks_nothing_is_said_to_be_unjudged(tmp_path: Path, form: str) -> None:
    """Its options are not read then, so that nobody knows whether it asks for offline access; the doctor finds out."""
    spec = {"version": 1, "name": "acme", "connections": {GOOGLE: {}}}
    web = {"type": "regular_web", "callbacks": ["https://a.example/cb"], "flavors": ["refresh_token_exchange"]}
    write_spec(tmp_path, {**spec, "applications": {"web": web}})
    planned = cli("plan", "spec.yaml", "--sandbox=t.db", "--format", form, cwd=tmp_path)
    said = " ".join(re.sub("<[^>]+>|[`*>]", " ", planned.out).split())
    assert "Before you approve" in said and "Not judged" in said and "2 of 2 cases" in said, said
    assert re.search(r"tokenvault doctor\b.* reads all", said)
    applied = cli("apply", "spec.yaml", "--sandbox=t.db", "-y", cwd=tmp_path)
    assert "2 cases cannot be judged from what was read" in " ".join(applied.out.split())
    judged = cli("doctor", "spec.yaml", "--sandbox=t.db", cwd=tmp_path)
    assert judged.code == 1 and "[connection-offline-access]" in judged.out
    write_spec(tmp_path, {**spec, "connections": {GOOGLE: {"offline_access": True}}, "applications": {"web": web}})
    assert "Not judged" not in cli("plan", "spec.yaml", "--sandbox=t.db", "--format", form, cwd=tmp_path).out


def test_what_the_spec_itself_leaves_out_is_mended_in_the_spec(world: World) -> None:
    """An empty list asks for nothing: applying it again would not help."""
    spec = copy.deepcopy(world.spec)
    spec["applications"][ASSISTANT]["callbacks"] = []
    world.write(spec)
    (cause,) = judgement(world)["causes"]
    assert cause["fix"]["how"] == "spec" and cause["fix"]["text"].startswith("application.assistant: Give")
    assert world.apply().code == 0
    finding = next(f for f in world.doctor("spec.yaml")["findings"] if f["id"] == "application-callbacks")
    assert finding["fix"]["how"] == "spec"

"""The Custom API Client that exchanges is enabled on the connections, too: nobody knows whether Auth0 insists on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.world import API, SPA, World
from tokenvault.sandbox.variants import VARIABLE

INSISTS = {VARIABLE: "custom-api-client-enabled"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.make_key()
    return made


def enabled(world: World) -> set[str]:
    clients = world.api("GET", f"/connections/{world.connection('google-oauth2')['id']}/clients")["clients"]
    return {one["client_id"] for one in clients}


def test_a_client_that_the_spec_creates_is_enabled_and_taken_out_again(world: World) -> None:
    assert world.run("apply", "spec.yaml", "-y", env=INSISTS).code == 0
    client = world.client(API)["client_id"]
    assert client in enabled(world)
    assert world.run("plan", "spec.yaml", "--detailed-exitcode", env=INSISTS).code == 0
    spec = json.loads(json.dumps(world.spec))
    del spec["applications"][SPA]
    world.write(spec)
    assert world.run("apply", "spec.yaml", "-y", env=INSISTS).code == 0
    assert world.run("plan", "spec.yaml", "--detailed-exitcode", env=INSISTS).code in (0, 2)
    assert world.run("apply", "spec.yaml", "-y", "--prune", env=INSISTS).code == 0
    assert client not in enabled(world)


def test_a_client_that_others_made_is_left_as_it_is(world: World) -> None:
    assert world.apply().code == 0
    client = world.client(API)
    world.patch_client(API, client_metadata=dict.fromkeys(client.get("client_metadata") or {}))
    world.enable("google-oauth2", API, False)
    assert world.apply().code == 0
    assert client["client_id"] not in enabled(world)
    planned = world.run("plan", "spec.yaml", "--detailed-exitcode", "--format", "json")
    assert planned.code == 0
    (warned,) = [one for one in planned.json["warnings"] if one["code"] == "plan-api-client-not-enabled"]
    assert "google-oauth2 is not enabled for the Custom API Client" in warned["summary"]
    world.enable("google-oauth2", API, True)
    assert "plan-api-client-not-enabled" not in world.run("plan", "spec.yaml", "--format", "json").out


@pytest.mark.parametrize("documents", [("spec.yaml",), ()], ids=["of a spec", "of a tenant"])
def test_the_doctor_has_it_looked_at_and_holds_nothing_up(world: World, documents: tuple[str, ...]) -> None:
    assert world.apply().code == 0
    world.enable("google-oauth2", API, False)
    judged = world.doctor(*documents)
    finding = next(one for one in judged["findings"] if one["id"] == "api-client-enabled")
    assert (finding["state"], finding["subject"]["client_id"]) == ("check", world.client(API)["client_id"])
    concerned = [judged["cases"][number] for number in finding["cases"]]
    assert concerned and {(case["flavor"], case["state"]) for case in concerned} == {("access_token_exchange", "ready")}
    world.enable("google-oauth2", API, True)
    assert "api-client-enabled" not in [one["id"] for one in world.doctor(*documents)["findings"]]


def test_where_auth0_insists_the_refusal_is_explained_by_that(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.apply().code == 0
    world.enable("google-oauth2", API, False)
    assert world.use(SPA, "google-oauth2").code == 0
    monkeypatch.setenv(VARIABLE, INSISTS[VARIABLE])
    refused = world.use(SPA, "google-oauth2")
    assert refused.code == 1, refused.out
    assert "api-client-enabled" in [one["id"] for one in json.loads(refused.out)["findings"]]

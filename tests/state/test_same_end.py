"""One spec, whatever the tenant was before: an empty one, an old one, a crowded one, one that a killed run left half done."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.export.by_hand import MY_ACCOUNT
from tests.reliability.bench import Bench, bench, normalised
from tests.reliability.crash import until_faulty
from tests.state.world import ENV, Spec, Tenant, World, spec_of, web, worker, world
from tests.support import ROOT, cli, write_spec

API = "https://calendar.acme.com"
GOOGLE = {
    "strategy": "google-oauth2",
    "credentials": {"client_id": "ours", "client_secret": "${env:CRM_SECRET}"},
    "offline_access": True,
    "scopes": ["email", "https://www.googleapis.com/auth/calendar.events"],
}
OF_CONNECTION = ("client_id", "offline_access", "email", "freeform_scopes")


def spec() -> Spec:
    """All four flavors on a connection that an empty tenant gets created."""
    front = {"type": "spa", "flavors": [{"access_token_exchange": {"api": "calendar"}}]}
    apis = {"calendar": {"identifier": API, "scopes": {"read:it": "Read it"}}}
    found = spec_of({"assistant": web(), "front": front, "job": worker()}, apis=apis)
    return {**found, "connections": {"google-oauth2": GOOGLE}}


def ours(state: Tenant) -> dict[str, Any]:
    """What the spec is about, with names instead of ids, and without who made a connection or an API."""
    text = re.sub(r"acme/google-oauth2 (created|adopted)[^\"]*", "acme/google-oauth2", json.dumps(normalised(state)))
    # who made an API is recorded on an application, too; and what is asked, on another host in other words
    named = json.loads(re.sub(r" (made|spec|ask):[=~,\w-]+", "", text))
    clients = {key: c for key, c in named["clients"].items() if "tokenvault" in c.get("client_metadata", {})}
    for client in clients.values():
        client["client_metadata"].pop("tokenvault_api", None)
    google = named["connections"]["connections:google-oauth2"]
    return {
        "clients": clients,
        "connection": {name: google["options"].get(name) for name in OF_CONNECTION}
        | {"accounts": google["connected_accounts"], "mark": google["metadata"]},
        "apis": {key: named["resource_servers"][f"api:{key}"] for key in (API, MY_ACCOUNT)},
        "grants": {key: g for key, g in named["client_grants"].items() if g["client_id"] in clients},
        "credentials": named["credentials"],
        "enabled": sorted(row["client_id"] for row in named["enablements"].values() if row["client_id"] in clients),
    }


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What becomes of a tenant that was empty."""
    with world(tmp_path_factory.mktemp("empty"), empty=True) as bare:
        bare.apply(spec())
        bare.assert_done(spec())
        return ours(bare.state())


def _my_account(here: World) -> None:
    here.hands.my_account()


def _crowd(here: World) -> None:
    """Google is enabled for sixty applications, which must stay so."""
    crowd = [here.hands.application(f"Crowd {n}") for n in range(60)]
    for start in (0, 30):
        here.hands.enable("google-oauth2", *crowd[start : start + 30])


def _a_past(here: World) -> None:
    _my_account(here)
    _crowd(here)
    policies = {"user": {"policy": "require_client_grant"}, "client": {"policy": "require_client_grant"}}
    scopes = [{"value": "read:it", "description": "Read it"}]
    api = {"identifier": API, "name": "calendar", "scopes": scopes, "subject_type_authorization": policies}
    here.hands.ask("POST", "resource-servers", api)


@pytest.mark.parametrize("past", [lambda here: None, _my_account, _crowd, _a_past], ids=["old", "me", "crowd", "all"])
def test_old_tenants_end_like_an_empty_one(acme: World, wanted: dict[str, Any], past: Any) -> None:
    past(acme)
    before = acme.enabled("google-oauth2")
    acme.apply(spec())
    assert ours(acme.state()) == wanted
    assert acme.enabled("google-oauth2") == before | {"assistant", "front", "job", "calendar (Token Vault)"}
    acme.assert_done(spec())


def kill_in_the_middle(there: Bench, command: str, path: Path) -> None:
    """SIGKILL when the request comes that hangs."""
    arguments = [sys.executable, "-m", "tokenvault", command, str(path), "-y"]
    env = {**os.environ, **there.env, **ENV, "TOKENVAULT_TIMEOUT": "60"}
    with subprocess.Popen(
        arguments, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        until_faulty(there, process)
        process.send_signal(signal.SIGKILL)
    there.settle()


KILLS = [
    {"method": "POST", "path": "*/resource-servers", "nth": 2, "when": "after"},
    {"method": "POST", "path": "*/clients", "nth": 2, "when": "after"},
    {"method": "PATCH", "path": "*/api/v2/clients/*", "nth": 1, "when": "before"},
]


@pytest.mark.parametrize("kill", KILLS, ids=[f"{k['method']} {k['path'].split('/', 1)[1]} {k['when']}" for k in KILLS])
def test_a_run_that_was_killed_is_finished_by_the_next(tmp_path: Path, wanted: dict[str, Any], kill: Any) -> None:
    write_spec(tmp_path, spec())
    with bench(tmp_path) as there:
        there.faults({**kill, "fault": "hang", "seconds": 60})
        kill_in_the_middle(there, "apply", tmp_path / "spec.yaml")
        again = cli("apply", tmp_path / "spec.yaml", "-y", env={**there.env, **ENV, "TOKENVAULT_TIMEOUT": "30"})
        assert again.code == 0, again.err
        found = json.loads(json.dumps(there.snapshot()).replace(there.host, "sandbox.localhost"))
    assert ours(found) == wanted


DESTROY_KILLS = [
    {"method": "DELETE", "path": "*/clients/*", "nth": 2, "when": "after"},
    {"method": "PATCH", "path": "*/connections/*", "nth": 1, "when": "after"},
]


@pytest.mark.parametrize("kill", DESTROY_KILLS, ids=[f"{k['method']} {k['path']} {k['when']}" for k in DESTROY_KILLS])
def test_a_destroy_that_was_killed_is_finished_by_the_next(tmp_path: Path, kill: Any) -> None:
    """Only the API may stay, when its Custom API Client, the proof that it is ours, was deleted a moment before."""
    write_spec(tmp_path, spec())
    with bench(tmp_path) as there:
        before = there.snapshot()
        env = {**there.env, **ENV, "TOKENVAULT_TIMEOUT": "60"}
        assert cli("apply", tmp_path / "spec.yaml", "-y", env=env).code == 0
        there.faults({**kill, "fault": "hang", "seconds": 60})
        kill_in_the_middle(there, "destroy", tmp_path / "spec.yaml")
        again = cli("destroy", tmp_path / "spec.yaml", "-y", env=env)
        assert again.code == 0, again.err
        after = there.snapshot()
    assert after["clients"].keys() == before["clients"].keys()
    assert (after["enablements"], after["client_grants"]) == (before["enablements"], before["client_grants"])
    left = {api["identifier"] for api in after["resource_servers"].values()} & {API}
    assert left == set() or f"{'api.calendar'} stays: nothing proves" in again.out

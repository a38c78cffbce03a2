"""Privileged access that Auth0 takes and does not show: its absence is no edit, and an edit of the spec still is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import Result
from tests.world import WORKER, World, whole_spec
from tokenvault.sandbox.variants import VARIABLE

UNSEEN = {VARIABLE: "privileged-access-unseen"}
ACCESS = "token_vault_privileged_access"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.make_key()
    return made


def plan(world: World, env: dict[str, str] = UNSEEN) -> Result:
    return world.run("plan", "spec.yaml", "--detailed-exitcode", env=env)


def apply(world: World, env: dict[str, str] = UNSEEN) -> Result:
    return world.run("apply", "spec.yaml", "-y", env=env)


def listed(world: World, *addresses: str) -> None:
    spec: dict[str, Any] = json.loads(json.dumps(world.spec))
    spec["applications"][WORKER]["flavors"][0]["privileged_worker"]["ip_allowlist"] = list(addresses)
    world.write(spec)


def access(world: World) -> Any:
    return world.client(WORKER).get(ACCESS)


def test_what_is_not_shown_is_unknown_and_said_to_be(world: World) -> None:
    applied = apply(world)
    assert applied.code == 0 and "does not show" in applied.err + applied.out
    settled = plan(world)
    assert settled.code == 0 and "Auth0 does not show this to the token" in settled.out
    assert world.run("drift", "spec.yaml", env=UNSEEN).code == 0
    again = world.run("apply", "spec.yaml", "-y", "--debug", env=UNSEEN)
    assert again.code == 0 and "PATCH" not in again.err


def test_an_edit_of_the_spec_is_written_whole_and_settles(world: World) -> None:
    assert apply(world).code == 0
    listed(world, "127.0.0.1", "198.51.100.7")
    assert plan(world).code == 2
    assert apply(world).code == 0 and plan(world).code == 0
    assert access(world)["ip_allowlist"] == ["127.0.0.1", "198.51.100.7"]
    assert len(access(world)["grants"]) == len(access(world)["credentials"]) == 1
    listed(world, "127.0.0.1")
    assert apply(world).code == 0 and plan(world).code == 0
    assert access(world)["ip_allowlist"] == ["127.0.0.1"]


def test_once_it_is_shown_it_is_compared_again(world: World) -> None:
    assert apply(world).code == 0
    assert apply(world, {}).code == 0 and plan(world, {}).code == 0
    world.patch_client(WORKER, **{ACCESS: None})
    assert plan(world, {}).code == 2, "what was taken away by hand is missed"
    assert apply(world, {}).code == 0 and access(world)


def test_without_the_variant_absence_is_absence(world: World) -> None:
    assert apply(world, {}).code == 0
    world.patch_client(WORKER, **{ACCESS: None})
    assert plan(world, {}).code == 2


def test_an_adopted_worker_loses_what_nobody_can_see(world: World) -> None:
    world.api("POST", "/clients", {"name": WORKER, "app_type": "non_interactive"})
    assert apply(world).code == 0 and access(world) and plan(world).code == 0
    destroyed = world.run("destroy", "spec.yaml", "-y", env=UNSEEN)
    assert destroyed.code == 0, destroyed.out + destroyed.err
    assert not access(world) and "tokenvault" not in (world.client(WORKER).get("client_metadata") or {})


def test_a_worker_that_leaves_the_spec_loses_it_too(world: World) -> None:
    world.api("POST", "/clients", {"name": WORKER, "app_type": "non_interactive"})
    assert apply(world).code == 0
    spec = whole_spec()
    del spec["applications"][WORKER]
    world.write(spec)
    applied = world.run("apply", "spec.yaml", "-y", "--prune", env=UNSEEN)
    assert applied.code == 0, applied.out + applied.err
    assert not access(world) and plan(world).code == 0


def test_a_worker_of_which_something_else_changes_is_still_known_to_be_as_it_was_written(world: World) -> None:
    assert apply(world).code == 0
    spec: dict[str, Any] = json.loads(json.dumps(world.spec))
    spec["applications"][WORKER]["name"] = "Renamed"
    world.write(spec)
    assert apply(world).code == 0 and plan(world).code == 0

"""What a list of connections hides is read otherwise, once it is known to hide something; else nothing is read twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import Result, cli, requests_of, write_spec
from tests.world import World, whole_spec
from tokenvault.sandbox.variants import VARIABLE

HIDES = {VARIABLE: "connection-list-lacks-metadata"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.make_key()
    return made


def reads(result: Result) -> list[str]:
    return [line.split()[1] for line in requests_of(result, "GET") if "/connections" in line and "/clients" not in line]


def plan(world: World, **env: str) -> Result:
    return world.run("plan", "spec.yaml", "--detailed-exitcode", "--debug", env=env)


def test_a_list_that_shows_all_is_read_once(world: World) -> None:
    assert len(reads(plan(world))) == 1
    assert world.apply().code == 0
    settled = plan(world)
    assert settled.code == 0 and len(reads(settled)) == 1


def test_what_a_list_hides_is_found_and_not_planned_again(world: World) -> None:
    assert world.run("apply", "spec.yaml", "-y", env=HIDES).code == 0
    assert plan(world, **HIDES).code == 0
    spec = whole_spec()
    del spec["connections"]["acme-id"], spec["connections"]["github"]
    world.write(spec)
    left = plan(world, **HIDES)
    assert left.code == 2 and "acme-id" in left.out, "a connection that the spec dropped is known by its mark"
    assert world.run("destroy", "spec.yaml", "-y", env=HIDES).code == 0


def test_options_are_not_read_for_a_spec_that_asks_nothing_of_them(tmp_path: Path) -> None:
    app: dict[str, Any] = {"type": "regular_web", "callbacks": ["https://a.example"], "flavors": ["connected_accounts"]}
    spec = {"version": 1, "name": "acme", "connections": {"github": {}}, "applications": {"web": app}}
    write_spec(tmp_path, spec)
    applied = cli("apply", "spec.yaml", "-y", "--sandbox=t.db", cwd=tmp_path, env=HIDES)
    assert applied.code == 0, applied.err
    settled = cli("plan", "spec.yaml", "--detailed-exitcode", "--debug", "--sandbox=t.db", cwd=tmp_path, env=HIDES)
    assert settled.code == 0, settled.out

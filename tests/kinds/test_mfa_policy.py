"""The MFA policy "Always", and the tenant's setting by which a post-login Action decides in its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Result, cli, requests_of, served
from tests.world import SECRETS, World, whole_spec

GOOGLE, FLAG = "google-oauth2", "customize_mfa_in_postlogin_action"
SCOPE = "read:tenant_settings"
READING = (
    "read:clients read:client_credentials read:connections read:connections_options read:resource_servers "
    "read:client_grants read:mfa_policies"
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    spec = whole_spec()
    spec["connections"] = {GOOGLE: spec["connections"][GOOGLE]}
    made = World(tmp_path, spec)
    made.make_key()
    assert made.apply().code == 0
    yield made
    made.close()


def always(world: World, *, by_action: bool = False) -> None:
    world.api("PUT", "/guardian/policies", ["all-applications"])
    world.api("PATCH", "/tenants/settings", {FLAG: by_action})


def set_never(world: World) -> None:
    world.write({**world.spec, "mfa_policy": "set_never"})


def plan(world: World, *options: str) -> Result:
    return world.run("plan", "spec.yaml", "--detailed-exitcode", *options)


def words(result: Result) -> str:
    return " ".join(result.out.split())


def mfa_row(world: World) -> list[tuple[str, str]]:
    return _rows(world.run("doctor", "spec.yaml", "--format", "json"))


def _rows(judged: Result) -> list[tuple[str, str]]:
    return [(one["state"], one["says"]) for one in judged.json["findings"] if one["id"] == "mfa-policy"]


def without_the_scope(world: World, *command: str) -> Result:
    with served(world.folder / "tenant.db", "--scopes", READING) as domain:
        login = {"AUTH0_DOMAIN": domain, "AUTH0_API_TOKEN": "sandbox"}
        return cli(*command, cwd=world.folder, env={**SECRETS, **login})


def test_the_setting_is_read_only_where_the_policy_matters(world: World) -> None:
    assert not [line for line in requests_of(plan(world, "--debug"), "GET") if "tenants/settings" in line]
    always(world)
    assert len([line for line in requests_of(plan(world, "--debug"), "GET") if "tenants/settings" in line]) == 1
    world.write({**world.spec, "mfa_policy": "ignore"})
    assert not [line for line in requests_of(plan(world, "--debug"), "GET") if "tenants/settings" in line]


def test_without_an_action_the_policy_stands_in_the_way(world: World) -> None:
    always(world)
    assert 'Will still not work: tenant sandbox.localhost: the tenant-wide MFA policy is "Always"' in words(plan(world))
    assert [state for state, _ in mfa_row(world)] == ["not ready"]


def test_where_an_action_decides_the_policy_is_to_be_looked_at(world: World) -> None:
    always(world, by_action=True)
    planned = plan(world)
    assert planned.code == 0 and "stands in the way" not in planned.out
    assert f"a post-login Action decides about MFA ({FLAG}): to be looked at" in words(planned)
    ((state, says),) = mfa_row(world)
    assert state == "check" and FLAG in says
    assert world.doctor("spec.yaml")["ready"]


def test_before_never_is_set_the_plan_says_that_it_may_be_for_nothing(world: World) -> None:
    always(world, by_action=True)
    set_never(world)
    assert plan(world).code == 2 and "it may weaken the tenant for nothing" in words(plan(world))
    assert world.apply().code == 0 and world.api("GET", "/guardian/policies") == []


def test_never_is_set_without_that_warning_where_no_action_decides(world: World) -> None:
    always(world)
    set_never(world)
    assert plan(world).code == 2 and "for nothing" not in words(plan(world))


def test_what_the_token_may_not_read_of_it_is_unknown_and_said(world: World) -> None:
    always(world)
    told = without_the_scope(world, "plan", "spec.yaml")
    assert told.code == 0 and f"which the token may not read ({SCOPE})" in words(told)
    judged = without_the_scope(world, "doctor", "spec.yaml", "--format", "json")
    ((state, says),) = _rows(judged)
    assert state == "unknown" and SCOPE in says
    set_never(world)
    assert f"the token may not read whether one does ({SCOPE})" in words(without_the_scope(world, "plan", "spec.yaml"))

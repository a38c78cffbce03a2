"""The tenant's logs: exchanges and refresh tokens, by type, with a user's own list."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.test_sandbox_exchange import USER, World


@pytest.fixture
def world(api: Any, keys: Any) -> World:
    made = World(api, keys)
    made.connect()
    made.token = api.sandbox.issue_refresh_token(USER, made.app)
    return made


def logs(world: World, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.api.ok("GET", f"/users/auth0%7Calice/logs{query}")
    return found


def test_an_exchange_is_logged_either_way(world: World) -> None:
    assert world.by_refresh_token()[0] == 200
    world.enable(world.app, False)
    assert world.by_refresh_token()[0] == 403
    succeeded, failed = logs(world)
    assert (succeeded["type"], failed["type"]) == ("seta", "feta")
    assert failed["client_id"] == world.app and failed["connection"] == "google-oauth2"
    assert failed["details"] == {"is_privileged_worker": False, "failure_reason": "access_denied"}
    assert "not enabled for the client" in failed["description"]
    assert world.token not in str(world.api.ok("GET", "/logs"))


def test_a_refused_exchange_leaves_nothing_but_its_event(world: World) -> None:
    before = world.api.sandbox.export_state()["objects"]
    world.set_client(world.app, grant_types=["refresh_token"])
    world.by_refresh_token()
    after = world.api.sandbox.export_state()["objects"]
    changed = {kind for kind in after if after[kind] != before.get(kind)}
    assert changed == {"clients", "logs"}


def test_a_refresh_token_is_logged_either_way(world: World) -> None:
    secret = world.api.ok("GET", f"/clients/{world.app}")["client_secret"]
    form = {"grant_type": "refresh_token", "client_id": world.app, "client_secret": secret}
    assert world.api.token_request(**form, refresh_token=world.token).status_code == 200
    assert world.api.token_request(**form, refresh_token="none").status_code == 403
    assert [entry["type"] for entry in world.api.ok("GET", "/logs")] == ["sertft", "fertft"]
    assert [entry["type"] for entry in logs(world)] == ["sertft"]


def test_logs_are_sorted_paged_and_searched(world: World) -> None:
    for _ in range(3):
        world.by_refresh_token()
    world.enable(world.app, False)
    world.by_refresh_token()
    assert [entry["type"] for entry in logs(world, "?sort=date:-1&per_page=2&page=0")] == ["feta", "seta"]
    assert world.api.ok("GET", "/logs?include_totals=true&per_page=1")["total"] == 4
    searched = world.api.ok("GET", "/logs?q=type:feta%20AND%20user_id:%22auth0%7Calice%22")
    assert [entry["type"] for entry in searched] == ["feta"]
    assert world.api.ok("GET", f"/logs/{searched[0]['log_id']}") == searched[0]
    assert world.api.ok("GET", "/logs?take=2")["next"]


def test_users_are_found_by_address(world: World) -> None:
    found = world.api.ok("GET", "/users-by-email?email=ALICE@acme.example&fields=user_id&include_fields=true")
    assert found == [{"user_id": "auth0|alice"}]
    assert world.api.ok("GET", "/users-by-email?email=nobody@acme.example") == []

"""The doctor for one user: what they connected, what failed for them, and the sentence to tell them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.doctor.test_doctor import limited_token
from tests.support import Result, cli, served
from tests.world import ASSISTANT, CALENDAR, SPA, WORKER, World

GOOGLE, ALICE = "google-oauth2", "auth0|alice"
NOT_FOUND = "federated_connection_refresh_token_not_found"


def one(world: World, *options: str, user: str = ALICE) -> dict[str, Any]:
    """The document of one user, with the exit code checked."""
    result = world.run("doctor", "spec.yaml", "--user", user, *options, "--format", "json")
    assert result.out, result.err
    document: dict[str, Any] = result.json
    assert result.code == (0 if document["ready"] else 1)
    return document


def connection(document: dict[str, Any], name: str = GOOGLE) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in document["users"][0]["connections"] if c["connection"] == name)
    return found


def connect(world: World, **options: Any) -> None:
    world.sandbox.connect(ALICE, GOOGLE, client_id=world.client(ASSISTANT)["client_id"], **options)


def exchange(world: World, *options: str) -> Result:
    token = world.sandbox.issue_refresh_token(ALICE, world.client(ASSISTANT)["client_id"])
    return world.exchange(ASSISTANT, GOOGLE, *options, subject_token=token)


# ---- accounts


def test_a_user_who_connected_nothing_is_asked_to_connect(world: World) -> None:
    document = one(world, "--connection", GOOGLE)
    assert connection(document)["state"] == "not connected"
    told = "Please connect your Google account in assistant or calendar-spa. Signing in with Google is not enough."
    assert connection(document)["tell"] == told, "nobody logs in to the worker"


def test_a_user_who_connected_and_exchanged_is_ready(world: World) -> None:
    connect(world)
    assert exchange(world).code == 0
    document = one(world, "--connection", GOOGLE)
    account = connection(document)["accounts"][0]
    assert document["ready"] and connection(document)["tell"] is None
    assert account["refresh_token"] is True and set(account["scopes"]) >= {"email", CALENDAR}
    assert document["users"][0]["failures"] == []


def test_before_any_exchange_nobody_knows_of_a_refresh_token(world: World) -> None:
    connect(world)
    document = one(world, "--connection", GOOGLE)
    assert document["ready"] and connection(document)["accounts"][0]["refresh_token"] is None


def test_scopes_that_are_asked_for_since_make_the_user_connect_again(world: World) -> None:
    connect(world)
    spec = copy.deepcopy(world.spec)
    spec["connections"][GOOGLE]["scopes"].append("https://www.googleapis.com/auth/gmail.readonly")
    world.write(spec)
    assert world.apply().code == 0
    before = connection(one(world, "--connection", GOOGLE))
    assert before["state"] == "connect again"
    assert before["accounts"][0]["lacks"] == ["https://www.googleapis.com/auth/gmail.readonly"]
    assert "once more" in before["tell"]
    connect(world)
    assert connection(one(world, "--connection", GOOGLE))["state"] == "ready", "of two accounts, one is enough"


def test_a_provider_may_spell_a_scope_in_full(world: World) -> None:
    connect(world, scopes=["openid", "https://www.googleapis.com/auth/userinfo.email",
                           "https://www.googleapis.com/auth/userinfo.profile", CALENDAR])  # fmt: skip
    assert connection(one(world, "--connection", GOOGLE))["state"] == "ready"


def test_an_account_without_a_refresh_token_is_told_by_the_logs(world: World) -> None:
    world.patch_options(GOOGLE, offline_access=False)
    connect(world)
    world.patch_options(GOOGLE, offline_access=True)
    assert exchange(world).code == 1
    document = one(world, "--connection", GOOGLE)
    assert connection(document)["state"] == "connect again"
    assert connection(document)["accounts"][0]["refresh_token"] is False
    failure = document["users"][0]["failures"][0]
    assert (failure["type"], failure["code"], failure["connection"]) == ("feta", NOT_FOUND, GOOGLE)
    assert failure["application"] == ASSISTANT and failure["means"]
    connect(world)
    assert connection(one(world, "--connection", GOOGLE))["state"] == "ready", "they connected again since"


def test_an_account_that_is_over_must_be_connected_again(world: World) -> None:
    connect(world)
    state = world.sandbox.export_state()
    for account in state["objects"]["connected_accounts"].values():
        account["expires_at"] = "2020-01-01T00:00:00.000Z"
    world.sandbox.load_state(state)
    found = connection(one(world, "--connection", GOOGLE))
    assert found["accounts"][0]["expired"] and found["state"] == "connect again"


def test_what_the_tenant_keeps_from_working_is_not_the_users_fault(world: World) -> None:
    connect(world)
    world.patch_connection(GOOGLE, connected_accounts={"active": False})
    found = connection(one(world, "--connection", GOOGLE))
    assert found["state"] == "not ready" and "[connection-connected-accounts]" in found["because"][0]
    assert "nothing you need to do" in found["tell"]


def test_an_application_limits_what_is_asked(world: World) -> None:
    connect(world)
    names = [c["connection"] for c in one(world, "--app", SPA)["users"][0]["connections"]]
    assert names == [GOOGLE]
    assert len(one(world)["users"][0]["connections"]) == 3


def test_without_a_spec_the_tenant_says_what_is_asked(world: World) -> None:
    connect(world)
    result = world.run("doctor", "--user", ALICE, "--connection", GOOGLE, "--json")
    assert result.code == 0 and CALENDAR in connection(result.json)["scopes"]


# ---- who


def test_a_user_is_found_by_their_address(world: World) -> None:
    connect(world)
    document = one(world, "--connection", GOOGLE, user="alice@acme.example")
    assert [user["user_id"] for user in document["users"]] == [ALICE]


def test_two_users_of_one_address_are_both_shown(world: World) -> None:
    world.api("POST", "/users", {"connection": "Username-Password-Authentication", "email": "alice@acme.example",
                                 "password": "x", "user_id": "twin"})  # fmt: skip
    connect(world)
    document = one(world, "--connection", GOOGLE, user="Alice@acme.example")
    states = {user["user_id"]: user["connections"][0]["state"] for user in document["users"]}
    assert states == {ALICE: "ready", "auth0|twin": "not connected"}
    assert not document["ready"]


@pytest.mark.parametrize("user", ["auth0|nobody", "nobody@acme.example"])
def test_an_unknown_user_is_told(world: World, user: str) -> None:
    result = world.run("doctor", "spec.yaml", "--user", user)
    assert result.code == 1 and "[doctor-user]" in result.err and result.out == ""


# ---- what failed


def test_the_last_failures_are_told_with_their_codes(world: World) -> None:
    connect(world)
    world.enable(GOOGLE, ASSISTANT, False)
    assert exchange(world).code == 1
    world.enable(GOOGLE, ASSISTANT, True)
    assert exchange(world).code == 0
    document = one(world)
    failures = document["users"][0]["failures"]
    assert [(f["type"], f["code"]) for f in failures] == [("feta", "access_denied")]
    assert "not enabled for the client" in failures[0]["says"]
    text = world.run("doctor", "spec.yaml", "--user", ALICE).out
    assert "access_denied (assistant × google-oauth2)" in text and "[feta]" in text


def test_a_worker_is_in_the_users_logs_too(world: World) -> None:
    world.patch_access(grants=[])
    whom = ("--user", ALICE, "--audit-context", "nightly", "--private-key", "worker.key.pem")
    assert world.exchange(WORKER, GOOGLE, *whom).code == 1
    failure = one(world)["users"][0]["failures"][0]
    assert failure["application"] == WORKER and failure["means"] == "the worker is not granted this connection or scope"


def test_without_read_logs_one_line_says_so(world: World) -> None:
    connect(world)
    world.close()
    with served(world.folder / "tenant.db") as address:
        lacking = {"read:logs", "read:logs_users"}
        env = {"AUTH0_DOMAIN": address, "AUTH0_API_TOKEN": limited_token(address, lacking), "PROVIDER_SECRET": "x"}
        arguments = ("doctor", "spec.yaml", "--user", ALICE, "--connection", GOOGLE)
        told = cli(*arguments, cwd=world.folder, env=env)
        blind = {**env, "AUTH0_API_TOKEN": limited_token(address, {"read:users"})}
        refused = cli(*arguments, cwd=world.folder, env=blind)
    assert told.code == 0 and told.out.count("read:logs") == 1
    assert refused.code == 1 and "[doctor-user-blind]" in refused.err and "read:users" in refused.err


# ---- what is kept to itself


def test_nothing_of_the_user_is_shown_that_is_not_about_this(world: World) -> None:
    world.api("POST", "/users", {"connection": "Username-Password-Authentication", "email": "carol@private.example",
                                 "name": "Carol Private", "password": "x", "user_id": "carol"})  # fmt: skip
    world.sandbox.connect("auth0|carol", GOOGLE, client_id=world.client(ASSISTANT)["client_id"])
    token = world.sandbox.issue_refresh_token("auth0|carol", world.client(ASSISTANT)["client_id"])
    world.enable(GOOGLE, ASSISTANT, False)
    world.exchange(ASSISTANT, GOOGLE, subject_token=token)
    shown = world.run("doctor", "spec.yaml", "--user", "auth0|carol", "--debug")
    whole = world.run("doctor", "spec.yaml", "--user", "auth0|carol", "--json")
    for text in (shown.out, shown.err, whole.out):
        assert "private.example" not in text and "Private" not in text and "127.0.0.1" not in text
        assert token not in text and "canary" not in text
    assert "user_name" not in json.dumps(whole.json)


def test_the_text_fits_80_columns_and_begins_with_the_verdict(world: World) -> None:
    connect(world)
    lines = world.run("doctor", "spec.yaml", "--user", ALICE).out.splitlines()
    assert lines[0] == "Not ready. auth0|alice on sandbox.localhost: 1 of 3 connections ready."
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  tell them: Please connect your GitHub account") for line in lines)


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_other_forms_are_refused(world: World, form: str) -> None:
    result = world.run("doctor", "spec.yaml", "--user", ALICE, "--format", form)
    assert result.code == 1 and "[doctor-user-format]" in result.err


def test_it_writes_nothing(world: World) -> None:
    err = world.run("doctor", "spec.yaml", "--user", ALICE, "--debug").err
    assert "GET /api/v2/users/auth0%7Calice/connected-accounts 200" in err
    assert not any(f"{method} /" in err for method in ("POST", "PATCH", "PUT", "DELETE"))

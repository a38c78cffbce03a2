"""What `exchange` says when Auth0 declines, when what comes back is not what was asked for, and before it sends a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.exchange.test_exchange import GOOGLE, KEY, USER, WHOM, assistant, exchange, worker
from tests.world import API, ASSISTANT, CALENDAR, SPA, World

SLACK = {"name": "sign-in-with-slack", "strategy": "oauth2", "options": {"client_id": "x"}}


@pytest.fixture
def token(world: World) -> str:
    client_id = world.client(ASSISTANT)["client_id"]
    world.sandbox.connect(USER, GOOGLE, client_id=client_id)
    return world.sandbox.issue_refresh_token(USER, client_id)


def told(err: str) -> str:
    return " ".join(err.split())


def refused(world: World, connection: str, token: str, **env: str) -> tuple[dict[str, Any], str]:
    """The JSON form and what is said, of an exchange that Auth0 declines."""
    result = exchange(world, ASSISTANT, connection, "--spec", "spec.yaml", "--json", AUTH0_SUBJECT_TOKEN=token, **env)
    assert result.code == 1, result.out
    document: dict[str, Any] = result.json
    return document, told(result.err)


# ---- which of the causes it is


def test_a_connection_that_is_off_is_the_cause(world: World, token: str) -> None:
    world.patch_connection(GOOGLE, connected_accounts={"active": False})
    world.patch_client(ASSISTANT, callbacks=[])
    document, said = refused(world, GOOGLE, token)
    fits = {finding["id"]: finding["fits"] for finding in document["findings"]}
    assert fits["connection-connected-accounts"] is True and fits["application-callbacks"] is False
    assert document["findings"][0]["id"] == "connection-connected-accounts"
    assert "what explains this refusal: - connection google-oauth2: its purpose leaves out" in said
    assert "Also amiss: - application assistant: it has no callback URL" in said
    assert "tokenvault apply spec.yaml --sandbox=tenant.db" in said


@pytest.mark.parametrize(
    ("spelled", "near"),
    [
        ("gogle-oauth2", "google-oauth2"),
        ("Google", "google-oauth2"),
        ("slack", "sign-in-with-slack"),
        ("git", "github"),
    ],
)
def test_a_misspelt_connection_is_the_cause_and_its_like_are_named(
    world: World, token: str, spelled: str, near: str
) -> None:
    world.api("POST", "/connections", {**SLACK, "name": "sign-in-with-slack-2"})
    document, said = refused(world, spelled, token)
    assert document["findings"][0]["id"] == "connection-exists" and document["findings"][0]["fits"]
    assert document["near"][0].startswith(near)
    assert f"connections called alike: {document['near'][0]}" in said and "nothing amiss" not in said


def test_a_connection_that_nobody_is_like_has_no_like(world: World, token: str) -> None:
    document, said = refused(world, "zzzzzz", token)
    assert document["near"] == [] and "no connection of this name" in said


def test_a_connection_outside_the_spec_is_judged_too(world: World, token: str) -> None:
    world.api("POST", "/connections", {"name": "another", "strategy": "box", "options": {"client_id": "x"},
                                       "connected_accounts": {"active": True}})  # fmt: skip
    document, said = refused(world, "another", token)
    assert document["findings"][0]["id"] == "connection-enabled" and document["findings"][0]["fits"]
    assert "nothing amiss" not in said


@pytest.mark.parametrize("with_spec", [True, False], ids=["spec", "tenant"])
def test_an_application_that_shows_no_such_use_is_judged_too(world: World, token: str, with_spec: bool) -> None:
    world.patch_client(ASSISTANT, grant_types=["authorization_code", "refresh_token"])
    options = ("--spec", "spec.yaml") if with_spec else ("--flavor", "refresh_token_exchange")
    result = exchange(world, ASSISTANT, GOOGLE, *options, "--json", AUTH0_SUBJECT_TOKEN=token)
    assert result.code == 1
    assert result.json["findings"][0]["id"] == "application-token-vault-grant" and result.json["findings"][0]["fits"]


def test_a_healthy_tenant_is_said_to_show_nothing_that_explains_it(world: World) -> None:
    token = world.sandbox.issue_refresh_token(USER, world.client(ASSISTANT)["client_id"])
    document, said = refused(world, GOOGLE, token)
    assert not any(finding["fits"] for finding in document["findings"])
    assert "only what to look at" in said and "logging in with it is not connecting it" in said


# ---- scopes that do not come back


def test_a_scope_that_does_not_come_back_has_an_exit_code_of_its_own(world: World, token: str) -> None:
    gmail = "https://www.googleapis.com/auth/gmail.readonly"
    result = assistant(world, "--scope", CALENDAR, "--scope", gmail, AUTH0_SUBJECT_TOKEN=token)
    assert result.code == 4
    assert "Exchanged." in result.out and gmail in result.out
    assert "[exchange-scopes]" in result.err and "connect their account again" in told(result.err)
    document = assistant(world, "--scope", gmail, "--json", AUTH0_SUBJECT_TOKEN=token).json
    assert document["ok"] is True and document["lacks"] == [gmail]


def test_a_scope_that_comes_back_is_fine_however_it_is_spelt(world: World, token: str) -> None:
    full = "https://www.googleapis.com/auth/userinfo.email"
    for scope in (CALENDAR, "email", full):
        result = assistant(world, "--scope", scope, "--json", AUTH0_SUBJECT_TOKEN=token)
        assert result.code == 0 and result.json["lacks"] == []


def test_the_token_is_written_although_it_lacks_a_scope(world: World, token: str) -> None:
    result = assistant(world, "--scope", "other", "--out", "token", AUTH0_SUBJECT_TOKEN=token)
    assert result.code == 4 and (world.folder / "token").exists()


# ---- credentials of another tenant


def test_a_file_for_another_tenant_is_refused_before_anything_is_sent(world: World, token: str) -> None:
    assert world.run("output", "spec.yaml", "--out", ".env").code == 0
    env = world.folder / ".env"
    env.write_text(env.read_text().replace("sandbox.localhost", "acme-prod.us.auth0.com"))
    result = assistant(world, "--env-file", ".env", "--debug", AUTH0_SUBJECT_TOKEN=token)
    assert result.code == 1 and "[exchange-other-tenant]" in result.err and "oauth/token" not in result.err
    assert ".env is for acme-prod.us.auth0.com" in told(result.err)


def test_another_client_id_beside_the_secret_is_refused(world: World, token: str) -> None:
    result = assistant(
        world, "--debug", AUTH0_SUBJECT_TOKEN=token, ASSISTANT_CLIENT_ID="ofAnotherTenant0000000000000000"
    )
    assert result.code == 1 and "[exchange-other-client]" in result.err and "oauth/token" not in result.err
    mine = world.client(ASSISTANT)["client_id"]
    assert assistant(world, AUTH0_SUBJECT_TOKEN=token, ASSISTANT_CLIENT_ID=mine).code == 0


@pytest.mark.parametrize(
    ("issuer", "is_refused"),
    [("https://acme-prod.us.auth0.com/", True), ("https://login.acme.example/", False), ("", False)],
)
def test_a_token_that_another_tenant_issued_is_refused(world: World, issuer: str, is_refused: bool) -> None:
    token = jwt.encode({"iss": issuer, "sub": USER, "aud": API}, "s" * 32, algorithm="HS256")
    result = exchange(world, SPA, GOOGLE, "--spec", "spec.yaml", "--debug", AUTH0_SUBJECT_TOKEN=token)
    assert result.code == 1
    assert ("[exchange-other-tenant]" in result.err) is is_refused
    assert ("oauth/token" not in result.err) is is_refused


def test_what_output_wrote_for_this_tenant_is_taken(world: World, token: str, tmp_path: Path) -> None:
    world.sandbox.connect(USER, GOOGLE)
    assert world.run("output", "spec.yaml", "--out", ".env").code == 0
    assert assistant(world, "--env-file", ".env", AUTH0_SUBJECT_TOKEN=token).code == 0
    assert worker(world, *WHOM, *KEY, "--env-file", ".env").code == 0

"""`tokenvault exchange`: what goes in, what comes out, and what is said when Auth0 declines."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from tests.support import Result, cli, served
from tests.world import API, ASSISTANT, CALENDAR, SPA, WORKER, World
from tokenvault.exchange import variables

GOOGLE, USER = "google-oauth2", "auth0|alice"
WHOM = ("--user", USER, "--audit-context", "nightly sync")
KEY = ("--private-key", "worker.key.pem")


@pytest.fixture
def token(world: World) -> str:
    """Alice's refresh token at the assistant, her Google account connected."""
    client_id = world.client(ASSISTANT)["client_id"]
    world.sandbox.connect(USER, GOOGLE, client_id=client_id)
    return world.sandbox.issue_refresh_token(USER, client_id)


def exchange(world: World, *arguments: object, stdin: str = "", **env: str) -> Result:
    secrets = {"ASSISTANT_CLIENT_SECRET": world.secret(ASSISTANT), "CALENDAR_API_CLIENT_SECRET": world.secret(API)}
    return world.run("exchange", *arguments, env={**secrets, **env}, stdin=stdin)


def assistant(world: World, *options: object, stdin: str = "", **env: str) -> Result:
    return exchange(world, ASSISTANT, GOOGLE, "--spec", "spec.yaml", *options, stdin=stdin, **env)


def worker(world: World, *options: object, **env: str) -> Result:
    return exchange(world, WORKER, GOOGLE, "--spec", "spec.yaml", *options, **env)


# ---- what comes out


def test_a_refresh_token_is_exchanged_and_the_result_is_told(world: World, token: str) -> None:
    result = assistant(world, AUTH0_SUBJECT_TOKEN=token)
    assert result.code == 0, result.err
    assert result.out.splitlines()[0] == "Exchanged. google-oauth2 gave assistant a token."
    for part in ("Bearer", CALENDAR, "in 3599 s", "google-oauth2 (google-oauth2)", "not shown"):
        assert part in result.out


def test_the_providers_token_is_shown_only_when_asked_for(world: World, token: str) -> None:
    quiet = assistant(world, "--debug", AUTH0_SUBJECT_TOKEN=token)
    assert "sandbox-token" not in quiet.out + quiet.err
    assert json.loads(assistant(world, "--format", "json", AUTH0_SUBJECT_TOKEN=token).out)["access_token"] is None
    assert "google-oauth2-sandbox-token-" in assistant(world, "--reveal", AUTH0_SUBJECT_TOKEN=token).out
    shown = assistant(world, "--reveal", "--format", "json", AUTH0_SUBJECT_TOKEN=token).json
    assert shown["access_token"].startswith("google-oauth2-sandbox-token-")


def test_the_token_is_written_into_a_private_file(world: World, token: str) -> None:
    result = assistant(world, "--output", "token", AUTH0_SUBJECT_TOKEN=token)
    file = world.folder / "token"
    assert result.code == 0 and "written to token" in result.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("google-oauth2-sandbox-token-")
    again = assistant(world, "--output", "token", "--debug", AUTH0_SUBJECT_TOKEN=token)
    assert again.code == 1 and "exists already" in again.err and "POST" not in again.err
    assert assistant(world, "--output", "token", "--force", AUTH0_SUBJECT_TOKEN=token).code == 0


def test_an_access_token_is_exchanged_by_the_custom_api_client(world: World) -> None:
    client_id = world.client(SPA)["client_id"]
    world.sandbox.connect(USER, GOOGLE, client_id=client_id)
    token = world.sandbox.issue_access_token(USER, client_id, API)
    result = exchange(world, SPA, GOOGLE, "--spec", "spec.yaml", "--format", "json", AUTH0_SUBJECT_TOKEN=token)
    assert result.json["client_id"] == world.client(API)["client_id"]


def test_a_worker_signs_for_itself_and_for_the_user(world: World) -> None:
    world.sandbox.connect(USER, GOOGLE)
    result = worker(world, *WHOM, *KEY, "--format", "json")
    assert result.code == 0, result.err
    assert result.json["issued_token_type"].endswith("token-vault-access-token")
    assert set(result.json["scopes"]) == {CALENDAR, "email"}
    narrow = worker(world, *WHOM, *KEY, "--scope", "email", "--organization", "org_1", "--format", "json")
    assert narrow.json["scopes"] == ["email"]


# ---- what goes in


def test_the_subject_token_comes_from_a_file_a_pipe_or_the_environment(world: World, token: str) -> None:
    (world.folder / "subject").write_text(f"{token}\n")
    assert assistant(world, "--subject-token", "subject").code == 0
    assert assistant(world, stdin=f"{token}\n").code == 0
    assert assistant(world, "--subject-token", "-", stdin=token, AUTH0_SUBJECT_TOKEN="another").code == 0


def test_the_clients_secret_comes_from_the_file_that_output_wrote(world: World, token: str) -> None:
    assert world.run("output", "spec.yaml", "--out", ".env").code == 0
    arguments = ("exchange", ASSISTANT, GOOGLE, "--spec", "spec.yaml", "--env-file", ".env")
    assert world.run(*arguments, stdin=token).code == 0


def test_the_private_key_comes_from_the_environment_as_text_or_as_a_path(world: World) -> None:
    world.sandbox.connect(USER, GOOGLE)
    pem = (world.folder / "worker.key.pem").read_text()
    assert worker(world, *WHOM, NIGHTLY_SYNC_PRIVATE_KEY=pem).code == 0
    assert worker(world, *WHOM, NIGHTLY_SYNC_PRIVATE_KEY=pem.replace("\n", "\\n")).code == 0
    assert worker(world, *WHOM, NIGHTLY_SYNC_PRIVATE_KEY_FILE="worker.key.pem").code == 0


def test_the_account_is_chosen_by_login_hint(world: World, token: str) -> None:
    client_id = world.client(ASSISTANT)["client_id"]
    world.sandbox.connect(USER, GOOGLE, client_id=client_id, login_hint="work", scopes=["email"])
    result = assistant(world, "--login-hint", "work", "--format", "json", AUTH0_SUBJECT_TOKEN=token)
    assert result.json["scopes"] == ["email"]
    assert assistant(world, "--login-hint", "nobody", AUTH0_SUBJECT_TOKEN=token).code == 1


def test_a_client_that_uses_basic_authentication_is_served(world: World, token: str) -> None:
    world.patch_client(ASSISTANT, token_endpoint_auth_method="client_secret_basic")
    assert assistant(world, AUTH0_SUBJECT_TOKEN=token).code == 0


@pytest.mark.parametrize("algorithm", ["RS384", "PS256"])
def test_the_worker_signs_with_the_algorithm_of_its_key(world: World, algorithm: str) -> None:
    world.make_key("second")
    spec = json.loads(json.dumps(world.spec))
    keys = [{"file": "worker.pub.pem"}, {"file": "second.pub.pem", "alg": algorithm}]
    spec["applications"][WORKER]["flavors"][0]["privileged_worker"]["public_keys"] = keys
    world.write(spec)
    assert world.apply().code == 0
    world.sandbox.connect(USER, GOOGLE)
    assert worker(world, *WHOM, "--private-key", "second.key.pem").code == 0
    assert worker(world, *WHOM, *KEY).code == 0


def test_an_application_is_found_by_name_or_client_id_without_a_spec(world: World, token: str) -> None:
    for application in (ASSISTANT, world.client(ASSISTANT)["client_id"]):
        secret = {variables.client_secret(variables.prefix(application)): world.secret(ASSISTANT)}
        result = exchange(world, application, GOOGLE, AUTH0_SUBJECT_TOKEN=token, **secret)
        assert result.code == 0, result.err


def test_the_spec_that_lies_here_is_used(world: World, token: str) -> None:
    (world.folder / "spec.yaml").rename(world.folder / "tokenvault.yaml")
    assert exchange(world, ASSISTANT, GOOGLE, AUTH0_SUBJECT_TOKEN=token).code == 0
    somebody_else = exchange(world, "Legacy Portal", GOOGLE, AUTH0_SUBJECT_TOKEN=token)
    assert somebody_else.code == 1 and "shows no way of exchanging tokens" in somebody_else.err


# ---- what is missing or wrong before anything is sent

NOTHING: dict[str, str] = {}
MISSING: list[tuple[str, tuple[object, ...], dict[str, str], str]] = [
    ("no subject token", (ASSISTANT, GOOGLE), NOTHING, "There is no token to exchange"),
    ("no client secret", (ASSISTANT, GOOGLE), {"AUTH0_SUBJECT_TOKEN": "x", "ASSISTANT_CLIENT_SECRET": ""},
     "is not in $ASSISTANT_CLIENT_SECRET"),
    ("no user", (WORKER, GOOGLE, *KEY), NOTHING, "--user and --audit-context missing"),
    ("no key", (WORKER, GOOGLE, *WHOM), NOTHING, "The private key of nightly-sync is missing"),
    ("no key file", (WORKER, GOOGLE, *WHOM, "--private-key", "none.pem"), NOTHING, "cannot be read from none.pem"),
    ("a public key", (WORKER, GOOGLE, *WHOM, "--private-key", "worker.pub.pem"), NOTHING, "is not a PEM private key"),
    ("a long reason", (WORKER, GOOGLE, *KEY, "--user", USER, "--audit-context", "x" * 257), NOTHING, "257 characters"),
    ("a token for a worker", (WORKER, GOOGLE, *WHOM, *KEY, "--subject-token", "-"), NOTHING, "signs its own request"),
    ("a user for a token", (ASSISTANT, GOOGLE, *WHOM), {"AUTH0_SUBJECT_TOKEN": "x"}, "are for a privileged worker"),
    ("no such application", ("asistant", GOOGLE), NOTHING, 'Did you mean "assistant"?'),
    ("no such flavor", (ASSISTANT, GOOGLE, "--flavor", "access_token_exchange"), NOTHING, "refresh_token_exchange"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "arguments", "env", "told"), MISSING, ids=[row[0] for row in MISSING])
def test_what_is_missing_is_told_with_every_way_to_give_it(
    world: World, what: str, arguments: tuple[object, ...], env: dict[str, str], told: str
) -> None:
    result = exchange(world, *arguments, "--spec", "spec.yaml", "--debug", **env)
    assert result.code == 1 and result.out == ""
    assert told in result.err, result.err
    assert "oauth/token" not in result.err


def test_bad_private_keys_are_told_and_never_quoted(world: World) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for pem, told in ((locked, "passphrase"), (curve, "RSA keys only"), (b"canary-nonsense", "not a PEM private key")):
        (world.folder / "bad.pem").write_bytes(pem)
        result = worker(world, *WHOM, "--private-key", "bad.pem")
        assert result.code == 1 and told in result.err
        assert "canary" not in result.err and pem.decode().splitlines()[-1] not in result.err


def test_an_application_that_was_never_applied_is_told_so(template: World, tmp_path: Path) -> None:
    fresh = World(tmp_path, template.spec)
    (tmp_path / "worker.pub.pem").write_bytes((template.folder / "worker.pub.pem").read_bytes())
    result = fresh.run("exchange", ASSISTANT, GOOGLE, "--spec", "spec.yaml", env={"AUTH0_SUBJECT_TOKEN": "x"})
    assert result.code == 1 and "tokenvault apply spec.yaml" in result.err


def test_one_of_several_ways_must_be_chosen(world: World, token: str) -> None:
    spec = json.loads(json.dumps(world.spec))
    spec["applications"][ASSISTANT]["flavors"].append({"access_token_exchange": {"api": "calendar"}})
    world.write(spec)
    assert world.apply().code == 0
    result = assistant(world, AUTH0_SUBJECT_TOKEN=token)
    assert result.code == 1 and "--flavor: refresh_token_exchange, access_token_exchange" in result.err.replace(
        "\n", " "
    )
    assert assistant(world, "--flavor", "refresh_token_exchange", AUTH0_SUBJECT_TOKEN=token).code == 0


# ---- refusals


def test_a_user_who_never_connected_is_explained(world: World) -> None:
    token = world.sandbox.issue_refresh_token(USER, world.client(ASSISTANT)["client_id"])
    result = assistant(world, AUTH0_SUBJECT_TOKEN=token)
    assert result.code == 1 and result.out == ""
    for part in ("401 federated_connection_refresh_token_not_found", "logging in with it", "What the tenant shows"):
        assert part in result.err


@pytest.mark.parametrize(
    ("break_with", "error_id"),
    [("wrong secret", "invalid-client"), ("wrong token", "invalid-grant"), ("other keys", "refresh-token-flow-failed")],
)
def test_each_refusal_has_its_cause(world: World, token: str, break_with: str, error_id: str) -> None:
    env = {"AUTH0_SUBJECT_TOKEN": token}
    match break_with:
        case "wrong secret":
            env["ASSISTANT_CLIENT_SECRET"] = "canary-of-a-secret"
        case "wrong token":
            env["AUTH0_SUBJECT_TOKEN"] = "canary-of-a-token"
        case _:
            world.patch_options(GOOGLE, client_id="somebody-else")
    result = assistant(world, "--format", "json", **env)
    refused: dict[str, Any] = json.loads(result.out)
    assert (result.code, refused["ok"], refused["error"]["id"]) == (1, False, error_id)
    assert refused["error"]["causes"] and "canary" not in result.out + result.err


def test_another_key_is_explained(world: World) -> None:
    world.sandbox.connect(USER, GOOGLE)
    world.make_key("stranger")
    result = worker(world, *WHOM, "--private-key", "stranger.key.pem", "--format", "json")
    assert json.loads(result.out)["error"]["id"] == "invalid-client"


def test_no_secret_is_ever_shown(world: World, token: str) -> None:
    secret = world.secret(ASSISTANT)
    for options in ((), ("--debug",), ("--format", "json"), ("--login-hint", "nobody")):
        result = assistant(world, *options, AUTH0_SUBJECT_TOKEN=token)
        assert secret not in result.out + result.err and token not in result.out + result.err


# ---- over the wire


def test_it_works_over_a_socket_and_without_management_credentials(world: World, token: str) -> None:
    client_id = world.client(ASSISTANT)["client_id"]
    env = {"ASSISTANT_CLIENT_SECRET": world.secret(ASSISTANT), "AUTH0_SUBJECT_TOKEN": token, "PROVIDER_SECRET": "x"}
    world.close()
    with served(world.folder / "tenant.db") as address:
        env["AUTH0_DOMAIN"] = address
        with_token = {**env, "AUTH0_API_TOKEN": "sandbox"}
        arguments = ("exchange", ASSISTANT, GOOGLE, "--spec", "spec.yaml")
        assert cli(*arguments, cwd=world.folder, env=with_token).code == 0
        blind = cli(*arguments, cwd=world.folder, env=env)
        assert blind.code == 1 and "credentials" in blind.err
        told = cli(*arguments, cwd=world.folder, env={**env, "ASSISTANT_CLIENT_ID": client_id})
        assert told.code == 0 and "the tenant is not read" in told.err
        by_id = {variables.client_secret(variables.prefix(client_id)): env["ASSISTANT_CLIENT_SECRET"]}
        flavor = ("--flavor", "refresh_token_exchange")
        assert cli("exchange", client_id, GOOGLE, *flavor, env={**env, **by_id}).code == 0
        refused = cli("exchange", client_id, "github", *flavor, env={**env, **by_id})
        assert refused.code == 1 and "could not be looked at" in refused.err


def test_a_tenant_that_does_not_answer_is_told(world: World) -> None:
    env = {
        "AUTH0_DOMAIN": "127.0.0.1:9",
        "ASSISTANT_CLIENT_ID": "x",
        "ASSISTANT_CLIENT_SECRET": "x",
        "PROVIDER_SECRET": "x",
    }
    result = cli("exchange", ASSISTANT, GOOGLE, "--spec", "spec.yaml", cwd=world.folder, env=env, stdin="token")
    assert result.code == 1 and "127.0.0.1:9 cannot be reached: it refuses connections" in result.err


def test_the_answer_of_a_token_endpoint_is_taken_as_it_is(world: World, token: str) -> None:
    """`sandbox connect` prints such an answer, too: it can be piped in."""
    answer = json.dumps({"access_token": "canary-other", "refresh_token": token, "expires_in": 86400})
    assert assistant(world, stdin=answer).code == 0
    (world.folder / "answer.json").write_text(answer)
    assert assistant(world, "--subject-token", "answer.json").code == 0
    for other in ('{"access_token": "canary-other"}', '{"refresh_token": 1}', "{", "[]{}"):
        refused = assistant(world, stdin=other)
        assert refused.code == 1 and "exchange" in refused.err and "canary-other" not in refused.err, refused.err
    assert "holds no `refresh_token`" in assistant(world, stdin='{"access_token": "x"}').err


def test_a_sandbox_says_which_applications_it_has(world: World) -> None:
    near = cli("sandbox", "connect", "auth0|alice", "google-oauth2", "--client", "assistant", cwd=world.folder)
    assert near.code == 1 and "[sandbox-refused]" in near.err and near.out == ""
    assert "Unknown client: assistant" in near.err and ("Did you mean" in near.err or "The sandbox has:" in near.err)

"""A worker that authenticates with other keys than it signs its requests with, as Auth0 recommends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.exchange.test_usage import LANGUAGES, Served
from tests.support import Result, cli, served
from tests.world import WORKER, World
from tokenvault.sandbox.variants import VARIABLE

GOOGLE, USER = "google-oauth2", "auth0|alice"
EXCLUSIVE = {VARIABLE: "exclusive-credentials"}
SIGN, PROVE = ("--private-key", "worker.key.pem"), ("--authentication-key", "own.key.pem")


def settings(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["applications"][WORKER]["flavors"][0]["privileged_worker"]
    return found


def separate(world: World) -> None:
    """The worker gets keys of its own to authenticate with; those sign by another algorithm."""
    spec = json.loads(json.dumps(world.spec))
    settings(spec)["authentication_keys"] = [{"file": "own.pub.pem", "alg": "PS256"}]
    world.write(spec)


@pytest.fixture(scope="module")
def apart(template: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The worker of the world after it was given keys of its own, where Auth0 takes no key for two uses."""
    world = template.copy(tmp_path_factory.mktemp("apart"))
    world.make_key("own")
    separate(world)
    applied = world.run("apply", "spec.yaml", "-y", env=EXCLUSIVE)
    assert applied.code == 0, applied.out + applied.err
    world.sandbox.connect(USER, GOOGLE)
    yield world
    world.close()


def exchange(world: World, *options: object, **env: str) -> Result:
    whom = ("--user", USER, "--audit-context", "nightly sync")
    return world.run("exchange", WORKER, GOOGLE, "--spec", "spec.yaml", *whom, *options, env={**EXCLUSIVE, **env})


def test_the_old_key_only_signs_and_the_new_one_only_authenticates(apart: World) -> None:
    client = apart.client(WORKER)
    signing = client["token_vault_privileged_access"]["credentials"]
    proving = client["client_authentication_methods"]["private_key_jwt"]["credentials"]
    assert len(signing) == len(proving) == 1 and signing != proving
    assert apart.run("plan", "spec.yaml", "--detailed-exitcode", env=EXCLUSIVE).code == 0
    states = [case["state"] for case in apart.doctor("spec.yaml")["cases"] if case["application"] == WORKER]
    assert states == ["ready"]


def test_the_doctor_tells_which_use_lacks_its_key(apart: World, tmp_path: Path) -> None:
    world = apart.copy(tmp_path)
    world.make_key("own")
    said = [finding["says"] for finding in world.doctor("spec.yaml")["findings"] if "the spec's key" in finding["says"]]
    assert [text.rpartition(" for ")[2] for text in said] == ["authentication"]
    world.close()


def test_an_exchange_takes_both_keys(apart: World) -> None:
    assert exchange(apart, *SIGN, *PROVE).code == 0
    files = {"NIGHTLY_SYNC_PRIVATE_KEY_FILE": "worker.key.pem", "NIGHTLY_SYNC_AUTHENTICATION_KEY_FILE": "own.key.pem"}
    assert exchange(apart, **files).code == 0
    text = (apart.folder / "own.key.pem").read_text()
    assert exchange(apart, *SIGN, NIGHTLY_SYNC_AUTHENTICATION_KEY=text.replace("\n", "\\n")).code == 0


def test_an_exchange_without_the_second_key_says_which(apart: World) -> None:
    lacking = exchange(apart, *SIGN)
    assert lacking.code == 1
    assert "--authentication-key FILE" in lacking.err and "$NIGHTLY_SYNC_AUTHENTICATION_KEY_FILE" in lacking.err
    assert "NIGHTLY_SYNC_AUTHENTICATION_KEY_FILE" in apart.run("output", "spec.yaml", "--format", "json").out
    assert exchange(apart, "--private-key", "own.key.pem", "--authentication-key", "worker.key.pem").code == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_programs_sign_with_both_keys(apart: World, language: str, tmp_path: Path) -> None:
    world = apart.copy(tmp_path)
    env = {
        "NIGHTLY_SYNC_PRIVATE_KEY_FILE": str(world.folder / "worker.key.pem"),
        "NIGHTLY_SYNC_AUTHENTICATION_KEY_FILE": str(world.folder / "own.key.pem"),
        "AUTH0_USER_ID": USER,
        "AUDIT_CONTEXT": "x",
    }
    with served(world.folder / "tenant.db") as address:
        running = Served(world, address, env)
        done = running.run(language, running.usage("spec.yaml", WORKER, "--lang", language).out)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_export_tells_the_two_apart_and_its_plan_is_empty(apart: World, tmp_path: Path) -> None:
    world = apart.copy(tmp_path)
    exported = world.run("export", "--output", "exported.yaml", "--name", "world")
    assert exported.code == 0, exported.err
    written = yaml.safe_load((tmp_path / "exported.yaml").read_text())
    workers = [flavor["privileged_worker"] for app in written["applications"].values() for flavor in app["flavors"]
               if isinstance(flavor, dict) and "privileged_worker" in flavor]  # fmt: skip
    files = [[entry["file"] for entry in w[name]] for w in workers for name in ("public_keys", "authentication_keys")]
    assert files == [["worker.pub.pem"], ["own.pub.pem"]]


def test_where_one_key_serves_two_uses_the_refusal_says_what_to_do(world: World, tmp_path: Path) -> None:
    cli("sandbox", "reset", "--state", "fresh.db", cwd=world.folder)
    refused = cli(
        "apply", "spec.yaml", "-y", "--sandbox=fresh.db", cwd=world.folder, env={**EXCLUSIVE, "PROVIDER_SECRET": "x1"}
    )
    assert refused.code == 1
    assert "`authentication_keys` beside `public_keys`" in refused.out + refused.err


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"authentication": "client_secret_post"}, "spec-conflict"),
        ({"authentication_keys": [{"file": "own.pub.pem"}] * 2}, "spec-worker-key"),
        (
            {"authentication_keys": [{"file": "own.pub.pem"}, {"file": "own.pub.pem", "alg": "PS256"}]},
            "spec-worker-key",
        ),
        ({"authentication_keys": [{"file": "nowhere.pem"}]}, "spec-missing-file"),
    ],
)
def test_what_cannot_be_is_refused_offline(apart: World, tmp_path: Path, change: dict[str, Any], code: str) -> None:
    world = apart.copy(tmp_path)
    spec = json.loads(json.dumps(world.spec))
    settings(spec).update(change)
    world.write(spec)
    result = cli("validate", "spec.yaml", "--format", "json", cwd=world.folder, env={"PROVIDER_SECRET": "x1"})
    assert result.code == 1 and [problem["code"] for problem in result.json["problems"]] == [code], result.out

"""`tokenvault output`: ids for everybody, secrets into one private file."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests.support import cli, requests_of, served
from tests.world import API, ASSISTANT, SPA, WORKER, World


def test_every_application_has_its_id(world: World) -> None:
    lines = world.run("output", "spec.yaml").out.splitlines()
    assert len(lines) == 4
    for name in (ASSISTANT, SPA, WORKER):
        assert [line for line in lines if f"application.{name}" in line and world.client(name)["client_id"] in line]


def test_json_names_the_variables_of_each(world: World) -> None:
    document = world.run("output", "spec.yaml", "--format", "json").json
    assert (document["format"], document["format_version"]) == ("tokenvault-output", "1.0")
    told = {one["address"]: (one["proof"], one["variables"]) for one in document["applications"]}
    assert told["application.assistant"] == (
        "client_secret",
        {"client_id": "ASSISTANT_CLIENT_ID", "client_secret": "ASSISTANT_CLIENT_SECRET"},
    )
    assert told["application.calendar-spa"] == ("none", {"client_id": "CALENDAR_SPA_CLIENT_ID"})
    assert told["application.nightly-sync"][1]["private_key_file"] == "NIGHTLY_SYNC_PRIVATE_KEY_FILE"
    assert told["application.calendar.api_client"][1]["client_secret"] == "CALENDAR_API_CLIENT_SECRET"


def test_secrets_go_into_a_private_file_and_nowhere_else(world: World) -> None:
    result = world.run("output", "spec.yaml", "--out", ".env", "--debug")
    file = world.folder / ".env"
    assert result.code == 0 and stat.S_IMODE(file.stat().st_mode) == 0o600
    values = dotenv_values(file)
    assert values["AUTH0_DOMAIN"] == "sandbox.localhost"
    assert values["ASSISTANT_CLIENT_ID"] == world.client(ASSISTANT)["client_id"]
    assert values["ASSISTANT_CLIENT_SECRET"] == world.secret(ASSISTANT)
    assert values["CALENDAR_API_CLIENT_SECRET"] == world.secret(API)
    assert "CALENDAR_SPA_CLIENT_SECRET" not in values and "NIGHTLY_SYNC_CLIENT_SECRET" not in values
    for secret in (world.secret(ASSISTANT), world.secret(API), world.secret(SPA)):
        assert secret not in result.out + result.err
    assert not requests_of(result, "POST", "PATCH", "PUT", "DELETE")


def test_an_existing_file_is_replaced_only_by_force(world: World) -> None:
    (world.folder / ".env").write_text("MINE=1\n")
    result = world.run("output", "spec.yaml", "--out", ".env", "--debug")
    assert result.code == 1 and "exists already" in result.err and not requests_of(result)
    assert (world.folder / ".env").read_text() == "MINE=1\n"
    assert world.run("output", "spec.yaml", "--out", ".env", "--force").code == 0
    assert "MINE" not in dotenv_values(world.folder / ".env")


def test_a_link_is_not_followed(world: World) -> None:
    target = world.folder / "elsewhere"
    target.write_text("")
    (world.folder / ".env").symlink_to(target)
    assert world.run("output", "spec.yaml", "--out", ".env", "--force").code == 0
    assert target.read_text() == "" and not (world.folder / ".env").is_symlink()


def test_a_folder_that_is_not_there_is_told(world: World) -> None:
    result = world.run("output", "spec.yaml", "--out", "none/.env")
    assert result.code == 1 and "cannot be written" in result.err


def test_what_was_never_applied_is_told(template: World, tmp_path: Path) -> None:
    fresh = World(tmp_path, template.spec)
    (tmp_path / "worker.pub.pem").write_bytes((template.folder / "worker.pub.pem").read_bytes())
    result = fresh.run("output", "spec.yaml")
    assert result.code == 1 and "application.assistant" in result.err and "tokenvault apply" in result.err


def test_a_token_that_may_not_read_secrets_is_told_the_scope(world: World) -> None:
    from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET
    from tokenvault.sandbox.system_apis import MANAGEMENT_SCOPES

    world.close()
    with served(world.folder / "tenant.db") as address:
        scopes = [scope for scope in MANAGEMENT_SCOPES if scope != "read:client_keys"]
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        form |= {"audience": f"https://{address}/api/v2/", "scope": " ".join(scopes)}
        with urllib.request.urlopen(f"http://{address}/oauth/token", urllib.parse.urlencode(form).encode()) as answer:
            token = json.load(answer)["access_token"]
        env = {"AUTH0_DOMAIN": address, "AUTH0_API_TOKEN": token, "PROVIDER_SECRET": "x"}
        result = cli("output", "spec.yaml", "--out", ".env", cwd=world.folder, env=env)
        assert result.code == 1 and "read:client_keys" in result.err
        assert not (world.folder / ".env").exists()
        assert cli("output", "spec.yaml", cwd=world.folder, env=env).code == 0


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["application.nightly-sync"], ["NIGHTLY_SYNC"]),
        (["application.a-b", "application.a_b"], ["A_B", "A_B_2"]),
        (["application.calendar.api_client", "application.calendar-api"], ["CALENDAR_API", "CALENDAR_API_2"]),
        (["application.2fa", "application.auth0", "application._"], ["APP_2FA", "APP_AUTH0", "APP"]),
    ],
)
def test_variables_are_names_that_a_shell_takes_and_no_two_are_the_same(
    addresses: list[str], expected: list[str]
) -> None:
    from tokenvault.exchange.variables import prefixes

    assert list(prefixes(addresses).values()) == expected


def test_how_git_leaves_the_file_alone_can_be_pasted_until_it_does(world: World) -> None:
    subprocess.run(["git", "init", "-q", world.folder], check=True)
    told = world.run("output", "spec.yaml", "--out", ".env").err
    found = re.search(r"Keep it out of git: `(.+)`\.", told)
    assert found, told
    subprocess.run(found[1], shell=True, check=True, cwd=world.folder)
    assert subprocess.run(["git", "check-ignore", "-q", ".env"], cwd=world.folder, check=False).returncode == 0
    assert "echo" not in world.run("output", "spec.yaml", "--out", ".env", "--force").err

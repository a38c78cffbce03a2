"""A tenant that was set up halfway: taken in as it is, the spec is valid, and its plan is the repair."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml
from hypothesis import given, settings

from tests.export.by_hand import NON_ROTATING, PUBLIC_KEY, ROTATING, Hands, by_hand, policy
from tests.export.test_export_any_tenant import SOME, apis, applications, build
from tests.support import ROOT, TOKEN_VAULT_GRANT, Result, cli, tenant


def halfway(hands: Hands) -> dict[str, str]:
    """Applications each of which lacks something; their client ids by key."""
    hands.my_account()
    hands.connection("google-oauth2")
    rotating = {**ROTATING, "policies": [policy()]}
    return {
        "rotating": hands.web("Rotating", "google-oauth2", refresh_token=rotating),
        "no-policy": hands.web("No policy", "google-oauth2", refresh_token=dict(NON_ROTATING)),
        "old-tokens": hands.web("Old tokens", "google-oauth2", jwt_configuration={"alg": "HS256"}),
        "off": hands.web("Off", "github"),
        "idle": hands.web("Idle"),
        "untyped": hands.application("Untyped", grant_types=[TOKEN_VAULT_GRANT, "authorization_code", "refresh_token"]),
        "third": hands.web("Third", "google-oauth2", is_first_party=False),
        "good": hands.web("Good", "google-oauth2"),
    }


def adopted(folder: Path, *options: object) -> Result:
    result = cli("export", "--sandbox", "tenant.db", "--out", "out.yaml", *options, cwd=folder)
    assert result.code == 0, result.err
    return result


def run(folder: Path, *command: object) -> Result:
    return cli(command[0], "out.yaml", "--sandbox", "tenant.db", *command[1:], cwd=folder)


def test_everything_is_taken_in_and_its_plan_repairs_it(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        ids = halfway(hands)
    before = tenant(tmp_path / "tenant.db")
    said = adopted(tmp_path, "--adopt-all").err
    assert tenant(tmp_path / "tenant.db") == before
    spec = yaml.safe_load((tmp_path / "out.yaml").read_text())
    third = ids.pop("third")
    assert {key: entry["client_id"] for key, entry in spec["applications"].items()} == ids
    assert f'"Third" ({third})' in said, "that it becomes first-party takes a word of a person"
    assert "6 of the applications do not work as they are" in " ".join(said.split())
    assert cli("validate", "out.yaml", cwd=tmp_path).code == 0
    changed = {change["address"] for change in run(tmp_path, "plan", "--format", "json").json["changes"]}
    assert {f"application.{key}" for key in ("rotating", "no-policy", "old-tokens", "untyped")} <= changed
    assert "connection.github" in changed and "application.good" not in changed
    assert "A plan repairs: refresh_token.rotation_type is rotating" in (tmp_path / "out.yaml").read_text()
    assert run(tmp_path, "apply", "-y").code == 0
    assert run(tmp_path, "plan", "--detailed-exitcode").code == 0


def test_what_no_spec_can_take_in_without_a_person_stays_a_comment(tmp_path: Path) -> None:
    """No key, address or scope is made up, even where a file happens to lie at the place of an example."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "worker.pub.pem").write_text(PUBLIC_KEY)
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.connection("github")
        hands.application("Robot", app_type="non_interactive", grant_types=["client_credentials", TOKEN_VAULT_GRANT])
    adopted(tmp_path, "--adopt-all")
    text = (tmp_path / "out.yaml").read_text()
    assert "applications" not in yaml.safe_load(text)
    assert "no ip_allowlist" in " ".join(text.replace("\n  #", "").split())


def test_all_that_is_left_out_is_valid_when_it_is_uncommented_as_told(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "worker.pub.pem").write_text(PUBLIC_KEY)
    with by_hand(tmp_path / "tenant.db") as hands:
        halfway(hands)
        hands.application("Robot", app_type="non_interactive", grant_types=["client_credentials", TOKEN_VAULT_GRANT])
    adopted(tmp_path)
    text = (tmp_path / "out.yaml").read_text()
    told = re.compile(r"^  # To take it in, .*?these lines:\n((?:  # [^\n]*\n)+)", re.S | re.M)
    whole = told.sub(lambda found: found[1].replace("  # ", "  "), text)
    (tmp_path / "out.yaml").write_text(whole)
    assert len(yaml.safe_load(whole)["applications"]) == 9
    checked = cli("validate", "out.yaml", cwd=tmp_path)
    assert checked.code == 0, checked.err + whole


@settings(max_examples=20)
@given(applications=applications, apis=apis, active=SOME)
def test_whatever_was_clicked_together_the_spec_is_valid_and_can_be_planned(
    applications: list[Any], apis: list[Any], active: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with by_hand(folder / "tenant.db") as hands:
            hands.my_account()
            build(hands, applications, apis, active)
        adopted(folder, "--adopt-all", "--name", "mine")
        text = (folder / "out.yaml").read_text()
        checked = cli("validate", "out.yaml", cwd=folder)
        assert checked.code == 0 or "applications" not in yaml.safe_load(text), checked.err + text
        assert run(folder, "plan").code == 0 or "applications" not in yaml.safe_load(text), text


@pytest.mark.parametrize(
    ("columns", "lacks", "chosen"),
    [
        (
            100,
            "to repair: jwt_configuration.alg is HS256",
            "? Which applications should the spec have? Good, Old tokens",
        ),
        (40, "Old tokens: to repair:…", "? Which applications should the spec\nhave? Good, Old tokens"),
    ],
)
def test_applications_are_chosen_from_a_list_that_says_what_each_lacks(
    tmp_path: Path, columns: int, lacks: str, chosen: str
) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.my_account()
        hands.connection("google-oauth2")
        hands.web("Good", "google-oauth2")
        hands.web("Old tokens", "google-oauth2", jwt_configuration={"alg": "HS256"})
        hands.web("Rotating", "google-oauth2", refresh_token={**ROTATING, "policies": [policy()]})
    command = ["-m", "tokenvault", "export", "--choose", "--sandbox=tenant.db", "--out", "out.yaml"]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "HOME": str(tmp_path)}
    shell = pexpect.spawn(
        sys.executable, command, cwd=str(tmp_path), env=env, encoding="utf-8", dimensions=(40, columns), timeout=60
    )
    shell.expect("Which applications should the spec")
    shell.expect_exact("works as it is")
    shell.expect_exact(lacks)
    shell.send("\x1b[B")  # down, to the second
    shell.send(" ")
    shell.send("\r")
    shell.expect(pexpect.EOF)
    assert shell.wait() == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shell.before or "").replace("\r", "")
    assert f"{chosen}\n" in shown and "`tokenvault plan out.yaml --sandbox=tenant.db`" in shown, shown
    assert list(yaml.safe_load((tmp_path / "out.yaml").read_text())["applications"]) == ["good", "old-tokens"]


def test_where_there_is_no_terminal_nobody_is_asked(tmp_path: Path) -> None:
    refused = cli("export", "--sandbox", "tenant.db", "--choose", cwd=tmp_path)
    assert (refused.code, "[export-no-terminal]" in refused.err) == (1, True)
    refused = cli("export", "--sandbox", "tenant.db", "--choose", "--adopt-all", cwd=tmp_path)
    assert (refused.code, "[export-usage]" in refused.err) == (1, True)


def test_a_connection_that_asks_for_no_offline_access_is_said_to_need_it(tmp_path: Path) -> None:
    """Only the connection's own spec line can mend that, and a plan that asks nothing of it does not read it."""
    cli("sandbox", "load", ROOT / "examples" / "adopting" / "old-tenant.json", "--state", "tenant.db", cwd=tmp_path)
    adopted(tmp_path, "--adopt-all")
    path = tmp_path / "out.yaml"
    told = " ".join(path.read_text().replace("#", "").split())
    assert "It does not ask for offline access" in told and "add `offline_access: true`" in told
    path.write_text(path.read_text().replace("google-oauth2: {}", "google-oauth2: {offline_access: true}"))
    assert run(tmp_path, "apply", "-y").code == 0 and run(tmp_path, "doctor").code == 0
    adopted(tmp_path, "--force")
    assert "does not ask for offline access" not in path.read_text()

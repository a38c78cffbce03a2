"""Cross App Access and accounts without a user id: asked for, judged, exported, and taken back when the spec stops asking."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.export.by_hand import by_hand
from tests.support import EXAMPLE_VARIABLES, ROOT, WRITES, Result, cli, requests_of

EXAMPLE = (ROOT / "examples" / "cross-app-access.yaml").read_text()
WITHOUT = re.sub(r" *cross_app_access_requesting_app: true\n", "", EXAMPLE).replace("cross_app_access: true", "PLACE")


def run(folder: Path, *arguments: str) -> Result:
    return cli(*arguments, "--sandbox=tenant.db", cwd=folder, env=EXAMPLE_VARIABLES)


def apply(folder: Path, text: str) -> None:
    (folder / "spec.yaml").write_text(text)
    done = run(folder, "apply", "spec.yaml", "-y")
    assert done.code == 0, done.err
    assert not requests_of(run(folder, "apply", "spec.yaml", "-y", "--debug"), *WRITES)


def settings(folder: Path) -> dict[str, tuple[Any, Any]]:
    """By connection: the settings of its connected accounts that are there beside `active`, and the requesting app."""
    assert run(folder, "snapshot", "--out", "now.json").code == 0
    state = json.loads((folder / "now.json").read_text())["collections"]["connections"]["objects"]
    return {
        item["name"]: (
            {k: v for k, v in item["connected_accounts"].items() if k != "active"},
            item.get("cross_app_access_requesting_app"),
        )
        for item in state
        if item["name"].startswith("acme-")
    }


def test_what_a_spec_asks_for_is_there_and_goes_with_it(tmp_path: Path) -> None:
    apply(tmp_path, EXAMPLE)
    given = settings(tmp_path)
    assert given["acme-files"] == ({"cross_app_access": True}, None)
    assert given["acme-login"] == ({}, {"active": True})
    apply(tmp_path, WITHOUT.replace("PLACE", "allow_missing_user_id: true"))
    left = settings(tmp_path)
    assert left["acme-files"][0] == {"allow_missing_user_id": True}
    assert not (left["acme-login"][1] or {}).get("active")


def test_an_export_says_it(tmp_path: Path) -> None:
    apply(tmp_path, EXAMPLE)
    assert run(tmp_path, "export", "-o", "out.yaml", "--name", "cross-app-access").code == 0
    text = (tmp_path / "out.yaml").read_text()
    assert "cross_app_access: true" in text and "cross_app_access_requesting_app: true" in text
    assert run(tmp_path, "plan", "out.yaml", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    "setting", ["connected_accounts: {allow_missing_user_id: false}", "cross_app_access_requesting_app: false"]
)
def test_an_export_says_what_the_spec_has_switched_off(tmp_path: Path, setting: str) -> None:
    spec = EXAMPLE.replace("cross_app_access_requesting_app: true", setting)
    apply(tmp_path, spec.replace(setting, setting.replace("false", "true")))
    apply(tmp_path, spec)
    assert run(tmp_path, "export", "-o", "out.yaml", "--name", "cross-app-access").code == 0
    assert setting.partition(": ")[2].strip("{}") in (tmp_path / "out.yaml").read_text()
    planned = run(tmp_path, "plan", "out.yaml", "--detailed-exitcode")
    assert planned.code == 0, planned.out


@pytest.mark.parametrize("setting", ["allow_missing_user_id", "cross_app_access"])
def test_what_is_to_be_off_and_is_not_there_is_as_it_should_be(tmp_path: Path, setting: str) -> None:
    spec = f"version: 1\nname: mine\nconnections:\n  google-oauth2: {{connected_accounts: {{{setting}: false}}}}\n"
    apply(tmp_path, spec)
    planned = run(tmp_path, "plan", "spec.yaml", "--format", "json")
    assert planned.json["changes"] == []
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.connection("google-oauth2", connected_accounts={"active": True, setting: True})
    assert setting in run(tmp_path, "drift", "spec.yaml").out


def test_an_export_says_nothing_of_what_is_off_and_nobody_set(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.connection("google-oauth2", connected_accounts={"active": True, "allow_missing_user_id": False})
    apply(tmp_path, EXAMPLE)
    (tmp_path / "spec.yaml").write_text(
        EXAMPLE.replace("connections:", "connections:\n  google-oauth2: {scopes: [email]}", 1)
    )
    apply(tmp_path, (tmp_path / "spec.yaml").read_text())
    assert run(tmp_path, "export", "-o", "out.yaml", "--name", "cross-app-access").code == 0
    assert "allow_missing_user_id" not in (tmp_path / "out.yaml").read_text()


@pytest.mark.parametrize(
    "setting", ["connected_accounts: {cross_app_access: true}", "cross_app_access_requesting_app: true"]
)
def test_a_connection_whose_strategy_the_tenant_tells_is_judged_in_the_plan(tmp_path: Path, setting: str) -> None:
    spec = f"version: 1\nname: mine\nconnections:\n  google-oauth2: {{{setting}}}\n"
    (tmp_path / "spec.yaml").write_text(spec)
    planned = run(tmp_path, "plan", "spec.yaml")
    assert planned.code == 1
    assert "spec.yaml:4" in planned.err and "this is google-oauth2  [spec-cross-app-access]" in " ".join(
        planned.err.split("\n")
    )


def test_of_another_strategy_no_requesting_app_is_what_it_is_anyway(tmp_path: Path) -> None:
    spec = "version: 1\nname: mine\nconnections:\n  google-oauth2: {cross_app_access_requesting_app: false}\n"
    apply(tmp_path, spec)


def test_doctor_looks_at_the_second_place_of_offline_access(tmp_path: Path) -> None:
    apply(tmp_path, EXAMPLE)
    assert "connection-cross-app-access" not in run(tmp_path, "doctor", "spec.yaml").out
    apply(tmp_path, EXAMPLE.replace("userinfo_scope: openid offline_access", "userinfo_scope: openid"))
    judged = run(tmp_path, "doctor", "spec.yaml")
    assert (judged.code, "connection-cross-app-access" in judged.out) == (0, True)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("strategy: oidc", "strategy: oauth2", "this is oauth2"),
        ("cross_app_access_requesting_app: true", "connected_accounts: {cross_app_access: true}", "acme-login is one"),
        ("{cross_app_access: true}", "{}", "must not be empty"),
        ("{cross_app_access: true}", "{cross_app: true}", "cross_app_access"),
    ],
)
def test_what_cannot_be_is_refused_offline(tmp_path: Path, old: str, new: str, told: str) -> None:
    (tmp_path / "spec.yaml").write_text(EXAMPLE.replace(old, new))
    found = cli("validate", "spec.yaml", cwd=tmp_path, env=EXAMPLE_VARIABLES)
    assert (found.code, told in " ".join(found.err.split())) == (1, True), found.err

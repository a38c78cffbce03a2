"""Tokens that may not read everything: what they cannot see is unknown, is said, and is never planned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.export.by_hand import said
from tests.support import EXAMPLES, Result, cli, served, write_spec

READ = ("clients", "connections", "resource_servers", "client_grants", "client_credentials", "connections_options",
        "mfa_policies", "tenant_settings")  # fmt: skip


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quick start, applied by a token that may do everything."""
    folder = tmp_path_factory.mktemp("applied")
    write_spec(folder, next(path for path in EXAMPLES if path.stem == "quickstart").read_text())
    done = cli("apply", "spec.yaml", "-y", "--sandbox", "tenant.db", cwd=folder)
    assert done.code == 0, done.err
    return folder


@contextmanager
def limited(folder: Path, *missing: str) -> Iterator[dict[str, str]]:
    """The environment of a token that lacks some of the read scopes."""
    scopes = ",".join(f"read:{name}" for name in READ if name not in missing)
    with served(folder / "tenant.db", "--scopes", scopes) as address:
        yield {"AUTH0_DOMAIN": address, "AUTH0_API_TOKEN": "sandbox"}


def plan(folder: Path, env: dict[str, str], *options: object) -> Any:
    result = cli("plan", "spec.yaml", "--format", "json", *options, cwd=folder, env=env)
    assert result.code == 0, result.err
    return result.json


def warnings(document: Any) -> list[tuple[str, str]]:
    return [(w["summary"], w["hint"]) for w in document["warnings"] if w["code"] == "plan-unknown"]


def test_without_the_options_of_connections_their_scopes_are_not_checked(applied: Path) -> None:
    with limited(applied, "connections_options") as env:
        document = plan(applied, env)
    assert document["changes"] == []
    [(summary, hint)] = warnings(document)
    assert summary.startswith("Not checked: connection.google-oauth2 (options.")
    assert "read:connections_options" in hint


def test_options_that_were_given_and_that_the_token_may_not_read_stay_and_are_said_to_be_unknown(
    tmp_path: Path,
) -> None:
    web = {"type": "regular_web", "flavors": ["connected_accounts"]}
    spec: dict[str, Any] = {"version": 1, "name": "a", "applications": {"web": web}}
    write_spec(tmp_path, {**spec, "connections": {"google-oauth2": {"offline_access": True}}})
    assert cli("apply", "spec.yaml", "-y", "--sandbox", "tenant.db", cwd=tmp_path).code == 0
    write_spec(tmp_path, {**spec, "connections": {"google-oauth2": {"purpose": "connected_accounts"}}})
    with limited(tmp_path, "connections_options") as env:
        document = plan(tmp_path, env)
    [change] = document["changes"]
    assert not [a for a in change["attributes"] if a["path"][0].startswith("options.")]
    assert "own:o.offline_access" in str(change["attributes"])  # the mark goes on recording it
    [(summary, _)] = warnings(document)
    assert summary == "Not checked: connection.google-oauth2 (options.offline_access)"


def test_without_the_mfa_policy_it_is_not_checked(applied: Path) -> None:
    with limited(applied, "mfa_policies") as env:
        document = plan(applied, env)
    assert document["changes"] == []
    [(summary, hint)] = warnings(document)
    assert summary == "Not checked: MFA policy"
    assert "read:mfa_policies" in hint


def test_on_a_fresh_tenant_all_that_can_be_seen_is_planned(tmp_path: Path, applied: Path) -> None:
    spec = write_spec(tmp_path, (applied / "spec.yaml").read_text())
    with limited(tmp_path) as env:
        everything = wherever(plan(tmp_path, env), env)
    with limited(tmp_path, "connections_options", "mfa_policies") as env:
        blind = wherever(plan(tmp_path, env), env)
    assert len(warnings(blind)) == 2
    assert without_options(blind["changes"]) == without_options(everything["changes"])
    assert not any(a["path"][0].startswith("options.") for c in blind["changes"] for a in c["attributes"]), spec


def test_without_the_settings_it_is_said_that_they_are_not_known(tmp_path: Path, applied: Path) -> None:
    write_spec(tmp_path, (applied / "spec.yaml").read_text())
    with limited(tmp_path, "tenant_settings") as env:
        [(summary, hint)] = warnings(plan(tmp_path, env))
    assert summary == "Not checked: tenant settings" and "read:tenant_settings" in hint
    with limited(applied, "tenant_settings") as env:
        assert warnings(plan(applied, env)) == [], "nothing is created"


def wherever(document: Any, env: dict[str, str]) -> Any:
    """The plan without the port that the tenant was served on."""
    return json.loads(json.dumps(document).replace(env["AUTH0_DOMAIN"], "tenant"))


def without_options(changes: Any) -> list[Any]:
    """The changes as far as they are not about options."""
    return [
        (c["address"], c["action"], [a["path"] for a in c["attributes"] if not a["path"][0].startswith("options.")])
        for c in changes
    ]


def exported(folder: Path, env: dict[str, str]) -> tuple[dict[str, Any], Result]:
    result = cli("export", "--output", "out.yaml", "--force", cwd=folder, env=env)
    assert result.code == 0, result.err
    return yaml.safe_load((folder / "out.yaml").read_text()), result


def test_an_export_without_options_says_what_is_missing_and_plans_as_empty(applied: Path) -> None:
    with limited(applied, "connections_options", "mfa_policies") as env:
        spec, result = exported(applied, env)
        again = cli("plan", "out.yaml", "--detailed-exitcode", cwd=applied, env=env)
    assert spec["connections"]["google-oauth2"] == {"purpose": "authentication_and_connected_accounts"}
    assert "google-oauth2: Its scopes and offline access are missing here" in said(result)
    assert again.code == 0, again.out


def test_an_export_without_credentials_leaves_the_worker_out_and_says_so(applied: Path) -> None:
    with limited(applied, "client_credentials") as env:
        spec, result = exported(applied, env)
        again = cli("plan", "out.yaml", cwd=applied, env=env)
    assert list(spec["applications"]) == ["assistant", "calendar-spa"]
    assert "which public key it uses is not known: the token lacks read:client_credentials" in said(result)
    assert "Do not let them --prune it" in (applied / "out.yaml").read_text()
    assert again.code == 0, again.out


@pytest.mark.parametrize("missing", ["connections", "resource_servers", "client_grants"])
def test_an_export_without_what_everything_hangs_on_is_refused(applied: Path, missing: str) -> None:
    with limited(applied, missing) as env:
        result = cli("export", cwd=applied, env=env)
    assert result.code == 1
    assert not result.out
    assert f"Grant read:{missing} " in said(result)


def test_a_snapshot_holds_what_the_token_may_read_and_a_plan_from_it_says_what_it_may_not(applied: Path) -> None:
    with limited(applied, "connections_options", "mfa_policies", "client_credentials") as env:
        taken = cli("snapshot", "--output", "s.json", cwd=applied, env=env)
    assert taken.code == 0, taken.err
    assert "Not in the snapshot: credentials" in taken.err
    document = plan(applied, {}, "--live", "s.json")
    assert document["changes"] == []
    summaries = " ".join(summary for summary, _ in warnings(document))
    for part in ("MFA policy", "credential.nightly-sync.", "connection.google-oauth2 (options.", "privileged_access"):
        assert part in summaries

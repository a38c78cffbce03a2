"""One spec for several environments, and the files that other tools read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT, cli

FOLDER = ROOT / "examples" / "environments"


def attributes(environment: str, address: str) -> dict[str, list[object]]:
    plan = cli(
        "plan",
        FOLDER / "base.yaml",
        FOLDER / f"{environment}.yaml",
        "--env-file",
        FOLDER / f"{environment}.env",
        "--sandbox=t.db",
        "--format",
        "json",
    ).json
    change = next(c for c in plan["changes"] if c["address"] == address)
    found: dict[str, list[object]] = {}
    for attribute in change["attributes"]:
        found.setdefault(attribute["path"][0], []).append(attribute["after"])
    return found


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_environment_gets_its_own_callback() -> None:
    assert attributes("dev", "application.assistant")["callbacks"] == ["http://localhost:3000/auth/callback"]
    production = attributes("production", "application.assistant")
    assert production["callbacks"] == ["https://assistant.acme.example/auth/callback"]


def test_production_asks_for_the_my_account_api_on_its_custom_domain() -> None:
    grant = attributes("production", "application.assistant")
    assert grant["refresh_token.policies"]


def test_the_tenant_guard_follows_the_variables() -> None:
    arguments = [FOLDER / "base.yaml", FOLDER / "production.yaml", "--env-file", FOLDER / "production.env"]
    env = {"AUTH0_API_TOKEN": "canary-token"}
    result = cli("plan", *arguments, "--tenant", "acme-dev.us.auth0.com", env=env)
    assert result.code == 1
    assert "[auth-contradiction]" in result.err and "acme.us.auth0.com" in result.err


def test_the_environment_wins_over_the_file() -> None:
    spec = [FOLDER / "base.yaml", "--env-file", FOLDER / "production.env", "--sandbox=t.db", "--format", "json"]
    plan = cli("plan", *spec, env={"APP_HOST": "elsewhere.example"})
    assert "https://elsewhere.example/auth/callback" in plan.out


def test_the_pre_commit_hook_takes_each_file_for_a_spec_of_its_own(tmp_path: Path) -> None:
    """pre-commit hands over all files that match: two of one repository are two specs, not one in two files."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *arguments = hook["entry"].split()
    assert program == "tokenvault"
    app = "{type: regular_web, callbacks: [https://a.example/cb], flavors: [connected_accounts]}"
    files = [tmp_path / folder / "tokenvault.yaml" for folder in ("billing", "support")]
    for file in files:
        file.parent.mkdir()
        name = file.parent.name
        file.write_text(f"version: 1\nname: {name}\nconnections: {{github: {{}}}}\napplications: {{web: {app}}}\n")
    assert re.search(hook["files"], "billing/tokenvault.yaml")
    done = cli(*arguments, *files)
    assert done.code == 0 and done.out.count("Valid.") == 2, done.err
    for file in files:
        file.write_text(file.read_text().replace("flavors", "flavours"))
    wrong = cli(*arguments, *files)
    assert wrong.code == 1 and all(f"{file}:4" in wrong.err for file in files), wrong.err
    told = cli(*arguments, *files, "--format", "json").json
    assert not told["valid"] and {problem["at"]["file"] for problem in told["problems"]} == {*map(str, files)}


@pytest.mark.parametrize("name", ["github-workflow.yml", "gitlab-ci.yml"])
def test_the_pipelines_call_commands_that_exist(name: str) -> None:
    text = (ROOT / "examples" / "ci" / name).read_text()
    assert yaml.safe_load(text)
    for line in text.splitlines():
        words = line.strip().removeprefix("- ").split()
        if words[:1] == ["tokenvault"]:
            assert cli(words[1], "--help").code == 0, line

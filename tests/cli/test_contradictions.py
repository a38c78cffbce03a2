"""What names two tenants or two clients is refused with both named, before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import cli, write_spec

SPEC = {"version": 1, "name": "acme", "connections": {"github": {}}}
ONE, OTHER = "127.0.0.1:9", "127.0.0.1:10"  # nobody answers there


@pytest.mark.parametrize(
    ("arguments", "file", "env", "named"),
    [
        (["--tenant", OTHER], "", {"AUTH0_DOMAIN": ONE}, ("--tenant is " + OTHER, "$AUTH0_DOMAIN is " + ONE)),
        (["--tenant", OTHER], f"AUTH0_DOMAIN={ONE}", {}, ("--tenant is " + OTHER, f"AUTH0_DOMAIN in .env is {ONE}")),
        ([], f"AUTH0_DOMAIN={OTHER}", {"AUTH0_DOMAIN": ONE}, (f"AUTH0_DOMAIN in .env is {OTHER}", ONE)),
        ([], "AUTH0_CLIENT_ID=of-file", {"AUTH0_DOMAIN": ONE, "AUTH0_CLIENT_ID": "of-shell"}, ("of-shell", "of-file")),
    ],
)
def test_contradicting_sources_are_both_named(
    tmp_path: Path, arguments: list[str], file: str, env: dict[str, str], named: tuple[str, str]
) -> None:
    (tmp_path / ".env").write_text(f"{file}\nAUTH0_CLIENT_SECRET=canary-secret\n")
    write_spec(tmp_path, SPEC)
    credentials = {"AUTH0_CLIENT_ID": "of-shell", **env}
    result = cli("plan", "spec.yaml", "--env-file", ".env", *arguments, cwd=tmp_path, env=credentials)
    said = " ".join(result.err.split())
    assert result.code == 1 and "[auth-contradiction]" in said and all(one in said for one in named), said
    assert "canary-secret" not in said and "Nothing was sent" in said


@pytest.mark.parametrize("same", [ONE, f"https://{ONE}/", f" {ONE} "])
def test_what_says_the_same_is_no_contradiction(tmp_path: Path, same: str) -> None:
    (tmp_path / ".env").write_text(f"AUTH0_DOMAIN='{same}'\nAUTH0_CLIENT_SECRET=s\n")
    write_spec(tmp_path, SPEC)
    env = {"AUTH0_DOMAIN": ONE, "AUTH0_CLIENT_ID": "c", "TOKENVAULT_TIMEOUT": "2"}
    result = cli("plan", "spec.yaml", "--env-file", ".env", "--tenant", ONE, cwd=tmp_path, env=env)
    assert "[auth-contradiction]" not in result.err


def test_offline_and_in_the_sandbox_nothing_contradicts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"AUTH0_DOMAIN={OTHER}\n")
    write_spec(tmp_path, SPEC)
    for words in (["validate"], ["plan", "--sandbox"]):
        assert cli(*words, "spec.yaml", "--env-file", ".env", cwd=tmp_path, env={"AUTH0_DOMAIN": ONE}).code == 0

"""The same job over real sockets: another process, client credentials, the gateway's token request and all."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.preconditions import check_spec
from tests.support import EXAMPLE_VARIABLES, ROOT, WRITES, cli, process, requests_of, served, tenant
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET

QUICKSTART = ROOT / "examples" / "quickstart.yaml"


def credentials(host: str) -> dict[str, str]:
    return {"AUTH0_DOMAIN": host, "AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": CLIENT_SECRET}


def test_plan_apply_and_empty_plan_with_client_credentials(tmp_path: Path) -> None:
    with served(tmp_path / "t.db") as host:
        env = credentials(host)
        assert process("plan", QUICKSTART, "--detailed-exitcode", env=env).code == 2
        applied = process("apply", QUICKSTART, "-y", "--debug", env=env)
        assert applied.code == 0, applied.err
        assert "Apply complete!" in applied.out
        again = process("apply", QUICKSTART, "-y", "--debug", env=env)
        assert again.code == 0 and requests_of(again, *WRITES) == []
        assert process("plan", QUICKSTART, "--detailed-exitcode", env=env).code == 0
    check_spec(tenant(tmp_path / "t.db"), yaml.safe_load(QUICKSTART.read_text()))


@pytest.mark.parametrize("example", ["multi-provider-saas", "privileged-worker", "react-spa"])
def test_examples_with_an_access_token(tmp_path: Path, example: str) -> None:
    spec = ROOT / "examples" / f"{example}.yaml"
    with served(tmp_path / "t.db") as host:
        env = {**EXAMPLE_VARIABLES, "AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"}
        assert cli("apply", spec, "-y", env=env).code == 0
        assert cli("plan", spec, "--detailed-exitcode", env=env).code == 0
    with (ROOT / "examples" / f"{example}.yaml").open() as file:
        check_spec(tenant(tmp_path / "t.db"), yaml.safe_load(file))


def test_a_wrong_secret_is_told_without_showing_it(tmp_path: Path) -> None:
    with served(tmp_path / "t.db") as host:
        env = {**credentials(host), "AUTH0_CLIENT_SECRET": "canary-wrong-secret"}
        result = process("plan", QUICKSTART, "--debug", env=env)
    assert result.code == 1
    assert "[auth-refused]" in result.err and "canary-wrong-secret" not in result.err + result.out


def test_a_token_that_may_only_read_plans_and_names_the_scope_that_apply_lacks(tmp_path: Path) -> None:
    scopes = "read:clients read:connections read:connections_options read:resource_servers read:client_grants read:mfa_policies"
    with served(tmp_path / "t.db", "--scopes", scopes) as host:
        env = {"AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"}
        assert cli("plan", ROOT / "examples" / "google-slack-github.yaml", env=env).code == 0
        before = tenant(tmp_path / "t.db")
        applied = cli("apply", ROOT / "examples" / "google-slack-github.yaml", "-y", env=env)
        assert applied.code == 1
        assert "create:resource_servers" in applied.err + applied.out
        assert tenant(tmp_path / "t.db") == before


def test_nobody_there_is_told_as_such() -> None:
    env = {"AUTH0_DOMAIN": "127.0.0.1:9", "AUTH0_API_TOKEN": "canary-token"}
    result = process("plan", QUICKSTART, "--max-wait", "1", env=env)
    assert result.code == 1
    assert "[api-unreachable]" in result.err and "canary-token" not in result.err

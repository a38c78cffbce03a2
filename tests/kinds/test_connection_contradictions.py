"""Scopes and offline access stand for options; a spec that contradicts itself there is refused, and what is not set is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import Result, cli, tenant, write_spec
from tokenvault.kinds.strategies import STRATEGIES

BOOLEANS = [(name, scope, option) for name, s in STRATEGIES.items() for scope, option in s.booleans.items()]
OFFLINE_SCOPES = [(name, s.offline_scope) for name, s in STRATEGIES.items() if s.offline_scope]
KEYS = {"client_id": "ours", "client_secret": "${env:PROVIDER_SECRET}"}
ENV = {"PROVIDER_SECRET": "any secret"}


def spec(name: str, connection: dict[str, Any]) -> dict[str, Any]:
    app = {"type": "regular_web", "flavors": ["connected_accounts"]}
    return {"version": 1, "name": "acme", "connections": {name: connection}, "applications": {"web": app}}


def run(folder: Path, command: str, *arguments: str) -> Result:
    return cli(command, "spec.yaml", *arguments, cwd=folder, env=ENV)


@pytest.mark.parametrize(("strategy", "scope", "option"), BOOLEANS)
@pytest.mark.parametrize("value", [False, "yes", 1])
def test_an_option_that_a_scope_stands_for_cannot_say_otherwise(
    tmp_path: Path, strategy: str, scope: str, option: str, value: Any
) -> None:
    contradiction = {"strategy": strategy, "scopes": [scope], "options": {option: value}}
    write_spec(tmp_path, spec("mine", contradiction))
    told = run(tmp_path, "validate", "--format", "json").json["problems"]
    assert [(problem["code"], problem["severity"]) for problem in told if problem["severity"] == "error"] == [
        ("spec-conflict", "error")
    ]
    line = (tmp_path / "spec.yaml").read_text().splitlines().index(next(
        text for text in (tmp_path / "spec.yaml").read_text().splitlines() if text.strip().startswith(f"{option}:")
    )) + 1  # fmt: skip
    assert told[0]["at"]["line"] == line
    contradiction["options"] = {option: True}
    write_spec(tmp_path, spec("mine", contradiction))
    assert run(tmp_path, "validate").code == 0


@pytest.mark.parametrize(("strategy", "scope"), OFFLINE_SCOPES)
def test_a_scope_for_offline_access_contradicts_its_absence(tmp_path: Path, strategy: str, scope: str) -> None:
    write_spec(tmp_path, spec("mine", {"strategy": strategy, "scopes": [scope], "offline_access": False}))
    refused = run(tmp_path, "validate")
    assert refused.code == 1 and "[spec-conflict]" in refused.err and "Remove one" in refused.err


@pytest.mark.parametrize("command", [("plan",), ("apply", "-y"), ("drift",)])
def test_where_only_the_tenant_knows_the_strategy_the_plan_refuses_it(tmp_path: Path, command: tuple[str, ...]) -> None:
    write_spec(tmp_path, spec("google-oauth2", {"scopes": ["email"], "options": {"email": False}}))
    assert run(tmp_path, "validate").code == 0
    refused = run(tmp_path, *command, "--sandbox=t.db")
    assert refused.code == 1 and "[spec-conflict]" in refused.err, refused.err
    assert "options.email" in refused.err and "spec.yaml:" in refused.err and "unexpectedly" not in refused.err


UNSET = [name for name, s in STRATEGIES.items() if not (s.offline_option or s.offline_scope or s.offline_note)]


@pytest.mark.parametrize("strategy", [*UNSET, "shopify", "wordpress"])
def test_offline_access_that_cannot_be_set_is_told_and_not_claimed(tmp_path: Path, strategy: str) -> None:
    write_spec(tmp_path, spec("mine", {"strategy": strategy, "credentials": KEYS, "offline_access": True}))
    told = run(tmp_path, "validate", "--format", "json")
    assert told.code == 0 and "spec-offline-access" in {p["code"] for p in told.json["problems"]}, told
    explained = cli("explain", "connection.mine", "spec.yaml", cwd=tmp_path, env=ENV)
    assert "offline_access is true" not in explained.out, explained.out
    planned = run(tmp_path, "plan", "--sandbox=t.db")
    assert planned.code == 0 and "offline_access" not in planned.out, planned.out + planned.err
    assert "[spec-offline-access]" in planned.err


def test_offline_access_of_a_live_strategy_that_offers_none_is_a_warning_of_the_plan(tmp_path: Path) -> None:
    write_spec(tmp_path, spec("github", {"offline_access": True}))
    assert run(tmp_path, "validate").code == 0
    explained = cli("explain", "connection.github", "spec.yaml", cwd=tmp_path)
    assert "where the connection's strategy has an option or a scope for it" in " ".join(explained.out.split())
    for form in ("json", "text"):
        planned = run(tmp_path, "plan", "--sandbox=t.db", "--format", form)
        assert planned.code == 0 and "Offline access of github cannot be set here" in " ".join(planned.out.split())
        assert "GitHub App" in planned.out
    assert run(tmp_path, "apply", "-y", "--sandbox=t.db").code == 0
    assert run(tmp_path, "plan", "--sandbox=t.db", "--detailed-exitcode").code == 0


def test_offline_access_that_can_be_set_is_set_without_a_warning(tmp_path: Path) -> None:
    write_spec(tmp_path, spec("google-oauth2", {"offline_access": True}))
    planned = run(tmp_path, "plan", "--sandbox=t.db", "--format", "json").json
    assert [w["code"] for w in planned["warnings"]] == []
    assert run(tmp_path, "apply", "-y", "--sandbox=t.db").code == 0
    found = [c for c in tenant(tmp_path / "t.db")["connections"].values() if c["name"] == "google-oauth2"]
    assert found[0]["options"]["offline_access"] is True

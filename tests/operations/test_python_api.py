"""The public Python API does what the command line does."""

from __future__ import annotations

from pathlib import Path

import pytest

import tokenvault
from tests.support import ROOT, cli, served
from tokenvault.errors import RefusedError, SpecError

QUICKSTART = ROOT / "examples" / "quickstart.yaml"


def test_load_plan_apply_and_plan_again(tmp_path: Path) -> None:
    spec = tokenvault.load_spec(QUICKSTART)
    plan = tokenvault.make_plan(spec, sandbox=tmp_path / "t.db")
    assert not plan.is_empty
    report = tokenvault.apply(plan, sandbox=tmp_path / "t.db")
    assert report.succeeded
    assert tokenvault.make_plan(spec, sandbox=tmp_path / "t.db").is_empty
    assert cli("plan", QUICKSTART, "--sandbox=t.db", "--detailed-exitcode", cwd=tmp_path).code == 0


def test_credentials_come_from_the_environment_that_is_passed(tmp_path: Path) -> None:
    with served(tmp_path / "t.db") as host:
        environment = {"AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"}
        plan = tokenvault.make_plan(tokenvault.load_spec(QUICKSTART), environment=environment)
        assert plan.tenant == host
        with pytest.raises(RefusedError):
            tokenvault.apply(plan, sandbox=tmp_path / "other.db")
        assert tokenvault.apply(plan, environment=environment).succeeded


def test_a_wrong_spec_raises_everything_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("version: 1\nname: x\nfoo: 1\nbar: 2\n")
    with pytest.raises(SpecError) as raised:
        tokenvault.load_spec(tmp_path / "s.yaml")
    assert [d.code for d in raised.value.diagnostics] == ["spec-unknown-key", "spec-unknown-key"]


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = tokenvault.nothing  # type: ignore[attr-defined]

"""Every example does what it says, on the seeded sandbox, and what it does not mention stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import EXAMPLE_VARIABLES, EXAMPLES, WRITES, Result, cli, requests_of, tenant
from tests.unmanaged import assert_only_planned_changes


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def run(tmp_path: Path, *arguments: object) -> Result:
    return cli(*arguments, "--sandbox=tenant.db", cwd=tmp_path, env=EXAMPLE_VARIABLES)


def test_apply_succeeds_and_leaves_nothing_to_plan(tmp_path: Path, example: Path) -> None:
    applied = run(tmp_path, "apply", example, "-y")
    assert applied.code == 0, applied.err
    assert "Apply complete!" in applied.out
    planned = run(tmp_path, "plan", example, "--detailed-exitcode")
    assert planned.code == 0, planned.out
    assert planned.out.startswith("No changes.")


def test_a_second_apply_sends_no_write(tmp_path: Path, example: Path) -> None:
    run(tmp_path, "apply", example, "-y")
    again = run(tmp_path, "apply", example, "-y", "--debug")
    assert again.code == 0
    assert requests_of(again)
    assert requests_of(again, *WRITES) == []


def test_a_plan_sends_no_write_and_changes_nothing(tmp_path: Path, example: Path) -> None:
    cli("sandbox", "reset", "--state", "tenant.db", cwd=tmp_path)
    before = tenant(tmp_path / "tenant.db")
    planned = run(tmp_path, "plan", example, "--detailed-exitcode", "--debug")
    assert planned.code == 2
    assert requests_of(planned, *WRITES) == []
    assert tenant(tmp_path / "tenant.db") == before


def test_only_what_the_plan_shows_changes(tmp_path: Path, example: Path) -> None:
    cli("sandbox", "reset", "--state", "tenant.db", cwd=tmp_path)
    before = tenant(tmp_path / "tenant.db")
    document: dict[str, Any] = run(tmp_path, "plan", example, "--format", "json").json
    run(tmp_path, "apply", example, "-y")
    assert_only_planned_changes(before, tenant(tmp_path / "tenant.db"), document)


def test_the_number_of_writes_is_the_one_that_the_plan_gave(tmp_path: Path, example: Path) -> None:
    document = run(tmp_path, "plan", example, "--format", "json").json
    applied = run(tmp_path, "apply", example, "-y", "--debug")
    assert len(requests_of(applied, *WRITES)) == document["summary"]["writes"]

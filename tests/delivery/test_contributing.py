"""Follows CONTRIBUTING: a new flavor and a new kind are one file each, and work everywhere at once."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import CONNECTED_ACCOUNTS, ROOT, by_name, my_env, tenant

PAGE = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
SPEC = {
    "version": 1,
    "name": "contributed",
    "new_applications": "use_every_connection",
    "connections": {"google-oauth2": {}},
    "applications": {"console": {"type": "regular_web", "flavors": ["account_viewer"]}},
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with what the page shows put where it says, and nothing else changed."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "tokenvault", folder / "tokenvault", ignore=shutil.ignore_patterns("__pycache__"))
    for kind, name, code in re.findall(r"<!-- test: (\w+) (\w+) -->\n```python\n(.*?)```", PAGE, re.DOTALL):
        (folder / "tokenvault" / f"{kind}s" / f"{name}.py").write_text(code)
    (folder / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    return folder


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tokenvault", *arguments]
    return subprocess.run(command, cwd=checkout, env=my_env(), capture_output=True, text=True, check=False)


def test_both_are_in_the_schema_and_validate(checkout: Path) -> None:
    schema: dict[str, Any] = json.loads(run(checkout, "schema").stdout)
    assert "new_applications" in schema["properties"]
    assert "account_viewer" in json.dumps(schema["properties"]["applications"])
    assert run(checkout, "validate", "spec.yaml").returncode == 0


def test_files_that_say_the_same_in_the_new_section_agree(checkout: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        (checkout / name).write_text("version: 1\nname: contributed\nnew_applications: use_no_connection\n")
    agreed = run(checkout, "validate", "one.yaml", "two.yaml")
    assert agreed.returncode == 0, agreed.stderr
    (checkout / "two.yaml").write_text("version: 1\nname: contributed\nnew_applications: use_every_connection\n")
    differing = run(checkout, "validate", "one.yaml", "two.yaml")
    assert differing.returncode == 1 and '"new_applications" differs between the files' in differing.stderr


def test_both_are_planned_with_their_names_and_applied(checkout: Path) -> None:
    planned = run(checkout, "plan", "spec.yaml", "--sandbox=t.db")
    assert "# account_viewer, line" in planned.stdout, planned.stderr
    assert "~ flags.enable_client_connections = false -> true" in planned.stdout
    applied = run(checkout, "apply", "spec.yaml", "--sandbox=t.db", "-y")
    assert applied.returncode == 0, applied.stderr
    assert run(checkout, "plan", "spec.yaml", "--sandbox=t.db", "--detailed-exitcode").returncode == 0
    state = tenant(checkout / "t.db")
    console = by_name(state["clients"], "console")
    grants = [g for g in state["client_grants"].values() if g["client_id"] == console["client_id"]]
    assert [set(grant["scope"]) for grant in grants] == [{"read:me:connected_accounts"}]


def test_it_composes_with_the_flavors_that_are_there(checkout: Path) -> None:
    spec = {**SPEC, "applications": {"console": {"type": "spa", "flavors": ["account_viewer", "connected_accounts"]}}}
    (checkout / "both.yaml").write_text(yaml.safe_dump(spec))
    plan = json.loads(run(checkout, "plan", "both.yaml", "--sandbox=u.db", "--format", "json").stdout)
    grant = next(c for c in plan["changes"] if c["kind"] == "client_grant")
    assert {attribute["after"] for attribute in grant["attributes"]} == CONNECTED_ACCOUNTS

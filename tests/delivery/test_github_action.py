"""The action's script, run as a runner runs it, from pull request to apply on the sandbox, with a `gh` that remembers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT, cli

ACTION = ROOT / ".github" / "actions" / "tokenvault"
GH = """#!/usr/bin/env python3
import json, os, sys
store = os.environ["GH_STORE"]
comments = json.load(open(store)) if os.path.exists(store) else {}
arguments = sys.argv[1:]
assert arguments[0] == "api"
path = next(a for a in arguments if a.startswith("repos/"))
body = next((a.split("@", 1)[1] for a in arguments if a.startswith("body=@")), None)
if "POST" in arguments:
    comments[str(len(comments) + 1)] = open(body).read()
elif "PATCH" in arguments:
    comments[path.rsplit("/", 1)[1]] = open(body).read()
else:
    for number, text in comments.items():
        print(number + "\\t" + text.split("\\n")[0])
json.dump(comments, open(store, "w"))
"""


@dataclass
class Runner:
    """A folder with a spec and a fake GITHUB_* environment."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        files = {name: self.folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        tools = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {**os.environ, "PATH": tools, "COMMAND": command, "ARGUMENTS": "--sandbox", "GH_TOKEN": "canary-gh-token"}
        env |= {"GITHUB_REPOSITORY": "acme/specs", "PULL_REQUEST": "7", "GH_STORE": str(self.folder / "comments.json")}
        env |= {name: str(path) for name, path in files.items()} | inputs
        return subprocess.run(
            ["bash", ACTION / "run.sh"], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )

    @property
    def comments(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / "comments.json").read_text())
        return found


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    shutil.copytree(ROOT / "examples" / "keys", tmp_path / "keys")
    shutil.copy(ROOT / "examples" / "quickstart.yaml", tmp_path / "tokenvault.yaml")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gh").write_text(GH)
    (tmp_path / "bin" / "gh").chmod(0o755)
    return Runner(tmp_path)


def test_from_pull_request_to_apply_of_exactly_that_plan(runner: Runner) -> None:
    planned = runner.run("plan")
    assert planned.returncode == 0, planned.stderr
    assert "changes=true" in (runner.folder / "github_output").read_text()
    assert "application.assistant" in (runner.folder / "github_step_summary").read_text()
    assert list(runner.comments) == ["1"]
    assert runner.comments["1"].startswith("<!-- tokenvault:plan")
    applied = runner.run("apply")
    assert applied.returncode == 0, applied.stderr
    assert "Apply complete!" in applied.stdout
    assert cli("plan", "tokenvault.yaml", "--sandbox", "--detailed-exitcode", cwd=runner.folder).code == 0


def test_a_second_push_updates_the_one_comment(runner: Runner) -> None:
    runner.run("plan")
    spec = yaml.safe_load((runner.folder / "tokenvault.yaml").read_text())
    del spec["applications"]["calendar-spa"]
    (runner.folder / "tokenvault.yaml").write_text(yaml.safe_dump(spec))
    runner.run("plan")
    assert list(runner.comments) == ["1"]
    assert "application.calendar-spa" not in runner.comments["1"]


def test_a_wrong_spec_is_annotated_at_its_line_and_nothing_else_happens(runner: Runner) -> None:
    spec = runner.folder / "tokenvault.yaml"
    spec.write_text(spec.read_text().replace("flavors: [connected_accounts", "flavours: [connected_accounts"))
    planned = runner.run("plan")
    line = next(n for n, text in enumerate(spec.read_text().splitlines(), 1) if "flavours" in text)
    assert planned.returncode == 1
    assert f"::error file=tokenvault.yaml,line={line}," in planned.stdout
    assert not (runner.folder / "comments.json").exists()
    assert not (runner.folder / "tokenvault-plan.json").exists()


def test_what_a_pull_request_says_is_never_run(runner: Runner) -> None:
    planned = runner.run("plan", SPEC="tokenvault.yaml; touch hacked", ARGUMENTS="--sandbox $(touch hacked)")
    assert planned.returncode != 0
    assert not (runner.folder / "hacked").exists()


def test_without_changes_it_says_so(runner: Runner) -> None:
    assert runner.run("apply").returncode == 0
    assert runner.run("plan").returncode == 0
    assert "changes=false" in (runner.folder / "github_output").read_text()


def test_every_input_of_the_action_reaches_the_script() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    script = (ACTION / "run.sh").read_text()
    run = next(step for step in action["runs"]["steps"] if step.get("id") == "run")
    for name in run["env"]:
        assert name in script or name == "GH_TOKEN", name
    used = json.dumps(action["runs"])
    for name in action["inputs"]:
        assert f"inputs.{name}" in used, name
    assert "${{" not in script

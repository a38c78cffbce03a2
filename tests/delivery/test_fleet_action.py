"""The action for a fleet, run as a runner runs it: from pull request to apply, and what is refused on the way."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.github import ACTION, GitHub, Ran
from tests.support import ROOT, cli, tenant
from tokenvault.sandbox import open_sandbox

HEAD, MERGE = "a" * 40, "b" * 40
FLEET = {"fleet": "fleet.yaml", "arguments": "--sandbox"}
MEMBERS = {"dev", "eu", "us", "trial"}


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    found = GitHub(tmp_path)
    for file in (ROOT / "examples" / "fleet").glob("*.yaml"):
        shutil.copy(file, found.checkout / file.name)
    return found


def edited(github: GitHub, name: str, old: str, new: str) -> None:
    path = github.checkout / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def reviewed(github: GitHub, head: str = HEAD, merge: str = MERGE, **inputs: str) -> Ran:
    """A pull request that was planned and then merged."""
    ran = github.pull_request(head, **{**FLEET, **inputs})
    assert ran.code == 0, ran.log
    github.merged(head, merge)
    return ran


def applied(github: GitHub) -> set[str]:
    """The tenants that have the spec's application."""
    folder = github.checkout / ".tokenvault" / "fleet"
    found = {path.stem: tenant(path)["clients"].values() for path in folder.glob("*.db")}
    return {
        name
        for name, clients in found.items()
        if any("tokenvault" in (c.get("client_metadata") or {}) for c in clients)
    }


def refused(ran: Ran, says: str) -> None:
    assert ran.code == 1, ran.log
    assert says in ran.errors, ran.log
    assert not re.search(r"\d applied\.", ran.log)


def test_from_pull_request_to_apply_in_every_tenant(github: GitHub) -> None:
    planned = reviewed(github)
    assert planned.outputs["changes"] == "true" and planned.outputs["plan-file"] == "tokenvault-plans"
    (comment,) = github.comments
    assert comment.startswith("<!-- tokenvault:fleet acme key=") and HEAD in comment
    assert "2 tenants: the same" in comment and "application.assistant" in comment
    assert applied(github) == set()
    shutil.rmtree(github.checkout / "tokenvault-plans")  # another job has another checkout
    done = github.push(MERGE, **FLEET)
    assert done.code == 0, done.log
    for ran in (planned, done):  # by hand nobody can apply a file of a runner that is gone
        assert "Apply exactly these with" not in ran.log
    assert applied(github) == MEMBERS
    assert cli("fleet", "plan", "--sandbox", "--detailed-exitcode", cwd=github.checkout).code == 0
    again = github.push(MERGE, **FLEET)
    assert again.code == 0 and "Nothing to apply" in again.log


def test_a_second_push_updates_the_one_comment(github: GitHub) -> None:
    github.pull_request(HEAD, **FLEET)
    github.pull_request("d" * 40, **FLEET)
    (comment,) = github.comments
    assert "d" * 40 in comment


def test_only_tenants_that_were_planned_are_applied(github: GitHub) -> None:
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=github.checkout, check=True)
    edited(github, "fleet.yaml", "APP_HOST: assistant.dev.example.com", "APP_HOST: new.dev.example.com")
    reviewed(github, arguments="--sandbox --changed HEAD")
    (comment,) = github.comments
    assert "dev" in comment and "trial" not in comment
    done = github.push(MERGE, **{**FLEET, "arguments": "--sandbox --changed HEAD"})
    assert done.code == 0, done.log
    assert applied(github) == {"dev"}


def test_without_a_reviewed_plan_nothing_is_applied(github: GitHub) -> None:
    refused(github.push(MERGE, **FLEET), "There is no plan of fleet acme that was reviewed")
    assert applied(github) == set()


def test_files_that_changed_since_the_review_are_not_applied(github: GitHub) -> None:
    reviewed(github)
    edited(github, "base.yaml", "https://${env:APP_HOST}", "https://evil.${env:APP_HOST}")
    refused(github.push(MERGE, **FLEET), "another fleet's files")
    assert applied(github) == set()


def test_a_plan_of_another_commit_is_not_applied(github: GitHub) -> None:
    reviewed(github)
    github.change(pulls={})
    refused(github.push("e" * 40, **FLEET), "another commit")
    shutil.rmtree(github.checkout / "tokenvault-plans")
    refused(github.push("e" * 40, **FLEET), "no plan of fleet acme")
    assert applied(github) == set()


def test_one_tenant_that_changed_since_the_review_stops_all(github: GitHub) -> None:
    reviewed(github)
    assert github.push(MERGE, **FLEET).code == 0
    edited(github, "fleet.yaml", "APP_HOST: assistant.eu.example.com", "APP_HOST: new.eu.example.com")
    shutil.rmtree(github.checkout / "tokenvault-plans")
    reviewed(github, "c" * 40, "d" * 40)
    spoilt(github.checkout / ".tokenvault" / "fleet" / "us.db")
    ran = github.push("d" * 40, **FLEET)
    refused(ran, "Nothing was applied")
    assert "us: application.assistant" in ran.errors
    assert "new.eu.example.com" not in str(tenant(github.checkout / ".tokenvault" / "fleet" / "eu.db")["clients"])


def spoilt(path: Path) -> None:
    """Somebody switches the application's grants off by hand."""
    sandbox = open_sandbox(path)
    state = sandbox.export_state()
    for client in state["objects"]["clients"].values():
        if "tokenvault" in (client.get("client_metadata") or {}):
            client["grant_types"] = ["authorization_code"]
    sandbox.load_state(state)
    sandbox.close()


@pytest.mark.parametrize("of", ["a plan", "the index", "the record"])
def test_a_plan_that_was_touched_is_no_permit(github: GitHub, of: str) -> None:
    reviewed(github)
    folder = github.checkout / "tokenvault-plans"
    path = {
        "a plan": folder / "eu.json",
        "the index": folder / "index.json",
        "the record": Path(f"{folder}.review.json"),
    }[of]
    path.write_text(path.read_text().replace("acme", "acne").replace("assistant", "assistent"))
    ran = github.push(MERGE, **FLEET)
    assert ran.code == 1 and ran.errors, ran.log
    assert applied(github) == set()


@pytest.mark.parametrize("member", ["../escaped.json", "/tmp/escaped.json", "run.py", "a/b.json"])
def test_an_artifact_holds_plans_and_nothing_else(github: GitHub, member: str) -> None:
    planned = reviewed(github)
    shutil.rmtree(github.checkout / "tokenvault-plans")
    (artifact,) = github.store["artifacts"]
    members = github.members_of(artifact["id"])
    github.change(artifacts=[])
    github.add_artifact(planned.outputs["artifact"], {**members, member: b"{}"}, artifact["workflow_run"])
    refused(github.push(MERGE, **FLEET), "holds no plans that this action saved")
    assert not list(github.folder.rglob("escaped.json")) and applied(github) == set()


def test_the_artifact_of_a_fork_is_not_taken(github: GitHub) -> None:
    reviewed(github)
    shutil.rmtree(github.checkout / "tokenvault-plans")
    (artifact,) = github.store["artifacts"]
    artifact["workflow_run"]["head_repository_id"] = 2
    github.change(artifacts=[artifact])
    refused(github.push(MERGE, **FLEET), "no plan of fleet acme")


def test_a_fork_s_fleet_is_validated_and_not_planned(github: GitHub) -> None:
    secret = {"DEV_AUTH0_API_TOKEN": "canary-token"}
    ran = github.pull_request(HEAD, fork="mallory/specs", env=secret, **FLEET)
    assert ran.code == 0, ran.log
    assert "nothing is planned" in ran.log and not github.comments and "canary-token" not in ran.log
    edited(github, "fleet.yaml", "wave: 2", "wave: two")
    assert github.pull_request(HEAD, fork="mallory/specs", **FLEET).code == 1


def test_a_spec_that_is_wrong_is_annotated_at_its_line(github: GitHub) -> None:
    edited(github, "base.yaml", "type: regular_web", "type: regular-web")
    ran = github.pull_request(HEAD, **FLEET)
    refused(ran, "The fleet is not valid")
    (told,) = [line for line in ran.log.splitlines() if "title=spec-value" in line]
    assert re.match(r"::error file=\S*base\.yaml,line=\d+,title=spec-value::", told), told
    assert "dev, " in told


def test_a_tenant_that_cannot_be_planned_is_shown_and_fails_the_step(github: GitHub) -> None:
    edited(github, "base.yaml", "connections:", "connections:\n  nowhere: {}")
    ran = github.pull_request(HEAD, **FLEET)
    refused(ran, "Not every tenant could be planned")
    assert "nowhere" in github.comments[0] and "saved" not in ran.outputs


def test_a_pull_request_does_not_apply(github: GitHub) -> None:
    refused(github.pull_request(HEAD, command="apply", **FLEET), "does not apply")


@pytest.mark.parametrize(
    "argument", ["--target x", "--out x", "--format json", "--failed", "-y", "other.yaml", "--json"]
)
def test_what_a_fleet_does_not_take_is_refused(github: GitHub, argument: str) -> None:
    refused(github.pull_request(HEAD, fleet="fleet.yaml", arguments=f"--sandbox {argument}"), argument.split()[0])


def test_an_option_of_a_fleet_is_none_of_one_spec(github: GitHub) -> None:
    refused(github.pull_request(HEAD, arguments="--only dev"), "--only")


def test_the_action_knows_every_option_of_the_fleet() -> None:
    """A new option is either passed on, or is one of those that the action decides."""
    decided = {
        "--out",
        "--format",
        "--json",
        "--full",
        "--detailed-exitcode",
        "--auto-approve",
        "--yes",
        "--help",
        "--output",
    }
    decided |= {"--failed", "--results"}  # they are about an earlier run on the same machine
    table: Any = runpy.run_path(str(ACTION / "run.py"), run_name="action")
    for command in ("validate", "plan", "apply"):
        shown = cli("fleet", command, "--help").out.split("Options:")[1]
        for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", shown)) - decided:
            commands = table["OPTIONS"][option].commands
            assert {f"fleet {command}", "fleet plan"} & commands, f"{command} {option}"  # a saved plan takes no --prune


def test_the_record_says_what_was_planned_from_what(github: GitHub) -> None:
    reviewed(github)
    record = json.loads((github.checkout / "tokenvault-plans.review.json").read_text())
    assert {Path(file).name for file in record["files"]} == {"fleet.yaml", "base.yaml", "production.yaml"}
    assert record["commit"] == HEAD and record["fleet"] == "acme"

"""The action, run as a runner runs it: from pull request to apply, and everything that may come between."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.delivery.github import ACTION, BOT, GitHub, Ran, quickstart
from tests.support import ROOT, by_name, cli, served, tenant

HEAD, MERGE = "a" * 40, "b" * 40
SANDBOX = {"arguments": "--sandbox"}


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    found = GitHub(tmp_path)
    quickstart(found.checkout)
    return found


def edited(github: GitHub, old: str, new: str, name: str = "tokenvault.yaml") -> None:
    path = github.checkout / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def shows_host(github: GitHub) -> None:
    """The spec names a variable, and lets plans show it."""
    edited(github, "name: quickstart", "variables: [HOST]\nname: quickstart")
    edited(github, "callbacks: [", 'callbacks: ["https://${env:HOST}/x", ')


def reviewed(github: GitHub, **inputs: str) -> Ran:
    """A pull request that was planned and then merged."""
    ran = github.pull_request(HEAD, **{**SANDBOX, **inputs})
    assert ran.code == 0, ran.log
    github.merged(HEAD, MERGE)
    return ran


def apps(github: GitHub, state: str = ".tokenvault/sandbox.db") -> set[str]:
    """The applications of the simulated tenant that the quickstart asks for."""
    path = github.checkout / state
    names = {client.get("name", "") for client in tenant(path)["clients"].values()} if path.exists() else set()
    return names & {"Acme Assistant", "Acme Calendar", "Acme Nightly Sync"}


def refused(ran: Ran, says: str) -> None:
    assert ran.code == 1, ran.log
    assert says in ran.errors, ran.log
    assert "Apply complete!" not in ran.log


# ---- the way from pull request to tenant


def test_from_pull_request_to_apply_of_what_was_reviewed(github: GitHub) -> None:
    planned = reviewed(github)
    assert planned.outputs["changes"] == "true"
    assert "application.assistant" in planned.summary
    (comment,) = github.comments
    assert comment.startswith("<!-- tokenvault:plan spec=") and HEAD in comment
    applied = github.push(MERGE, **SANDBOX)
    assert applied.code == 0, applied.log
    assert "Apply complete!" in applied.log
    for ran in (planned, applied):  # by hand nobody can apply a file of a runner that is gone
        assert "Apply exactly this with" not in ran.log
    assert cli("plan", "tokenvault.yaml", "--sandbox", "--detailed-exitcode", cwd=github.checkout).code == 0


def test_a_second_push_updates_the_one_comment(github: GitHub) -> None:
    github.pull_request(HEAD, **SANDBOX)
    spec = yaml.safe_load((github.checkout / "tokenvault.yaml").read_text())
    del spec["applications"]["calendar-spa"]
    (github.checkout / "tokenvault.yaml").write_text(yaml.safe_dump(spec))
    github.pull_request("d" * 40, **SANDBOX)
    (comment,) = github.comments
    assert "application.calendar-spa" not in comment and "d" * 40 in comment


def test_without_changes_it_says_so_and_applies_nothing(github: GitHub) -> None:
    reviewed(github)
    assert github.push(MERGE, **SANDBOX).code == 0
    assert github.pull_request(HEAD, **SANDBOX).outputs["changes"] == "false"
    again = github.push(MERGE, **SANDBOX)
    assert again.code == 0 and "Nothing to apply" in again.log


def test_a_plan_file_that_is_here_is_applied_for_its_own_commit(github: GitHub) -> None:
    planned = github.job("push", MERGE, {}, {}, {"command": "plan", "plan-file": "plans x.json", **SANDBOX})
    assert planned.outputs["plan-file"] == "plans x.json"
    applied = github.push(MERGE, **SANDBOX, **{"plan-file": "plans x.json"})
    assert applied.code == 0, applied.log
    assert "Apply complete!" in applied.log


def test_a_plan_made_by_hand_is_applied_in_the_same_run_only(github: GitHub) -> None:
    """`workflow_dispatch`: one job plans, the next waits for its reviewers."""
    planned = github.job("workflow_dispatch", MERGE, {}, {}, {"command": "plan", **SANDBOX})
    assert planned.code == 0, planned.log
    (github.checkout / "tokenvault-plan.json").unlink()
    refused(github.push(MERGE, **SANDBOX), "no plan of spec")
    run = {"GITHUB_RUN_ID": "1001"}
    applied = github.job("workflow_dispatch", MERGE, {}, run, {"command": "apply", **SANDBOX})
    assert applied.code == 0, applied.log


def test_an_apply_that_was_cut_short_is_finished_by_the_second_try(github: GitHub) -> None:
    reviewed(github)
    for target in ("application.assistant", "connection.google-oauth2", "credential.nightly-sync.*"):
        assert cli("apply", "-y", "--sandbox", "--target", target, cwd=github.checkout).code == 0
    applied = github.push(MERGE, **SANDBOX)
    assert applied.code == 0, applied.log
    assert cli("plan", "--sandbox", "--detailed-exitcode", cwd=github.checkout).code == 0


def test_a_variable_may_be_opened_in_the_arguments(github: GitHub) -> None:
    edited(github, "callbacks: [", 'callbacks: ["https://${env:HOST}/x", ')
    env, inputs = {"HOST": "one.example"}, {"arguments": "--sandbox --allow-env HOST"}
    planned = github.pull_request(HEAD, env=env, **inputs)
    assert planned.code == 0 and "HOST" in planned.summary, planned.log
    github.merged(HEAD, MERGE)
    applied = github.push(MERGE, env=env, **inputs)
    assert applied.code == 0, applied.log


# ---- nothing is applied that was not reviewed


def test_without_a_reviewed_plan_nothing_is_applied(github: GitHub) -> None:
    refused(github.push(MERGE, **SANDBOX), "nothing is applied without one")
    assert not apps(github)


@pytest.mark.slow
def test_a_plan_file_that_is_not_there_is_no_leave_to_apply_the_spec(github: GitHub) -> None:
    reviewed(github)
    for name in ("tokenvault-plna.json", "-p.json", "no such/plan.json", "tokenvault-plan.json\nx", "*.json", "keys"):
        refused(github.push(MERGE, **SANDBOX, **{"plan-file": name}), "plan")
    assert not apps(github)


def test_a_spec_that_changed_since_the_review_is_not_applied(github: GitHub) -> None:
    reviewed(github)
    edited(github, "github: {}", "github: {scopes: [repo]}")
    refused(github.push(MERGE, **SANDBOX), "another spec's files")
    assert not apps(github)


def test_another_value_of_a_variable_is_not_applied(github: GitHub) -> None:
    (github.checkout / "env").write_text("HOST=one.example\n")
    shows_host(github)
    inputs = {"arguments": "--sandbox --env-file env"}
    reviewed(github, **inputs)
    (github.checkout / "env").write_text("HOST=two.example\n")
    refused(github.push(MERGE, **inputs), "another spec's files")
    refused(github.push(MERGE, env={"HOST": "three.example"}, **inputs), "")
    assert not apps(github)


def test_a_plan_for_another_tenant_is_not_applied(github: GitHub) -> None:
    """Between two tenants nothing but their domains differs."""
    github.job("push", MERGE, {}, {}, {"command": "plan", "plan-file": "p.json", **SANDBOX})
    for name in ("p.json", "p.json.review.json"):
        path = github.checkout / name
        path.write_text(path.read_text().replace("sandbox.localhost", "other.localhost"))
    rehash(github.checkout / "p.json")
    refused(github.push(MERGE, **SANDBOX, **{"plan-file": "p.json"}), "another tenant")
    assert not apps(github)


def rehash(plan: Path) -> None:
    """Makes a forged plan look whole, as whoever may write both files can."""
    document = json.loads(plan.read_text())
    content = {name: value for name, value in document.items() if name != "integrity"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    document["integrity"] = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    plan.write_text(json.dumps(document))
    record = plan.with_name(f"{plan.name}.review.json")
    found = json.loads(record.read_text())
    record.write_text(json.dumps({**found, "plan": hashlib.sha256(plan.read_bytes()).hexdigest()}))


def test_a_plan_for_another_commit_is_not_applied(github: GitHub) -> None:
    """Such as one that a pull request adds to the repository: it cannot name the commit that it is part of."""
    github.job("push", MERGE, {}, {}, {"command": "plan", **SANDBOX})
    record = github.checkout / "tokenvault-plan.json.review.json"
    for commit in (HEAD, "e" * 40, "", "not a commit"):
        record.write_text(json.dumps({**json.loads(record.read_text()), "commit": commit}))
        refused(github.push(MERGE, **SANDBOX), "another commit")
    assert not apps(github)


@pytest.mark.slow
def test_a_plan_that_does_not_say_what_it_was_made_for_is_not_applied(github: GitHub) -> None:
    github.job("push", MERGE, {}, {}, {"command": "plan", **SANDBOX})
    record = github.checkout / "tokenvault-plan.json.review.json"
    for content in ("", "[]", "null", '{"format": "tokenvault-review"}', '{"format": 1, "plan": []}'):
        record.write_text(content)
        refused(github.push(MERGE, **SANDBOX), "missing or damaged")
    record.unlink()
    refused(github.push(MERGE, **SANDBOX), "missing or damaged")


def forge(github: GitHub, plan: bytes, review: bytes, artifact: Any) -> None:
    """Stores an artifact as a run in this repository makes it, in which everything fits but what it says."""
    (github.checkout / "plan.json").write_bytes(plan)
    (github.checkout / "plan.json.review.json").write_bytes(review)
    rehash(github.checkout / "plan.json")
    members = {"plan.json": "plan.json", "review.json": "plan.json.review.json"}
    forged = {member: (github.checkout / name).read_bytes() for member, name in members.items()}
    github.add_artifact(artifact["name"], forged, {**artifact["workflow_run"], "id": 9999})
    (github.checkout / "tokenvault-plan.json").unlink()


@pytest.mark.parametrize("part", ["all of it", "what is shown", "what is applied"])
def test_a_forged_artifact_causes_nothing_that_the_spec_does_not_ask_for(github: GitHub, part: str) -> None:
    reviewed(github)
    (artifact,) = github.store["artifacts"]
    members = github.members_of(artifact["id"])
    document = json.loads(members["plan.json"])
    evil = json.loads(members["plan.json"].replace(b"localhost:3000", b"evil.example"))
    shown, applied = (
        (evil, document) if part == "what is shown" else (document, evil) if part != "all of it" else (evil, evil)
    )
    forge(github, json.dumps({**shown, "apply": applied["apply"]}).encode(), members["review.json"], artifact)
    ran = github.push(MERGE, **SANDBOX)
    if part == "what is applied":  # the part that a reviewer sees is what the spec asks for: that is applied
        assert ran.code == 0, ran.log
    else:
        refused(ran, "not reviewed as they are now")
    assert "evil.example" not in json.dumps(tenant(github.checkout / ".tokenvault" / "sandbox.db"))


def test_the_plan_of_a_pull_request_that_did_not_become_this_commit_is_not_applied(github: GitHub) -> None:
    github.pull_request(HEAD, **SANDBOX)
    (github.checkout / "tokenvault-plan.json").unlink()
    others: list[dict[str, Any]] = [{"merged_at": None}, {"merge_commit_sha": "f" * 40}, {"base": {"ref": "elsewhere"}}]
    for pull in others:
        github.merged(HEAD, MERGE, **pull)
    refused(github.push(MERGE, **SANDBOX), "nothing is applied without one")


def test_an_artifact_of_a_fork_or_of_another_commit_or_name_is_not_fetched(github: GitHub) -> None:
    reviewed(github)
    (github.checkout / "tokenvault-plan.json").unlink()
    (artifact,) = github.store["artifacts"]
    runs = [{"head_repository_id": 2}, {"head_repository_id": None}, {"head_sha": "e" * 40}, {"head_sha": MERGE}]
    others = [{**artifact, "workflow_run": {**artifact["workflow_run"], **run}} for run in runs]
    others += [{**artifact, "name": "x"}, {**artifact, "expired": True}, {**artifact, "workflow_run": None}]
    github.change(ignores_names=True, artifacts=others)
    refused(github.push(MERGE, **SANDBOX), "nothing is applied without one")


@pytest.mark.slow
def test_an_artifact_that_is_no_plan_is_refused(github: GitHub) -> None:
    reviewed(github)
    (github.checkout / "tokenvault-plan.json").unlink()
    (artifact,) = github.store["artifacts"]
    contents: list[dict[str, bytes]] = [{}, {"plan.json": b"{}"}, {"../plan.json": b"{}", "review.json": b"{}"}]
    for members in [*contents, {"plan.json": b"{}", "review.json": b"{}"}]:
        github.add_artifact(artifact["name"], members, {**artifact["workflow_run"], "id": 9999})
        applied = github.push(MERGE, **SANDBOX)
        assert applied.code == 1 and re.search("not a plan|cannot be used as a plan", applied.errors), applied.log
    assert not apps(github)


def test_a_pull_request_never_applies(github: GitHub) -> None:
    reviewed(github)
    refused(github.pull_request(HEAD, command="apply", **SANDBOX), "does not apply")
    refused(github.push(MERGE, env={"GITHUB_EVENT_NAME": "pull_request_target"}, **SANDBOX), "does not apply")
    assert not apps(github)


@contextlib.contextmanager
def by_hand(github: GitHub) -> Iterator[httpx.Client]:
    """A person at the dashboard of the simulated tenant."""
    with served(github.checkout / ".tokenvault" / "sandbox.db") as domain:
        headers = {"Authorization": "Bearer sandbox"}
        with httpx.Client(base_url=f"http://{domain}/api/v2", headers=headers, trust_env=False) as client:
            yield client


def test_what_somebody_changed_meanwhile_is_not_overwritten(github: GitHub) -> None:
    reviewed(github)
    with by_hand(github) as client:
        made = client.post("/clients", json={"name": "Acme Assistant", "app_type": "spa", "is_first_party": True})
        assert made.status_code == 201
    applied = github.push(MERGE, **SANDBOX)
    assert applied.code == 1, applied.log
    assert "Apply complete!" not in applied.log
    clients = tenant(github.checkout / ".tokenvault" / "sandbox.db")["clients"].values()
    assert [c["app_type"] for c in clients if c["name"] == "Acme Assistant"] == ["spa"]


@pytest.mark.slow
def test_what_drifted_elsewhere_waits_for_its_own_review(github: GitHub) -> None:
    """A change that the spec asks for by now, and that the reviewed plan does not hold."""
    reviewed(github)
    assert github.push(MERGE, **SANDBOX).code == 0
    edited(github, "callbacks: [http://localhost:5173/", "callbacks: [http://localhost:5174/")
    (github.checkout / "tokenvault-plan.json").unlink()
    github.pull_request("d" * 40, **SANDBOX)
    github.merged("d" * 40, "e" * 40)
    (github.checkout / "tokenvault-plan.json").unlink()
    state = github.checkout / ".tokenvault" / "sandbox.db"
    assistant = by_name(tenant(state)["clients"], "Acme Assistant")["client_id"]
    with by_hand(github) as client:
        assert client.patch(f"/clients/{assistant}", json={"callbacks": []}).status_code == 200
    applied = github.push("e" * 40, **SANDBOX)
    assert applied.code == 0, applied.log
    assert "::notice title=tokenvault::application.assistant needs a change" in applied.log
    clients = tenant(state)["clients"]
    assert clients[assistant]["callbacks"] == []
    assert any("http://localhost:5174/auth/callback" in client.get("callbacks", []) for client in clients.values())


# ---- inputs


@pytest.mark.slow
def test_options_on_several_lines_all_count(github: GitHub) -> None:
    """H3: `--max-destroy 0` on a second line was dropped without a word."""
    reviewed(github)
    assert github.push(MERGE, **SANDBOX).code == 0
    spec = yaml.safe_load((github.checkout / "tokenvault.yaml").read_text())
    del spec["applications"]["nightly-sync"]
    (github.checkout / "tokenvault.yaml").write_text(yaml.safe_dump(spec))
    planned = github.pull_request(HEAD, arguments="--sandbox\n--prune\n--max-destroy 0\n")
    refused(planned, "no plan")
    assert "max-destroy" in planned.log


def test_each_command_gets_the_options_that_it_knows(github: GitHub) -> None:
    """`--target` in the arguments failed the apply of the saved plan, and `validate` got no `--env-file`."""
    (github.checkout / "my vars.env").write_text("HOST=one.example\n")
    shows_host(github)
    inputs = {"arguments": "--sandbox=t.db --env-file 'my vars.env' --target application.assistant --max-destroy=0 -v"}
    reviewed(github, **inputs)
    applied = github.push(MERGE, **inputs)
    assert applied.code == 0, applied.log
    names = {client.get("name") for client in tenant(github.checkout / "t.db")["clients"].values()}
    assert len(apps(github, "t.db")) == 1, names


def test_several_specs_and_names_with_spaces(github: GitHub) -> None:
    (github.checkout / "tokenvault.yaml").rename(github.checkout / "the spec.yaml")
    (github.checkout / "more.yaml").write_text("version: 1\nname: quickstart\noverlay: true\n")
    for spec in ("'the spec.yaml' more.yaml", '"the spec.yaml"\nmore.yaml\n', "the\\ spec.yaml\tmore.yaml"):
        planned = github.pull_request(HEAD, spec=spec, **SANDBOX)
        assert planned.code == 0, planned.log


def test_a_file_whose_name_begins_with_a_dash_is_a_file(github: GitHub) -> None:
    (github.checkout / "tokenvault.yaml").rename(github.checkout / "--prune")
    planned = github.pull_request(HEAD, spec="--prune", **SANDBOX, **{"plan-file": "-p.json"})
    assert planned.code == 0, planned.log
    assert (github.checkout / "-p.json").exists() and "application.assistant" in planned.summary


SHELL = ["$(touch hacked)", "`touch hacked`", "; touch hacked", "x && touch hacked", "> hacked", "${IFS}x"]
HOSTILE = [
    *SHELL,
    "*",
    "'",
    '"',
    "\\",
    "\x1b[31m",
    "\r",
    "\u202e",
    "::error::x",
    "##[error]x",
    "%0A::error::x",
    "''",
    "'a\nb'",
    "~",
    "-",
]
NAMES = {"spec": "SPEC", "arguments": "ARGUMENTS", "plan-file": "PLAN_FILE", "comment": "COMMENT", "command": "COMMAND"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spec", "arguments", "plan-file"])
def test_what_an_input_says_is_never_run(github: GitHub, name: str) -> None:
    for text in SHELL:
        before = {path.name for path in github.checkout.iterdir()}
        inputs = {**SANDBOX, name: f"--sandbox {text}" if name == "arguments" else text}
        ran = github.pull_request(HEAD, **inputs)
        made = {path.name for path in github.checkout.iterdir()} - before
        assert made - {".tokenvault"} == (set() if ran.code else {text, f"{text}.review.json"})
        assert (ran.code == 0) == (name == "plan-file"), ran.log


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", HOSTILE)
def test_an_input_is_one_value_or_is_refused(name: str, text: str) -> None:
    """Read as `run.py` reads it; what comes of it is what was said, or a refusal whose text starts no command."""
    script: Any = runpy.run_path(str(ACTION / "run.py"), run_name="action")
    said = io.StringIO()
    try:
        inputs = script["read_inputs"]({NAMES[name]: text})
    except script["Refused"] as refusal:
        with contextlib.redirect_stdout(said):
            script["annotate"]("error", str(refusal))
        assert said.getvalue().count("\n") == 1 and commands(said.getvalue()) == {"error title=tokenvault"}
        return
    assert name in ("spec", "plan-file")
    assert (
        " ".join(inputs.specs) == text.replace("-", "./-")
        if name == "spec"
        else inputs.plan_file == text.replace("-", "./-")
    )


@pytest.mark.parametrize(
    "option",
    [
        "--out x",
        "-o x",
        "--format json",
        "-y",
        "--auto-approve",
        "--live x",
        "--json",
        "--help",
        "--full",
        "other.yaml",
        "--tenant",
    ],
)
def test_what_the_action_decides_is_no_argument(github: GitHub, option: str) -> None:
    refused(github.pull_request(HEAD, arguments=f"--sandbox {option}"), option.split()[0])


def test_the_action_knows_every_option_of_the_commands() -> None:
    """A new option of tokenvault is either passed on, or is one of those that the action decides."""
    decided = {
        "--out",
        "--output",
        "--format",
        "--summary",
        "--full",
        "--detailed-exitcode",
        "--live",
        "--auto-approve",
        "--yes",
        "--json",
        "--help",
        "--each",  # the files of `spec` are one spec
    }
    table = (ACTION / "run.py").read_text()
    for command in ("validate", "plan", "apply"):
        shown = cli(command, "--help").out.split("Options:")[1]
        for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", shown)) - decided:
            assert f'"{option}": Option(' in table, f"{command} {option}"


# ---- what the plan leads to


@pytest.mark.parametrize("fails", [False, True])
def test_what_will_not_work_is_a_warning_of_the_run_or_its_failure(github: GitHub, fails: bool) -> None:
    edited(github, "callbacks: [http://localhost:3000/auth/callback]", "")
    ran = github.pull_request(HEAD, arguments="--sandbox --fail-on broken" if fails else "--sandbox")
    assert "::warning title=tokenvault::Will still not work: application assistant: it has no callback URL" in ran.log
    assert "Will still not work" in ran.summary and github.comments
    assert ran.code == (1 if fails else 0), ran.log


# ---- comments


def test_the_comment_of_somebody_else_is_left_alone(github: GitHub) -> None:
    """M1: any comment that begins with the marker was overwritten."""
    github.pull_request(HEAD, **SANDBOX)
    (own,) = github.store["comments"]
    forged = {"id": 90, "user": {"login": "mallory"}, "body": own["body"].split("\n")[0] + "\nLooks good!"}
    nobody = {**forged, "id": 91, "user": None}
    github.change(comments=[forged, nobody, own])
    github.pull_request("d" * 40, **SANDBOX)
    bodies = {comment["id"]: comment["body"] for comment in github.store["comments"]}
    assert len(bodies) == 3
    assert bodies[90].endswith("Looks good!") and bodies[91].endswith("Looks good!")
    assert "d" * 40 in bodies[own["id"]]


def test_own_comments_about_something_else_are_left_alone(github: GitHub) -> None:
    github.change(
        comments=[
            {"id": 1, "user": {"login": BOT}, "body": "<!-- tokenvault:plan -->\nother"},
            {"id": 2, "user": {"login": BOT}, "body": "Coverage fell"},
        ]
    )
    github.pull_request(HEAD, **SANDBOX)
    assert [c["id"] for c in github.store["comments"]] == [1, 2, 3]
    assert github.comments[:2] == ["<!-- tokenvault:plan -->\nother", "Coverage fell"]


@pytest.mark.slow
def test_another_user_of_the_token_has_comments_of_its_own(github: GitHub) -> None:
    github.pull_request(HEAD, **SANDBOX)
    github.change(login="acme-robot[bot]")
    github.pull_request(HEAD, **SANDBOX)
    github.pull_request(HEAD, **SANDBOX)
    assert [c["user"]["login"] for c in github.store["comments"]] == [BOT, "acme-robot[bot]"]


def test_a_token_that_may_not_comment_is_no_failure(github: GitHub) -> None:
    github.change(fails=403)
    planned = github.pull_request(HEAD, **SANDBOX)
    assert planned.code == 0, planned.log
    assert "::notice" in planned.log and "application.assistant" in planned.summary
    assert planned.outputs["saved"] == "true"


def test_a_comment_that_failed_otherwise_is_a_failure(github: GitHub) -> None:
    """The one that is there shows an older plan."""
    github.change(fails=502)
    assert github.pull_request(HEAD, **SANDBOX).code == 1


def test_comments_can_be_left_out(github: GitHub) -> None:
    assert github.pull_request(HEAD, comment="false", **SANDBOX).code == 0
    assert github.comments == []


# ---- environments side by side


@pytest.fixture
def environments(tmp_path: Path) -> GitHub:
    found = GitHub(tmp_path)
    for path in (ROOT / "examples" / "environments").iterdir():
        shutil.copy(path, found.checkout / path.name)
    return found


@pytest.mark.slow
def test_environments_side_by_side_work_as_the_guide_says(environments: GitHub) -> None:
    guide = (ROOT / "examples" / "environments" / "README.md").read_text()
    documented = re.findall(r"\{environment: (\w+), spec: ([^,}]+), arguments: ([^}]+)\}", guide)
    assert [name for name, _, _ in documented] == ["dev", "production"]
    for name, spec, arguments in documented:
        planned = environments.pull_request(HEAD, spec=spec, arguments=f"{arguments} --sandbox={name}.db")
        assert planned.code == 0, planned.log
    assert len(set(environments.comments)) == 2
    assert len({artifact["name"] for artifact in environments.store["artifacts"]}) == 2
    environments.merged(HEAD, MERGE)
    (environments.checkout / "tokenvault-plan.json").unlink()
    for name, spec, arguments in reversed(documented):
        applied = environments.push(MERGE, spec=spec, arguments=f"{arguments} --sandbox={name}.db")
        assert applied.code == 0, applied.log
    for name, callback in (("dev", "http://localhost:3000"), ("production", "https://assistant.acme.example")):
        clients = tenant(environments.checkout / f"{name}.db")["clients"].values()
        assert {c["callbacks"][0] for c in clients if c.get("name") == "Acme Assistant"} == {
            f"{callback}/auth/callback"
        }


def test_the_plan_of_one_environment_is_not_applied_to_another(environments: GitHub) -> None:
    dev = {"spec": "base.yaml dev.yaml", "arguments": "--env-file dev.env --sandbox=dev.db"}
    production = {"spec": "base.yaml production.yaml", "arguments": "--env-file production.env --sandbox=production.db"}
    environments.pull_request(HEAD, **dev)
    environments.merged(HEAD, MERGE)
    refused(environments.push(MERGE, **production, **{"plan-file": "tokenvault-plan.json"}), "is for another")
    (environments.checkout / "tokenvault-plan.json").unlink()
    refused(environments.push(MERGE, **production), "nothing is applied without one")


# ---- forks


def test_a_fork_gets_validation_and_explanation_and_no_failure(github: GitHub) -> None:
    shows_host(github)
    ran = github.pull_request(HEAD, fork="mallory/specs", env={"AUTH0_CLIENT_SECRET": "", "HOST": ""})
    assert ran.code == 0, ran.log
    assert "application.assistant" in ran.summary and "connected_accounts" in ran.summary
    assert ran.outputs == {} and github.comments == [] and github.store["artifacts"] == []


@pytest.mark.parametrize("fork", ["mallory/specs", "", "acme/specs-2"])
def test_a_fork_reads_no_variable_of_the_workflow(github: GitHub, fork: str) -> None:
    """Not even where the workflow gives secrets to forks, as `pull_request_target` does."""
    edited(
        github,
        "callbacks: [",
        'callbacks: ["https://${env:CANARY}/x", "https://e.example/${env:AUTH0_CLIENT_SECRET}", ',
    )
    env = {"CANARY": "canary-1", "AUTH0_CLIENT_SECRET": "canary-2", "AUTH0_DOMAIN": "acme.us.auth0.com"}
    ran = github.pull_request(HEAD, fork=fork, env=env)
    assert "canary" not in ran.log + ran.summary
    assert not any(request for request in github.store["requests"])


def test_dependabot_is_like_a_fork(github: GitHub) -> None:
    assert github.pull_request(HEAD, env={"GITHUB_ACTOR": "dependabot[bot]"}).code == 0


def test_a_wrong_spec_of_a_fork_is_told(github: GitHub) -> None:
    edited(github, "flavors: [connected_accounts", "flavours: [connected_accounts")
    ran = github.pull_request(HEAD, fork="mallory/specs")
    assert ran.code == 1
    assert "title=spec-unknown-key::" in ran.log


def test_what_a_fork_writes_cannot_leave_its_block_on_the_page(github: GitHub) -> None:
    edited(github, "callbacks: [", 'callbacks: ["https://e.example/```````````", ')
    ran = github.pull_request(HEAD, fork="mallory/specs")
    fence = re.search(r"^(`+)text$", ran.summary, re.MULTILINE)
    assert fence and len(fence[1]) > 11


# ---- what the log and other programs read


def commands(log: str) -> set[str]:
    """The workflow commands that the runner finds in a log, as its source does: `::` first in a line, `##[` anywhere."""
    found = {line.strip()[2:].split("::")[0] for line in re.split(r"\r\n|\r|\n", log) if line.strip().startswith("::")}
    found |= {"legacy" for line in log.splitlines() if "##[" in line}
    return {re.sub(r" file=.*", " file", command) for command in found}


def test_workflow_commands_in_text_are_broken(github: GitHub) -> None:
    """M5: names of a spec and of a tenant reach the log."""
    edited(
        github, "callbacks: [", 'callbacks: ["https://e.example/##[stop-commands]x", "https://e.example/::error::x", '
    )
    text = (github.checkout / "tokenvault.yaml").read_text()
    (github.checkout / "tokenvault.yaml").write_text(
        text.replace("Acme Assistant", "::set-output name=x::y ##[group]z")
    )
    planned = reviewed(github)
    assert r"#\u0023[stop-commands]" in planned.log
    assert not commands(planned.log)
    applied = github.push(MERGE, **SANDBOX)
    assert applied.code == 0 and not commands(applied.log), applied.log
    fork = github.pull_request(HEAD, fork="mallory/specs")
    assert commands(fork.log) == {"notice title=tokenvault"}


@pytest.mark.parametrize(
    "key",
    [
        "::error::x",
        "\\r::add-mask::x",
        "##[group]x",
        "\\n::warning::x",
        "%0A::error::x",
        "a,title=::error::",
        "\\u2028::debug::x",
    ],
)
def test_annotations_hold_hostile_names_on_their_one_line(github: GitHub, key: str) -> None:
    spec = github.checkout / "tokenvault.yaml"
    spec.write_text(spec.read_text() + f'\n"{key}": 1\n')
    planned = github.pull_request(HEAD, **SANDBOX)
    assert planned.code == 1
    assert commands(planned.log) <= {"error file", "error title=tokenvault"}, planned.log


def test_a_wrong_spec_is_annotated_at_its_line_and_nothing_else_happens(github: GitHub) -> None:
    edited(github, "flavors: [connected_accounts", "flavours: [connected_accounts")
    planned = github.pull_request(HEAD, **SANDBOX)
    lines = (github.checkout / "tokenvault.yaml").read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "flavours" in text)
    assert planned.code == 1
    assert f"::error file=tokenvault.yaml,line={line}," in planned.log
    assert github.comments == [] and planned.outputs == {}
    assert not (github.checkout / "tokenvault-plan.json").exists()


def test_tokenvault_gets_no_token_of_github(github: GitHub) -> None:
    """A spec that asks for one as a secret of a connection would send it to the tenant."""
    names = ("GH_TOKEN", "GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN")
    urls = "options: {authorizationURL: https://e.example/a, tokenURL: https://e.example/t}"
    crm = 'crm{0}: {{strategy: oauth2, credentials: {{client_id: x, client_secret: "${{env:{0}}}"}}, {1}}}'
    edited(
        github,
        "\nconnections:                      # by their name in the tenant; both exist in the sandbox\n",
        "".join(["\nconnections:\n", *(f"  {crm.format(name, urls)}\n" for name in names)]),
    )
    env = dict.fromkeys(names[1:], "canary")
    planned = github.pull_request(HEAD, env=env, **SANDBOX)
    assert planned.code == 1
    assert [f"variable {name} is not set" in planned.log for name in names] == [True] * 4, planned.log
    assert "canary" not in planned.log + planned.summary


def test_the_checkout_cannot_put_its_own_programs_in(github: GitHub) -> None:
    """Python and `gh` look into the folder that they run in, and take what they find."""
    for name in ("json.py", "venv.py", "zipfile.py", "tokenvault.py", "sitecustomize.py", "shlex.py"):
        (github.checkout / name).write_text("open('hacked', 'w')\nraise SystemExit(3)\n")
    for name in ("tokenvault", "gh", "python3", "bash"):
        (github.checkout / name).write_text("#!/bin/sh\ntouch hacked\nexit 3\n")
        (github.checkout / name).chmod(0o755)
    planned = github.pull_request(HEAD, **SANDBOX)
    assert planned.code == 0, planned.log
    assert not (github.checkout / "hacked").exists()
    assert all(not request["cwd"].startswith(str(github.checkout)) for request in github.store["requests"])


def test_a_file_in_the_way_of_the_plan_is_not_overwritten(github: GitHub) -> None:
    (github.checkout / "tokenvault-plan.json").write_text("mine")
    refused(github.pull_request(HEAD, **SANDBOX), "no plan")
    assert (github.checkout / "tokenvault-plan.json").read_text() == "mine"


def test_every_input_of_the_action_reaches_a_script() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    scripts = "".join((ACTION / name).read_text() for name in ("run.py", "install.sh"))
    for step in action["runs"]["steps"]:
        for name in step.get("env", {}):
            assert name in scripts, name
        assert "${{" not in step.get("run", "")
    used = json.dumps(action["runs"])
    for name in action["inputs"]:
        assert f"inputs.{name}" in used, name
    assert "${{" not in scripts

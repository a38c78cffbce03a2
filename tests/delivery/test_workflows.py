"""Workflows, pipelines and locks: who has which rights, that nothing moves under them, that their scripts do what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.delivery.github import ACTION, quickstart
from tests.support import ROOT, cli, my_env, tenant
from tokenvault import __version__

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLE = ROOT / "examples" / "ci" / "github-workflow.yml"
GITLAB = ROOT / "examples" / "ci" / "gitlab-ci.yml"
OURS = f"OWNER/tokenvault/.github/actions/tokenvault@v{__version__}"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted((ROOT / ".ci").glob("lock*.txt"))


def loaded(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # text only: `on` is no truth value


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in loaded(path)["jobs"].values():
        yield from job.get("steps", [])


# ---- what is used, and with which rights


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, EXAMPLE, ACTION / "action.yml", *sorted(ROOT.glob("examples/*/README.md"))], ids=str
)
def test_what_is_used_is_pinned_by_commit_and_says_its_version(path: Path) -> None:
    used = re.findall(r"^\s*-?\s*uses: (.+)$", path.read_text(), re.MULTILINE)
    for use in used:
        assert (
            use.startswith("./")
            or use == OURS
            or re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)
        ), use
    assert used or path.suffix == ".md"


def test_one_version_of_an_action_is_used_everywhere() -> None:
    texts = [
        path.read_text() for path in (*WORKFLOWS, EXAMPLE, ACTION / "action.yml", *ROOT.glob("examples/*/README.md"))
    ]
    used = {use for text in texts for use in re.findall(r"uses: (\S+@[0-9a-f]{40} # \S+)", text)}
    assert len({use.split("@")[0] for use in used}) == len(used)


@pytest.mark.parametrize("path", [*WORKFLOWS, EXAMPLE], ids=lambda path: path.name)
def test_a_workflow_has_no_rights_but_those_that_a_job_names(path: Path) -> None:
    workflow = loaded(path)
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())
    assert "pull_request_target" not in workflow["on"]
    for step in steps(path):
        assert "${{" not in step.get("run", ""), "text of an event would be run"
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


def test_credentials_that_write_are_for_the_job_that_people_approve() -> None:
    jobs = loaded(EXAMPLE)["jobs"]
    assert jobs["apply"]["environment"] == "production" and "environment" not in jobs["plan"]
    assert jobs["plan"]["env"]["AUTH0_CLIENT_SECRET"] != jobs["apply"]["env"]["AUTH0_CLIENT_SECRET"]
    assert "write" not in jobs["apply"]["permissions"].values()
    assert jobs["plan"]["if"] == "github.event_name != 'push'"


def test_a_release_publishes_what_was_built_once_without_a_stored_token() -> None:
    jobs = loaded(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    assert jobs["guard"]["uses"] == "./.github/workflows/ci.yml"
    assert [name for name, job in jobs.items() if ".ci/build" in str(job)] == ["build"]
    assert jobs["build"]["needs"] == "guard" and "write" not in str(jobs["build"]["permissions"])
    assert jobs["pypi"]["permissions"] == {"id-token": "write"} and jobs["pypi"]["environment"] == "pypi"
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text()


def test_ci_runs_every_python_that_the_classifiers_name() -> None:
    named = [c.rsplit(" ", 1)[1] for c in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert loaded(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["pythons"]["strategy"]["matrix"]["python"] == named
    assert PROJECT["project"]["requires-python"] == f">={named[0]}"


def test_the_owner_is_one_placeholder_and_is_explained() -> None:
    files = [
        path
        for path in ROOT.rglob("*")
        if path.suffix in (".md", ".yml", ".yaml", ".toml") and ".venv" not in path.parts
    ]
    assert [path for path in files if "<owner>" in path.read_text().lower()] == []
    assert "`OWNER`, here and wherever it stands, is" in " ".join((ROOT / "README.md").read_text().split())


# ---- dependencies


def test_the_extra_of_the_readme_is_the_group_of_the_tests() -> None:
    assert PROJECT["project"]["optional-dependencies"]["test"] == PROJECT["dependency-groups"]["test"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_hashes_and_names_no_index(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text and not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links)", text, re.MULTILINE)
    pins = re.findall(
        r"^[A-Za-z0-9][^ #]*==\S+.*\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE
    )
    assert len(pins) == len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE)) > 20


def test_the_oldest_lock_holds_the_lower_bounds() -> None:
    text = (ROOT / ".ci" / "lock-oldest.txt").read_text()
    for wanted in PROJECT["project"]["dependencies"]:
        name, bound = re.match(r"([\w-]+)>=([\d.]+)", wanted).groups()  # type: ignore[union-attr]
        locked = re.search(rf"^{name}==([\d.]+)", text, re.MULTILINE | re.IGNORECASE)
        assert locked and locked[1].startswith(bound), wanted


def test_every_step_of_ci_runs_by_itself_or_in_the_workflow() -> None:
    """`.ci/run` leaves out what takes too long to wait for; the workflow runs those steps by name."""
    script = (ROOT / ".ci" / "run").read_text()
    by_itself = re.search(r"^steps=\(([\w ]+)\)", script, re.MULTILINE)
    called = [step.get("run", "") for step in steps(ROOT / ".github" / "workflows" / "ci.yml")]
    assert by_itself and "bash .ci/run" in called
    by_name = " ".join(run.removeprefix("bash .ci/run") for run in called if run.startswith("bash .ci/run "))
    assert sorted([*by_itself[1].split(), *by_name.split()]) == sorted(re.findall(r"^step_(\w+)\(\)", script, re.M))


# ---- a release


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What `.ci/build` reads; the build itself is tested in test_release.py."""
    for name in ("pyproject.toml", "CHANGELOG.md", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / "tokenvault").mkdir()
    shutil.copy(ROOT / "tokenvault" / "__init__.py", tmp_path / "tokenvault" / "__init__.py")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "python"
    fake.write_text(f"""#!/bin/sh
case "$*" in
  "-m hatchling version") echo {__version__} ;;
  "-m hatchling build -d dist") mkdir dist && echo w > dist/a.whl && echo s > dist/a.tar.gz && cp pyproject.toml dist.toml ;;
  *) exit 9 ;;
esac
""")
    fake.chmod(0o755)
    return tmp_path


def build(tree: Path, tag: str) -> subprocess.CompletedProcess[str]:
    env = my_env(PATH=f"{tree / 'bin'}:/usr/bin:/bin", GITHUB_REPOSITORY="acme/vault")
    return subprocess.run([tree / ".ci" / "build", tag], env=env, cwd=tree, capture_output=True, text=True, check=False)


def test_a_release_is_built_with_the_changelog_as_notes_and_links_that_lead_somewhere(tree: Path) -> None:
    done = build(tree, f"v{__version__}")
    assert done.returncode == 0, done.stdout + done.stderr
    notes = (tree / "dist" / "NOTES.md").read_text()
    assert "### Added" in notes and "## [" not in notes and "[Unreleased]" not in notes
    assert {line.split()[1] for line in (tree / "dist" / "SHA256SUMS").read_text().splitlines()} == {
        "a.whl",
        "a.tar.gz",
    }
    urls = tomllib.loads((tree / "dist.toml").read_text())["project"]["urls"]
    assert all(url.startswith("https://github.com/acme/vault") for url in urls.values())
    again = build(tree, f"v{__version__}")
    assert again.returncode == 1 and "built once" in again.stdout


@pytest.mark.parametrize("tag", ["v9.9.9", "0.1.0", "v0.1.0; touch hacked", "main", "v0.1"])
def test_a_tag_that_is_not_the_version_is_not_released(tree: Path, tag: str) -> None:
    assert build(tree, tag).returncode == 1
    assert not (tree / "dist").exists() and not (tree / "hacked").exists()


def test_a_version_without_a_dated_section_is_not_released(tree: Path) -> None:
    changelog = tree / "CHANGELOG.md"
    dated = re.sub(rf"## \[{re.escape(__version__)}\] - .+", f"## [{__version__}]", changelog.read_text())
    changelog.write_text(dated)
    done = build(tree, f"v{__version__}")
    assert done.returncode == 1 and "no section with a date" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_action_installs_itself_by_hash_and_nothing_from_the_checkout(tmp_path: Path) -> None:
    """A checkout with a `venv.py` or a `pip.py` is not asked."""
    for name in ("venv", "pip", "hatchling", "site"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)")
    temporary = tmp_path / "runner"
    temporary.mkdir()
    python = Path(sys.executable).parent
    env = my_env(RUNNER_TEMP=str(temporary), VERSION="", PATH=f"{python}:/usr/bin:/bin")
    done = subprocess.run(
        ["bash", ACTION / "install.sh"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=280
    )
    if done.returncode and re.search("No matching distribution|Could not find a version|connection", done.stderr):
        pytest.skip("the package index is not reachable")
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(
        [temporary / "tokenvault" / "bin" / "tokenvault", "--version"], capture_output=True, text=True, check=False
    )
    assert shown.stdout == f"tokenvault {__version__}\n"


@pytest.mark.parametrize("version", ["-r evil.txt", "--index-url=x", "a\nb", "-e ."])
def test_what_the_action_installs_is_one_name(tmp_path: Path, version: str) -> None:
    done = subprocess.run(
        ["bash", ACTION / "install.sh"],
        env=my_env(RUNNER_TEMP=str(tmp_path), VERSION=version),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stdout.startswith("::error")
    assert list(tmp_path.iterdir()) == []


# ---- GitLab


def gitlab(checkout: Path, job: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the script of a job as GitLab's runner does: its lines, one after the other, in one shell that stops at an error."""
    pipeline = loaded(GITLAB)
    (checkout / ".bin").mkdir(exist_ok=True)
    command = checkout / ".bin" / "tokenvault"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -m tokenvault "$@"\n')
    command.chmod(0o755)
    given = {"CI_COMMIT_SHA": "a" * 40, "TOKENVAULT_SANDBOX": "t.db", **variables}
    defined: Mapping[str, str] = {**pipeline[".tokenvault"]["variables"], **pipeline[job].get("variables", {})}
    given |= {name: value.replace("$CI_COMMIT_SHA", given["CI_COMMIT_SHA"]) for name, value in defined.items()}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(pipeline[job]["script"])],
        cwd=checkout,
        env=my_env(PATH=f"{checkout / '.bin'}:/usr/bin:/bin", **given),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_gitlab_applies_the_plan_of_its_own_pipeline(tmp_path: Path) -> None:
    quickstart(tmp_path)
    planned = gitlab(tmp_path, "plan")
    assert planned.returncode == 0, planned.stdout
    paths = [
        path.replace("$PLAN", f"tokenvault-plan-{'a' * 40}") for path in loaded(GITLAB)["plan"]["artifacts"]["paths"]
    ]
    assert all((tmp_path / path).is_file() for path in paths)
    applied = gitlab(tmp_path, "apply")
    assert applied.returncode == 0 and "Apply complete!" in applied.stdout, applied.stdout
    assert cli("plan", "--sandbox=t.db", "--detailed-exitcode", cwd=tmp_path).code == 0


def test_gitlab_applies_no_plan_that_is_in_the_repository_or_of_another_commit(tmp_path: Path) -> None:
    quickstart(tmp_path)
    assert gitlab(tmp_path, "plan").returncode == 0
    for name in ("tokenvault-plan.json", "tokenvault-plan-$CI_COMMIT_SHA.json"):
        shutil.copy(tmp_path / f"tokenvault-plan-{'a' * 40}.json", tmp_path / name)
    applied = gitlab(tmp_path, "apply", CI_COMMIT_SHA="b" * 40)
    assert applied.returncode == 1 and "Apply complete!" not in applied.stdout
    assert "Acme Assistant" not in {client.get("name") for client in tenant(tmp_path / "t.db")["clients"].values()}


def test_gitlab_explains_the_spec_of_a_fork_without_variables(tmp_path: Path) -> None:
    quickstart(tmp_path)
    spec = tmp_path / "tokenvault.yaml"
    spec.write_text(spec.read_text() + "\ntenant: ${env:AUTH0_DOMAIN}\n")
    told = gitlab(tmp_path, "fork")
    assert told.returncode == 0 and "application.assistant" in told.stdout, told.stdout


def test_gitlab_runs_the_right_jobs_where_they_belong() -> None:
    pipeline = loaded(GITLAB)
    rules = {job: [rule["if"] for rule in pipeline[job]["rules"]] for job in ("fork", "plan", "apply")}
    assert all("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in rule for rule in rules["apply"])
    assert all(rule["when"] == "manual" for rule in pipeline["apply"]["rules"])
    assert set(rules["apply"]) < set(rules["plan"]), "where apply can be clicked, there is a plan"
    assert pipeline["apply"]["needs"] == [{"job": "plan", "artifacts": "true"}]
    assert "SOURCE_PROJECT_ID != $CI_MERGE_REQUEST_PROJECT_ID" in rules["fork"][0]
    assert re.fullmatch(r"python:3\.\d+-slim@sha256:[0-9a-f]{64}", pipeline[".tokenvault"]["image"])
    assert pipeline[".tokenvault"]["before_script"] == [f"pip install -q auth0-tokenvault=={__version__}"]
    assert pipeline["plan"]["environment"]["name"] != pipeline["apply"]["environment"]

"""GitHub as an action meets it: a runner that carries out the steps of `action.yml`, and a `gh` with a repository behind it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT, my_env

ACTION = ROOT / ".github" / "actions" / "tokenvault"
BOT = "github-actions[bot]"
REPOSITORY = "acme/specs"
GH = r'''#!/usr/bin/env python3
import json, os, re, sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

store = Path(os.environ["GH_STORE"])
state = json.loads(store.read_text())
arguments = sys.argv[1:]
state["requests"].append({"arguments": arguments, "cwd": os.getcwd(), "token": os.environ.get("GH_TOKEN")})
store.write_text(json.dumps(state))


def fail(code):
    print(f"gh: Resource not accessible by integration (HTTP {code})", file=sys.stderr)
    sys.exit(1)


assert arguments[0] == "api", arguments
if arguments[1] == "graphql":
    assert "query={viewer{login}}" in arguments and arguments[-2:] == ["--jq", ".data.viewer.login"]
    print(state["login"])
    sys.exit()
method = arguments[arguments.index("--method") + 1] if "--method" in arguments else "GET"
url = urlsplit(next(a for a in arguments if a.startswith("repos/")))
query = {name: values[0] for name, values in parse_qs(url.query).items()}
assert url.path.startswith("repos/acme/specs/"), url
path = url.path.removeprefix("repos/acme/specs/")
body = next((Path(a.removeprefix("body=@")).read_text() for a in arguments if a.startswith("body=@")), None)
if state["fails"] and (method != "GET" or state["fails"] >= 500):
    fail(state["fails"])


def pages(items, key=None):
    """Two at a time, one document after the other, as `--paginate` prints them."""
    assert "--paginate" in arguments
    for start in range(0, max(1, len(items)), 2):
        page = items[start : start + 2]
        print(json.dumps(page if key is None else {"total_count": len(items), key: page}), end="")


if re.fullmatch(r"issues/\d+/comments", path) and method == "GET":
    pages(state["comments"])
elif re.fullmatch(r"issues/\d+/comments", path) and method == "POST":
    number = 1 + max((c["id"] for c in state["comments"]), default=0)
    state["comments"].append({"id": number, "user": {"login": state["login"]}, "body": body})
elif found := re.fullmatch(r"issues/comments/(\d+)", path):
    next(c for c in state["comments"] if c["id"] == int(found[1]))["body"] = body
elif found := re.fullmatch(r"commits/(\w+)/pulls", path):
    pages(state["pulls"].get(found[1], []))
elif path == "actions/artifacts":
    pages([a for a in state["artifacts"] if a["name"] == query["name"] or state["ignores_names"]], "artifacts")
elif found := re.fullmatch(r"actions/artifacts/(\d+)/zip", path):
    sys.stdout.buffer.write((store.parent / f"{found[1]}.zip").read_bytes())
else:
    fail(404)
store.write_text(json.dumps(state))
'''


@dataclass
class Ran:
    """What the steps of one job left."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str

    @property
    def errors(self) -> str:
        return "\n".join(line for line in self.log.splitlines() if line.startswith("::error"))


@dataclass
class GitHub:
    """A repository with its comments, pull requests and artifacts, and a runner with a checkout of it."""

    folder: Path
    checkout: Path = field(init=False)
    jobs: int = 0

    def __post_init__(self) -> None:
        self.checkout = self.folder / "checkout"
        self.checkout.mkdir(parents=True)
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "gh").write_text(GH)
        (self.folder / "bin" / "gh").chmod(0o755)
        self.store = {
            "login": BOT,
            "comments": [],
            "pulls": {},
            "artifacts": [],
            "fails": 0,
            "ignores_names": False,
            "requests": [],
        }

    @property
    def store(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "store.json").read_text())
        return found

    @store.setter
    def store(self, value: Mapping[str, Any]) -> None:
        (self.folder / "store.json").write_text(json.dumps(value))

    def change(self, **values: Any) -> None:
        self.store = {**self.store, **values}

    @property
    def comments(self) -> list[str]:
        return [comment["body"] for comment in self.store["comments"]]

    def merged(self, head: str, sha: str, base: str = "main", **more: Any) -> None:
        """Records that the pull request with this last commit was merged as a commit of a branch."""
        pull = {
            "merged_at": "2026-01-02T03:04:05Z",
            "merge_commit_sha": sha,
            "head": {"sha": head},
            "base": {"ref": base},
        }
        pulls = self.store["pulls"]
        self.change(pulls={**pulls, sha: [*pulls.get(sha, []), {**pull, **more}]})

    def pull_request(
        self, head: str, *, fork: str = REPOSITORY, env: Mapping[str, str] | None = None, **inputs: str
    ) -> Ran:
        """A run of the action on a pull request."""
        event = {"pull_request": {"number": 7, "head": {"sha": head, "repo": {"full_name": fork}}}}
        return self.job("pull_request", "c" * 40, event, env or {}, {"command": "plan", **inputs})

    def push(self, sha: str, *, env: Mapping[str, str] | None = None, **inputs: str) -> Ran:
        """A run of the action on a commit of the default branch."""
        return self.job("push", sha, {}, env or {}, {"command": "apply", **inputs})

    def job(
        self, name: str, sha: str, event: Mapping[str, Any], env: Mapping[str, str], inputs: Mapping[str, str]
    ) -> Ran:
        """Carries out the steps of `action.yml` as a runner does, the installation excepted."""
        self.jobs += 1
        action = yaml.safe_load((ACTION / "action.yml").read_text())
        assert set(inputs) <= set(action["inputs"])
        temporary = self.folder / f"temp-{self.jobs}"
        temporary.mkdir()
        (temporary / "tokenvault").symlink_to(Path(sys.executable).parent.parent)
        given = {name: about.get("default", "") for name, about in action["inputs"].items()} | dict(inputs)
        context = {
            "inputs": given,
            "github": {"event": event, "token": "canary-gh-token"},
            "steps": {"run": {"outputs": {}}},
        }
        context["inputs"]["token"] = "canary-gh-token"
        step = next(step for step in action["runs"]["steps"] if step.get("id") == "run")
        ran = self._step(step, context, temporary, {"GITHUB_EVENT_NAME": name, "GITHUB_SHA": sha, **env})
        context["steps"]["run"]["outputs"] = ran.outputs
        self._upload(action["runs"]["steps"][-1], context, event, sha)
        return ran

    def _step(
        self, step: Mapping[str, Any], context: Mapping[str, Any], temporary: Path, env: Mapping[str, str]
    ) -> Ran:
        assert step["shell"] == "bash"
        files = {name: temporary / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV")}
        for path in files.values():
            path.touch()
        variables = {
            **my_env(),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REF_NAME": "main",
            "GITHUB_RUN_ID": str(1000 + self.jobs),
            "RUNNER_TEMP": str(temporary),
            "GH_STORE": str(self.folder / "store.json"),
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "canary-oidc-token",
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            **{name: str(path) for name, path in files.items()},
            **{name: filled(value, context) for name, value in step["env"].items()},
            **env,
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.checkout,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=110,
            check=False,
        )
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        assert files["GITHUB_ENV"].read_text() == ""
        return Ran(done.returncode, done.stdout, outputs, files["GITHUB_STEP_SUMMARY"].read_text())

    def _upload(self, step: Mapping[str, Any], context: Mapping[str, Any], event: Mapping[str, Any], sha: str) -> None:
        assert step["uses"].startswith("actions/upload-artifact@")
        assert step["if"] == "steps.run.outputs.saved == 'true'"
        if context["steps"]["run"]["outputs"].get("saved") != "true":
            return
        name, folder = filled(step["with"]["name"], context), Path(filled(step["with"]["path"], context))
        assert re.fullmatch(r"[a-z0-9.-]+", name)
        head = event.get("pull_request", {}).get("head", {}).get("sha", sha)
        run = {"id": 1000 + self.jobs, "head_sha": head, "repository_id": 1, "head_repository_id": 1}
        self.add_artifact(name, {path.name: path.read_bytes() for path in folder.iterdir()}, run)

    def add_artifact(self, name: str, members: Mapping[str, bytes], run: Mapping[str, Any]) -> None:
        """Stores an artifact that some workflow run made."""
        kept = [a for a in self.store["artifacts"] if (a["name"], a["workflow_run"]["id"]) != (name, run["id"])]
        number = 1 + max((a["id"] for a in self.store["artifacts"]), default=0)
        with zipfile.ZipFile(self.folder / f"{number}.zip", "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        self.change(artifacts=[*kept, {"id": number, "name": name, "expired": False, "workflow_run": dict(run)}])

    def members_of(self, artifact: int) -> dict[str, bytes]:
        """What an artifact holds."""
        with zipfile.ZipFile(io.BytesIO((self.folder / f"{artifact}.zip").read_bytes())) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def filled(text: str, context: Mapping[str, Any]) -> str:
    """The text with its `${{ a.b.c }}` replaced; what there is not is empty, as GitHub has it."""
    return re.sub(r"\$\{\{ ([a-z_.-]+) \}\}", lambda found: str(_looked_up(found[1], context)), text)


def _looked_up(path: str, context: Any) -> Any:
    for part in path.split("."):
        context = context.get(part) if isinstance(context, Mapping) else None
    return "" if context is None else context


def quickstart(checkout: Path) -> None:
    """Puts the quickstart into a checkout, as `tokenvault.yaml`."""
    shutil.copytree(ROOT / "examples" / "keys", checkout / "keys")
    shutil.copy(ROOT / "examples" / "quickstart.yaml", checkout / "tokenvault.yaml")

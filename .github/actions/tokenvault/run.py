"""Plans, or applies what was reviewed, in a GitHub workflow. `action.yml` passes the inputs as environment variables.

What it reads is hostile: the spec and every other file of the checkout come from a pull request, comments from anybody,
and artifacts from whatever workflow made them. So:

- an input becomes arguments of a process, never text that a shell reads;
- tokenvault gets no token of GitHub, and nothing of the environment at all for a pull request from a fork;
- a comment is changed only if this token's user wrote it, for the same spec files on the same tenant;
- `apply` never changes what nobody reviewed: it plans again from the checkout, and carries out those changes of the new
  plan that stand in the plan that was reviewed for this commit too. The reviewed plan is a permit, and never what is
  carried out: one that was forged can cause nothing that the merged spec does not ask for.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FORMAT = "tokenvault-review"
PLAN, REVIEW = "plan.json", "review.json"  # the members of the artifact
MAX_MEMBER = 64 * 1024 * 1024
MAX_SUMMARY = 900_000  # GitHub takes one mebibyte
PLACEHOLDER = "unset.invalid"
OWNERSHIP_MARK = re.compile(r"(client_)?metadata\.tokenvault(_api|_\d)?")
BASIC_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "CI", "COLUMNS", "GITHUB_ACTIONS")


class Refused(Exception):
    """The step fails, for a reason that its reader is told."""


# ---- inputs


@dataclass(frozen=True)
class Option:
    """An option that `arguments` may hold, and the commands that it is passed to."""

    commands: frozenset[str]
    takes_value: bool = True


_EVERYWHERE = frozenset({"validate", "explain", "plan", "apply"})
_TENANT = frozenset({"plan", "apply"})
_PLAN = frozenset({"plan"})
_APPLY = frozenset({"apply"})
_FLEET = frozenset({"fleet validate", "fleet plan", "fleet apply"})
_FLEET_TENANTS = frozenset({"fleet plan", "fleet apply"})
_FLEET_PLAN = frozenset({"fleet plan"})
_FLEET_APPLY = frozenset({"fleet apply"})
OPTIONS = {
    "--env-file": Option(_EVERYWHERE | _FLEET),
    "--allow-env": Option(_EVERYWHERE),
    "--tenant": Option(_TENANT),
    "--max-rps": Option(_TENANT | _FLEET_TENANTS),
    "--max-wait": Option(_TENANT | _FLEET_TENANTS),
    "--max-destroy": Option(_TENANT | _FLEET_TENANTS),
    "--debug": Option(_TENANT | _FLEET_TENANTS, takes_value=False),
    "-v": Option(_TENANT, takes_value=False),
    "--target": Option(_PLAN),
    "--exclude": Option(_PLAN | _FLEET),
    "--adopt": Option(_PLAN | _FLEET_PLAN, takes_value=False),
    "--prune": Option(_PLAN | _FLEET_PLAN, takes_value=False),
    "--fail-on": Option(_APPLY),  # a plan is shown and kept before the step fails
    "--sandbox": Option(_TENANT | _FLEET, takes_value=False),  # or `--sandbox=PATH`, or `--sandbox PATH.db`
    "--only": Option(_FLEET),
    "--changed": Option(_FLEET),
    "--parallel": Option(_FLEET_TENANTS),
    "--keep-going": Option(_FLEET_APPLY, takes_value=False),
    "--no-doctor": Option(_FLEET_APPLY, takes_value=False),
}


@dataclass(frozen=True)
class Given:
    """An option as it was given, as one argument: `--name=value`."""

    name: str
    value: str | None

    @property
    def argument(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value}"


@dataclass(frozen=True)
class Inputs:
    """What the workflow asked for, checked."""

    command: str
    specs: tuple[str, ...]
    fleet: str
    options: tuple[Given, ...]
    plan_file: str
    comment: bool

    def options_of(self, command: str) -> list[str]:
        """The arguments that this command of tokenvault knows."""
        return [given.argument for given in self.options if command in OPTIONS[given.name].commands]

    @property
    def env_files(self) -> list[str]:
        return [given.value for given in self.options if given.name == "--env-file" and given.value is not None]


def read_inputs(environment: Mapping[str, str]) -> Inputs:
    """The inputs of the step. `Refused` when one of them is not what it should be."""
    fleet = _path(_one("fleet", given)) if (given := environment.get("FLEET", "")) else ""
    default_plan = "tokenvault-plans" if fleet else "tokenvault-plan.json"
    return Inputs(
        command=_choice("command", environment.get("COMMAND") or "plan", ("plan", "apply")),
        specs=tuple(map(_path, words("spec", environment.get("SPEC", "")))) or ("tokenvault.yaml",),
        fleet=fleet,
        options=tuple(read_options(words("arguments", environment.get("ARGUMENTS", "")), of_a_fleet=bool(fleet))),
        plan_file=_path(_one("plan-file", environment.get("PLAN_FILE") or default_plan)),
        comment=_choice("comment", environment.get("COMMENT") or "true", ("true", "false")) == "true",
    )


def words(name: str, text: str) -> list[str]:
    """The words of an input, split at spaces and line ends as a shell would; a quoted one may hold spaces."""
    if any(not character.isprintable() and character not in "\n\t" for character in text):
        raise Refused(f"`{name}` holds an invisible character")
    try:
        found = shlex.split(text)
    except ValueError:
        raise Refused(f"`{name}` holds a quote or a backslash that does not end: {text}") from None
    if "" in found:
        raise Refused(f"`{name}` holds an empty word")
    if any("\n" in word for word in found):
        raise Refused(f"`{name}` holds a line end within quotes")
    return found


def _one(name: str, text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise Refused(f"`{name}` must be one line of text")
    return text


def _path(text: str) -> str:
    """A file name that no program takes for an option."""
    return f"./{text}" if text.startswith("-") else text


def _choice(name: str, text: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        raise Refused(f"`{name}` must be one of {', '.join(allowed)}, and is: {text}")
    return text


def read_options(arguments: Sequence[str], *, of_a_fleet: bool = False) -> Iterator[Given]:
    """The options among the words of `arguments`. `Refused` for what is none, or is for the action to decide."""
    rest = list(arguments)
    known = [name for name, option in OPTIONS.items() if option.commands & (_FLEET if of_a_fleet else _EVERYWHERE)]
    while rest:
        name, has_value, value = rest.pop(0).partition("=")
        if name not in known:
            hint = "" if of_a_fleet else " Spec files belong into `spec`."
            raise Refused(f"`arguments` holds {name}, and may hold {', '.join(known)}.{hint}")
        if name == "--sandbox":
            yield Given(name, value if has_value else _sandbox(rest))
        elif not OPTIONS[name].takes_value:
            if has_value:
                raise Refused(f"`arguments`: {name} takes no value")
            yield Given(name, None)
        elif has_value or rest:
            yield Given(name, value if has_value else rest.pop(0))
        else:
            raise Refused(f"`arguments`: {name} needs a value")


def _sandbox(rest: list[str]) -> str:
    return rest.pop(0) if rest and rest[0].endswith((".db", ".sqlite")) else "default"


# ---- the run that this step is part of


@dataclass(frozen=True)
class Run:
    """What GitHub says about the run. Everything here is set by the runner, nothing by a pull request."""

    repository: str
    sha: str
    run_id: str
    event: str
    branch: str
    pull_request: int | None
    head_sha: str
    is_from_fork: bool
    temporary: Path

    @property
    def commit(self) -> str:
        """The commit that a plan of this run is for: the pull request's own, not the merge that is checked out."""
        return self.head_sha if self.pull_request else self.sha


def read_run(environment: Mapping[str, str]) -> Run:
    """The run, from the variables that the runner and `action.yml` set."""
    repository = environment.get("GITHUB_REPOSITORY", "")
    number = environment.get("PULL_REQUEST", "")
    if number and not re.fullmatch(r"[0-9]{1,12}", number):
        raise Refused("The number of the pull request is not a number")
    sha, head_sha = _commit("GITHUB_SHA", environment), _commit("HEAD_SHA", environment)
    head = environment.get("HEAD_REPOSITORY", repository)
    dependabot = environment.get("GITHUB_ACTOR") == "dependabot[bot]"  # its runs get no secrets either
    return Run(
        repository=repository,
        sha=sha,
        run_id=environment.get("GITHUB_RUN_ID", ""),
        event=environment.get("GITHUB_EVENT_NAME", ""),
        branch=environment.get("GITHUB_REF_NAME", ""),
        pull_request=int(number) if number else None,
        head_sha=head_sha or sha,
        is_from_fork=bool(number) and (head.lower() != repository.lower() or dependabot),
        temporary=Path(tempfile.mkdtemp(prefix="tokenvault-", dir=environment.get("RUNNER_TEMP") or None)),
    )


def _commit(name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "")
    if value and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value):
        raise Refused(f"{name} is not a commit")
    return value


# ---- the log, and what the runner reads in it

_COMMAND = re.compile(r"^([\s\x00-\x20\u200b\ufeff]*):(?=:)", re.MULTILINE)
_ANNOTATION = re.compile(r"::(?:error|warning|notice) [^\r\n]*")


def inert(text: str) -> str:
    """The text without workflow commands: `::name::` at the start of a line, `##[name]` anywhere."""
    lines = re.split(r"\r\n|\r|\n", text)
    return "\n".join(_COMMAND.sub(r"\1: ", line).replace("##[", "## [") for line in lines)


def log(text: str) -> None:
    """Prints a text that may hold anything."""
    print(inert(text), flush=True)


def annotate(level: str, text: str) -> None:
    """Prints an annotation of the run: `error`, `warning` or `notice`."""
    said = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").replace("##[", "## [")
    print(f"::{level} title=tokenvault::{said}", flush=True)


def summarise(markdown: str) -> None:
    """Appends to the page of the run."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown[:MAX_SUMMARY] + "\n")


def output(name: str, value: str) -> None:
    """Sets an output of the step."""
    if "\n" in value or "\r" in value:
        raise Refused(f"The output {name} would have more than one line")
    if path := os.environ.get("GITHUB_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{name}={value}\n")


def fenced(text: str) -> str:
    """The text as a block of Markdown that nothing in it can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}\n"


# ---- tokenvault


def environment_of_tokenvault(run: Run) -> dict[str, str]:
    """What tokenvault, and so a spec's `${env:…}`, may read: no token of GitHub; for a fork, nothing of the workflow."""
    if run.is_from_fork:
        return {name: value for name, value in os.environ.items() if name in BASIC_ENVIRONMENT}
    withheld = ("GH_TOKEN", "GITHUB_TOKEN")
    return {k: v for k, v in os.environ.items() if k not in withheld and not k.startswith(("ACTIONS_", "INPUT_"))}


_SAVED = ("Saved the plan to ", "Saved the plans to ")


@dataclass(frozen=True)
class TokenVault:
    """Calls tokenvault, in one environment.

    How a plan that it saved is applied by hand is left out of the log: the action does that, and the file goes with the runner.
    """

    environment: Mapping[str, str]

    def shown(self, command: str, *arguments: str) -> int:
        """Runs a command whose output goes to the log as it comes; its exit code."""
        with subprocess.Popen(
            self._line(command, arguments),
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if not line.startswith(_SAVED):
                    log(line.rstrip("\n"))
        return process.returncode

    def read(self, command: str, *arguments: str) -> tuple[int, str]:
        """Runs a command; its exit code and what it printed. What it says on stderr goes to the log."""
        done = subprocess.run(
            self._line(command, arguments),
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        said = [line for line in done.stderr.split("\n") if not line.startswith(_SAVED)]
        if text := "\n".join(said).rstrip("\n"):
            log(text)
        return done.returncode, done.stdout

    def _line(self, command: str, arguments: Sequence[str]) -> list[str]:
        program = shutil.which("tokenvault", path=self.environment.get("PATH"))
        if program is None:
            raise Refused("tokenvault is not installed")
        return [program, command, *arguments]


def validate(tool: TokenVault, inputs: Inputs) -> bool:
    """Whether the spec is valid. Problems become annotations at their lines."""
    arguments = [*inputs.specs, *inputs.options_of("validate")]
    code, said = tool.read("validate", *arguments, "--format", "github")
    for line in re.split(r"\r\n|\r|\n", said.rstrip("\n")):
        if _ANNOTATION.fullmatch(line):
            print(line.replace("##[", "## ["), flush=True)
        elif line:
            log(line)
    return code == 0


# ---- GitHub


class GitHubError(Exception):
    """A request to GitHub that failed."""

    @property
    def is_forbidden(self) -> bool:
        return "HTTP 403" in str(self)


def gh(*arguments: str) -> bytes:
    """Runs `gh` outside of the checkout; what it printed. `GitHubError` with what it said when it failed."""
    program = shutil.which("gh")
    if program is None:
        raise GitHubError("the `gh` command is not installed on this runner")
    done = subprocess.run(
        [program, *arguments],
        cwd=tempfile.gettempdir(),
        env={**os.environ, "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise GitHubError(done.stderr.decode(errors="replace").strip() or f"gh ended with {done.returncode}")
    return done.stdout


def listed(path: str, key: str | None = None) -> list[Json]:
    """The objects that a list request gives, over all its pages; `key` names the member that holds them."""
    text, found, position = gh("api", "--paginate", path).decode(errors="replace").strip(), [], 0
    while position < len(text):
        page, position = json.JSONDecoder().raw_decode(text, position)
        found += page if key is None else page[key]
        position += len(text[position:]) - len(text[position:].lstrip())
    return [item for item in found if isinstance(item, dict)]


@cache
def own_login() -> str:
    """The user that this token acts as."""
    try:
        found = gh("api", "graphql", "-f", "query={viewer{login}}", "--jq", ".data.viewer.login").decode().strip()
    except GitHubError:
        found = ""
    return found or "github-actions[bot]"


def comment(run: Run, marker: str, body: str) -> None:
    """Writes the plan's comment, or brings it up to date: the one of this marker by this token's user."""
    path = run.temporary / "comment.md"
    path.write_text(f"{marker}\n{body}", encoding="utf-8")
    comments = f"repos/{run.repository}/issues/{run.pull_request}/comments"
    try:
        mine = [item["id"] for item in listed(f"{comments}?per_page=100") if _is_own(item, marker)]
        if mine:
            gh("api", "--method", "PATCH", f"repos/{run.repository}/issues/comments/{mine[0]}", "-F", f"body=@{path}")
        else:
            gh("api", "--method", "POST", comments, "-F", f"body=@{path}")
    except GitHubError as error:
        if not error.is_forbidden:
            raise
        annotate("notice", f"The token may not comment; the plan is on the page of this run. ({error})")


def _is_own(item: Json, marker: str) -> bool:
    first_line = str(item.get("body", "")).split("\n", 1)[0].rstrip("\r")
    return first_line == marker and (item.get("user") or {}).get("login") == own_login()


# ---- which plan is which


@dataclass(frozen=True)
class Planned:
    """A saved plan, and what it says in public."""

    path: Path
    document: Json

    @property
    def spec(self) -> str:
        return str(self.document["spec"]["name"])

    @property
    def tenant(self) -> str:
        return str(self.document["tenant"])

    @property
    def files(self) -> list[str]:
        return [str(file) for file in self.document["spec"]["files"]]


def key(planned: Planned, inputs: Inputs) -> str:
    """Tells two plans of one commit apart: by spec, tenant, and the files that the spec and its variables stand in."""
    text = json.dumps([planned.spec, planned.tenant, planned.files, inputs.env_files])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower())[:60].strip("-")


def marker_of(planned: Planned, inputs: Inputs) -> str:
    """The first line of the plan's comment."""
    spec, tenant = _plain(planned.spec), _plain(planned.tenant)
    return f"<!-- tokenvault:plan spec={spec} tenant={tenant} key={key(planned, inputs)} -->"


def artifact_name(planned: Planned, inputs: Inputs, commit: str) -> str:
    """The name of the artifact that holds the plan of a commit."""
    parts = ("tokenvault-plan", _plain(planned.spec), _plain(planned.tenant), key(planned, inputs), commit)
    return "-".join(parts)


def review_record(run: Run, inputs: Inputs, planned: Planned) -> Json:
    """What a plan was made for and from; it is saved beside the plan."""
    return {
        "format": FORMAT,
        "repository": run.repository,
        "commit": run.commit,
        "run": run.run_id,
        "spec": planned.spec,
        "tenant": planned.tenant,
        "files": digests([*planned.files, *inputs.env_files]),
        "plan": hashlib.sha256(planned.path.read_bytes()).hexdigest(),
    }


def digests(files: Iterable[str]) -> dict[str, str]:
    """The content of files, as one line each. A reference in a spec may say something else in another content."""
    return {file: hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files}


def beside(plan_file: str) -> Path:
    """Where the record of a plan is."""
    return Path(f"{plan_file}.review.json")


def opened(tool: TokenVault, path: Path) -> Planned:
    """A saved plan. `Refused` when tokenvault does not take it for a whole one of its own."""
    code, said = tool.read("show", str(path), "--format", "json")
    if code:
        raise Refused(f"{path} cannot be used as a plan: tokenvault says above why")
    return Planned(path, json.loads(said))


def saved_plan(tool: TokenVault, inputs: Inputs, path: str, *more: str) -> tuple[Planned, bool]:
    """Plans, saves, and shows the plan in the log; the plan, and whether it changes anything."""
    arguments = [*inputs.specs, *inputs.options_of("plan"), "--out", path, "--detailed-exitcode", *more]
    code = tool.shown("plan", *arguments)
    if code not in (0, 2):
        raise Refused("There is no plan: tokenvault says above why")
    saved = Path(path).absolute()  # a relative one may begin with a dash
    return Planned(saved, json.loads(saved.read_text(encoding="utf-8"))), code == 2


# ---- plan


def plan(run: Run, inputs: Inputs) -> None:
    """Checks the spec, plans, shows the plan to reviewers, and saves it for `apply`."""
    tool = TokenVault(environment_of_tokenvault(run))
    if run.is_from_fork:
        look_without_secrets(tool, inputs)
        return
    if not validate(tool, inputs):
        raise Refused("The spec is not valid")
    planned, changes = saved_plan(tool, inputs, inputs.plan_file)
    record = json.dumps(review_record(run, inputs, planned), indent=2)
    beside(inputs.plan_file).write_text(record, encoding="utf-8")
    output("changes", "true" if changes else "false")
    output("plan-file", inputs.plan_file)
    show(tool, run, inputs, planned)
    keep(run, inputs, planned)
    foretell(inputs, planned)


def show(tool: TokenVault, run: Run, inputs: Inputs, planned: Planned) -> None:
    """Puts the plan on the page of the run and into the comment."""
    code, markdown = tool.read("show", str(planned.path), "--format", "markdown")
    if code:
        raise Refused("The plan cannot be shown: tokenvault says above why")
    body = f"{markdown}\nPlanned for commit {run.commit or 'unknown'}.\n"
    summarise(body)
    if inputs.comment and run.pull_request:
        comment(run, marker_of(planned, inputs), body)


MAX_FORETOLD = 10  # GitHub shows ten annotations of a kind for a step


def foretell(inputs: Inputs, planned: Planned) -> None:
    """Annotates the run with what will not work after the plan. `Refused` where the workflow is to fail on that."""
    judgement = planned.document["judgement"] or {"causes": []}
    for cause in judgement["causes"][:MAX_FORETOLD]:
        names = ", ".join(cause["subject"]["names"][:3])
        verb = "Stops working" if cause["stops"] else "Will still not work"
        concerned = f"{len(cause['cases'])} of {len(judgement['cases'])} cases"
        cure = f" {cause['fix']['text']}" if cause["fix"] else ""
        annotate("warning", f"{verb}: {cause['subject']['kind']} {names}: {cause['says']} ({concerned}).{cure}")
    if judgement["causes"] and any(given.name == "--fail-on" for given in inputs.options):
        raise Refused(
            "Not everything will work after this plan, and the workflow is to fail on that (--fail-on broken)"
        )


def keep(run: Run, inputs: Inputs, planned: Planned) -> None:
    """Lays out what the artifact holds, under names that no input chooses."""
    folder = run.temporary / "artifact"
    folder.mkdir()
    shutil.copyfile(planned.path, folder / PLAN)
    shutil.copyfile(beside(inputs.plan_file), folder / REVIEW)
    output("artifact", artifact_name(planned, inputs, run.commit))
    output("artifact-folder", str(folder))
    output("saved", "true")


# ---- a pull request from a fork


def look_without_secrets(tool: TokenVault, inputs: Inputs) -> None:
    """Validates and explains the spec of a fork, whose run has no secrets. `Refused` when the spec is wrong in itself."""
    annotate("notice", "A fork's run has no secrets: the spec is validated and explained, and nothing is planned.")
    unset = unset_variables(tool, inputs)
    stand_in = TokenVault({**tool.environment, **dict.fromkeys(unset, PLACEHOLDER)})
    for problem in problems(stand_in, inputs):
        if problem.get("severity") == "error" and _place(problem) not in unset.values():
            validate(stand_in, inputs)
            raise Refused("The spec is not valid")
    code, said = stand_in.read("explain", "*", *inputs.specs, *inputs.options_of("explain"))
    if code:
        annotate("notice", "What the spec asks for cannot be told without the variables of the workflow.")
        return
    log(said)
    summarise(f"### What the spec asks for\n\n{fenced(said.rstrip()[: MAX_SUMMARY - 1000])}")


def problems(tool: TokenVault, inputs: Inputs) -> list[Json]:
    """What `validate` says, as data. `Refused` when it says nothing: a file is missing, for example."""
    arguments = [*inputs.specs, *inputs.options_of("validate")]
    _, said = tool.read("validate", *arguments, "--format", "json")
    try:
        return list(json.loads(said)["problems"])
    except (ValueError, LookupError, TypeError):
        raise Refused("The spec cannot be validated: tokenvault says above why") from None


def unset_variables(tool: TokenVault, inputs: Inputs) -> dict[str, tuple[Any, Any]]:
    """The variables that the spec refers to and that are not set, each with a line where it does."""
    found = {}
    for problem in problems(tool, inputs):
        named = re.search(r"\bvariable ([A-Za-z_][A-Za-z0-9_]*)", str(problem.get("summary")))
        if problem.get("code") == "spec-unset-variable" and named:
            found[named[1]] = _place(problem)
    return found


def _place(problem: Json) -> tuple[Any, Any]:
    at = problem.get("at") or {}
    return at.get("file"), at.get("line")


# ---- apply


def apply(run: Run, inputs: Inputs) -> None:
    """Carries out the plan that was reviewed for this commit, as far as the spec of this commit still asks for it."""
    if run.pull_request or run.event.startswith("pull_request"):
        raise Refused("A pull request's run does not apply: a plan is applied after it was reviewed and merged")
    local = Path(inputs.plan_file).absolute()
    if os.environ.get("PLAN_FILE") and not local.is_file():
        raise Refused(
            f"There is no plan file {inputs.plan_file}: nothing is applied without the plan that was reviewed"
        )
    tool = TokenVault(environment_of_tokenvault(run))
    if not validate(tool, inputs):
        raise Refused("The spec is not valid")
    fresh, changes = saved_plan(tool, inputs, str(run.temporary / "now.json"), "--summary")
    if not changes:
        log("Nothing to apply: the tenant is as the spec says.")
        return
    reviewed = check_reviewed(tool, run, inputs, fresh, local if local.is_file() else fetch(run, inputs, fresh))
    chosen = fresh
    if more := unreviewed(reviewed, fresh):
        for address in more:
            annotate("notice", f"{address} needs a change that was not reviewed; it is left as it is.")
        excluded = [f"--exclude={address}" for address in more]
        chosen, _ = saved_plan(tool, inputs, str(run.temporary / "reviewed-part.json"), "--summary", *excluded)
        refuse_unreviewed(unreviewed(reviewed, chosen))
    if tool.shown("apply", str(chosen.path), *inputs.options_of("apply")):
        raise Refused("The plan was not carried out, or not wholly: tokenvault says above why")


def check_reviewed(tool: TokenVault, run: Run, inputs: Inputs, fresh: Planned, path: Path) -> Planned:
    """The plan that was reviewed. `Refused` when it is for something else than what is about to be applied."""
    reviewed = opened(tool, path)
    record = _record(beside(str(path)))
    expected = review_record(run, inputs, reviewed)
    differs: dict[str, Callable[[], bool]] = {
        "repository": lambda: record["repository"] != expected["repository"],
        "commit": lambda: record["commit"] not in accepted_commits(run),
        "plan": lambda: record["plan"] != expected["plan"],
        "spec": lambda: {record["spec"], reviewed.spec} != {fresh.spec},
        "tenant": lambda: {record["tenant"], reviewed.tenant} != {fresh.tenant},
        "spec's files": lambda: record["files"] != digests([*fresh.files, *inputs.env_files]),
    }
    for what, is_other in differs.items():
        if is_other():
            raise Refused(
                f"The reviewed plan {path} is for another {what} than is about to be applied. Plan again, and review that."
            )
    return reviewed


def _record(path: Path) -> Json:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        texts = [record[name] for name in ("repository", "commit", "plan", "spec", "tenant")]
        if record["format"] == FORMAT and all(isinstance(text, str) for text in texts) and record["files"]:
            return dict(record)
    except (OSError, ValueError, LookupError, TypeError):
        pass
    raise Refused(f"{path}, which says what the plan was made for, is missing or damaged")


def accepted_commits(run: Run) -> set[str]:
    """The commits whose plan may be applied here: this one, and that of the pull request that was merged as this one."""
    return {commit for commit in (run.sha, *merged_heads(run)) if commit}


@cache
def merged_heads(run: Run) -> Sequence[str]:
    """The last commit of each pull request that became this commit of this branch."""
    if not run.sha:
        return ()
    try:
        pulls = listed(f"repos/{run.repository}/commits/{run.sha}/pulls?per_page=100")
    except GitHubError as error:
        annotate("warning", f"Which pull request was merged as {run.sha} cannot be found out: {error}")
        return ()
    return tuple(str(pull["head"]["sha"]) for pull in pulls if _became(pull, run))


def _became(pull: Json, run: Run) -> bool:
    merged = bool(pull.get("merged_at")) and pull.get("merge_commit_sha") == run.sha
    return merged and (pull.get("base") or {}).get("ref") == run.branch


def fetch(run: Run, inputs: Inputs, fresh: Planned) -> Path:
    """The plan that was saved for this commit, from the artifacts of the repository. `Refused` when there is none."""
    what = f"spec {fresh.spec} for {fresh.tenant}"
    return unpacked(run, fetched(run, lambda commit: artifact_name(fresh, inputs, commit), what))


def fetched(run: Run, name_for: Callable[[str], str], what: str) -> bytes:
    """The artifact that was made for this commit, or for the pull request that became it. `Refused` when there is none."""
    for commit in (run.sha, *merged_heads(run)):
        name = name_for(commit)
        for artifact in artifacts(run, name, commit):
            log(f"The plan that was reviewed: artifact {artifact['id']}, {name}")
            return gh("api", f"repos/{run.repository}/actions/artifacts/{artifact['id']}/zip")
    raise Refused(
        f"There is no plan of {what} that was reviewed for commit {run.sha}, "
        "and nothing is applied without one. Run the workflow's plan on this commit, and review that."
    )


def artifacts(run: Run, name: str, commit: str) -> list[Json]:
    """The artifacts of this name that a run for this commit in this repository made, not a fork's run; newest first."""
    found = listed(f"repos/{run.repository}/actions/artifacts?name={name}&per_page=100", "artifacts")
    own = [
        item for item in found if item.get("name") == name and not item.get("expired") and _is_ours(item, run, commit)
    ]
    return sorted(own, key=lambda item: int(item["id"]), reverse=True)


def _is_ours(artifact: Json, run: Run, commit: str) -> bool:
    by = artifact.get("workflow_run") or {}
    if by.get("head_sha") != commit or by.get("head_repository_id") != by.get("repository_id"):
        return False
    return commit != run.sha or str(by.get("id")) == run.run_id  # without a pull request, only the plan of this run


def unpacked(run: Run, content: bytes) -> Path:
    """Unpacks the two files of an artifact; the path of the plan."""
    folder = run.temporary / "reviewed"
    folder.mkdir()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member, path in ((PLAN, folder / PLAN), (REVIEW, beside(str(folder / PLAN)))):
                with archive.open(member) as file:
                    data = file.read(MAX_MEMBER + 1)
                if len(data) > MAX_MEMBER:
                    raise Refused(f"The artifact's {member} is too large")
                path.write_bytes(data)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError):
        raise Refused("The artifact is not a plan that this action saved") from None
    return folder / PLAN


def unreviewed(reviewed: Planned, fresh: Planned) -> list[str]:
    """The addresses that the reviewed plan leaves alone and that need a change now. `Refused` for one that differs.

    What is left of the reviewed changes after an apply that was cut short is no other change.
    """
    was, now = _changes(reviewed), _changes(fresh)
    refuse_unreviewed([address for address in now if address in was and not was[address].covers(now[address])])
    return [address for address in now if address not in was]


def refuse_unreviewed(addresses: Sequence[str]) -> None:
    """`Refused` when there are any."""
    if not addresses:
        return
    listing = "\n".join(f"  {address}" for address in sorted(addresses)[:50])
    raise Refused(
        "The tenant changed since the plan was reviewed, so that other changes are needed now. Nothing was applied. "
        f"Plan again, and review that. These were not reviewed as they are now:\n{listing}"
    )


@dataclass(frozen=True)
class Change:
    """What a change does to an object, without where and why the spec asks for it."""

    name: tuple[str, str]
    deed: tuple[str, str, bool]
    attributes: frozenset[str]

    def covers(self, rest: Change) -> bool:
        """Whether the other is this one, or what is left of it after an apply that was cut short."""
        is_begun = rest.deed[0] == "update" and (self.deed[0] == "create" or self.deed == (*rest.deed[:2], True))
        if self.name != rest.name or not (self.deed == rest.deed or is_begun):
            return False
        awaited = {_kept(attribute) for attribute in self.attributes if json.loads(attribute)["unknown"] is not None}
        return all(attribute in self.attributes or _kept(attribute) in awaited for attribute in rest.attributes)


def _kept(attribute: str) -> str:
    """An attribute without its value, which is not known while the object that it refers to is not created."""
    return json.dumps(
        {name: value for name, value in json.loads(attribute).items() if name not in ("after", "unknown")}
    )


def _changes(planned: Planned) -> dict[str, Change]:
    return {str(change["address"]): _change(change) for change in planned.document["changes"]}


def _change(change: Json) -> Change:
    attributes = [
        {name: value for name, value in item.items() if name not in _uncompared(item)} for item in change["attributes"]
    ]
    return Change(
        name=(str(change["kind"]), str(change["name"])),
        deed=(str(change["action"]), str(change["id"]), bool(change["adopts"])),
        attributes=frozenset(json.dumps(attribute, sort_keys=True) for attribute in attributes),
    )


def _uncompared(attribute: Json) -> tuple[str, ...]:
    """What may differ: why it is asked for; and of an ownership mark how far an apply that was cut short had written it."""
    is_mark = OWNERSHIP_MARK.fullmatch(attribute["path"][0])
    return ("why", "before", "op") if is_mark else ("why",)

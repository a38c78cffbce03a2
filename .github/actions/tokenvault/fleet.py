"""The same for a fleet: many tenants from one file, with one comment and one artifact.

As with one spec, the plan that was reviewed is a permit: `apply` plans the same tenants again, and carries that out only where
each of its changes stands in the reviewed plan of the same tenant. One change that does not, and nothing is applied anywhere:
a wave that is applied in part would let the next one begin.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from run import (
    MAX_MEMBER,
    PLACEHOLDER,
    Inputs,
    Json,
    Planned,
    Refused,
    Run,
    TokenVault,
    accepted_commits,
    annotate,
    comment,
    digests,
    environment_of_tokenvault,
    fetched,
    log,
    output,
    summarise,
    unreviewed,
)

FORMAT = "tokenvault-fleet-review"
INDEX, REVIEW = "index.json", "_review.json"  # no tenant's name begins with _
MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\.json")
MAX_MEMBERS = 5000
CHOOSING = ("--only", "--exclude", "--changed")


# ---- plan


def plan(run: Run, inputs: Inputs) -> None:
    """Checks the fleet, plans every tenant, shows what changes to reviewers, and saves the plans for `apply`."""
    tool = TokenVault(environment_of_tokenvault(run))
    if run.is_from_fork:
        look_without_secrets(tool, inputs)
        return
    name = validated(tool, inputs)
    code, markdown = tool.read(
        "fleet", "plan", inputs.fleet, *inputs.options_of("fleet plan"), *_saving(inputs.plan_file)
    )
    body = f"{markdown}\nPlanned for commit {run.commit or 'unknown'}.\n"
    if markdown:
        log(markdown)
        summarise(body)
        if inputs.comment and run.pull_request:
            comment(run, f"<!-- tokenvault:fleet {_plain(name)} key={key(name, inputs)} -->", body)
    if code not in (0, 2):
        raise Refused("Not every tenant could be planned: tokenvault says above why")
    saved = Plans(Path(inputs.plan_file).absolute())
    output("changes", "true" if code == 2 else "false")
    output("plan-file", inputs.plan_file)
    keep(run, inputs, name, saved)


def _saving(folder: str) -> tuple[str, ...]:
    return ("--out", folder, "--detailed-exitcode", "--format", "markdown")


def validated(tool: TokenVault, inputs: Inputs) -> str:
    """The fleet's name. Problems become annotations at their lines; `Refused` when one is an error."""
    document = _checked(tool, inputs)
    problems = document["problems"]
    for problem in problems:
        print(_annotation(problem), flush=True)
    if any(problem["severity"] == "error" for problem in problems):
        raise Refused("The fleet is not valid")
    return str(document["fleet"])


def _checked(tool: TokenVault, inputs: Inputs) -> Json:
    _, said = tool.read("fleet", "validate", inputs.fleet, *inputs.options_of("fleet validate"), "--format", "json")
    try:
        document: Json = json.loads(said)
        return document
    except ValueError:
        raise Refused("The fleet cannot be read: tokenvault says above why") from None


def _annotation(problem: Json) -> str:
    at = problem.get("at") or {}
    place = {"file": at.get("file"), "line": at.get("line"), "title": problem["code"]}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in place.items() if value)
    level = "error" if problem["severity"] == "error" else "warning"
    said = f"{problem['summary']}. {problem['hint']} (in {', '.join(problem['members'][:5])})"
    return f"::{level} {properties}::{_data(said)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").replace("##[", "## [")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower())[:60].strip("-")


def key(name: str, inputs: Inputs) -> str:
    """Tells two fleets, or two choices of one, apart; `--changed` chooses by commit and is none of that."""
    chosen = [given.argument for given in inputs.options if given.name in ("--only", "--exclude")]
    text = json.dumps([name, inputs.fleet, inputs.env_files, chosen])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def artifact_name(name: str, inputs: Inputs, commit: str) -> str:
    """The name of the artifact that holds the plans of a commit."""
    return f"tokenvault-fleet-{_plain(name)}-{key(name, inputs)}-{commit}"


def keep(run: Run, inputs: Inputs, name: str, saved: Plans) -> None:
    """Lays out what the artifact holds: the folder of plans, and what they were made for and from."""
    folder = run.temporary / "artifact"
    shutil.copytree(saved.folder, folder)
    record = {
        "format": FORMAT,
        "repository": run.repository,
        "commit": run.commit,
        "run": run.run_id,
        "fleet": name,
        "files": saved.digests(inputs),
        "index": saved.hash,
    }
    for place in (folder / REVIEW, beside(inputs)):
        place.write_text(json.dumps(record, indent=2), encoding="utf-8")
    output("artifact", artifact_name(name, inputs, run.commit))
    output("artifact-folder", str(folder))
    output("saved", "true")


def beside(inputs: Inputs) -> Path:
    """Where the record of a folder of plans is: the folder itself holds plans alone."""
    return Path(f"{inputs.plan_file}.review.json")


# ---- a folder of plans


@dataclass(frozen=True)
class Plans:
    """A folder that `tokenvault fleet plan --out` wrote."""

    folder: Path

    @property
    def index(self) -> Json:
        found: Json = json.loads((self.folder / INDEX).read_bytes())
        return found

    @property
    def hash(self) -> str:
        return hashlib.sha256((self.folder / INDEX).read_bytes()).hexdigest()

    def members(self) -> dict[str, Planned]:
        """The plan of each tenant. `Refused` when one is not the plan that the index says."""
        return dict(self._members())

    def _members(self) -> Iterator[tuple[str, Planned]]:
        for name, said in self.index["members"].items():
            path = self.folder / f"{name}.json"
            if not MEMBER.fullmatch(path.name) or hashlib.sha256(path.read_bytes()).hexdigest() != said["sha256"]:
                raise Refused(f"The plan of {name} is not the one that was saved")
            yield name, Planned(path, json.loads(path.read_bytes()))

    def digests(self, inputs: Inputs) -> dict[str, str]:
        """The content of every file that says something about these plans."""
        files = {file for planned in self.members().values() for file in planned.files}
        return digests(sorted({inputs.fleet, *files, *inputs.env_files}))


# ---- a pull request from a fork


def look_without_secrets(tool: TokenVault, inputs: Inputs) -> None:
    """Validates the fleet of a fork, whose run has no secrets. `Refused` when it is wrong in itself."""
    annotate("notice", "A fork's run has no secrets: the fleet is validated, and nothing is planned.")
    unset = {
        found[1]: problem.get("at")
        for problem in _checked(tool, inputs)["problems"]
        if (found := re.search(r"\bvariable ([A-Za-z_][A-Za-z0-9_]*)", str(problem["summary"])))
        and problem["code"] == "spec-unset-variable"
    }
    stand_in = TokenVault({**tool.environment, **dict.fromkeys(unset, PLACEHOLDER)})
    problems = [
        problem for problem in _checked(stand_in, inputs)["problems"] if problem.get("at") not in unset.values()
    ]
    for problem in problems:
        print(_annotation(problem), flush=True)
    if any(problem["severity"] == "error" for problem in problems):
        raise Refused("The fleet is not valid")


# ---- apply


def apply(run: Run, inputs: Inputs) -> None:
    """Carries out the plans that were reviewed for this commit, as far as the files of this commit still ask for them."""
    if run.pull_request or run.event.startswith("pull_request"):
        raise Refused("A pull request's run does not apply: a plan is applied after it was reviewed and merged")
    tool = TokenVault(environment_of_tokenvault(run))
    name = validated(tool, inputs)
    reviewed, record = _reviewed(run, inputs, name)
    if not reviewed:
        log("Nothing to apply: no tenant was planned.")
        return
    fresh, changes = _planned_again(tool, run, inputs, reviewed)
    check_reviewed(run, inputs, name, record, fresh)
    if not changes:
        log("Nothing to apply: every tenant is as its spec says.")
        return
    refuse_unreviewed(reviewed, fresh.members())
    if tool.shown("fleet", "apply", str(fresh.folder), *_others(inputs, "fleet apply")):
        raise Refused("The plans were not carried out, or not wholly: tokenvault says above why")


def _reviewed(run: Run, inputs: Inputs, name: str) -> tuple[dict[str, Planned], Json]:
    """The plans that were reviewed, and the record of what they were made for. `Refused` when they are none."""
    folder, place = Path(inputs.plan_file).absolute(), beside(inputs)
    if not folder.is_dir():
        content = fetched(run, lambda commit: artifact_name(name, inputs, commit), f"fleet {name}")
        folder = unpacked(run, content)
        place = folder / REVIEW
    try:
        record: Json = json.loads(place.read_bytes())
        saved = Plans(folder)
        if record["format"] != FORMAT or record["index"] != saved.hash:
            raise ValueError
        members = saved.members()
        for planned in members.values():
            unreviewed(planned, planned)  # what it lacks to be compared is noticed here
        return members, record
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise Refused(f"{folder} holds no plans that this action saved, or they are damaged") from None


def unpacked(run: Run, content: bytes) -> Path:
    """Unpacks the plans of an artifact; their folder."""
    folder, rest = run.temporary / "reviewed", MAX_MEMBER
    folder.mkdir()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist()[:MAX_MEMBERS]:
                if not MEMBER.fullmatch(member) and member != REVIEW:
                    raise KeyError(member)
                with archive.open(member) as file:
                    data = file.read(rest + 1)
                rest -= len(data)
                if rest < 0:
                    raise Refused("The artifact's plans are too large")
                (folder / member).write_bytes(data)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError):
        raise Refused("The artifact holds no plans that this action saved") from None
    return folder


def _others(inputs: Inputs, command: str) -> list[str]:
    """The options of a command, less those that choose tenants: those that were reviewed are meant."""
    names = [given for given in inputs.options if given.name not in CHOOSING]
    known = set(inputs.options_of(command))
    return [given.argument for given in names if given.argument in known]


def _planned_again(tool: TokenVault, run: Run, inputs: Inputs, members: Iterable[str]) -> tuple[Plans, bool]:
    fresh = Plans(run.temporary / "now")
    only = [f"--only={name}" for name in members]
    code, said = tool.read(
        "fleet", "plan", inputs.fleet, *_others(inputs, "fleet plan"), *only, *_saving(str(fresh.folder))
    )
    log(said)
    if code not in (0, 2):
        raise Refused("Not every tenant could be planned: tokenvault says above why")
    return fresh, code == 2


def check_reviewed(run: Run, inputs: Inputs, name: str, record: Json, fresh: Plans) -> None:
    """`Refused` when the plans that were reviewed are for something else than what is about to be applied."""
    differs: dict[str, bool] = {
        "repository": record.get("repository") != run.repository,
        "fleet": record.get("fleet") != name,
        "commit": record.get("commit") not in accepted_commits(run),
        "fleet's files": record.get("files") != fresh.digests(inputs),
    }
    for what, is_other in differs.items():
        if is_other:
            raise Refused(
                f"The reviewed plans are for another {what} than is about to be applied. Plan again, and review that."
            )


def refuse_unreviewed(reviewed: dict[str, Planned], fresh: dict[str, Planned]) -> None:
    """`Refused` when a tenant needs a change that does not stand, as it is now, in its reviewed plan."""
    more = [address for name, planned in fresh.items() for address in _unreviewed(name, reviewed.get(name), planned)]
    if more:
        raise Refused(
            "Tenants changed since the plans were reviewed, so that other changes are needed now. Nothing was applied. "
            f"Plan again, and review that. These were not reviewed as they are now:\n{_listing(more)}"
        )


def _unreviewed(name: str, was: Planned | None, now: Planned) -> list[str]:
    if was is None or (was.tenant, was.spec) != (now.tenant, now.spec):
        return [f"{name}: it is another tenant or spec"]
    try:
        return [f"{name}: {address}" for address in unreviewed(was, now)]
    except Refused as refusal:  # one of them has become another change; its text ends with the addresses
        return [f"{name}: {line.strip()}" for line in str(refusal).split("\n")[1:]]


def _listing(lines: Sequence[Any]) -> str:
    return "\n".join(f"  {line}" for line in lines[:50])

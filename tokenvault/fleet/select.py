"""Which members a command is about: by name or label, what changed since a commit, what failed before."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tokenvault.errors import Diagnostic, RefusedError, SpecError, TokenVaultError, did_you_mean
from tokenvault.files import make_folder, write_private
from tokenvault.fleet.load import entry_of
from tokenvault.fleet.model import Fleet, Member, Result
from tokenvault.spec.load import spec_files
from tokenvault.spec.source import read_source
from tokenvault.text import json_page

_FILE = re.compile(r"\$\{file:([^{}]+)\}")


def chosen(fleet: Fleet, only: Sequence[str], exclude: Sequence[str]) -> tuple[Member, ...]:
    """The members that some word of `only` means (none given: all) and no word of `exclude`.

    A word is a name, in which `*` may stand, or `label=value`. `RefusedError` for one that means nobody.
    """
    for word in (*only, *exclude):
        if not any(_means(word, member) for member in fleet.members):
            raise RefusedError(_nobody(word, fleet))
    return tuple(
        member
        for member in fleet.members
        if (not only or any(_means(word, member) for word in only)) and not any(_means(w, member) for w in exclude)
    )


def _means(word: str, member: Member) -> bool:
    label, equals, value = word.partition("=")
    if equals:
        return label in member.labels and fnmatchcase(member.labels[label], value)
    return fnmatchcase(member.name, word)


def _nobody(word: str, fleet: Fleet) -> Diagnostic:
    labels = {f"{key}={value}" for member in fleet.members for key, value in member.labels.items()}
    hint = did_you_mean(word, [*(member.name for member in fleet.members), *sorted(labels)])
    return Diagnostic(
        code="fleet-nobody",
        summary=f"No tenant of {fleet.name} is meant by {word}",
        hint=hint or "Give the name of a tenant, * for any letters, or label=value.",
    )


def changed_since(fleet: Fleet, members: Iterable[Member], commit: str) -> tuple[Member, ...]:
    """The members whose entry, spec, env file or keys differ from the commit; `RefusedError` when git cannot tell."""
    folder = fleet.file.resolve().parent
    root = Path(_git(folder, "rev-parse", "--show-toplevel").strip())
    if commit.startswith("-"):
        raise _no_answer(f"{commit} is no commit")
    known = _git(folder, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").strip()
    names = [
        *_git(root, "diff", "--name-only", "--no-renames", "-z", known).split("\0"),
        *_git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0"),
    ]
    touched = {(root / name).resolve() for name in names if name}
    before = _before(fleet, root, known) if fleet.file.resolve() in touched else None
    return tuple(member for member in members if _differs(member, touched, before))


def _differs(member: Member, touched: set[Path], before: Mapping[str, Any] | None) -> bool:
    if before is not None and before.get(member.name) != member.entry:
        return True
    return any(file in touched or any(file in other.parents for other in touched) for file in _files(member))


def _files(member: Member) -> Iterator[Path]:
    """The files that make the member's spec, and the folders of specs: one that is gone counts too."""
    yield from (Path(path).resolve() for path in member.spec)
    if member.env_file:
        yield member.env_file.resolve()
    try:
        for file in spec_files(member.spec):
            yield Path(file).resolve()
            source = read_source(file, Path(file).read_bytes())
            yield from ((Path(file).parent / name).resolve() for name in _named(source.data))
    except (TokenVaultError, OSError):
        return  # planning it tells


def _named(value: Any, key: str = "") -> Iterator[str]:
    """The paths that a spec refers to."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _named(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, key)
    elif isinstance(value, str):
        yield from _FILE.findall(value)
        if key == "file" and "\0" not in value:
            yield value


def _before(fleet: Fleet, root: Path, commit: str) -> Mapping[str, Any]:
    """What the file said of each member then; nothing where it was not there or cannot be read."""
    name = fleet.file.resolve().relative_to(root.resolve()).as_posix()
    try:
        data = read_source(name, _git(root, "show", f"{commit}:{name}").encode()).data
        return {member: entry_of(data, member) for member in data["tenants"]}
    except (RefusedError, SpecError, AttributeError, KeyError, TypeError):
        return {}


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603, S607
    except OSError:
        raise _no_answer("git is not installed") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise _no_answer(lines[-1] if lines else "it does not know the commit")
    return done.stdout


def _no_answer(reason: str) -> RefusedError:
    hint = "Give a commit, branch or tag that this clone has (in CI: fetch the whole history)."
    return RefusedError(Diagnostic(code="fleet-git", summary=f"git cannot tell what changed: {reason}", hint=hint))


# ---- how the members ended the last time, in a file beside the sandboxes: what `--failed` takes up again


FORMAT = "tokenvault-fleet-results"
FOLDER = Path(".tokenvault")


def results_file(fleet: Fleet) -> Path:
    """Where the results of a fleet stand, unless the user says otherwise."""
    return FOLDER / f"fleet-{fleet.name}.json"


def remember(file: Path, command: str, results: Iterable[Result]) -> None:
    """Notes how each member ended; what is known of others, and of other commands, stays. Raises OSError."""
    known = _read(file)
    ended = known.setdefault(command, {})
    ended.update({result.member.name: "failed" if result.failed else result.outcome.value for result in results})
    make_folder(file.parent)
    write_private(file, json_page({"format": FORMAT, "commands": known}))


def failed_before(file: Path, command: str, members: Iterable[Member]) -> tuple[Member, ...]:
    """Those of the members that failed, or did not get their turn, when the command last ran on them."""
    ended = _read(file).get(command)
    if ended is None:
        summary = f"It is not known what failed: {file} holds no results of `fleet {command}`"
        hint = "Run it once without --failed; elsewhere, keep that file (--results names another)."
        raise RefusedError(Diagnostic(code="fleet-no-results", summary=summary, hint=hint))
    return tuple(member for member in members if ended.get(member.name) == "failed")


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        data = json.loads(file.read_bytes())
        return {str(k): dict(v) for k, v in data["commands"].items()} if data["format"] == FORMAT else {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}

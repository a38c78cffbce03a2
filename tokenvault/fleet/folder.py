"""Saved plans of a fleet: a folder with a plan for each member, and an index of their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenvault import __version__
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.files import write_private, written
from tokenvault.fleet.model import Fleet, Result
from tokenvault.operations.apply import resolved
from tokenvault.plan.file import load_plan, read_document, save_plan
from tokenvault.plan.model import Plan
from tokenvault.text import json_page

INDEX, FORMAT, VERSION = "index.json", "tokenvault-fleet-plans", "1.0"
_AGAIN = "Plan again, with --out, and review what it says."


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlans:
    """A folder that `fleet plan --out` wrote. `hash` is of the index, which holds the hash of every plan."""

    folder: Path
    fleet_file: str
    members: Mapping[str, str]
    unplanned: tuple[str, ...]
    hash: str

    def plan(self, name: str, variables: Mapping[str, str]) -> Plan:
        """The member's plan, secrets resolved anew; `RefusedError` when it is not the one that was saved."""
        path = self.folder / f"{name}.json"
        document = read_document(path)
        if _hash(path) != self.members[name]:
            raise RefusedError(_broken(f"{path} is not the plan that was saved there"))
        return load_plan(document, lambda reference, folder: resolved(reference, folder, variables))


def save_plans(folder: Path, fleet: Fleet, results: Iterable[Result]) -> SavedPlans:
    """Writes the plans and their index. `RefusedError` when the folder holds something else, or cannot be written."""
    results = list(results)
    with written(folder, code="plan-file-write"):
        folder.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        planned = {result.member.name: result for result in results if result.plan and not result.failed}
        for name, result in planned.items():
            assert result.plan
            save_plan(folder / f"{name}.json", result.plan)
        index = {
            "format": FORMAT,
            "format_version": VERSION,
            "tokenvault_version": __version__,
            "fleet": fleet.name,
            "fleet_file": str(fleet.file),
            "members": {
                name: {
                    "tenant": result.plan.tenant,
                    "summary": dict(result.summary),
                    "sha256": _hash(folder / f"{name}.json"),
                }
                for name, result in planned.items()
                if result.plan
            },
            "unplanned": [result.member.name for result in results if result.failed],
        }
        write_private(folder / INDEX, json_page(index))
    return read_plans(folder)


def read_plans(folder: Path) -> SavedPlans:
    """What a folder of saved plans holds; `RefusedError` when it is none."""
    path = folder / INDEX
    try:
        index = json.loads(path.read_bytes())
        if index["format"] != FORMAT:
            raise ValueError
        made_by = index["tokenvault_version"]
        saved = SavedPlans(
            folder=folder,
            fleet_file=str(index["fleet_file"]),
            members={str(name): str(member["sha256"]) for name, member in index["members"].items()},
            unplanned=tuple(map(str, index["unplanned"])),
            hash=_hash(path),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise RefusedError(_broken(f"{folder} holds no plans of a fleet")) from None
    if made_by != __version__:
        raise RefusedError(_broken(f"{folder} was made by tokenvault {made_by}, and this is {__version__}"))
    return saved


def is_saved(path: Path) -> bool:
    """Whether a command was given a folder of plans instead of a fleet file."""
    return path.is_dir()


def _clear(folder: Path) -> None:
    """Takes away what an earlier plan left there. A folder that holds anything else is not touched."""
    inside = sorted(folder.iterdir())
    if not inside:
        return
    names = {path.name for path in inside}
    known: set[str] = set()
    if INDEX in names:
        before = _names(folder / INDEX)
        known = {INDEX, *(f"{name}.json" for name in before)}
    if names - known:
        other = sorted(names - known)[0]
        summary = f"{folder} holds {other}, which is no plan of a fleet: it is left as it is"
        raise RefusedError(Diagnostic(code="plan-file-exists", summary=summary, hint="Give --out another folder."))
    for path in inside:
        path.unlink()


def _names(index: Path) -> list[str]:
    try:
        data: Any = json.loads(index.read_bytes())
        return list(data["members"]) if data["format"] == FORMAT else []
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _broken(summary: str) -> Diagnostic:
    return Diagnostic(code="plan-file-broken", summary=summary, hint=_AGAIN)

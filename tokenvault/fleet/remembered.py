"""How the members ended the last time, in a file beside the sandboxes: what `--failed` takes up again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.files import make_folder, write_private
from tokenvault.fleet.model import Fleet, Member, Result
from tokenvault.text import safe_json

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
    write_private(file, safe_json({"format": FORMAT, "commands": known}, indent=2) + "\n")


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

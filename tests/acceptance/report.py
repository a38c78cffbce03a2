"""What a run found, as JSON and as Markdown. Neither names the tenant nor holds a secret."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.lives import Life
from tests.acceptance.names import Run
from tests.acceptance.probes.base import PROBES, Says, Verdict
from tests.acceptance.redaction import Redactor
from tests.acceptance.traffic import PLAYED_AS
from tokenvault import __version__

FORMAT, VERSION = "tokenvault-acceptance", 1
TENANT = "TENANT"


@dataclass
class Found:
    """What was found so far; `broken` says what ended the run early, `left` what could not be taken away."""

    run: Run
    tenant: str
    started: str
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    lives: list[Life] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    broken: str = ""

    @property
    def ok(self) -> bool:
        """Whether the run came to its end, tokenvault lived every life, and nothing is left. What a tenant does is no fault."""
        return not self.broken and not self.left and all(life.ok for life in self.lives)


def region(domain: str, *, sandbox: bool) -> str:
    """What a report says of the tenant: where it is, not which it is."""
    if sandbox:
        return "the sandbox"
    return f"a tenant of {domain.partition('.')[2]}" if domain.endswith(".auth0.com") else "a tenant on another domain"


def document(found: Found, redactor: Redactor) -> dict[str, Any]:
    """The report as JSON data."""
    unknowns = [
        {
            "name": name,
            "says": verdict.says.value,
            "text": verdict.text,
            "assumed": PROBES[name].usually,
            "otherwise": PROBES[name].instead,
            "known_before": PROBES[name].known,
            "steps": list(verdict.steps),
        }
        for name, verdict in found.verdicts.items()
    ]
    lives = [{"flavor": one.flavor, "ok": one.ok, "failed": one.failed, "steps": one.steps} for one in found.lives]
    made = {
        "format": FORMAT,
        "format_version": VERSION,
        "tokenvault_version": __version__,
        "run": found.run.id,
        "started": found.started,
        "tenant": found.tenant,
        "ok": found.ok,
        "broken": found.broken,
        "unknowns": unknowns,
        "lives": lives,
        "left": found.left,
    }
    return {key: _clean(value, redactor) for key, value in made.items()}


def _clean(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, dict):
        return {key: _clean(item, redactor) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, redactor) for item in value]
    return shown(value, redactor) if isinstance(value, str) else value


def shown(text: str, redactor: Redactor) -> str:
    """The text as it may be printed."""
    return redactor.text(text).replace(PLAYED_AS, TENANT)


def markdown(made: dict[str, Any]) -> str:
    """The report for people, from its JSON form."""
    says = [unknown["says"] for unknown in made["unknowns"]]
    counts = ", ".join(f"{says.count(one.value)} {one.value}" for one in Says if one.value in says)
    lines = [
        f"# Acceptance of {made['tenant']}",
        "",
        f"Run {made['run']}, {made['started']}, tokenvault {made['tokenvault_version']}. {counts or 'No unknown was asked'}.",
    ]
    lines += ["", f"**The run ended early: {made['broken']}**"] if made["broken"] else []
    if made["unknowns"]:
        lines += ["", "## What the tenant does", "", "| unknown | answer | what was seen |", "|---|---|---|"]
        lines += [_row(one["name"], f"**{one['says']}**", one["text"]) for one in made["unknowns"]]
    others = [one for one in made["unknowns"] if one["says"] == Says.OTHER.value]
    if others:
        lines += ["", "## Other than assumed", ""]
        lines += [
            f"- {one['name']}. Assumed: {one['assumed']} What else was thought of: {one['otherwise']}" for one in others
        ]
    by_hand = [one for one in made["unknowns"] if one["steps"]]
    if by_hand:
        lines += ["", "## By hand"]
    for one in by_hand:
        lines += ["", f"### {one['name']}", "", *(f"{n}. {step}" for n, step in enumerate(one["steps"], 1))]
    for life in made["lives"]:
        lines += ["", f"## {life['flavor']}: {'lived' if life['ok'] else 'failed at ' + life['failed']}", ""]
        lines += ["| step | came to |", "|---|---|", *(_row(*step) for step in life["steps"].items())]
    lines += ["", "## Left in the tenant", "", *([f"- {one}" for one in made["left"]] or ["Nothing."])]
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"


def write(made: dict[str, Any], folder: Path) -> list[Path]:
    """Writes both forms."""
    files = [folder / "report.json", folder / "report.md"]
    for file, text in zip(files, (json.dumps(made, indent=2, ensure_ascii=False) + "\n", markdown(made)), strict=True):
        with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as sink:
            sink.write(text)
    return files

"""Arguments and options of the fleet's commands, and what they choose."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.completion import members
from tokenvault.cli.options import Debug, Decorator, EnvFile, Format, MaxRps, MaxWait, made_of, sandbox_path
from tokenvault.tenant.options import MAX_WAIT

if TYPE_CHECKING:
    from tokenvault.fleet.model import Fleet, Member

PARALLEL = 100
DEFAULT_FLEET, DEFAULT_SANDBOXES = "fleet.yaml", ".tokenvault/fleet"
MEMBERS = "Which tenants"


File = Annotated[Path, typer.Argument(metavar="FLEET", help="The file that lists the tenants.", show_default=True)]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="NAME|LABEL=VALUE",
        help="Only these tenants, * for any letters. Repeatable.",
        autocompletion=members,
        rich_help_panel=MEMBERS,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="NAME|LABEL=VALUE",
        help="Without these tenants. Repeatable.",
        autocompletion=members,
        rich_help_panel=MEMBERS,
    ),
]
Changed = Annotated[
    str | None,
    typer.Option(
        "--changed",
        metavar="COMMIT",
        help="Only tenants whose entry, spec, env file or keys changed since the commit.",
        rich_help_panel=MEMBERS,
    ),
]
Failed = Annotated[
    bool,
    typer.Option("--failed", help="Only tenants that failed, or had no turn, the last time.", rich_help_panel=MEMBERS),
]
Results = Annotated[
    Path | None,
    typer.Option(
        "--results",
        metavar="FILE",
        help="Where it is kept what failed; default .tokenvault/fleet-NAME.json.",
        rich_help_panel=MEMBERS,
    ),
]
Parallel = Annotated[int, typer.Option("--parallel", metavar="N", min=1, help="At most N tenants at the same time.")]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Begin a wave even when the one before failed.")]
InAll = Annotated[
    int | None,
    typer.Option(
        "--max-destroy",
        metavar="N",
        min=0,
        help="Refuse to delete more than N objects in all tenants together.",
    ),
]
Sandbox = Annotated[
    str | None,
    typer.Option(
        "--sandbox",
        metavar="[=FOLDER]",
        envvar="TOKENVAULT_SANDBOX",
        show_envvar=False,
        help=f"Try it without tenants: each has a simulated one, kept in FOLDER (default {DEFAULT_SANDBOXES}).",
    ),
]
ReportFormat = Annotated[Format, typer.Option("--format", help="How to show the report.")]
Full = Annotated[bool, typer.Option("--full", help="List every change, however many.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """What all commands of a fleet take: which tenants the user means, and how they are worked on."""

    only: Only = None
    exclude: Exclude = None
    changed: Changed = None
    failed: Failed = False
    results: Results = None
    parallel: Parallel = PARALLEL
    sandbox: Sandbox = None
    max_rps: MaxRps = None
    max_wait: MaxWait = MAX_WAIT
    env_file: EnvFile = None
    debug: Debug = False

    def members(self, fleet: Fleet, command: str) -> tuple[Member, ...]:
        """Those members, on sandboxes when they are to be."""
        from tokenvault.fleet.select import changed_since, chosen, failed_before

        found = chosen(fleet, self.only or (), self.exclude or ())
        if self.changed:
            found = changed_since(fleet, found, self.changed)
        if self.failed:
            found = failed_before(self.kept_in(fleet), command, found)
        folder = self._folder()
        return tuple(replace(m, domain="", sandbox=folder / f"{m.name}.db") for m in found) if folder else found

    def kept_in(self, fleet: Fleet) -> Path:
        """The file of the results."""
        from tokenvault.fleet.select import results_file

        return self.results or results_file(fleet)

    def words(self) -> list[str]:
        """The options that a repetition needs, as they are typed."""
        words = [word for name in self.only or () for word in ("--only", name)]
        words += [word for name in self.exclude or () for word in ("--exclude", name)]
        words += ["--results", str(self.results)] if self.results else []
        folder = self._folder()
        if folder:
            words += [f"--sandbox={folder}" if folder != Path(DEFAULT_SANDBOXES) else "--sandbox"]
        return words + (["--env-file", str(self.env_file)] if self.env_file else [])

    def _folder(self) -> Path | None:
        return sandbox_path(self.sandbox, DEFAULT_SANDBOXES)


def with_fleet_options(*, without: Collection[str] = ()) -> Decorator:
    """Has a command's `options` made of what all commands of a fleet take, less those `without`."""
    return made_of(FleetOptions, "options", without)


def variables(env_file: Path | None) -> Mapping[str, str]:
    """The environment, with what the file adds to it."""
    from tokenvault.spec.references import read_variables

    return {**(read_variables(env_file) if env_file else {}), **os.environ}

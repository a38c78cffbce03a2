"""`tokenvault fleet`: one command for many tenants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.fleet_options import (
    DEFAULT_FLEET,
    File,
    FleetOptions,
    Full,
    InAll,
    KeepGoing,
    ReportFormat,
    with_fleet_options,
)
from tokenvault.cli.options import Format, Prune, out_option
from tokenvault.cli.plan import Adopt

if TYPE_CHECKING:
    from tokenvault.cli.fleet_run import FleetRun

CHANGES = 2
app = typer.Typer(help="Many tenants at once: a file lists them.", no_args_is_help=True)
AutoApprove = Annotated[bool, typer.Option("--auto-approve", "-y", help="Do not ask.")]
NoDoctor = Annotated[
    bool, typer.Option("--no-doctor", help="Begin a wave even when the doctor says that the one before is broken.")
]
Out = Annotated[Path | None, out_option("Write the plans to a FOLDER too, for `fleet apply FOLDER`.")]


@app.callback()
def _group() -> None:
    """Many tenants at once: a file lists them, with the spec, the variables and the credentials of each.

    Tenants are worked on side by side, those of one domain one after the other. What fails in one harms no other.
    """


@app.command()
@with_fleet_options(without=("failed", "results", "parallel", "max_rps", "max_wait", "debug"))
def validate(
    options: FleetOptions,
    fleet: File = Path(DEFAULT_FLEET),
    form: ReportFormat = "text",
) -> None:
    """Check the fleet file and every tenant's spec. Nothing is sent."""
    run = _opened("validate", fleet, options, form)
    _end(run.each(run.job.validate), run)


@app.command()
@with_fleet_options()
def plan(
    options: FleetOptions,
    fleet: File = Path(DEFAULT_FLEET),
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when there are changes, or objects that a spec dropped.")
    ] = False,
    form: ReportFormat = "text",
    full: Full = False,
    out: Out = None,
    adopt: Adopt = False,
    prune: Prune = False,
    max_destroy: InAll = None,
) -> None:
    """Show what every tenant lacks; equal changes are shown once. Changes nothing.

    Exit code 1 when a tenant failed, else 0, or with --detailed-exitcode 2 when there are changes.

    \b
    tokenvault fleet plan fleet.yaml --sandbox               try it on simulated tenants
    tokenvault fleet plan fleet.yaml --only tier=test        some of them
    tokenvault fleet plan fleet.yaml --out plans             to be applied as it was reviewed
    """
    run = _opened("plan", fleet, options, form, full=full)
    run.configure(adopt=adopt, prune=prune, max_destroy=max_destroy)
    _end(run.planned(out), run, changes=detailed_exitcode)


@app.command()
@with_fleet_options()
def apply(
    options: FleetOptions,
    fleet: Annotated[
        Path, typer.Argument(metavar="FLEET|FOLDER", help="The file, or a folder that `fleet plan --out` wrote.")
    ] = Path(DEFAULT_FLEET),
    auto_approve: AutoApprove = False,
    form: ReportFormat = "text",
    full: Full = False,
    adopt: Adopt = False,
    prune: Prune = False,
    max_destroy: InAll = None,
    keep_going: KeepGoing = False,
    no_doctor: NoDoctor = False,
) -> None:
    """Plan, ask, and make the changes in every tenant, wave by wave.

    A wave begins when all of the one before succeeded and the doctor does not find it broken. A folder of saved plans was
    approved when it was reviewed: nothing is asked, and each plan is carried out as it is. Run again, it goes on where it
    ended: finished steps are not repeated.

    \b
    tokenvault fleet apply fleet.yaml -y
    tokenvault fleet apply fleet.yaml -y --failed            what failed, again
    tokenvault fleet apply plans                             exactly what was reviewed
    """
    run = _opened("apply", fleet, options, form, full=full)
    run.configure(adopt=adopt, prune=prune, max_destroy=max_destroy)
    run.keep_going, run.asks_doctor = keep_going, not no_doctor
    _end(run.saved_applied() if run.saved else run.applied(auto_approve=auto_approve), run)


@app.command()
@with_fleet_options(without=("changed",))
def destroy(
    options: FleetOptions,
    fleet: File = Path(DEFAULT_FLEET),
    auto_approve: AutoApprove = False,
    form: ReportFormat = "text",
    full: Full = False,
    max_destroy: InAll = None,
    keep_going: KeepGoing = False,
) -> None:
    """Delete what the specs created in every tenant, and release what they adopted. Asks for the fleet's name."""
    run = _opened("destroy", fleet, options, form, full=full)
    run.configure(max_destroy=max_destroy, destroys=True)
    run.keep_going, run.asks_doctor = keep_going, False
    _end(run.applied(auto_approve=auto_approve), run)


@app.command()
@with_fleet_options(without=("changed",))
def drift(
    options: FleetOptions,
    fleet: File = Path(DEFAULT_FLEET),
    form: ReportFormat = "text",
    full: Full = False,
) -> None:
    """Say what changed behind the specs' back, in every tenant. Exit code 2 when something has, 1 when a tenant failed."""
    run = _opened("drift", fleet, options, form, full=full)
    _end(run.each(run.job.drift), run, changes=True)


@app.command()
@with_fleet_options(without=("changed",))
def doctor(
    options: FleetOptions,
    fleet: File = Path(DEFAULT_FLEET),
    form: ReportFormat = "text",
    full: Full = False,
) -> None:
    """Judge in every tenant whether tokens can be exchanged. Exit code 1 unless everything is ready."""
    run = _opened("doctor", fleet, options, form, full=full)
    _end(run.each(run.job.doctor), run)


def _opened(command: str, fleet: Path, options: FleetOptions, form: Format, *, full: bool = False) -> FleetRun:
    from tokenvault.cli.fleet_run import FleetRun

    return FleetRun(command, fleet, options, form, full=full)


def _end(finish: Callable[[], int], run: FleetRun, *, changes: bool = False) -> None:
    """Runs it, and exits as one tenant's command would."""
    code = finish()
    if not code and changes and not run.settled:
        code = CHANGES
    if code:
        raise typer.Exit(code)

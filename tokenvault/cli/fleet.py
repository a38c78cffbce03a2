"""`tokenvault fleet`: one command for many tenants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.fleet_options import (
    DEFAULT_FLEET,
    Changed,
    Choice,
    Exclude,
    Failed,
    File,
    Full,
    InAll,
    KeepGoing,
    Only,
    Parallel,
    ReportFormat,
    Results,
    Sandbox,
)
from tokenvault.cli.options import Debug, EnvFile, Format, MaxRps, MaxWait, Prune, out_option
from tokenvault.cli.plan import Adopt
from tokenvault.tenant.options import MAX_WAIT

if TYPE_CHECKING:
    from tokenvault.cli.fleet_run import FleetRun

PARALLEL = 100
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
def validate(
    fleet: File = Path(DEFAULT_FLEET),
    form: ReportFormat = "text",
    only: Only = None,
    exclude: Exclude = None,
    changed: Changed = None,
    sandbox: Sandbox = None,
    env_file: EnvFile = None,
) -> None:
    """Check the fleet file and every tenant's spec. Nothing is sent."""
    choice = Choice(only=only, exclude=exclude, changed=changed, sandbox=sandbox)
    run = _opened("validate", fleet, choice, form, env_file=env_file)
    _end(run.each(run.job.validate), run)


@app.command()
def plan(
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
    only: Only = None,
    exclude: Exclude = None,
    changed: Changed = None,
    failed: Failed = False,
    results: Results = None,
    parallel: Parallel = PARALLEL,
    sandbox: Sandbox = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    env_file: EnvFile = None,
    debug: Debug = False,
) -> None:
    """Show what every tenant lacks; equal changes are shown once. Changes nothing.

    Exit code 1 when a tenant failed, else 0, or with --detailed-exitcode 2 when there are changes.

    \b
    tokenvault fleet plan fleet.yaml --sandbox               try it on simulated tenants
    tokenvault fleet plan fleet.yaml --only tier=test        some of them
    tokenvault fleet plan fleet.yaml --out plans             to be applied as it was reviewed
    """
    choice = Choice(only=only, exclude=exclude, changed=changed, failed=failed, results=results, sandbox=sandbox)
    run = _opened("plan", fleet, choice, form, env_file, full=full, parallel=parallel, debug=debug)
    run.configure(adopt=adopt, prune=prune, max_destroy=max_destroy, max_rps=max_rps, max_wait=max_wait)
    _end(run.planned(out), run, changes=detailed_exitcode)


@app.command()
def apply(
    fleet: Annotated[
        Path, typer.Argument(metavar="FLEET|FOLDER", help="The file, or a folder that `fleet plan --out` wrote.")
    ] = Path(DEFAULT_FLEET),
    auto_approve: AutoApprove = False,
    form: ReportFormat = "text",
    full: Full = False,
    adopt: Adopt = False,
    prune: Prune = False,
    max_destroy: InAll = None,
    only: Only = None,
    exclude: Exclude = None,
    changed: Changed = None,
    failed: Failed = False,
    results: Results = None,
    parallel: Parallel = PARALLEL,
    keep_going: KeepGoing = False,
    no_doctor: NoDoctor = False,
    sandbox: Sandbox = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    env_file: EnvFile = None,
    debug: Debug = False,
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
    choice = Choice(only=only, exclude=exclude, changed=changed, failed=failed, results=results, sandbox=sandbox)
    run = _opened("apply", fleet, choice, form, env_file, full=full, parallel=parallel, debug=debug)
    run.configure(adopt=adopt, prune=prune, max_destroy=max_destroy, max_rps=max_rps, max_wait=max_wait)
    run.keep_going, run.asks_doctor = keep_going, not no_doctor
    _end(run.saved_applied() if run.saved else run.applied(auto_approve=auto_approve), run)


@app.command()
def destroy(
    fleet: File = Path(DEFAULT_FLEET),
    auto_approve: AutoApprove = False,
    form: ReportFormat = "text",
    full: Full = False,
    max_destroy: InAll = None,
    only: Only = None,
    exclude: Exclude = None,
    failed: Failed = False,
    results: Results = None,
    parallel: Parallel = PARALLEL,
    keep_going: KeepGoing = False,
    sandbox: Sandbox = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    env_file: EnvFile = None,
    debug: Debug = False,
) -> None:
    """Delete what the specs created in every tenant, and release what they adopted. Asks for the fleet's name."""
    choice = Choice(only=only, exclude=exclude, failed=failed, results=results, sandbox=sandbox)
    run = _opened("destroy", fleet, choice, form, env_file, full=full, parallel=parallel, debug=debug)
    run.configure(max_destroy=max_destroy, max_rps=max_rps, max_wait=max_wait, destroys=True)
    run.keep_going, run.asks_doctor = keep_going, False
    _end(run.applied(auto_approve=auto_approve), run)


@app.command()
def drift(
    fleet: File = Path(DEFAULT_FLEET),
    form: ReportFormat = "text",
    full: Full = False,
    only: Only = None,
    exclude: Exclude = None,
    failed: Failed = False,
    results: Results = None,
    parallel: Parallel = PARALLEL,
    sandbox: Sandbox = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    env_file: EnvFile = None,
    debug: Debug = False,
) -> None:
    """Say what changed behind the specs' back, in every tenant. Exit code 2 when something has, 1 when a tenant failed."""
    choice = Choice(only=only, exclude=exclude, failed=failed, results=results, sandbox=sandbox)
    run = _opened("drift", fleet, choice, form, env_file, full=full, parallel=parallel, debug=debug)
    run.configure(max_rps=max_rps, max_wait=max_wait)
    _end(run.each(run.job.drift), run, changes=True)


@app.command()
def doctor(
    fleet: File = Path(DEFAULT_FLEET),
    form: ReportFormat = "text",
    full: Full = False,
    only: Only = None,
    exclude: Exclude = None,
    failed: Failed = False,
    results: Results = None,
    parallel: Parallel = PARALLEL,
    sandbox: Sandbox = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    env_file: EnvFile = None,
    debug: Debug = False,
) -> None:
    """Judge in every tenant whether tokens can be exchanged. Exit code 1 unless everything is ready."""
    choice = Choice(only=only, exclude=exclude, failed=failed, results=results, sandbox=sandbox)
    run = _opened("doctor", fleet, choice, form, env_file, full=full, parallel=parallel, debug=debug)
    run.configure(max_rps=max_rps, max_wait=max_wait)
    _end(run.each(run.job.doctor), run)


def _opened(
    command: str,
    fleet: Path,
    choice: Choice,
    form: Format,
    env_file: Path | None = None,
    *,
    full: bool = False,
    parallel: int = PARALLEL,
    debug: bool = False,
) -> FleetRun:
    from tokenvault.cli.fleet_run import FleetRun

    return FleetRun(command, fleet, choice, form, env_file, full=full, parallel=parallel, debug=debug)


def _end(finish: Callable[[], int], run: FleetRun, *, changes: bool = False) -> None:
    """Runs it, and exits as one tenant's command would."""
    code = finish()
    if not code and changes and not run.settled:
        code = CHANGES
    if code:
        raise typer.Exit(code)

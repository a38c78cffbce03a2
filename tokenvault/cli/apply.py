"""`tokenvault apply`."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli import INTERRUPTED
from tokenvault.cli.options import Debug, EnvFile, MaxRps, MaxWait, SandboxOption, Specs, TenantOption, where
from tokenvault.cli.plan import Adopt, Format, show
from tokenvault.cli.progress import Progress
from tokenvault.cli.session import Session, planned, session
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.tenant_address import MAX_WAIT

if TYPE_CHECKING:
    from tokenvault.apply.events import Report
    from tokenvault.plan import Plan
    from tokenvault.planner import Options
    from tokenvault.tenant.gateway import Tenant

AutoApprove = Annotated[bool, typer.Option("--auto-approve", "-y", help="Do not ask.")]


def apply(
    specs: Specs = None,
    auto_approve: AutoApprove = False,
    adopt: Adopt = False,
    tenant: TenantOption = None,
    sandbox: SandboxOption = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    env_file: EnvFile = None,
    debug: Debug = False,
) -> None:
    """Plan, ask, make the changes, and read them back.

    Does exactly what the plan shows. Interrupted at any point, running it again ends in the same tenant.
    """
    from tokenvault.planner import Options

    here = session(where(tenant, sandbox, max_rps, max_wait), debug=debug, env_file=env_file)
    if not auto_approve and not here.console.is_interactive:
        raise RefusedError(_no_approval())
    code = asyncio.run(_apply(here, specs, Options(adopt=adopt), auto_approve))
    if code:
        raise typer.Exit(code)


def _no_approval() -> Diagnostic:
    return Diagnostic(
        code="apply-no-approval",
        summary="There is no terminal to ask for approval in",
        hint="Pass --auto-approve (-y), or review a saved plan (`plan --out plan.json`) and `apply plan.json`. "
        "Nothing was sent.",
    )


async def _apply(here: Session, specs: list[str] | None, options: Options, auto_approve: bool) -> int:
    spec = here.spec(specs)
    async with here.tenant() as tenant:
        here.guard(spec, tenant.domain)
        made = (await planned(tenant, spec, options)).plan
        show(here, made, Format.TEXT)
        if made.is_empty:
            return 0
        if not auto_approve and not await asyncio.to_thread(_approved, here, made):
            here.console.err("\nApply cancelled. Nothing was changed.\n")
            return 1
        return await carry_out(here, tenant, made)


def _approved(here: Session, made: Plan) -> bool:
    here.console.err(f"\nChange {made.tenant} as shown above? Only `yes` will be accepted: ")
    try:
        return input().strip() == "yes"
    except EOFError:
        return False


async def carry_out(here: Session, tenant: Tenant, made: Plan) -> int:
    """Applies a plan, showing progress; the exit code."""
    from tokenvault.apply.engine import apply_plan
    from tokenvault.apply.events import Ended, Report, Verified

    stop = asyncio.Event()
    report = Report()
    progress = Progress(here.console)
    with _interruptible(here, stop):
        async for event in apply_plan(made, tenant, stop=stop):
            progress.show(event)
            if isinstance(event, Ended):
                report.ended[event.address] = event
            elif isinstance(event, Verified):
                report.not_kept = event.not_kept
    _summarise(here, made, report, tenant)
    return INTERRUPTED if stop.is_set() else 0 if report.succeeded else 1


class _interruptible:  # noqa: N801  reads as a phrase in `with`
    """The first interrupt lets writes under way end and starts no other; the second stops at once."""

    def __init__(self, here: Session, stop: asyncio.Event) -> None:
        self._here, self._stop = here, stop
        self._task = asyncio.current_task()

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._interrupt)

    def __exit__(self, *exception: object) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)

    def _interrupt(self) -> None:
        if self._stop.is_set():
            raise KeyboardInterrupt
        self._stop.set()
        self._here.console.err("\nInterrupted: what is under way ends, nothing else is started. Again to stop at once.\n")


def _summarise(here: Session, made: Plan, report: Report, tenant: Tenant) -> None:
    from tokenvault.render.report import report_text

    problems = [ended.diagnostic for ended in report.ended.values() if ended.diagnostic]
    for problem in [p for p in problems if p.code != "apply-skipped"] + list(report.not_kept):
        here.console.problem(problem)
    here.console.out(report_text(made, report, here.console.paint))

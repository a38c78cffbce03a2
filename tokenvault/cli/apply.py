"""`tokenvault apply`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli import BROKEN
from tokenvault.cli.execution import Approval, carry_out, progress_for, run_applying, show_and_carry_out, shown
from tokenvault.cli.options import (
    Excludes,
    Fail,
    MaxDestroy,
    Prune,
    Targets,
    TextOrJson,
)
from tokenvault.cli.plan import Adopt, whole_apply
from tokenvault.cli.session import Session, with_session
from tokenvault.errors import Diagnostic, RefusedError

if TYPE_CHECKING:
    from tokenvault.cli.options import FailOn
    from tokenvault.cli.progress import Progress
    from tokenvault.plan.model import Plan
    from tokenvault.plan.planner import Options

SpecsOrPlan = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SPEC...|PLANFILE",
        help="Spec files, or folders of them (default: tokenvault.yaml); or one plan that `plan --out` saved.",
        show_default=False,
    ),
]
AutoApprove = Annotated[bool, typer.Option("--auto-approve", "-y", help="Do not ask.")]
JSON_LINES = "lines on stdout as it happens (schema: `tokenvault schema events`)."


ApplyFormat = Annotated[
    TextOrJson, typer.Option("--format", help=f"How to tell it. `json`: {JSON_LINES} Needs -y, or a plan file.")
]


@with_session()
def apply(
    session: Session,
    specs: SpecsOrPlan = None,
    auto_approve: AutoApprove = False,
    form: ApplyFormat = "text",
    targets: Targets = None,
    excludes: Excludes = None,
    adopt: Adopt = False,
    prune: Prune = False,
    max_destroy: MaxDestroy = None,
    fail_on: Fail = None,
) -> None:
    """Plan, ask, make the changes, and read them back.

    Does exactly what the plan shows. Interrupted at any point, running it again ends in the same tenant. A plan file was
    approved when it was reviewed: nothing is asked, and an object that changed since is left alone, with what differs.
    Ends with what works now. With --fail-on broken the exit code is 3 when everything was applied and something still
    does not work.

    \b
    tokenvault apply                              plan, ask, apply
    tokenvault apply plan.json                    exactly what was reviewed
    tokenvault apply -y --target application.web  one application and its needs
    """
    from tokenvault.plan.planner import Options

    json, file = form == "json", _plan_file(specs)
    if file and (adopt or prune or targets or excludes):
        raise RefusedError(_decided(file))
    if not file and not auto_approve and (json or not session.console.is_interactive):
        raise RefusedError(_no_approval())
    progress = progress_for(session, json=json)
    if file:
        work = _apply_file(session, file, progress, max_destroy, fail_on)
    else:
        options = Options(adopt=adopt, prune=prune, max_destroy=max_destroy)
        work = _apply(session, specs, options, (targets, excludes), progress, auto_approve, fail_on)
    run_applying(progress, work)


def _plan_file(given: list[str] | None) -> Path | None:
    from tokenvault.files import is_plan_file

    found = [Path(name) for name in given or () if is_plan_file(Path(name))]
    if found and len(given or ()) > 1:
        summary = f"{found[0]} is a plan: apply takes one plan, or specs"
        raise RefusedError(
            Diagnostic(
                code="plan-file-beside", summary=summary, hint="Give the plan alone: it says which spec it is of."
            )
        )
    return found[0] if found else None


def _decided(file: Path) -> Diagnostic:
    summary = f"{file} says what will be done: no option can change that"
    return Diagnostic(code="plan-file-decided", summary=summary, hint="Plan again with the options, and --out.")


def _no_approval() -> Diagnostic:
    return Diagnostic(
        code="apply-no-approval",
        summary="There is no terminal to ask for approval in",
        hint="Pass --auto-approve (-y), or review a saved plan (`tokenvault plan --out plan.json`) and apply that "
        "(`tokenvault apply plan.json`). Nothing was sent.",
    )


async def _apply(
    session: Session,
    specs: list[str] | None,
    options: Options,
    part: tuple[list[str] | None, list[str] | None],
    progress: Progress,
    auto_approve: bool,
    fail_on: FailOn | None,
) -> int:
    from tokenvault.operations.plan import planned

    spec = session.spec(specs)
    async with session.tenant(spec, on_wait=shown(progress)) as tenant:
        async with session.reading(tenant):
            found = await planned(tenant, spec, options)
        made = found.restrict(*part, session.tenant_options.max_rps, whole_apply(session, found))
        question = f"\nChange {made.tenant} as shown above? Only `yes` will be accepted: "
        approval = Approval(command="Apply", question=question, answer="yes", auto=auto_approve)
        code = await show_and_carry_out(session, tenant, made, progress, approval, options.max_destroy)
        return code or _broken(made, fail_on)


async def _apply_file(
    session: Session, file: Path, progress: Progress, max_destroy: int | None, fail_on: FailOn | None
) -> int:
    """What is refused without a request comes first: a broken file, a changed secret, another tenant."""
    from tokenvault.operations.apply import refuse_without_scopes
    from tokenvault.plan.deletion import refuse_more_than
    from tokenvault.plan.file import load_plan, public_part, read_document

    document = read_document(file)
    made = load_plan(document, session.secret)
    async with session.tenant(on_wait=shown(progress)) as tenant:
        if tenant.domain != made.tenant:
            raise RefusedError(_other_tenant(file, made, tenant.domain))
        progress.planned(public_part(document), full=False)
        refuse_more_than(max_destroy, made.changes)
        await refuse_without_scopes(made, tenant)
        return await carry_out(session, tenant, made, progress=progress) or _broken(made, fail_on)


def _broken(made: Plan, fail_on: FailOn | None) -> int:
    """The exit code of an apply that did all it was to do."""
    return BROKEN if fail_on and made.judgement and made.judgement.is_broken else 0


def _other_tenant(file: Path, made: Plan, domain: str) -> Diagnostic:
    summary = f"{file} is a plan for {made.tenant}, and this is {domain}"
    return Diagnostic(
        code="plan-file-tenant", summary=summary, hint="Set AUTH0_DOMAIN to the plan's tenant, or plan here."
    )

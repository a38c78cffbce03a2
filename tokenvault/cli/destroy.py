"""`tokenvault destroy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.apply import ApplyFormat, AutoApprove
from tokenvault.cli.completion import releasable
from tokenvault.cli.execution import Approval, progress_for, run_applying, show_and_carry_out, shown
from tokenvault.cli.options import (
    Excludes,
    MaxDestroy,
    Specs,
    Targets,
)
from tokenvault.cli.session import Session, with_session
from tokenvault.errors import Diagnostic, RefusedError

if TYPE_CHECKING:
    from tokenvault.cli.progress import Progress

Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also",
        metavar="ADDR",
        help="Take this back too: my_account_api, mfa_policy or connection.NAME, which stay otherwise. Repeatable.",
        autocompletion=releasable,
    ),
]


@with_session()
def destroy(
    session: Session,
    specs: Specs = None,
    auto_approve: AutoApprove = False,
    form: ApplyFormat = "text",
    also: Also = None,
    targets: Targets = None,
    excludes: Excludes = None,
    max_destroy: MaxDestroy = None,
) -> None:
    """Delete what the spec created, and release what it adopted.

    An adopted application loses exactly what the spec gave it, and gets back what it had. Connections stay, with their
    purpose; so do the My Account API, the MFA policy, and whatever is protected. Asks for the tenant's domain.
    """
    json = form == "json"
    if not auto_approve and (json or not session.console.is_interactive):
        raise RefusedError(_no_approval())
    progress = progress_for(session, json=json)
    part = (targets, excludes)
    run_applying(progress, _destroy(session, specs, tuple(also or ()), part, progress, max_destroy, auto_approve))


def _no_approval() -> Diagnostic:
    summary = "There is no terminal to ask for the tenant's domain in"
    return Diagnostic(code="destroy-no-approval", summary=summary, hint="Pass --auto-approve (-y). Nothing was sent.")


async def _destroy(
    session: Session,
    specs: list[str] | None,
    also: tuple[str, ...],
    part: tuple[list[str] | None, list[str] | None],
    progress: Progress,
    max_destroy: int | None,
    auto_approve: bool,
) -> int:
    from tokenvault.operations.plan import planned_destroy

    spec = session.spec(specs)
    async with session.tenant(spec, on_wait=shown(progress)) as tenant:
        async with session.reading(tenant):
            found = await planned_destroy(tenant, spec, also)
        made = found.restrict(*part, session.tenant_options.max_rps)
        question = f"\nThis cannot be undone. Type the tenant's domain, {made.tenant}, to go on: "
        approval = Approval(command="Destroy", question=question, answer=made.tenant, auto=auto_approve)
        return await show_and_carry_out(session, tenant, made, progress, approval, max_destroy)

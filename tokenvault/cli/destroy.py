"""`tokenvault destroy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.apply import ApplyFormat, AutoApprove, shown
from tokenvault.cli.completion import releasable
from tokenvault.cli.execution import carry_out, progress_for
from tokenvault.cli.options import (
    Excludes,
    MaxDestroy,
    Specs,
    Targets,
)
from tokenvault.cli.session import Session, with_session
from tokenvault.cli.suggestions import completed_problem
from tokenvault.errors import Diagnostic, RefusedError, TokenVaultError

if TYPE_CHECKING:
    from tokenvault.cli.progress import Progress
    from tokenvault.plan.model import Plan

Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also",
        metavar="ADDR",
        help="Take this back too: my_account_api, mfa_policy or connection.NAME, which stay otherwise. Repeatable.",
        autocompletion=releasable,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What the user asks for."""

    specs: list[str] | None
    also: tuple[str, ...]
    part: tuple[list[str] | None, list[str] | None]
    max_destroy: int | None
    auto_approve: bool


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
    import asyncio

    json = form == "json"
    if not auto_approve and (json or not session.console.is_interactive):
        raise RefusedError(_no_approval())
    progress = progress_for(session, json=json)
    asked = _Request(
        specs=specs,
        also=tuple(also or ()),
        part=(targets, excludes),
        max_destroy=max_destroy,
        auto_approve=auto_approve,
    )
    try:
        code = asyncio.run(_destroy(session, asked, progress))
    except TokenVaultError as error:
        progress.failed(tuple(map(completed_problem, error.diagnostics)))
        raise
    if code:
        raise typer.Exit(code)


def _no_approval() -> Diagnostic:
    summary = "There is no terminal to ask for the tenant's domain in"
    return Diagnostic(code="destroy-no-approval", summary=summary, hint="Pass --auto-approve (-y). Nothing was sent.")


async def _destroy(session: Session, asked: _Request, progress: Progress) -> int:
    from tokenvault.operations.apply import refuse_without_scopes
    from tokenvault.operations.plan import planned_destroy
    from tokenvault.plan.deletion import refuse_more_than
    from tokenvault.plan.document import plan_document

    spec = session.spec(asked.specs)
    async with session.tenant(spec, on_wait=shown(progress)) as tenant:
        async with session.reading(tenant):
            found = await planned_destroy(tenant, spec, asked.also)
        made = found.restrict(*asked.part, session.tenant_options.max_rps)
        progress.planned(plan_document(made), full=True)
        await refuse_without_scopes(made, tenant)
        refuse_more_than(asked.max_destroy, made.changes)
        if not made.is_empty and not asked.auto_approve and not _approved(session, made):
            session.console.err("\nDestroy cancelled. Nothing was changed.\n")
            return 1
        return await carry_out(session, tenant, made, progress=progress, fresh=asked.auto_approve)


def _approved(session: Session, made: Plan) -> bool:
    question = f"\nThis cannot be undone. Type the tenant's domain, {made.tenant}, to go on: "
    return session.console.ask(question) == made.tenant

"""`tokenvault plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli import BROKEN
from tokenvault.cli.console import Console
from tokenvault.cli.options import (
    Excludes,
    Fail,
    Format,
    MaxDestroy,
    Prune,
    Specs,
    Targets,
    out_option,
)
from tokenvault.cli.session import Session, planned_offline, with_session
from tokenvault.cli.suggestions import completed
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.text import json_page, safe

if TYPE_CHECKING:
    from tokenvault.operations.plan import Planned
    from tokenvault.plan.document import Document
    from tokenvault.plan.model import Plan
    from tokenvault.plan.planner import Options


LONG = 100
Full = Annotated[bool, typer.Option("--full", help="Every reason, with where Auth0 documents it.")]
Summary = Annotated[bool, typer.Option("--summary", help="One line per object.")]
Out = Annotated[Path | None, out_option("Write the plan to FILE too, for `apply FILE`. It holds no secret.")]
Live = Annotated[
    Path | None,
    typer.Option("--live", metavar="SNAPSHOT", help="Plan from a snapshot: no credentials, no network, no secrets."),
]
Adopt = Annotated[bool, typer.Option("--adopt", help="Take over what belongs to another spec.")]


@with_session()
def plan(
    session: Session,
    specs: Specs = None,
    detailed_exitcode: Annotated[
        bool,
        typer.Option(
            "--detailed-exitcode", help="Exit 2 when there are changes, or objects that the spec dropped; else 0."
        ),
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How to show the plan.")] = "text",
    summary: Summary = False,
    full: Full = False,
    out: Out = None,
    targets: Targets = None,
    excludes: Excludes = None,
    adopt: Adopt = False,
    prune: Prune = False,
    max_destroy: MaxDestroy = None,
    fail_on: Fail = None,
    live: Live = None,
) -> None:
    """Show what the tenant lacks for the spec to work at run time. Changes nothing.

    Exit code 0, or with --detailed-exitcode 2 when there are changes or objects that the spec dropped; 1 on any error; with
    --fail-on broken 3 when something will not work even after the plan, which "Before you approve" explains.

    \b
    tokenvault plan --sandbox                     try it on a simulated tenant
    tokenvault plan base.yaml production.yaml     a spec and its overlay
    tokenvault plan --out plan.json               to be applied as it was reviewed
    """
    import asyncio

    from tokenvault.plan.deletion import refuse_more_than
    from tokenvault.plan.planner import Options

    if live and out:
        raise RefusedError(_only_to_look_at())
    options = Options(adopt=adopt, prune=prune)
    found = planned_offline(session, specs, live, options) if live else asyncio.run(_plan(session, specs, options))
    made = found.restrict(targets, excludes, session.tenant_options.max_rps, whole_apply(session, found))
    show(session, made, form, summary=summary, full=full)
    refuse_more_than(max_destroy, made.changes)
    if out:
        _save(session, out, made)
    if fail_on and made.judgement and made.judgement.is_broken:
        raise typer.Exit(BROKEN)
    if detailed_exitcode and not made.is_settled:
        raise typer.Exit(2)


async def _plan(session: Session, specs: list[str] | None, options: Options) -> Planned:
    from tokenvault.operations.plan import planned

    spec = session.spec(specs)
    async with session.tenant(spec) as tenant, session.reading(tenant):
        return await planned(tenant, spec, options)


def whole_apply(session: Session, found: Planned) -> str:
    """The command that applies the whole spec, for what a part of the plan leaves broken."""
    return session.command("apply", *found.plan.files)


def _only_to_look_at() -> Diagnostic:
    summary = "A plan from a snapshot is to be looked at, not to be applied"
    return Diagnostic(code="plan-snapshot", summary=summary, hint="Leave out --out, or plan on the tenant itself.")


def _save(session: Session, out: Path, made: Plan) -> None:
    from tokenvault.plan.file import save_plan

    save_plan(out, made)
    path = f"./{out}" if str(out).startswith("-") else str(out)  # a file whose name is not taken for an option
    session.console.err(
        f"\nSaved the plan to {safe(out)}. Apply exactly this with: {safe(session.command('apply', path))}\n"
    )


def show(session: Session, made: Plan, form: Format, *, summary: bool = False, full: bool = False) -> None:
    """Draws a plan on stdout."""
    from tokenvault.plan.document import plan_document

    text = drawn(session.console, plan_document(made), form, summary=summary, full=full)
    session.console.out(text)
    if form == "text" and not summary and text.count("\n") > LONG:
        session.console.err("\nThat was long: --summary shows one line for each object.\n")


def drawn(console: Console, document: Document, form: Format, *, summary: bool = False, full: bool = False) -> str:
    """The document in one of its forms. Every form is drawn from the document alone."""
    match form:
        case "json":
            return json_page(document)
        case "markdown":
            from tokenvault.render.markdown import plan_markdown

            return plan_markdown(document)
        case "html":
            from tokenvault.render.html import plan_html

            return plan_html(document)
        case "text":
            from tokenvault.render.text import plan_text

            return completed(plan_text(document, console.paint, full=full, summary=summary, width=console.width))

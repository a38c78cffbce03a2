"""`tokenvault plan`."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.console import Console
from tokenvault.cli.options import Debug, EnvFile, MaxRps, MaxWait, SandboxOption, Specs, TenantOption, where
from tokenvault.cli.session import Session, planned, session
from tokenvault.tenant_address import MAX_WAIT

if TYPE_CHECKING:
    from tokenvault.document import Document
    from tokenvault.plan import Plan


class Format(str, Enum):
    """The forms that a plan is shown in."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


Full = Annotated[bool, typer.Option("--full", help="Fold nothing away.")]
Summary = Annotated[bool, typer.Option("--summary", help="One line per object.")]
Adopt = Annotated[bool, typer.Option("--adopt", help="Take over objects that carry another spec's mark.")]


def plan(
    specs: Specs = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when there are changes, 0 when there are none.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How to show the plan.")] = Format.TEXT,
    summary: Summary = False,
    full: Full = False,
    adopt: Adopt = False,
    tenant: TenantOption = None,
    sandbox: SandboxOption = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    env_file: EnvFile = None,
    debug: Debug = False,
) -> None:
    """Show what the tenant lacks for the spec to work at run time. Changes nothing.

    Exit code 0, or with --detailed-exitcode 2 when there are changes; 1 on any error.
    """
    from tokenvault.planner import Options

    here = session(where(tenant, sandbox, max_rps, max_wait), debug=debug, env_file=env_file)
    made = asyncio.run(_plan(here, specs, Options(adopt=adopt)))
    show(here, made, form, summary=summary, full=full)
    if detailed_exitcode and not made.is_empty:
        raise typer.Exit(2)


async def _plan(here: Session, specs: list[str] | None, options: object) -> Plan:
    from tokenvault.planner import Options

    assert isinstance(options, Options)
    spec = here.spec(specs)
    async with here.tenant() as tenant:
        here.guard(spec, tenant.domain)
        return (await planned(tenant, spec, options)).plan


def show(here: Session, made: Plan, form: Format, *, summary: bool = False, full: bool = False) -> None:
    """Draws a plan on stdout."""
    from tokenvault.document import plan_document

    document = plan_document(made, rate=here.where.max_rps or 2.0)
    here.console.out(drawn(here.console, document, form, summary=summary, full=full))


def drawn(console: Console, document: Document, form: Format, *, summary: bool = False, full: bool = False) -> str:
    """The document in one of its forms. Every form is drawn from the document alone."""
    import json

    match form:
        case Format.JSON:
            return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        case Format.MARKDOWN:
            from tokenvault.render.markdown import plan_markdown

            return plan_markdown(document)
        case Format.HTML:
            from tokenvault.render.html import plan_html

            return plan_html(document, None)
        case Format.TEXT:
            from tokenvault.render.text import plan_text

            return plan_text(document, console.paint, full=full, summary=summary, width=console.width)

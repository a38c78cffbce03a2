"""`tokenvault doctor`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenvault.cli.completion import applications, connections, flavors
from tokenvault.cli.options import (
    DEFAULT_SPEC,
    Format,
)
from tokenvault.cli.session import Session, with_session
from tokenvault.cli.suggestions import completed
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.text import json_page

if TYPE_CHECKING:
    from tokenvault.doctor.selection import Selection


TEXT_WIDTH, WIDEST = 80, 120
WHICH = "Which cases"
Specs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SPEC...]",
        help=f"Judge the applications of these specs. Default: {DEFAULT_SPEC} where there is one, else the whole tenant.",
        show_default=False,
    ),
]


@with_session()
def doctor(
    session: Session,
    specs: Specs = None,
    whole: Annotated[
        bool,
        typer.Option("--all", help="Every application of the tenant that uses Token Vault.", rich_help_panel=WHICH),
    ] = False,
    app: Annotated[
        list[str] | None,
        typer.Option(
            "--app",
            metavar="NAME|ID",
            help="Only this application: key, name or client id (glob). Repeatable.",
            rich_help_panel=WHICH,
            autocompletion=applications,
        ),
    ] = None,
    connection: Annotated[
        list[str] | None,
        typer.Option(
            "--connection",
            metavar="NAME",
            help="Only this connection (glob). Repeatable.",
            rich_help_panel=WHICH,
            autocompletion=connections,
        ),
    ] = None,
    flavor: Annotated[
        list[str] | None,
        typer.Option(
            "--flavor",
            metavar="NAME",
            help="Only this flavor (glob). Repeatable.",
            rich_help_panel=WHICH,
            autocompletion=flavors,
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="ID|EMAIL",
            help="What this user connected, what failed for them, and what to tell them.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    failing: Annotated[bool, typer.Option("--failing", help="Leave out what is ready.", rich_help_panel=WHICH)] = False,
    form: Annotated[Format, typer.Option("--format", help="How to show the diagnosis.")] = "text",
) -> None:
    """Judge every run-time precondition of every application × connection × flavor. Changes nothing.

    Says what is ready, what is not and why, and what mends it: a command, a change of the spec, or what only a person
    can do. What the token may not read is unknown, never ready. Exit code 1 unless everything that was asked for is ready.

    \b
    tokenvault doctor                    what tokenvault.yaml asks for
    tokenvault doctor --all --failing    all here that does not work
    tokenvault doctor --app web --connection github
    tokenvault doctor --format html > doctor.html
    tokenvault doctor --user alice@acme.example --app web
    """
    import asyncio

    from tokenvault.doctor.selection import Selection

    selection = Selection(
        applications=tuple(app or ()),
        connections=tuple(connection or ()),
        flavors=tuple(flavor or ()),
        failing=failing,
    )
    if user:
        _check_form(form)
    chosen = _specs(session, specs, whole=whole)
    document = asyncio.run(_doctor(session, chosen, selection, user))
    session.console.out(_drawn_user(session, document, form) if user else _drawn(session, document, form))
    if not document["ready"]:
        raise typer.Exit(1)


def _specs(session: Session, specs: list[str] | None, *, whole: bool) -> list[str] | None:
    """The specs that are judged; None for the whole tenant."""
    from tokenvault.spec.load import default_file

    if whole:
        if specs:
            hint = "Leave out --all to judge the spec, or the spec to judge the whole tenant."
            raise RefusedError(Diagnostic(code="doctor-all", summary="--all and a spec exclude each other", hint=hint))
        return None
    beside = default_file()
    if specs or not Path(beside).exists():
        return specs
    session.console.err(f"Judging what {beside} asks for; --all judges everything on the tenant.\n")
    return [beside]


def _check_form(form: Format) -> None:
    if form not in ("text", "json"):
        summary = f"What doctor says of one user is shown as text or JSON, not as {form}"
        hint = "It is about a person: copy what is needed into the ticket."
        raise RefusedError(Diagnostic(code="doctor-user-format", summary=summary, hint=hint))


async def _doctor(session: Session, specs: list[str] | None, selection: Selection, user: str | None) -> dict[str, Any]:
    from tokenvault.operations.doctor import examined, examined_user

    spec = session.spec(specs) if specs else None
    async with session.tenant(spec) as tenant:
        if user:
            return await examined_user(tenant, spec, user, selection)
        async with session.reading(tenant):
            return await examined(tenant, spec, session.command("apply", *(spec.files if spec else ())), selection)


def _drawn_user(session: Session, document: dict[str, Any], form: Format) -> str:
    from tokenvault.render.doctor_text import user_text

    if form == "json":
        return json_page(document)
    return user_text(document, session.console.paint, width=_width(session))


def _width(session: Session) -> int:
    return min(session.console.width, TEXT_WIDTH if not sys.stdout.isatty() else WIDEST)


def _drawn(session: Session, document: dict[str, Any], form: Format) -> str:
    match form:
        case "json":
            return json_page(document)
        case "markdown":
            from tokenvault.render.doctor_markdown import doctor_markdown

            return doctor_markdown(document)
        case "html":
            from tokenvault.render.doctor_html import doctor_html

            return doctor_html(document)
        case "text":
            from tokenvault.render.doctor_text import doctor_text

            return completed(doctor_text(document, session.console.paint, width=_width(session)))

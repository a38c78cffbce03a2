"""`tokenvault exchange`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenvault.cli.completion import applications, connections, flavors
from tokenvault.cli.options import (
    TextOrJson,
    out_option,
)
from tokenvault.cli.session import Session, with_session
from tokenvault.errors import Diagnostic, TokenVaultError
from tokenvault.files import refuse_existing, write_private, written
from tokenvault.text import json_page

if TYPE_CHECKING:
    from tokenvault.cli.exchange_input import Given
    from tokenvault.exchange import Exchanged
    from tokenvault.operations.exchange import Found
    from tokenvault.tenant.token_endpoint import TokenRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Where the result goes."""

    output: Path | None
    reveal: bool
    form: TextOrJson


LACKS_SCOPES = 4
SUBJECT, WORKER, RESULT = "Whose token", "Privileged worker", "Result"


@with_session()
def exchange(
    session: Session,
    application: Annotated[
        str,
        typer.Argument(
            metavar="APP", help="Its key in the spec, its client id or its name.", autocompletion=applications
        ),
    ],
    connection: Annotated[
        str, typer.Argument(metavar="CONNECTION", help="Whose token is wanted.", autocompletion=connections)
    ],
    specs: Annotated[
        list[str] | None, typer.Option("--spec", metavar="SPEC", help="Spec file or folder; may be repeated.")
    ] = None,
    flavor: Annotated[
        str | None,
        typer.Option(
            "--flavor", metavar="NAME", help="Which way, if the application has several.", autocompletion=flavors
        ),
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option(
            "--subject-token",
            metavar="FILE",
            help="File that holds the user's Auth0 token, - for stdin. Default: $AUTH0_SUBJECT_TOKEN, or what is piped in.",
            rich_help_panel=SUBJECT,
        ),
    ] = None,
    login_hint: Annotated[
        str | None,
        typer.Option("--login-hint", metavar="HINT", help="Which of several accounts.", rich_help_panel=SUBJECT),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="Only this scope; may be repeated.", rich_help_panel=SUBJECT),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="SUB", help="User id, as auth0|abc.", rich_help_panel=WORKER)
    ] = None,
    audit_context: Annotated[
        str | None,
        typer.Option(
            "--audit-context",
            metavar="TEXT",
            help="Why, for the tenant's logs. No personal data.",
            rich_help_panel=WORKER,
        ),
    ] = None,
    organization: Annotated[
        str | None,
        typer.Option("--organization", metavar="ORG_ID", help="The user's organization.", rich_help_panel=WORKER),
    ] = None,
    private_key: Annotated[
        Path | None,
        typer.Option(
            "--private-key", metavar="FILE", help="PEM. Default: $<APP>_PRIVATE_KEY_FILE.", rich_help_panel=WORKER
        ),
    ] = None,
    out: Annotated[Path | None, out_option("Write the token to FILE (mode 0600).", RESULT)] = None,
    authentication_key: Annotated[
        Path | None,
        typer.Option(
            "--authentication-key",
            metavar="FILE",
            help="PEM, where the worker authenticates with another key. Default: $<APP>_AUTHENTICATION_KEY_FILE.",
            rich_help_panel=WORKER,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.", rich_help_panel=RESULT)] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the token.", rich_help_panel=RESULT)] = False,
    form: Annotated[
        TextOrJson, typer.Option("--format", help="How to show what came back.", rich_help_panel=RESULT)
    ] = "text",
) -> None:
    """Perform a Token Vault exchange and say what came back. Shows the token only with --reveal.

    The application proves who it is with $<APP>_CLIENT_SECRET (see `tokenvault output --out`) or with its private
    key. A privileged worker's request is signed here. A refusal is explained by its causes and by what `doctor` finds.
    Exit code 4 when a token came that lacks a scope of --scope.

    \b
    tokenvault exchange web github --env-file .env --subject-token token.txt
    tokenvault exchange web github --reveal < token.txt
    """
    import asyncio

    from tokenvault.cli.exchange_input import Given

    given = Given(
        specs=specs,
        flavor=flavor,
        token_file=token_file,
        user=user,
        audit_context=audit_context,
        organization=organization,
        private_key=private_key,
        authentication_key=authentication_key,
        login_hint=login_hint,
        scopes=scope,
    )
    refuse_existing(out, code="output-exists", force=force)
    result = Result(output=out, reveal=reveal, form=form)
    code = asyncio.run(_exchange(session, application, connection, given, result))
    if code:
        raise typer.Exit(code)


async def _exchange(session: Session, application: str, connection: str, given: Given, result: Result) -> int:
    from tokenvault.cli.exchange_input import check_credentials, exchange_of, find
    from tokenvault.exchange import perform
    from tokenvault.flavors.runtime.providers import lacking_scopes
    from tokenvault.tenant.token_endpoint import TokenRefused, open_token_endpoint

    found = await find(session, application, connection, given)
    wanted = exchange_of(session.environment, found.exchanger, connection, given)
    check_credentials(session, found, wanted.subject)
    domain = found.exchanger.domain or found.domain

    def observe(method: str, path: str, status: int) -> None:
        if session.debug:
            session.console.err(f"{method} /{path} {status}\n")

    async with open_token_endpoint(session.tenant_options, session.environment, domain, observe) as endpoint:
        try:
            exchanged = await perform(endpoint, wanted, now=time.time(), new_id=lambda: str(uuid.uuid4()))
        except TokenRefused as refusal:
            await _explain(session, refusal, found, connection, result.form)
            return 1
    lacks = lacking_scopes(given.scopes or (), exchanged.scopes) if exchanged.scopes else []
    _show(session, exchanged, found, connection, result, lacks)
    if lacks:
        session.console.problem(_lacks(found, connection, lacks))
    return LACKS_SCOPES if lacks else 0


def _lacks(found: Found, connection: str, lacks: Sequence[str]) -> Diagnostic:
    """The diagnostic for an exchange that worked and returned fewer scopes than were asked for."""
    return Diagnostic(
        code="exchange-scopes",
        summary=f"The token lacks {', '.join(lacks)}",
        detail=f"Auth0 answers with what the user agreed to when they connected {connection}, whatever is asked for now.",
        hint=f"Let the user connect their account again in {found.exchanger.application}, with these scopes in the connect "
        "request (`tokenvault usage` shows it). `tokenvault doctor --user ID` shows what they agreed to.",
    )


def _show(
    session: Session, exchanged: Exchanged, found: Found, connection: str, result: Result, lacks: Sequence[str]
) -> None:
    from tokenvault.exchange import exchanged_document
    from tokenvault.render.exchange_text import exchanged_text

    if result.output:
        with written(result.output, code="output-file"):
            write_private(result.output, exchanged.token.reveal() + "\n")
    document = exchanged_document(exchanged, found.exchanger, connection, found.provider, at=time.time(), lacks=lacks)
    shown = exchanged.token.reveal() if result.reveal else None
    if result.form == "json":
        session.console.out(json_page({**document, "access_token": shown}))
    else:
        text = exchanged_text(document, shown, str(result.output) if result.output else None, session.console.paint)
        session.console.out_prose(text)


async def _explain(session: Session, refusal: TokenRefused, found: Found, connection: str, form: TextOrJson) -> None:
    """The refusal, its documented causes, and what the tenant shows of this case."""
    from tokenvault.exchange import refused_document
    from tokenvault.render.exchange_text import refused_text

    document = refused_document(refusal.status, refusal.error, refusal.description)
    document = {**document, **await _findings(session, found, connection, document["error"]["id"])}
    if form == "json":
        session.console.out(json_page(document))
    session.console.problem(refusal.diagnostics[0])
    session.console.err(refused_text(document, session.console.paint_err))


async def _findings(session: Session, found: Found, connection: str, error: str | None) -> dict[str, Any]:
    """What `doctor` finds of this very exchange, what fits the refusal first; None with the reason where it cannot look."""
    from tokenvault.exchange import fitting_first
    from tokenvault.operations.doctor import Attempt, examined_attempt

    by = found.exchanger
    attempt = Attempt(application=by.application, client_id=by.client_id, flavor=by.flavor, connection=connection)
    command = session.command("apply", *(found.spec.files if found.spec else ()))
    try:
        async with session.tenant(found.spec) as tenant:
            findings, near = await examined_attempt(tenant, found.spec, attempt, command)
    except TokenVaultError as problem:
        return {"findings": None, "near": [], "unread": str(problem)}
    return {"findings": fitting_first(findings, error), "near": near, "unread": None}

"""`tokenvault usage`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenvault.cli.completion import applications, connections
from tokenvault.cli.options import (
    DEFAULT_SPEC,
    TextOrJson,
)
from tokenvault.cli.session import Session, with_session
from tokenvault.cli.suggestions import completed
from tokenvault.errors import Diagnostic, RefusedError, did_you_mean
from tokenvault.tenant.options import bare_domain, base_url, given_address
from tokenvault.text import json_page, safe

if TYPE_CHECKING:
    from tokenvault.kinds.base import Object
    from tokenvault.model.spec import Spec


class Language(StrEnum):
    """The languages and SDKs that there are programs in."""

    CURL = "curl"
    PYTHON = "python"
    NODE = "node"
    AUTH0_AI = "auth0-ai"
    LANGCHAIN = "langchain"
    AUTH0_API_PYTHON = "auth0-api-python"
    AUTH0_AI_JS = "auth0-ai-js"
    VERCEL_AI = "vercel-ai"
    LANGCHAIN_JS = "langchain-js"
    AUTH0_AUTH_JS = "auth0-auth-js"
    NEXTJS_AUTH0 = "nextjs-auth0"
    AUTH0_SERVER_PYTHON = "auth0-server-python"


EMBEDDED = (
    "No program can reach the embedded sandbox. To run these: `tokenvault sandbox serve --port 4711`, then\n"
    "AUTH0_API_TOKEN=sandbox {}\n"
)
UNNAMED = (
    "Users can log in on {}, which the spec does not name: where they do, say so (`domain` of an\n"
    "application, or of `my_account_api` for all). Applications without one are shown on the tenant's own domain.\n"
)
NO_CREDENTIALS = ("auth-credentials", "auth-tenant")


@with_session()
def usage(
    session: Session,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SPEC...] [APP]",
            help=f"Spec files or folders (default: {DEFAULT_SPEC}), and one application by its key.",
            show_default=False,
            autocompletion=applications,
        ),
    ] = None,
    language: Annotated[
        Language, typer.Option("--lang", help="The language of the programs, or the SDK.")
    ] = Language.CURL,
    connection: Annotated[
        str | None,
        typer.Option(
            "--connection",
            metavar="NAME",
            help="The connection to exchange for. Default: the first.",
            autocompletion=connections,
        ),
    ] = None,
    form: Annotated[TextOrJson, typer.Option("--format", help="JSON holds every language and SDK.")] = "text",
    offline: Annotated[bool, typer.Option("--offline", help="Read no tenant: ids are placeholders.")] = False,
) -> None:
    """Print how each application exchanges tokens today, as programs that run as they are printed.

    Client ids are real where the tenant can be read; secrets stay in variables, whose names `tokenvault output` uses too.
    What users do first, connecting an account, is told step by step. Changes nothing.
    """
    import asyncio

    paths, app = _split(arguments or [])
    document = asyncio.run(_usage(session, paths, app, connection, offline))
    session.console.out(_drawn(session, document, form, language))


def _split(arguments: list[str]) -> tuple[list[str] | None, str | None]:
    """The last argument is an application unless it looks like a file."""
    last = arguments[-1] if arguments else ""
    is_file = not last or Path(last).exists() or Path(last).suffix in (".yaml", ".yml") or "/" in last
    return (arguments or None, None) if is_file else (arguments[:-1] or None, last)


async def _usage(
    session: Session, paths: list[str] | None, app: str | None, connection: str | None, offline: bool
) -> dict[str, Any]:
    from tokenvault.exchange.programs import usage_document
    from tokenvault.exchange.usage import connecting, examples
    from tokenvault.state.desired import build_graph

    spec = session.spec(paths)
    _check(spec, app, connection)
    domain, base_url, live = await _tenant(session, spec, offline)
    graph = build_graph(spec, domain)
    return usage_document(
        domain,
        examples(spec, graph, live or {}, base_url, only=app, connection=connection),
        connecting(spec, graph, live or {}, base_url, only=app, connection=connection),
        offline=live is None,
    )


def _check(spec: Spec, app: str | None, connection: str | None) -> None:
    for what, name, known in (("application", app, spec.users), ("connection", connection, spec.connections)):
        if name is not None and name not in known:
            hint = did_you_mean(name, known) or f"The spec has: {', '.join(known)}."
            raise RefusedError(Diagnostic(code=f"usage-{what}", summary=f'The spec has no {what} "{name}"', hint=hint))


def _of_served(session: Session, spec: Spec) -> str:
    """This command, for the sandbox as it is served then."""
    words = ["tokenvault", "usage", *spec.files, "--tenant", "127.0.0.1:4711"]
    return shlex.join(words + (["--env-file", str(session.env_file)] if session.env_file else []))


async def _tenant(session: Session, spec: Spec, offline: bool) -> tuple[str, str, Mapping[str, Object] | None]:
    """The tenant's domain and base URL, and its applications (None: not read)."""
    from tokenvault.operations.exchange import read_for_usage

    if not offline:
        try:
            async with session.tenant(spec) as tenant:
                if session.tenant_options.sandbox:
                    session.console.err(EMBEDDED.format(_of_served(session, spec)))
                applications, domains = await read_for_usage(tenant, spec)
                if domains:
                    session.console.err(UNNAMED.format(", ".join(map(safe, domains))))
                url = base_url(tenant.domain, given_address(session.environment, session.tenant_options.tenant))
                return tenant.domain, url, applications
        except RefusedError as error:
            if error.diagnostics[0].code not in NO_CREDENTIALS:
                raise
            session.console.err("There are no credentials for a tenant: ids are placeholders.\n")
    return _offline(session, spec)


def _offline(session: Session, spec: Spec) -> tuple[str, str, None]:
    from tokenvault.exchange.usage import DOMAIN

    named = session.tenant_options.tenant or spec.tenant or session.environment.get("AUTH0_DOMAIN", "")
    domain = bare_domain(named.strip())
    return (domain, base_url(domain, named.strip()), None) if domain else (DOMAIN, f"https://{DOMAIN}", None)


def _drawn(session: Session, document: dict[str, Any], form: TextOrJson, language: Language) -> str:
    from tokenvault.render.exchange_text import usage_text

    if form == "json":
        return json_page(document)
    return completed(usage_text(document, language.value, session.console.paint))

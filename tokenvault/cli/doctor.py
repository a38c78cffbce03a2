"""`tokenvault doctor`."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenvault.cli.options import (
    AllowEnv,
    Debug,
    EnvFile,
    MaxRps,
    MaxWait,
    SandboxOption,
    TenantOption,
    tenant_options,
)
from tokenvault.cli.session import Session, open_session
from tokenvault.tenant.options import MAX_WAIT
from tokenvault.text import safe_json

if TYPE_CHECKING:
    pass


class Form(StrEnum):
    """The forms that a diagnosis is shown in."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


TEXT_WIDTH, WIDEST = 80, 120
Specs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SPEC...]",
        help="Judge the applications of these specs. Without: every application of the tenant that uses Token Vault.",
        show_default=False,
    ),
]


def doctor(
    specs: Specs = None,
    form: Annotated[Form, typer.Option("--format", help="How to show the diagnosis.")] = Form.TEXT,
    tenant: TenantOption = None,
    sandbox: SandboxOption = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    env_file: EnvFile = None,
    allow_env: AllowEnv = None,
    debug: Debug = False,
) -> None:
    """Judge every run-time precondition of every application × connection × flavor. Changes nothing.

    Says what is ready, what is not and why, and what mends it: a command, a change of the spec, or what only a person
    can do. What the token may not read is unknown, never ready. Exit code 1 unless everything is ready.

    \b
    tokenvault doctor                             all that uses Token Vault here
    tokenvault doctor tokenvault.yaml             what this spec asks for
    """
    import asyncio

    session = open_session(
        tenant_options(tenant, sandbox, max_rps, max_wait), debug=debug, env_file=env_file, allow_env=allow_env
    )
    document = asyncio.run(_doctor(session, specs))
    session.console.out(_drawn(session, document, form))
    if not document["ready"]:
        raise typer.Exit(1)


async def _doctor(session: Session, specs: list[str] | None) -> dict[str, Any]:
    from tokenvault.operations.doctor import examined

    spec = session.spec(specs) if specs else None
    async with session.tenant() as tenant:
        if spec:
            session.check_tenant(spec, tenant.domain)
        return await examined(tenant, spec, session.command("apply", *(spec.files if spec else ())))


def _drawn(session: Session, document: dict[str, Any], form: Form) -> str:
    from tokenvault.render.doctor_text import doctor_text
    from tokenvault.render.markdown import doctor_markdown

    match form:
        case Form.JSON:
            return safe_json(document, indent=2) + "\n"
        case Form.MARKDOWN:
            return doctor_markdown(document)
        case Form.TEXT:
            width = min(session.console.width, TEXT_WIDTH if not sys.stdout.isatty() else WIDEST)
            return doctor_text(document, session.console.paint, width=width)

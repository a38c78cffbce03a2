"""`tokenvault output`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.options import (
    AllowEnv,
    Debug,
    EnvFile,
    Force,
    MaxRps,
    MaxWait,
    SandboxOption,
    Specs,
    TenantOption,
    TextOrJson,
    out_option,
    tenant_options,
)
from tokenvault.cli.session import Session, open_session
from tokenvault.files import ignoring, refuse_existing, write_private, written
from tokenvault.secrets import Secret
from tokenvault.tenant.options import MAX_WAIT
from tokenvault.text import json_page, safe

if TYPE_CHECKING:
    from tokenvault.operations.output import Output


def output(
    specs: Specs = None,
    form: Annotated[TextOrJson, typer.Option("--format", help="How to show the ids.")] = "text",
    out: Annotated[
        Path | None, out_option("Write ids and client secrets to FILE (mode 0600), as variables of a `.env` file.")
    ] = None,
    force: Force = False,
    env_file: EnvFile = None,
    allow_env: AllowEnv = None,
    tenant: TenantOption = None,
    sandbox: SandboxOption = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    debug: Debug = False,
) -> None:
    """Show the client ids of the spec's applications. Their secrets go into a private file, never anywhere else.

    Changes nothing. With --out, a `.env` file for the applications is written that only you may read; the client secrets
    in it take the scope read:client_keys.
    """
    import asyncio

    if env_file and not out and (force or not env_file.exists()):
        out, env_file = env_file, None  # as 0.1.0 took --env-file: nothing can be read there
    session = open_session(
        tenant_options(tenant, sandbox, max_rps, max_wait), debug=debug, env_file=env_file, allow_env=allow_env
    )
    refuse_existing(out, code="output-exists", force=force)
    asyncio.run(_output(session, specs, form, out))


async def _output(session: Session, specs: list[str] | None, form: TextOrJson, out: Path | None) -> None:
    from tokenvault.operations.output import client_secrets, found_outputs, output_document
    from tokenvault.render.exchange_text import output_text

    spec = session.spec(specs)
    async with session.tenant(spec) as tenant:
        found = await found_outputs(tenant, spec)
        secrets = await client_secrets(tenant, found) if out else {}
    document = output_document(tenant.domain, found)
    if out:
        _write(out, tenant.domain, found, secrets, spec.files)
        command = ignoring(out)
        kept = f"Keep it out of git: `{safe(command)}`." if command else "Keep it out of git."
        session.console.err(f"Wrote {safe(out)} (only you may read it). {kept}\n")
    session.console.out(json_page(document) if form == "json" else output_text(document, session.console.paint))


def _write(
    path: Path, tenant: str, found: Sequence[Output], secrets: Mapping[str, Secret], files: Sequence[str]
) -> None:
    from tokenvault.operations.output import env_lines

    comment = f"Written by `tokenvault output {' '.join(files)}`: secrets, keep out of git"
    with written(path, code="output-file"):
        write_private(path, "\n".join(env_lines(tenant, found, secrets, comment)) + "\n")

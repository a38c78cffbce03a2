"""`tokenvault export`."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.options import (
    DEFAULT_SPEC,
    Debug,
    Force,
    MaxRps,
    MaxWait,
    SandboxOption,
    TenantOption,
    out_option,
    tenant_options,
)
from tokenvault.cli.session import Session, open_session
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.tenant.options import MAX_WAIT
from tokenvault.text import escape_output, safe

if TYPE_CHECKING:
    from tokenvault.export import Exported
    from tokenvault.state.live import State

MAX_SAID = 2000

Apps = Annotated[
    list[str] | None,
    typer.Option("--app", metavar="NAME|ID", help="Only this application, and what it needs. May be repeated."),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="The spec's name. Default: the one in the tenant's marks, else made of its domain.",
    ),
]
Output = Annotated[Path | None, out_option("Write the spec to FILE instead of stdout.")]


def export(
    apps: Apps = None,
    name: Name = None,
    out: Output = None,
    force: Force = False,
    tenant: TenantOption = None,
    sandbox: SandboxOption = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    debug: Debug = False,
) -> None:
    """Write a spec of what uses Token Vault in a live tenant. A plan of it is empty; changes nothing.

    Finds the applications by what they hold, with their flavors, connections and APIs. What a spec could not say is
    listed, never dropped.

    \b
    tokenvault export --out tokenvault.yaml       start from what is there
    tokenvault export --app Concierge             one application alone
    """
    import asyncio

    from tokenvault.operations.export import exported

    session = open_session(tenant_options(tenant, sandbox, max_rps, max_wait), debug=debug)
    if out and out.exists() and not force:
        hint = "Pass --force to write over it, or name another file."
        raise RefusedError(Diagnostic(code="file-exists", summary=f"{out} exists", hint=hint))
    made = exported(asyncio.run(_read(session)), apps or [], name, out or Path(DEFAULT_SPEC))
    if out is None:
        session.console.out(made.text)
    else:
        _write(out, made.text)
    session.console.err(_summary(session, made, out))


async def _read(session: Session) -> State:
    from tokenvault.operations.export import read_for_export

    async with session.tenant() as tenant, session.reading(tenant):
        return await read_for_export(tenant)


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(escape_output(text), encoding="utf-8")
    except OSError as error:
        summary = f"{output} cannot be written: {error.strerror or 'the system refuses'}"
        raise RefusedError(Diagnostic(code="file-write", summary=summary)) from None


def _bullet(text: str, width: int) -> list[str]:
    return wrap(
        text, width, initial_indent="  - ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _summary(session: Session, made: Exported, output: Path | None) -> str:
    paint = session.console.paint_err
    counts = ", ".join(
        f"{number} {noun}{'' if number == 1 else 's'}"
        for number, noun in ((made.applications, "application"), (made.connections, "connection"), (made.apis, "API"))
    )
    written = f"Wrote {safe(output)}: " if output else ""
    lines = [f"{written}spec {made.name}, {counts}."]
    if not made.applications and not made.not_exported:
        lines = [f"Nothing in {safe(made.tenant)} uses Token Vault. `tokenvault init` writes a spec that makes it so."]
    if made.not_exported:
        lines += ["", paint("Not in the spec (its comments say more):", "bold", "yellow")]
        lines += [line for says in made.not_exported for line in _bullet(safe(says, MAX_SAID), session.console.width)]
    return "\n".join(lines) + "\n"

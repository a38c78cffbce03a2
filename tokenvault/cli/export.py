"""`tokenvault export`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.options import (
    DEFAULT_SPEC,
    Force,
    out_option,
)
from tokenvault.cli.session import Session, with_session
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.files import refuse_existing, written
from tokenvault.text import escape_output, safe

if TYPE_CHECKING:
    from tokenvault.export import Detected, Exported
    from tokenvault.state.live import State

MAX_REASON = 2000

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
AdoptAll = Annotated[
    bool,
    typer.Option("--adopt-all", help="Take in, too, what does not work as it is: a plan of the spec shows the repair."),
]
Choose = Annotated[
    bool,
    typer.Option("--choose", help="Ask which applications to take in, among them those that a plan would repair."),
]
Output = Annotated[Path | None, out_option("Write the spec to FILE instead of stdout.")]


@with_session(without=("env_file", "allow_env"))
def export(
    session: Session,
    apps: Apps = None,
    name: Name = None,
    out: Output = None,
    adopt_all: AdoptAll = False,
    choose: Choose = False,
    force: Force = False,
) -> None:
    """Write a spec of what uses Token Vault in a live tenant. Changes nothing.

    A plan of it is empty. With --adopt-all, or --choose, it also has what was set up halfway; its plan is the repair.

    Finds the applications by what they hold, with their flavors, connections and APIs. What a spec could not say is
    listed, never dropped.

    \b
    tokenvault export --out tokenvault.yaml       start from what is there
    tokenvault export --app Concierge             one application alone
    tokenvault export --adopt-all -o spec.yaml    an old tenant as it is
    """
    import asyncio

    from tokenvault.operations.export import exported

    refuse_existing(out, code="file-exists", force=force)
    if choose and (apps or adopt_all):
        summary = f"--choose asks what {'--app' if apps else '--adopt-all'} would say"
        raise RefusedError(Diagnostic(code="export-usage", summary=summary, hint="Leave one of them out."))
    if choose and not session.console.is_interactive:
        hint = "Name applications with --app, or take in all of them with --adopt-all."
        raise RefusedError(Diagnostic(code="export-no-terminal", summary="There is no terminal to ask in", hint=hint))
    state, file = asyncio.run(_read(session, repair=adopt_all or choose)), out or Path(DEFAULT_SPEC)
    if choose:
        apps = _chosen(exported(state, [], name, file))
        if not apps:
            session.console.err("\nNothing was chosen, and nothing written.\n")
            raise typer.Exit(1)
    made = exported(state, apps or [], name, file, adopt=adopt_all or choose)
    if out is None:
        session.console.out(made.text)
    else:
        with written(out, code="file-write"):
            out.write_text(escape_output(made.text), encoding="utf-8")
    session.console.err(_summary(session, made, out))


def _chosen(found: Exported) -> list[str]:
    """The applications that a person chooses, by client id. Those are marked to begin with that work as they are."""
    from tokenvault.init.prompts import Cancelled, Option, checkbox

    if not found.detected:
        hint = "`tokenvault init` writes a spec that makes an application use it."
        raise RefusedError(
            Diagnostic(code="export-nothing", summary=f"Nothing in {found.tenant} uses Token Vault", hint=hint)
        )
    names = Counter(app.name for app in found.detected)
    options = [
        Option(value=app.client_id, name=who, title=f"{who}: {_state(app)}", checked=not app.repairs)
        for app in found.detected
        for who in [app.name if names[app.name] == 1 else f"{app.name} ({app.client_id})"]
    ]
    try:
        return [str(value) for value in checkbox("Which applications should the spec have?", options)]
    except Cancelled:
        return []


def _state(app: Detected) -> str:
    """What it lacks, else its flavors."""
    return f"to repair: {app.repairs[0]}" if app.repairs else f"works as it is ({', '.join(app.flavors)})"


async def _read(session: Session, *, repair: bool) -> State:
    from tokenvault.operations.export import read_for_export

    async with session.tenant() as tenant, session.reading(tenant):
        return await read_for_export(tenant, repair=repair)


def _summary(session: Session, made: Exported, output: Path | None) -> str:
    paint = session.console.paint_err
    counts = ", ".join(
        f"{number} {noun}{'' if number == 1 else 's'}"
        for number, noun in ((made.applications, "application"), (made.connections, "connection"), (made.apis, "API"))
    )
    written = f"Wrote {safe(output)}: " if output else ""
    lines = [f"{written}spec {made.name}, {counts}."]
    if made.repaired:
        what = "One of the applications does" if made.repaired == 1 else f"{made.repaired} of the applications do"
        plan = f" `{session.command('plan', str(output))}` shows what has to change." if output else ""
        lines.append(f"{what} not work as {'it is' if made.repaired == 1 else 'they are'}.{plan}")
    if not (made.applications or made.apis or made.not_exported):
        lines = [f"Nothing in {safe(made.tenant)} uses Token Vault. `tokenvault init` writes a spec that makes it so."]
    if made.not_exported:
        lines += ["", paint("Not in the spec (its comments say more):", "bold", "yellow")]
        lines += [f"  - {safe(says, MAX_REASON)}" for says in made.not_exported]
    return "\n".join(lines) + "\n"

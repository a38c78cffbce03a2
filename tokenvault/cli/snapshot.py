"""`tokenvault snapshot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenvault.cli.options import (
    out_option,
)
from tokenvault.cli.session import Session, with_session
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.files import write_private, written
from tokenvault.text import safe, safe_json

if TYPE_CHECKING:
    from tokenvault.state.live import State

Specs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SPEC...]", help="Read what these specs need. Default: the whole tenant.", show_default=False
    ),
]
Output = Annotated[Path | None, out_option("Write the snapshot to FILE (mode 0600), replacing an older one.")]


@with_session()
def snapshot(
    session: Session,
    specs: Specs = None,
    out: Output = None,
) -> None:
    """Save what plans look at of a tenant, without secrets, for `plan --live FILE`.

    With a spec only what it needs is read; without one, the whole tenant.
    """
    import asyncio

    if out:
        _refuse_other_files(out)
    state, document = asyncio.run(_snapshot(session, specs))
    text = safe_json(document, indent=1) + "\n"
    if out is None:
        session.console.out(text)
    else:
        with written(out, code="file-write"):
            write_private(out, text)
    session.console.err(_summary(state, out))
    for name, reason in state.unreadable.items():
        summary = f"Not in the snapshot: {name.replace('_', ' ')}"
        session.console.problem(Diagnostic(code="snapshot-unread", severity="warning", summary=summary, hint=reason))


async def _snapshot(session: Session, specs: list[str] | None) -> tuple[State, dict[str, Any]]:
    from tokenvault.operations.reading import read_for_snapshot

    spec = session.spec(specs) if specs else None
    async with session.tenant(spec) as tenant, session.reading(tenant):
        return await read_for_snapshot(tenant, spec)


def _refuse_other_files(output: Path) -> None:
    """Only a snapshot is written over: a slip of the hand must not cost somebody a spec."""
    from tokenvault.state.snapshot import read_snapshot

    if output.exists():
        try:
            read_snapshot(output)
        except RefusedError:
            summary = f"{output} exists and is not a snapshot"
            raise RefusedError(Diagnostic(code="file-exists", summary=summary, hint="Name another file.")) from None


def _summary(state: State, output: Path | None) -> str:
    counts = ", ".join(f"{name.replace('_', ' ')} {len(objects)}" for name, objects in state.objects.items())
    written = f"Wrote {safe(output)}" if output else "A snapshot"
    return f"{written} of {safe(state.domain)}, without secrets: {counts}.\n"

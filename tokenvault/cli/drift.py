"""`tokenvault drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.options import (
    Format,
    Specs,
)
from tokenvault.cli.session import Session, with_session
from tokenvault.cli.suggestions import completed
from tokenvault.text import json_page

if TYPE_CHECKING:
    from tokenvault.cli.console import Console
    from tokenvault.plan.document import Document
    from tokenvault.plan.drift import Drift

CHANGES = 2


@with_session()
def drift(
    session: Session,
    specs: Specs = None,
    form: Annotated[Format, typer.Option("--format", help="How to show it.")] = "text",
) -> None:
    """Say whether anything that this spec owns, or relies on, has changed behind its back. Changes nothing.

    Deleted objects and lost marks count, and so do objects that the spec does not have any more. Exit code 2 when
    something has, 0 when nothing has, 1 on any error. There is no state file: a value that was edited in the spec and
    not yet applied looks like drift where it differs. What was never created is only mentioned.
    """
    import asyncio

    from tokenvault.plan.drift import drift_document

    found = asyncio.run(_drift(session, specs))
    session.console.out(_drawn(session.console, drift_document(found), form))
    if not found.is_empty:
        raise typer.Exit(CHANGES)


def _drawn(console: Console, document: Document, form: Format) -> str:
    match form:
        case "json":
            return json_page(document)
        case "markdown":
            from tokenvault.render.markdown import drift_markdown

            return drift_markdown(document)
        case "html":
            from tokenvault.render.html import drift_html

            return drift_html(document)
        case "text":
            from tokenvault.render.text import drift_text

            return completed(drift_text(document, console.paint, width=console.width))


async def _drift(session: Session, specs: list[str] | None) -> Drift:
    from tokenvault.operations.plan import drifted

    spec = session.spec(specs)
    async with session.tenant(spec) as tenant, session.reading(tenant):
        return await drifted(tenant, spec)

"""`tokenvault graph`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tokenvault.cli.options import (
    DrawingFormat,
    Specs,
)
from tokenvault.cli.session import Session, with_session
from tokenvault.errors import Diagnostic, RefusedError

if TYPE_CHECKING:
    from tokenvault.render.graph_picture import Picture


Grouping = Literal["auto", "none", "application", "connection"]


@with_session()
def graph(
    session: Session,
    specs: Specs = None,
    form: Annotated[DrawingFormat, typer.Option("--format", help="How to draw it.")] = "mermaid",
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="PLANFILE", help="Draw a saved plan, coloured by action.")
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="ADDR",
            help="Only these addresses (globs), what belongs to them and what they need. Repeatable.",
        ),
    ] = None,
    grouping: Annotated[
        Grouping, typer.Option("--group", help="What shares a box; `auto` goes by how many objects there are.")
    ] = "auto",
) -> None:
    """Draw what a spec asks for: its objects, and what comes before what. Changes nothing.

    Offline, unless --tenant or --sandbox says where to look: then objects are coloured by what would happen to them.
    Redirect it into a file: `tokenvault graph --format svg > graph.svg`.
    """
    if plan and (specs or session.tenant_options.tenant):
        hint = "Name a spec, or the plan that was made from it."
        raise RefusedError(
            Diagnostic(code="graph-usage", summary="A saved plan has its spec and tenant in it", hint=hint)
        )
    picture = _saved(plan) if plan else _picture(session, specs)
    session.console.out(drawn(_part(picture, targets), form, grouping))


def _part(picture: Picture, targets: list[str] | None) -> Picture:
    if not targets:
        return picture
    from tokenvault.plan.selection import matching
    from tokenvault.render.graph_picture import restricted

    return restricted(picture, matching(targets, sorted(picture.boxes), "--target"))


def drawn(picture: Picture, form: DrawingFormat, grouping: Grouping = "auto") -> str:
    """The picture in one of its forms."""
    from tokenvault.render.graph_picture import Group

    group = Group(grouping)
    match form:
        case "mermaid":
            from tokenvault.render.graph_text import graph_mermaid

            return graph_mermaid(picture, group)
        case "dot":
            from tokenvault.render.graph_text import graph_dot

            return graph_dot(picture, Group.NONE if group is Group.AUTO else group)
        case "svg":
            from tokenvault.render.graph_svg import graph_svg

            return f"{graph_svg(picture, group=group)}\n"
        case "html":
            from tokenvault.render.graph_html import graph_html

            return graph_html(picture, group)


def _saved(path: Path) -> Picture:
    from tokenvault.plan.file import read_document
    from tokenvault.render.graph_picture import planned_picture

    return planned_picture(read_document(path))


def _picture(session: Session, specs: list[str] | None) -> Picture:
    import asyncio

    if session.tenant_options.tenant or session.tenant_options.sandbox:
        return asyncio.run(_planned(session, specs))
    from tokenvault.render.graph_picture import desired_picture
    from tokenvault.state.desired import build_graph

    spec = session.spec(specs)
    return desired_picture(build_graph(spec, spec.tenant or "tenant.invalid"))


async def _planned(session: Session, specs: list[str] | None) -> Picture:
    from tokenvault.operations.plan import planned
    from tokenvault.plan.document import plan_document
    from tokenvault.plan.planner import Options
    from tokenvault.render.graph_picture import planned_picture

    spec = session.spec(specs)
    async with session.tenant(spec) as tenant:
        return planned_picture(plan_document((await planned(tenant, spec, Options())).plan))

"""`tokenvault schema`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from tokenvault.cli.console import Console
from tokenvault.text import json_page


class Of(StrEnum):
    """What has a schema."""

    SPEC = "spec"
    PLAN = "plan"
    EVENTS = "events"
    DRIFT = "drift"
    FLEET = "fleet"


def schema(
    of: Annotated[
        Of,
        typer.Argument(
            help="Of a spec; of a plan (`plan --format json`, `plan --out`); of a line of `apply --json`; "
            "of `drift --format json`; of a fleet file."
        ),
    ] = Of.SPEC,
    reference: Annotated[
        bool, typer.Option("--reference", help="Print the whole reference instead, as Markdown.")
    ] = False,
) -> None:
    """Print a JSON Schema, for editors and other tools: of what tokenvault reads, or of what it writes."""
    if reference:
        Console().out(_reference())
        return

    Console().out(json_page(_schema(of)))


def _reference() -> str:
    """The generated reference: the wheel holds it in the package, a checkout beside its schemas."""
    from importlib.resources import files

    installed = files("tokenvault").joinpath("REFERENCE.md")
    generated = installed if installed.is_file() else files("tokenvault").joinpath("..", "schemas", "REFERENCE.md")
    return generated.read_text(encoding="utf-8")


def _schema(of: Of) -> dict[str, Any]:
    if of is Of.SPEC:
        from tokenvault.spec.schema import editor_schema

        return editor_schema()
    if of is Of.FLEET:
        from tokenvault.fleet.schema import fleet_schema

        return fleet_schema()
    from tokenvault.render.output_schema import drift_schema, events_schema, plan_schema

    made: dict[Of, Callable[[], dict[str, Any]]] = {
        Of.PLAN: plan_schema,
        Of.EVENTS: events_schema,
        Of.DRIFT: drift_schema,
    }
    return made[of]()

"""`tokenvault explain`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tokenvault.cli.completion import addresses
from tokenvault.cli.options import AllowEnv, EnvFile, Specs, tenant_options
from tokenvault.cli.session import open_session

UNKNOWN_TENANT = "<tenant>"


class Form(StrEnum):
    """The forms of an explanation."""

    TEXT = "text"
    JSON = "json"


Address = Annotated[
    str,
    typer.Argument(
        metavar="ADDR",
        help="An address as plans show it, or a glob over them: application.assistant, 'client_grant.*'.",
        show_default=False,
        autocompletion=addresses,
    ),
]


def explain(
    address: Address,
    specs: Specs = None,
    form: Annotated[Form, typer.Option("--format", help="How to show it.")] = Form.TEXT,
    env_file: EnvFile = None,
    allow_env: AllowEnv = None,
) -> None:
    """Say what is asked of an object, by which flavor and line, and why.

    For an application: everything that its flavors ask of every object. Needs no tenant and sends nothing.

    \b
    tokenvault explain application.web            all that its flavors ask for
    tokenvault explain 'connection.*'             whoever asks for it
    """
    from tokenvault.plan.explanation import explanation
    from tokenvault.render.explanation import explanation_text
    from tokenvault.state.desired import build_graph
    from tokenvault.text import safe_json

    session = open_session(tenant_options(None, None), env_file=env_file, allow_env=allow_env)
    spec = session.spec(specs)
    domain = spec.tenant or session.environment.get("AUTH0_DOMAIN") or UNKNOWN_TENANT
    found = explanation(build_graph(spec, domain), address)
    console = session.console
    if form is Form.JSON:
        console.out(safe_json(found, indent=2) + "\n")
    else:
        console.out(explanation_text(found, console.paint, width=console.width))

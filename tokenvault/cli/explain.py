"""`tokenvault explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from tokenvault.cli.completion import addresses_and_codes
from tokenvault.cli.console import Console
from tokenvault.cli.options import AllowEnv, EnvFile, Specs, TextOrJson, tenant_options
from tokenvault.cli.session import open_session
from tokenvault.text import json_page

UNKNOWN_TENANT = "<tenant>"


Name = Annotated[
    str,
    typer.Argument(
        metavar="ADDR|CODE",
        help="An address as plans show it, or a glob over them: application.assistant, 'client_grant.*'. Or a code: "
        "spec-yaml.",
        show_default=False,
        autocompletion=addresses_and_codes,
    ),
]


def explain(
    name: Name,
    specs: Specs = None,
    form: Annotated[TextOrJson, typer.Option("--format", help="How to show it.")] = "text",
    env_file: EnvFile = None,
    allow_env: AllowEnv = None,
) -> None:
    """Say what is asked of an object, by which flavor and line, and why; or what a code means, its causes and the cure.

    For an application: everything that its flavors ask of every object. Codes are those that errors, plans and doctor
    show, and those that Auth0 answers at run time. Needs no tenant and sends nothing.

    \b
    tokenvault explain application.web            all that its flavors ask for
    tokenvault explain 'connection.*'             whoever asks for it
    tokenvault explain connection-offline-access  why users get no token
    """
    from tokenvault.kinds import kinds
    from tokenvault.plan.explanation import explanation
    from tokenvault.render.explanation import explanation_text
    from tokenvault.state.desired import build_graph

    if not any(sign in name for sign in ".*?") and name not in kinds():
        _explain_code(name, form)
        return
    session = open_session(tenant_options(None, None), env_file=env_file, allow_env=allow_env)
    spec = session.spec(specs)
    domain = spec.tenant or session.environment.get("AUTH0_DOMAIN") or UNKNOWN_TENANT
    found = explanation(build_graph(spec, domain), name)
    console = session.console
    if form == "json":
        console.out(json_page(found))
    else:
        console.out(explanation_text(found, console.paint, width=console.width))


def _explain_code(name: str, form: TextOrJson) -> None:
    from tokenvault.operations.codes import code_document, page_of, unknown_code
    from tokenvault.render.explanation import code_text

    page, console = page_of(name), Console()
    if page is None:
        raise unknown_code(name)
    document = code_document(page)
    if form == "json":
        console.out(json_page(document))
    else:
        console.out(code_text(document, console.paint, width=console.width))

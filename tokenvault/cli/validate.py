"""`tokenvault validate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.options import AllowEnv, EnvFile, ProblemFormat, Specs, tenant_options
from tokenvault.cli.session import Session, open_session
from tokenvault.errors import Diagnostic, SpecError
from tokenvault.render.diagnostic import annotation
from tokenvault.text import json_page

if TYPE_CHECKING:
    from tokenvault.model.spec import Spec


def validate(
    specs: Specs = None,
    form: Annotated[
        ProblemFormat,
        typer.Option("--format", help="How to tell problems; `github` makes annotations on a pull request."),
    ] = "text",
    each: Annotated[
        bool, typer.Option("--each", help="Take each file for a spec of its own, as the pre-commit hook does.")
    ] = False,
    env_file: EnvFile = None,
    allow_env: AllowEnv = None,
) -> None:
    """Check a spec: its schema and every rule that needs no tenant.

    All problems are told at once, sorted by line, each with a code and a way out. Nothing is sent.

    \b
    tokenvault validate                           tokenvault.yaml
    tokenvault validate specs/ --format github    annotations on a pull request
    """
    session = open_session(tenant_options(None, None), env_file=env_file, allow_env=allow_env)
    valid: list[Spec] = []
    wrong: list[Diagnostic] = []
    for files in [[file] for file in specs] if each and specs else [specs]:
        try:
            valid.append(_checked(session, files))
        except SpecError as error:
            wrong += error.diagnostics
    if form != "text":
        _tell(session, form, [*wrong, *(warning for spec in valid for warning in spec.warnings)])
        raise typer.Exit(1 if wrong else 0)
    if wrong:
        raise SpecError(*wrong)
    session.console.out("".join(_valid(session, spec) for spec in valid))


def _checked(session: Session, specs: list[str] | None) -> Spec:
    from tokenvault.state.desired import build_graph

    spec = session.spec(specs)
    build_graph(spec, spec.tenant or "tenant.invalid")
    return spec


def _valid(session: Session, spec: Spec) -> str:
    counts = {"application": len(spec.applications), "connection": len(spec.connections)}
    counts |= {"API": len(spec.apis)} if spec.apis else {}
    counted = ", ".join(f"{count} {noun}{'s' * (count != 1)}" for noun, count in counts.items())
    return f"{session.console.paint('Valid.', 'bold', 'green')} {counted}.\n"


def _tell(session: Session, form: ProblemFormat, problems: Sequence[Diagnostic]) -> None:
    from tokenvault.plan.document import diagnostic_document

    if form == "github":
        session.console.out("".join(annotation(problem) for problem in problems), commands=True)
    else:
        valid = not any(problem.severity == "error" for problem in problems)
        found = {"format": "tokenvault-validation", "format_version": "1.0", "valid": valid}
        document = {**found, "problems": [diagnostic_document(problem) for problem in problems]}
        session.console.out(json_page(document))

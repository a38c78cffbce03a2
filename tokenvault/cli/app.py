"""The commands, and how an error becomes an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from tokenvault import __version__
from tokenvault.cli import INTERRUPTED
from tokenvault.cli.apply import apply
from tokenvault.cli.options import with_sandbox_value
from tokenvault.cli.plan import plan
from tokenvault.cli.sandbox import app as sandbox
from tokenvault.cli.schema import schema
from tokenvault.cli.validate import validate
from tokenvault.errors import TokenVaultError

USAGE_ERROR = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "UsageError")
MAIN, REVIEW, TOOLS = "Plan and apply", "Review", "Tools"

app = typer.Typer(
    name="tokenvault",
    help="Terraform for Auth0 Token Vault: one YAML spec, a plan to review, an apply that proves itself. No state file.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done or nothing to do, 1 error or refusal, 2 changes (where asked for), 130 interrupted.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"tokenvault {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


app.command(rich_help_panel=MAIN)(validate)
app.command(rich_help_panel=MAIN)(plan)
app.command(rich_help_panel=MAIN)(apply)
app.command(rich_help_panel=TOOLS)(schema)
app.add_typer(sandbox, name="sandbox", rich_help_panel=TOOLS)


def run(arguments: Sequence[str]) -> int:
    """Runs a command; its exit code. The only place that shows errors and decides codes."""
    from tokenvault.cli.console import Console

    try:
        code = app(with_sandbox_value(arguments), prog_name="tokenvault", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except TokenVaultError as error:
        for diagnostic in error.diagnostics:
            Console().problem(diagnostic)
        return 1
    except typer.Exit as done:
        return done.exit_code
    except (KeyboardInterrupt, typer.Abort):
        Console().err("\nInterrupted.\n")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if isinstance(error, USAGE_ERROR):
            error.show()  # type: ignore[attr-defined]
            return 1
        Console().err(_bug(error))
        if os.environ.get("TOKENVAULT_TRACEBACK"):
            raise
        return 1


def _bug(error: Exception) -> str:
    """What is shown of an error that nobody foresaw: its type and place, never its text, which may hold anything."""
    place, frame = "", error.__traceback__
    while frame is not None:
        place, frame = f"{frame.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.tb_lineno}", frame.tb_next
    return (
        f"Error: tokenvault failed unexpectedly ({type(error).__name__} at {place}). This is a bug: please report it.\n"
        "If this was an apply, run it again: finished steps are not repeated.\n"
    )

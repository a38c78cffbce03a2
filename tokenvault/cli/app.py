"""The commands, and how an error becomes an exit code."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from tokenvault import __version__
from tokenvault.cli import INTERRUPTED
from tokenvault.cli.completion import typed_with_sandbox_value
from tokenvault.cli.console import Console, abandon, unwritable
from tokenvault.cli.options import with_sandbox_value
from tokenvault.cli.parser import USAGE_ERROR, Command, Group
from tokenvault.errors import Diagnostic, TokenVaultError, place_of
from tokenvault.files import ELSEWHERE

PANELS = {
    "Plan and apply": ("init", "validate", "plan", "apply", "destroy"),
    "Review": ("show", "explain", "drift", "graph"),
    "Run time": ("doctor", "usage", "exchange", "output"),
    "Tools": ("export", "snapshot", "schema", "auth", "sandbox", "completion"),
    "Many tenants": ("fleet", "operator"),
}
COMMANDS = tuple(name for names in PANELS.values() for name in names)


def command_line(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """The commands of these names. Each is `tokenvault.cli.<name>.<name>`, or a group of commands: `.app` of that module.

    Only what is named is loaded: a command does not wait for the others.
    """
    app = typer.Typer(
        name="tokenvault",
        cls=Group,
        help="Terraform for Auth0 Token Vault: one YAML spec, a plan to review, an apply that proves itself. No state file.",
        epilog="`tokenvault help COMMAND` says more. Exit codes: 0 done or nothing to do, 1 error or refusal, "
        "2 changes (where asked for), 130 interrupted.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for panel, members in PANELS.items():
        for name in (name for name in members if name in names):
            _register(app, name, panel)
    return app


def command_of(words: Sequence[str]) -> tuple[int, list[Any]]:
    """The command that a line begins with: how many words its name has, and its parameters."""
    found: Any = typer.main.get_command(command_line(words[:1]))
    depth = 0
    while depth < len(words) and words[depth] in getattr(found, "commands", {}):
        found, depth = found.commands[words[depth]], depth + 1
    return depth, found.params


def _register(app: typer.Typer, name: str, panel: str) -> None:
    module = importlib.import_module(f"tokenvault.cli.{name}")
    group: typer.Typer | None = getattr(module, "app", None)
    if group is None:
        app.command(name, cls=Command, rich_help_panel=panel)(getattr(module, name))
        return
    for command in group.registered_commands:
        command.cls = Command
    app.add_typer(group, name=name, cls=Group, rich_help_panel=panel)


def _version(value: bool) -> None:
    if value:
        Console().out(f"tokenvault {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def run(arguments: Sequence[str]) -> int:
    """Runs a command; its exit code. The only place that shows errors and decides codes."""

    typed_with_sandbox_value(os.environ)
    arguments = _as_options(arguments)
    named = [name for name in arguments[:1] if name in COMMANDS]
    says_version = list(arguments[:1]) in (["--version"], ["-V"])
    try:
        app = command_line(named or (() if says_version else COMMANDS))
        code = app(with_sandbox_value(arguments), prog_name="tokenvault", standalone_mode=False)
        if code == INTERRUPTED:  # typer makes this code of a KeyboardInterrupt
            Console().err("\nInterrupted.\n")
        return code if isinstance(code, int) else 0
    except TokenVaultError as error:
        Console().problems(error.diagnostics)
        return 1
    except typer.Exit as done:
        return done.exit_code
    except (KeyboardInterrupt, typer.Abort):
        Console().err("\nInterrupted.\n")
        return INTERRUPTED
    except BrokenPipeError:
        abandon(sys.stdout)
        return 1
    except Exception as error:
        if isinstance(error, USAGE_ERROR):
            Console().err(_usage(error))
            return 1
        if isinstance(error, OSError) and (problem := unwritable(error)):
            abandon(sys.stdout)
            Console().problem(problem)
            return 1
        if isinstance(error, OSError) and any(str(error.filename or "\0") in argument for argument in arguments):
            Console().problem(_unusable(error))
            return 1
        Console().err(_bug(error))
        if os.environ.get("TOKENVAULT_TRACEBACK"):
            raise
        return 1


def _as_options(arguments: Sequence[str]) -> Sequence[str]:
    """`help COMMAND` and `version`, as they are said with options."""
    match list(arguments):
        case ["help", *command]:
            return [*command, "--help"]
        case ["version"]:
            return ["--version"]
    return arguments


def _usage(error: Exception) -> str:
    """What the command-line parser says of arguments that it cannot use; they may come from anywhere."""
    shown = io.StringIO()
    error.show(shown)  # type: ignore[attr-defined]
    return shown.getvalue()


def _unusable(error: OSError) -> Diagnostic:
    """A file that the user named and the system refuses, for a reason that the command did not foresee."""
    return Diagnostic(code="file-unusable", summary=f"{str(error.filename)[:200]}: {error.strerror}", hint=ELSEWHERE)


def _bug(error: Exception) -> str:
    """What is shown of an error that nobody foresaw: its type and place, never its text, which may hold anything."""
    return (
        f"Error: tokenvault failed unexpectedly ({place_of(error)}). This is a bug: please report it.\n"
        "If this was an apply, run it again: finished steps are not repeated.\n"
    )

"""What is bent of typer, all in one place: help in panels, options that every command has, and words for what it refuses.

Typer brings a copy of click under a private name, so its classes are reached by what typer exports.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from tokenvault.cli import habits, suggestions
from tokenvault.errors import TokenVaultError

if TYPE_CHECKING:
    from typer._click.core import Context
    from typer._click.formatting import HelpFormatter

USAGE_ERROR: type[Exception] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "UsageError")
JSON, FORMAT, SPEC = "--json", "--format", "--spec"
NO_COLOR = "--no-color"
Row = tuple[str, tuple[str, str]]


class Command(TyperCommand):
    """A command with the options that every command has; its options stand under the panels that they name.

    Where `--format json` is possible, `--json` says the same.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if _takes_json(self):
            self.params.append(_flag("json_shorthand", JSON, _remember, "The same as --format json."))
        self.params.append(_flag("no_color", NO_COLOR, _without_colours, "No colours, as with $NO_COLOR.", hidden=True))

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Reads the arguments, and refuses what other tools would have taken, with what to write here."""
        given = list(args)
        habits.refuse_single_dashes(ctx.command_path, given, _options(self))
        try:
            rest: list[str] = super().parse_args(ctx, args)
        except USAGE_ERROR as error:
            name = getattr(error, "option_name", "")
            if name.startswith("-") and hasattr(error, "possibilities"):
                raise habits.unknown_option(ctx.command_path, name, _options(self), _arguments(self)) from None
            if SPEC in _options(self):
                habits.refuse_specs_as_arguments(ctx.command_path, given, SPEC)
            raise
        _as_json(ctx)
        habits.refuse_formats_as_files(ctx.command_path, given, ctx.params.get("out"), _forms(self))
        return rest

    def invoke(self, ctx: Context) -> Any:
        """Runs the command. What it suggests, also in an error, repeats what it was given."""
        with suggestions.repeating(ctx):
            try:
                return super().invoke(ctx)
            except TokenVaultError as error:
                error.diagnostics = tuple(map(suggestions.completed_problem, error.diagnostics))
                raise

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Arguments, options without a panel, then each panel."""
        _write(formatter, _parameters(self, ctx))


class Group(TyperGroup):
    """A group whose commands stand under the panel that they name."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        hidden = self.name != "tokenvault"
        self.params.append(
            _flag("no_color", NO_COLOR, _without_colours, "No colours, as with $NO_COLOR.", hidden=hidden)
        )

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Reads what stands before the name of the command."""
        given = list(args)
        own = _options(self)
        before = given[: next((i for i, word in enumerate(given) if not word.startswith("-")), len(given))]
        habits.refuse_single_dashes(ctx.command_path, before, own)
        habits.refuse_options_before(ctx.command_path, given, own, list(self.commands))
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def resolve_command(self, ctx: Context, args: list[str]) -> Any:
        """The command of this name; for a name that there is none of, what was probably meant."""
        if args and self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            raise habits.unknown_command(ctx.command_path, args[0], list(self.commands))
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The group's own options, then its commands."""
        _write(formatter, _parameters(self, ctx))
        _write(formatter, self._commands(ctx, formatter.width))

    def _commands(self, ctx: Context, width: int) -> Iterable[Row]:
        names = self.list_commands(ctx)
        two_lines = 2 * (width - max(map(len, names)) - 6)
        for name in names:
            command = self.get_command(ctx, name)
            if command and not command.hidden:
                panel = getattr(command, "rich_help_panel", None) or "Commands"
                yield panel, (name, command.get_short_help_str(two_lines))


def _flag(name: str, option: str, callback: Any, says: str, *, hidden: bool = False) -> TyperOption:
    return TyperOption(
        param_decls=[name, option], is_flag=True, expose_value=False, callback=callback, help=says, hidden=hidden
    )


def _remember(ctx: Context, parameter: Any, value: bool) -> None:
    ctx.meta[JSON] = value


def _without_colours(ctx: Context, parameter: Any, value: bool) -> None:
    if value:
        os.environ["NO_COLOR"] = "1"


def _as_json(ctx: Context) -> None:
    """Carries out `--json`; `--format` beside it may not say something else."""
    if ctx.meta.get(JSON):
        source = ctx.get_parameter_source("form")
        if source and source.name == "COMMANDLINE" and ctx.params["form"] != "json":
            raise typer.BadParameter(f"it says {ctx.params['form']}, and {JSON} says json", param_hint=FORMAT)
        ctx.params["form"] = "json"


def _forms(command: TyperCommand) -> list[str]:
    """What `--format` may say."""
    found = [parameter for parameter in command.params if FORMAT in parameter.opts]
    return [str(getattr(choice, "value", choice)) for parameter in found for choice in parameter.type.choices]  # type: ignore[attr-defined]


def _takes_json(command: TyperCommand) -> bool:
    return "json" in _forms(command) and not any(JSON in parameter.opts for parameter in command.params)


def _options(command: TyperCommand | TyperGroup) -> list[str]:
    return [*(option for parameter in command.params for option in parameter.opts if option[:1] == "-"), "--help"]


def _arguments(command: TyperCommand | TyperGroup) -> list[str]:
    """The names of what stands without an option, as the help shows them."""
    return [str(p.metavar or p.name).upper() for p in command.params if p.param_type_name == "argument"]


def _parameters(command: TyperCommand | TyperGroup, ctx: Context) -> Iterable[Row]:
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record:
            plain = "Arguments" if parameter.param_type_name == "argument" else "Options"
            yield getattr(parameter, "rich_help_panel", None) or plain, record


def _write(formatter: HelpFormatter, rows: Iterable[Row]) -> None:
    panels: dict[str, list[tuple[str, str]]] = {}
    for panel, row in rows:
        panels.setdefault(panel, []).append(row)
    for panel, members in sorted(panels.items(), key=lambda item: item[0] not in ("Arguments", "Options")):
        with formatter.section(panel):
            formatter.write_dl(members)

"""Help in plain text, by panels: it comes at once, and reads the same in a terminal, a pipe and a CI log.

typer would draw it with rich, which alone takes longer to load than everything else that `--help` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer._click.core import Context
    from typer._click.formatting import HelpFormatter

Row = tuple[str, tuple[str, str]]


class Command(TyperCommand):
    """A command whose options stand under the panel that they name."""

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Arguments, options without a panel, then each panel."""
        _write(formatter, _parameters(self, ctx))


class Group(TyperGroup):
    """A group whose commands stand under the panel that they name."""

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

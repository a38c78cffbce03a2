"""Every command with its arguments and options, as the command line itself knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.generate.markdown import code, table


def commands_chapter(command: Any) -> str:
    """One section for each command, those of a group after it."""
    return "\n\n".join(["## Commands", _OPENING, *_sections(command, "tokenvault"), options_section(command)])


_OPENING = (
    "`tokenvault help COMMAND` prints the same. Every command takes `--no-color` and `-h`, `--help`; where `--format json` "
    "is possible, `--json` says it too. [All options](#all-options) by name."
)


def _sections(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _sections(command, f"{path} {name}")
        else:
            yield _section(command, f"{path} {name}")


def commands(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its name, as it is typed after `tokenvault`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def options_section(command: Any) -> str:
    """One row for each option: its names and what it takes, and the commands that have it."""
    used: dict[str, list[str]] = {}
    for name, one in commands(command):
        for parameter in one.params:
            if parameter.param_type_name == "option" and not _is_common(parameter):
                used.setdefault(_spelled(parameter, choices=False), []).append(name)
    rows = [(option, " ".join(map(code, names))) for option, names in sorted(used.items())]
    return f"### All options\n\nOne name means one thing.\n\n{table(('Option', 'Commands'), rows)}"


def _is_common(parameter: Any) -> bool:
    return bool({"--no-color", "--json"} & set(parameter.opts))


def _section(command: Any, path: str) -> str:
    says, *examples = (command.help or "").split("\n\n\b\n")
    rows = [(_spelled(parameter), _default(parameter), parameter.help or "") for parameter in _own(command)]
    options = [table(("Argument or option", "Default", "What it does"), rows)] if rows else []
    blocks = [f"```text\n{example}\n```" for example in examples]
    return "\n\n".join([f"### `{path}`", " ".join(says.split()), *blocks, *options])


def _own(command: Any) -> Iterator[Any]:
    yield from (parameter for parameter in command.params if not _is_common(parameter))


def _spelled(parameter: Any, *, choices: bool = True) -> str:
    if parameter.param_type_name == "argument":
        return code(parameter.metavar or parameter.name.upper())
    names = ", ".join(code(option) for option in parameter.opts)
    return names if parameter.is_flag else f"{names} {_taken(parameter, choices)}"


def _taken(option: Any, listed: bool) -> str:
    choices = getattr(option.type, "choices", None)
    if choices and not listed:
        return code("FORM" if "--format" in option.opts else "CHOICE")
    return code("|".join(map(str, choices)) if choices else option.metavar or option.type.name.split()[0].upper())


def _default(parameter: Any) -> str:
    value = getattr(parameter.default, "value", parameter.default)
    return "" if value is None or isinstance(value, bool) else code(value)

"""Every command with its arguments and options, as the command line itself knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.generate.markdown import code, table


def commands_chapter(command: Any) -> str:
    """One section for each command, those of a group after it."""
    return "\n\n".join(["## Commands", *_sections(command, "tokenvault")])


def _sections(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _sections(command, f"{path} {name}")
        else:
            yield _section(command, f"{path} {name}")


def _section(command: Any, path: str) -> str:
    says, *examples = (command.help or "").split("\n\n\b\n")
    rows = [(_spelled(parameter), _default(parameter), parameter.help or "") for parameter in command.params]
    options = [table(("Argument or option", "Default", "What it does"), rows)] if rows else []
    blocks = [f"```text\n{example}\n```" for example in examples]
    return "\n\n".join([f"### `{path}`", " ".join(says.split()), *blocks, *options])


def _spelled(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(parameter.metavar or parameter.name.upper())
    names = ", ".join(code(option) for option in parameter.opts)
    return names if parameter.is_flag else f"{names} {_taken(parameter)}"


def _taken(option: Any) -> str:
    choices = getattr(option.type, "choices", None)
    return code("|".join(map(str, choices)) if choices else option.metavar or option.type.name.split()[0].upper())


def _default(parameter: Any) -> str:
    value = getattr(parameter.default, "value", parameter.default)
    return "" if value is None or isinstance(value, bool) else code(value)

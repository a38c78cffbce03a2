"""Commands that messages suggest, made whole: with the tenant, the files and the variables of the command that is running.

A message names a command between backticks, as short as it can be: `tokenvault plan`. Whoever reads it can paste it then.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenvault.errors import Diagnostic
from tokenvault.render.terminal import commands_completed_by

if TYPE_CHECKING:
    from typer._click.core import Context

_HOLDERS = {"arguments": "specs"}
"""Arguments that hold specs under another name, because other things may stand among them."""
_COMMAND = re.compile(r"`tokenvault ([^`\n]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the user gave to the command that is running: its specs, and options as they are to be typed again."""

    specs: tuple[str, ...] = ()
    options: tuple[tuple[str, ...], ...] = ()


_GIVEN: ContextVar[Given | None] = ContextVar("given", default=None)


@contextmanager
def repeating(ctx: Context) -> Iterator[None]:
    """Has what the command was given repeated in every suggestion that is made meanwhile."""
    token = _GIVEN.set(_given(ctx.params))
    try:
        with commands_completed_by(completed):
            yield
    finally:
        _GIVEN.reset(token)


def _given(params: dict[str, Any]) -> Given:
    from tokenvault.cli.options import sandbox_option

    options = [sandbox_option(params.get("sandbox"))]
    options += [("--tenant", params["tenant"])] if params.get("tenant") else []
    options += [("--env-file", str(params["env_file"]))] if params.get("env_file") else []
    options += [("--allow-env", name) for name in params.get("allow_env") or ()]
    specs = params.get("specs") or [word for word in params.get("arguments") or () if _is_file(word)]
    return Given(specs=tuple(_spec_files(specs)), options=tuple(filter(None, options)))


def _is_file(word: str) -> bool:
    return word.endswith((".yaml", ".yml")) or "/" in word


def _spec_files(specs: Iterable[str]) -> Iterator[str]:
    """The spec files; in place of a saved plan, those that it was made from."""
    from tokenvault.files import is_plan_file

    for spec in specs:
        if "\0" in spec or not is_plan_file(Path(spec)):
            yield spec
            continue
        try:
            files = json.loads(Path(spec).read_text(encoding="utf-8"))["spec"]["files"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue
        yield from (file for file in files if isinstance(file, str))


def completed(text: str) -> str:
    """The text, in which every command between backticks repeats what the user gave, so far as that command takes it."""
    given = _GIVEN.get()
    return _COMMAND.sub(lambda found: _whole(found, given), text) if given else text


def completed_problem(problem: Diagnostic) -> Diagnostic:
    """The problem with whole commands in its ways out."""
    return replace(problem, detail=completed(problem.detail), hint=completed(problem.hint))


def command(name: str, *arguments: str) -> str:
    """A command as it is to be typed, with what the user gave."""
    given = _GIVEN.get() or Given()
    return f"tokenvault {_joined([*name.split(), *arguments], given)}"


def _whole(found: re.Match[str], given: Given) -> str:
    try:
        words = shlex.split(found[1])
    except ValueError:
        return found[0]
    return f"`tokenvault {_joined(words, given)}`"


def _joined(words: Sequence[str], given: Given) -> str:
    from tokenvault.cli.app import COMMANDS, command_of

    if not words or words[0] not in COMMANDS:
        return shlex.join(words)
    depth, parameters = command_of(words)
    names, rest = words[:depth], words[depth:]
    options = {option: parameter for parameter in parameters for option in parameter.opts}
    positional = list(_positional(rest, options))
    behind = [_HOLDERS.get(p.name, p.name) for p in parameters if p.param_type_name == "argument"]
    added = [one for one in given.options if one[0].split("=")[0] in options and one[0] not in rest]
    if "--state" in options and "--state" not in rest:
        added += [("--state", path) for one in given.options if (path := one[0].removeprefix("--sandbox=")) != one[0]]
    if "specs" in behind and len(positional) <= behind.index("specs"):
        place = rest.index(positional[-1]) + 1 if positional else 0
        rest = [*rest[:place], *given.specs, *rest[place:]]
    elif "--spec" in options:
        added += [("--spec", spec) for spec in given.specs]
    return shlex.join([*names, *rest, *(word for one in added for word in one)])


def _positional(words: Sequence[str], options: dict[str, Any]) -> Iterator[str]:
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in options:
            skip = not options[word].is_flag
        elif not word.startswith("-"):
            yield word

"""Colours text for a terminal, and breaks sentences into lines that fit.

Without colours a painter returns the text as it is: no meaning is in colour alone. Lines break between words, never inside
a word, a code in brackets or a command in backticks.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# ---- colours


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CODES = {
    "green": "32",
    "red": "31",
    "yellow": "33",
    "cyan": "36",
    "bold": "1",
    "dim": "2",
}


@dataclass(frozen=True, slots=True)
class Painter:
    """Paints text when `colours` is set."""

    colours: bool = False

    def __call__(self, text: str, *styles: str) -> str:
        if not self.colours or not text:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"


PLAIN = Painter()


def visible_length(text: str) -> int:
    """How many columns the text takes, colours not counted."""
    return len(_COLOUR.sub("", text))


_WHOLE = re.compile(r"`[^`\n]+`|\[[a-z0-9-]+\]|(?<=: )(?<!Error: )(?<!Warning: )tokenvault .+$|auth0 login .+$")
_COLUMNS = re.compile(r"( *)\S.*? {3,}(?=\S)")
_KEPT = "\N{NO-BREAK SPACE}"
LITTLE = "    "
LEAST = 20
"""Columns that a line has at least, however narrow the terminal is."""


_COMPLETION: ContextVar[Callable[[str], str] | None] = ContextVar("completion", default=None)


@contextmanager
def commands_completed_by(complete: Callable[[str], str]) -> Iterator[None]:
    """Has sentences pass through `complete`, which makes their commands whole, before they are broken into lines."""
    token = _COMPLETION.set(complete)
    try:
        yield
    finally:
        _COMPLETION.reset(token)


def completed_sentence(text: str) -> str:
    """The sentence with whole commands."""
    complete = _COMPLETION.get()
    return complete(text) if complete else text


def wrapped(text: str, width: int, indent: str = "", following: str | None = None) -> list[str]:
    """The lines of one paragraph, none wider than `width` as long as no word and no command is."""
    room = max(width, LEAST)
    lines = textwrap.wrap(
        _WHOLE.sub(lambda found: _kept_whole(found[0], room), completed_sentence(text)),
        room,
        initial_indent=indent,
        subsequent_indent=indent if following is None else following,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_KEPT, " ") for line in lines]


def _kept_whole(found: str, room: int) -> str:
    """A command is one line however long it is, to be copied as it is; what else is longer than a line is broken at spaces."""
    is_command = found.strip("`").startswith(("tokenvault ", "auth0 "))
    return found.replace(" ", _KEPT) if is_command or len(found) <= room else found


def fitted(text: str, width: int) -> str:
    """A text of several lines: each that is too long is wrapped and keeps its indent; the others stay as they are.

    A command of several lines, as a backslash at their ends tells, is to be pasted, and stays whole.
    """
    lines = text.split("\n")
    is_command = [
        line.endswith(" \\") or before.endswith(" \\") for line, before in zip(lines, ["", *lines], strict=False)
    ]
    return "\n".join(
        piece
        for line, whole in zip(lines, is_command, strict=True)
        for piece in ([line] if whole else _line(line, width))
    )


def _line(line: str, width: int) -> list[str]:
    if visible_length(line) <= width:
        return [line]
    if len(line) - len(line.lstrip(" ")) > width // 2:  # below a column of a wider terminal
        line = f"{LITTLE}{line.lstrip(' ')}"
    indent = line[: len(line) - len(line.lstrip(" "))]
    column = _COLUMNS.match(line)
    if column and len(column[0]) <= width // 2:  # the row of a table: its last column is wrapped within itself
        return wrapped(line[len(column[0]) :], width, column[0], " " * len(column[0]))
    return wrapped(line.strip(" "), width, indent, f"{indent}  " if indent else "") or [line]

"""Colours as data: a painter that paints, or does not. The words carry the meaning; colour only helps."""

from __future__ import annotations

import re
from dataclasses import dataclass

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

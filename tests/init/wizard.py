"""The wizard as a person meets it: in a pseudo-terminal of 80 columns, question by question."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pexpect

ENTER, DOWN, UP, SPACE, ESCAPE, INTERRUPT, ERASE = "\r", "\x1b[B", "\x1b[A", " ", "\x1b", "\x03", "\x15"
WHERE, HERE = "\x1b[6n", "\x1b[1;1R"
"""A program asks a terminal where its cursor is, and the terminal's answer."""
SECONDS = 30
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\r\x07\x08]")

Step = tuple[str, str]
"""What the wizard asks, and the keys that answer it."""


class Wizard:
    """One run of `tokenvault init`."""

    def __init__(self, folder: Path, *arguments: str, **env: str) -> None:
        terminal = {"TERM": "xterm", "NO_COLOR": "1", "LINES": "50", "COLUMNS": "80"}
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "tokenvault", "init", *arguments],
            cwd=str(folder),
            env={**os.environ, **terminal, **env},
            dimensions=(50, 80),
            encoding="utf-8",
            timeout=SECONDS,
        )
        self._child.delaybeforesend = None
        self._seen = ""

    def answer(self, steps: Sequence[Step]) -> None:
        """Waits for each question and answers it."""
        for question, keys in steps:
            self.expect(question)
            self.press(keys)

    def expect(self, text: str) -> None:
        """Waits until the text is on the screen."""
        while self._next([text, WHERE]) == 1:
            self.press(HERE)

    def press(self, keys: str) -> None:
        self._child.send(keys)

    def end(self) -> int:
        """Waits for the wizard to end; its exit code."""
        while self._next([pexpect.EOF, WHERE]) == 1:
            self.press(HERE)
        self._child.close()
        code: int = self._child.exitstatus
        return code

    def _next(self, awaited: list[Any]) -> int:
        found: int = self._child.expect_exact(awaited)
        self._seen += str(self._child.before) + (self._child.after if isinstance(self._child.after, str) else "")
        return found

    @property
    def shown(self) -> str:
        """Everything that was written to the terminal, without what moves the cursor."""
        return _CONTROL.sub("", self._seen)

"""The terminal: results on stdout, everything else on stderr, colour only where somebody looks.

Nothing else of tokenvault writes to either: whatever is written passes `escape_output`.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TextIO

from tokenvault.cli.suggestions import completed, completed_problem
from tokenvault.errors import Diagnostic
from tokenvault.render.diagnostic import diagnostic_text, repeated
from tokenvault.render.terminal import Painter, fitted
from tokenvault.text import escape_output, escape_unencodable

NARROWEST, WIDTH, WIDEST = 30, 100, 140
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def open_closed_streams() -> None:
    """Gives a process that was started without stdin, stdout or stderr an empty one: nobody there, to ask or to tell.

    Before anything else is opened: a sandbox file that became number 2 would get what is meant for stderr.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _point_nowhere(number)
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding="utf-8"))


def abandon(stream: TextIO) -> None:
    """Sends what the stream still holds, and all that will be written to it, nowhere: the end of the process flushes it."""
    try:
        _point_nowhere(stream.fileno())
    except io.UnsupportedOperation:
        return  # a test's: nothing is flushed


def unwritable(error: OSError) -> Diagnostic | None:
    """What to say of a write to an open file that the system refused; nothing when the error is another one."""
    if error.filename is not None or error.errno not in _UNWRITABLE:
        return None
    summary = f"The output cannot be written: {os.strerror(error.errno)}"
    return Diagnostic(code="output-unwritable", summary=summary, hint="Make room there, or send it elsewhere.")


def _point_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


class Console:
    """Both streams of one command."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.environment = os.environ if environment is None else environment
        self.paint = Painter(self._colours(sys.stdout))
        self.paint_err = Painter(self._colours(sys.stderr))
        self.has_status = False

    def _colours(self, stream: TextIO) -> bool:
        if self.environment.get("NO_COLOR"):
            return False
        if self.environment.get("FORCE_COLOR"):
            return True
        return stream.isatty() and self.environment.get("TERM") != "dumb" and not self.environment.get("CI")

    @property
    def width(self) -> int:
        """Columns that a report is laid out for: the terminal's ($COLUMNS, where that is set), or 100 where there is none."""
        return self._columns(sys.stdout) or WIDTH

    def _columns(self, stream: TextIO) -> int | None:
        """The columns that sentences have to fit. None for a pipe or a file: a line of a log is searched as a whole, and
        whoever shows it wraps it."""
        if not stream.isatty():
            return None
        given = self.environment.get("COLUMNS", "")
        try:
            columns = int(given) if given.isdecimal() else os.get_terminal_size(stream.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return max(NARROWEST, min(WIDEST, columns or WIDTH))

    def _fitted(self, text: str, stream: TextIO) -> str:
        """The text with whole commands; where somebody looks at it, in lines that fit."""
        whole, columns = completed(text), self._columns(stream)
        return whole if columns is None else fitted(whole, columns)

    @property
    def is_interactive(self) -> bool:
        """Whether there is somebody to ask."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.environment.get("CI")

    @property
    def is_watched(self) -> bool:
        """Whether stderr is a terminal that can redraw, with somebody in front of it."""
        return sys.stderr.isatty() and self.environment.get("TERM") != "dumb" and not self.environment.get("CI")

    def out_prose(self, text: str) -> None:
        """Writes a result that is prose: commands in it are made whole, and lines fit the terminal."""
        self.out(self._fitted(text, sys.stdout))

    def out(self, text: str, *, commands: bool = False) -> None:
        """Writes a result; `commands` when it consists of workflow commands for a CI."""
        self.status("")
        self._write(sys.stdout, escape_output(text, styled=self.paint.colours, commands=commands))

    def err(self, text: str) -> None:
        """Writes anything that is not the result. A full disk ends no command half-way: it goes on without being heard."""
        self.status("")
        self._err(escape_output(self._fitted(text, sys.stderr), styled=self.paint_err.colours))

    def status(self, text: str) -> None:
        """Shows one line on a terminal until anything else is written, or another status; an empty one takes it away."""
        if not self.is_watched or not (text or self.has_status):
            return
        width = shutil.get_terminal_size((80, 24)).columns - 1
        self._err(f"\r\x1b[2K{escape_output(text)[:width]}")
        self.has_status = bool(text)

    def _err(self, text: str) -> None:
        try:
            self._write(sys.stderr, text)
        except OSError as error:
            if not unwritable(error):
                raise
            abandon(sys.stderr)

    def ask(self, question: str) -> str:
        """Asks, and answers the line that was typed: nothing when the input ended. Ctrl-C interrupts the command at once.

        To be called in the main thread, which waits: an event loop would take the interrupt and let the reading go on.
        """
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            if _is_interrupted():
                raise KeyboardInterrupt
            self.err(question)
            return input().strip()
        except EOFError:
            return ""
        finally:
            signal.signal(signal.SIGINT, before)

    def problem(self, diagnostic: Diagnostic) -> None:
        """Shows one problem."""
        self.err(diagnostic_text(completed_problem(diagnostic), self.paint_err, self._columns(sys.stderr)) + "\n")

    def problems(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Shows several, and at the end, where one looks first, how many there are."""
        for diagnostic in repeated(diagnostics):
            self.problem(diagnostic)
        if len(diagnostics) > 1:
            found = Counter(diagnostic.severity for diagnostic in diagnostics)
            counted = [f"{n} {word}{'s' * (n != 1)}" for word in ("error", "warning") if (n := found[word])]
            self.err(f"Found {' and '.join(counted)}.\n")

    @staticmethod
    def _write(stream: TextIO, text: str) -> None:
        stream.write(escape_unencodable(text, stream.encoding or "utf-8"))
        stream.flush()


def _is_interrupted() -> bool:
    """Whether Ctrl-C came while nothing was awaited: the event loop has taken it, and tells its task when that awaits next."""
    if not (asyncio := sys.modules.get("asyncio")):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs
        return False
    return task is not None and bool(task.cancelling())

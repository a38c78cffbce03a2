"""An apply in a terminal: a line for what is over, and below, redrawn, what is under way and for how long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console as RichConsole
from rich.live import Live as RichLive
from rich.text import Text

from tokenvault.applier.events import Ended, Event, Started, Waiting, Working
from tokenvault.cli.progress import STARTED, Lines
from tokenvault.text import escape_output, safe

if TYPE_CHECKING:
    from tokenvault.cli.console import Console

ROWS = 8


class Live(Lines):
    """The same lines, and below them, redrawn, what is under way and for how long."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._running: dict[str, tuple[float, str]] = {}
        self._waiting_until = 0.0
        plain = not console.paint_err.colours
        self._screen = RichConsole(stderr=True, no_color=plain, highlight=False, markup=False, emoji=False)
        self._live = RichLive(
            console=self._screen,
            get_renderable=self._below,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
        )

    def begin(self) -> None:
        """Starts to redraw."""
        super().begin()
        self._live.start()

    def end(self) -> None:
        """Takes away what is redrawn."""
        self._live.stop()

    def show(self, event: Event) -> None:
        """Writes a line for what is over, and keeps what is under way below."""
        match event:
            case Started():
                self._running[event.address] = time.monotonic(), f"{STARTED[event.action]}..."
                return
            case Working():
                return
            case Waiting() if self._live.is_started:
                self._waiting_until = time.monotonic() + event.seconds
                return
            case Ended():
                self._running.pop(event.address, None)
        super().show(event)

    def remark(self, text: str) -> None:
        """One more line, above what is redrawn."""
        self._screen.print(Text.from_ansi(escape_output(text, styled=True)), soft_wrap=True)

    def _below(self) -> Text:
        now = time.monotonic()
        rows = [f"  {safe(address)}: {verb} {now - since:.0f}s" for address, (since, verb) in self._running.items()]
        more = [f"  and {len(rows) - ROWS} more"] if len(rows) > ROWS else []
        wait = self._waiting_until - now
        waiting = [f"  Waiting for Auth0's rate limit to reset: {wait:.0f}s"] if wait >= 1 else []
        return Text("\n".join([*rows[:ROWS], *more, *waiting]), style="dim", no_wrap=True, overflow="ellipsis")

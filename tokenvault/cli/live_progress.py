"""An apply in a terminal: a line for what is over, and below, redrawn, what is under way and how much is left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console as RichConsole
from rich.live import Live as RichLive
from rich.text import Text

from tokenvault.applier.events import Event, Reached, Started, Tally, Waiting, Working
from tokenvault.cli.progress import STARTED, Lines, tally_parts
from tokenvault.text import escape_output, safe

if TYPE_CHECKING:
    from tokenvault.cli.console import Console
    from tokenvault.cli.progress import Counter

ROWS = 8
WAY_OUT = "Ctrl-C cancels what was not sent"


class Live(Lines):
    """The same lines, and below them, redrawn, what is under way and how much is left."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._counter: Counter | None = None
        self._stopped = False
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

    def begin(self, counter: Counter) -> None:
        """Starts to redraw."""
        super().begin(counter)
        self._counter = counter
        self._live.start()

    def end(self) -> None:
        """Takes away what is redrawn."""
        self._live.stop()

    def show(self, event: Event) -> None:
        """Writes a line for what is over; what is under way is below."""
        match event:
            case Started() | Reached() | Working() | Tally():
                return
            case Waiting() if self._live.is_started:
                self._waiting_until = time.monotonic() + event.seconds
                return
        super().show(event)

    def interrupted(self) -> None:
        """The user stopped what was not sent."""
        self._stopped = True
        super().interrupted()

    def remark(self, text: str) -> None:
        """One more line, above what is redrawn."""
        self._screen.print(Text.from_ansi(escape_output(text, styled=True)), soft_wrap=True)

    def _below(self) -> Text:
        if self._counter is None:
            return Text()
        now, tally = time.monotonic(), self._counter.tally()
        under_way = list(self._counter.sent.items())
        rows = [
            f"  {safe(address)}: {STARTED[sent.action]}... {now - since:.0f}s"
            for address, (since, sent) in under_way[:ROWS]
        ]
        *numbers, left = tally_parts(tally)
        wait = self._waiting_until - now
        resets = [f"the rate limit resets in {wait:.0f} s"] if wait >= 1 else []
        last = [*resets, "stopping"] if self._stopped else [left, *(resets or [WAY_OUT])]
        return Text(
            "\n".join([*rows, f"  {', '.join(numbers)}", f"  {', '.join(last)}"]),
            "dim",
            no_wrap=True,
            overflow="ellipsis",
        )

"""A fleet at work: a line for each member that is through, or in a terminal a matrix of all, redrawn."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console as RichConsole
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tokenvault.fleet.document import Document, member_document
from tokenvault.fleet.model import Member, Outcome, Result
from tokenvault.render.fleet import row
from tokenvault.text import safe

if TYPE_CHECKING:
    from rich.table import Table

    from tokenvault.cli.console import Console

STOPPING = "Interrupted: what is under way ends, nothing else is started. Again to stop at once."
STYLES = {Outcome.FAILED: "red", Outcome.SKIPPED: "yellow"}


def progress_of(console: Console, members: Sequence[Member], *, lines: bool) -> Lines:
    """The display for a fleet: a matrix where stderr is a watched terminal, unless lines are asked for; else lines."""
    return Matrix(console, members) if console.is_watched and not lines else Lines(console, members)


class Lines:
    """A line on stderr for each member that is through."""

    def __init__(self, console: Console, members: Sequence[Member]) -> None:
        self._console, self._members, self._through = console, members, 0

    def __enter__(self) -> Lines:
        self._through = 0
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def step(self, member: Member, text: str) -> None:
        """Shows nothing."""

    def ended(self, result: Result) -> None:
        """One line."""
        self._through += 1
        summary = _summary(result)
        paint = self._console.paint_err
        word = paint(result.outcome.value, STYLES.get(result.outcome, "green"))
        count = paint(f"[{self._through}/{len(self._members)}]", "dim")
        self._console.err(
            f"{count} {paint(safe(result.member.name), 'bold')}: {word}{f'  {summary}' if summary else ''}\n"
        )

    def interrupted(self) -> None:
        """Says what an interrupt does."""
        self._console.err(f"\n{STOPPING}\n")


class Matrix(Lines):
    """Every member in a row, as far as the terminal is high; those that work come first, then those that failed."""

    def __init__(self, console: Console, members: Sequence[Member]) -> None:

        super().__init__(console, members)
        self._steps: dict[str, tuple[float, str]] = {}
        self._results: dict[str, Result] = {}
        plain = not console.paint_err.colours
        self._screen = RichConsole(stderr=True, no_color=plain, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._screen,
            get_renderable=self._table,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Lines:
        self._steps.clear()
        self._results.clear()
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def step(self, member: Member, text: str) -> None:
        """Keeps what the member does now."""
        since, _ = self._steps.get(member.name, (time.monotonic(), ""))
        self._steps[member.name] = since, text

    def ended(self, result: Result) -> None:
        """Keeps how it ended."""
        self._results[result.member.name] = result

    def interrupted(self) -> None:
        """Says what an interrupt does, above the matrix."""
        self._screen.print(STOPPING)

    def _table(self) -> Table:

        table = Table(box=None, pad_edge=False, show_header=False, expand=False)
        for _ in range(4):
            table.add_column(no_wrap=True, overflow="ellipsis")
        ordered = sorted(self._members, key=self._rank)
        room = max(3, self._screen.height - 3)
        for member in ordered[:room]:
            state, style, summary = self._state(member)
            where = safe(member.domain or "sandbox")
            table.add_row(Text(safe(member.name), "bold"), Text(where, "dim"), Text(state, style), Text(summary, "dim"))
        rest = len(ordered) - room
        through = f"{len(self._results)} of {len(ordered)} through" + (f", {rest} not shown" if rest > 0 else "")
        table.add_row(Text(through, "dim"), "", "", "")
        return table

    def _rank(self, member: Member) -> int:
        result = self._results.get(member.name)
        if result:
            return 1 if result.failed else 3
        return 0 if member.name in self._steps else 2

    def _state(self, member: Member) -> tuple[str, str, str]:
        result = self._results.get(member.name)
        if result:
            return result.outcome.value, STYLES.get(result.outcome, "green"), _summary(result)
        if member.name not in self._steps:
            return "waiting", "dim", ""
        since, text = self._steps[member.name]
        return text, "cyan", f"{time.monotonic() - since:.0f}s"


def _summary(result: Result) -> str:

    member: Document = member_document(result)
    return row(result.member.name, member)

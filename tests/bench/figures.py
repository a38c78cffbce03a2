"""What was measured beside what it may be, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

HEAD = ("", "measured", "at most", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing to measure: its name, what it is counted in, the most that it may be (None: nobody promised), a remark."""

    name: str
    unit: str = ""
    at_most: float | None = None
    remark: str = ""


@dataclass(slots=True)
class Results:
    """The values of every run, by figure."""

    values: dict[Figure, list[float]] = field(default_factory=dict)

    def add(self, measured: Mapping[Figure, float]) -> None:
        """Takes in one run."""
        for figure, value in measured.items():
            self.values.setdefault(figure, []).append(value)

    def of(self, figure: Figure) -> float:
        """The median of all runs."""
        return median(self.values[figure])

    @property
    def missed(self) -> list[Figure]:
        """What is more than it may be."""
        return [figure for figure in self.values if figure.at_most is not None and self.of(figure) > figure.at_most]

    def table(self) -> str:
        """All figures, as Markdown that also reads well in a terminal."""
        rows = [self._row(figure) for figure in self.values]
        widths = [max(len(row[column]) for row in [HEAD, *rows]) for column in range(len(HEAD))]
        rule = ["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:3]), "-" * widths[3]]
        return "\n".join(_line(row, widths) for row in [HEAD, rule, *rows])

    def _row(self, figure: Figure) -> tuple[str, str, str, str]:
        value, most = self.of(figure), figure.at_most
        shown = "" if most is None else f"{'MISSED: ' if value > most else ''}{_number(most)} {figure.unit}".strip()
        return figure.name, f"{_number(value)} {figure.unit}".strip(), shown, figure.remark


def _line(cells: Sequence[str], widths: Iterable[int]) -> str:
    first, measured, most, remark = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {first} | {measured.strip().rjust(len(measured))} | {most.strip().rjust(len(most))} | {remark} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"

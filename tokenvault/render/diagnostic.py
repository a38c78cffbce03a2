"""Draws problems for the terminal: what is wrong, the line with a caret below it, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tokenvault.errors import Diagnostic, Span
from tokenvault.render.terminal import LEAST, PLAIN, Painter, fitted, wrapped
from tokenvault.text import safe

CODE_COLUMN = 70
WIDTH = 100


def diagnostic_text(problem: Diagnostic, paint: Painter = PLAIN, width: int | None = WIDTH) -> str:
    """One problem, several lines, ending in a newline; no line wider than `width` as long as no word is.

    Without a width sentences are not wrapped, and of the line of a file as much is shown as fits 100 columns.
    """
    columns = width or sys.maxsize
    lines = [*_head(problem, paint, columns), *_place(problem, paint, columns, width or WIDTH)]
    for text in filter(None, (problem.detail, problem.hint)):
        lines += ["", *(fitted(safe(line, MAX_LINE), columns) for line in text.split("\n"))]
    return "\n".join(lines) + "\n"


MAX_LINE = 1000
OTHERS = 6


def folded(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The problems, those of one cause as one: the first is told whole, the others by where they are."""
    groups: dict[tuple[str, ...], list[Diagnostic]] = {}
    for problem in problems:
        groups.setdefault((problem.code, problem.severity, problem.hint), []).append(problem)
    return [_with_others(group) for group in groups.values()]


def repeated(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The problems, those that say the same of several places in one file as one."""
    groups: dict[tuple[str, ...], list[Diagnostic]] = {}
    for problem in problems:
        file = problem.span.file if problem.span else ""
        key = (problem.code, problem.severity, problem.summary, problem.detail, problem.hint, file)
        groups.setdefault(key, []).append(problem)
    return [_with_others(group) for group in groups.values()]


def _with_others(group: Sequence[Diagnostic]) -> Diagnostic:
    first, *others = group
    if not others:
        return first
    more = f" and {len(others) - OTHERS} more" if len(others) > OTHERS else ""
    others_text = (
        f"So it is with {len(others)} other{'s' * (len(others) > 1)}: {', '.join(map(_named, others[:OTHERS]))}{more}."
    )
    return replace(first, detail="\n".join(filter(None, (first.detail, others_text))))


def _named(problem: Diagnostic) -> str:
    place = f"line {problem.span.line}" if problem.span else ""
    name = problem.context.partition(" ")[2] or problem.summary
    return f"{name} ({place})" if place else name


def _head(problem: Diagnostic, paint: Painter, width: int) -> list[str]:
    """What is wrong, with the code to its right where that fits, else below it."""
    word, colour = ("Error:", "red") if problem.severity == "error" else ("Warning:", "yellow")
    code = f"[{problem.code}]"
    first, *rest = wrapped(f"{word} {safe(problem.summary)}", width)
    last = rest[-1] if rest else first
    fits = len(last) + 2 + len(code) <= width
    gap = " " * max(2, min(CODE_COLUMN, width - len(code)) - len(last)) if fits else "\n  "
    shown = [
        f"{paint(word, 'bold', colour)} {paint(first[len(word) + 1 :], 'bold')}",
        *(paint(line, "bold") for line in rest),
    ]
    shown[-1] += f"{gap}{paint(code, 'dim')}"
    return shown


def _place(problem: Diagnostic, paint: Painter, width: int, columns: int) -> list[str]:
    span = problem.span
    if span is None:
        return []
    context = f", in {safe(problem.context)}" if problem.context else ""
    lines = ["", *wrapped(f"on {safe(span.file)}:{span.line}:{span.column}{context}", width, "  ", "    ")]
    if span.text:
        number = f"{span.line:>6}: "
        text, start, length = _window(span, max(columns - len(number), LEAST))
        lines += [f"{number}{text}", f"{' ' * (len(number) + start)}{paint('^' * length, 'red')}"]
    return lines


def _window(span: Span, room: int) -> tuple[str, int, int]:
    """The part of the line that fits, with the place in it: where that begins there, and how long it is."""
    text = safe(span.text, MAX_LINE)
    start = min(span.column - 1, len(text))
    length = max(1, min(span.end_column - span.column, len(text) - start))
    if len(text) > room:
        left = max(0, min(start - room // 4, len(text) - room))
        cut = text[left : left + room]
        text = f"{'…' if left else cut[:1]}{cut[1:-1]}{'…' if left + room < len(text) else cut[-1:]}"
        start -= left
    start = min(start, room - 1)  # the end of a line is a place, too
    return text, start, max(1, min(length, len(text) - start))


def annotation(problem: Diagnostic) -> str:
    """One workflow command, on one line: whatever a spec says cannot start another command."""
    properties = {"title": problem.code}
    if problem.span:
        span = problem.span
        place = {"file": span.file, "line": span.line, "col": span.column, "endColumn": span.end_column}
        properties = {**{name: str(value) for name, value in place.items()}, **properties}
    message = " ".join(text for text in (f"{problem.summary}.", problem.detail, problem.hint) if text)
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{'error' if problem.severity == 'error' else 'warning'} {listed}::{_data(safe(message))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(safe(text)).replace(":", "%3A").replace(",", "%2C")

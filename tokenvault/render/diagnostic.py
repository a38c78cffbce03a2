"""Problems in the terminal: what, where with a caret, and the way out."""

from __future__ import annotations

from tokenvault.errors import Diagnostic
from tokenvault.render.style import PLAIN, Painter
from tokenvault.text import safe

CODE_COLUMN = 70


def diagnostic_text(problem: Diagnostic, paint: Painter = PLAIN) -> str:
    """One problem, several lines, ending in a newline."""
    word, colour = ("Error", "red") if problem.severity == "error" else ("Warning", "yellow")
    summary = safe(problem.summary)
    gap = " " * max(2, CODE_COLUMN - len(word) - len(summary) - 2)
    lines = [f"{paint(f'{word}:', 'bold', colour)} {paint(summary, 'bold')}{gap}{paint(f'[{problem.code}]', 'dim')}"]
    lines += _place(problem, paint)
    if problem.detail:
        lines += ["", *(safe(line) for line in problem.detail.split("\n"))]
    if problem.hint:
        lines += ["", *(safe(line) for line in problem.hint.split("\n"))]
    return "\n".join(lines) + "\n"


def _place(problem: Diagnostic, paint: Painter) -> list[str]:
    span = problem.span
    if span is None:
        return []
    context = f", in {safe(problem.context)}" if problem.context else ""
    lines = ["", f"  on {safe(span.file)}:{span.line}:{span.column}{context}"]
    if span.text:
        text = safe(span.text, 160)
        start = min(span.column - 1, len(text))
        length = max(1, min(span.end_column - span.column, len(text) - start))
        number = f"{span.line:>6}: "
        lines += [f"{number}{text}", f"{' ' * (len(number) + start)}{paint('^' * length, 'red')}"]
    return lines


def annotation(problem: Diagnostic) -> str:
    """One workflow command, on one line: whatever a spec says cannot start another command."""
    properties = {"title": problem.code}
    if problem.span:
        span = problem.span
        place = {"file": span.file, "line": span.line, "col": span.column, "endColumn": span.end_column}
        properties = {**{name: str(value) for name, value in place.items()}, **properties}
    said = " ".join(text for text in (f"{problem.summary}.", problem.detail, problem.hint) if text)
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{'error' if problem.severity == 'error' else 'warning'} {listed}::{_data(safe(said))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(safe(text)).replace(":", "%3A").replace(",", "%2C")

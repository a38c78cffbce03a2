"""What a reader stumbles over in a problem as a terminal shows it: held against every problem that any test provokes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenvault.errors import Diagnostic
from tokenvault.render.diagnostic import diagnostic_text

WIDTHS = (80, 40)
_PLACE = re.compile(r" *\d+: | *\^+$")
_WHOLE = re.compile(r"\s*(\S+|.*\b(tokenvault|auth0) .*|.* \\)")
"""What may be longer than a line: one word, or a command, which is to be pasted."""
_DOUBLED = re.compile(r"(?<!\.)\.\.(?![./])|,,|;;|\?\.|: *\.|\. \.")
_HALF = re.compile(r"\s(and|of|or|the|this is|are)$|[\s,:;.]$")
_END = re.compile(r"[.?)`\"…]$|https://\S+$|\n  .+$")
"""The end of a sentence, an address to be clicked, or the last row of a table or a command."""


def faults(problem: Diagnostic) -> Iterator[str]:
    """Everything about the problem that does not read well, in words."""
    said = words(diagnostic_text(problem, width=None))
    for width in WIDTHS:
        text = diagnostic_text(problem, width=width)
        yield from (f"longer than {width}: {line!r}" for line in too_long(text, width))
        if words(text) != said:
            yield f"a word is broken or lost at {width}"
    yield from _wording(problem)


def too_long(text: str, width: int) -> Iterator[str]:
    """The lines that are wider, and that could be broken."""
    before = ""
    for line in text.split("\n"):
        if len(line) > width and not _WHOLE.fullmatch(line) and not before.endswith(" \\"):
            yield line
        before = line


def words(text: str) -> list[str]:
    """The words, without the quoted line of a file, of which as much is shown as fits."""
    return " ".join(line for line in text.split("\n") if not _PLACE.match(line)).split()


def _wording(problem: Diagnostic) -> Iterator[str]:
    if not problem.summary or _HALF.search(problem.summary):
        yield f"half a sentence: {problem.summary!r}"
    if problem.severity == "error" and not problem.hint.strip():
        yield "no way out"
    if problem.hint and not _END.search(problem.hint):
        yield f"the way out does not end: {problem.hint!r}"
    for text in (problem.summary, problem.detail, problem.hint):
        if _DOUBLED.search(text):
            yield f"doubled punctuation: {text!r}"
        if text.count("`") % 2:
            yield f"a backtick that is not closed: {text!r}"

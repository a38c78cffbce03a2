"""What people write that is no YAML, by what the parser says of it and what stands at the place: in their words, with a way out.

The parser speaks of tokens and productions. Only the shape of the line is looked at; no text of it is quoted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One way of being no YAML: how it is recognised from the parser's words and the rest of the line, and what to say.

    What is `open` is missed where the parser gives up: it is mended where it begins.
    """

    says: str
    summary: str
    hint: str
    fits: Callable[[str], bool] = lambda rest: True
    open: bool = False


QUOTES = 'A text that begins with * & @ % or another sign of YAML\'s own stands in quotes: "*.example.com".'
COLUMNS = "The keys of one mapping, and the dashes of one list, begin in the same column. Compare with the line above."
FAULTS = (
    Fault(
        "cannot start any token",
        "a tab, where only spaces may stand",
        "Indent with spaces: YAML takes no tabs.",
        lambda rest: rest.lstrip(" ").startswith("\t"),
    ),
    Fault("tab character", "a tab, where only spaces may stand", "Indent with spaces: YAML takes no tabs."),
    Fault("cannot start any token", "a text that begins with a sign of YAML's own", QUOTES),
    Fault("undefined alias", "a * that refers to no anchor", QUOTES),
    Fault("alphabetic or numeric character", "a * or & without a name behind it", QUOTES),
    Fault(
        "mapping values are not allowed",
        "a colon, where no key can stand",
        'A text with a colon and a space in it stands in quotes: "My app: the best". If this is a key, it is indented too far, '
        "or the line above lacks its colon.",
    ),
    Fault(
        "block sequence entries are not allowed",
        "a dash, where no list can begin",
        "The items of a list begin on the line below its key, or stand in brackets: [a, b].",
    ),
    Fault("unexpected end of stream", "a quote that is not closed", 'Close it: "…".', open=True),
    Fault(
        "',' or ']'",
        "a list in brackets that does not end",
        "Close it with ], and put texts with : , [ or { in quotes.",
        open=True,
    ),
    Fault(
        "',' or '}'",
        "a mapping in braces that does not end",
        "Close it with }, and put texts with : , [ or { in quotes.",
        open=True,
    ),
    Fault(
        "did not find expected key",
        "something behind a value that has ended",
        "Put the whole value in quotes of one kind, and a ' in '…' twice.",
        lambda rest: not rest.strip(" ").startswith(("-", "?")) and not _is_entry(rest),
    ),
    Fault("did not find expected key", "a line that is not in line with those above", COLUMNS),
    Fault("expected '-' indicator", "a line that is not in line with those above", COLUMNS),
    Fault(
        "could not find expected ':'",
        "a line that is neither a key with its colon nor a value",
        f"This line lacks its colon, or its text goes on in the wrong column. {COLUMNS}",
        open=True,
    ),
    Fault(
        "hexdecimal number",
        "a backslash in double quotes that is no escape",
        "Use single quotes, in which it stands for itself.",
    ),
    Fault(
        "unknown escape character",
        "a backslash in double quotes that is no escape",
        "Use single quotes, in which it stands for itself.",
    ),
)


def explained(problem: str, rest: str) -> Fault:
    """The parser's problem in plain words with the way out; the problem itself and where to look, where it is not known.

    `rest` is the line from the place of the problem on.
    """
    known = (fault for fault in FAULTS if fault.says in problem and fault.fits(rest))
    return next(known, Fault(problem, problem, _ANY))


_ANY = "Look at the place and the line above it: the indent, and texts with : # * & or % in them, which need quotes."


def _is_entry(rest: str) -> bool:
    """Whether the text looks like a key with its value."""
    key, colon, _ = rest.partition(":")
    return bool(colon) and " " not in key.strip()

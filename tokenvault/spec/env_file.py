"""A file of `NAME=value` lines: the variables in it, or every line of it that cannot be read."""

from __future__ import annotations

import io
from pathlib import Path

from tokenvault.errors import Diagnostic, RefusedError, Span


def read_variables(path: Path) -> dict[str, str]:
    """The variables that the file gives values; `RefusedError` with every line of it that cannot be read."""
    from dotenv.parser import parse_stream

    bindings = list(parse_stream(io.StringIO(_text(path))))
    wrong = [_malformed(path, _line(found.original.line, found.original.string)) for found in bindings if found.error]
    if wrong:
        raise RefusedError(*wrong)
    return {found.key: found.value for found in bindings if found.key is not None and found.value is not None}


_FORM = "Name a file of lines NAME=value; leave --env-file out where the environment has them."


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RefusedError(Diagnostic(code="env-file", summary=f"There is no file {path}", hint=_FORM)) from None
    except IsADirectoryError:
        raise RefusedError(Diagnostic(code="env-file", summary=f"{path} is a folder, not a file", hint=_FORM)) from None
    except OSError as error:
        summary = f"{path} cannot be read: {error.strerror}"
        raise RefusedError(Diagnostic(code="env-file", summary=summary, hint=_FORM)) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Diagnostic(
            code="env-file",
            summary="A character of this line is not UTF-8",
            hint="Save the file as UTF-8.",
            span=_at(path, line),
        )
    raise RefusedError(problem)  # out here, so that no traceback holds the file's content


def _line(start: int, text: str) -> int:
    """The line of a statement: python-dotenv counts the empty ones before it as its own."""
    return start + text[: len(text) - len(text.lstrip())].count("\n")


def _malformed(path: Path, line: int) -> Diagnostic:
    return Diagnostic(
        code="env-file",
        summary="This line is no NAME=value",
        hint="A value in quotes ends with the same quote, and nothing but a comment comes after it.",
        span=_at(path, line),
    )


def _at(path: Path, line: int) -> Span:
    return Span(file=str(path), line=line, column=1, end_column=1)

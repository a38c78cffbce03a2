"""What can go wrong, as data.

    TokenVaultError            carries one or more diagnostics; the only exception that reaches the command line
    ├── SpecError              the spec cannot be used: nothing was sent
    ├── PlanError              the spec and the tenant do not fit together: nothing was written
    ├── RefusedError           an honest no: stale plan, wrong tenant, no approval
    └── ApiError               Auth0 said no, or could not be reached
        └── UnknownOutcome     a create was sent and nobody knows whether it happened

A diagnostic holds only text that is safe to show anywhere: no secret, no response body.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A place in a spec file; lines and columns count from 1. `text` is the source line, secrets masked."""

    file: str
    line: int
    column: int
    end_column: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem: a stable code, one sentence, and the way out."""

    code: str
    summary: str
    detail: str = ""
    hint: str = ""
    span: Span | None = None
    context: str = ""
    severity: str = "error"


def place_of(error: BaseException) -> str:
    """The type of an error that nobody foresaw and where it was raised. Its text may hold anything, a secret too."""
    place, frame = "", error.__traceback__
    while frame is not None:
        place, frame = f"{frame.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.tb_lineno}", frame.tb_next
    return f"{type(error).__name__} at {place}"


class TokenVaultError(Exception):
    """The root of everything tokenvault raises on purpose."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        return "; ".join(d.summary for d in self.diagnostics)


class SpecError(TokenVaultError):
    """The spec is wrong; raised before anything is sent."""


class PlanError(TokenVaultError):
    """The spec cannot be reconciled with this tenant; raised before anything is written."""


class RefusedError(TokenVaultError):
    """tokenvault declines to act."""


class ApiError(TokenVaultError):
    """Auth0 refused a request or did not answer it. `status` is 0 when no answer came."""

    def __init__(self, diagnostic: Diagnostic, *, status: int = 0, error_code: str = "") -> None:
        super().__init__(diagnostic)
        self.status = status
        self.error_code = error_code


class UnknownOutcome(ApiError):
    """A create was sent, and whether Auth0 carried it out is unknown."""


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A hint that names the nearest candidate, or nothing."""
    known = list(candidates)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6) or _containing(word, known)
    return f'Did you mean "{close[0]}"?' if close else ""


def _containing(word: str, candidates: Sequence[str]) -> list[str]:
    """The one candidate that has the word as a part of it: "web" was meant to be "regular_web"."""
    found = [one for one in candidates if word.lower() in re.split("[^a-z0-9]+", one.lower())]
    return found if len(found) == 1 else []


class Unresolved(ValueError):
    """A reference that cannot be resolved: a stable code, what is wrong, and the way out."""

    def __init__(self, code: str, summary: str, hint: str) -> None:
        super().__init__(summary)
        self.code, self.summary, self.hint = code, summary, hint

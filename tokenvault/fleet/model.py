"""A fleet as data: its members, and what came of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tokenvault.errors import Diagnostic, Span
from tokenvault.plan.model import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A text of a fleet file, which may hold references, and its place. Files of references count from `folder`."""

    text: str
    folder: str
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One tenant of a fleet. `prefix` or `credentials` say how to sign in; `entry` is all that the file says of it."""

    name: str
    domain: str = ""
    sandbox: Path | None = None
    spec: tuple[str, ...] = ()
    env_file: Path | None = None
    variables: Mapping[str, Given] = field(default_factory=dict)
    prefix: str = ""
    credentials: Mapping[str, Given] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    wave: int = 1
    protect: bool = False
    max_destroy: int | None = None
    max_rps: float | None = None
    entry: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lane(self) -> str:
        """Members of one lane, which is one tenant, take turns."""
        return str(self.sandbox.resolve()) if self.sandbox else self.domain.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A fleet file, read."""

    name: str
    file: Path
    members: tuple[Member, ...]


class Outcome(StrEnum):
    """What came of a member."""

    VALID = "valid"
    PLANNED = "planned"
    APPLIED = "applied"
    DESTROYED = "destroyed"
    CHECKED = "checked"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one member.

    `problems` say why it failed or was skipped. `changes` are the plan's, or the drift's, as the plan document has them, and
    `like` is equal for members that get the same ones. `settled` says that nothing is to be done, `ready` that tokens can be
    exchanged (None: nobody asked).
    """

    member: Member
    outcome: Outcome
    problems: tuple[Diagnostic, ...] = ()
    summary: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[Mapping[str, Any], ...] = ()
    like: str = ""
    settled: bool = True
    ready: bool | None = None
    plan: Plan | None = None
    seconds: float = 0.0
    reads: int = 0
    writes: int = 0

    @property
    def failed(self) -> bool:
        """Whether it has to be seen to, or tried again."""
        return self.outcome in (Outcome.FAILED, Outcome.SKIPPED)

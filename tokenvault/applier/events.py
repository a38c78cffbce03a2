"""What happens during an apply, as data: the terminal, NDJSON and tests all read these."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from tokenvault.errors import Diagnostic
from tokenvault.plan.model import Action, Change

if TYPE_CHECKING:
    from tokenvault.tenant.pacing import Wait

ALREADY = "it was so already"


class Outcome(Enum):
    """How one change ended. `INCOMPLETE`: the object was created or changed, and what had to come after that did not."""

    DONE = "done"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_ATTEMPTED = "not_attempted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A change was taken up: its object is looked at, and its write waits its turn."""

    address: str
    action: Action
    id: str | None = None


class Stage(Enum):
    """How far the write of a change has come: it waits its turn, it was sent, or Auth0 answered and a check remains."""

    WAITING = "waiting"
    SENT = "sent"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A change that was taken up came to a stage. One that Auth0's rate limit refused is `WAITING` again."""

    address: str
    action: Action
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A change came to its end. `id` is the object's, `seconds` the time it took, `diagnostic` why it did not succeed.

    `note` says what else happened: that it was so already.
    """

    address: str
    action: Action
    outcome: Outcome
    id: str | None = None
    seconds: float = 0.0
    diagnostic: Diagnostic | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """A write is still under way, after so many seconds."""

    address: str
    action: Action
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How far an apply has come, in changes: each of `total` is in one of the numbers.

    `over` were written or came to another end: `failed`, or `not_tried` because of what failed or of the user. The others:
    `under_way` were sent and have no answer; `waiting` wait their turn, if `limited` because Auth0's rate limit holds them
    back; `to_come` were not taken up. `seconds` are those left, by what the last ones took.
    """

    total: int
    over: int
    failed: int
    not_tried: int
    under_way: int
    waiting: int
    to_come: int
    seconds: float
    limited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Requests are held back for so many seconds, until Auth0's rate limit resets.

    `before` are the seconds waited so until now, of `bound` at most.
    """

    seconds: float
    before: float
    bound: float

    @classmethod
    def of(cls, wait: Wait) -> Waiting:
        """A wait of the pacer as an event."""
        return cls(seconds=wait.seconds, before=wait.before, bound=wait.bound)

    def __str__(self) -> str:
        waited = f" ({self.before:.0f} s of {self.bound:.0f} s waited)" if self.before >= 1 else ""
        return f"Waiting {self.seconds:.0f} s for Auth0's rate limit to reset{waited}..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was written was compared with the plan. `not_kept` says what Auth0 accepted but does not hold.

    What of that only a person can set is a warning: it fails no apply.
    """

    checked: int
    not_kept: tuple[Diagnostic, ...] = ()


Event = Started | Reached | Working | Tally | Waiting | Ended | Verified


@dataclass(slots=True)
class Report:
    """How an apply ended, by address."""

    ended: dict[str, Ended] = field(default_factory=dict)
    not_kept: tuple[Diagnostic, ...] = ()

    def of(self, outcome: Outcome) -> list[Ended]:
        """The changes that ended so."""
        return [ended for ended in self.ended.values() if ended.outcome is outcome]

    def note(self, event: Event) -> None:
        """Takes in what an event says of the outcome."""
        match event:
            case Ended():
                self.ended[event.address] = event
            case Verified():
                self.not_kept = event.not_kept

    @property
    def problems(self) -> list[Diagnostic]:
        """Why changes failed and what was not kept: what a person has to see to. What was skipped follows from these."""
        failed = [ended for ended in self.ended.values() if ended.outcome in (Outcome.INCOMPLETE, Outcome.FAILED)]
        failures = [ended.diagnostic for ended in failed if ended.diagnostic]
        return [*failures, *(each for each in self.not_kept if each.severity == "error")]

    @property
    def warnings(self) -> list[Diagnostic]:
        """What was not kept and only a person can set."""
        return [each for each in self.not_kept if each.severity != "error"]

    @property
    def succeeded(self) -> bool:
        """Whether everything was done, and is there when read back."""
        kept = len(self.warnings) == len(self.not_kept)
        return kept and all(ended.outcome is Outcome.DONE for ended in self.ended.values())

    def done(self, changes: tuple[Change, ...], action: Action) -> int:
        """How many changes of this action were done; what was so already is none."""
        ended = [self.ended[change.address] for change in changes if change.address in self.ended]
        return sum(e.action is action and e.outcome is Outcome.DONE and e.note != ALREADY for e in ended)

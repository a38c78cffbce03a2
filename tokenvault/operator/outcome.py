"""What a reconciliation comes to: its conditions, and when the object's turn comes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tokenvault.errors import ApiError, SpecError, TokenVaultError, place_of
from tokenvault.operator.cluster import ClusterError
from tokenvault.operator.status import Condition, Conditions, told


class Next(Enum):
    """When the object is looked at again, if nobody edits it before."""

    INTERVAL = "interval"
    BACKOFF = "backoff"
    NEVER = "never"
    """until it is edited"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a reconciliation. What is None stays in the status as it was; `requests` are reads and writes.

    `applying` is the plan that is being carried out: an apply that was cut short is known by it, and finished.
    """

    reason: str
    conditions: Conditions
    next: Next = Next.INTERVAL
    plan: Mapping[str, Any] | None = None
    applied: Mapping[str, Any] | None = None
    applying: Mapping[str, Any] | None = None
    requests: tuple[int, int] | None = None
    failed: bool = False


NOT_SUSPENDED = Condition(False, "not-suspended")


def ready(reason: str, message: str) -> Conditions:
    """The tenant is as the spec says."""
    return _conditions(Condition(True, reason, message), Condition(False, reason), Condition(False, reason))


def waiting(reason: str, message: str) -> Conditions:
    """The tenant is not as the spec says, and a person has to say something before it is made so."""
    return _conditions(Condition(False, reason, message), Condition(False, reason), Condition(False, reason))


def trying(reason: str, message: str) -> Conditions:
    """Something is under way, or failed and is tried again."""
    return _conditions(Condition(False, reason, message), Condition(True, reason, message), Condition(False, reason))


def stalled(reason: str, message: str) -> Conditions:
    """Nothing gets better before somebody changes something."""
    return _conditions(Condition(False, reason, message), Condition(False, reason), Condition(True, reason, message))


def _conditions(is_ready: Condition, reconciling: Condition, is_stalled: Condition) -> Conditions:
    return {"Ready": is_ready, "Reconciling": reconciling, "Stalled": is_stalled, "Suspended": NOT_SUSPENDED}


SUSPENDED = Outcome(
    reason="suspended",
    next=Next.NEVER,
    conditions={
        "Suspended": Condition(True, "suspended", "Nothing is read or written until spec.suspend is false."),
        "Reconciling": Condition(False, "suspended"),
        "Stalled": Condition(False, "suspended"),
    },
)
SOON = frozenset({"operator-reference", "operator-credentials", "operator-claimed-twice"})
"""What is often mended a moment later, in another object."""


def failure(error: BaseException, note: str = "") -> Outcome:
    """The outcome for an error: what the spec or the plan says is final until an edit, the rest is tried again."""
    if isinstance(error, ClusterError):
        code, message = "operator-cluster", str(error)
    elif isinstance(error, TokenVaultError):
        code, message = error.diagnostics[0].code, told(error.diagnostics)
    else:
        code, message = "operator-unexpected", f"The operator failed: {place_of(error)}. Please report it."
    message = f"{message} {note}".strip()
    if isinstance(error, TokenVaultError) and not isinstance(error, ApiError):
        again = Next.BACKOFF if code in SOON else Next.INTERVAL
        if isinstance(error, SpecError) and not note:
            again = Next.INTERVAL
        return Outcome(reason=code, conditions=stalled(code, message), next=again, failed=True)
    return Outcome(reason=code, conditions=trying(code, message), next=Next.BACKOFF, failed=True)

"""The status of an object: built from what a reconciliation found, and compared with the one that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from tokenvault.errors import ApiError, Diagnostic, Span, SpecError, TokenVaultError, place_of
from tokenvault.operator.cluster import ClusterError
from tokenvault.operator.resource import INLINE
from tokenvault.plan.document import plan_document
from tokenvault.plan.model import Action, Plan
from tokenvault.render.text import plan_text
from tokenvault.text import safe

MAX_MESSAGE = 1024
MAX_SUMMARY = 8 * 1024
MAX_ADDRESSES = 500
ALL = "*"
CONDITIONS = ("Ready", "Reconciling", "Stalled", "Drifted", "Suspended")
Status = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: whether it holds (None: unknown), why as a code, and in words."""

    holds: bool | None
    reason: str
    message: str = ""


Conditions = Mapping[str, Condition]


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_of(
    before: Mapping[str, Any] | None,
    conditions: Conditions,
    *,
    generation: int,
    plan: Mapping[str, Any] | None = None,
    applied: Mapping[str, Any] | None = None,
    applying: Mapping[str, Any] | None = None,
    requests: tuple[int, int] | None = None,
) -> Status:
    """The whole status. What is not given stays as it was: conditions, the plan, what was applied last."""
    old = {one["type"]: one for one in (before or {}).get("conditions", ())}
    status: Status = {"observedGeneration": generation}
    listed = (_condition(name, conditions.get(name), old.get(name), generation) for name in CONDITIONS)
    status["conditions"] = [one for one in listed if one]
    kept = before or {}
    for name, value in (("plan", plan), ("lastApplied", applied), ("applying", applying)):
        value = kept.get(name) if value is None else value
        if value:
            status[name] = value
    if requests:
        status["requests"] = {"reads": requests[0], "writes": requests[1]}
    elif kept.get("requests"):
        status["requests"] = kept["requests"]
    return status


def _condition(name: str, new: Condition | None, old: Mapping[str, Any] | None, generation: int) -> Status | None:
    if new is None:
        return dict(old) if old else None
    holds = "Unknown" if new.holds is None else str(new.holds)
    since = old["lastTransitionTime"] if old and old.get("status") == holds and "lastTransitionTime" in old else now()
    return {
        "type": name,
        "status": holds,
        "reason": new.reason,
        "message": bounded(new.message, MAX_MESSAGE),
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }


def differs(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    """Whether the status says anything new. How many requests it took to find the same again is nothing new."""
    return _without_requests(before or {}) != _without_requests(after)


def _without_requests(status: Mapping[str, Any]) -> Status:
    rest = {name: value for name, value in status.items() if name != "requests"}
    rest["conditions"] = {one.get("type"): one for one in status.get("conditions", ())}
    return rest


def transitions(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterable[tuple[str, str, str, str]]:
    """The conditions whose status or reason is new: their type, status, reason and message."""
    old = {one["type"]: (one.get("status"), one.get("reason")) for one in (before or {}).get("conditions", ())}
    for one in after["conditions"]:
        if old.get(one["type"]) != (one["status"], one["reason"]):
            yield one["type"], one["status"], one["reason"], one["message"]


def plan_status(plan: Plan, digest: str) -> Status:
    """A plan in brief: its hash, its counts, and the text that the command line shows, up to a bound."""
    counted = counts(plan)
    if plan.is_empty:
        return {"hash": "", "counts": counted, "summary": ""}
    return {"hash": digest, "counts": counted, "summary": bounded(plan_text(plan_document(plan)), MAX_SUMMARY)}


def counts(plan: Plan) -> dict[str, int]:
    """How many objects meet which action."""
    return {action.value: plan.count(action) for action in Action}


def counted(plan: Plan) -> str:
    """`2 to create, 1 to update`."""
    return numbered(counts(plan))


def numbered(counts: Mapping[str, int]) -> str:
    """The same for counts."""
    found = [f"{number} to {action}" for action, number in counts.items() if number]
    return ", ".join(found) or "nothing to change"


def applying_status(plan: Plan, digest: str) -> Status:
    """A plan that is about to be carried out: enough to know, after a crash, what was not changed by others."""
    addresses = [change.address for change in plan.changes]
    return {"hash": digest, "addresses": addresses if len(addresses) <= MAX_ADDRESSES else [ALL]}


def unfinished(status: Mapping[str, Any] | None) -> Callable[[str], bool]:
    """Whether an address is of a plan that was begun and not carried out whole."""
    addresses = frozenset(((status or {}).get("applying") or {}).get("addresses") or ())
    return lambda address: address in addresses or ALL in addresses


def message_of(diagnostics: Iterable[Diagnostic]) -> str:
    """What is wrong and what to do about it, in a bounded text without anything that moves or commands."""
    return bounded("\n".join(map(_one, diagnostics)), MAX_MESSAGE)


def _one(diagnostic: Diagnostic) -> str:
    place = f" ({_place(diagnostic.span)})" if diagnostic.span else ""
    parts = [f"{diagnostic.summary}{place}.", diagnostic.detail, diagnostic.hint]
    return safe(" ".join(part for part in parts if part), MAX_MESSAGE)


def _place(span: Span) -> str:
    """The line itself, and in a ConfigMap its number: an object has no lines that its author would know."""
    name = span.file.rsplit("/", 1)[-1]
    where = "in configuration" if name == INLINE else f"{name}:{span.line}"
    return f"{where}: {span.text.strip()}" if span.text else where


def bounded(text: str, limit: int) -> str:
    """The text, or its beginning in whole lines and how much is missing."""
    if len(text) <= limit:
        return text
    lines, kept, size = text.split("\n"), [], 0
    for line in lines:
        size += len(line) + 1
        if size > limit - 40:
            break
        kept.append(line)
    kept = kept or [text[: limit - 40]]
    return "\n".join([*kept, f"… ({len(lines) - len(kept):,} more lines)"])


# ---- what a reconciliation comes to: its conditions, and when the object's turn comes again


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
    """The outcome where the tenant is as the spec says."""
    return _conditions(Condition(True, reason, message), Condition(False, reason), Condition(False, reason))


def waiting(reason: str, message: str) -> Conditions:
    """The outcome where the tenant differs from the spec and a person has to approve the change."""
    return _conditions(Condition(False, reason, message), Condition(False, reason), Condition(False, reason))


def trying(reason: str, message: str) -> Conditions:
    """The outcome where work is under way, or failed and is retried."""
    return _conditions(Condition(False, reason, message), Condition(True, reason, message), Condition(False, reason))


def stalled(reason: str, message: str) -> Conditions:
    """The outcome where no retry helps before somebody changes the object."""
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
        code, message = error.diagnostics[0].code, message_of(error.diagnostics)
    else:
        code, message = "operator-unexpected", f"The operator failed: {place_of(error)}. Please report it."
    message = f"{message} {note}".strip()
    if isinstance(error, TokenVaultError) and not isinstance(error, ApiError):
        again = Next.BACKOFF if code in SOON else Next.INTERVAL
        if isinstance(error, SpecError) and not note:
            again = Next.INTERVAL
        return Outcome(reason=code, conditions=stalled(code, message), next=again, failed=True)
    return Outcome(reason=code, conditions=trying(code, message), next=Next.BACKOFF, failed=True)

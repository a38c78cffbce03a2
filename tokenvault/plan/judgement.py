"""What a plan leads to: which applications can exchange tokens of which connections before it and after it, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

Document = dict[str, Any]
LISTS = ("cases", "stops", "at")
READY, NOT_READY, UNKNOWN = "ready", "not ready", "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCase:
    """One application × connection × flavor: its state before the plan and after it."""

    application: str
    connection: str
    flavor: str
    before: str
    after: str

    @property
    def stops(self) -> bool:
        """Whether it works now, and will not work any more."""
        return self.before == READY and self.after == NOT_READY


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason why cases will not be ready after the plan.

    `cases` are their numbers in the judgement, `stops` those of them that are ready now. `at` are the addresses of the spec
    where a repair would be. `at_run_time` and `fix` are as the doctor gives them.
    """

    id: str
    subject: Document
    says: str
    means: str
    at_run_time: Document
    fix: Document | None
    doc: str
    cases: tuple[int, ...]
    stops: tuple[int, ...]
    at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Every case, and every cause that keeps one from being ready after the plan, the gravest first."""

    cases: tuple[JudgedCase, ...] = ()
    causes: tuple[Cause, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether any case is known not to be ready after the plan."""
        return bool(self.causes)

    def count(self, state: str) -> int:
        """How many cases are in this state after the plan."""
        return sum(case.after == state for case in self.cases)


def judgement_document(judgement: Judgement | None) -> Document | None:
    """The judgement as JSON data; None where nothing was judged."""
    if judgement is None:
        return None
    counts = {"ready": READY, "not_ready": NOT_READY, "unknown": UNKNOWN}
    return {
        "summary": {
            **{name: judgement.count(state) for name, state in counts.items()},
            "stops": sum(case.stops for case in judgement.cases),
        },
        "cases": [asdict(case) for case in judgement.cases],
        "causes": [{**asdict(cause), **_lists(cause)} for cause in judgement.causes],
    }


def _lists(cause: Cause) -> Document:
    return {name: list(getattr(cause, name)) for name in LISTS}


def judgement_of(document: Document | None) -> Judgement | None:
    """The judgement that a document was made from."""
    if document is None:
        return None
    return Judgement(
        cases=tuple(JudgedCase(**case) for case in document["cases"]),
        causes=tuple(Cause(**{**cause, **_tuples(cause)}) for cause in document["causes"]),
    )


def _tuples(cause: Document) -> dict[str, Sequence[Any]]:
    return {name: tuple(cause.get(name, ())) for name in LISTS}

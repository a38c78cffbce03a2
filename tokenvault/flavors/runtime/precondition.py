"""A precondition: what must hold for an exchange to succeed, how it is checked, and what is to be done when it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tokenvault.flavors.runtime.tenant_view import Case, HiddenError, Object, Subject, Unreadable
from tokenvault.kinds.base import CONFIGURE_DOC
from tokenvault.model.constraints import Constraint
from tokenvault.model.paths import get_path

MRRT_DOC = "https://auth0.com/docs/secure/tokens/refresh-tokens/multi-resource-refresh-token"
GRANTS_DOC = "https://auth0.com/docs/get-started/applications/application-access-to-apis-client-grants"


class State(Enum):
    """How a precondition stands. `CHECK` is for what no API tells: a person must look, and nothing is held up by it."""

    READY = "ready"
    CHECK = "check"
    UNKNOWN = "unknown"
    NOT_READY = "not ready"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, in words; `scopes` are what the token lacks to tell, `person` what only a person can do here."""

    state: State
    says: str = ""
    scopes: tuple[str, ...] = ()
    person: str = ""


HOLDS = Verdict(State.READY)
SKIPPED = Verdict(State.SKIPPED)


def broken(says: str, *, person: str = "") -> Verdict:
    """It does not hold. With `person`, neither a spec nor an apply can mend it in this case."""
    return Verdict(State.NOT_READY, says, person=person)


def unknown(*scopes: str) -> Verdict:
    """The token may not read what it depends on."""
    return Verdict(State.UNKNOWN, f"the token lacks {' or '.join(scopes)}", scopes)


def look(says: str, *, person: str = "") -> Verdict:
    """Only a person can tell; `person` is what to look at here, where the row says what else is to be done."""
    return Verdict(State.CHECK, says, person=person)


class Step(Enum):
    """Where at run time it shows, as the subject of a sentence."""

    LOGIN = "logging in"
    CONNECT = "connecting an account"
    EXCHANGE = "the exchange"


Check = Callable[[Any, Case], Verdict]
OF_CONSUMERS = frozenset({Subject.APPLICATION, Subject.MY_ACCOUNT})
"""Subjects that only the application that users log in to has to do with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """One row: what doctor judges, and what a flavor has `apply` set for it (`FlavorContext.meet`).

    `wants` is what is asked of `attribute` of `at` (default: `of`), for the `reason` that a plan gives (default: `means`);
    where the value depends on the spec, the flavor says it. `otherwise` is what doctor says of an object that lacks it.
    Where more decides than that, `check` does: it gets the live object of its subject `of`; without one only `existence` is
    judged. What a spec does not ask for yet, `spec` says how to write; `person` is what to do by hand.
    `error` names the run-time error (see `errors.py`; empty where Auth0 documents none).
    `strategies`: only connections of these strategies are judged by it (default: all). `of_caller`: it is about the
    application that users log in to, which is not judged where an API serves anyone.
    """

    id: str
    of: Subject
    means: str
    check: Check | None = None
    existence: bool = False
    attribute: str = ""
    wants: Constraint | None = None
    reason: str = ""
    otherwise: str = ""
    at: Subject | None = None
    spec: str = ""
    person: str = ""
    page: str = ""
    step: Step = Step.EXCHANGE
    error: str = ""
    doc: str = CONFIGURE_DOC
    strategies: tuple[str, ...] = ()
    of_caller: bool = False

    @property
    def place(self) -> Subject:
        """The object that a repair changes."""
        return self.at or self.of

    def judge(self, case: Case) -> Verdict:
        """How it stands in this case."""
        if self.strategies and case.strategy not in self.strategies:
            return SKIPPED
        if case.serves_anyone and (self.of_caller or self.of in OF_CONSUMERS):
            return SKIPPED
        try:
            return self._judge(case)
        except HiddenError:
            return Verdict(State.UNKNOWN, "the snapshot does not hold it")

    def _judge(self, case: Case) -> Verdict:
        found = case.object(self.of)
        if isinstance(found, Unreadable):
            return unknown(*found.scopes)
        if found is None and not self.existence:
            return SKIPPED
        if found is not None and self.existence:
            return HOLDS
        return self.check(found, case) if self.check else self._compared(found)

    def _compared(self, found: Object | None) -> Verdict:
        """Whether the attribute is as it is wanted."""
        assert self.wants
        value = get_path(found, self.attribute)
        return HOLDS if self.wants.resolve(value) == value else broken(self.otherwise)


def holds_all(path: str, items: tuple[str, ...]) -> Check:
    """The list holds at least these items."""

    def check(found: Object, case: Case) -> Verdict:
        missing = [item for item in items if item not in (get_path(found, path) or ())]
        return broken(f"{path} lacks {', '.join(missing)}") if missing else HOLDS

    return check


def missing(otherwise: str) -> Check:
    """For the existence of an object."""
    return lambda found, case: broken(otherwise)

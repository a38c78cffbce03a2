"""Faults that are injected on purpose: the rules say which request fails, when, and how.

A rule is a JSON object:

    method, path    which requests; path is a glob over the path without the query ("*" for any)
    nth, times      the nth matching request (1) and how many from there on (1; null for all)
    when            "before" the request changes anything, or "after" it was committed
    fault           a status (429, 401, 403, 404, 409, 500, 502, 503 …), or one of
                    reset      the connection is reset               close    it is closed without an answer
                    truncate   half of the answer, then closed       hang     nothing for `seconds` (60), then closed
                    slow       the answer after `seconds` (1)        html     an HTML page instead of the answer
                    empty      an answer without a body              malformed  text that is not JSON
                    stale      reads show the state before this write for `seconds` (1)
                    meanwhile  somebody else sends `request` ({"method", "path"?, "body"?}) just before
    body            with 401: "expired" · with 403: "scope", "entitlement" · or a whole JSON body
    reset           with 429: seconds until x-ratelimit-reset; null for an answer without that header
    status          with html, empty, malformed: the status instead of the real one
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any

from .errors import ApiError, insufficient_scope, unauthorized
from .routing import Reply
from .throttle import too_many_requests

CONNECTION_FAULTS = ("reset", "close", "truncate", "hang")
BODY_FAULTS = ("html", "empty", "malformed")
FAULTS = (*CONNECTION_FAULTS, *BODY_FAULTS, "slow", "stale", "meanwhile")
SECONDS = {"hang": 60.0, "slow": 1.0, "stale": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: which requests fail, when, and how."""

    fault: int | str
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int | None = 1
    when: str = "before"
    body: Any = None
    reset: float | None = 1
    status: int | None = None
    seconds: float | None = None
    request: dict[str, Any] | None = None

    @property
    def duration(self) -> float:
        """How long the fault lasts."""
        return self.seconds if self.seconds is not None else SECONDS.get(str(self.fault), 1.0)

    def hits(self, method: str, path: str) -> bool:
        """Whether the rule is about this request."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)


def parse_rules(documents: Any) -> tuple[Rule, ...]:
    """Rules from JSON; raises ValueError for what is none."""
    if not isinstance(documents, list):
        raise ValueError("faults are a list of rules")
    return tuple(_parse_rule(document) for document in documents)


def _parse_rule(document: Any) -> Rule:
    known = {field.name for field in fields(Rule)}
    if not isinstance(document, dict) or not document.keys() <= known:
        raise ValueError(f"not a fault rule: {document}")
    rule = {**document, "fault": _parse_fault(document.get("fault"))}
    for name, (fits, expected) in FIELDS.items():
        if name in rule and not fits(rule[name]):
            raise ValueError(f"{name} must be {expected}: {document}")
    return Rule(**rule)


def _parse_fault(fault: Any) -> int | str:
    if isinstance(fault, str) and fault.isascii() and fault.isdigit() and len(fault) == 3:
        fault = int(fault)
    if _is_whole(fault) and fault in STATUSES:
        return int(fault)
    if isinstance(fault, str) and fault in FAULTS:
        return fault
    raise ValueError(f"unknown fault: {fault}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_whole(value) and value >= 1


def _is_duration(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST


def _is_request(value: Any) -> bool:
    """Whether a value describes a request, as `meanwhile` sends it."""
    if not isinstance(value, dict) or not value.keys() <= {"method", "path", "body"}:
        return False
    path = value.get("path", "/")
    return value.get("method", "PATCH") in METHODS and isinstance(path, str) and path.startswith("/")


STATUSES = frozenset(status for status in HTTPStatus if status >= 200) - {204, 205, 304}  # those have no body
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
LONGEST = 86_400
FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "method": (lambda value: value in ("*", *METHODS), f"* or one of {', '.join(METHODS)}"),
    "path": (lambda value: isinstance(value, str), "a text with wildcards"),
    "nth": (_is_count, "a whole number from 1"),
    "times": (lambda value: value is None or _is_count(value), "a whole number from 1, or null for always"),
    "when": (lambda value: value in ("before", "after"), "before or after"),
    "reset": (lambda value: value is None or _is_duration(value), f"seconds from 0 to {LONGEST}, or null"),
    "status": (
        lambda value: value is None or (_is_whole(value) and 200 <= value <= 599),
        "a status from 200 to 599, or null",
    ),
    "seconds": (lambda value: value is None or _is_duration(value), f"seconds from 0 to {LONGEST}, or null"),
    "request": (lambda value: value is None or _is_request(value), "{method?, path?, body?}, or null"),
}


class FaultPlan:
    """The rules in force and how often each has matched."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.replace(rules)

    def replace(self, rules: Iterable[Rule]) -> None:
        """Forget the old rules and count from nothing."""
        self._rules = tuple(rules)
        self._seen = [0] * len(self._rules)

    def meet(self, method: str, path: str) -> Rule | None:
        """The rule that hits this request, if any. Every rule counts each request that it matches."""
        hit: Rule | None = None
        for index, rule in enumerate(self._rules):
            if not rule.hits(method, path):
                continue
            self._seen[index] = seen = self._seen[index] + 1
            if hit is None and seen >= rule.nth and (rule.times is None or seen < rule.nth + rule.times):
                hit = rule
        return hit


def status_reply(rule: Rule, now: float) -> Reply:
    """The refusal that a status fault stands for."""
    status = int(rule.fault)
    if isinstance(rule.body, dict | list):
        return Reply(status, rule.body)
    if status == 429:
        return too_many_requests({} if rule.reset is None else _exhausted(now + rule.reset))
    return Reply(status, _refusal(status, rule.body).body())


def _exhausted(reset: float) -> dict[str, str]:
    return {
        "x-ratelimit-limit": "10",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(math.ceil(reset)),
    }


def _refusal(status: int, kind: Any) -> ApiError:
    match status, kind:
        case 401, "expired":
            return unauthorized("Expired token received for JSON Web Token validation")
        case 401, _:
            return unauthorized("Invalid token")
        case 403, "entitlement":
            message = "This feature is not enabled for your tenant. Please upgrade your subscription."
            return ApiError(403, message, "insufficient_entitlement")
        case 403, _:
            return insufficient_scope(["some:scope"])
        case 404, _:
            return ApiError(404, "The object does not exist", "inexistent_object")
        case 409, _:
            return ApiError(409, "An object with the same identity already exists", "conflict")
    return ApiError(status, "Internal error, please try again" if status >= 500 else "Refused")

"""The retry policy of all requests: four attempts, growing pauses, and no sooner than `Retry-After` says.

Our own and not tenacity's: who calls decides whether an attempt of unknown outcome may be repeated, and whether it may wait.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tokenvault.errors import ApiError

PAUSES = (0.5, 1.5, 4.0)
LONGEST_RETRY_AFTER = 3600.0
"""No server is believed that asks for a longer wait: by then a command has given up anyway."""

T = TypeVar("T")


class Retryable(Exception):
    """An attempt that failed and may be repeated, `after` so many seconds at the earliest.

    `unknown`: the server may have carried it out all the same. `useless`: the next attempt would end in the same way.
    """

    def __init__(self, error: ApiError, *, unknown: bool = False, useless: bool = False, after: float = 0.0) -> None:
        super().__init__()
        self.error, self.unknown, self.useless, self.after = error, unknown, useless, after


async def with_retries(attempt: Callable[[], Awaitable[T]], pause: Callable[[float], Awaitable[bool]]) -> T:
    """What the attempt answers, made up to four times. `pause` waits, or answers False where waiting is not allowed.

    Raises the `ApiError` of the last attempt.
    """
    for seconds in PAUSES:
        try:
            return await attempt()
        except Retryable as again:
            if again.useless or not await pause(max(seconds, again.after)):
                raise again.error from None
    try:
        return await attempt()
    except Retryable as again:
        raise again.error from None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that `Retry-After` asks for, in either of its forms; None where it says nothing that can be understood.

    A date is read by the server's own clock, where the answer has one (`Date`).
    """
    text = headers.get("retry-after", "").strip()
    seconds = number(text)
    if seconds is None and (until := moment(text)) is not None:
        seconds = until - (moment(headers.get("date")) or now)
    return None if seconds is None else min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def number(text: str | None) -> float | None:
    """A finite number in a header; None where there is none."""
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def moment(text: str | None) -> float | None:
    """The moment, in seconds since 1970, that a date in a header names; None where there is none."""
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (TypeError, ValueError, OverflowError):
        return None

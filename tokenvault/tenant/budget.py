"""One rate limit of Auth0, as far as its answers tell: a token bucket whose size is told and whose pace is not.

`left` never promises more than there is. What an answer leaves is certain, less every request that was under way beside its
own and may have come after it. What the bucket gains afterwards is certain at the reset that the answer names, in whole
seconds; its pace is learnt, from below, by how many requests it bore between two answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

START = 2  # the smallest burst of any Auth0 plan
NEVER = math.inf
_NO_RESET = 5.0
_TICK = 0.001
_CLOCKS_AGREE = 2.0
_LONGEST_REFUSAL = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the headers of an answer say of its limit; None is not said. `reset` is by our clock."""

    limit: int | None
    left: int | None
    reset: float

    @classmethod
    def by(cls, headers: Mapping[str, str], now: float) -> Told:
        """Reads the headers. `retry-after` wins over the reset."""
        after, reset = _number(headers.get("retry-after")), _number(headers.get("x-ratelimit-reset"))
        limit, left = _number(headers.get("x-ratelimit-limit")), _number(headers.get("x-ratelimit-remaining"))
        at = now + _NO_RESET
        if after is not None or reset is not None:
            at = now + after if after is not None else (reset or 0.0) - _ahead(headers, now)
        return cls(limit=int(limit) if limit else None, left=None if left is None else int(left), reset=at)


def _ahead(headers: Mapping[str, str], now: float) -> float:
    """By how much the server's clock differs from ours, where that is more than rounding and the way of the answer."""
    try:
        ahead = parsedate_to_datetime(headers.get("date", "")).timestamp() - now
    except (TypeError, ValueError):
        return 0.0
    return ahead if abs(ahead) > _CLOCKS_AGREE else 0.0


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is None or math.isfinite(value) else None


@dataclass(slots=True)
class Budget:
    """How many requests may go now, and when the next one may."""

    left: float = START
    limit: int | None = None
    pace: float = 0.0
    reset: float | None = None
    sent: int = 0
    ended: int = 0
    _gained_at: float = 0.0
    _lowest: float = NEVER
    _latest: float = 0.0
    _anchor: tuple[int, float] | None = None
    _refusals: int = 0
    _learns: bool = True

    def delay(self, now: float) -> float:
        """Seconds until one more request may go; `NEVER` when only an answer can tell."""
        self._gain(now)
        if self.left >= 1:
            return 0.0
        at_reset = self.reset - now if self.reset is not None else NEVER
        by_pace = (1 - self.left) / self.pace if self.pace else NEVER
        return max(_TICK, min(at_reset, by_pace))

    def _gain(self, now: float) -> None:
        self.left = min(self.limit or NEVER, self.left + self.pace * max(0.0, now - self._gained_at))
        self._gained_at = now
        if self.left < 1 and self.reset is not None and now >= self.reset:
            self.left, self.reset = 1, None  # one for certain; its answer tells how many more

    def send(self) -> int:
        """Counts a request that goes now. What it answers is how many had ended before."""
        if self.sent == self.ended:
            self._lowest, self._latest = NEVER, 0.0
        self.reset = None  # it may take what the reset would bring
        self.left -= 1
        self.sent += 1
        return self.ended

    def end(self, *, answered: bool) -> None:
        """Counts the end of a request. One without an answer is not held against the budget."""
        self.ended += 1
        self.left += 0 if answered else 1
        if self.ended == self.sent:
            self.left = max(self.left, self._lowest if self._lowest < NEVER else 0)
            self.reset = self._latest

    def learn(self, ended_before: int, sent_at: float, told: Told, now: float) -> None:
        """Takes in what the answer to a request tells, before its end is counted."""
        self._refusals = 0
        if told.left is None:
            self._learn_nothing()
            return
        self._gain(now)
        self.limit = told.limit or self.limit
        self._lowest, self._latest = min(self._lowest, told.left), max(self._latest, told.reset)
        beside = self.sent - ended_before - 1
        self.left = min(max(self.left, told.left - beside), told.left + 0.99)
        if beside == 0:
            self._learn_pace(told.left + self.sent, sent_at, now)

    def _learn_nothing(self) -> None:
        """No headers: no limit, as long as nothing was ever refused; then one after the other."""
        self.left = self.left + 1 if self.limit else NEVER

    def _learn_pace(self, level: int, sent_at: float, now: float) -> None:
        """Between two answers the bucket gained what was sent and what is left more than before, within one."""
        if self._anchor is None:
            self._anchor = level, sent_at
        elif self._learns:
            self.pace = max(self.pace, (level - self._anchor[0] - 1) / max(_TICK, now - self._anchor[1]))

    def refuse(self, told: Told, now: float) -> None:
        """A 429: nothing goes before the named reset. A pace that led to it is not the bucket's: none is learnt again."""
        self._refusals += 1
        self._learns = self._learns and not self.pace
        self.limit = told.limit or self.limit or 1
        patience = min(_LONGEST_REFUSAL, 2.0 ** (self._refusals - 2))
        self.left, self.pace, self._lowest, self._anchor, self.reset = 0, 0.0, 0, None, None
        self._latest = max(self._latest, told.reset, now + patience)

"""Never faster than Auth0 allows: one budget per rate limit, learnt from the headers of its answers.

A budget starts gently (one request until the first answer tells the limit), lets requests go side by side while any are
left, and holds everybody back until the reset that the server names.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tokenvault.tenant_address import MAX_WAIT

CONCURRENT = 8
DEFAULT_RESET = 5.0


@dataclass(slots=True)
class Clock:
    """Time, so that tests need not wait for it."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], object] = asyncio.sleep


@dataclass(slots=True)
class _Budget:
    """What is left of one rate limit. `left` is None until an answer told."""

    left: int | None = None
    reset: float = 0.0
    flying: int = 0
    gate: asyncio.Condition = field(default_factory=asyncio.Condition)

    def free(self, now: float) -> bool:
        """Whether one more request may go."""
        if self.left is None:
            return self.flying == 0
        return self.flying < CONCURRENT and (self.left > 0 or now >= self.reset)


class Pacer:
    """Spends budgets. `max_rps` is the user's own limit; `max_wait` bounds the seconds spent waiting in all."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        max_rps: float | None = None,
        max_wait: float = MAX_WAIT,
        on_wait: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.clock = clock or Clock()
        self.waited = 0.0
        self.max_wait = max_wait
        self.limit: int | None = None
        self._interval = 1 / max_rps if max_rps else 0.0
        self._next = 0.0
        self._on_wait = on_wait
        self._budgets: dict[str, _Budget] = {}

    async def acquire(self, bucket: str) -> None:
        """Returns when a request of this budget may be sent."""
        budget = self._budgets.setdefault(bucket, _Budget())
        async with budget.gate:
            while not budget.free(self.clock.now()):
                if budget.left == 0 and budget.flying == 0:
                    await self.wait(max(0.05, budget.reset - self.clock.now()))
                else:
                    await budget.gate.wait()
            budget.flying += 1
            if budget.left is not None:
                budget.left = max(0, budget.left - 1)
        await self._space_out()

    async def release(self, bucket: str, headers: Mapping[str, str]) -> None:
        """Learns from an answer and lets the next request go."""
        budget = self._budgets[bucket]
        async with budget.gate:
            budget.flying -= 1
            self._learn(budget, headers)
            budget.gate.notify_all()

    def _learn(self, budget: _Budget, headers: Mapping[str, str]) -> None:
        remaining, reset = _number(headers.get("x-ratelimit-remaining")), _number(headers.get("x-ratelimit-reset"))
        limit = _number(headers.get("x-ratelimit-limit"))
        self.limit = int(limit) if limit else self.limit
        if remaining is None:
            budget.left = CONCURRENT
            return
        budget.left = max(0, int(remaining) - budget.flying)
        budget.reset = reset if reset is not None else self.clock.now() + DEFAULT_RESET

    async def back_off(self, headers: Mapping[str, str]) -> bool:
        """Waits for the reset that a 429 names; False when the bound on waiting is reached."""
        after, reset = _number(headers.get("retry-after")), _number(headers.get("x-ratelimit-reset"))
        seconds = after if after is not None else reset - self.clock.now() if reset is not None else DEFAULT_RESET
        return await self.wait(max(0.1, seconds))

    async def wait(self, seconds: float) -> bool:
        """Sleeps, unless that would exceed the bound on waiting."""
        if self.waited + seconds > self.max_wait:
            return False
        self.waited += seconds
        self._on_wait(seconds)
        await self.clock.sleep(seconds)  # type: ignore[misc]
        return True

    async def _space_out(self) -> None:
        if not self._interval:
            return
        now = self.clock.now()
        start = max(now, self._next)
        self._next = start + self._interval
        if start > now:
            await self.clock.sleep(start - now)  # type: ignore[misc]


def bucket_of(method: str, path: str) -> str:
    """The rate limit that a request counts against; Auth0 has its own for reads of clients and of connections."""
    first = path.split("/")[0]
    return first if method == "GET" and first in ("clients", "connections") else "rest"


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None

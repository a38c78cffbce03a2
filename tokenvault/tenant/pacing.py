"""Never faster than Auth0 allows, and hardly slower: requests wait their turn for the budget that Auth0 counts them against.

Auth0 counts all requests together on some plans; on others, reads of clients, reads of connections and the rest apart. Until
two of these are told different limits, every request counts against all three. They start with as many requests as the
smallest plan bears at once. One that is refused holds back all that wait, so that they are never refused together.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tokenvault.errors import ApiError, Diagnostic
from tokenvault.tenant.options import MAX_WAIT
from tokenvault.tenant.retries import moment, number, retry_after

START = 2  # the smallest burst of any Auth0 plan
NEVER = math.inf
_NO_RESET = 5.0
_TICK = 0.001
_CLOCKS_AGREE = 2.0
_LONGEST_REFUSAL = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitHeaders:
    """What the headers of an answer say of its limit; None is not said. `reset` and `retry_at` are by our clock."""

    limit: int | None
    remaining: int | None
    reset: float
    retry_at: float | None = None

    @classmethod
    def by(cls, headers: Mapping[str, str], now: float) -> RateLimitHeaders:
        """Reads the headers. `retry-after` wins over the reset; numbers that are none of a limit say nothing."""
        after, reset = retry_after(headers, now), number(headers.get("x-ratelimit-reset"))
        limit, remaining = number(headers.get("x-ratelimit-limit")), number(headers.get("x-ratelimit-remaining"))
        at = now + _NO_RESET
        if after is not None or reset is not None:
            at = now + after if after is not None else (reset or 0.0) - _ahead(headers, now)
        return cls(
            limit=int(limit) if limit is not None and limit >= 1 else None,
            remaining=None if remaining is None else max(0, int(remaining)),
            reset=at,
            retry_at=None if after is None else at,
        )


def _ahead(headers: Mapping[str, str], now: float) -> float:
    """By how much the server's clock differs from ours, where that is more than rounding and the way of the answer."""
    ahead = (moment(headers.get("date")) or now) - now
    return ahead if abs(ahead) > _CLOCKS_AGREE else 0.0


@dataclass(slots=True)
class Budget:
    """How many requests may go now, and when the next one may."""

    remaining: float = START
    limit: int | None = None
    pace: float = 0.0
    reset: float | None = None
    sent: int = 0
    ended: int = 0
    held_until: float = 0.0
    _gained_at: float = 0.0
    _lowest: float = NEVER
    _latest: float = 0.0
    _anchor: tuple[int, float] | None = None
    _refusals: int = 0
    _learns: bool = True

    def delay(self, now: float) -> float:
        """Seconds until one more request may go; `NEVER` when only an answer can tell."""
        if now < self.held_until:
            return self.held_until - now
        self._gain(now)
        if self.remaining >= 1:
            return 0.0
        at_reset = self.reset - now if self.reset is not None else NEVER
        by_pace = (1 - self.remaining) / self.pace if self.pace else NEVER
        return max(_TICK, min(at_reset, by_pace))

    def _gain(self, now: float) -> None:
        self.remaining = min(self.limit or NEVER, self.remaining + self.pace * max(0.0, now - self._gained_at))
        self._gained_at = now
        if self.remaining < 1 and self.reset is not None and now >= self.reset:
            self.remaining, self.reset = 1, None  # one for certain; its answer tells how many more

    def send(self) -> int:
        """Counts a request that goes now. What it answers is how many had ended before."""
        if self.sent == self.ended:
            self._lowest, self._latest = NEVER, 0.0
        self.reset = None  # it may take what the reset would bring
        self.remaining -= 1
        self.sent += 1
        return self.ended

    def end(self, *, answered: bool) -> None:
        """Counts the end of a request. One without an answer is not held against the budget."""
        self.ended += 1
        self.remaining += 0 if answered else 1
        if self.ended == self.sent:
            self.remaining = max(self.remaining, self._lowest if self._lowest < NEVER else 0)
            self.reset = self._latest

    def learn(self, ended_before: int, sent_at: float, limits: RateLimitHeaders, now: float) -> None:
        """Takes in what the answer to a request tells, before its end is counted."""
        self._refusals = 0
        if limits.remaining is None:
            self._learn_nothing()
            return
        self._gain(now)
        self.limit = limits.limit or self.limit
        self._lowest, self._latest = min(self._lowest, limits.remaining), max(self._latest, limits.reset)
        beside = self.sent - ended_before - 1
        self.remaining = min(max(self.remaining, limits.remaining - beside), limits.remaining + 0.99)
        if beside == 0:
            self._learn_pace(limits.remaining + self.sent, sent_at, now)

    def _learn_nothing(self) -> None:
        """No headers: no limit, as long as nothing was ever refused; then one after the other."""
        self.remaining = self.remaining + 1 if self.limit else NEVER

    def _learn_pace(self, level: int, sent_at: float, now: float) -> None:
        """Between two answers the bucket gained what was sent and what is left more than before, within one."""
        if self._anchor is None:
            self._anchor = level, sent_at
        elif self._learns:
            self.pace = max(self.pace, (level - self._anchor[0] - 1) / max(_TICK, now - self._anchor[1]))

    def refuse(self, limits: RateLimitHeaders, now: float) -> None:
        """A 429: nothing goes before the named reset. A pace that led to it is not the bucket's: none is learnt again."""
        self._refusals += 1
        self.held_until = max(self.held_until, limits.retry_at or 0.0)
        self._learns = self._learns and not self.pace
        self.limit = limits.limit or self.limit or 1
        patience = min(_LONGEST_REFUSAL, 2.0 ** (self._refusals - 2))
        self.remaining, self.pace, self._lowest, self._anchor, self.reset = 0, 0.0, 0, None, None
        self._latest = max(self._latest, limits.reset, now + patience)


CONCURRENT = 16
APART = ("clients", "connections")
REST = "rest"


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, so that tests need not wait for it."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A wait for a rate limit that begins now: its seconds, those waited before it, and the bound on all of them."""

    seconds: float
    before: float
    bound: float


@dataclass(slots=True)
class _Queue:
    """A budget and those who wait for it, first come, first served."""

    budget: Budget = field(default_factory=Budget)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Slot:
    """The permission for one request; whoever has it tells what the answer said."""

    def __init__(self, pacer: Pacer, group: str, counted: Mapping[str, Budget]) -> None:
        self._pacer, self._group, self._counted = pacer, group, counted
        self._sent_at = pacer.clock.now()
        self._ended_before = {name: budget.send() for name, budget in counted.items()}
        self._answered = False

    def observe(self, headers: Mapping[str, str], *, refused: bool) -> None:
        """Learns from an answer, whatever it was."""
        now = self._pacer.clock.now()
        limits = RateLimitHeaders.by(headers, now)
        self._answered = True
        self._pacer.traffic.compare(self._group, limits)
        for name, budget in self._pacer.traffic.counting(self._group).items():
            if refused:
                budget.refuse(limits, now)
            else:
                budget.learn(self._ended_before[name], self._sent_at, limits, now)

    def close(self) -> None:
        """Ends the request, answered or not."""
        for budget in self._counted.values():
            budget.end(answered=self._answered)


class Traffic:
    """What one tenant bears, as far as its answers told: all that talk to it in one event loop share this.

    Requests of one are then held back by what another was told, and never refused because of it.
    """

    def __init__(self) -> None:
        self.air = asyncio.Semaphore(CONCURRENT)
        self.next = 0.0
        self.queues = {group: _Queue() for group in (*APART, REST)}
        self._limits: dict[str, int] = {}
        self._apart = False

    def queue(self, group: str) -> _Queue:
        """Where a request of this group waits."""
        return self.queues[group if self._apart else REST]

    def counting(self, group: str) -> dict[str, Budget]:
        """The budgets that a request of this group counts against, for all that is known."""
        return {name: queue.budget for name, queue in self.queues.items() if name == group or not self._apart}

    def compare(self, group: str, limits: RateLimitHeaders) -> None:
        """Two groups with different limits are counted apart, and then all are."""
        if limits.limit:
            self._limits[group] = limits.limit
        if len(set(self._limits.values())) > 1:
            self._apart = True

    def tell(self) -> None:
        """Wakes all that wait: a request has ended."""
        for queue in self.queues.values():
            queue.changed.set()


class Pacer:
    """Hands out slots. `max_rps` is the user's own limit; `max_wait` bounds the seconds spent waiting for limits, in all.

    `limited` tells whether a request was ever held back for a limit of Auth0's.
    `traffic` is what is known of the tenant's own limits, shared with others that talk to it; default: nothing yet.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        max_rps: float | None = None,
        max_wait: float = MAX_WAIT,
        on_wait: Callable[[Wait], None] = lambda wait: None,
        traffic: Traffic | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.traffic = traffic or Traffic()
        self.max_wait = max_wait
        self.waited = 0.0
        self.limited = False
        self._waited_until = 0.0
        self._interval = 1 / max_rps if max_rps else 0.0
        self._on_wait = on_wait

    @property
    def limit(self) -> int | None:
        """How many requests Auth0 takes at once, writes and all that is not counted apart; None until an answer told."""
        return self.traffic.queues[REST].budget.limit

    def expect(self, seconds: float) -> None:
        """What an approved plan announced to take comes on top of the bound: only the rest is a surprise."""
        self.max_wait += seconds

    @asynccontextmanager
    async def slot(self, group: str) -> AsyncIterator[Slot]:
        """For as long as the context lasts, one request of this group may be under way. A cancelled wait leaves no trace."""
        slot = await self._take(group)
        try:
            async with self.traffic.air:
                await self._space_out()
                yield slot
        finally:
            slot.close()
            self.traffic.tell()

    async def _take(self, group: str) -> Slot:
        while True:
            queue = self.traffic.queue(group)
            async with queue.turn:
                while queue is self.traffic.queue(group):
                    delay = queue.budget.delay(self.clock.now())
                    if not delay:
                        return Slot(self, group, self.traffic.counting(group))
                    queue.changed.clear()
                    await self._wait(delay, queue.changed)

    async def wait(self, seconds: float) -> bool:
        """Sleeps, for a reason of the caller's own, unless that would exceed the bound on waiting."""
        if self._exceeds(seconds):
            return False
        await self._pause(seconds, asyncio.Event())
        return True

    async def _wait(self, seconds: float, changed: asyncio.Event) -> None:
        """Waits for the rate limit: so many seconds, or until an answer tells more. Reports the wait and keeps its bound."""
        if seconds < NEVER:
            if self._exceeds(seconds):
                raise ApiError(_too_long(self.max_wait))
            self.limited = True
            self._on_wait(Wait(seconds=seconds, before=self.waited, bound=self.max_wait))
        await self._pause(seconds, changed)

    def _exceeds(self, seconds: float) -> bool:
        now = self.clock.now()
        return self.waited + max(0.0, now + seconds - max(now, self._waited_until)) > self.max_wait

    async def _pause(self, seconds: float, changed: asyncio.Event) -> None:
        """Waits so many seconds, or until an answer tells more. Overlapping pauses count once, the wait for an answer not."""
        start = self.clock.now()
        try:
            async with asyncio.timeout(seconds if seconds < NEVER else None):
                await changed.wait()
        except TimeoutError:
            pass
        finally:
            if seconds < NEVER:
                self._count(start, self.clock.now())

    def _count(self, start: float, end: float) -> None:
        self.waited += max(0.0, end - max(start, self._waited_until))
        self._waited_until = max(self._waited_until, end)

    async def _space_out(self) -> None:
        """Keeps to the user's own limit."""
        if not self._interval:
            return
        now = self.clock.now()
        start = max(now, self.traffic.next)
        self.traffic.next = start + self._interval
        if start > now:
            await self.clock.sleep(start - now)


def group_of(method: str, path: str) -> str:
    """What Auth0 may count a request apart from others as."""
    first = path.split("/")[0]
    return first if method == "GET" and first in APART else REST


def _too_long(bound: float) -> Diagnostic:
    return Diagnostic(
        code="api-rate-limit",
        summary=f"Auth0's rate limit asks for more waiting than the {bound:g} s that --max-wait allows in all",
        hint="Run again later, or with a greater --max-wait: what was done is not repeated.",
    )

"""How far an apply has come: counted from its events, and told again and again while it goes on."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING

from tokenvault.applier.events import Ended, Event, Outcome, Reached, Stage, Started, Tally, Working

if TYPE_CHECKING:
    from tokenvault.plan.model import Plan

EVERY = 10.0
RECENT = 30.0
PRIOR = 20


class Counter:
    """Counts the changes of a plan by how far they are, and tells how long the rest will take.

    `limited` says whether requests were held back for a rate limit.
    """

    def __init__(self, plan: Plan, limited: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self.total = len(plan.changes)
        self.since = clock()
        self.sent: dict[str, tuple[float, Reached]] = {}
        self._waiting: set[str] = set()
        self._over: dict[str, float] = {}
        self._failed: set[str] = set()
        self._not_tried: set[str] = set()
        self._recent: deque[float] = deque()
        self._announced = (plan.writes + plan.rereads) / plan.pace.per_second / max(1, self.total)
        self._limited, self._clock = limited, clock

    def note(self, event: Event) -> None:
        """Takes in an event."""
        match event:
            case Started():
                self._move(event.address)
                self._waiting.add(event.address)
            case Reached(stage=Stage.SENT):
                self._move(event.address)
                self.sent[event.address] = self._clock(), event
            case Reached(stage=Stage.WAITING):
                self._move(event.address)
                self._waiting.add(event.address)
            case Reached(stage=Stage.WRITTEN):
                self._move(event.address)
                self._finish(event.address)
            case Ended():
                self._move(event.address)
                self._finish(event.address)
                if event.outcome in (Outcome.FAILED, Outcome.INCOMPLETE):
                    self._failed.add(event.address)
                elif event.outcome is not Outcome.DONE:
                    self._not_tried.add(event.address)

    def _move(self, address: str) -> None:
        self.sent.pop(address, None)
        self._waiting.discard(address)

    def _finish(self, address: str) -> None:
        if address not in self._over:
            self._over[address] = self._clock()
            self._recent.append(self._clock())

    def tally(self) -> Tally:
        """How far it has come by now."""
        over, under_way, waiting = len(self._over), len(self.sent), len(self._waiting)
        return Tally(
            total=self.total,
            over=over,
            failed=len(self._failed),
            not_tried=len(self._not_tried),
            under_way=under_way,
            waiting=waiting,
            to_come=self.total - over - under_way - waiting,
            seconds=(self.total - over) * self._seconds_each(),
            limited=self._limited(),
        )

    def _seconds_each(self) -> float:
        """What a change takes, by the last ones, as if some had gone before at the pace that the plan announced.

        Requests go in bursts: the last few alone would make the estimate jump.
        """
        now = self._clock()
        while self._recent and self._recent[0] < now - RECENT:
            self._recent.popleft()
        return (PRIOR * self._announced + min(RECENT, now - self.since)) / (PRIOR + len(self._recent))


async def with_elapsed(
    events: AsyncIterator[Event], counter: Counter, every: float = EVERY
) -> AsyncGenerator[Event, None]:
    """The events, and each time so many seconds have passed a `Tally`, and a `Working` for every write that is under way.

    A write is told of when it has been under way for so long.
    """
    coming: asyncio.Future[Event | None] = asyncio.ensure_future(anext(events, None))
    ticks = 1
    try:
        while True:
            due = counter.since + every * ticks
            await asyncio.wait({coming}, timeout=max(0.0, due - time.monotonic()))
            if time.monotonic() >= due:
                ticks += 1
                for late in _overdue(counter, every):
                    yield late
                yield counter.tally()
            if not coming.done():
                continue
            event = coming.result()
            if event is None:
                return
            counter.note(event)
            coming = asyncio.ensure_future(anext(events, None))
            yield event
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


def _overdue(counter: Counter, every: float) -> list[Event]:
    """The writes that have been under way for longer than that."""
    now = time.monotonic()
    return [
        Working(address=address, action=sent.action, seconds=now - since)
        for address, (since, sent) in counter.sent.items()
        if now - since >= every
    ]

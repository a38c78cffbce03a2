"""Rate limits without waiting for them: an event loop whose clock jumps to the next thing that is due."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tokenvault.tenant.pacing import Clock, Pacer

PATHS = {"clients": "/api/v2/clients", "connections": "/api/v2/connections", "rest": "/api/v2/client-grants"}


class Limit(Protocol):
    """What lets a request pass or does not, as the sandbox's own rate limit."""

    def admit(self, method: str, path: str, now: float) -> tuple[Any, Mapping[str, str]]:
        """A refusal or None, and the headers of whichever answer."""


class _Jumping(selectors.SelectSelector):
    def __init__(self, start: float) -> None:
        super().__init__()
        self.now = start

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        if timeout and not ready:
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, start: float) -> None:
        self._jumping = _Jumping(start)
        super().__init__(self._jumping)
        self._clock_resolution = 1e-6  # what a float still tells apart at today's epoch seconds

    def time(self) -> float:
        return self._jumping.now


@dataclass
class Traffic:
    """What was sent: moment and status of each answer as the server gave it, and how long all of it took."""

    answers: list[tuple[float, str, int]] = field(default_factory=list)
    seconds: float = 0.0
    waited: float = 0.0

    def refused(self) -> int:
        """How many requests were too many."""
        return sum(status == 429 for _, _, status in self.answers)


def send(
    groups: Sequence[str],
    limit: Limit | None,
    *,
    latency: float = 0.1,
    start: float = 1000.0,
    seed: int = 0,
    **pacer: Any,
) -> Traffic:
    """Sends a request of each of these groups, all at once as far as the pacer lets them, until each is answered."""
    loop, traffic = _Loop(start), Traffic()
    jitter = random.Random(seed)

    async def request(pace: Pacer, group: str) -> None:
        status = 429
        while status == 429:
            async with pace.slot(group) as slot:
                await asyncio.sleep(latency / 2 * jitter.uniform(0.9, 1.1))
                refusal, headers = limit.admit("GET", PATHS[group], loop.time()) if limit else (None, {})
                status = 429 if refusal else 200
                traffic.answers.append((loop.time(), group, status))
                await asyncio.sleep(latency / 2 * jitter.uniform(0.9, 1.1))
                slot.observe(headers, refused=status == 429)

    async def all_of_them() -> None:
        pace = Pacer(Clock(now=loop.time), **{"max_wait": 1e6, **pacer})
        try:
            async with asyncio.TaskGroup() as tasks:
                for group in groups:
                    tasks.create_task(request(pace, group))
        finally:
            traffic.seconds, traffic.waited = loop.time() - start, pace.waited

    try:
        loop.run_until_complete(all_of_them())
    finally:
        loop.close()
    return traffic

"""When which object is reconciled: after an edit at once, then every interval, and after a failure later and later."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tokenvault.errors import place_of
from tokenvault.operator.resource import Key, Resource, resource_of
from tokenvault.operator.status import Next, Outcome, failure

FIRST_BACKOFF, MAX_BACKOFF = 2.0, 300.0
JITTER = 0.1
SPREAD = 30.0
log = logging.getLogger("tokenvault.operator")
Body = Mapping[str, Any]


class Watcher(Protocol):
    """Is told of every reconciliation."""

    def reconciled(self, resource: Resource, outcome: Outcome, seconds: float) -> None:
        """A reconciliation ended."""


@dataclass(slots=True, kw_only=True)
class Schedule:
    """All objects, each with a task of its own while this replica works: one object is never reconciled twice at a time.

    `parallel` bounds how many are reconciled side by side, `stop` ends them after what is under way.
    """

    reconcile: Callable[[Resource, asyncio.Event], Awaitable[Outcome]]
    forget: Callable[[Key], None]
    watcher: Watcher
    parallel: int = 8
    draw: Callable[[], float] = random.random
    objects: dict[Key, Body] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _orders: dict[Key, tuple[Any, ...]] = field(default_factory=dict)
    _wakes: dict[Key, asyncio.Event] = field(default_factory=dict)
    _tasks: dict[Key, asyncio.Task[None]] = field(default_factory=dict)
    _working: bool = False
    _turns: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(self.parallel)

    def resources(self) -> list[Resource]:
        """The objects that can be read."""
        return [found for body in self.objects.values() if (found := readable(body)) is not None]

    def seen(self, body: Body) -> None:
        """An object that is there. Only an edit brings its turn forward: the operator's own writes do not."""
        key = key_of(body)
        if is_older(body, self.objects.get(key)):
            return
        self.objects[key] = body
        resource = readable(body)
        order = resource.order if resource else ("unreadable", body["metadata"].get("generation"))
        if self._orders.get(key) != order:
            self._orders[key] = order
            self._wakes.setdefault(key, asyncio.Event()).set()
        self._start(key)

    def gone(self, key: Key) -> None:
        """An object that is no more."""
        self._orders.pop(key, None)
        if self.objects.pop(key, None) is not None:
            self._wakes.setdefault(key, asyncio.Event()).set()

    def work(self) -> None:
        """Begins: this replica is the one that works."""
        self._working = True
        self.stop.clear()
        for key in self.objects:
            self._start(key)

    async def rest(self, grace: float = 0.0) -> None:
        """Ends: what is under way has so many seconds to come to a good end."""
        self._working = False
        self.stop.set()
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for wake in self._wakes.values():
            wake.set()
        if tasks and grace:
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: Key) -> None:
        if self._working and key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._keep(key), name=f"reconcile {key}")

    async def _keep(self, key: Key) -> None:
        """The life of one object, as long as it and this replica's work last."""
        wake = self._wakes.setdefault(key, asyncio.Event())
        delay, failures = self._first_delay(key), 0
        if delay:
            wake.clear()
        while True:
            edited = await _woken(wake, delay)
            wake.clear()
            body = self.objects.get(key)
            if body is None or self.stop.is_set():
                break
            failures = 0 if edited else failures
            async with self._turns:
                outcome = await self._turn(body)
            failures = failures + 1 if outcome.next is Next.BACKOFF else 0
            delay = self._delay(outcome, failures, readable(body))
        if body is None:
            self._tasks.pop(key, None)
            self._wakes.pop(key, None)
            self.forget(key)

    def _first_delay(self, key: Key) -> float | None:
        """After a start, what was as it should be waits for a while of chance: not all ask their tenants at once."""
        resource = readable(self.objects[key])
        if resource is None or not is_settled(resource):
            return 0.0
        return self.draw() * min(SPREAD, resource.interval)

    async def _turn(self, body: Body) -> Outcome:
        resource = readable(body)
        if resource is None:
            log.warning("object cannot be read", extra={"object": str(key_of(body))})
            return Outcome(reason="operator-unreadable", conditions={}, next=Next.NEVER, failed=True)
        began = time.monotonic()
        try:
            outcome = await self.reconcile(resource, self.stop)
        except Exception as error:
            log.warning("reconciliation failed", extra={"object": str(resource.key), "error": place_of(error)})
            outcome = failure(error)
        self.watcher.reconciled(resource, outcome, time.monotonic() - began)
        return outcome

    def _delay(self, outcome: Outcome, failures: int, resource: Resource | None) -> float | None:
        """Seconds until the object's next turn; None: not before it is edited."""
        interval = resource.interval if resource else MAX_BACKOFF
        chance = 1 + JITTER * (2 * self.draw() - 1)
        match outcome.next:
            case Next.NEVER:
                return None
            case Next.INTERVAL:
                return interval * chance
            case Next.BACKOFF:
                longest = max(FIRST_BACKOFF, min(interval, MAX_BACKOFF))
                return float(min(FIRST_BACKOFF * 2 ** min(failures - 1, 16), longest) * chance)


async def _woken(wake: asyncio.Event, delay: float | None) -> bool:
    """Waits so many seconds or until there is an edit; whether there was one."""
    try:
        async with asyncio.timeout(delay):
            await wake.wait()
    except TimeoutError:
        return False
    return True


def key_of(body: Body) -> Key:
    """Where the object stands."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def readable(body: Body) -> Resource | None:
    """The object as data; None for one that an older definition let through."""
    try:
        return resource_of(body)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def is_settled(resource: Resource) -> bool:
    """Whether the status says that the object, as it is now, was as it should be."""
    status = resource.status or {}
    conditions = {one.get("type"): one.get("status") for one in status.get("conditions", ())}
    return (
        conditions.get("Ready") == "True"
        and status.get("observedGeneration") == resource.generation
        and not resource.deleting
        and not resource.requested
    )


def version_of(body: Body) -> int:
    """The resource version as a number, which grows with every write; 0 where it is none."""
    text = str(body["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdecimal() else 0


def is_older(body: Body, known: Body | None) -> bool:
    """Whether the object was told of in a later state already."""
    if known is None or known["metadata"].get("uid") != body["metadata"].get("uid"):
        return False
    return version_of(body) < version_of(known)

"""When objects are looked at, and whether the watch is known to live: without a cluster, and without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.operator.memory import NAMESPACE, small_spec
from tokenvault.operator.health import Watch
from tokenvault.operator.resource import Key, Resource, resource_of, seconds
from tokenvault.operator.schedule import FIRST_BACKOFF, MAX_BACKOFF, Schedule
from tokenvault.operator.status import Next, Outcome


def body(name: str = "acme", version: int = 1, generation: int = 1, **more: Any) -> dict[str, Any]:
    meta = {"namespace": NAMESPACE, "name": name, "uid": f"uid-{name}", "generation": generation}
    spec = {"tenant": "acme.us.auth0.com", "credentialsSecretRef": {"name": "auth0"}, "configuration": small_spec()}
    return {"metadata": {**meta, "resourceVersion": str(version)}, "spec": {**spec, **more}}


@dataclass
class Seen:
    """Reconciles by noting what it was given."""

    outcome: Next = Next.NEVER
    resources: list[Resource] = field(default_factory=list)
    forgotten: list[Key] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def reconcile(self, resource: Resource, stop: asyncio.Event) -> Outcome:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.resources.append(resource)
        await asyncio.sleep(0)
        self.at_once -= 1
        return Outcome(reason="test", conditions={}, next=self.outcome)

    def reconciled(self, resource: Resource, outcome: Outcome, seconds: float) -> None:
        pass

    def schedule(self) -> Schedule:
        return Schedule(reconcile=self.reconcile, forget=self.forgotten.append, watcher=self, draw=lambda: 0.5)


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_an_edit_is_a_turn_and_the_operator_s_own_write_is_none() -> None:
    async def scene() -> list[int]:
        seen = Seen()
        schedule = seen.schedule()
        schedule.work()
        for told in (body(), body(version=2), body(version=3, generation=2), body(version=2)):
            schedule.seen(told)
            await _settle()
        await schedule.rest()
        return [resource.generation for resource in seen.resources]

    assert asyncio.run(scene()) == [1, 2]


def test_nothing_is_reconciled_by_a_replica_that_does_not_work() -> None:
    async def scene() -> tuple[int, int]:
        seen = Seen()
        schedule = seen.schedule()
        schedule.seen(body())
        await _settle()
        before = len(seen.resources)
        schedule.work()
        await _settle()
        await schedule.rest()
        schedule.seen(body(version=2, generation=2))
        await _settle()
        return before, len(seen.resources)

    assert asyncio.run(scene()) == (0, 1)


def test_what_is_gone_is_forgotten() -> None:
    async def scene() -> list[Key]:
        seen = Seen()
        schedule = seen.schedule()
        schedule.work()
        schedule.seen(body())
        await _settle()
        schedule.gone(Key(NAMESPACE, "acme"))
        await _settle()
        await schedule.rest()
        return seen.forgotten

    assert asyncio.run(scene()) == [Key(NAMESPACE, "acme")]


def test_no_more_are_reconciled_side_by_side_than_allowed() -> None:
    async def scene() -> tuple[int, int]:
        seen = Seen()
        schedule = seen.schedule()
        schedule.work()
        for number in range(50):
            schedule.seen(body(f"acme-{number}"))
        for _ in range(200):
            await asyncio.sleep(0)
        await schedule.rest()
        return len(seen.resources), seen.most_at_once

    done, most = asyncio.run(scene())
    assert done == 50 and 1 < most <= 8


def test_failures_wait_longer_each_time_and_never_nothing() -> None:
    async def delays() -> list[float | None]:
        schedule, resource = Seen().schedule(), resource_of(body())
        failed = Outcome(reason="test", conditions={}, next=Next.BACKOFF)
        return [schedule._delay(failed, failures, resource) for failures in (1, 2, 3, 50)]

    first, second, third, last = asyncio.run(delays())
    assert (first, second, third, last) == (FIRST_BACKOFF, 2 * FIRST_BACKOFF, 4 * FIRST_BACKOFF, MAX_BACKOFF)


@pytest.mark.parametrize(("text", "length"), [("10m", 600), ("1h30m", 5400), ("45s", 45)])
def test_durations(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["", "10", "m", "1d", "10m ", "-1s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


@dataclass
class Listed:
    """An API server that lists these objects."""

    bodies: list[dict[str, Any]]

    async def objects(self, namespace: str | None) -> Mapping[str, Any]:
        return {"metadata": {"resourceVersion": "100"}, "items": self.bodies}


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def watching(listed: Listed, clock: Clock) -> Watch:
    return Watch(cluster=listed, schedule=Seen().schedule(), namespaces=[NAMESPACE], period=0, clock=clock)  # type: ignore[arg-type]


def test_a_watch_that_tells_nothing_of_what_is_there_is_found_dead() -> None:
    async def scene() -> list[bool]:
        listed, clock = Listed([body()]), Clock()
        watch = watching(listed, clock)
        watch.event("ADDED", body())
        lives = []
        for version in (1, 1, 2, 2):
            listed.bodies = [body(version=version)]
            clock.now += 200
            await watch.compare()
            lives.append(watch.lives)
        watch.event("MODIFIED", body(version=2))
        return [*lives, watch.lives]

    assert asyncio.run(scene()) == [True, True, True, False, True]


def test_what_only_the_list_knows_is_handled_all_the_same() -> None:
    async def scene() -> list[str]:
        listed = Listed([body("new")])
        watch = watching(listed, Clock())
        watch.event("ADDED", body("old"))
        await watch.compare()
        return [key.name for key in watch.schedule.objects]

    assert asyncio.run(scene()) == ["new"]

"""The pacer against the sandbox's rate limits, in virtual time: nothing refused, hardly anything waited for in vain."""

from __future__ import annotations

import asyncio
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tenant.virtual import send
from tokenvault.errors import ApiError
from tokenvault.sandbox.throttle import RateLimit, parse_rate_limit
from tokenvault.tenant.pacing import CONCURRENT, Pacer, Wait

ESSENTIALS = "clients=1.667:5,connections=0.833:5,rest=2.5:10"
PLAN = ["connections", "clients", "rest", "rest", "rest", *["connections"] * 10, "clients"]
few = settings(max_examples=60, deadline=None)
phases = st.floats(0, 1, exclude_max=True)
latencies = st.floats(0.001, 0.3)


@few
@given(st.floats(1, 20), st.integers(2, 50), latencies, phases, st.integers(1, 4), st.integers(0, 999))
def test_nothing_is_refused_whatever_the_limit(
    rate: float, burst: int, latency: float, phase: float, plans: int, seed: int
) -> None:
    limit = parse_rate_limit(f"{rate}:{burst}")
    assert send(PLAN * plans, limit, latency=latency, start=1000 + phase, seed=seed).refused() == 0


@few
@given(latencies, phases, st.integers(1, 4), st.integers(0, 999))
def test_nothing_is_refused_where_groups_are_counted_apart(latency: float, phase: float, plans: int, seed: int) -> None:
    limit = parse_rate_limit(ESSENTIALS)
    assert send(PLAN * plans, limit, latency=latency, start=1000 + phase, seed=seed).refused() == 0


@few
@given(latencies, phases, st.integers(0, 999))
def test_two_a_second_are_used_up(latency: float, phase: float, seed: int) -> None:
    requests = PLAN * 4
    traffic = send(requests, parse_rate_limit("2:2"), latency=latency, start=1000 + phase, seed=seed)
    assert traffic.seconds <= 1.1 * len(requests) / 2


def test_without_a_limit_everything_goes_after_the_first_answer() -> None:
    assert send(PLAN, None, latency=0.1).seconds < 0.25


def test_no_more_requests_are_in_the_air_than_the_bound() -> None:
    answers = send(["rest"] * 200, None, latency=1.0).answers
    moments = sorted(moment for moment, _, _ in answers)
    assert max(sum(moment - 0.9 < other <= moment for other in moments) for moment in moments) <= CONCURRENT


def test_a_group_that_is_used_up_does_not_hold_back_another() -> None:
    traffic = send([*PLAN, *["connections"] * 20], parse_rate_limit(ESSENTIALS))
    last = {group: moment for moment, group, _ in sorted(traffic.answers)}
    assert max(last["clients"], last["rest"]) + 10 < last["connections"]


def test_a_bucket_that_is_empty_at_first_refuses_only_the_first_two() -> None:
    limit = parse_rate_limit("2:2")
    _drain(limit)
    traffic = send(PLAN, limit)
    assert traffic.refused() <= 2
    assert traffic.seconds < 1.1 * (len(PLAN) + 2) / 2 + 3


def test_others_who_use_the_same_limit_do_not_lead_to_a_storm() -> None:
    traffic = send(PLAN * 3, _Shared(parse_rate_limit("2:2"), every=1.0))
    assert traffic.refused() <= 4


def test_a_window_that_opens_all_at_once_is_not_taken_for_a_steady_flow() -> None:
    traffic = send(["rest"] * 60, _Window(10, 5.0))
    assert traffic.refused() <= 2
    assert traffic.seconds < 35


def test_refusals_that_name_no_reset_are_waited_out() -> None:
    traffic = send(["rest"] * 6, _Silent(parse_rate_limit("1:2")))
    assert sum(status == 200 for _, _, status in traffic.answers) == 6
    assert traffic.refused() < 10


def test_a_clock_that_is_an_hour_off_changes_nothing() -> None:
    right, wrong = (
        send(PLAN, _Dated(parse_rate_limit("2:2"), ahead=ahead), start=1_700_000_000.3) for ahead in (0.0, 3600.0)
    )
    assert wrong.refused() == 0
    assert wrong.seconds <= right.seconds + 3


def test_waiting_beyond_the_bound_is_an_error_that_names_it() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        send(PLAN * 4, parse_rate_limit("2:2"), max_wait=5)
    errors = caught.value.exceptions
    assert all(isinstance(error, ApiError) and "--max-wait" in str(error) for error in errors)


def test_waits_side_by_side_count_once() -> None:
    traffic = send(PLAN, parse_rate_limit(ESSENTIALS))
    assert 0 < traffic.waited <= traffic.seconds


def test_waits_are_told_with_the_bound() -> None:
    told: list[Wait] = []
    send(PLAN, parse_rate_limit("2:2"), on_wait=told.append, max_wait=60)
    assert told
    assert all(wait.bound == 60 and 0 <= wait.before <= 60 for wait in told)


def test_the_users_own_limit_spaces_requests_out() -> None:
    answers = send(["rest"] * 9, None, latency=0.01, max_rps=4).answers
    moments = sorted(moment for moment, _, _ in answers)
    assert all(later - earlier > 0.24 for earlier, later in itertools.pairwise(moments))


def test_whoever_is_cancelled_leaves_room_for_the_others() -> None:
    async def scene() -> None:
        pacer = Pacer()
        held = [pacer.slot("rest") for _ in range(2)]
        for slot in held:
            await slot.__aenter__()
        waiting = asyncio.create_task(_once(pacer))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        for slot in held:
            await slot.__aexit__(None, None, None)
        await asyncio.wait_for(asyncio.gather(*(_once(pacer) for _ in range(5))), 5)

    asyncio.run(scene())


async def _once(pacer: Pacer) -> None:
    async with pacer.slot("rest") as slot:
        slot.observe({}, refused=False)


def _drain(limit: RateLimit, now: float = 999.9) -> None:
    while limit.admit("GET", "/api/v2/clients", now)[0] is None:
        pass


class _Shared:
    """A limit of which somebody else takes one request every so often."""

    def __init__(self, limit: RateLimit, every: float) -> None:
        self._limit, self._every, self._next = limit, every, math.nan

    def admit(self, method: str, path: str, now: float) -> tuple[object, dict[str, str]]:
        self._next = now if math.isnan(self._next) else self._next
        while self._next < now:
            self._limit.admit("GET", path, self._next)
            self._next += self._every
        return self._limit.admit(method, path, now)


class _Window:
    """So many requests in each window of so many seconds."""

    def __init__(self, size: int, seconds: float) -> None:
        self._size, self._seconds, self._end, self._used = size, seconds, 0.0, 0

    def admit(self, method: str, path: str, now: float) -> tuple[object, dict[str, str]]:
        if now >= self._end:
            self._end, self._used = (now // self._seconds + 1) * self._seconds, 0
        self._used += 1
        headers = {
            "x-ratelimit-limit": str(self._size),
            "x-ratelimit-remaining": str(max(0, self._size - self._used)),
            "x-ratelimit-reset": str(math.ceil(self._end)),
        }
        return (self._used > self._size or None), headers


class _Silent:
    """A limit that refuses without a word about itself."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit

    def admit(self, method: str, path: str, now: float) -> tuple[object, dict[str, str]]:
        return self._limit.admit(method, path, now)[0], {}


class _Dated:
    """A server whose clock is ahead of ours, and says so."""

    def __init__(self, limit: RateLimit, ahead: float) -> None:
        self._limit, self._ahead = limit, ahead

    def admit(self, method: str, path: str, now: float) -> tuple[object, dict[str, str]]:
        from email.utils import formatdate

        refusal, headers = self._limit.admit(method, path, now + self._ahead)
        return refusal, {**headers, "date": formatdate(now + self._ahead, usegmt=True)}

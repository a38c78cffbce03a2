"""Runs members side by side: those of one tenant take turns, one that fails harms no other, a wave waits for the one before."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from tokenvault.errors import Diagnostic, TokenVaultError, place_of
from tokenvault.fleet.model import Member, Outcome, Result

T = TypeVar("T")
Work = Callable[[Member], Awaitable[Result]]
PARALLEL = 100


class Watcher(Protocol):
    """Who shows how far the members are."""

    def step(self, member: Member, text: str) -> None:
        """The member does this now."""

    def ended(self, result: Result) -> None:
        """The member is through."""


class Interrupted(Exception):
    """The user stopped, and nothing of this was sent yet that would have to end first."""


class Runner:
    """Runs work on members. `stop` ends it: what only reads at once, what writes after the writes under way."""

    def __init__(self, watcher: Watcher, stop: asyncio.Event, parallel: int = PARALLEL) -> None:
        self.stop, self._watcher = stop, watcher
        self._room = asyncio.Semaphore(parallel)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def all(self, members: Iterable[Member], work: Work, *, watched: bool = True) -> list[Result]:
        """What came of each, in their order; with `watched`, the watcher hears of each that is through."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(member, work, watched)) for member in members]
        return [task.result() for task in tasks]

    async def waves(
        self, members: Sequence[Member], work: Work, broken: Callable[[Sequence[Result]], Awaitable[list[Result]]]
    ) -> list[Result]:
        """The same by waves. `broken` answers what is wrong after a wave that succeeded; then the next does not begin.

        What failed in a wave stops those after it, and so does a member that is broken.
        """
        found: dict[str, Result] = {}
        numbers = sorted({member.wave for member in members})
        for number in numbers:
            now = [member for member in members if member.wave == number]
            done = await self.all(now, work)
            found |= {result.member.name: result for result in done}
            if number == numbers[-1] or self.stop.is_set():
                continue
            wrong = [result for result in done if result.failed]
            if not wrong:
                wrong = await broken(done)
                found |= {result.member.name: result for result in wrong}
            if wrong:
                later = [member for member in members if member.wave > number]
                found |= {member.name: self._skipped(member, _stopped(number, wrong)) for member in later}
                break
        return [found[member.name] for member in members]

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work answers; `Interrupted` as soon as the user stops."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Interrupted
        finally:
            for one in (task, stopped):
                one.cancel()
            await asyncio.gather(task, stopped, return_exceptions=True)

    def step(self, member: Member, text: str) -> None:
        """Tells what a member does now."""
        self._watcher.step(member, text)

    async def _one(self, member: Member, work: Work, watched: bool) -> Result:
        async with self._turns[member.lane], self._room:
            if self.stop.is_set():
                return self._skipped(member, INTERRUPTED)
            start = time.monotonic()
            result = replace(await _contained(member, work), seconds=round(time.monotonic() - start, 3))
        if watched:
            self._watcher.ended(result)
        return result

    def _skipped(self, member: Member, cause: Diagnostic) -> Result:
        result = Result(member=member, outcome=Outcome.SKIPPED, problems=(cause,))
        self._watcher.ended(result)
        return result


async def _contained(member: Member, work: Work) -> Result:
    """What came of it, be it an error: that of one member is nobody else's."""
    try:
        return await work(member)
    except TokenVaultError as error:
        return Result(member=member, outcome=Outcome.FAILED, problems=error.diagnostics)
    except Interrupted:
        return Result(member=member, outcome=Outcome.SKIPPED, problems=(INTERRUPTED,))
    except Exception as error:
        return Result(member=member, outcome=Outcome.FAILED, problems=(_bug(error),))


INTERRUPTED = Diagnostic(
    code="fleet-interrupted", summary="Interrupted before anything was changed", hint="`--failed` takes it up again."
)


def _bug(error: Exception) -> Diagnostic:
    return Diagnostic(
        code="internal",
        summary=f"tokenvault failed unexpectedly ({place_of(error)})",
        hint="This is a bug: please report it. The other tenants were carried on with; `--failed` takes this one up again.",
    )


def _stopped(wave: int, wrong: Sequence[Result]) -> Diagnostic:
    names = ", ".join(result.member.name for result in wrong[:5])
    more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return Diagnostic(
        code="fleet-wave",
        summary=f"Wave {wave} did not succeed: {names}{more}",
        hint="Mend that, then run again with `--failed`; or with `--keep-going` to go on all the same.",
    )


def by_name(results: Iterable[Result]) -> Mapping[str, Result]:
    """The results by the names of their members."""
    return {result.member.name: result for result in results}

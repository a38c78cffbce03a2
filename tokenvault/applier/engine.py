"""Walks a plan: every write as soon as what it needs is done, independent branches side by side, partial failure contained.

The work is a graph of steps. A change is one step. An application that is created is two: its create, and, once it is
certain that nobody else created it too (`conflicts.py`), whatever had to wait for objects that waited for it; so is one
whose keys change where there is no room for the new ones beside the old.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from tokenvault.applier.conflicts import (
    NOTHING,
    Precheck,
    explained_error,
    half_done,
    incomplete,
    unconfirmed,
    unexpected,
    withdraw_duplicates,
)
from tokenvault.applier.events import Ended, Event, Outcome, Reached, Stage, Started, Verified
from tokenvault.applier.verify import verify
from tokenvault.applier.writer import Writer
from tokenvault.errors import Diagnostic, RefusedError, TokenVaultError, place_of
from tokenvault.model.desired import refs
from tokenvault.model.marks import parse_mark
from tokenvault.plan.diff import Canonicalizer
from tokenvault.plan.model import Action, Change, Plan
from tokenvault.tenant.client import Tenant
from tokenvault.tenant.pacing import CONCURRENT

ENSURE_UNIQUE = "(ensure unique)"
VERIFY = "(verify)"


async def apply_plan(
    plan: Plan,
    tenant: Tenant,
    *,
    stop: asyncio.Event | None = None,
    prechecked: Precheck = NOTHING,
    fresh: bool = False,
) -> AsyncGenerator[Event, None]:
    """Carries out exactly the plan, yielding events; `Verified` is the last one, when anything was done.

    When `stop` is set, what was sent ends, what waits its turn is not sent, and nothing is read back. What Auth0
    refuses is in the events, not raised.
    `prechecked` is what came into being since the plan was made, for a plan that waited; one that did not is `fresh`.
    """
    run = _Run(plan, tenant, stop or asyncio.Event(), prechecked, fresh)
    main = asyncio.create_task(run.all())
    try:
        while (event := await run.queue.get()) is not None:
            yield event
        await main
    finally:
        run.cancel()
        main.cancel()
        await asyncio.gather(main, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Step:
    """One piece of work, the steps it comes after, and the addresses without which it makes no sense.

    One that does not write anything new is done even when the user stops: it only ends what was begun.
    """

    name: str
    after: frozenset[str]
    needs: tuple[str, ...]
    work: Callable[[], Awaitable[None]]
    writes: bool = True


@dataclass(slots=True)
class _Run:
    plan: Plan
    tenant: Tenant
    stop: asyncio.Event
    prechecked: Precheck
    fresh: bool
    queue: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    ended: dict[str, Ended] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    unsent: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENT))
    changes: dict[str, Change] = field(init=False)
    compare: Canonicalizer = field(init=False)
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        self.changes = {change.address: change for change in self.plan.changes}
        self.compare = Canonicalizer(self.plan.salt)
        self.writer = Writer(
            self.tenant, self.compare, self.prechecked.there, fresh=self.fresh, watch=self._sent_or_refused
        )

    async def all(self) -> None:
        """Every step, then the reading back."""
        halting = asyncio.create_task(self._halt_when_stopped())
        try:
            for address, cause in self.prechecked.refused.items():
                self._end(address, Outcome.FAILED, cause)
            for step in self._steps():
                self.tasks[step.name] = asyncio.create_task(self._take(step))
            await asyncio.gather(*self.tasks.values())
            if not self.stop.is_set():
                await self._unless_stopped(VERIFY, self._verify())
        finally:
            halting.cancel()
            await self.queue.put(None)

    async def _halt_when_stopped(self) -> None:
        """When the user stops, cancels the steps whose write was not sent."""
        await self.stop.wait()
        for task in self.unsent.values():
            task.cancel()

    def cancel(self) -> None:
        """Cancels the steps that are running."""
        self.unsent.clear()
        for task in self.tasks.values():
            task.cancel()

    def _steps(self) -> list[_Step]:
        creates = {change.address for change in self.plan.changes if _creates_application(change)}
        # what is being confirmed cannot wait for the confirmation, nor can what it needs
        early = self._needed_by(creates)
        steps = [step for change in self.plan.changes for step in self._steps_of(change, creates, early)]
        if creates:
            steps.append(_Step(ENSURE_UNIQUE, frozenset(creates), (), self._ensure_unique, writes=False))
        return _that_end(steps)

    def _needed_by(self, addresses: set[str]) -> set[str]:
        """These changes, and all that they wait for."""
        found, left = set[str](), [*addresses]
        while left:
            if (address := left.pop()) not in found and address in self.changes:
                found.add(address)
                left.extend(self.changes[address].requires)
        return found

    def _steps_of(self, change: Change, creates: set[str], early: set[str]) -> Iterator[_Step]:
        after = _ready(change.requires, set() if change.address in early else creates)
        yield _Step(change.address, after, change.requires, lambda: self._write(change))
        if change.address in creates or change.deferred:
            needs = self._needs_of_deferred(change)
            after = _ready((change.address, *needs), creates)
            name = f"{change.address} (finish)"
            yield _Step(name, after, needs, lambda: self._finish(change), writes=bool(change.deferred))

    def _needs_of_deferred(self, change: Change) -> tuple[str, ...]:
        """What a second write comes after: what it refers to and, of an object that exists, whatever waited for the first."""
        found = {ref.address for ref in refs(dict(change.deferred))} - {change.address}
        waiting = [c.address for c in self.plan.changes if change.address in c.requires]
        return tuple(found.union(waiting if change.action is Action.UPDATE else ()))

    async def _take(self, step: _Step) -> None:
        """Waits until the steps before are done and a slot is free: few changes at a time, each ended soon."""
        if step.after:
            await asyncio.wait([self.tasks[name] for name in step.after])
        async with self.room:
            await self._do(step)

    async def _do(self, step: _Step) -> None:
        """Does the step unless something it needs failed or the user stopped."""
        address = step.name.removesuffix(" (finish)")
        if address in self.ended:
            return
        blocker = next((need for need in step.needs if self._failed(need)), "")
        stopped = self.stop.is_set() and step.writes
        if stopped:
            self._end_stopped(address)
        elif blocker and address in self.writer.ids:
            self._end(address, Outcome.INCOMPLETE, incomplete(self._change(address), f"it needs {blocker}"))
        elif blocker:
            self._end(address, Outcome.SKIPPED, _skipped(address, blocker))
        else:
            await self._guarded(address, step)

    async def _guarded(self, address: str, step: _Step) -> None:
        """Whatever goes wrong in one step is that step's failure, and no other's. One that was not sent can be stopped."""
        try:
            if not step.writes:
                await step.work()
            elif not await self._unless_stopped(address, step.work()):
                self._end_stopped(address)
        except TokenVaultError as error:
            self._fail(address, explained_error(self._change(address), error))
        except Exception as error:
            self._fail(address, unexpected(address, error))

    async def _unless_stopped(self, name: str, work: Awaitable[None]) -> bool:
        """Whether the work came to its end: it is cancelled when the user stops while it is among the `unsent`."""
        task = asyncio.current_task()
        assert task is not None
        self.unsent[name] = task
        try:
            await work
        except asyncio.CancelledError:
            if name not in self.unsent:
                raise
            task.uncancel()
            return False
        finally:
            self.unsent.pop(name, None)
        return True

    def _sent_or_refused(self, change: Change, sent: bool) -> None:
        """Follows a write on its way: once it is sent, it is no longer stopped, unless the rate limit refused it."""
        address, task = change.address, asyncio.current_task()
        if sent:
            self.unsent.pop(address, None)
            self.started[address] = time.monotonic()
        elif task:
            self.unsent[address] = task
            if self.stop.is_set():
                task.cancel()
        self._reach(change, Stage.SENT if sent else Stage.WAITING)

    def _reach(self, change: Change, stage: Stage) -> None:
        self.queue.put_nowait(Reached(address=change.address, action=change.action, stage=stage))

    def _end_stopped(self, address: str) -> None:
        """Ends the step that the user stopped before it wrote anything."""
        if address in self.writer.ids:
            self._end(address, Outcome.INCOMPLETE, incomplete(self._change(address), "the run was stopped"))
        else:
            self._end(address, Outcome.NOT_ATTEMPTED)

    def _fail(self, address: str, cause: Diagnostic) -> None:
        """Ends the step that failed: what the step before it wrote stays written."""
        if address in self.writer.ids:
            self._end(address, Outcome.INCOMPLETE, half_done(self._change(address), cause))
        else:
            self._end(address, Outcome.FAILED, cause)

    def _failed(self, address: str) -> bool:
        ended = self.ended.get(address)
        return ended is not None and ended.outcome is not Outcome.DONE

    async def _write(self, change: Change) -> None:
        self.started[change.address] = time.monotonic()
        await self.queue.put(Started(address=change.address, action=change.action, id=change.id))
        ids = self.writer.ids
        match change.action:
            case Action.CREATE:
                ids[change.address], self.notes[change.address] = await self.writer.create(change)
            case Action.UPDATE:
                ids[change.address], self.notes[change.address] = await self.writer.update(change)
            case Action.DELETE:
                ids[change.address], self.notes[change.address] = await self.writer.delete(change)
        self.took[change.address] = time.monotonic() - self.started[change.address]
        if change.deferred:
            self._reach(change, Stage.WAITING)
        elif _creates_application(change):
            self._reach(change, Stage.WRITTEN)
        else:
            self._end(change.address, Outcome.DONE)

    async def _finish(self, change: Change) -> None:
        if change.deferred:
            await self.writer.finish(change)
        self._end(change.address, Outcome.DONE)

    async def _ensure_unique(self) -> None:
        marks = {}
        for change in self.plan.changes:
            mark = parse_mark(change.patch.get("client_metadata.tokenvault"))
            if _creates_application(change) and change.address in self.writer.ids and mark:
                marks[mark.owner] = change.address
        try:
            lost = await withdraw_duplicates(self.tenant, self.writer, marks) if marks else {}
        except TokenVaultError as error:
            self._unconfirmed(marks.values(), error.diagnostics[0].summary)
        except Exception as error:
            self._unconfirmed(marks.values(), f"Unexpected: {place_of(error)}")
        else:
            for address, cause in lost.items():
                self._end(address, Outcome.FAILED, cause)

    def _unconfirmed(self, addresses: Iterable[str], cause: str) -> None:
        for address in addresses:
            self._end(address, Outcome.INCOMPLETE, unconfirmed(address, cause))

    def _change(self, address: str) -> Change:
        return self.changes[address]

    def _end(self, address: str, outcome: Outcome, diagnostic: Diagnostic | None = None) -> None:
        change = self._change(address)
        seconds = time.monotonic() - self.started[address] if address in self.started else 0.0
        if outcome is Outcome.DONE and not change.deferred:
            seconds = self.took[address]
        self.ended[address] = Ended(
            address=address,
            action=change.action,
            outcome=outcome,
            id=self.writer.ids.get(address),
            seconds=seconds,
            diagnostic=diagnostic,
            note="; ".join(filter(None, (self.notes.get(address, ""), *self.writer.remarks.get(address, ())))),
        )
        self.queue.put_nowait(self.ended[address])

    async def _verify(self) -> None:
        done = [change for change in self.plan.changes if self.ended[change.address].outcome is Outcome.DONE]
        if not done:
            return
        try:
            not_kept = await verify(self.tenant, self.writer, done, self.compare)
        except TokenVaultError as error:
            not_kept = (_unverified(error.diagnostics[0].summary),)
        except Exception as error:
            not_kept = (_unverified(f"Unexpected: {place_of(error)}. This is a bug: please report it."),)
        await self.queue.put(Verified(checked=len(done), not_kept=not_kept))


def _that_end(steps: list[_Step]) -> list[_Step]:
    """The steps, or `RefusedError` where they wait for each other or for nothing, as in a plan file that was forged."""
    names = {step.name for step in steps}
    try:
        TopologicalSorter({step.name: step.after for step in steps}).prepare()
        missing = next((name for step in steps for name in step.after if name not in names), None)
        circle = missing and f"{missing}, which it does not hold"
    except CycleError as error:
        circle = f"each other: {', '.join(error.args[1])}"
    if circle:
        summary = f"Changes of the plan wait for {circle}"
        hint = "No plan is made so: the file was changed. Plan again (`tokenvault plan --out new.json`)."
        raise RefusedError(Diagnostic(code="plan-circle", summary=summary, hint=hint))
    return steps


def _creates_application(change: Change) -> bool:
    return change.kind == "application" and change.action is Action.CREATE


def _ready(addresses: tuple[str, ...], creates: set[str]) -> frozenset[str]:
    """The steps that come before these addresses can be used: their own, and the search for duplicates of what is created."""
    return frozenset(addresses) | ({ENSURE_UNIQUE} if creates.intersection(addresses) else frozenset())


def _skipped(address: str, blocker: str) -> Diagnostic:
    return Diagnostic(
        code="apply-skipped",
        summary=f"{address} needs {blocker}",
        hint=f"Mend what holds up {blocker}, and run `tokenvault apply` again: finished steps are not repeated.",
        context=address,
    )


def _unverified(cause: str) -> Diagnostic:
    return Diagnostic(
        code="apply-unverified",
        summary="What was written could not be read back",
        detail=cause,
        hint="Run `tokenvault plan` to see whether anything is missing.",
    )

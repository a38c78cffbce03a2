"""One run of a fleet's command: who, how shown, what is asked, what is kept, and the exit code."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tokenvault.cli import INTERRUPTED
from tokenvault.cli.console import Console
from tokenvault.cli.execution import interruptible
from tokenvault.cli.fleet_options import FleetOptions, variables
from tokenvault.cli.fleet_progress import progress_of
from tokenvault.cli.options import Format
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.fleet.document import Document, fleet_document, folded_problems
from tokenvault.fleet.environment import MemberEnvironments
from tokenvault.fleet.folder import SavedPlans, is_saved, read_plans, save_plans
from tokenvault.fleet.load import load_fleet
from tokenvault.fleet.model import Member, Outcome, Result
from tokenvault.fleet.runner import Runner, by_name
from tokenvault.fleet.select import remember
from tokenvault.fleet.work import Allowance, Job
from tokenvault.plan.planner import Options
from tokenvault.render.fleet import fleet_html, fleet_markdown, fleet_text, members
from tokenvault.tenant.client import Exchange
from tokenvault.tenant.connect import TenantPool
from tokenvault.text import json_page, safe

T = TypeVar("T")
Work = Callable[[Member], Awaitable[Result]]
FILES = 8192
"""A hundred tenants have more connections than the 1,024 files that a shell lets a program open."""


class FleetRun:
    """A command about a fleet. `saved` is set when it was given a folder of plans."""

    def __init__(self, command: str, given: Path, options: FleetOptions, form: Format, *, full: bool) -> None:
        self.console = Console()
        self.saved: SavedPlans | None = read_plans(given) if is_saved(given) else None
        self.fleet = load_fleet(_fleet_file(self.saved) if self.saved else given)
        self.members = options.members(self.fleet, command)
        self.settled, self.keep_going, self.asks_doctor = True, False, True
        self._command, self._given, self._options, self._form = command, given, options, form
        self._full = full
        self._stop = asyncio.Event()
        self._progress = progress_of(self.console, self.members, lines=options.debug)
        self.job = Job(
            runner=Runner(self._progress, self._stop, options.parallel),
            pool=TenantPool(),
            environments=MemberEnvironments(variables(options.env_file)),
        )
        self.job.max_rps, self.job.max_wait = options.max_rps, options.max_wait
        if options.debug:
            self.job.observe = self._observed

    def configure(
        self,
        *,
        adopt: bool = False,
        prune: bool = False,
        max_destroy: int | None = None,
        destroys: bool = False,
    ) -> None:
        """Takes in how the work is to be done."""
        self.job.options = Options(adopt=adopt, prune=prune)
        self.job.allowance = Allowance(max_destroy)
        self.job.destroys = destroys

    # ---- what commands do; each answers what runs it and gives the exit code

    def each(self, work: Work) -> Callable[[], int]:
        """The work on every member, whatever its wave."""
        return lambda: self._finish(self._run(lambda: self._watched(self.job.runner.all(self.members, work))))

    def planned(self, out: Path | None) -> Callable[[], int]:
        """Plans of all; saved when a folder is named."""

        def finish() -> int:
            results = self._run(lambda: self._watched(self.job.runner.all(self.members, self.job.plan)))
            saved = save_plans(out, self.fleet, results) if out and not self._stop.is_set() else None
            code = self._finish(results, saved)
            if saved:
                apply = safe(self._words("apply", str(saved.folder)))
                self.console.err(f"\nSaved the plans to {safe(saved.folder)}. Apply exactly these with: {apply}\n")
            return code

        return finish

    def applied(self, *, auto_approve: bool) -> Callable[[], int]:
        """Plans and applies, each at once; or, where somebody is asked, all plans first."""

        def finish() -> int:
            if auto_approve:
                return self._finish(self._run(lambda: self._watched(self._in_waves(self.job.apply))))
            if not self.console.is_interactive or self._form != "text":
                raise RefusedError(_no_approval())
            results = self._run(self._asked)
            return 1 if results is None else self._finish(results)

        return finish

    def saved_applied(self) -> Callable[[], int]:
        """Applies saved plans."""
        saved, options = self.saved, self.job.options
        assert saved
        if options.adopt or options.prune:
            summary = f"{saved.folder} says what will be done: no option can change that"
            hint = "Plan again with the options, and --out."
            raise RefusedError(Diagnostic(code="plan-file-decided", summary=summary, hint=hint))

        async def work(member: Member) -> Result:
            if member.name not in saved.members:
                summary = f"No plan was saved for {member.name}"
                hint = "Plan again, with --out, when the cause is mended; or leave it out with --exclude."
                raise RefusedError(Diagnostic(code="fleet-not-planned", summary=summary, hint=hint))
            return await self.job.apply_saved(member, saved)

        known = {*saved.members, *saved.unplanned}
        self.members = tuple(member for member in self.members if member.name in known)
        return lambda: self._finish(self._run(lambda: self._watched(self._in_waves(work))))

    # ---- within

    def _observed(self, member: Member, exchange: Exchange) -> None:
        status = exchange.status or "no answer"
        request = f"{exchange.method} /api/v2/{safe(exchange.path)} {status} {exchange.milliseconds} ms"
        self.console.err(f"{safe(member.name)}: {request}\n")

    async def _asked(self) -> list[Result] | None:
        """Shows the plans of all, asks once, and carries them out; None when that is not wanted."""
        plans = await self._watched(self.job.runner.all(self.members, self.job.plan))
        if self._stop.is_set():
            return plans
        self._show(plans, "plan")
        changing = sum(bool(result.changes) and not result.failed for result in plans)
        if changing and not self._approved(changing):
            self.console.err(f"\n{self._command.title()} cancelled. Nothing was changed.\n")
            return None
        known = by_name(plans)

        async def work(member: Member) -> Result:
            result = known[member.name]
            return result if result.failed else await self.job.apply_planned(result)

        return await self._watched(self._in_waves(work))

    async def _watched(self, work: Awaitable[list[Result]]) -> list[Result]:
        with self._progress:
            return await work

    def _approved(self, number: int) -> bool:
        tenants = f"{number} tenant{'s' * (number != 1)}"
        if self.job.destroys:
            question = (
                f"\nThis cannot be undone, in {tenants}. Type the fleet's name, {safe(self.fleet.name)}, to go on: "
            )
            return self.console.ask(question) == self.fleet.name
        return self.console.ask(f"\nChange {tenants} as shown above? Only `yes` will be accepted: ") == "yes"

    async def _in_waves(self, work: Work) -> list[Result]:
        if self.keep_going:
            numbers = sorted({member.wave for member in self.members})
            done = [
                result
                for number in numbers
                for result in await self.job.runner.all([m for m in self.members if m.wave == number], work)
            ]
            return [by_name(done)[member.name] for member in self.members]
        return await self.job.runner.waves(self.members, work, self._broken)

    async def _broken(self, done: Sequence[Result]) -> list[Result]:
        """The members of a wave of which the doctor says that they cannot exchange tokens."""
        if not self.asks_doctor:
            return []
        known = by_name(done)
        found = await self.job.runner.all([result.member for result in done], self.job.doctor, watched=False)
        wrong = [result for result in found if result.failed or result.summary.get("not_ready")]
        doctor = self._words("doctor", str(self.fleet.file))
        return [replace(known[r.member.name], outcome=Outcome.FAILED, problems=_why_broken(r, doctor)) for r in wrong]

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        _allow_files()

        async def within() -> T:
            with interruptible(self._stop, self._progress.interrupted):
                async with self.job.pool:
                    return await work()

        return asyncio.run(within())

    def _finish(self, results: list[Result], saved: SavedPlans | None = None) -> int:
        self._show(results, self._command, saved)
        self.settled = all(result.settled for result in results)
        if self._command != "validate":
            self._keep(results)
        if self._stop.is_set():
            return INTERRUPTED
        ready = self._command != "doctor" or self.settled
        return 0 if ready and not any(result.failed for result in results) else 1

    def _show(self, results: list[Result], command: str, saved: SavedPlans | None = None) -> None:
        failed = any(result.failed for result in results) and command == self._command != "validate"
        again = f"{self._words(self._command, str(self._given))} --failed" if failed else ""
        for problem, names in folded_problems(results):
            self.console.problem(problem)
            self.console.err(f"  in {members(names)}\n\n")
        self.console.out(self._drawn(fleet_document(self.fleet, command, results, saved=saved, again=again)))

    def _drawn(self, document: Document) -> str:
        match self._form:
            case "json":
                return json_page(document)
            case "markdown":
                return fleet_markdown(document)
            case "html":
                return fleet_html(document)
            case "text":
                return fleet_text(document, self.console.paint, width=self.console.width, full=self._full)

    def _keep(self, results: list[Result]) -> None:
        """Notes who failed. That it cannot is no reason for the command to fail: it is said."""
        file = self._options.kept_in(self.fleet)
        try:
            remember(file, self._command, results)
        except OSError as error:
            if any(result.failed for result in results):
                self.console.err(f"What failed could not be kept in {safe(file)}: {safe(error.strerror)}\n")

    def _words(self, command: str, given: str) -> str:
        return shlex.join(["tokenvault", "fleet", command, given, *self._options.words()])


def _fleet_file(saved: SavedPlans) -> Path:
    """The fleet file that the plans are of, as it was named; counted from here, or from beside the folder."""
    given = Path(saved.fleet_file)
    return given if given.exists() else saved.folder.parent / given.name


def _why_broken(found: Result, doctor: str) -> tuple[Diagnostic, ...]:
    if found.failed:
        return found.problems
    summary = f"Applied, and {found.summary['not_ready']} of its flavors cannot exchange tokens"
    hint = f"`{doctor}` says what is missing. `--no-doctor` goes on without asking."
    detail = "\n".join(
        f"{change['address']}: {change['says']}" for change in found.changes if change["state"] == "not ready"
    )
    return (Diagnostic(code="fleet-broken", summary=summary, detail=detail, hint=hint),)


def _no_approval() -> Diagnostic:
    hint = "Pass --auto-approve (-y), or review saved plans (`fleet plan --out plans`) and `fleet apply plans`."
    summary = "There is no terminal to ask for approval in"
    return Diagnostic(code="apply-no-approval", summary=summary, hint=f"{hint} Nothing was sent.")


def _allow_files() -> None:
    """Lets this process open as many files as the system allows it, within reason."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

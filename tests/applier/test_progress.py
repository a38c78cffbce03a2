"""What people see while an apply runs: in a terminal, in a log, when it takes long."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pexpect
import pytest

from tests.plan.gallery import CASES
from tests.plan.tenants import SECRETS
from tests.support import served
from tokenvault.applier.events import Ended, Event, Outcome, Reached, Stage, Started, Tally, Working
from tokenvault.cli.progress import Counter, tally_parts, with_elapsed
from tokenvault.plan.model import Action, Change, Plan
from tokenvault.sandbox import TOKEN

CASE = "create-everything"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_a_write_that_takes_long_is_told_again_and_again() -> None:
    async def slow() -> AsyncIterator[Event]:
        for address in ("api.a", "api.b", "api.c"):
            yield Started(address=address, action=Action.CREATE)
        for address in ("api.a", "api.b"):
            yield Reached(address=address, action=Action.CREATE, stage=Stage.SENT)
        await asyncio.sleep(0.05)
        yield Ended(address="api.a", action=Action.CREATE, outcome=Outcome.DONE)
        await asyncio.sleep(0.4)
        yield Ended(address="api.b", action=Action.CREATE, outcome=Outcome.DONE)

    async def collected() -> list[Event]:
        return [event async for event in with_elapsed(slow(), counter_of(4), every=0.1)]

    events = asyncio.run(collected())
    working = [event for event in events if isinstance(event, Working)]
    assert {event.address for event in working} == {"api.b"}
    assert 3 <= len(working) <= 4
    assert all(earlier.seconds < later.seconds for earlier, later in pairwise(working))
    assert isinstance(events[-1], Ended)
    tallies = [event for event in events if isinstance(event, Tally)]
    assert len(tallies) >= 3
    assert [(t.total, t.over, t.under_way, t.waiting, t.to_come) for t in tallies[1:]] == [(4, 1, 1, 1, 1)] * len(
        tallies[1:]
    )


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "[0/3] 0 done, 3 to come, about 5 s left"),
        (["started a", "sent a", "started b"], "[0/3] 0 done, 1 under way, 1 waiting their turn, 1 to come"),
        (["started a", "sent a", "waiting a"], "[0/3] 0 done, 1 waiting their turn, 2 to come"),
        (["started a", "sent a", "written a"], "[1/3] 1 done, 2 to come"),
        (["started a", "sent a", "written a", "done a"], "[1/3] 1 done, 2 to come"),
        (["started a", "failed a", "skipped b", "not_attempted c"], "[3/3] 0 done, 1 failed, 2 not tried"),
    ],
)
def test_what_is_done_under_way_waiting_and_to_come_is_told_apart(events: list[str], expected: str) -> None:
    counter = counter_of(3)
    for event in events:
        what, address = event.split()
        if what == "started":
            counter.note(Started(address=address, action=Action.CREATE))
        elif what in {stage.value for stage in Stage}:
            counter.note(Reached(address=address, action=Action.CREATE, stage=Stage(what)))
        else:
            counter.note(Ended(address=address, action=Action.CREATE, outcome=Outcome(what)))
    assert ", ".join(tally_parts(counter.tally())).startswith(expected)


def counter_of(changes: int) -> Counter:
    """A counter for a plan of so many creations."""
    made = [
        Change(address=f"api.{n}", kind="api", action=Action.CREATE, name=str(n), identity={}) for n in range(changes)
    ]
    return Counter(Plan(spec_name="s", tenant="t", files=(), salt="", changes=tuple(made)), lambda: False)


def test_an_error_among_the_events_comes_through() -> None:
    async def failing() -> AsyncIterator[Event]:
        yield Started(address="api.a", action=Action.CREATE)
        raise LookupError

    async def consume() -> None:
        async for _ in with_elapsed(failing(), counter_of(1), every=0.01):
            pass

    with pytest.raises(LookupError):
        asyncio.run(consume())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    CASES[CASE].prepare(CASE, tmp_path)
    return tmp_path


def in_a_terminal(folder: Path, tenant: str, *options: str, **environment: str) -> pexpect.spawn[str]:
    """`apply` as somebody at a terminal of 80 columns runs it."""
    login = {"AUTH0_DOMAIN": tenant, "AUTH0_API_TOKEN": TOKEN, "TERM": "xterm-256color", "HOME": str(folder)}
    return pexpect.spawn(
        sys.executable,
        ["-m", "tokenvault", "apply", "spec.yaml", *options],
        cwd=str(folder),
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2]), **SECRETS, **login, **environment},
        encoding="utf-8",
        dimensions=(40, 80),
        timeout=30,
    )


def test_in_a_terminal_what_is_under_way_is_redrawn_and_what_is_over_stays(folder: Path) -> None:
    with served(folder / "tenant.db", "--latency-ms", "200") as tenant:
        shell = in_a_terminal(folder, tenant)
        shell.expect("Before you approve:")
        shell.expect("Only `yes` will be accepted: ")
        shell.sendline("yes")
        shell.expect(r"Creating\.\.\. 0s")
        shell.expect(r"\[\d+/\d+\] \d+ done")
        shell.expect("Apply complete!")
        shell.expect(pexpect.EOF)
    rest = ESCAPE.sub("", shell.before or "")
    assert shell.wait() == 0
    assert "Next:" in rest


@pytest.mark.parametrize("quiet", [{"CI": "true"}, {"TERM": "dumb"}])
def test_where_nothing_can_be_redrawn_lines_are_written(folder: Path, quiet: dict[str, str]) -> None:
    with served(folder / "tenant.db") as tenant:
        shell = in_a_terminal(folder, tenant, "-y", **quiet)
        shell.expect("Apply complete!")
        said = shell.before or ""
        shell.expect(pexpect.EOF)
    assert "\x1b[" not in said
    assert "my_account_api: Creating..." in said


def test_anything_but_yes_changes_nothing(folder: Path) -> None:
    before = (folder / "tenant.db").read_bytes()
    with served(folder / "tenant.db") as tenant:
        shell = in_a_terminal(folder, tenant)
        shell.expect("Only `yes` will be accepted: ")
        shell.sendline("y")
        shell.expect("Apply cancelled. Nothing was changed.")
        shell.expect(pexpect.EOF)
        assert shell.wait() == 1
    assert (folder / "tenant.db").read_bytes() == before


INTERRUPTED_WHILE_DRAWING = """
import asyncio, os, signal
from tokenvault.cli.console import Console

async def command():
    os.kill(os.getpid(), signal.SIGINT)
    Console().ask("Really? ")

asyncio.run(command())
"""


def test_ctrl_c_while_a_plan_is_drawn_asks_nothing_any_more() -> None:
    """The event loop takes an interrupt for later; the question would wait for an answer meanwhile."""
    command = [sys.executable, "-c", INTERRUPTED_WHILE_DRAWING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asked:
        code, said = asked.wait(30), asked.stderr.read() if asked.stderr else ""
    assert code != 0 and "KeyboardInterrupt" in said and "Really?" not in said


def test_in_a_terminal_reading_is_counted_and_the_line_goes_away(folder: Path) -> None:
    with served(folder / "tenant.db", "--latency-ms", "600") as tenant:
        shell = in_a_terminal(folder, tenant)
        shell.expect(r"Reading 127\.0\.0\.1:\d+: \[\d+/\d+\]")
        shell.expect(r"\r\x1b\[2K(?!Reading)")
        shell.expect("Before you approve:")
        shell.sendintr()
        shell.expect(pexpect.EOF)

"""What people see while an apply runs: in a terminal, in a log, when it takes long."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pexpect
import pytest

from tests.plan.gallery import CASES
from tests.plan.tenants import SECRETS
from tests.support import served
from tokenvault.applier.events import Ended, Event, Outcome, Started, Working
from tokenvault.cli.progress import with_elapsed
from tokenvault.plan.model import Action
from tokenvault.sandbox import TOKEN

CASE = "create-everything"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_a_write_that_takes_long_is_told_again_and_again() -> None:
    async def slow() -> AsyncIterator[Event]:
        yield Started(address="api.a", action=Action.CREATE)
        yield Started(address="api.b", action=Action.CREATE)
        await asyncio.sleep(0.05)
        yield Ended(address="api.a", action=Action.CREATE, outcome=Outcome.DONE)
        await asyncio.sleep(0.4)
        yield Ended(address="api.b", action=Action.CREATE, outcome=Outcome.DONE)

    async def collected() -> list[Event]:
        return [event async for event in with_elapsed(slow(), every=0.1)]

    events = asyncio.run(collected())
    working = [event for event in events if isinstance(event, Working)]
    assert {event.address for event in working} == {"api.b"}
    assert 3 <= len(working) <= 4
    assert all(earlier.seconds < later.seconds for earlier, later in pairwise(working))
    assert isinstance(events[-1], Ended)


def test_an_error_among_the_events_comes_through() -> None:
    async def failing() -> AsyncIterator[Event]:
        yield Started(address="api.a", action=Action.CREATE)
        raise LookupError

    async def consume() -> None:
        async for _ in with_elapsed(failing(), every=0.01):
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
    with served(folder / "tenant.db", "--latency-ms", "60") as tenant:
        shell = in_a_terminal(folder, tenant)
        shell.expect("Before you approve:")
        shell.expect("Only `yes` will be accepted: ")
        shell.sendline("yes")
        shell.expect(r"Creating\.\.\. 0s")
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

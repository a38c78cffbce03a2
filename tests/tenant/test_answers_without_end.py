"""Whatever a tenant answers, a command ends soon, in little memory, with a code that says what happened."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.support import ROOT, Result, cli, process, served
from tests.tenant import hostile as kinds
from tests.tenant.hostile import Asked, Behaviour, HostileTenant, Send, answer, hostile

QUICKSTART = ROOT / "examples" / "quickstart.yaml"
CURSORS = "connections"
OFFSETS = "clients"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileTenant]:
    folder = tmp_path_factory.mktemp("hostile")
    with served(folder / "t.db") as sandbox, hostile(sandbox) as there:
        applied = cli("apply", QUICKSTART, "-y", env=env(there, 10))  # of what does not exist, little is read
        assert applied.code == 0, applied.err
        yield there


def env(there: HostileTenant, timeout: float = 1.0) -> dict[str, str]:
    return {
        "AUTH0_DOMAIN": there.domain,
        "AUTH0_API_TOKEN": "sandbox",
        "TOKENVAULT_TIMEOUT": str(timeout),
        "NO_COLOR": "1",
    }


def plan(there: HostileTenant, path: str, behave: Behaviour, *options: str, timeout: float = 1.0) -> Result:
    there.misbehave(path, behave)
    try:
        return cli("plan", QUICKSTART, "--max-wait", "2", *options, env=env(there, timeout))
    finally:
        there.be_good()


def test_the_proxy_is_a_tenant_when_it_behaves(there: HostileTenant) -> None:
    result = cli("plan", QUICKSTART, env=env(there, 10))
    assert result.code == 0, result.err


@pytest.mark.parametrize(
    ("path", "behave", "code"),
    [
        (CURSORS, kinds.cyclic, "api-endless-list"),
        (CURSORS, kinds.cyclic_and_empty, "api-endless-list"),
        (CURSORS, kinds.new_cursors_empty_pages, "api-endless-list"),
        (CURSORS, kinds.new_cursors_same_items, "api-endless-list"),
        (CURSORS, kinds.long_cursors, "api-bad-answer"),
        ("client-grants", kinds.cyclic, "api-endless-list"),
        (OFFSETS, kinds.total_without_end, "api-endless-list"),
        (OFFSETS, kinds.total_null, "api-endless-list"),
        (OFFSETS, kinds.bare_list, "api-bad-answer"),
        (OFFSETS, kinds.endless_body, "api-too-large"),
        (OFFSETS, kinds.endless_chunks, "api-too-large"),
        (OFFSETS, kinds.gzip_bomb, "api-too-large"),
        (OFFSETS, kinds.many_small, "api-too-large"),
        (CURSORS, kinds.new_items_of_many_small, "api-too-large"),
        (OFFSETS, kinds.gzip_of_gzip, "api-bad-answer"),
        (OFFSETS, kinds.unknown_encoding, "api-bad-answer"),
        (OFFSETS, kinds.deep, "api-bad-answer"),
        (OFFSETS, kinds.huge_number, "api-bad-answer"),
    ],
)
def test_an_answer_without_end_is_refused(there: HostileTenant, path: str, behave: Behaviour, code: str) -> None:
    started = time.monotonic()
    result = plan(there, path, behave, timeout=10)
    assert result.code == 1 and f"[{code}]" in result.err, result.err
    assert time.monotonic() - started < 12


@pytest.mark.parametrize("behave", [kinds.drip, kinds.drip_of_headers, kinds.early_answers, kinds.silence])
def test_an_answer_that_does_not_come_to_its_end_counts_as_lost(there: HostileTenant, behave: Behaviour) -> None:
    started = time.monotonic()
    result = plan(there, OFFSETS, behave)
    assert result.code == 1 and "[api-timeout]" in result.err, result.err
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("behave", [kinds.new_cursors_new_items, kinds.new_items_of_small])
def test_a_list_of_new_items_ends_in_bounded_memory(there: HostileTenant, behave: Behaviour) -> None:
    there.misbehave(CURSORS, behave)
    try:
        result = process("plan", QUICKSTART, env=env(there, 10))
    finally:
        there.be_good()
    assert result.code == 1 and "[api-endless-list]" in result.err, result.err
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "linux" else 1 / 1024) < 1e6


def test_a_page_without_a_total_is_followed_by_the_next(there: HostileTenant) -> None:
    """`total` is optional in the API: without it, the list ends with the first page that is empty."""

    def untold(asked: Asked, send: Send) -> None:
        page = json.loads(asked.page)
        answer(send, {"clients": page["clients"], "start": page["start"], "limit": page["limit"]})

    result = plan(there, OFFSETS, untold, "--format", "json", timeout=10)
    assert result.code == 0, result.err
    assert result.json["changes"] == cli("plan", QUICKSTART, "--format", "json", env=env(there, 10)).json["changes"]


def test_pages_shorter_than_asked_for_are_all_read(there: HostileTenant) -> None:
    """A tenant may give fewer items a page than were asked for: it says how many."""
    every: list[object] = []

    def short(asked: Asked, send: Send) -> None:
        nonlocal every
        every = json.loads(asked.page)["clients"] or every
        page = int(asked.query["page"][0])
        answer(send, {"clients": every[page : page + 1], "start": page, "limit": 1, "total": len(every)})

    result = plan(there, OFFSETS, short, "--format", "json", timeout=10)
    assert result.code == 0, result.err
    assert there.seen["/api/v2/clients"] == len(every) > 2
    assert result.json["changes"] == cli("plan", QUICKSTART, "--format", "json", env=env(there, 10)).json["changes"]


@pytest.mark.parametrize("total", ["three", True, -1, 1.5, [3]])
def test_a_total_that_is_no_number_is_refused(there: HostileTenant, total: object) -> None:
    def odd(asked: Asked, send: Send) -> None:
        answer(send, {**json.loads(asked.page), "total": total})

    result = plan(there, OFFSETS, odd, timeout=10)
    assert result.code == 1 and "[api-bad-answer]" in result.err, result.err


@pytest.mark.parametrize(
    "path", ["clients", "connections", "resource-servers", "client-grants", "connections/*/clients"]
)
@pytest.mark.parametrize("cursor", [7, True, ["x"], {"from": "x"}])
def test_a_cursor_that_is_no_text_is_refused(there: HostileTenant, path: str, cursor: object) -> None:
    """Taken for the end of the list, it would hide what comes after it."""

    def odd(asked: Asked, send: Send) -> None:
        page = json.loads(asked.page)
        answer(send, {**page, "next": cursor} if isinstance(page, dict) else {"clients": page, "next": cursor})

    result = plan(there, path, odd, timeout=10)
    assert result.code == 1 and "[api-bad-answer]" in result.err, result.err


def _soon(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_kept_in_both_forms(there: HostileTenant, status: int, form: str) -> None:
    moments: list[float] = []

    def later(asked: Asked, send: Send) -> None:
        moments.append(time.monotonic())
        if asked.nth == 1:
            answer(send, {"message": "later"}, status, retry_after="2" if form == "seconds" else _soon(3))
        else:
            answer(send, asked.page)

    there.misbehave("guardian/policies", later)
    result = cli("plan", QUICKSTART, "--max-wait", "20", env=env(there, 10))
    there.be_good()
    assert result.code == 0, result.err
    assert 1.8 <= moments[1] - moments[0] < 6


@pytest.mark.parametrize("name", [name for name in kinds.UNBOUNDED if "retry_after" in name])
def test_absurd_waits_are_bounded(there: HostileTenant, name: str) -> None:
    started = time.monotonic()
    result = plan(there, "guardian/policies", kinds.UNBOUNDED[name], timeout=10)
    assert result.code == 1 and "[api-" in result.err, result.err
    assert "unexpectedly" not in result.err
    assert time.monotonic() - started < 12


@pytest.mark.parametrize("behave", [kinds.gzip_bomb, kinds.endless_body, kinds.drip, kinds.deep, kinds.cyclic])
def test_the_token_endpoint_has_the_same_bounds(there: HostileTenant, behave: Behaviour) -> None:
    from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET

    login = {"AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": CLIENT_SECRET, "AUTH0_API_TOKEN": ""}

    def once(asked: Asked, send: Send) -> None:
        behave(asked, send) if behave is not kinds.cyclic else answer(send, {"access_token": ["x"]})

    there.misbehave("oauth/token", once)
    started = time.monotonic()
    result = cli("plan", QUICKSTART, env={**env(there), **login})
    there.be_good()
    assert result.code == 1 and "[api-" in result.err, result.err
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("behave", [kinds.gzip_bomb, kinds.drip, kinds.endless_chunks])
def test_a_create_whose_answer_has_no_end_is_looked_up_and_not_repeated(tmp_path: Path, behave: Behaviour) -> None:
    with served(tmp_path / "t.db") as sandbox, hostile(sandbox) as there:
        there.misbehave("clients", behave, "POST")
        applied = cli("apply", QUICKSTART, "-y", env=env(there, 2))
        there.be_good()
        again = cli("plan", QUICKSTART, "--detailed-exitcode", env=env(there, 10))
    assert applied.code == 0, applied.err
    assert again.code == 0, again.out

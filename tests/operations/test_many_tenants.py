"""One event loop has many tenants: each is asked with its own token alone, and what they share is shared."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.fleet.lab import tenants
from tests.support import ROOT
from tokenvault import aio
from tokenvault.errors import RefusedError, SpecError
from tokenvault.sandbox import open_sandbox

QUICKSTART = ROOT / "examples" / "quickstart.yaml"
WORKER = """\
version: 1
name: texts
connections: {github: {}}
applications:
  worker:
    type: m2m
    flavors: [{privileged_worker: {public_keys: [{file: keys/worker.pub.pem}], ip_allowlist: [203.0.113.0/24],
                                   grants: {github: [repo]}}}]
"""


def test_no_tenant_is_asked_with_the_token_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH0_API_TOKEN", "ambient")
    monkeypatch.setenv("AUTH0_DOMAIN", "ambient.us.auth0.com")

    async def all_of_them(lots: list[aio.TenantArguments]) -> None:
        spec = await aio.load_spec(QUICKSTART)
        plans = await asyncio.gather(*(aio.make_plan(spec, **where) for where in lots))
        reports = await asyncio.gather(*(aio.apply(plan, **where) for plan, where in zip(plans, lots, strict=True)))
        assert all(report.succeeded for report in reports)
        drifts = await asyncio.gather(*(aio.find_drift(spec, **where) for where in lots))
        assert all(drift.is_empty for drift in drifts)

    async def pooled(lots: list[aio.TenantArguments]) -> None:
        async with aio.TenantPool() as pool:
            await all_of_them([{**where, "pool": pool} for where in lots])

    with tenants(tmp_path, 5) as made:
        asyncio.run(pooled([{"tenant": lot.host, "credentials": {"AUTH0_API_TOKEN": lot.token}} for lot in made]))
        assert all(lot.strangers == [] and lot.count() > 5 for lot in made)


def test_who_names_credentials_gets_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH0_API_TOKEN", "ambient")
    with tenants(tmp_path, 1) as (lot,):
        with pytest.raises(RefusedError, match="no credentials"):
            asyncio.run(_planned(lot.host, credentials={"AUTH0_CLIENT_ID": "half"}))
        assert lot.count() == 0 and lot.strangers == []


async def _planned(host: str, **where: object) -> None:
    await aio.make_plan(await aio.load_spec(QUICKSTART), tenant=host, **where)  # type: ignore[arg-type]


def test_members_of_one_domain_keep_to_one_limit(tmp_path: Path) -> None:
    async def both(host: str, tokens: list[str]) -> None:
        spec = await aio.load_spec(QUICKSTART)
        async with aio.TenantPool() as pool:
            members: list[aio.TenantArguments] = [
                {"tenant": host, "credentials": {"AUTH0_API_TOKEN": token}, "pool": pool} for token in tokens
            ]
            await asyncio.gather(*(aio.make_plan(spec, **where) for where in members))

    with tenants(tmp_path, 1) as (lot,):
        lot.limit("4")
        lot.tokens = ["one", "two"]
        asyncio.run(both(lot.host, ["one", "two"]))
        assert lot.count(status=429) == 0 and lot.count(status=200) == 10


def test_a_spec_may_be_a_text() -> None:
    base, overlay = QUICKSTART.read_text(), "overlay: true\napplications: {assistant: {name: Of the overlay}}\n"
    files = {"keys/nightly-sync.pub.pem": (ROOT / "examples/keys/nightly-sync.pub.pem").read_text()}
    spec = asyncio.run(aio.load_spec_text({"base.yaml": base, "over.yaml": overlay}, files=files))
    assert spec.applications["assistant"].name == "Of the overlay" and spec.files == ("base.yaml", "over.yaml")


def test_a_text_refers_to_no_file_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples")
    credentials = "{client_id: a, client_secret: '${file:quickstart.yaml}'}"
    secret = f"version: 1\nname: x\nconnections: {{crm: {{strategy: oauth2, credentials: {credentials}}}}}\n"
    for text in (WORKER, secret):
        with pytest.raises(SpecError) as raised:
            asyncio.run(aio.load_spec_text(text, name="configuration", files={"keys/other.pem": ""}))
        told = [d for d in raised.value.diagnostics if d.code == "spec-missing-file"]
        assert told and told[0].span and told[0].span.file == "configuration"
        assert "stands in no folder" in told[0].summary


def test_a_large_plan_lets_others_go_on(tmp_path: Path) -> None:
    names = "".join(
        f"  app-{n}: {{type: regular_web, flavors: [connected_accounts], callbacks: [https://a.example/{n}]}}\n"
        for n in range(400)
    )
    text = f"version: 1\nname: large\nconnections: {{github: {{}}}}\napplications:\n{names}"

    async def planned_meanwhile() -> tuple[int, int]:
        spec = await aio.load_spec_text(text)
        task, turns = asyncio.create_task(aio.make_plan(spec, sandbox=tmp_path / "t.db")), 0
        while not task.done():
            turns += _is_planning()
            await asyncio.sleep(0.001)
        return turns, len((await task).changes)

    turns, changes = asyncio.run(planned_meanwhile())
    assert changes > 800 and turns > 3


def _is_planning() -> bool:
    """Whether some other thread is within the planner."""
    frames = [frame for thread, frame in sys._current_frames().items() if thread != threading.get_ident()]
    return any(call.filename.endswith("planner.py") for frame in frames for call in traceback.extract_stack(frame))


def _opened(path: str) -> str:
    try:
        open_sandbox(path).close()
    except Exception as error:
        return repr(error)
    return ""


def test_a_new_sandbox_is_opened_by_many_at_once(tmp_path: Path) -> None:
    troubles: list[str] = []

    def open_when_all_are_ready(path: Path, all_ready: threading.Barrier) -> None:
        all_ready.wait()
        troubles.append(_opened(str(path)))

    for number in range(30):
        all_ready, path = threading.Barrier(4), tmp_path / f"{number}.db"
        threads = [threading.Thread(target=open_when_all_are_ready, args=(path, all_ready)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(troubles) == 120 and set(troubles) == {""}


def test_a_new_sandbox_is_opened_by_several_processes_at_once(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{number}.db") for number in range(10) for _ in range(3)]
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as processes:
        assert set(processes.map(_opened, paths)) == {""}

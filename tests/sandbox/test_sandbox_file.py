"""The file: private, atomic, shared, exported and loaded; and the tenant's name."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tokenvault.sandbox import open_sandbox
from tokenvault.sandbox.store import Store


def test_the_file_is_private_and_survives(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "sandbox.db"
    first = open_sandbox(path)
    state = first.export_state()
    first.close()
    assert path.stat().st_mode & 0o777 == 0o600
    second = open_sandbox(path, empty=True)  # an existing tenant is left as it is
    assert second.export_state() == state
    second.close()


def test_git_leaves_the_default_folder_alone(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=60)
    open_sandbox(tmp_path / ".tokenvault" / "deep" / "sandbox.db").close()
    told = subprocess.run(["git", "status", "--short"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert told.stdout == b""
    (tmp_path / ".tokenvault" / ".gitignore").unlink()  # whoever wants it in git has the last word
    open_sandbox(tmp_path / ".tokenvault" / "other.db").close()
    assert not (tmp_path / ".tokenvault" / ".gitignore").exists()


def test_state_goes_out_and_in(tmp_path: Path) -> None:
    source, target = open_sandbox(tmp_path / "a.db"), open_sandbox(tmp_path / "b.db", empty=True)
    state = json.loads(json.dumps(source.export_state()))
    target.load_state(state)
    assert target.export_state() == source.export_state()
    with pytest.raises(ValueError, match="not a sandbox state"):
        target.load_state({"version": 99})
    assert target.export_state() == source.export_state()
    for sandbox in (source, target):
        sandbox.close()


def test_reset_starts_over(tmp_path: Path) -> None:
    sandbox = open_sandbox(tmp_path / "a.db")
    sandbox.reset(empty=True)
    objects = sandbox.export_state()["objects"]
    assert len(objects["clients"]) == 1 and "connections" not in objects and len(objects["resource_servers"]) == 1
    sandbox.reset()
    assert len(sandbox.export_state()["objects"]["connections"]) == 4
    sandbox.close()


def test_a_failed_request_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db")
    with pytest.raises(RuntimeError), store.write() as tx:
        tx.put("clients", "a", {"name": "a"})
        raise RuntimeError
    with store.read() as tx:
        assert tx.find("clients") == []
    store.close()


def test_a_snapshot_stays_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db")
    before = store.snapshot()
    with store.write() as tx:
        tx.put("clients", "a", {"name": "a"})
    assert before.transaction.find("clients") == []
    before.close()
    store.close()


def _write_until_killed(path: str, ready: Any) -> None:
    store = Store(path)
    for number in range(1_000_000):
        with store.write() as tx:
            tx.put("pairs", f"{number}/a", {"n": number})
            tx.put("pairs", f"{number}/b", {"n": number})
        if number == 20:
            ready.set()


def test_kill_9_leaves_whole_requests(tmp_path: Path) -> None:
    path, context = str(tmp_path / "a.db"), multiprocessing.get_context("spawn")
    ready = context.Event()
    writer = context.Process(target=_write_until_killed, args=(path, ready))
    writer.start()
    assert ready.wait(30)
    assert writer.pid
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    store = Store(path)
    with store.write() as tx:
        numbers = [pair["n"] for pair in tx.find("pairs")]
    assert len(numbers) >= 42 and numbers == [n for n in range(len(numbers) // 2) for _ in "ab"]
    store.close()


def _count_up(path: str, times: int) -> None:
    sandbox = open_sandbox(path, empty=True)
    for _ in range(times):
        with sandbox.store.write() as tx:
            count = (tx.get("test", "counter") or {"n": 0})["n"]
            tx.put("test", "counter", {"n": count + 1})
    sandbox.close()


def test_processes_that_open_the_same_new_file_do_not_lose_each_others_writes(tmp_path: Path) -> None:
    path, context = str(tmp_path / "a.db"), multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count_up, args=(path, 100)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    sandbox = open_sandbox(path)
    objects = sandbox.export_state()["objects"]
    assert objects["test"]["counter"] == {"n": 300}
    assert len(objects["resource_servers"]) == 1  # seeded once
    sandbox.close()


def test_the_tenant_is_whatever_name_it_is_reached_by(api: Any, runner: asyncio.Runner) -> None:
    api.domain = "127.0.0.1:4711"
    made = api.ok("POST", "/resource-servers", {"identifier": "https://127.0.0.1:4711/me/"})
    assert made["identifier"] == "https://127.0.0.1:4711/me/" and made["name"] == "Auth0 My Account API"
    assert api.ok("GET", "/resource-servers/https%3A%2F%2F127.0.0.1%3A4711%2Fme%2F")["id"] == made["id"]
    assert api.ok("GET", "/resource-servers?identifiers=https%3A%2F%2F127.0.0.1%3A4711%2Fme%2F")[0]["id"] == made["id"]
    api.domain = "sandbox.localhost"
    assert api.ok("GET", f"/resource-servers/{made['id']}")["identifier"] == "https://sandbox.localhost/me/"


def test_a_tenant_can_be_opened_under_another_name(tmp_path: Path) -> None:
    open_sandbox(tmp_path / "a.db", domain="acme.eu.auth0.com").close()
    sandbox = open_sandbox(tmp_path / "a.db")
    assert (sandbox.domain, sandbox.canonical_domain) == ("sandbox.localhost", "acme.eu.auth0.com")
    sandbox.close()

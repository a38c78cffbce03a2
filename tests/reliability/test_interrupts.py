"""Ctrl-C and SIGTERM, as real signals to a real process: once ends tidily, twice at once, and a rerun converges."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.reliability.bench import QUICKSTART, Bench, applied_cleanly, bench, difference
from tests.reliability.crash import started, until_faulty
from tests.support import ROOT, served, write_spec
from tokenvault.applier.events import ALREADY
from tokenvault.sandbox import TOKEN

SIGNALS = pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda sent: sent.name)
AT_ONCE = 5.0


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("interrupts")) as there:
        applied_cleanly(there)
        yield there


def until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"it never said {word}")


def assert_a_rerun_converges(there: Bench) -> None:
    there.settle()
    again = there.apply()
    assert again.code == 0, again.err
    assert difference(there.state(), there.clean) == ""


@SIGNALS
def test_once_lets_writes_under_way_end_and_starts_no_other(there: Bench, sent: signal.Signals) -> None:
    there.reset({"fault": "slow", "seconds": 1.5, "method": "POST", "path": "*/resource-servers", "times": None})
    with started(there) as process:
        until(process, "my_account_api: Creating...")
        process.send_signal(sent)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Interrupted: what was sent ends" in err
    assert "not attempted" in out and "not tried application.assistant" in out
    assert "Traceback" not in err and "failed unexpectedly" not in err
    made = [r for r in there.requests() if r["method"] == "POST" and r["path"] != "/oauth/token"]
    assert made and all(r["path"].endswith("/resource-servers") and r["status"] == 201 for r in made)
    assert_a_rerun_converges(there)


def test_what_waits_for_the_rate_limit_is_not_sent(tmp_path: Path) -> None:
    applications = {
        f"app-{n:02}": {"type": "regular_web", "flavors": ["connected_accounts"], "connections": ["google-oauth2"]}
        for n in range(30)
    }
    spec = {"version": 1, "name": "many", "connections": {"google-oauth2": {}}, "applications": applications}
    write_spec(tmp_path, spec)
    with served(tmp_path / "tenant.db", "--rate-limit", "1:16") as tenant:
        env = {**_environment(), "AUTH0_DOMAIN": tenant, "AUTH0_API_TOKEN": TOKEN}
        command = [sys.executable, "-m", "tokenvault", "apply", "spec.yaml", "-y", "--json"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            before = []
            for line in process.stdout:
                before.append(json.loads(line))
                if before[-1]["type"] == "waiting":
                    break
            process.send_signal(signal.SIGINT)
            # `communicate` would leave out the lines that were read ahead of the one above
            out, err = process.stdout.read(), process.communicate(timeout=40)[1]
    lines = [*before, *(json.loads(line) for line in out.splitlines())]
    sent = {line["address"] for line in lines if line["type"] == "stage" and line["stage"] == "sent"}
    started = {line["address"] for line in lines if line["type"] == "started"}
    ended = {line["address"]: line for line in lines if line["type"] == "ended"}
    assert process.returncode == 130, err
    assert len(started - sent) >= 5, "what waited its turn was sent all the same"
    others = {address: ended[address] for address in started - sent if ended[address]["outcome"] != "not_attempted"}
    assert all(line["note"] == ALREADY for line in others.values()), others
    assert len(ended) == len([line for line in lines if line["type"] == "planned"])
    assert "Interrupted: what was sent ends" in err


@SIGNALS
def test_twice_stops_at_once(there: Bench, sent: signal.Signals) -> None:
    there.reset({"fault": "hang", "when": "after", "seconds": 60, "method": "POST", "path": "*/clients"})
    with started(there, TOKENVAULT_TIMEOUT="60") as process:
        until_faulty(there, process)
        process.send_signal(sent)
        until(process, "Interrupted: what was sent ends")
        process.send_signal(sent)
        since = time.monotonic()
        _, err = process.communicate(timeout=20)
    assert time.monotonic() - since < AT_ONCE
    assert process.returncode == 130, err
    assert "Traceback" not in err and "failed unexpectedly" not in err
    assert_a_rerun_converges(there)


@SIGNALS
@pytest.mark.parametrize("path", ["*/clients", "/oauth/token"])
def test_while_the_tenant_is_read_it_ends_at_once(there: Bench, sent: signal.Signals, path: str) -> None:
    there.reset({"fault": "hang", "seconds": 60, "path": path})
    with started(there, TOKENVAULT_TIMEOUT="60") as process:
        until_faulty(there, process)
        process.send_signal(sent)
        since = time.monotonic()
        _, err = process.communicate(timeout=20)
    assert time.monotonic() - since < AT_ONCE
    assert process.returncode == 130, err
    assert "Interrupted." in err and "Traceback" not in err
    assert_a_rerun_converges(there)


def test_at_the_question_nothing_was_changed(there: Bench) -> None:
    there.reset()
    command = [sys.executable, "-m", "tokenvault", "apply", str(QUICKSTART)]
    child = pexpect.spawn(command[0], command[1:], env={**_environment(), **there.env}, cwd=str(ROOT), timeout=20)
    child.expect("Only `yes` will be accepted")
    child.sendintr()
    child.expect("Interrupted")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert {r["method"] for r in there.requests() if r["path"] != "/oauth/token"} == {"GET"}


def _environment() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if name != "CI"}


def test_a_pipe_that_closes_is_no_bug(there: Bench, tmp_path: Path) -> None:
    there.reset()
    command = f"{sys.executable} -m tokenvault plan {QUICKSTART} --full 2> {tmp_path / 'err'} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], env={**_environment(), **there.env}, cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.count("\n") <= 1
    assert "Traceback" not in (tmp_path / "err").read_text() and "unexpectedly" not in (tmp_path / "err").read_text()

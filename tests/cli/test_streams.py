"""Streams that are closed, full or gone are no bug of tokenvault: a closed one is nobody, a full one is an error."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import Result, my_env, write_spec

SPEC = """\
version: 1
name: acme
connections:
  google-oauth2: {}
applications:
  web: {type: regular_web, callbacks: [https://web.example.com/cb], flavors: [refresh_token_exchange]}
"""


def shell(folder: Path, command: str) -> Result:
    """A command line with the redirections that only a shell makes."""
    tokenvault = f"{shlex.quote(sys.executable)} -m tokenvault"
    done = subprocess.run(
        ["sh", "-c", f"{tokenvault} {command}"], cwd=folder, env=my_env(), capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, done.stderr
    assert "bug" not in done.stderr, done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_spec(tmp_path, SPEC)
    return tmp_path


@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_without_stdin_nobody_can_approve(folder: Path, command: str) -> None:
    assert shell(folder, "apply spec.yaml --sandbox=t.db -y <&-").code == 0
    if command == "apply":
        (folder / "t.db").unlink()
    refused = shell(folder, f"{command} spec.yaml --sandbox=t.db <&-")
    assert refused.code == 1 and f"[{command}-no-approval]" in refused.err


def test_without_stdin_nobody_can_answer_init(folder: Path) -> None:
    refused = shell(folder, "init -o new.yaml --sandbox=t.db <&-")
    assert refused.code == 1 and refused.err.startswith("Error:")
    assert not (folder / "new.yaml").exists()


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_what_is_said_to_a_closed_stream_is_said_to_nobody(folder: Path, closed: str) -> None:
    for command in ("validate spec.yaml", "plan spec.yaml --sandbox=t.db", "apply spec.yaml -y --sandbox=t.db"):
        assert shell(folder, f"{command} {closed}").code == 0
    assert "No changes." in shell(folder, "plan spec.yaml --sandbox=t.db").out


def test_an_error_is_an_error_whoever_hears_of_it(folder: Path) -> None:
    (folder / "spec.yaml").write_text("version: 1\n")
    assert shell(folder, "validate spec.yaml 2>&-").code == 1
    assert shell(folder, "validate spec.yaml 2> /dev/full").code == 1


@pytest.mark.parametrize("command", ["plan spec.yaml --sandbox=t.db", "schema", "--help", "--version", "sandbox show"])
def test_a_result_that_cannot_be_written_is_an_error_that_says_so(folder: Path, command: str) -> None:
    shell(folder, "apply spec.yaml -y --sandbox=t.db")
    state = " --state t.db" if command.startswith("sandbox") else ""
    full = shell(folder, f"{command}{state} > /dev/full")
    assert full.code == 1
    assert "[output-unwritable]" in full.err and "No space left on device" in full.err


def test_progress_that_cannot_be_written_stops_no_apply(folder: Path) -> None:
    applied = shell(folder, "apply spec.yaml -y --sandbox=t.db 2> /dev/full")
    assert applied.code == 0 and "Apply complete!" in applied.out

"""No secret comes out of any command, in any form, on any occasion; the type makes it so, and this proves it."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import os
import pickle
import pprint
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.bench import bench
from tests.reliability.crash import started, until_faulty
from tests.reliability.leak import ARGUMENTS, Searching, commands, forms, planted, searched
from tokenvault.secrets import Secret

CANARY = "canary-in-a-secret"


def test_every_command_is_searched() -> None:
    assert set(ARGUMENTS) == set(commands()), "a command is new: say in leak.py how it is run"


def test_no_secret_comes_out_of_any_command(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with bench(tmp_path) as there:
        found = searched(there, tmp_path / "work")
    assert found.leaks == []
    assert len(found.canaries) >= 30 and found.outputs >= 500
    ran = {name for name, code in found.codes.items() if code in (0, 2)}
    assert found.codes["exchange"] == 0, "neither a user's token nor a worker's request was exchanged"
    without = {"doctor", "fleet doctor", "operator run"}  # neither all is ready here, nor is there a cluster
    assert ran >= set(ARGUMENTS) - without, set(ARGUMENTS) - without - ran


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with bench(tmp_path) as there:
        searching = Searching(there, tmp_path / "work")
    secret = 'canary "x"/y'
    for text in (*forms(secret), "eyJhbGciOiJIUzI1.eyJpc3MiOiJodHRw.c2ln", "failed unexpectedly", "PRIVATE KEY"):
        searching.search.leaks.clear()
        searching._look("a command", "stdout", f"before{text}after", {secret})
        assert searching.search.leaks, text


def test_no_secret_stands_in_the_arguments_of_a_process(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with bench(tmp_path) as there:
        env = planted(tmp_path / "work", there)
        there.faults({"fault": "hang", "seconds": 30, "path": "*/clients"})
        with started(there, tmp_path / "work" / "spec.yaml", **{**env, "TOKENVAULT_TIMEOUT": "30"}) as process:
            until_faulty(there, process)
            for arguments in _arguments(process.pid):
                assert "canary" not in arguments and env["AUTH0_CLIENT_SECRET"] not in arguments
            process.send_signal(signal.SIGKILL)


def _arguments(pid: int) -> list[str]:
    """Of a process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    mine = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    return [mine, *(text for child in children for text in _arguments(int(child)))]


@dataclasses.dataclass
class Holder:
    """Something that holds a secret."""

    secret: Any


SHOWN: dict[str, Callable[[Secret], str]] = {
    "str": str,
    "repr": repr,
    "f-string": lambda secret: f"{secret} {secret!r} {secret!s:>80} {secret!a}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "format": lambda secret: "{0} {0!r}".format(secret),  # noqa: UP032
    "in a list": lambda secret: str([secret, {"a": (secret,)}]),
    "in a dataclass": lambda secret: repr(Holder(secret)),
    "as a dict": lambda secret: str(dataclasses.asdict(Holder(secret))),
    "copied": lambda secret: f"{copy.copy(secret)} {copy.deepcopy([secret])}",
    "pretty": pprint.pformat,
    "json with a default": lambda secret: json.dumps({"a": secret}, default=str),
    "in an exception": lambda secret: str(ValueError(secret, "x")) + repr(KeyError(secret)),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN.keys())
def test_a_secret_shows_nothing_however_it_is_formatted(show: Callable[[Secret], str]) -> None:
    text = show(Secret(CANARY, "${env:X}"))
    assert CANARY not in text
    assert "(sensitive value)" in text


@pytest.mark.parametrize(
    "refuse",
    [pickle.dumps, json.dumps, hash, iter, bytes, len, "".join, os.fsencode, list],
    ids=lambda refuse: f"{refuse.__module__}.{refuse.__qualname__}",
)
def test_a_secret_refuses_to_become_anything_else(refuse: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError) as refusal:
        refuse(Secret(CANARY, "${env:X}"))
    assert CANARY not in str(refusal.value)


def test_a_traceback_shows_no_secret(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(CANARY, "${env:X}")
    try:
        _ = {"a": 1}[secret.fingerprint("salt") or secret]  # type: ignore[index]
    except KeyError:
        detailed = traceback.TracebackException(*sys.exc_info(), capture_locals=True)  # type: ignore[arg-type]
        print("".join(detailed.format()))
        logging.getLogger("x").warning("%s %r", secret, secret, exc_info=True)
    shown = capsys.readouterr().out + caplog.text
    assert "secret = (sensitive value)" in shown and CANARY not in shown


def test_two_secrets_are_compared_by_value_and_fingerprints_need_the_salt() -> None:
    one, same, other = Secret(CANARY, "a"), Secret(CANARY, "b"), Secret("else", "a")
    assert one == same and one != other and one != CANARY
    assert one.fingerprint("s") == same.fingerprint("s") != one.fingerprint("t")
    assert CANARY not in one.fingerprint("s")

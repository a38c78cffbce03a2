"""Ctrl-C while a fleet is applied: writes under way end, later waves are untouched, and a rerun converges."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

from tests.fleet.conftest import Bench
from tests.support import my_env, tenant


def test_an_interrupt_leaves_what_a_rerun_completes(served: Bench) -> None:
    for number in range(5):
        served.members[f"t{number}"]["wave"] = 1 + number // 3
    served.write()
    for lot in served.lots:
        lot.delay = 0.1
    process = subprocess.Popen(
        [sys.executable, "-m", "tokenvault", "fleet", "apply", "-y", "--json"],
        cwd=served.folder,
        env=my_env(**served.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(served.writes()) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err, err
    assert "Interrupted: what is under way ends" in err
    outcomes = [member["outcome"] for member in json.loads(out)["members"].values()]
    assert set(outcomes[:3]) <= {"failed", "skipped"} and outcomes[3:] == ["skipped", "skipped"]
    assert served.writes()[3:] == [0, 0]
    again = served.run("apply", "-y", "--failed")
    assert again.code == 0, again.err
    assert served.run("plan", "--detailed-exitcode").code == 0
    for lot in served.lots:
        names = [client["name"] for client in tenant(lot.state)["clients"].values()]
        assert names.count("Fleet Assistant") == 1

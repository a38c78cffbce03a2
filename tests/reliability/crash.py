"""Crash anywhere: SIGKILL at every single request of an apply of the four-flavor example; a rerun must converge.

    python -m tests.reliability.crash [--jobs N] [--only before|after]

`before`: the request was sent and nothing came of it. `after`: the server carried it out, and nobody heard the answer.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.reliability.bench import QUICKSTART, Bench, applied_cleanly, bench, difference
from tests.support import ROOT

MOMENTS = ("before", "after")
PATIENCE = 30.0


@dataclass(frozen=True)
class Kill:
    """One kill point: the request's number, the moment, and what was wrong with the tenant after a rerun."""

    number: int
    moment: str
    request: str
    wrong: str = ""


@contextlib.contextmanager
def started(there: Bench, *arguments: object, **env: str) -> Iterator[subprocess.Popen[str]]:
    """`apply -y` in a process of its own, which is gone afterwards whatever happened."""
    command = [sys.executable, "-m", "tokenvault", "apply", *map(str, arguments or (QUICKSTART,)), "-y"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **there.env, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def until_faulty(there: Bench, process: subprocess.Popen[str]) -> str:
    """Waits until the fault has come; the request that it hit."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        hit = next((r for r in there.requests() if "fault" in r), None)
        if hit:
            return f"{hit['method']} {hit['path'].removeprefix('/api/v2')}"
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError(f"the fault never came: {process.communicate()}")


def killed(there: Bench, number: int, moment: str) -> Kill:
    """The tenant after a SIGKILL at this request and one more apply."""
    there.reset({"fault": "hang", "when": moment, "nth": number, "seconds": 60})
    with started(there, TOKENVAULT_TIMEOUT="60") as process:
        request = until_faulty(there, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    there.settle()
    again = there.apply()
    wrong = f"the rerun fails: {again.err[-300:]}" if again.code else difference(there.state(), there.clean)
    return Kill(number, moment, request, wrong)


def run(moments: Sequence[str], shard: int, shards: int) -> list[Kill]:
    """This worker's share of the kill points."""
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as there:
        count = len(applied_cleanly(there))
        points = [(number, moment) for moment in moments for number in range(1, count + 1)]
        done = []
        for number, moment in points[shard::shards]:
            done.append(killed(there, number, moment))
            sys.stderr.write("F" if done[-1].wrong else ".")
            sys.stderr.flush()
        return done


def main() -> int:
    """Prints what did not converge and the figures; 1 when anything did not."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--only", choices=MOMENTS)
    options.add_argument("--jobs", type=int, default=3)
    given = options.parse_args()
    moments = (given.only,) if given.only else MOMENTS
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        shards = [pool.submit(run, moments, shard, given.jobs) for shard in range(given.jobs)]
        done = [kill for shard in shards for kill in shard.result()]
    print()
    for kill in done:
        if kill.wrong:
            print(f"FAILED {kill.moment} request {kill.number} ({kill.request}): {kill.wrong}")
    for moment in moments:
        points = [kill for kill in done if kill.moment == moment]
        print(f"killed {moment} the request took effect: {len(points)} points, "
              f"{sum(not kill.wrong for kill in points)} converged")  # fmt: skip
    return any(kill.wrong for kill in done)


if __name__ == "__main__":
    sys.exit(main())

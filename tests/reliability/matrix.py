"""The fault matrix: every fault × every request of an apply of the four-flavor example.

    python -m tests.reliability.matrix [--only TEXT] [--jobs N]

A cell passes when the exit code is right, the message says what happened and what to do, and the tenant is, after one
more apply where the first failed, the one that an undisturbed apply makes: nothing twice, nothing foreign changed.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.reliability.bench import PHASES, QUICKSTART, Bench, Endpoint, applied_cleanly, bench, difference, endpoints
from tests.reliability.faults import FAULTS, Fault
from tests.support import Result

LONGEST = 25.0
RAW = re.compile(r"Traceback|failed unexpectedly|<html|statusCode|\"error\":|Error\(")
HEAD = re.compile(r"^(?:Error|Warning): [^\n]+(?:\n[^\n]+)*?\[[a-z0-9-]+\]$", re.MULTILINE)
"""The first sentence of what is told, which may take more than one line, with its code."""


@dataclass(frozen=True)
class Cell:
    """One fault at one request, and what was wrong with how it ended."""

    endpoint: Endpoint
    fault: Fault
    wrong: tuple[str, ...] = ()
    seconds: float = 0.0


def cells(found: Sequence[Endpoint]) -> list[Cell]:
    """Every fault at every request that can have it."""
    return [Cell(endpoint, fault) for fault in FAULTS for endpoint in found if fault.meets(endpoint)]


def tried(there: Bench, cell: Cell) -> Cell:
    """The cell with what was wrong, if anything."""
    there.reset({**cell.endpoint.at, **cell.fault.rule})
    started = time.monotonic()
    first = there.apply(QUICKSTART, *cell.fault.options)
    seconds = time.monotonic() - started
    survives = cell.fault.survives(cell.endpoint)
    wrong = [*_met(there), *_told(first, min(first.code, 1) if survives is None else 0 if survives else 1)]
    wrong += [f"it took {seconds:.0f} s"] if seconds > LONGEST else []
    there.settle()
    wrong += _converged(there, first)
    return Cell(cell.endpoint, cell.fault, tuple(wrong), seconds)


def _met(there: Bench) -> list[str]:
    return [] if any("fault" in request for request in there.requests()) else ["the fault never came"]


def _told(result: Result, code: int) -> list[str]:
    wrong = [f"exit {result.code} instead of {code}: {_last(result)}"] if result.code != code else []
    if found := RAW.search(result.out + result.err):
        wrong.append(f"shows {found[0]}")
    if code and result.code and not advice(result.err):
        wrong.append(f"no advice: {_last(result)}")
    return wrong


def advice(text: str) -> list[str]:
    """The last paragraph of every problem that is told: what to do."""
    heads = list(HEAD.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    parts = [text[head.end() : end].strip("\n").split("\n\n") for head, end in zip(heads, ends, strict=False)]
    return [part[-1] for part in parts] if parts and all(part[-1].strip() for part in parts) else []


def _last(result: Result) -> str:
    heads = [head[0] for head in HEAD.finditer(result.err)]
    lines = (result.err or result.out).strip().splitlines() or ["(nothing was said)"]
    return re.sub(r" +", " ", heads[-1]) if heads else lines[-1][:200]


def _converged(there: Bench, first: Result) -> list[str]:
    if first.code:
        again = there.apply()
        if again.code:
            return [f"a second apply fails: {_last(again)}"]
    text = difference(there.state(), there.clean)
    return [f"another tenant: {text}"] if text else []


# ---- the whole of it, on every core


def run(only: str, shard: int, shards: int) -> list[Cell]:
    """This worker's share of the cells."""
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as there:
        every = cells(endpoints(there, applied_cleanly(there)))
        chosen = [cell for cell in every if only in f"{cell.fault.name} @ {cell.endpoint}"]
        done = []
        for cell in chosen[shard::shards]:
            done.append(tried(there, cell))
            sys.stderr.write("F" if done[-1].wrong else ".")
            sys.stderr.flush()
        return done


def table(done: Sequence[Cell]) -> str:
    """Passed of tried, by fault and by what the request is for."""
    by: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in done:
        by[cell.fault.name, cell.endpoint.phase].append(cell)
    lines = [f"{'fault':<20}" + "".join(f"{phase:>11}" for phase in PHASES)]
    for fault in FAULTS:
        row = [by.get((fault.name, phase), []) for phase in PHASES]
        if any(row):
            lines.append(f"{fault.name:<20}" + "".join(f"{_share(found):>11}" for found in row))
    return "\n".join(lines)


def _share(found: Sequence[Cell]) -> str:
    return f"{sum(not cell.wrong for cell in found)}/{len(found)}" if found else "-"


def main() -> int:
    """Prints the table and what failed; 1 when anything did."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--only", default="", help="cells whose name holds this, e.g. 'hang' or 'PATCH'")
    options.add_argument("--jobs", type=int, default=6, help="most of a cell is waiting")
    given = options.parse_args()
    started = time.monotonic()
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        shards = [pool.submit(run, given.only, shard, given.jobs) for shard in range(given.jobs)]
        done = [cell for shard in shards for cell in shard.result()]
    print("\n" + table(done) + "\n")
    failed = [cell for cell in done if cell.wrong]
    for cell in failed:
        print(f"FAILED {cell.fault.name} @ {cell.endpoint}: {'; '.join(cell.wrong)}")
    slowest = max((cell.seconds for cell in done), default=0.0)
    print(f"fault matrix: {len(done) - len(failed)}/{len(done)} cells, slowest {slowest:.1f} s, "
          f"{time.monotonic() - started:.0f} s in all")  # fmt: skip
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())

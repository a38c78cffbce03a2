"""Draws cases of a seed, plays many of them, and counts what came of it."""

from __future__ import annotations

import json
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from tests.reliability.sequences.cases import cases
from tests.reliability.sequences.machine import Case, Failure, Outcome, play, sorts
from tests.reliability.sequences.shrink import shrink
from tests.reliability.sequences.tenant import Tenant, tenant

BATCH = 50


def drawn(seed: int, start: int, stop: int) -> Iterator[tuple[str, Case]]:
    """Cases `start` to `stop` of a seed, with the names by which they are replayed."""
    for batch in range(start // BATCH, -(-stop // BATCH)):
        for number, case in enumerate(_batch(seed, batch), batch * BATCH):
            if start <= number < stop:
                yield f"{seed}:{number}", case


def _batch(seed: int, batch: int) -> list[Case]:
    found: list[Case] = []

    @seeded(seed * 1_000_003 + batch)
    @settings(
        max_examples=BATCH,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found[:BATCH]


@dataclass
class Tally:
    """What many cases came to."""

    sequences: int = 0
    steps: int = 0
    commands: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    failures: int = 0

    def note(self, name: str, outcome: Outcome) -> None:
        """Counts one case."""
        self.sequences += 1
        self.steps += outcome.steps
        self.commands += outcome.commands
        self.refused.update(outcome.refused)
        self.failures += bool(outcome.failures)
        for failure in sorts(outcome.failures):
            self.failed[failure].append(name)

    def join(self, other: Tally) -> None:
        """Adds what another worker counted."""
        self.sequences += other.sequences
        self.steps += other.steps
        self.commands += other.commands
        self.refused.update(other.refused)
        self.failures += other.failures
        for failure, names in other.failed.items():
            self.failed[failure] += names


def played(here: Tenant, name: str, case: Case, *, to_the_end: bool = True) -> Outcome:
    """One case; a fault of this harness is told with the seed that brought it."""
    try:
        return play(here, case, thorough=False, to_the_end=to_the_end)
    except Exception as error:
        return Outcome([Failure("harness", f"{type(error).__name__}: {str(error)[:120]}", -1, name)])


def run(seed: int, start: int, stop: int) -> Tally:
    """A worker's share."""
    tally = Tally()
    with tenant() as here:
        for name, case in drawn(seed, start, stop):
            tally.note(name, played(here, name, case))
    return tally


def small(here: Tenant, case: Case, failure: str, most: int) -> Case:
    """The smallest case found that fails in this way."""
    at = max((one.step for one in played(here, "", case).failures if one.name == failure), default=len(case["steps"]))
    at_end = at >= len(case["steps"])

    def fails(smaller: Case) -> bool:
        return failure in sorts(played(here, "", smaller, to_the_end=at_end).failures)

    return shrink({**case, "steps": case["steps"][: at + 1]}, fails, most=most)


def replayed(what: str) -> tuple[str, Case]:
    """The case of a file, or of a seed."""
    if Path(what).exists():
        document: dict[str, Any] = json.loads(Path(what).read_text())
        return what, document.get("case", document)
    seed, _, number = what.partition(":")
    return next(drawn(int(seed), int(number or 0), int(number or 0) + 1))


def told(outcome: Outcome) -> str:
    """What came of one case, in words."""
    lines = [*outcome.log, *(f"refused {text}" for text in outcome.refused)]
    lines += [f"FAILED at step {one.step}: {one.name}\n    {one.detail}" for one in outcome.failures]
    return "\n".join([*lines, f"{len(outcome.failures)} failures"])


def tallied(seed: int, count: int, jobs: int, seconds: float = math.inf) -> Tally:
    """What the first `count` cases of a seed came to, played in so many processes, or in what time there was."""
    ends = time.monotonic() + seconds
    shares = [(at, min(at + BATCH, count)) for at in range(0, count, BATCH)]
    tally = Tally()
    for part in _parts(seed, shares, jobs):
        tally.join(part)
        found = "".join(f"  {failure} ({', '.join(names)})\n" for failure, names in part.failed.items())
        sys.stderr.write(f"{tally.sequences} sequences, {tally.failures} failures\n{found}")
        if time.monotonic() > ends:
            break
    return tally


def _parts(seed: int, shares: list[tuple[int, int]], jobs: int) -> Iterator[Tally]:
    if jobs == 1:
        yield from (run(seed, *share) for share in shares)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(run, seed, *share) for share in shares]
        try:
            yield from (part.result() for part in parts)
        finally:
            pool.shutdown(cancel_futures=True)

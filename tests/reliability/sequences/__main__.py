"""Plays sequences of edits, accidents and other people's changes, and tells which invariants do not hold.

    python -m tests.reliability.sequences --count 5000 [--seed N] [--jobs 2] [--shrink N] [--keep FOLDER] [--only TEXT]
    python -m tests.reliability.sequences --replay FILE|SEED

A seed, as it is told of a failure, is `N:M`: case M of the seed N. Case M of a seed is the same on every machine.
"""

from __future__ import annotations

import argparse
import json
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


def played(here: Tenant, name: str, case: Case) -> Outcome:
    """One case; a fault of this harness is told with the seed that brought it."""
    try:
        return play(here, case, thorough=False)
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
    return shrink(case, lambda smaller: failure in sorts(played(here, "", smaller).failures), most=most)


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
    return "\n".join(lines + [f"{len(outcome.failures)} failures"])


def main() -> int:
    """Prints figures and each kind of failure; 1 when there is any."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--shrink", type=int, default=250, metavar="TRIES", help="most tries for each kind of failure")
    options.add_argument("--only", default="", help="shrink only failures whose name holds this")
    options.add_argument("--keep", type=Path, help="write each shrunk case into this folder")
    options.add_argument("--replay", metavar="FILE|SEED")
    options.add_argument("--refused", action="store_true", help="tell also what was refused, and how often")
    given_options = options.parse_args()
    if given_options.replay:
        return _replay(given_options.replay)
    return _many(given_options)


def _replay(what: str) -> int:
    _, case = replayed(what)
    with tenant() as here:
        outcome = play(here, case)
    print(json.dumps(case, indent=1))
    print(told(outcome))
    return bool(outcome.failures)


def _many(given_options: argparse.Namespace) -> int:
    started = time.monotonic()
    tally = _tally(given_options.seed, given_options.count, given_options.jobs)
    seconds = time.monotonic() - started
    if given_options.refused:
        for text, count in tally.refused.most_common():
            print(f"{count:6} refused {text}")
    found = sorted(tally.failed.items(), key=lambda pair: -len(pair[1]))
    for failure, names in found:
        print(f"{len(names):6} {failure}  ({', '.join(names[:3])})")
    if given_options.shrink:
        with tenant() as here:
            for failure, names in found:
                if given_options.only in failure:
                    _show_small(here, failure, names[0], given_options.shrink, given_options.keep)
    by = Counter[str]()
    for failure, names in found:
        by[failure.partition(":")[0]] += len(names)
    print(f"by invariant: {dict(by.most_common())}")
    print(
        f"{tally.sequences} sequences, {tally.steps} steps, {tally.commands} commands, {tally.failures} failures, "
        f"{seconds:.0f} s, {1000 * seconds / max(tally.steps, 1):.0f} ms a step"
    )
    return bool(tally.failures)


def _tally(seed: int, count: int, jobs: int) -> Tally:
    if jobs == 1:
        return run(seed, 0, count)
    share = -(-count // jobs // BATCH) * BATCH
    tally = Tally()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(run, seed, at, min(at + share, count)) for at in range(0, count, share)]
        for part in parts:
            tally.join(part.result())
    return tally


def _show_small(here: Tenant, failure: str, name: str, most: int, keep: Path | None) -> None:
    _, case = replayed(name)
    smallest = small(here, case, failure, most)
    print(f"\n{failure}  ({name})\n{json.dumps(smallest)}")
    sys.stdout.flush()
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        slug = "".join(c if c.isalnum() else "-" for c in failure.lower())[:80].strip("-")
        document = {"failure": failure, "seed": name, "case": smallest}
        (keep / f"{slug}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())

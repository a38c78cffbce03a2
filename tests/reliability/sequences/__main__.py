"""Plays sequences of edits, accidents and other people's changes, and tells which invariants do not hold.

    python -m tests.reliability.sequences --count 5000 [--seed N] [--jobs 2] [--shrink N] [--keep FOLDER] [--only TEXT]
    python -m tests.reliability.sequences --replay FILE|SEED

A seed, as it is told of a failure, is `N:M`: case M of the seed N. Case M of a seed is the same on every machine.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from pathlib import Path

from tests.reliability.sequences.machine import play
from tests.reliability.sequences.runs import replayed, small, tallied, told
from tests.reliability.sequences.tenant import Tenant, tenant


def main() -> int:
    """Prints figures and each kind of failure; 1 when there is any."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--minutes", type=float, default=math.inf, help="stop drawing cases after so long")
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
    tally = tallied(given_options.seed, given_options.count, given_options.jobs, 60 * given_options.minutes)
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

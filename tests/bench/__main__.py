"""`python -m tests.bench [--quick] [--runs N] [--only TOPIC] [--latency-ms N] [--rate-limit RPS[:BURST]]`

Prints medians of several runs beside what they may be at most; exit code 1 when one is more. `--quick` is one run of all
(three of what varies), under three minutes. With a latency or a rate limit of your own, a plan is measured under that too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import counts, scale, startup, waiting
from tests.bench.figures import Figure, Results
from tests.bench.lab import Lab

Topic = Callable[[Lab], dict[Figure, float]]
TOPICS: dict[str, Topic] = {
    "requests": counts.measure,
    "latency": waiting.latency,
    "limits": waiting.limits,
    "startup": startup.measure,
    "scale": scale.measure,
}
VARYING = ("latency", "limits", "startup")


def main() -> int:
    """Measures, prints, judges."""
    asked = _arguments()
    results = Results()
    with tempfile.TemporaryDirectory(prefix="tokenvault-bench-") as folder:
        lab = Lab(Path(folder))
        for name in asked.only or TOPICS:
            for number in range(asked.runs * (3 if name in VARYING else 1)):
                sys.stderr.write(f"{name}, run {number + 1}...\n")
                results.add(TOPICS[name](lab))
        if asked.latency_ms or asked.rate_limit:
            results.add(_own(lab, asked.latency_ms, asked.rate_limit))
    sys.stdout.write(f"{results.table()}\n")
    for figure in results.missed:
        sys.stderr.write(f"Missed: {figure.name}\n")
    return 1 if results.missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.split("\n\n", 1)[1])
    parser.add_argument("--quick", dest="runs", action="store_const", const=1, help="one run of everything")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="medians of N runs (default 3)")
    parser.add_argument("--only", action="append", choices=TOPICS, help="repeatable")
    parser.add_argument("--latency-ms", type=float, default=0.0, metavar="N")
    parser.add_argument("--rate-limit", default="", metavar="RPS[:BURST]")
    parser.set_defaults(runs=3)
    return parser.parse_args()


def _own(lab: Lab, latency: float, limit: str) -> dict[Figure, float]:
    """A plan under conditions that somebody asked for."""
    options = ["--latency-ms", latency, *(["--rate-limit", limit] if limit else [])]
    requests = waiting.requests_of_plan(lab, *options)
    words = f"empty plan, 100 × 10, {latency:g} ms an answer, limit {limit or 'none'}"
    return {
        Figure(name=words, unit="s"): waiting.span(requests) + latency / 1000,
        Figure(name="the same, refused", unit="requests"): len(waiting.refused(requests)),
    }


if __name__ == "__main__":
    sys.exit(main())

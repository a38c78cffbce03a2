"""Tenant answers that nobody expects: wrong types, missing fields, escape sequences, endless names, answers without end.

    python -m tests.reliability.answers [--count N] [--seed N]

Each case spoils what one endpoint answers and runs one command that reads it; in every `UNBOUNDED_SHARE`th the endpoint
answers without bound instead: cursors in a circle, empty pages for ever, a byte every half second, gigabytes, bombs. It must
end soon, in little memory, with a result or an error: no traceback, no control character, nothing written to the tenant by
a command that only reads.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.reliability.bench import QUICKSTART, Bench, applied_cleanly, bench
from tests.support import Result, cli, process
from tests.tenant.hostile import UNBOUNDED, HostileTenant, hostile

SLOW = 20.0
LARGE = 1024.0
"""Megabytes."""

UNBOUNDED_SHARE = 20
BUG = re.compile(r"failed unexpectedly \((\w+) at ([\w.:]+)\)|Traceback")
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("plan", str(QUICKSTART)),
    ("plan", str(QUICKSTART), "--prune", "--format", "markdown"),
    ("drift", str(QUICKSTART)),
    ("doctor", str(QUICKSTART)),
    ("doctor",),
    ("export",),
    ("usage", str(QUICKSTART)),
    ("output", str(QUICKSTART)),
)
ENDPOINTS = ("clients", "connections", "connections/{}/clients", "resource-servers", "client-grants",
             "guardian/policies", "clients/{}/credentials")  # fmt: skip
QUERIES = {**dict.fromkeys(("clients", "resource-servers", "client-grants"), "?include_totals=true"),
           "connections": "?take=100"}  # fmt: skip
LONG = "n" * 10_000
PATIENCE = ("--max-wait", "1")
"""A command waits a second for rate limits, in all."""

JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, "", " ", LONG, "\x1b[31mred\x1b[0m", "\x1b]0;owned\x07", "\u202e\u2066evil", "a\nb\r\nc",
    "|`<script>alert(1)</script>", "${env:HOME}", "../../etc/passwd", [], {}, [None], [[]], [{}], {"": None}, ["x", 1, {}],
    {"a": {"b": []}}, "tokenvault", "quickstart/assistant created", [LONG] * 3,
)  # fmt: skip


@dataclass
class Tally:
    """What came of a run."""

    cases: int = 0
    done: int = 0
    unbounded: int = 0
    longest: tuple[float, str] = (0.0, "")
    memory: tuple[float, str] = (0.0, "")
    bugs: dict[str, str] = field(default_factory=dict)
    commands: Counter[str] = field(default_factory=Counter)


class Answers:
    """The true answers of a tenant that the quickstart was applied to, and commands that get spoilt ones."""

    def __init__(self, there: Bench, proxy: HostileTenant) -> None:
        self.there, self.proxy, self.tally = there, proxy, Tally()
        applied_cleanly(there)
        self._true = {path: self._get(path) for path in self._paths()}

    def _paths(self) -> list[str]:
        state = self.there.snapshot()
        ids = {"connections/{}/clients": state["connections"], "clients/{}/credentials": state["clients"]}
        return [path.format(key) for path in ENDPOINTS for key in (ids.get(path) or {"": None})]

    def _get(self, path: str) -> Any:
        request = urllib.request.Request(
            f"http://{self.there.host}/api/v2/{path}{QUERIES.get(path, '')}",
            headers={"Authorization": "Bearer sandbox"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def case(self, name: str) -> Result:
        """Runs one case, which is the same on every machine, and takes down what came of it."""
        random = Random(name)
        path, command = random.choice(sorted(self._true)), random.choice(COMMANDS)
        if random.randrange(UNBOUNDED_SHARE) == 0:
            return self.without_bound(random.choice(sorted(UNBOUNDED)), path, command)
        body = spoilt(random, deepcopy(self._true[path]))
        self.there.faults({"fault": 200, "body": body, "method": "GET", "path": f"/api/v2/{path}", "times": None})
        return self._run(name, path, command)

    def without_bound(self, behaviour: str, path: str, command: Sequence[str]) -> Result:
        """Runs the command in a process of its own, whose memory can be told, where the path answers without bound."""
        self.tally.unbounded += 1
        self.there.faults()
        self.proxy.misbehave(path, UNBOUNDED[behaviour])
        result = self._run(behaviour, path, command, AUTH0_DOMAIN=self.proxy.domain)
        self.proxy.be_good()
        return result

    def _run(self, name: str, path: str, command: Sequence[str], **env: str) -> Result:
        before, started = self.there.snapshot(), time.monotonic()
        result = (process if env else cli)(*command, *PATIENCE, env={**self.there.env, **env})
        seconds, memory = time.monotonic() - started, _memory_of_children()
        assert not result.err.startswith("Usage:"), result.err
        title = f"{name}: {' '.join(command[:1])} with a spoilt {path}"
        self.tally.cases += 1
        self.tally.done += result.code in (0, 2)
        self.tally.longest = max(self.tally.longest, (seconds, title))
        self.tally.memory = max(self.tally.memory, (memory, title), key=lambda found: found[0])
        self.tally.commands[command[0]] += 1
        wrong = _wrong(result, seconds) or (f"{memory:.0f} MB" if memory > LARGE else "")
        if wrong := wrong or ("writes to the tenant" if self.there.snapshot() != before else ""):
            self.tally.bugs.setdefault(wrong, title)
        return result


def _memory_of_children() -> float:
    """Megabytes, of the largest process that was waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def spoilt(random: Random, answer: Any) -> Any:
    """The answer with a few places in it replaced or missing."""
    for _ in range(random.choice((1, 1, 2, 5))):
        holder = answer
        while below := [item for item in _inside(holder) if isinstance(item, dict | list) and item]:
            if random.random() < 0.2 and holder is not answer:
                break
            holder = random.choice(below)
        key = random.choice(list(holder) if isinstance(holder, dict) else range(len(holder))) if holder else None
        if key is None:
            continue
        if random.random() < 0.3:
            del holder[key]
        else:
            holder[key] = deepcopy(random.choice(JUNK))
    return answer


def _inside(holder: Any) -> list[Any]:
    return list(holder.values()) if isinstance(holder, dict) else list(holder)


def _wrong(result: Result, seconds: float) -> str:
    told = result.out + result.err
    if found := BUG.search(told):
        return found[0]
    if result.code not in (0, 1, 2):
        return f"exit {result.code}"
    if found := UNSAFE.search(told):
        return f"shows {found[0]!r}"
    return f"{seconds:.0f} s" if seconds > SLOW else ""


def tried(there: Bench, seed: int, count: int) -> Tally:
    """So many cases of this seed."""
    with hostile(there.host) as proxy:
        answers = Answers(there, proxy)
        for number in range(count):
            answers.case(f"{seed}/{number}")
        there.faults()
    return answers.tally


def main() -> int:
    """Prints the figures and each bug with the first case that shows it; 1 when there is any."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=1000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as there:
        tally = tried(there, given.seed, given.count)
    for bug, first in tally.bugs.items():
        print(f"FAILED {bug}: {first}")
    ran = ", ".join(f"{name} {count}" for name, count in tally.commands.most_common())
    print(f"answers: {tally.cases} spoilt, {tally.unbounded} of them without bound ({ran}), {tally.done} coped with, "
          f"{len(tally.bugs)} kinds of failure")  # fmt: skip
    print(f"longest {tally.longest[0]:.1f} s ({tally.longest[1]})")
    print(f"most memory {tally.memory[0]:.0f} MB ({tally.memory[1]})")
    return bool(tally.bugs)


if __name__ == "__main__":
    sys.exit(main())

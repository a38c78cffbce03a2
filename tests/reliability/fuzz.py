"""A mutation fuzzer of specs: whatever stands in the file, an answer comes soon, and it is not a traceback.

    python -m tests.reliability.fuzz --count 20000 [--seed N] [--jobs N] [--keep FOLDER]

Every case is one spec: an example of the project, mutated as bytes, as text or as YAML. It goes through `validate`, and
when it is valid through `plan` on the sandbox. Case N of a seed is the same on every machine.
"""

from __future__ import annotations

import argparse
import re
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, NoReturn

import yaml

from tests.support import EXAMPLE_VARIABLES, EXAMPLES, Result, cli, write_spec

HANG = 20
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
BUG = re.compile(r"failed unexpectedly \((\w+) at ([\w.:]+)\)|Traceback")
SECRET = "canary-fuzz-secret"
ENV = {**EXAMPLE_VARIABLES, "CRM_CLIENT_SECRET": SECRET, "CRM_CLIENT_ID": "crm", "AUTH0_DOMAIN": "acme.us.auth0.com"}
WORDS: list[str] = [
    "${env:CRM_CLIENT_SECRET}", "${env:}", "${env:NOT_SET}", "${env:A:-${env:B}}", "${env:X:-}", "${", "${}", "}", "$${x}",
    "${file:../../etc/passwd}", "${file:/dev/zero}", "${file:.}", "${file:keys/nightly-sync.pub.pem}", "${file:\x00}",
    "null", "~", "true", "yes", ".inf", "-.nan", "1e999", "0x" + "f" * 400, "9" * 5000, "2026-01-01", "0b2", "1_000",
    "!!binary x", "!!python/object/apply:os.system [id]", "!!set {a}", "&a [*a]", "*a", "&a b", "<<: *a", "<<: {a: b}",
    "- " * 60, "[" * 200, "{a: " * 80, "\u202e\u2066evil", "\x1b[31mred\x1b[0m", "\ufeff", "\u0000", "\ud7ff", "😀" * 40,
    "a\u0301" * 40, "\u2028", "é", "? [a, b]\n: c", "? ", ": ", "---\n", "...\n", "%YAML 9.9\n---\n", "|\n", ">-\n", "'",
    '"', '"\\ud800"', "#", "\t", "\r\n", "\r", "a.b", "a/b", "a b", "__proto__", "constructor", "-1", "x" * 20_000,
    "https://" + "a" * 3000, "http://[::1", "//", "*", "?", "oauth2", "google-oauth2", "auth0",
    "connected_accounts", "privileged_worker", "access_token_exchange", "refresh_token_exchange",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 10**400, 1.5, float("inf"), float("nan"), "", " ", "x" * 10_000, [], {}, [[]], [{}], [None],
    {"": None}, {"a": {}}, {"a": [1, "2", None]}, ["a", "a"], [1, 1], {1: 2}, {None: 1}, {True: 1}, "${file:keys}",
    *(word for word in WORDS if "\x00" not in word),
]  # fmt: skip


@dataclass
class Tally:
    """What came of a run."""

    cases: int = 0
    valid: int = 0
    planned: int = 0
    bugs: dict[str, str] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    memory: int = 0


# ---- mutations


def _bytes(random: Random, raw: bytes) -> bytes:
    data = bytearray(raw)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        at = random.randrange(len(data) + 1)
        match random.randrange(5):
            case 0:
                data[at:at] = bytes(random.choices(range(256), k=random.choice((1, 2, 8))))
            case 1:
                del data[at : at + random.choice((1, 2, 30))]
            case 2:
                data[at : at + 1] = bytes([random.randrange(256)])
            case 3:
                piece = data[at : at + random.randrange(200)]
                to = random.randrange(len(data) + 1)
                data[to:to] = piece
            case _:
                data[at : at + random.randrange(20)] = random.choice(WORDS).encode("utf-8", "surrogatepass")
    return bytes(data)


def _lines(random: Random, raw: bytes) -> bytes:
    lines = raw.decode().split("\n")
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(lines))
        match random.randrange(6):
            case 0:
                lines.insert(at, lines[random.randrange(len(lines))])
            case 1 if len(lines) > 1:
                del lines[at]
            case 2:
                lines[at] = re.sub(r":.*", lambda m: f": {random.choice(WORDS)}", lines[at], count=1)
            case 3:
                lines[at] = " " * random.randrange(9) + lines[at].lstrip()
            case 4:
                lines[at] = re.sub(r"\w+", lambda m: random.choice(WORDS), lines[at], count=1)
            case _:
                lines[at] += random.choice(WORDS)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _tree(random: Random, raw: bytes) -> bytes:
    document = yaml.safe_load(raw)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        holder = _holder(random, document)
        if isinstance(holder, dict) and holder:
            key = random.choice(list(holder))
            match random.randrange(4):
                case 0:
                    holder[key] = deepcopy(random.choice(VALUES))  # what later cases change must not be shared
                case 1:
                    del holder[key]
                case 2:
                    holder[random.choice(WORDS)] = holder[key]
                case _:
                    holder[key] = [holder[key]] * random.choice((1, 2, 60))
        elif isinstance(holder, list):
            holder.insert(0, deepcopy(random.choice(VALUES)))
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=random.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def _holder(random: Random, document: Any) -> Any:
    """A mapping or list somewhere inside."""
    while True:
        inside = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
        below = [item for item in inside if isinstance(item, dict | list)]
        if not below or random.random() < 0.25:
            return document
        document = random.choice(below)


MUTATIONS: tuple[Callable[[Random, bytes], bytes], ...] = (_bytes, _lines, _tree, _tree)


def case(seed: int, number: int) -> bytes:
    """One spec."""
    random = Random(f"{seed}/{number}")
    raw = random.choice(EXAMPLES).read_bytes()
    mutated = random.choice(MUTATIONS)(random, raw)
    return _bytes(random, mutated) if random.random() < 0.1 else mutated


# ---- judging


def judged(folder: Path, raw: bytes, tally: Tally, name: str) -> None:
    """Runs one case and takes down what came of it."""
    (folder / "spec.yaml").write_bytes(raw)
    started = time.monotonic()
    results = [cli("validate", "spec.yaml", cwd=folder, env=ENV)]
    if results[0].code == 0:
        results.append(cli("plan", "spec.yaml", "--sandbox=t.db", cwd=folder, env=ENV))
    seconds = time.monotonic() - started
    tally.cases += 1
    tally.valid += len(results) - 1
    tally.planned += len(results) == 2 and results[1].code == 0
    tally.longest = max(tally.longest, seconds)
    tally.codes.update(re.findall(r"\[([a-z-]+)\]$", results[-1].err, re.MULTILINE))
    for result in results:
        if wrong := _wrong(result, seconds):
            tally.bugs.setdefault(wrong, name)


def _wrong(result: Result, seconds: float) -> str:
    if found := BUG.search(result.err + result.out):
        return found[0]
    if result.code not in (0, 1):
        return f"exit {result.code}"
    if result.code == 1 and not result.err.startswith("Error: ") and "\nError: " not in result.err:
        return "exit 1 without an error"
    if found := UNSAFE.search(result.out + result.err):
        return f"writes {found[0]!r}"
    if SECRET in result.out + result.err:
        return "shows the secret"
    return f"{seconds:.0f} s" if seconds > HANG / 2 else ""


def _too_long(number: int, frame: FrameType | None) -> NoReturn:
    raise RuntimeError("hang")


def run(seed: int, numbers: range, keep: str) -> Tally:
    """This worker's cases."""
    tally = Tally()
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_spec(folder, "")
        for number in numbers:
            known = set(tally.bugs)
            raw = case(seed, number)
            signal.alarm(HANG)
            judged(folder, raw, tally, f"case {number} of seed {seed}")
            signal.alarm(0)
            if keep and set(tally.bugs) - known:
                (Path(keep) / f"{seed}-{number}.yaml").write_bytes(raw)
    tally.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return tally


def merged(tallies: list[Tally]) -> Tally:
    """The tallies of all workers as one."""
    total = Tally()
    for tally in tallies:
        total.cases += tally.cases
        total.valid += tally.valid
        total.planned += tally.planned
        total.bugs = {**tally.bugs, **total.bugs}
        total.codes += tally.codes
        total.longest = max(total.longest, tally.longest)
        total.memory = max(total.memory, tally.memory)
    return total


def main() -> int:
    """Prints the figures and each bug with the first case that shows it; 1 when there is any."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--keep", default="", help="folder for the specs that show a bug")
    given = options.parse_args()
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        shares = [range(n, given.count, given.jobs) for n in range(given.jobs)]
        total = merged(list(pool.map(run, [given.seed] * given.jobs, shares, [given.keep] * given.jobs)))
    for bug, first in total.bugs.items():
        print(f"FAILED {bug}: {first}")
    print("told most often: " + ", ".join(f"{code} {count}" for code, count in total.codes.most_common(12)))
    print(f"fuzz: {total.cases} specs, {total.valid} valid, {total.planned} planned, {len(total.bugs)} kinds of failure, "
          f"longest {total.longest:.2f} s, most memory {total.memory // 1024} MB")  # fmt: skip
    return bool(total.bugs)


if __name__ == "__main__":
    sys.exit(main())

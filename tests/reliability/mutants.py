"""Mutation testing: one small fault at a time in the modules that decide what is written, and whether a test sees it.

    python -m tests.reliability.mutants --sample 300 --seed N [--jobs N] [--only TEXT] [--minutes N] [--reach FILE] [--list]

cosmic-ray finds and makes the faults; it is no dependency of the tests: `pip install cosmic-ray`. Each mutant is put into
a copy of the tree and meets the tests of `TESTS` that reach its line, quick ones first and half a minute's worth at most,
until one fails. Survivors are printed
as diffs, to be judged: a change that nobody can see, or a test that is missing. Which tests reach which lines is written
to the file of `--reach`, and read from it when it is there: that run of all tests takes minutes.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from bisect import bisect
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from itertools import accumulate
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Any

from tests.support import ROOT

MODULES = (
    "tokenvault/plan/*.py",
    "tokenvault/flavors/provisions.py",
    "tokenvault/model/constraints.py",
    "tokenvault/model/marks.py",
    "tokenvault/applier/*.py",
    "tokenvault/state/*.py",
    "tokenvault/tenant/client.py",
    "tokenvault/tenant/decoding.py",
    "tokenvault/tenant/retries.py",
)
"""Planner, patch, ownership, applier, reading, gateway, selection: where they stand."""
DRAWN = ("document", "explanation", "codec", "file")
"""Modules of the plan that draw or store it: their tests are elsewhere."""
TESTS = (
    "tests/reliability/sequences",
    "tests/plan",
    "tests/state",
    "tests/model",
    "tests/kinds",
    "tests/flavors",
    "tests/applier",
    "tests/operations",
    "tests/tenant/test_long_lists.py",
    "tests/tenant/test_answers_without_end.py",
)
"""What meets a mutant."""
SECONDS = 600
"""After so long a mutant does not end."""
BUDGET = 30.0
"""Seconds of tests, as they took without a mutant, that a mutant meets at most."""
COPIED = ("tokenvault", "tests", "schemas", "examples", "README.md", "pyproject.toml", "CHANGELOG.md", ".github")


@dataclass(frozen=True)
class Mutant:
    """One fault: where, and the operator of cosmic-ray that makes it."""

    module: str
    operator: str
    occurrence: int
    line: int
    column: int

    @property
    def place(self) -> tuple[str, int, int, str]:
        """What mutants share that differ only in what an operator is replaced by."""
        return self.module, self.line, self.column, self.operator.rsplit("_", 1)[0]

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.operator}"


@dataclass(frozen=True)
class Verdict:
    """Whether a test saw the fault, and the fault as a diff."""

    mutant: Mutant
    how: str
    diff: str


def every(modules: Sequence[str]) -> list[Mutant]:
    """Every mutant of the modules that is another program; annotations are none."""
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import WorkDB, use_db

    files = sorted({path for pattern in modules for path in ROOT.glob(pattern)})
    with (
        tempfile.TemporaryDirectory() as folder,
        use_db(str(Path(folder) / "session.sqlite"), WorkDB.Mode.create) as db,
    ):
        init(files, db, {})
        specs = [mutation for item in db.work_items for mutation in item.mutations]
    return [
        Mutant(str(Path(m.module_path).relative_to(ROOT)), m.operator_name, m.occurrence, *m.start_pos) for m in specs
    ]


def sampled(mutants: Sequence[Mutant], size: int, seed: int) -> Iterator[tuple[Mutant, str, str]]:
    """So many mutants at random, no two at one place with one sort of operator; each with the code before and after."""
    shuffled = sorted(mutants, key=str)
    Random(seed).shuffle(shuffled)
    places: set[tuple[Any, ...]] = set()
    for mutant in shuffled:
        if len(places) >= size:
            return
        if mutant.place not in places and (codes := mutated(mutant)):
            places.add(mutant.place)
            yield mutant, *codes


def mutated(mutant: Mutant) -> tuple[str, str] | None:
    """The code before and after; None when it is the same program."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    code = (ROOT / mutant.module).read_text()
    changed = mutate_code(code, get_operator(mutant.operator)(), mutant.occurrence)
    if changed is None:
        return None
    try:
        return None if _program(code) == _program(changed) else (code, changed)
    except SyntaxError:
        return None


def _program(code: str) -> str:
    """The program without annotations, which nothing evaluates here, and without docstrings."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)


# ---- trying them


class Trees:
    """Copies of the tree, one for each that tries mutants at the same time."""

    def __init__(self, folder: Path, count: int) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        for number in range(count):
            self._free.put(self._copy(folder / str(number)))

    def _copy(self, tree: Path) -> Path:
        tree.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".tokenvault"))
            elif source.exists():
                shutil.copy(source, tree / name)
        return tree

    def tried(self, mutant: Mutant, code: str, changed: str, reach: Reach) -> Verdict:
        """Has the tests meet the mutant."""
        tree = self._free.get()
        file = tree / mutant.module
        file.write_text(changed)
        try:
            how = outcome(tree, reach.tests(mutant))
        finally:
            file.write_text(code)
            self._free.put(tree)
        lines = unified_diff(code.splitlines(), changed.splitlines(), mutant.module, mutant.module, "", "", 1, "")
        return Verdict(mutant, how, "\n".join(lines))

    def reach(self) -> Reach | None:
        """Which tests reach which lines, without those that fail when there is no mutant; None where they cannot be run."""
        tree = self._free.get()
        try:
            options = (
                "--maxfail=20",
                "--cov=tokenvault",
                "--cov-context=test",
                "--cov-report=",
                "--durations=0",
                "--durations-min=0",
                "-vv",
            )
            done = pytest_in(tree, (*options, *TESTS), 20 * SECONDS)
            failed = frozenset(re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE))
            print("\n".join(f"left out, for it fails without a mutant: {name}" for name in sorted(failed)))
            return Reach.of(tree, done.stdout, failed) if done.returncode in (0, 1) and len(failed) < 20 else None
        finally:
            self._free.put(tree)


@dataclass(frozen=True)
class Reach:
    """By module and line, the tests that reach it, the quickest first."""

    lines: Mapping[tuple[str, int], Sequence[str]]
    seconds: Mapping[str, float]

    @classmethod
    def of(cls, tree: Path, report: str, failed: Collection[str]) -> Reach:
        """Reads the coverage of a run in the tree, and how long each test that did not fail took from its report."""
        from coverage import CoverageData

        seconds: dict[str, float] = defaultdict(float)
        for took, name in re.findall(r"^([\d.]+)s (?:setup|call|teardown) +(.+)$", report, re.MULTILINE):
            seconds[name] += float(took)
        data = CoverageData(str(tree / ".coverage"))
        data.read()
        lines: dict[tuple[str, int], list[str]] = {}
        for file in data.measured_files():
            module = str(Path(file).relative_to(tree))
            for line, contexts in data.contexts_by_lineno(file).items():
                names = {context.rpartition("|")[0] for context in contexts if context} - {*failed}
                lines[module, line] = sorted(names, key=lambda name: seconds.get(name, 0.0))
        return cls(lines, seconds)

    def write(self, file: Path) -> None:
        """Keeps it for another run."""
        lines = [[*place, *names] for place, names in self.lines.items()]
        file.write_text(json.dumps({"lines": lines, "seconds": self.seconds}))

    @classmethod
    def read(cls, file: Path) -> Reach:
        """What another run has kept."""
        kept = json.loads(file.read_text())
        return cls({(module, line): names for module, line, *names in kept["lines"]}, kept["seconds"])

    def tests(self, mutant: Mutant) -> Sequence[str]:
        """The tests that reach the mutant's line, within the budget; where only importing runs it, those of its module."""
        found = [name for name in self.lines.get((mutant.module, mutant.line), ()) if name] or self._of_module(
            mutant.module
        )
        took = list(accumulate(self.seconds.get(name, 0.0) for name in found))
        return found[: max(1, bisect(took, BUDGET))] or TESTS

    def _of_module(self, module: str) -> list[str]:
        names = {name for (where, _), some in self.lines.items() if where == module for name in some if name}
        return sorted(names, key=lambda name: (self.seconds.get(name, 0.0), name))


def pytest_in(tree: Path, arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Runs pytest in a copy of the tree."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--dist", "no", "-p", "no:cacheprovider", *arguments]
    env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "TOKENVAULT_EXAMPLES": "5"}
    return subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, timeout=seconds, check=False)


def outcome(tree: Path, tests: Sequence[str]) -> str:
    """`killed`, `survived` or `timeout`."""
    try:
        done = pytest_in(tree, ("-x", *tests), SECONDS)
    except subprocess.TimeoutExpired:
        return "timeout"
    return "survived" if done.returncode == 0 else "killed"


def main() -> int:
    """Prints each survivor and the share that the tests saw."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--sample", type=int, default=300)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--only", default="", help="modules whose path holds this")
    options.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    options.add_argument("--reach", type=Path, help="where it is kept which tests reach which lines")
    options.add_argument("--list", action="store_true", help="show the sample instead of trying it")
    given = options.parse_args()
    found = [m for m in every(MODULES) if given.only in m.module and Path(m.module).stem not in DRAWN]
    chosen = list(sampled(found, given.sample, given.seed))
    print(f"{len(found)} mutants of {len({m.module for m in found})} modules; a sample of {len(chosen)}")
    if given.list:
        print("\n".join(str(mutant) for mutant, *_ in chosen))
        return 0
    return _try(chosen, given.jobs, given.minutes, given.reach)


def _try(chosen: Sequence[tuple[Mutant, str, str]], jobs: int, minutes: float, kept: Path | None) -> int:
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(jobs) as pool:
        trees = Trees(Path(folder), jobs)
        reach = Reach.read(kept) if kept and kept.exists() else trees.reach()
        if reach is None:
            print("The tests cannot be run without a mutant: nothing can be said.")
            return 1
        if kept:
            reach.write(kept)
        ends, verdicts = time.monotonic() + 60 * minutes, list[Verdict]()
        for verdict in pool.map(lambda one: trees.tried(*one, reach) if time.monotonic() < ends else None, chosen):
            if verdict is not None:
                verdicts.append(verdict)
                sys.stderr.write({"survived": "S", "timeout": "t"}.get(verdict.how, "."))
                sys.stderr.flush()
                if verdict.how == "survived":
                    print(f"\n{verdict.mutant}\n{verdict.diff}", flush=True)
    survivors = [verdict for verdict in verdicts if verdict.how == "survived"]
    seen = len(verdicts) - len(survivors)
    slow = sum(verdict.how == "timeout" for verdict in verdicts)
    print(f"\n{len(verdicts)} mutants, {seen} seen ({slow} by not ending), {len(survivors)} survived: "
          f"{100 * seen / max(len(verdicts), 1):.0f}% seen")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())

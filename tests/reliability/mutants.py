"""Mutation testing: one small fault at a time in the modules that decide what is written, and whether a test sees it.

    python -m tests.reliability.mutants --sample 300 --seed N [--jobs N] [--only TEXT] [--minutes N] [--list]

cosmic-ray finds and makes the faults; it is no dependency of the tests: `pip install cosmic-ray`. Each mutant is put into
a copy of the tree and meets the tests that `TESTS` has for its module, until one fails. Survivors are printed as diffs, to be
judged: a change that nobody can see, or a test that is missing.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from fnmatch import fnmatch
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Any

from tests.support import ROOT

MODULES = (
    "tokenvault/planner/*.py",
    "tokenvault/plan.py",
    "tokenvault/diff.py",
    "tokenvault/want.py",
    "tokenvault/select.py",
    "tokenvault/ownership.py",
    "tokenvault/flavors/_loans.py",
    "tokenvault/applier/*.py",
    "tokenvault/tenant/gateway.py",
)
"""Planner, patch, ownership, applier, gateway, selection: where they stand now."""
TESTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "tokenvault/tenant/*",
        ("tests/frugal/test_long_lists.py", "tests/reliability/sequences", "tests/plan", "tests/frugal"),
    ),
    ("*", ("tests/reliability/sequences", "tests/plan", "tests/ownership", "tests/frugal/test_long_lists.py")),
)
"""What meets a mutant, by its module: the first that fits."""
SLOW = (
    "tests/plan/test_events.py::test_waiting_for_the_rate_limit_is_told",
    "tests/plan/test_progress.py",
    "tests/reliability/sequences/test_sequences.py::test_the_generator_gives_every_field_of_the_schema_a_value",
)
"""What takes long there and says little of these modules."""
SECONDS = 300
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

    def tried(self, mutant: Mutant, code: str, changed: str) -> Verdict:
        """Has the tests meet the mutant."""
        tree = self._free.get()
        file = tree / mutant.module
        file.write_text(changed)
        try:
            how = outcome(tree, tests_of(mutant.module))
        finally:
            file.write_text(code)
            self._free.put(tree)
        lines = unified_diff(code.splitlines(), changed.splitlines(), mutant.module, mutant.module, "", "", 1, "")
        return Verdict(mutant, how, "\n".join(lines))

    def baseline(self) -> str:
        """How the tests end without any mutant."""
        tree = self._free.get()
        try:
            return outcome(tree, tuple(dict.fromkeys(path for _, paths in TESTS for path in paths)), 4 * SECONDS)
        finally:
            self._free.put(tree)


def tests_of(module: str) -> tuple[str, ...]:
    """The tests that a mutant of a module meets."""
    return next(paths for pattern, paths in TESTS if fnmatch(module, pattern))


def outcome(tree: Path, tests: Sequence[str], seconds: float = SECONDS) -> str:
    """`killed`, `survived` or `timeout`."""
    deselected = [part for name in SLOW for part in ("--deselect", name)]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *deselected, *tests]
    env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "TOKENVAULT_EXAMPLES": "5"}
    try:
        done = subprocess.run(command, cwd=tree, env=env, capture_output=True, timeout=seconds, check=False)
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
    options.add_argument("--list", action="store_true", help="show the sample instead of trying it")
    given = options.parse_args()
    found = [mutant for mutant in every(MODULES) if given.only in mutant.module]
    chosen = list(sampled(found, given.sample, given.seed))
    print(f"{len(found)} mutants of {len({m.module for m in found})} modules; a sample of {len(chosen)}")
    if given.list:
        print("\n".join(str(mutant) for mutant, *_ in chosen))
        return 0
    return _try(chosen, given.jobs, given.minutes)


def _try(chosen: Sequence[tuple[Mutant, str, str]], jobs: int, minutes: float) -> int:
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(jobs) as pool:
        trees = Trees(Path(folder), jobs)
        if trees.baseline() != "survived":
            print("The tests fail without any mutant: nothing can be said.")
            return 1
        ends, verdicts = time.monotonic() + 60 * minutes, list[Verdict]()
        for verdict in pool.map(lambda one: trees.tried(*one) if time.monotonic() < ends else None, chosen):
            if verdict is not None:
                verdicts.append(verdict)
                sys.stderr.write({"survived": "S", "timeout": "t"}.get(verdict.how, "."))
                sys.stderr.flush()
    survivors = [verdict for verdict in verdicts if verdict.how == "survived"]
    for verdict in survivors:
        print(f"\n{verdict.mutant}\n{verdict.diff}")
    seen = len(verdicts) - len(survivors)
    slow = sum(verdict.how == "timeout" for verdict in verdicts)
    print(f"\n{len(verdicts)} mutants, {seen} seen ({slow} by not ending), {len(survivors)} survived: "
          f"{100 * seen / max(len(verdicts), 1):.0f}% seen")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())

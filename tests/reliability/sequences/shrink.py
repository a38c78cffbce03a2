"""Makes a failing case small: takes steps out, then whatever else of it is not needed for the same failure.

Cases are data that any part can be taken out of: what does not fit any more is not made. So this works on what is replayed
later, a whole branch at a time. Hypothesis shrinks the choices behind a case, and needs many more runs for less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

Case = dict[str, Any]
Path = tuple[Any, ...]
Fails = Callable[[Case], bool]
FIXED = frozenset({"do", "act", "version", "name", "path", "specs", "steps", "past", "how", "nth"})
"""Keys without which a part of a case says nothing any more."""


class Shrinker:
    """One case that fails, and how many runs may still be spent on it."""

    def __init__(self, case: Case, fails: Fails, most: int) -> None:
        self.case, self._fails, self._left = case, fails, most

    def shrink(self) -> Case:
        """The smallest case found."""
        size = -1
        while size != len(str(self.case)) and self._left > 0:
            size = len(str(self.case))
            for name in ("steps", "past"):
                self._thin((name,))
            for path in (("specs", 0), ("specs", 1), ("past",), ("steps",)):
                self._prune(path)
        return self.case

    def _try(self, smaller: Case) -> bool:
        if self._left <= 0:
            return False
        self._left -= 1
        if self._fails(smaller):
            self.case = smaller
            return True
        return False

    def _thin(self, path: Path) -> None:
        """Takes runs of a list's members out: all, halves, quarters, one by one."""
        size = len(_at(self.case, path))
        while size:
            start = 0
            while start < len(_at(self.case, path)):
                smaller = deepcopy(self.case)
                del _at(smaller, path)[start : start + size]
                if not self._try(smaller):
                    start += size
            size //= 2

    def _prune(self, path: Path) -> None:
        """Takes what stands below a path out: all of it, else each part, else what stands below each part."""
        keys = [key for key in _keys(_at(self.case, path)) if key not in FIXED]
        smaller = deepcopy(self.case)
        for key in reversed(keys):
            del _at(smaller, path)[key]
        if len(keys) > 1 and self._try(smaller):
            return
        for key in reversed(keys):
            smaller = deepcopy(self.case)
            del _at(smaller, path)[key]
            if not self._try(smaller):
                self._prune((*path, key))


def shrink(case: Case, fails: Fails, *, most: int = 200) -> Case:
    """The smallest case found that still fails, after at most so many runs."""
    return Shrinker(case, fails, most).shrink()


def _keys(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
    elif isinstance(value, list):
        yield from range(len(value))


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value

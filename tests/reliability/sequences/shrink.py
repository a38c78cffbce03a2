"""Makes a failing case small: takes steps out, then whatever else of it is not needed for the same failure.

Cases are data that any part can be taken out of: what does not fit any more is not made. So the reducer works on what is
replayed later, and each try costs one run; Hypothesis's own works on the choices behind it, and took ten times the runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

Case = dict[str, Any]
Fails = Callable[[Case], bool]
LONGEST = 600
SIMPLER: tuple[tuple[str, Any], ...] = (("layout", "one"), ("nth", 0), ("nth", 1), ("nth", 2), ("writes", True))


def shrink(case: Case, fails: Fails, *, most: int = LONGEST) -> Case:
    """The smallest case found that still fails, after at most so many tries."""
    tries = 0
    seen: set[str] = set()
    changed = True
    while changed and tries < most:
        changed = False
        for smaller in _smaller(case):
            text = json.dumps(smaller, sort_keys=True)
            if text in seen or tries >= most:
                continue
            seen.add(text)
            tries += 1
            if fails(smaller):
                case, changed = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with less in them, the boldest first."""
    steps, past = case["steps"], case["past"]
    for size in (len(steps) // 2, len(steps) // 4, 1):
        for start in range(0, len(steps), size or 1):
            if size:
                yield {**case, "steps": steps[:start] + steps[start + size :]}
    if len(past) > 1:
        yield {**case, "past": []}
    yield from _without(case, ("past",))
    yield from _without(case, ("specs",))
    yield from _without(case, ("steps",))
    for number, step in enumerate(steps):
        if step["do"] == "put":
            yield {**case, "steps": _replaced(steps, number, {**step, "do": "drop"})}
        for name, value in SIMPLER:
            if name in step and step[name] != value:
                yield {**case, "steps": _replaced(steps, number, {**step, name: value})}


def _replaced(steps: list[Any], number: int, step: Any) -> list[Any]:
    return [*steps[:number], step, *steps[number + 1 :]]


def _without(case: Case, path: tuple[Any, ...]) -> Iterator[Case]:
    """The case without one of the things below a path, the largest first."""
    found = sorted(_paths(_at(case, path), path), key=lambda p: (len(p), -len(json.dumps(_at(case, p)))))
    for one in found:
        smaller = deepcopy(case)
        holder = _at(smaller, one[:-1])
        if one[-1] not in ("do", "act", "version", "name", "path") or len(one) > 4:
            del holder[one[-1]]
            yield smaller


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        if len(path) > 1 or path[0] == "past":
            yield (*path, key)
        yield from _paths(item, (*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value

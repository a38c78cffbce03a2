"""A mark forgets a loan only when it has been taken back: whoever is cut short in between still finds it by the mark.

Where nothing waits for the application itself, its one update comes last. Where something does (a key is detached before
it is deleted), the mark is written once more at the very end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tokenvault.kinds import kinds
from tokenvault.ownership import Mark, parse_mark
from tokenvault.plan import Action, Change, takes_from


def marks_last(changes: Sequence[Change]) -> list[Change]:
    """The changes in such an order."""
    ready = {change.address: change for change in changes}
    taken: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        for owner in takes_from(change):
            taken[owner].append(change.address)
    for change in changes:
        before, after = _marks(change)
        if before and change.id in taken and before.loans - (after.loans if after else frozenset()):
            _settle(ready, change.address, before, after, taken[change.id])
    return list(ready.values())


def _marks(change: Change) -> tuple[Mark | None, Mark | None]:
    """The mark before and after an update that changes it."""
    marker = kinds()[change.kind].marker
    if change.action is not Action.UPDATE or marker not in change.sets:
        return None, None
    before = next((a.before for a in change.attributes if a.path[0] == marker), None)
    return parse_mark(before), parse_mark(change.sets[marker])


def _settle(ready: dict[str, Change], address: str, before: Mark, after: Mark | None, taken: Iterable[str]) -> None:
    dependent = [name for name in taken if _waits(name, address, ready)]
    app = ready[address]
    others = [name for name in taken if name not in dependent]
    app = replace(app, requires=tuple(dict.fromkeys((*app.requires, *others))))
    if dependent:
        app = _in_two_steps(app, before, after)
    ready[address] = app
    for name in dependent:
        ready[name] = replace(ready[name], requires=tuple(dict.fromkeys((*ready[name].requires, address))))


def _in_two_steps(app: Change, before: Mark, after: Mark | None) -> Change:
    """First everything and the mark with all that is lent by now, then the mark that forgets."""
    marker = kinds()[app.kind].marker
    sets = {path: value for path, value in app.sets.items() if path != marker}
    if after and after.loans - before.loans:
        sets[marker] = str(replace(after, loans=before.loans | after.loans))
    if not sets:
        return app
    return replace(app, sets=sets, later={**app.later, marker: app.sets[marker]})


def _waits(name: str, address: str, changes: Mapping[str, Change]) -> bool:
    """Whether one change has to wait for another, through however many others."""
    seen, left = set[str](), [name]
    while left:
        for needed in changes[left.pop()].requires:
            if needed == address:
                return True
            if needed in changes and needed not in seen:
                seen.add(needed)
                left.append(needed)
    return False

"""`--app`, `--connection`, `--flavor`, `--failing`: the cases that somebody asks about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tokenvault.errors import Diagnostic, RefusedError, did_you_mean
from tokenvault.flavors.runtime.tenant_view import Case

LISTED = 8
_NOTHING = "Nothing of this kind was to be judged: leave the option out."


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is asked for, as globs; nothing means all. An application goes by its key, its name and its client ids.

    `failing` leaves what is ready out of the answer, and changes nothing of the judgement.
    """

    applications: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    flavors: tuple[str, ...] = ()
    failing: bool = False


EVERYTHING = Selection()
NamesOf = Callable[[Case], set[str]]


def selected(cases: Sequence[Case], selection: Selection) -> list[Case]:
    """The cases that are asked for; `RefusedError` with every glob that none of the cases answers to."""
    asked: tuple[tuple[str, tuple[str, ...], NamesOf], ...] = (
        ("app", selection.applications, _applications),
        ("connection", selection.connections, lambda case: {case.connection}),
        ("flavor", selection.flavors, lambda case: {case.flavor}),
    )
    unknown = [one for what, globs, names in asked for one in _unknown(what, globs, names, cases)]
    if unknown:
        raise RefusedError(*unknown)
    return [case for case in cases if all(not globs or _matches(names(case), globs) for _, globs, names in asked)]


def _applications(case: Case) -> set[str]:
    found = [(one.get("client_id"), one.get("name")) for one in (case.app, case.client) if one]
    return {case.application, *(str(name) for names in found for name in names if name)}


def _matches(names: Iterable[str], globs: Iterable[str]) -> bool:
    globs = list(globs)
    return any(fnmatchcase(name, glob) for name in names for glob in globs)


def _unknown(what: str, globs: Iterable[str], names: NamesOf, cases: Sequence[Case]) -> Iterable[Diagnostic]:
    known = sorted({name for case in cases for name in names(case) if name})
    listed = ", ".join(sorted({_title(what, case) for case in cases} - {""})[:LISTED])
    more = ", …" if len({_title(what, case) for case in cases}) > LISTED else ""
    for glob in globs:
        if not _matches(known, (glob,)):
            hint = did_you_mean(glob, known) or (f"There are: {listed}{more}." if listed else _NOTHING)
            summary = f"--{what} {glob}: nothing that was to be judged has this name"
            yield Diagnostic(code=f"doctor-{what}", summary=summary, hint=hint)


def _title(what: str, case: Case) -> str:
    return {"app": case.application, "connection": case.connection, "flavor": case.flavor}[what]

"""A spec written from a live tenant: what of it takes part in Token Vault, such that a plan of it is empty.

inventory.py   what of the tenant takes part, and what the spec calls it all
usages.py      who uses which flavor (as `doctor` detects it), and which API belongs to whom
entries.py     what a person would write for each object
draft.py       which entries the spec has, and its text
check.py       a plan of the text: an application that it would change is left out, with the reason
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tokenvault.export.check import differences_from, plan_errors
from tokenvault.export.draft import Draft, compose, spec_text
from tokenvault.export.entries import UNREAD, Entry, examples_for
from tokenvault.export.inventory import Inventory, inventory
from tokenvault.export.usages import DetectedApplication, title
from tokenvault.state.live import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The text, how many objects are in it, and everything that it could not express."""

    tenant: str
    name: str
    text: str
    applications: int
    connections: int
    apis: int
    not_exported: tuple[str, ...]
    detected: tuple[Detected, ...] = ()
    repaired: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """An application that was found, to be chosen from: its flavors, and what a plan has to repair for these to work."""

    client_id: str
    name: str
    flavors: tuple[str, ...]
    repairs: tuple[str, ...]


def export(
    state: State,
    *,
    file: Path,
    name: str | None = None,
    only: Sequence[str] = (),
    key_files: Mapping[str, str],
    adopt: bool = False,
) -> Exported:
    """The spec of a tenant that was read whole, for the place `file`.

    `only` names applications; `key_files` are the public keys below the file's folder, by thumbprint. A plan of it is empty,
    unless it is to `adopt` what does not work as it is: then the plan is the repair.
    """
    found = inventory(state, name=name, only=only, key_files=key_files)
    problems = _problems(found, file)
    repairs = _repairs(found, problems, file) if adopt else {}
    choices = [
        Detected(
            client_id=detected.client_id,
            name=str(detected.client.get("name") or detected.client_id),
            flavors=tuple(detected.flavors),
            repairs=problems.get(detected.client_id, ()),
        )
        for detected in found.applications
    ]
    problems = {client_id: says for client_id, says in problems.items() if client_id not in repairs}
    draft = compose(found, found.applications, problems, _claimed(found, file, of_these_alone=bool(only)), repairs)
    differences = () if repairs else _differences(found, draft, file, whole=True)
    still = (f"A plan of it is not empty: {says}" for says in differences)
    unread = (f"{entry.key}: {UNREAD}" for entry in draft.connections if UNREAD in entry.about)
    draft = replace(draft, not_exported=(*found.rest, *unread, *still), is_exact=not differences)
    left_out = [detected for detected in found.applications if detected.client_id in problems]
    return Exported(
        tenant=state.domain,
        name=found.name,
        text=spec_text(draft),
        applications=_listed(draft.applications),
        connections=_listed(draft.connections),
        apis=_listed(draft.apis),
        not_exported=(
            *draft.not_exported,
            *(f"{title(detected.client)}: {'; '.join(problems[detected.client_id])}" for detected in left_out),
        ),
        detected=tuple(choices),
        repaired=len(repairs),
    )


def _repairs(found: Inventory, problems: Mapping[str, tuple[str, ...]], file: Path) -> dict[str, tuple[str, ...]]:
    """Of those with problems, the ones with which the spec is valid, and what a plan of it repairs."""
    repairs: dict[str, tuple[str, ...]] = {}
    for detected in found.applications:
        client_id = detected.client_id
        if client_id not in problems or client_id in found.obstacles or examples_for(found, detected):
            continue
        tried = {**repairs, client_id: problems[client_id]}
        rest = {other: says for other, says in problems.items() if other not in tried}
        draft = compose(found, found.applications, rest, [], tried)
        if not plan_errors(spec_text(draft), file, found.state):
            repairs = tried
    return repairs


def _listed(entries: Iterable[Entry]) -> int:
    return sum(not entry.problems for entry in entries)


def _problems(found: Inventory, file: Path) -> dict[str, tuple[str, ...]]:
    """The applications without which a plan of the spec is empty, and why each has to be left out."""
    problems = {client_id: (*says, *_also_wrong(found, client_id, file)) for client_id, says in found.obstacles.items()}
    problems |= _alone(found, [detected for detected in found.applications if detected.client_id not in problems], file)
    rest = [detected for detected in found.applications if detected.client_id not in problems]
    if _differences(found, compose(found, rest, {}, []), file):
        problems |= _together(found, rest, file)
    return problems


def _also_wrong(found: Inventory, client_id: str, file: Path) -> Iterator[str]:
    """What else is wrong with the entry of an application with an obstacle, as `validate` tells it."""
    mine = [detected for detected in found.applications if detected.client_id == client_id]
    obstacles = " ".join(found.obstacles[client_id])
    for summary in plan_errors(spec_text(compose(found, mine, {}, [])), file, found.state):
        if summary.rsplit(" ", 1)[-1] not in obstacles:  # a file that is missing is an obstacle already
            yield summary


def _alone(found: Inventory, applications: Sequence[DetectedApplication], file: Path) -> dict[str, tuple[str, ...]]:
    """Those whose own spec would not plan as empty. Halving the list finds the few among many."""
    about = f"application.{found.keys[applications[0].client_id]}" if len(applications) == 1 else ""
    differences = _differences(found, compose(found, applications, {}, []), file, about) if applications else ()
    if not differences or len(applications) == 1:
        return {detected.client_id: differences for detected in applications if differences}
    middle = len(applications) // 2
    return _alone(found, applications[:middle], file) | _alone(found, applications[middle:], file)


def _together(found: Inventory, applications: Sequence[DetectedApplication], file: Path) -> dict[str, tuple[str, ...]]:
    """Those that do not go together with the ones before them."""
    accepted: list[DetectedApplication] = []
    problems: dict[str, tuple[str, ...]] = {}
    for detected in applications:
        differences = _differences(found, compose(found, [*accepted, detected], {}, []), file)
        if differences:
            problems[detected.client_id] = differences
        else:
            accepted.append(detected)
    return problems


def _claimed(found: Inventory, file: Path, *, of_these_alone: bool) -> list[str]:
    """The connections with this spec's mark, as far as it can say how they are; all, or those that the applications use."""
    used = {name for each in found.applications for name in found.connections_of(each)}
    names = [name for name in found.claimed() if name in used or not of_these_alone]
    return [name for name in names if not _differences(found, compose(found, [], {}, [name]), file)]


def _differences(
    found: Inventory, draft: Draft, file: Path, about: str = "", *, whole: bool = False
) -> tuple[str, ...]:
    return differences_from(spec_text(draft), file, found.state, about=about, revoke=whole)

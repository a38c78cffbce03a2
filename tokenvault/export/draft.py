"""A spec as text: its entries under a heading that says what it is, with what it could not express as comments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tokenvault.export.entries import Entry, api_entry, application_entry, connection_entry, connection_problem, serving
from tokenvault.export.inventory import Inventory
from tokenvault.export.usages import DetectedApplication
from tokenvault.flavors.public_keys import BadKey, read_public_key
from tokenvault.spec.writer import comment, commented_out, indented, mapping
from tokenvault.text import safe

SCHEMA_LINE = "# yaml-language-server: $schema=tokenvault.schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A spec before it is text. `top` holds the keys above the sections, `not_exported` what it could not express.

    One that is not exact is not planned as empty; what a plan of it changes is in `not_exported`.
    """

    domain: str
    top: dict[str, Any]
    connections: tuple[Entry, ...] = ()
    repaired: int = 0
    apis: tuple[Entry, ...] = ()
    applications: tuple[Entry, ...] = ()
    not_exported: tuple[str, ...] = ()
    is_exact: bool = True


def spec_text(draft: Draft) -> str:
    """The whole file."""
    lines = [*_heading(draft), *mapping(draft.top)]
    for name in ("connections", "apis", "applications"):
        lines += _section(name, getattr(draft, name))
    return "\n".join(lines) + "\n"


def _heading(draft: Draft) -> Iterator[str]:
    yield SCHEMA_LINE
    yield "#   (for completion in editors: tokenvault schema > tokenvault.schema.json)"
    yield "#"
    yield from comment(f"What of {safe(draft.domain)} takes part in Token Vault, written by `tokenvault export`.")
    described = "It describes what is there: a plan of it is empty."
    if not draft.is_exact:
        described = "It describes what is there, as far as a spec can: what a plan of it changes is told below."
    if draft.repaired:
        count = "one application" if draft.repaired == 1 else f"{draft.repaired} applications"
        described = f"A plan of it shows what has to change for {count} of it to work; read that before you apply it."
    yield from comment(f"{described} What it does not mention is left as it is, now and later.")
    if not (draft.applications or draft.apis or draft.not_exported):
        yield "# Nothing there uses Token Vault yet."
    left_out = [entry.key for entry in (*draft.connections, *draft.apis, *draft.applications) if entry.problems]
    if left_out:
        yield "#"
        yield from comment(f"Left out for now, each with the reason, as comments below: {', '.join(left_out)}.")
    if draft.not_exported:
        yield "#"
        yield "# What it cannot say:"
        for says in draft.not_exported:
            yield from _bullet(says)


def _bullet(text: str) -> Iterator[str]:
    first, *rest = comment(text)
    yield f"#   - {first[2:]}"
    yield from (f"#     {line[2:]}" for line in rest)


def _section(name: str, entries: Sequence[Entry]) -> Iterator[str]:
    if not entries:
        return
    yield ""
    listed = [entry for entry in entries if not entry.problems]
    yield f"{name}:" if listed else f"# {name}:"
    yield from indented(_entries(listed))
    yield from _left_out(entry for entry in entries if entry.problems)


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    for number, entry in enumerate(entries):
        if number and (entry.about or len(entry.fields) > 1):
            yield ""
        for text in entry.about:
            yield from comment(text)
        yield from mapping({entry.key: entry.fields})


def _left_out(entries: Iterable[Entry]) -> Iterator[str]:
    """As comments: what stands in the way, and the lines that are right once it is gone."""
    for entry in entries:
        yield ""
        lines = [line for text in entry.about for line in comment(text)]
        lines += comment(f"{entry.key} is left out, because a plan of it would not be empty:")
        for problem in entry.problems:
            lines += _bullet(problem)
        lines += comment(f"To take it in, {entry.before}remove the `# ` in front of these lines:")
        yield from indented([*lines, *commented_out(mapping({entry.key: entry.fields}))])


Problems = Mapping[str, tuple[str, ...]]


def compose(
    found: Inventory,
    applications: Sequence[DetectedApplication],
    problems: Problems,
    claimed: Sequence[str],
    repairs: Problems = MappingProxyType({}),
) -> Draft:
    """The spec of these applications. Those with problems, and what only they need, are left out as comments.

    `claimed` are the connections that the spec says more of than that they are used. `repairs` are what a plan of it changes
    of an application, for a comment.
    """
    listed = [detected for detected in applications if detected.client_id not in problems]
    users = [*listed, *found.serving(listed).values()]
    used_names = [name for detected in users for name in found.connections_of(detected)]
    names = tuple(dict.fromkeys([*claimed, *used_names]))
    return Draft(
        domain=found.state.domain,
        top=_top(found, listed),
        connections=(
            *(connection_entry(found, name, listed, bare=name not in claimed) for name in names),
            *_connections_left_out(found, applications, names),
        ),
        apis=tuple(_apis(found, applications, listed, names, problems, repairs)),
        applications=tuple(
            application_entry(
                found, detected, names, problems.get(detected.client_id, ()), repairs.get(detected.client_id, ())
            )
            for detected in applications
            if not detected.is_api
        ),
        repaired=len(repairs),
    )


def _top(found: Inventory, listed: Iterable[DetectedApplication]) -> dict[str, Any]:
    """A spec that names client ids is good for this tenant only, and says so."""
    top: dict[str, Any] = {"version": 1, "name": found.name}
    if any(detected.client_id not in found.created for detected in listed if not detected.is_api):
        top["tenant"] = found.state.domain
    host = found.tenant_view.my_account_audience.removeprefix("https://").removesuffix("/me/")
    return top if host == found.state.domain else {**top, "my_account_api": {"domain": host}}


def _connections_left_out(
    found: Inventory, applications: Iterable[DetectedApplication], listed: Sequence[str]
) -> Iterator[Entry]:
    needed: dict[str, list[str]] = {}
    for detected in applications:
        for name in found.connections_of(detected):
            needed.setdefault(name, []).append(found.keys[detected.client_id])
    for name, keys in needed.items():
        if name not in listed:
            entry = connection_entry(found, name, (), bare=True)
            yield replace(entry, problems=(f"only {', '.join(keys)} would use it", *connection_problem(found, name)))


def _apis(
    found: Inventory,
    applications: Sequence[DetectedApplication],
    listed: Sequence[DetectedApplication],
    names: Sequence[str],
    problems: Problems,
    repairs: Problems,
) -> Iterator[Entry]:
    api_consumers: dict[str, list[DetectedApplication]] = {}
    for detected in applications:
        if detected.exchange:
            api_consumers.setdefault(detected.exchange.api, []).append(detected)
    for identifier, users in api_consumers.items():
        here = [detected for detected in users if detected in listed]
        entry = api_entry(found, identifier, here or users)
        alone = next((detected for detected in users if detected.is_api), None)
        client = alone or found.serving(listed).get(identifier)
        if client:
            entry = serving(
                found, entry, client, names, problems.get(client.client_id, ()), repairs.get(client.client_id, ())
            )
        keys = ", ".join(found.keys[detected.client_id] for detected in users)
        yield entry if here or alone else replace(entry, problems=(f"only {keys} would use it",))


SUFFIXES = (".pem", ".pub", ".crt", ".cer")
MAX_DEPTH, MAX_FILES, MAX_BYTES = 3, 500, 64 * 1024
_SKIPPED = frozenset({"node_modules", "__pycache__"})


def public_keys_below(folder: Path) -> dict[str, str]:
    """The files below the folder that hold a public key, relative to it, by the key's thumbprint."""
    found: dict[str, str] = {}
    for number, path in enumerate(_candidates(folder)):
        if number == MAX_FILES:
            break
        try:
            if path.stat().st_size <= MAX_BYTES:
                found.setdefault(
                    read_public_key(path.read_text(encoding="utf-8")).kid, path.relative_to(folder).as_posix()
                )
        except (OSError, UnicodeDecodeError, BadKey):
            continue
    return found


def _candidates(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        here = Path(place)
        deep = len(here.relative_to(folder).parts) >= MAX_DEPTH
        folders[:] = [] if deep else sorted(f for f in folders if f not in _SKIPPED and not f.startswith("."))
        yield from (here / name for name in sorted(files) if name.endswith(SUFFIXES))

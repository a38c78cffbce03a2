"""Which entries an exported spec has: its applications, and what they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tokenvault.export.draft import Draft
from tokenvault.export.entries import Entry, api_entry, application_entry, connection_entry, connection_problem
from tokenvault.export.survey import Survey
from tokenvault.export.uses import Used

Problems = Mapping[str, tuple[str, ...]]


def compose(found: Survey, applications: Sequence[Used], problems: Problems, claimed: Sequence[str]) -> Draft:
    """The spec of these applications. Those with problems, and what only they need, are left out as comments.

    `claimed` are the connections that the spec says more of than that they are used.
    """
    listed = [used for used in applications if used.client_id not in problems]
    used_names = [name for used in listed for name in found.connections_of(used)]
    names = tuple(dict.fromkeys([*claimed, *used_names]))
    return Draft(
        domain=found.state.domain,
        top=_top(found, listed),
        connections=(
            *(connection_entry(found, name, listed, bare=name not in claimed) for name in names),
            *_connections_left_out(found, applications, names),
        ),
        apis=tuple(_apis(found, applications, listed)),
        applications=tuple(
            application_entry(found, used, names, problems.get(used.client_id, ())) for used in applications
        ),
    )


def _top(found: Survey, listed: Iterable[Used]) -> dict[str, Any]:
    """A spec that names client ids is good for this tenant only, and says so."""
    top: dict[str, Any] = {"version": 1, "name": found.name}
    if any(used.client_id not in found.created for used in listed):
        top["tenant"] = found.state.domain
    host = found.tenancy.my_account_audience.removeprefix("https://").removesuffix("/me/")
    return top if host == found.state.domain else {**top, "my_account_api": {"domain": host}}


def _connections_left_out(found: Survey, applications: Iterable[Used], listed: Sequence[str]) -> Iterator[Entry]:
    needed: dict[str, list[str]] = {}
    for used in applications:
        for name in found.connections_of(used):
            needed.setdefault(name, []).append(found.keys[used.client_id])
    for name, keys in needed.items():
        if name not in listed:
            entry = connection_entry(found, name, (), bare=True)
            yield replace(entry, problems=(f"only {', '.join(keys)} would use it", *connection_problem(found, name)))


def _apis(found: Survey, applications: Sequence[Used], listed: Sequence[Used]) -> Iterator[Entry]:
    callers: dict[str, list[Used]] = {}
    for used in applications:
        if used.exchange:
            callers.setdefault(used.exchange.api, []).append(used)
    for identifier, users in callers.items():
        here = [used for used in users if used in listed]
        entry = api_entry(found, identifier, here or users)
        names = ", ".join(found.keys[used.client_id] for used in users)
        yield entry if here else replace(entry, problems=(f"only {names} would use it",))

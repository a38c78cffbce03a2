"""The records of APIs, which carry no marks themselves: they stand on Custom API Clients, and in marks of applications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tokenvault.kinds import kinds
from tokenvault.kinds.base import Object
from tokenvault.model.marks import API_METADATA_KEY, Mark, Provision, digest, read_mark
from tokenvault.state.live import Live


@dataclass(frozen=True)
class ApiRecords:
    """What marks say of the tenant's APIs. With `adopt`, a spec takes the records of others for its own."""

    spec: str
    live: Live
    adopt: bool

    def of(self, identifier: str) -> frozenset[Provision]:
        """What this spec gave to an API, and its creation where this spec created it."""
        mark = self._on_clients.get(identifier)
        given = mark.provisions if mark and self._is_taken(mark) else frozenset()
        is_created = any(map(self._is_taken, self._creations(identifier)))
        return given | ({_made(identifier)} if is_created else frozenset())

    def other_creator(self, identifier: str) -> Mark | None:
        """The mark by which another spec created an API; None where this one did, or nobody."""
        found = list(self._creations(identifier))
        is_own = any(mark.spec == self.spec for mark in found)
        return None if is_own else next(iter(found), None)

    def _is_taken(self, mark: Mark) -> bool:
        return mark.spec == self.spec or self.adopt

    def _creations(self, identifier: str) -> Iterator[Mark]:
        """The marks that record the creation of an API."""
        if (mark := self._on_clients.get(identifier)) and mark.created:
            yield mark
        yield from (mark for mark in self._on_applications if _made(identifier) in mark.provisions)

    @cached_property
    def _on_clients(self) -> Mapping[str, Mark]:
        marks = ((c, read_mark(c.get("client_metadata"), API_METADATA_KEY)) for c in self._clients)
        return {str(client.get("resource_server_identifier")): mark for client, mark in marks if mark}

    @cached_property
    def _on_applications(self) -> tuple[Mark, ...]:
        marks = (read_mark(client.get(kinds()["application"].metadata)) for client in self._clients)
        return tuple(mark for mark in marks if mark)

    @property
    def _clients(self) -> tuple[Object, ...]:
        return tuple(self.live.state.objects.get("clients", ()))


def _made(identifier: str) -> Provision:
    return Provision("made", f"~{digest(identifier)}")

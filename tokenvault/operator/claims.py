"""What an object claims on its tenant. Two that claim the same would undo each other's work for ever, so neither may write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tokenvault.errors import Diagnostic
from tokenvault.model.spec import Spec
from tokenvault.operator.resource import Key, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What one object claims, in words, by which it is found again. `order` is the object as it was then."""

    tenant: str
    order: tuple[object, ...]
    things: frozenset[str] = frozenset()


def claims_of(resource: Resource, spec: Spec | None) -> Claims:
    """The claims of an object that may write; one that only looks, or whose spec cannot be read, has none."""
    things = frozenset(_things(spec)) if spec and resource.may_write and not resource.deleting else frozenset()
    return Claims(tenant=resource.tenant, order=resource.order, things=things)


def _things(spec: Spec) -> Iterator[str]:
    yield f'the spec name "{spec.name}"'
    for name, connection in spec.connections.items():
        if connection.claims:
            yield f'the connection "{name}"'
    for key, application in spec.applications.items():
        yield f'the application "{application.client_id or application.name or key}"'


@dataclass(slots=True)
class Registry:
    """The claims of all objects."""

    known: dict[Key, Claims] = field(default_factory=dict)

    def note(self, key: Key, claims: Claims) -> None:
        """Takes in what the object claims from now on."""
        self.known[key] = claims

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self.known.pop(key, None)

    def conflict(self, key: Key) -> Diagnostic | None:
        """What the object and others claim both, or None."""
        own = self.known[key]
        shared = {
            other: sorted(own.things & claims.things)
            for other, claims in sorted(self.known.items())
            if other != key and claims.tenant == own.tenant and own.things & claims.things
        }
        return _conflict(key, own.tenant, shared) if shared else None


def _conflict(key: Key, tenant: str, shared: Mapping[Key, list[str]]) -> Diagnostic:
    names = " and ".join(map(str, sorted([key, *shared])))
    things = ", ".join(sorted({thing for both in shared.values() for thing in both})[:5])
    return Diagnostic(
        code="operator-claimed-twice",
        summary=f"{names} both claim {things} on {tenant}"
        if len(shared) == 1
        else f"{names} all claim {things} on {tenant}",
        detail="None of them writes, for each would undo the work of the others.",
        hint="Delete or suspend one, or have it claim something else.",
    )

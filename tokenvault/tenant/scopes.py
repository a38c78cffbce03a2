"""The Management API scopes that tokenvault needs, read off the tables of the kinds: least privilege, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from tokenvault.kinds import Kind, kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Each step's scopes and the kinds of object that need them. A step needs those of the steps before it as well."""

    plan: Mapping[str, str]
    apply: Mapping[str, str]
    destroy: Mapping[str, str]

    @property
    def steps(self) -> Mapping[str, Mapping[str, str]]:
        """The steps by name, in their order."""
        return {"plan": self.plan, "apply": self.apply, "destroy": self.destroy}

    @property
    def to_apply(self) -> tuple[str, ...]:
        """Everything that planning and applying any spec takes."""
        return tuple(sorted({*self.plan, *self.apply}))


@cache
def needed_scopes() -> Needed:
    """What every kind together needs. What a spec does not use needs no scope."""
    reads: dict[str, list[str]] = {}
    writes: dict[str, list[str]] = {}
    deletes: dict[str, list[str]] = {}
    for kind in kinds().values():
        _note(kind, kind.scopes.read, reads)
        _note(kind, (*kind.scopes.create, *kind.scopes.update), writes)
        _note(kind, kind.scopes.delete, writes if kind.rotated else deletes)
        for some in kind.scopes.fields.values():
            _note(kind, (scope for scope in some if scope.startswith("read:")), reads)
            _note(kind, (scope for scope in some if not scope.startswith("read:")), writes)
    return Needed(plan=_told(reads), apply=_told(writes), destroy=_told(deletes))


def _note(kind: Kind, scopes: Iterable[str], into: dict[str, list[str]]) -> None:
    for scope in scopes:
        titles = into.setdefault(scope, [])
        if kind.title not in titles:
            titles.append(kind.title)


def _told(found: Mapping[str, list[str]]) -> dict[str, str]:
    return {scope: ", ".join(titles) for scope, titles in sorted(found.items())}

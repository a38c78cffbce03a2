"""The desired state as data: nodes (one object of the tenant each) and what flavors and the spec require of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tokenvault.errors import Diagnostic, Span, SpecError
from tokenvault.model.constraints import AllOf, Conflict, Constraint, ContainsKeyed, Ref, merge_all
from tokenvault.model.marks import Provision
from tokenvault.model.spec import Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who asked and why: a flavor (or `spec`), the line of the spec, one sentence, and where Auth0 documents it."""

    source: str
    reason: str
    span: Span | None = None
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """The object that a requirement is about.

    `identity` is its natural key in the tenant. `mark` is the key under which this spec owns it (None: never marked).
    `creatable` is false for what must exist already. `checked_only` nodes are looked at, never changed. `condition` makes
    the node depend on another node's value. `recorder` is the address of the object whose mark records what the spec
    gives to this one (empty: its own, where its kind carries marks), and `provision` how it records the object itself. An
    `absent` object is one that must not be there; it goes `after` the changes of these addresses. `reason` is what the
    plan says of the change as a whole.
    """

    address: str
    kind: str
    identity: Mapping[str, Any]
    name: str = ""
    mark: str | None = None
    creatable: bool = True
    protect: bool = False
    checked_only: bool = False
    condition: Condition | None = None
    recorder: str = ""
    provision: Provision | None = None
    after: tuple[str, ...] = ()
    absent: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """The node is wanted only while the attribute `path` of the node `address` has one of `values`."""

    address: str
    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What one flavor (or the spec) requires of one attribute of one object, and why. `needs` are addresses to come first.

    `user` is the address of the application on whose behalf a flavor asks. A `provision` is recorded in that application's
    mark, where the attribute alone does not tell for whom it was changed; see `flavors/provisions.py`. With `if_created` it
    is asked for only where the spec created its user: of what others made, it is theirs. `asked_at` is the path at which the
    spec asks for it, where the kind keeps it at another one.
    """

    target: ObjectRef
    path: str
    constraint: Constraint
    provenance: Provenance
    needs: tuple[str, ...] = ()
    user: str = ""
    provision: Provision | None = None
    if_created: bool = False
    asked_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredObject:
    """An object that must exist, with everything asked of it."""

    target: ObjectRef
    requirements: tuple[Requirement, ...]
    constraints: Mapping[str, Constraint]

    @property
    def address(self) -> str:
        return self.target.address

    @property
    def kind(self) -> str:
        return self.target.kind

    @property
    def span(self) -> Span | None:
        return next(
            (requirement.provenance.span for requirement in self.requirements if requirement.provenance.span), None
        )

    def requirements_for(self, path: str) -> Iterator[Requirement]:
        """The requirements that the constraint at `path` was merged from."""
        return (requirement for requirement in self.requirements if requirement.path == path)

    def needs(self) -> frozenset[str]:
        """Addresses of the nodes that this one refers to."""
        found = {address for requirement in self.requirements for address in requirement.needs}
        found.update(ref.address for ref in refs(dict(self.target.identity)))
        for constraint in self.constraints.values():
            found.update(ref.address for ref in refs(constraint))
        return frozenset(found - {self.address})


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Every object that the spec asks for, by address, in the order of the spec; and the variables that it shows."""

    spec_name: str
    domain: str
    nodes: Mapping[str, DesiredObject] = field(default_factory=dict)
    variables: tuple[Variable, ...] = ()

    def of_kind(self, kind: str) -> list[DesiredObject]:
        """The nodes of one kind, in order."""
        return [node for node in self.nodes.values() if node.kind == kind]


def refs(value: Any) -> Iterator[Ref]:
    """Every reference inside a value or a constraint, however deep."""
    match value:
        case Ref():
            yield value
        case dict() | Mapping():
            for item in value.values():
                yield from refs(item)
        case list() | tuple() | set() | frozenset():
            for item in value:
                yield from refs(item)
        case ContainsKeyed():
            yield from refs(value.entries)
        case AllOf():
            yield from refs(value.wanted)
        case _ if hasattr(value, "items") and not callable(value.items):
            yield from refs(value.items)
        case _ if hasattr(value, "value"):
            yield from refs(value.value)


def bound(constraint: Constraint, ids: Mapping[str, str | None]) -> Constraint:
    """The constraint with each reference replaced by the id of its object, where that object exists."""
    if not any(True for _ in refs(constraint)):
        return constraint
    if isinstance(constraint, AllOf):
        return replace(constraint, wanted=bound(constraint.wanted, ids))
    parts = {part.name: bind(getattr(constraint, part.name), ids) for part in fields(constraint)}  # type: ignore[arg-type]
    return replace(constraint, **parts)  # type: ignore[type-var]


def bind(value: Any, ids: Mapping[str, str | None]) -> Any:
    """The value with each reference replaced by the id of its object, where that object exists."""
    match value:
        case Ref():
            return ids.get(value.address) or value
        case dict() | Mapping():
            return {key: bind(item, ids) for key, item in value.items()}
        case list():
            return [bind(item, ids) for item in value]
        case tuple():
            return tuple(bind(item, ids) for item in value)
        case _:
            return value


def node_of(target: ObjectRef, requirements: tuple[Requirement, ...]) -> DesiredObject:
    """The node with these requirements. `SpecError` when two of one attribute contradict each other."""
    by_path: dict[str, list[Requirement]] = {}
    for requirement in requirements:
        by_path.setdefault(requirement.path, []).append(requirement)
    return DesiredObject(
        target=target,
        requirements=requirements,
        constraints={path: _constraint(some) for path, some in by_path.items()},
    )


def _constraint(requirements: Sequence[Requirement]) -> Constraint:
    """The constraint that satisfies all these requirements of one attribute; `Conflict` when there is none."""
    try:
        return merge_all([requirement.constraint for requirement in requirements])
    except Conflict:
        raise SpecError(_conflict(requirements)) from None


def _conflict(requirements: Sequence[Requirement]) -> Diagnostic:
    other = requirements[0]
    this = next(requirements[n] for n in range(1, len(requirements)) if _contradicts(requirements[: n + 1]))
    one, two = other.provenance, this.provenance
    if one.source == two.source:
        return Diagnostic(
            code="spec-conflict",
            summary=f"{this.target.address} is asked for two values of {this.path}",
            detail=f"{one.reason[0].upper()}{one.reason[1:]}{f' ({one.span})' if one.span else ''}; {two.reason}.",
            hint="Remove one of the two.",
            span=two.span,
            context=this.target.address,
        )
    return Diagnostic(
        code="spec-conflict",
        summary=f"{this.target.address} cannot satisfy both {one.source} and {two.source}: {this.path}",
        detail=f"{one.source}: {one.reason}; {two.source}: {two.reason}.",
        hint="Use one application for each.",
        span=two.span,
        context=this.target.address,
    )


def _contradicts(requirements: Sequence[Requirement]) -> bool:
    try:
        merge_all([requirement.constraint for requirement in requirements])
    except Conflict:
        return True
    return False

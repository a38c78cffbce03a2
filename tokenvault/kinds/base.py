"""What a kind of object is made of: its fields, scopes and section of the spec, where its objects live, its requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol
from urllib.parse import quote, unquote

from tokenvault.errors import Diagnostic
from tokenvault.model.constraints import Constraint, Equals
from tokenvault.model.desired import DesiredObject, Requirement
from tokenvault.model.marks import Provision
from tokenvault.model.spec import Problem, Spec

Object = Mapping[str, Any]


class Shape(Enum):
    """How two values of an attribute are compared: as they are, as sets of members, or as sets of entries told apart by a key."""

    VALUE = "value"
    SET = "set"
    KEYED = "keyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One attribute that a spec or a flavor may ask for.

    - `shape`: how values are compared; `key`: the name in each entry of a `KEYED` list that tells entries apart.
    - `secret`: its values are shown nowhere; `immutable`: Auth0 never changes it on an existing object.
    - `slot`: the attribute's name in marks, so that what a spec gave there can be revoked; without one nothing is
      recorded. `*` stands for the last part of the path, `/` for the slot of the object itself.
    - `entries`: the verb of the provisions of single entries, in lists whose entries stand for themselves.
    - `within`: the provision that covers the whole attribute.
    - `removable`: the value can be taken away again; `optional`: also from an object that the spec created.
    - `all_or_nothing`: a list that is the spec's only on an object that the spec creates; elsewhere single entries of it may be.
    - `absent`: what Auth0 takes an absent value for, where it lets none be taken away.
    - `was_exact`: version 0.1 recorded nothing of the list, and kept it exact on what it created.
    - `risk`: what a change of the attribute on an existing object means for its users, in words; `risk_values` limits it
      to changes to these values.
    - `loss`: what it means that members of a list go, in words, with `{}` for which.
    - `advice`: what must be done after such a change, outside the tenant.
    - `feature`: what the tenant must have for Auth0 to take the attribute, and what to do without, in words that go on
      from "needs".
    """

    shape: Shape = Shape.VALUE
    key: str = ""
    slot: str = ""
    entries: str = ""
    within: Provision | None = None
    removable: bool = False
    optional: bool = False
    all_or_nothing: bool = False
    absent: Any = None
    was_exact: bool = False
    secret: bool = False
    immutable: bool = False
    risk: str = ""
    risk_values: tuple[Any, ...] = ()
    loss: str = ""
    advice: str = ""
    feature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """The Management API scopes that each verb of a kind needs."""

    read: tuple[str, ...]
    create: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One write, as data."""

    method: str
    path: str
    body: Any = None


class Reader(Protocol):
    """The read side of the tenant gateway."""

    domain: str

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """One GET; its JSON."""

    async def pages(
        self, path: str, key: str, params: Mapping[str, Any] | None = None, ids: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Every item of an offset-paged list, each once. `ids`, where given, are those that matter for certain."""

    async def checkpoints(self, path: str, key: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Every item of a checkpoint-paged list."""


Objects = Mapping[str, Sequence[Object]]
DOCS = "https://auth0.com/docs/secure/call-apis-on-users-behalf/token-vault"
CONFIGURE_DOC = f"{DOCS}/configure-token-vault"
"""Auth0's documentation of Token Vault, and the page of it that says what a tenant has to be like."""
NOT_KEPT = "(not kept)"
"""The path of what is asked of an object and Auth0 did not keep, as its mark remembers: nothing is planned for that."""


class Index:
    """Objects by the values of any of their attributes; each combination is hashed on first use."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self._objects = objects
        self._by: dict[tuple[str, ...], dict[tuple[str, ...], Object]] = {}

    def get(self, identity: Mapping[str, Any]) -> Object | None:
        """The first object whose attributes have these values."""
        names = tuple(identity)
        if names not in self._by:
            self._by[names] = {}
            for item in self._objects:
                self._by[names].setdefault(tuple(str(item.get(name)) for name in names), item)
        return self._by[names].get(tuple(str(value) for value in identity.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A list of the tenant that one or more kinds live in.

    `read` gets the nodes whose objects live there (none: everything is read), and what was read before of the collections
    named in `after`; it returns the live objects.
    `partition_key` is the attribute of the nodes' identity by which it is read piece by piece, where it is not read whole, and
    `parent_filter` says of which objects before it there is anything to read. `covers` says whether what was read of an object
    is all that a node needs of it. When the token may not read an `optional`
    collection, what is in it is unknown, and the plan says so.
    Of objects that `belongs_to` those of another collection nothing is read for a spec none of whose exist; `unread` is what
    such a node's object is then taken for (None: it does not exist).
    """

    name: str
    read: Callable[[Reader, Sequence[DesiredObject], Objects], Awaitable[list[dict[str, Any]]]]
    after: tuple[str, ...] = ()
    partition_key: str = ""
    parent_filter: Callable[[Object], bool] = lambda owner: True
    covers: Callable[[Object, DesiredObject], bool] = lambda item, node: True
    optional: bool = False
    belongs_to: tuple[str, ...] = ()
    unread: Callable[[DesiredObject], dict[str, Any] | None] = lambda node: None

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The collections that are read before."""
        return (*self.after, *self.belongs_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The part of a spec that users write for a kind.

    `name` is its key in the spec, `schema` its JSON Schema. One whose `additionalProperties` is a schema holds entries by a
    key of the user's: those of several files are joined. `expand` takes the spec and the tenant's domain, and yields what is
    required; what the user wrote stands in `spec.sections[name]` (None: nothing). `rules` yields what is wrong offline.
    """

    name: str
    schema: Mapping[str, Any]
    expand: Callable[[Spec, str], Iterable[Requirement]]
    rules: Callable[[Spec], Iterable[Problem]] = lambda spec: ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of object: what of it is managed, how it is found, and how Auth0 wants it written.

    - `name`: how addresses begin (`NAME.KEY`); `title`: what people call it.
    - `collection`: where its objects are read; `path`: its endpoint below /api/v2; `id_field`: the attribute with the id, which
      requests append to the path (`item_path`: another path of one object).
    - `fields`: every attribute that may be asked for, by its dotted path, the marks' own among them.
    - `scopes`: what its requests need, verb by verb; `deletable`: whether it is ever deleted.
    - `order`: kinds of a lower one are planned and drawn before, and deleted after, those of a higher one.
    - `metadata`: the attribute in which Auth0 keeps texts of anybody's; `marker`: the path of the mark in it. Every plan reads
      the collection of a kind with marks, to find what the spec left behind: unless that is `optional`, a token that may not
      read it can plan nothing. Objects without marks are found by their identity alone; what is given to them is recorded in
      the mark of their `recorder`, or nowhere.
    - `section`: what users write for it; None where only flavors ask for it, or nobody does.
    - `create_only`: attributes that Auth0 takes only when it creates the object.
    - `create`, `update`: the requests, where they are not one POST to the path and one PATCH of the object.
    - `replaced`: top-level attributes that a PATCH replaces whole, so they are read, merged and sent whole.
    - `nulled`: those of them in which a key that is to go is sent as null, as Auth0 may merge instead.
    - `nullable`: those of them that are sent as null when nothing is left in them.
    - `together`: attributes that Auth0 takes only in one request.
    - `may_hide`: attributes that Auth0 may take and not show.
    - `alone`: attributes that Auth0 may want in a request of their own.
    - `bodies`: what a create may be sent with, the fullest first: the next is tried where Auth0 calls one invalid, and what
      it leaves out is written afterwards, where Auth0 did not set it so by itself.
    - `mistake`: in words, what Auth0 made instead of what a create asked for, and the way out; None where it is that.
    - `remarks`: what users should know of an object that was just created.
    - `advice`: what may help where Auth0 calls these values (by path, all that are sent) invalid, by what it says of them.
    - `batch`: how many elements one update takes, where there is a limit.
    - `incremental`: its lists are changed member by member: only the members that a change is about are sent.
    - `resent`: attributes that Auth0 resets when a PATCH leaves them out.
    - `index`, `match`: pick the node's object among the collection's; the default compares the node's identity.
    - `fetch`: reads one object again, where that is more than a GET of its path.
    - `refine`: turns requirements that depend on the live object (its strategy, say) into requirements of attributes.
    - `risks`: what a change (full values by path) of an existing object means beyond what its fields say.
    - `new_depends_on`, `new_risks`: the collection that decides what else comes with a new object, and what that means, given
      everything that was read.
    - `lost`: by path, what of these values (by path, all that were written) Auth0 took and does not hold, where only a person
      can mend that; `forgone` says so of an object, and whether the mark `remembered` it.
    - `check`: what makes it impossible to reconcile the node with its live object (None: it does not exist).
    - `similar`: a sentence about other objects of the collection that may be meant, where the tenant lacks the node's.
    - `rotated`: an apply deletes what the spec no longer lists, even without `--prune`.
    - `deletion_risk`: what its deletion means for its users, in words.
    - `aliases`: attributes, besides its id, by which other objects refer to it.
    - `on_request`: what `destroy --also` asks of an object that `destroy` leaves alone otherwise; nothing: it is deleted.
    """

    name: str
    title: str
    collection: Collection
    path: str
    id_field: str
    fields: Mapping[str, Field]
    scopes: Scopes
    order: int
    marker: str = ""
    metadata: str = ""
    section: Section | None = None
    replaced: frozenset[str] = frozenset()
    nulled: frozenset[str] = frozenset()
    nullable: frozenset[str] = frozenset()
    together: tuple[tuple[str, ...], ...] = ()
    resent: tuple[str, ...] = ()
    may_hide: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()
    bodies: Callable[[Object], Sequence[Object]] = lambda body: (body,)
    mistake: Callable[[Object, Object], tuple[str, str] | None] = lambda sent, answer: None
    advice: Callable[[Object, str], Iterable[str]] = lambda values, message: ()
    remarks: Callable[[Object], Iterable[str]] = lambda answer: ()
    create_only: frozenset[str] = frozenset()
    deletable: bool = False
    rotated: bool = False
    deletion_risk: str = ""
    aliases: tuple[str, ...] = ()
    on_request: Mapping[str, Constraint] | None = None
    batch: int = 0
    incremental: bool = False
    index: Callable[[Sequence[Object]], Any] | None = None
    match: Callable[[DesiredObject, Mapping[str, Any], Any], Object | None] | None = None
    refine: Callable[[DesiredObject, Object | None], DesiredObject] = lambda node, live: node
    lost: Callable[[Mapping[str, Any], Object], Mapping[str, tuple[str, ...]]] = lambda wanted, live: {}
    forgone: Callable[[str, Sequence[str], Object, bool], Diagnostic] | None = None
    check: Callable[[DesiredObject, Object | None], Iterable[Diagnostic]] = lambda node, live: ()
    similar: Callable[[DesiredObject, Sequence[Object]], str] = lambda node, others: ""
    risks: Callable[[Object, Mapping[str, Any]], Iterable[str]] = lambda live, patch: ()
    new_depends_on: Collection | None = None
    new_risks: Callable[[Objects], Iterable[str]] = lambda objects: ()
    create: Callable[[Kind, Object], Sequence[Request]] | None = None
    update: Callable[[Kind, Object, Object], Sequence[Request]] | None = None
    item_path: Callable[[Kind, Object], str] | None = None
    fetch: Callable[[Reader, Object], Awaitable[Object]] | None = None

    def field_at(self, path: str) -> Field:
        """The field at a dotted path; `options.*` stands for every attribute below `options`."""
        found = self.fields.get(path) or self.fields.get(f"{path.split('.')[0]}.*")
        if found is None:
            raise LookupError(f"{self.name} has no field {path}")
        return found

    @property
    def lists(self) -> tuple[str, ...]:
        """The paths of the lists of which marks record members: all of them are the spec's on an object that it created."""
        return tuple(p for p, field in self.fields.items() if field.slot and field.shape in (Shape.SET, Shape.KEYED))

    def slot_at(self, path: str) -> str:
        """The name of an attribute in marks; empty where nothing is recorded of it."""
        slot = self.field_at(path).slot
        return slot.replace("*", quote(path.split(".", 1)[1], safe="")) if slot.endswith("*") else slot

    def path_of(self, slot: str) -> str | None:
        """The attribute of that name in marks; None where the kind has none."""
        for path, known in self.fields.items():
            if known.slot == slot:
                return path
            if known.slot.endswith("*") and path.endswith("*") and slot.startswith(known.slot[:-1]):
                return path[:-1] + unquote(slot.removeprefix(known.slot[:-1]))
        return None

    def indexed(self, objects: Sequence[Object]) -> Any:
        """What `find` searches: built once, so that finding a thousand nodes does not cost a million comparisons."""
        return self.index(objects) if self.index else Index(objects)

    def find(self, node: DesiredObject, identity: Mapping[str, Any], index: Any) -> Object | None:
        """The node's object; `identity` is the node's, with known ids filled in, `index` comes from `indexed`."""
        if self.match:
            return self.match(node, identity, index)
        found: Object | None = index.get(identity)
        return found

    def location(self, live: Object) -> str:
        """The path of an existing object."""
        return (
            self.item_path(self, live) if self.item_path else f"{self.path}/{quote(str(live[self.id_field]), safe='')}"
        )

    def creation(self, body: Object) -> Sequence[Request]:
        """The requests that create the object with this body; the first answers it."""
        return self.create(self, body) if self.create else (Request(method="POST", path=self.path, body=body),)

    async def fetched(self, reader: Reader, known: Object) -> Object:
        """The object as it is now; `known` holds its id and identity."""
        if self.fetch:
            return await self.fetch(reader, known)
        found: Object = await reader.get(self.location(known))
        return found

    def deletion(self, live: Object) -> Sequence[Request]:
        """The requests that delete an object."""
        if not self.deletable:
            raise LookupError(f"a {self.title} is never deleted")
        return (Request(method="DELETE", path=self.location(live)),)

    def updates(self, patch: Object, live: Object) -> Sequence[Request]:
        """The requests that change `live` by `patch`, which is whole where Auth0 replaces."""
        if self.update:
            return self.update(self, patch, live)
        return (Request(method="PATCH", path=self.location(live), body=patch),)


def fixed(node: DesiredObject, live: Object | None, path: str, *, what: str, hint: str) -> Iterator[Diagnostic]:
    """The error for a requirement of another value at `path` than the existing object has, at the line that requires it."""
    for requirement in node.requirements_for(path):
        if (
            live is not None
            and isinstance(requirement.constraint, Equals)
            and live.get(path) not in (None, requirement.constraint.value)
        ):
            yield Diagnostic(
                code="plan-immutable",
                summary=f"{what} is {live[path]} for good; the spec says {requirement.constraint.value}",
                hint=hint,
                span=requirement.provenance.span,
                context=node.address,
            )
            return

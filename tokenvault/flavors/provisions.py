"""Provisions that are more than one attribute: a place among the applications of a connection, and a worker's keys.

Everything else is recorded attribute by attribute (`plan/provisions.py`). These two say for themselves whether an
application had them before, and how they are revoked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tokenvault.kinds.base import Object
from tokenvault.kinds.credential import is_ours
from tokenvault.model.constraints import Constraint, Equals, Excludes, ExcludesKeyed
from tokenvault.model.desired import DesiredObject, ObjectRef, Provenance, Requirement
from tokenvault.model.marks import Provision, digest
from tokenvault.model.paths import get_path

KEYS_SLOT = "client_authentication_methods.private_key_jwt.credentials"
PRIVILEGED = "token_vault_privileged_access"
PRIVILEGED_SLOT = f"{PRIVILEGED}.credentials"
METHODS, METHOD = "client_authentication_methods", "token_endpoint_auth_method"
SLOTS = (PRIVILEGED_SLOT, KEYS_SLOT)
BY_SECRET = "client_secret_post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Provisions of one sort that an application loses.

    `names` are those of the provisions, `key_owners` the specs (with keys) whose name the application's credentials bear,
    `method` is how it authenticates without its keys, and `objects` is what was read of the tenant. `lent` are
    credentials of others that the spec attached, each with its slot.
    """

    app: ObjectRef
    client: Object
    key_owners: Sequence[str]
    method: str
    names: Sequence[str]
    objects: Mapping[str, Sequence[Object]]
    provenance: Provenance
    lent: Collection[tuple[str, str]] = ()

    @property
    def client_id(self) -> str:
        """The application's client id."""
        return str(self.client["client_id"])

    def node(self, target: ObjectRef, constraints: Mapping[str, Constraint]) -> DesiredObject:
        """A node that asks for these attributes, and for nothing else."""
        requirements = tuple(
            Requirement(target=target, path=path, constraint=constraint, provenance=self.provenance)
            for path, constraint in constraints.items()
        )
        return DesiredObject(target=target, requirements=requirements, constraints=constraints)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionKind:
    """One sort of provision: whether an object had before what a requirement is about, and how it is revoked."""

    revoke: Callable[[Revocation], Iterable[DesiredObject]]
    pre_existing: Callable[[Requirement, Object, str], bool]


def absent(target: ObjectRef, reason: str) -> DesiredObject:
    """A node for an object that must not exist."""
    return DesiredObject(
        target=replace(target, absent=True, creatable=False, reason=reason), requirements=(), constraints={}
    )


def absent_credential(app: ObjectRef, client_id: str, credential: Object, reason: str) -> DesiredObject:
    """A node for a credential that the application must not have."""
    kid = str(credential.get("kid") or credential["id"])
    address = f"credential.{app.address.split('.', 1)[1]}.{kid}"
    identity = {"client_id": client_id, "id": str(credential["id"])}
    return absent(ObjectRef(address=address, kind="credential", identity=identity, name=kid), reason)


def emptied(path: str, method: str) -> Mapping[str, Constraint]:
    """The constraints that remove a slot of credentials whole, when its last one goes."""
    return {PRIVILEGED: Equals(None)} if path == PRIVILEGED_SLOT else {METHODS: Equals(None), METHOD: Equals(method)}


def without_keys(
    client: Object, ids: Iterable[str], method: str, lent: Collection[tuple[str, str]]
) -> dict[str, Constraint]:
    """The constraints that remove these keys from both slots of credentials, and those lent from theirs."""
    ours, constraints = frozenset(ids), dict[str, Constraint]()
    for path in SLOTS:
        attached, gone = set(attached_ids(client, path)), ours.union(key for slot, key in lent if slot == path)
        if attached & gone:
            constraints |= (
                emptied(path, method) if attached <= gone else {path: ExcludesKeyed("id", tuple(sorted(gone)))}
            )
    return constraints


def attached_ids(client: Object, path: str) -> list[str]:
    """The credentials in a slot of the application."""
    return [str(entry["id"]) for entry in get_path(client, path) or []]


def lent_keys(
    client: Object, recorded: Iterable[Provision], slots: Mapping[str, str]
) -> Mapping[Provision, tuple[str, str]]:
    """The keys of others that the spec attached in these slots, by what records that: the slot (a path) and the id.

    `slots` are the names that marks have for them, by path.
    """
    there = [(path, name, key) for path, name in slots.items() for key in attached_ids(client, path)]
    found = {Provision("gave", name, digest(key)): (path, key) for path, name, key in there}
    return {provision: found[provision] for provision in sorted(recorded) if provision in found}


def keys_are_separate(signing: Collection[str], authenticating: Collection[str]) -> bool:
    """Whether an application authenticates with other keys than it signs requests with."""
    return bool(signing and authenticating) and not set(signing) & set(authenticating)


def _revoke_connections(revocation: Revocation) -> Iterable[DesiredObject]:
    ids = {str(c["name"]): str(c["id"]) for c in revocation.objects.get("connections", ())}
    for name in revocation.names:
        if name in ids:
            identity = {"connection": name, "id": ids[name]}
            address = f"connection_clients.{name}"
            target = ObjectRef(address=address, kind="connection_clients", identity=identity, name=name)
            yield revocation.node(target, {"clients": Excludes((revocation.client_id,))})


def _revoke_privileged(revocation: Revocation) -> Iterable[DesiredObject]:
    """The nodes without the keys that this spec gave. The last one stands for no key: it has the application's keys read."""
    pool = [c for c in revocation.objects.get("credentials", ()) if c["client_id"] == revocation.client_id]
    ours = [c for c in pool if is_ours(c, revocation.key_owners)] if "keys" in revocation.names else []
    ids = [str(credential["id"]) for credential in ours]
    constraints = without_keys(revocation.client, ids, revocation.method, revocation.lent)
    if "keys" in revocation.names and not revocation.client.get(METHODS) and not revocation.client.get(METHOD):
        constraints[METHOD] = Equals(revocation.method)  # created for keys, by a run that ended before it attached them
    if "access" in revocation.names:
        others = {path: constraint for path, constraint in constraints.items() if not path.startswith(PRIVILEGED)}
        constraints = {PRIVILEGED: Equals(None), **others}
    yield revocation.node(revocation.app, constraints)
    for credential in (*ours, {"id": "", "kid": ""}):
        yield absent_credential(revocation.app, revocation.client_id, credential, revocation.provenance.reason)


def _has_privileged(requirement: Requirement, live: Object, client_id: str) -> bool:
    """A key was there before unless it has the name that this spec gives: then a run that was cut short left it."""
    if requirement.target.kind == "credential":
        return requirement.path != "name" or requirement.constraint.resolve(None) != live.get("name")
    return bool(live.get(PRIVILEGED))


CONNECTION = ProvisionKind(
    revoke=_revoke_connections,
    pre_existing=lambda requirement, live, client_id: client_id in (live.get("clients") or []),
)
"""`with:CONNECTION`: a place among the applications that may use a connection."""
WORKER = ProvisionKind(revoke=_revoke_privileged, pre_existing=_has_privileged)
"""`privileged:access` and `privileged:keys`: privileged access, and the keys that this spec put there."""
PROVISION_KINDS: Mapping[str, ProvisionKind] = {"with": CONNECTION, "privileged": WORKER}
"""By the verb of the provisions."""

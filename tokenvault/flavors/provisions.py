"""What flavors lend an application: how to see that it had it before, and how it is taken back.

A loan serves Token Vault and nothing else. Its label, `verb:name`, stands in the application's mark, which is all that
is left to go by once a flavor, a connection or the whole application is gone from the spec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tokenvault.flavors.runtime.request import TOKEN_VAULT_GRANT
from tokenvault.kinds.base import Object
from tokenvault.kinds.credential import is_ours
from tokenvault.model.constraints import Constraint, ContainsKeyed, Equals, Excludes, ExcludesKeyed
from tokenvault.model.desired import DesiredObject, ObjectRef, Provenance, Requirement
from tokenvault.model.paths import get_path

KEYS_SLOT = "client_authentication_methods.private_key_jwt.credentials"
PRIVILEGED = "token_vault_privileged_access"
PRIVILEGED_SLOT = f"{PRIVILEGED}.credentials"
EMPTIED: Mapping[str, Mapping[str, Equals]] = {
    PRIVILEGED_SLOT: {PRIVILEGED: Equals(None)},
    KEYS_SLOT: {
        "client_authentication_methods": Equals(None),
        "token_endpoint_auth_method": Equals("client_secret_post"),
    },
}
"""The slots of an application's credentials, and what becomes of each when its last one goes: it is taken away whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeContext:
    """Loans of one sort that an application gives back.

    `names` are those of the labels. `audiences` are the APIs by the names that labels have for them. `objects` is what
    was read of the tenant.
    """

    app: ObjectRef
    client: Object
    spec_name: str
    names: Sequence[str]
    audiences: Mapping[str, Sequence[str]]
    objects: Mapping[str, Sequence[Object]]
    provenance: Provenance

    @property
    def key(self) -> str:
        """The application's key, as addresses have it."""
        return self.app.address.removeprefix("application.")

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
class Provision:
    """One sort of loan.

    `pre_existing` says whether an existing object has what an ask is about before anything is lent. What is `exact` is in a list
    that, on objects which tokenvault created, holds only what is asked for: there it needs no label to be taken back.
    `of_api`: its labels name APIs.
    """

    revoke: Callable[[RevokeContext], Iterable[DesiredObject]]
    pre_existing: Callable[[Requirement, Object, str], bool]
    exact: bool = False
    of_api: bool = False


def absent(target: ObjectRef, reason: str) -> DesiredObject:
    """A node for an object that must not be there."""
    return DesiredObject(
        target=replace(target, absent=True, creatable=False, reason=reason), requirements=(), constraints={}
    )


def absent_credential(app: ObjectRef, client_id: str, credential: Object, reason: str) -> DesiredObject:
    """A credential of an application that must not be there."""
    kid = str(credential["kid"])
    address = f"credential.{app.address.split('.', 1)[1]}.{kid}"
    identity = {"client_id": client_id, "id": str(credential["id"])}
    return absent(ObjectRef(address=address, kind="credential", identity=identity, name=kid), reason)


def without_keys(client: Object, ids: Iterable[str]) -> dict[str, Constraint]:
    """Both slots without these keys, where they hold any."""
    gone, constraints = frozenset(ids), dict[str, Constraint]()
    for path, emptied in EMPTIED.items():
        attached = set(attached_ids(client, path))
        if attached & gone:
            constraints |= emptied if attached <= gone else {path: ExcludesKeyed("id", tuple(sorted(gone)))}
    return constraints


def attached_ids(client: Object, path: str) -> list[str]:
    """The credentials in a slot of the application."""
    return [str(entry["id"]) for entry in get_path(client, path) or []]


def _revoke_exchange(context: RevokeContext) -> Iterable[DesiredObject]:
    yield context.node(context.app, {"grant_types": Excludes((TOKEN_VAULT_GRANT,))})


def _revoke_policies(context: RevokeContext) -> Iterable[DesiredObject]:
    audiences = tuple(audience for name in context.names for audience in context.audiences.get(name, ()))
    if audiences:
        yield context.node(context.app, {"refresh_token.policies": ExcludesKeyed("audience", audiences)})


def _revoke_grants(context: RevokeContext) -> Iterable[DesiredObject]:
    for name in context.names:
        for number, audience in enumerate(context.audiences.get(name, ())):
            identity = {"client_id": context.client_id, "audience": audience, "subject_type": "user"}
            address = f"client_grant.{context.key}.{name}" + (f".{number}" if number else "")
            target = ObjectRef(
                address=address, kind="client_grant", identity=identity, name=f"{context.key} → {audience}"
            )
            yield absent(target, context.provenance.reason)


def _revoke_connections(context: RevokeContext) -> Iterable[DesiredObject]:
    ids = {str(c["name"]): str(c["id"]) for c in context.objects.get("connections", ())}
    for name in context.names:
        if name in ids:
            identity = {"connection": name, "id": ids[name]}
            address = f"connection_clients.{name}"
            target = ObjectRef(address=address, kind="connection_clients", identity=identity, name=name)
            yield context.node(target, {"clients": Excludes((context.client_id,))})


def _revoke_privileged(context: RevokeContext) -> Iterable[DesiredObject]:
    """Keys that others put there stay where they are. The last node is no key: it has the application's keys read."""
    pool = [c for c in context.objects.get("credentials", ()) if c["client_id"] == context.client_id]
    ours = [c for c in pool if is_ours(c, context.spec_name)] if "keys" in context.names else []
    constraints = without_keys(context.client, [str(credential["id"]) for credential in ours])
    if "access" in context.names:
        others = {path: constraint for path, constraint in constraints.items() if not path.startswith(PRIVILEGED)}
        constraints = {PRIVILEGED: Equals(None), **others}
    yield context.node(context.app, constraints)
    for credential in (*ours, {"id": "", "kid": ""}):
        yield absent_credential(context.app, context.client_id, credential, context.provenance.reason)


def _has_policy(requirement: Requirement, live: Object, client_id: str) -> bool:
    present = {policy.get("audience") for policy in get_path(live, requirement.path) or []}
    return isinstance(requirement.constraint, ContainsKeyed) and all(
        entry["audience"] in present for entry in requirement.constraint.entries
    )


def _has_privileged(requirement: Requirement, live: Object, client_id: str) -> bool:
    return requirement.target.kind == "credential" or bool(live.get(PRIVILEGED))


EXCHANGE = Provision(
    revoke=_revoke_exchange,
    pre_existing=lambda requirement, live, client_id: TOKEN_VAULT_GRANT in (live.get("grant_types") or []),
    exact=True,
)
"""`grant:exchange`: the grant type with which tokens are exchanged."""
POLICY = Provision(revoke=_revoke_policies, pre_existing=_has_policy, of_api=True)
"""`mrrt:API`: the multi-resource refresh token policy for an API."""
GRANT = Provision(revoke=_revoke_grants, pre_existing=lambda requirement, live, client_id: True, of_api=True)
"""`api:API`: the permission to ask for tokens for an API on behalf of users."""
CONNECTION = Provision(
    revoke=_revoke_connections,
    pre_existing=lambda requirement, live, client_id: client_id in (live.get("clients") or []),
)
"""`with:CONNECTION`: a place among the applications that may use a connection."""
WORKER = Provision(revoke=_revoke_privileged, pre_existing=_has_privileged)
"""`privileged:access` and `privileged:keys`: privileged access, and the keys that this spec put there."""

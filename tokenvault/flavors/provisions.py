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
from tokenvault.model.constraints import HasBy, Is, Lacks, LacksBy, Want
from tokenvault.model.desired import Ask, Node, Target, Why
from tokenvault.model.paths import get_path

KEYS_SLOT = "client_authentication_methods.private_key_jwt.credentials"
PRIVILEGED = "token_vault_privileged_access"
PRIVILEGED_SLOT = f"{PRIVILEGED}.credentials"
EMPTIED: Mapping[str, Mapping[str, Is]] = {
    PRIVILEGED_SLOT: {PRIVILEGED: Is(None)},
    KEYS_SLOT: {"client_authentication_methods": Is(None), "token_endpoint_auth_method": Is("client_secret_post")},
}
"""The slots of an application's credentials, and what becomes of each when its last one goes: it is taken away whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """Loans of one sort that an application gives back.

    `names` are those of the labels. `audiences` are the APIs by the names that labels have for them. `objects` is what
    was read of the tenant.
    """

    app: Target
    client: Object
    spec_name: str
    names: Sequence[str]
    audiences: Mapping[str, Sequence[str]]
    objects: Mapping[str, Sequence[Object]]
    why: Why

    @property
    def key(self) -> str:
        """The application's key, as addresses have it."""
        return self.app.address.removeprefix("application.")

    @property
    def client_id(self) -> str:
        """The application's client id."""
        return str(self.client["client_id"])

    def node(self, target: Target, wants: Mapping[str, Want]) -> Node:
        """A node that asks for these attributes, and for nothing else."""
        asks = tuple(Ask(target=target, path=path, want=want, why=self.why) for path, want in wants.items())
        return Node(target=target, asks=asks, wants=wants)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """One sort of loan.

    `held` says whether an existing object has what an ask is about before anything is lent. What is `exact` is in a list
    that, on objects which tokenvault created, holds only what is asked for: there it needs no label to be taken back.
    `of_api`: its labels name APIs.
    """

    take_back: Callable[[Taking], Iterable[Node]]
    held: Callable[[Ask, Object, str], bool]
    exact: bool = False
    of_api: bool = False


def absent(target: Target, reason: str) -> Node:
    """A node for an object that must not be there."""
    return Node(target=replace(target, absent=True, creatable=False, reason=reason), asks=(), wants={})


def absent_credential(app: Target, client_id: str, credential: Object, reason: str) -> Node:
    """A credential of an application that must not be there."""
    kid = str(credential["kid"])
    address = f"credential.{app.address.split('.', 1)[1]}.{kid}"
    identity = {"client_id": client_id, "id": str(credential["id"])}
    return absent(Target(address=address, kind="credential", identity=identity, name=kid), reason)


def without_keys(client: Object, ids: Iterable[str]) -> dict[str, Want]:
    """Both slots without these keys, where they hold any."""
    gone, wants = frozenset(ids), dict[str, Want]()
    for path, emptied in EMPTIED.items():
        attached = set(attached_ids(client, path))
        if attached & gone:
            wants |= emptied if attached <= gone else {path: LacksBy("id", tuple(sorted(gone)))}
    return wants


def attached_ids(client: Object, path: str) -> list[str]:
    """The credentials in a slot of the application."""
    return [str(entry["id"]) for entry in get_path(client, path) or []]


def _take_back_exchange(taking: Taking) -> Iterable[Node]:
    yield taking.node(taking.app, {"grant_types": Lacks((TOKEN_VAULT_GRANT,))})


def _take_back_policies(taking: Taking) -> Iterable[Node]:
    audiences = tuple(audience for name in taking.names for audience in taking.audiences.get(name, ()))
    if audiences:
        yield taking.node(taking.app, {"refresh_token.policies": LacksBy("audience", audiences)})


def _take_back_grants(taking: Taking) -> Iterable[Node]:
    for name in taking.names:
        for number, audience in enumerate(taking.audiences.get(name, ())):
            identity = {"client_id": taking.client_id, "audience": audience, "subject_type": "user"}
            address = f"client_grant.{taking.key}.{name}" + (f".{number}" if number else "")
            target = Target(address=address, kind="client_grant", identity=identity, name=f"{taking.key} → {audience}")
            yield absent(target, taking.why.reason)


def _take_back_connections(taking: Taking) -> Iterable[Node]:
    ids = {str(c["name"]): str(c["id"]) for c in taking.objects.get("connections", ())}
    for name in taking.names:
        if name in ids:
            identity = {"connection": name, "id": ids[name]}
            address = f"connection_clients.{name}"
            target = Target(address=address, kind="connection_clients", identity=identity, name=name)
            yield taking.node(target, {"clients": Lacks((taking.client_id,))})


def _take_back_privileged(taking: Taking) -> Iterable[Node]:
    """Keys that others put there stay where they are. The last node is no key: it has the application's keys read."""
    pool = [c for c in taking.objects.get("credentials", ()) if c["client_id"] == taking.client_id]
    ours = [c for c in pool if is_ours(c, taking.spec_name)] if "keys" in taking.names else []
    wants = without_keys(taking.client, [str(credential["id"]) for credential in ours])
    if "access" in taking.names:
        others = {path: want for path, want in wants.items() if not path.startswith(PRIVILEGED)}
        wants = {PRIVILEGED: Is(None), **others}
    yield taking.node(taking.app, wants)
    for credential in (*ours, {"id": "", "kid": ""}):
        yield absent_credential(taking.app, taking.client_id, credential, taking.why.reason)


def _has_policy(ask: Ask, live: Object, client_id: str) -> bool:
    present = {policy.get("audience") for policy in get_path(live, ask.path) or []}
    return isinstance(ask.want, HasBy) and all(entry["audience"] in present for entry in ask.want.entries)


def _has_privileged(ask: Ask, live: Object, client_id: str) -> bool:
    return ask.target.kind == "credential" or bool(live.get(PRIVILEGED))


EXCHANGE = Loan(
    take_back=_take_back_exchange,
    held=lambda ask, live, client_id: TOKEN_VAULT_GRANT in (live.get("grant_types") or []),
    exact=True,
)
"""`grant:exchange`: the grant type with which tokens are exchanged."""
POLICY = Loan(take_back=_take_back_policies, held=_has_policy, of_api=True)
"""`mrrt:API`: the multi-resource refresh token policy for an API."""
GRANT = Loan(take_back=_take_back_grants, held=lambda ask, live, client_id: True, of_api=True)
"""`api:API`: the permission to ask for tokens for an API on behalf of users."""
CONNECTION = Loan(
    take_back=_take_back_connections, held=lambda ask, live, client_id: client_id in (live.get("clients") or [])
)
"""`with:CONNECTION`: a place among the applications that may use a connection."""
WORKER = Loan(take_back=_take_back_privileged, held=_has_privileged)
"""`privileged:access` and `privileged:keys`: privileged access, and the keys that this spec put there."""

"""Keys of workers that come and go: attach the new one, detach the old one, delete the old one, within Auth0's limits.

An application keeps at most four credentials, and at most two in a slot. The update that attaches the new keys detaches
the old ones too, so a worker is never without a key. Only when there is no room for a new key beside the old ones are the
old ones detached and deleted first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenvault.errors import Diagnostic
from tokenvault.flavors.provisions import BY_SECRET, PRIVILEGED, SLOTS, absent_credential, attached_ids, emptied
from tokenvault.kinds.base import Object
from tokenvault.kinds.credential import is_ours
from tokenvault.model.constraints import ExcludesKeyed
from tokenvault.model.desired import DesiredObject, Graph, Provenance, refs
from tokenvault.plan.model import Action, Change
from tokenvault.plan.ownership import Ownership
from tokenvault.state.live import Live

POOL, SLOT = 4, 2
TOPS = frozenset({PRIVILEGED, "client_authentication_methods", "token_endpoint_auth_method"})
ELSEWHERE = Provenance(source="rotation", reason="the spec no longer lists the key here")
STALE = Provenance(source="rotation", reason="the key is no longer in the spec")
GAP = "the old keys are taken away before the new ones are there, for its four credentials are in use: exchanges fail meanwhile"


def stale_keys(graph: Graph, live: Live, adopt: bool) -> list[DesiredObject]:
    """Detaches every key that this spec gave a worker from where it no longer lists it, and deletes those listed nowhere.

    The keys of a worker that was taken over bear the name of the spec that had it before.
    """
    nodes: list[DesiredObject] = []
    ownership = Ownership(graph, live, adopt)
    for address, kept in _keys(graph).items():
        client = live.objects.get(address)
        if client is not None:
            taken_over = [p.slot for p in ownership.provisions_of(address, client) if p.verb == "keys"]
            key_owners = [f"{graph.spec_name}/", *taken_over]
            ours = [c for c in _pool(live, client) if is_ours(c, key_owners)]
            nodes += _detached_from(graph, graph.nodes[address], client, ours)
            nodes += _deleted(graph.nodes[address], client, (c for c in ours if c.get("kid") not in kept))
    return nodes


def _keys(graph: Graph) -> Mapping[str, set[str]]:
    """The key ids that the graph wants, by the address of their application."""
    keys: dict[str, set[str]] = defaultdict(set)
    for node in graph.of_kind("credential"):
        owner = next(ref.address for ref in refs(dict(node.target.identity)))
        keys[owner].add(str(node.target.identity["kid"]))
    return keys


def _pool(live: Live, client: Object) -> list[Object]:
    credentials = live.state.objects.get("credentials", ())
    return [c for c in credentials if c["client_id"] == client["client_id"]]


def _detached_from(graph: Graph, app: DesiredObject, client: Object, ours: Sequence[Object]) -> Iterable[DesiredObject]:
    """The application without our keys in each slot that does not ask for them, though another one may."""
    for path in SLOTS:
        asked = {graph.nodes[ref.address].target.identity["kid"] for ref in refs(app.constraints.get(path))}
        ids = {str(credential["id"]) for credential in ours if credential.get("kid") not in asked}
        if path in app.constraints and not ids.isdisjoint(attached_ids(client, path)):
            constraint = ExcludesKeyed("id", tuple(sorted(ids)))
            requirement = replace(
                next(app.requirements_for(path)), constraint=constraint, provenance=ELSEWHERE, needs=(), provision=None
            )
            yield DesiredObject(target=app.target, requirements=(requirement,), constraints={path: constraint})


def _deleted(app: DesiredObject, client: Object, gone: Iterable[Object]) -> Iterable[DesiredObject]:
    return (absent_credential(app.target, str(client["client_id"]), credential, STALE.reason) for credential in gone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The changes of one application's keys."""

    app: Change
    client: Object
    pool: int
    added: tuple[Change, ...]
    removed: tuple[Change, ...]

    @property
    def has_room(self) -> bool:
        """Whether the new keys fit beside the old ones."""
        return self.pool + len(self.added) <= POOL

    @property
    def gives_room(self) -> bool:
        """Whether they fit once the old ones are gone."""
        return self.pool + len(self.added) - len(self.removed) <= POOL


def within_limits(
    changes: Sequence[Change], live: Live, values: Mapping[str, Mapping[str, Any]]
) -> tuple[list[Change], list[Diagnostic]]:
    """Reorders key changes to respect Auth0's limits; returns errors where no order does. `values` are the planned ones."""
    problems = [p for address, value in values.items() for p in _slot_problems(address, value)]
    ready = {change.address: change for change in changes}
    for rotation in _rotations(changes, live):
        if not rotation.has_room and not rotation.gives_room:
            problems.append(_full(rotation))
        elif not rotation.has_room:
            ready |= {change.address: change for change in _room_first(rotation, values[rotation.app.address])}
    return list(ready.values()), problems


def _rotations(changes: Sequence[Change], live: Live) -> Iterable[Rotation]:
    by_client: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        if change.kind == "credential":
            by_client[str(change.identity["client_id"])].append(change)
    for app in changes:
        keys, client = by_client.get(app.id or "", []), live.objects.get(app.address)
        if keys and client is not None:
            yield Rotation(
                app=app,
                client=client,
                pool=len(_pool(live, client)),
                added=tuple(key for key in keys if key.action is Action.CREATE),
                removed=tuple(key for key in keys if key.action is Action.DELETE),
            )


def _room_first(rotation: Rotation, after: Mapping[str, Any]) -> Iterable[Change]:
    """Detach and delete the old keys, create the new ones, and only then attach those."""
    removed = tuple(change.address for change in rotation.removed)
    for change in rotation.added:
        yield replace(change, requires=tuple(dict.fromkeys((*change.requires, *removed))))
    detached = _detached(rotation)
    if detached:
        app, added = rotation.app, {change.address for change in rotation.added}
        others = {path: value for path, value in app.patch.items() if not _is_slot(path)}
        yield replace(
            app,
            patch={**others, **detached},
            deferred={path: value for path, value in after.items() if _is_slot(path)},
            requires=tuple(address for address in app.requires if address not in added),
            risks=(*app.risks, GAP) if None in detached.values() else app.risks,
        )


def _is_slot(path: str) -> bool:
    return path.split(".")[0] in TOPS


def _detached(rotation: Rotation) -> Mapping[str, Any]:
    """Both slots without the old keys, where they hold any. A slot that nothing is left in goes whole."""
    gone = {change.id for change in rotation.removed}
    values: dict[str, Any] = {}
    for path in SLOTS:
        attached = attached_ids(rotation.client, path)
        left = [{"id": credential_id} for credential_id in attached if credential_id not in gone]
        if len(left) < len(attached):
            values |= (
                {path: left}
                if left
                else {name: constraint.resolve(None) for name, constraint in emptied(path, BY_SECRET).items()}
            )
    return values


def _full(rotation: Rotation) -> Diagnostic:
    new = len(rotation.added)
    return Diagnostic(
        code="plan-credentials-full",
        summary=f"{rotation.app.address} has {rotation.pool} credentials and no room for {new} more: Auth0 keeps at most {POOL}",
        detail="Of those, this spec takes away only keys that it put there and no longer lists.",
        hint="Delete one that nobody uses, in the dashboard under Credentials of the application.",
        span=rotation.app.span,
        context=rotation.app.address,
    )


def _slot_problems(address: str, values: Mapping[str, Any]) -> Iterable[Diagnostic]:
    for path in SLOTS:
        if len(values.get(path) or ()) > SLOT:
            yield Diagnostic(
                code="plan-slot-full",
                summary=f"{address} would have {len(values[path])} keys in {path}: Auth0 takes at most {SLOT}",
                detail="Keys that this spec did not put there stay where they are.",
                hint="Take one of them out of the application, in the dashboard, or list one key less in the spec.",
                context=address,
            )

"""The order of changes: what each depends on, and when marks are written relative to what they record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind, Object
from tokenvault.model.desired import DesiredObject, Graph, Requirement, bound, refs
from tokenvault.model.marks import (
    API_METADATA_KEY,
    METADATA_KEY,
    MORE_KEYS,
    digest,
    joined,
    mark_words,
    read_mark,
)
from tokenvault.model.paths import get_path
from tokenvault.plan.model import Action, Change, takes_from
from tokenvault.plan.roster import LISTED
from tokenvault.state.live import Live


@dataclass(frozen=True, slots=True)
class Ordering:
    """The order of one plan's changes. The needs of a node are cached: a thousand others may depend on it."""

    graph: Graph
    live: Live
    _needs: dict[str, frozenset[str]] = field(default_factory=dict)

    def requires(self, node: DesiredObject, live: Object | None, patch: Mapping[str, Any]) -> tuple[str, ...]:
        """The addresses that a change of the node depends on, without those that depend on it."""
        waiting = [
            requirement
            for requirement in node.requirements
            if requirement.needs or requirement.provision or node.target.recorder
        ]
        requirements = [
            requirement
            for requirement in waiting
            if live is None or (requirement.path in patch and not self._is_met(requirement, live))
        ]
        needs = node.needs() if live is None else {r.address for r in refs(dict(patch))}
        needs |= {need for requirement in requirements for need in requirement.needs}
        users = {requirement.user for requirement in requirements if requirement.provision} | (
            {node.target.recorder} if requirements else set()
        )
        needs |= {user for user in users if user and self._comes_first(user, node)}
        return tuple(sorted(a for a in needs if a in self.graph.nodes and not self._follows(a, node)))

    def _is_met(self, requirement: Requirement, live: Object) -> bool:
        """Whether the object satisfies the requirement already, so that nothing has to wait for it."""
        value = get_path(live, requirement.path)
        return bool(bound(requirement.constraint, self.live.ids).resolve(value) == value)

    def _follows(self, address: str, node: DesiredObject) -> bool:
        """Whether the object at the address has to wait for the node instead: an object that exists is changed last."""
        if self._records(node.address, self.graph.nodes[address]):
            return True
        if self._records(address, node):
            return False
        exists = self.live.objects.get(address) is not None
        return self._refers_to(address, node.address) or (exists and node.address in self._needs_of(address))

    def _comes_first(self, user: str, node: DesiredObject) -> bool:
        """A provision is written into its mark before it is given, except where the marked object itself waits for it."""
        if kinds()[node.kind].marker or user not in self.graph.nodes:
            return False
        return self._records(user, node) or node.address not in self._needs_of(user)

    def _records(self, address: str, api: DesiredObject) -> bool:
        """Whether the object at the address is the Custom API Client on which is recorded what an API that is there is given."""
        is_recorder = (
            api.kind == "api" and api.target.recorder == address and self.live.objects.get(api.address) is not None
        )
        return is_recorder and bool(self.graph.nodes[address].target.identity.get("resource_server_identifier"))

    def _needs_of(self, address: str) -> frozenset[str]:
        if address not in self._needs:
            self._needs[address] = self.graph.nodes[address].needs()
        return self._needs[address]

    def _refers_to(self, address: str, target: str) -> bool:
        node = self.graph.nodes.get(address)
        if node is None or self.live.objects.get(target) is not None:
            return False
        return any(ref.address == target for ref in refs(dict(node.target.identity)))

    def deferred(
        self, kind: Kind, node: DesiredObject, patch: Mapping[str, Any], after: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The part of the patch that is written in a second step: it refers to objects that are created after this one."""
        tops = {path.split(".")[0] for path, value in patch.items() if self._waits_for(node, value)}
        tops.update(name for group in kind.together if tops & set(group) for name in group)
        return {path: value for path, value in after.items() if path.split(".")[0] in tops}

    def _waits_for(self, node: DesiredObject, value: Any) -> bool:
        return any(self._refers_to(ref.address, node.address) for ref in refs(value))


def with_companions(kind: Kind, patch: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The patch, with the attributes that Auth0 accepts only together with those in it."""
    tops = {path.split(".")[0] for path in patch}
    together = {name for group in kind.together if tops & set(group) for name in group}
    return {**{path: value for path, value in after.items() if path.split(".")[0] in together}, **patch}


def records_of_apis(changes: Iterable[Change], live: Live) -> dict[str, frozenset[str]]:
    """The ids of the applications whose marks record what a spec gave to an API that changes, by the API's address.

    The Custom API Client of an API that goes is not among them: it is deleted first, and that the API was made is recorded
    on another application, too.
    """
    apis = [change for change in changes if change.kind == "api" and change.action is not Action.CREATE]
    made, linked = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for client in live.state.objects.get("clients", ()) if apis else ():
        mark, client_id = read_mark(client.get("client_metadata")), str(client["client_id"])
        for provision in mark.provisions if mark else ():
            made[provision.slot] |= {client_id} if provision.verb == "made" else set()
        if read_mark(client.get("client_metadata"), API_METADATA_KEY):
            linked[str(client.get("resource_server_identifier"))].add(client_id)
    found = {}
    for change in apis:
        identifier = str(change.identity["identifier"])
        clients = set() if change.action is Action.DELETE else linked[identifier]
        found[change.address] = frozenset(made[f"~{digest(identifier)}"] | clients)
    return found


def ownership_commit_order(changes: Sequence[Change], live: Live) -> list[Change]:
    """The changes, each mark shortened only after what it recorded is revoked, so that an interrupted run can resume.

    A mark that others wait for is written twice: first with both old and new provisions, last with the new ones alone.
    An application is deleted after what the API loses that its mark records.
    """
    records = records_of_apis(changes, live)
    ready = {change.address: change for change in changes}
    takers: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        for owner in (*takes_from(change), *records.get(change.address, ())):
            takers[owner].append(change.address)
    for change in changes:
        parts = (_mark_texts(change), _mark_texts(change, API_METADATA_KEY))
        texts = {path: text for part in parts if _is_shortened(part) for path, text in part.items()}
        if change.id in takers and texts:
            _commit_last(ready, change.address, texts, takers[change.id])
        elif change.action is Action.DELETE:
            known = [address for address, recorders in records.items() if change.id in recorders]
            later = [address for address in known if not _waits(address, change.address, ready)]
            ready[change.address] = replace(change, requires=tuple(dict.fromkeys((*change.requires, *later))))
    return list(ready.values())


def _is_shortened(texts: Mapping[str, tuple[Any, Any]]) -> bool:
    (owner, before), (new_owner, after) = (mark_words(text[which] for text in texts.values()) for which in (0, 1))
    return any(p.verb not in LISTED for p in before - after) or bool(owner and not new_owner)


def _mark_texts(change: Change, *keys: str) -> dict[str, tuple[Any, Any]]:
    """What an update writes into the metadata keys of a mark, which may take several: the texts before and after."""
    metadata = kinds()[change.kind].metadata
    paths = {f"{metadata}.{key}" for key in keys or (METADATA_KEY, *MORE_KEYS)} if metadata else set()
    written = paths & change.patch.keys() if change.action is Action.UPDATE else set()
    before = {a.path[0]: a.before for a in change.attributes}
    return {path: (before.get(path), change.patch[path]) for path in sorted(written)}


def renews_roster_alone(change: Change, verbs: Collection[str] = LISTED) -> bool:
    """Whether the change does nothing but write into a mark what the spec lists now, or only these verbs of it."""
    texts = _mark_texts(change)
    if not texts or not texts.keys() >= {a.path[0] for a in change.attributes}:
        return False
    (owner, before), (new_owner, after) = (mark_words(text[which] for text in texts.values()) for which in (0, 1))
    return owner == new_owner and all(p.verb in verbs for p in before ^ after)


def _commit_last(
    ready: dict[str, Change], address: str, texts: Mapping[str, tuple[Any, Any]], taken: Iterable[str]
) -> None:
    dependent = [name for name in taken if _waits(name, address, ready)]
    app = ready[address]
    others = [name for name in taken if name not in dependent]
    app = replace(app, requires=tuple(dict.fromkeys((*app.requires, *others))))
    if dependent:
        app = _in_two_steps(app, texts)
    ready[address] = app
    for name in dependent:
        ready[name] = replace(ready[name], requires=tuple(dict.fromkeys((*ready[name].requires, address))))


def _in_two_steps(app: Change, texts: Mapping[str, tuple[Any, Any]]) -> Change:
    """The change in two writes: all that it gives, with a mark that records old and new provisions; then the shorter mark."""
    patch = {path: value for path, value in app.patch.items() if path not in texts}
    both = {path: joined(*text) for path, text in texts.items()}
    patch |= {path: text for path, text in both.items() if text != texts[path][0]}
    if not patch:
        return app
    return replace(app, patch=patch, deferred={**app.deferred, **{path: app.patch[path] for path in texts}})


def _waits(name: str, address: str, changes: Mapping[str, Change]) -> bool:
    """Whether one change has to wait for another, through however many others."""
    seen, left = set[str](), [name]
    while left:
        for needed in changes[left.pop()].requires:
            if needed == address:
                return True
            if needed in changes and needed not in seen:
                seen.add(needed)
                left.append(needed)
    return False

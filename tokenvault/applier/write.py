"""One object's writes: what is sent, what must hold before it is, and what to do when the answer is not a yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenvault.applier.stale import changed, gone
from tokenvault.desired import Node, Target, bind, refs
from tokenvault.diff import Comparable, differences
from tokenvault.errors import ApiError, Diagnostic, RefusedError, UnknownOutcome
from tokenvault.kinds import Kind, Object, kinds
from tokenvault.live import seal
from tokenvault.paths import get_path, merged, nest
from tokenvault.plan import Action, Change
from tokenvault.tenant.gateway import Tenant
from tokenvault.want import Is

CREATE_ATTEMPTS = 3


class Writer:
    """Carries out single changes. `ids` grows as objects are created; `made` keeps what Auth0 answered to creates.

    `there` are objects that the plan creates and that are found to exist, as it wants them.
    """

    def __init__(self, tenant: Tenant, compare: Comparable, there: Mapping[str, Object] | None = None) -> None:
        self._tenant = tenant
        self._compare = compare
        self._there = there or {}
        self.ids: dict[str, str] = {}
        self.made: dict[str, Object] = {}

    async def create(self, change: Change) -> tuple[str, str]:
        """Creates the object, or finds that it exists. Its id, and a note when it was not simply created."""
        kind = kinds()[change.kind]
        if change.address in self._there:
            return await self._take(kind, change, self._there[change.address])
        body = {**self.bound(change.identity), **nest(self.bound(change.sets))}
        for _ in range(CREATE_ATTEMPTS):
            try:
                return await self._created(kind, change, body), ""
            except UnknownOutcome as error:
                failure: ApiError = error
            except ApiError as error:
                if error.status != 409:
                    raise
                failure = error
            found = await self.look_up(change)
            if found is not None:
                return await self._take(kind, change, found)
            if failure.status == 409:
                break
        raise failure

    async def _created(self, kind: Kind, change: Change, body: Object) -> str:
        answers = [await self._tenant.write(request) for request in kind.creation(body)]
        answer = seal(answers[0]) if isinstance(answers[0], dict) else dict(body)
        self.made[change.address] = answer
        if not answer.get(kind.id_field):
            raise ApiError(Diagnostic(code="api-bad-answer", summary=f"Auth0's answer does not name {change.address}"))
        return str(answer[kind.id_field])

    async def look_up(self, change: Change) -> Object | None:
        """The object by its natural key, wherever it came from."""
        kind, node = kinds()[change.kind], self.node(change)
        before = {"clients": [{"client_id": node.target.identity.get("client_id")}]}
        objects = [seal(item) for item in await kind.collection.read(self._tenant, [node], before)]
        return kind.find(node, node.target.identity, kind.indexed(objects))

    async def _take(self, kind: Kind, change: Change, found: Object) -> tuple[str, str]:
        """Somebody (an interrupted run, another one) created it: it gets what the plan wants of it."""
        self.made[change.address] = found
        sets = self.bound(change.sets)
        wanted = {path: sets[path] for path in lacking(kind, sets, found, self._compare)}
        if wanted and change.kind != "my_account_api":
            await self._send(kind, wanted, found)
        return str(found[kind.id_field]), "it existed already and was adopted"

    async def update(self, change: Change) -> tuple[str, str]:
        """Re-reads the object and sends what changes. Its id, and a note when it was as planned already.

        Refused when the plan's premises no longer hold.
        """
        kind = kinds()[change.kind]
        live = await self._fetch(kind, change)
        stale = self._stale(kind, change, live)
        if stale and not lacking(kind, self.bound(change.sets), live, self._compare):
            return str(change.id), "it was so already"
        if stale:
            raise RefusedError(changed(change, live, stale))
        await self._send(kind, self.bound(change.sets), live)
        return str(change.id), ""

    async def finish(self, change: Change) -> str:
        """Writes what had to wait for objects that waited for this one."""
        kind = kinds()[change.kind]
        await self._send(kind, self.bound(change.later), self.made[change.address])
        return self.ids[change.address]

    async def delete(self, change: Change) -> str:
        """Deletes the object; one that is gone already is as good."""
        kind = kinds()[change.kind]
        known = {**self.bound(change.identity), kind.id_field: change.id}
        try:
            live = await self._fetch(kind, change)
            if stale := self._stale(kind, change, live):
                raise RefusedError(changed(change, live, stale))
            for request in kind.deletion(known):
                await self._tenant.write(request)
        except ApiError as error:
            if error.status != 404:
                raise
        return str(change.id)

    async def _fetch(self, kind: Kind, change: Change) -> Object:
        known = {**self.bound(change.identity), kind.id_field: change.id}
        try:
            return dict(seal(await kind.fetched(self._tenant, known)))
        except ApiError as error:
            if error.status == 404 and change.action is Action.UPDATE:
                raise RefusedError(gone(change)) from None
            raise

    def _stale(self, kind: Kind, change: Change, live: Object) -> list[str]:
        """The attributes that are no longer as the plan found them."""
        return [
            path
            for path, premise in change.premises.items()
            if self._compare.fingerprint(get_path(live, path), kind.field_at(path)) != premise
        ]

    async def _send(self, kind: Kind, sets: Mapping[str, Any], live: Object) -> None:
        for request in kind.updates(patch_of(kind, sets, live), live):
            await self._tenant.write(request)

    def bound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with the ids of what was created meanwhile."""
        ready: dict[str, Any] = bind(dict(values), self.ids)
        missing = next((ref.address for ref in refs(ready)), None)
        if missing:
            raise RefusedError(Diagnostic(code="apply-missing", summary=f"The id of {missing} is not known"))
        return ready

    def node(self, change: Change) -> Node:
        """The change as a node, to find its object by."""
        return node_of(change, self.bound(change.identity))


def node_of(change: Change, identity: Mapping[str, Any]) -> Node:
    """A change as a node of the graph; `identity` is its own, with as many ids as are known."""
    kind = kinds()[change.kind]
    mark = str(change.sets.get(kind.marker, "")).rsplit(" ", 1)[0] if kind.marker else ""
    target = Target(
        address=change.address,
        kind=change.kind,
        identity=identity,
        name=change.name,
        mark=mark or None,
    )
    values = {**change.sets, **change.later}
    return Node(target=target, asks=(), wants={path: Is(value) for path, value in values.items()})


def lacking(kind: Kind, wanted: Mapping[str, Any], live: Object, compare: Comparable) -> list[str]:
    """The attributes of a live object that are not as wanted, of those that Auth0 shows and may still change."""
    shown = {path: value for path, value in wanted.items() if path not in kind.create_only}
    if "options" not in live:
        shown = {path: value for path, value in shown.items() if not path.startswith("options.")}
    before = {path: get_path(live, path) for path in shown}
    return list(dict.fromkeys(delta.path[0] for delta in differences(kind, before, shown, compare)))


def patch_of(kind: Kind, sets: Mapping[str, Any], live: Object) -> dict[str, Any]:
    """The body of an update: whole objects where Auth0 replaces, only what changes elsewhere, what it resets sent again."""
    patch = nest(sets)
    for name, value in patch.items():
        if name in kind.replaced and isinstance(value, dict):
            patch[name] = merged(live.get(name), value)
    for name in kind.resent:
        if live.get(name) is not None:
            patch.setdefault(name, live[name])
    return patch

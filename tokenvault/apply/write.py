"""One object's writes: what is sent, what must hold before it is, and what to do when the answer is not a yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenvault.desired import Node, Target, bind, refs
from tokenvault.diff import Comparable
from tokenvault.errors import ApiError, Diagnostic, RefusedError, UnknownOutcome
from tokenvault.kinds import Kind, Object, kinds
from tokenvault.live import seal
from tokenvault.paths import get_path, merged, nest
from tokenvault.plan import Change
from tokenvault.tenant.gateway import Tenant
from tokenvault.want import Is

CREATE_ATTEMPTS = 3


class Writer:
    """Carries out single changes. `ids` grows as objects are created; `made` keeps what Auth0 answered to creates."""

    def __init__(self, tenant: Tenant, compare: Comparable) -> None:
        self._tenant = tenant
        self._compare = compare
        self.ids: dict[str, str] = {}
        self.made: dict[str, Object] = {}

    async def create(self, change: Change) -> tuple[str, str]:
        """Creates the object, or finds that it exists. Its id, and a note when it was not simply created."""
        kind = kinds()[change.kind]
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
        wanted = {path: value for path, value in self.bound(change.sets).items() if get_path(found, path) != value}
        wanted = {path: value for path, value in wanted.items() if path not in kind.create_only}
        if wanted and change.kind != "my_account_api":
            await self._send(kind, wanted, found)
        return str(found[kind.id_field]), "it existed already and was adopted"

    async def update(self, change: Change) -> str:
        """Re-reads the object, refuses if the plan's premises no longer hold, and sends what changes."""
        kind = kinds()[change.kind]
        live = await self._fetch(kind, change)
        self._refuse_stale(kind, change, live)
        await self._send(kind, self.bound(change.sets), live)
        return str(change.id)

    async def finish(self, change: Change) -> str:
        """Writes what had to wait for objects that waited for this one."""
        kind = kinds()[change.kind]
        await self._send(kind, self.bound(change.later), self.made[change.address])
        return self.ids[change.address]

    async def delete(self, change: Change) -> str:
        """Deletes the object; one that is gone already is as good."""
        kind = kinds()[change.kind]
        live = {**self.bound(change.identity), kind.id_field: change.id}
        try:
            self._refuse_stale(kind, change, await self._fetch(kind, change))
            for request in kind.deletion(live):
                await self._tenant.write(request)
        except ApiError as error:
            if error.status != 404:
                raise
        return str(change.id)

    async def _fetch(self, kind: Kind, change: Change) -> Object:
        known = {**self.bound(change.identity), kind.id_field: change.id}
        return dict(seal(await kind.fetched(self._tenant, known)))

    def _refuse_stale(self, kind: Kind, change: Change, live: Object) -> None:
        differing = [
            path
            for path, premise in change.premises.items()
            if self._compare.fingerprint(get_path(live, path), kind.field_at(path)) != premise
        ]
        if differing:
            raise RefusedError(
                Diagnostic(
                    code="apply-stale",
                    summary=f"{change.address} changed since the plan: {', '.join(differing)}",
                    hint="Nothing was written to it. Plan again, and review what it says now.",
                    context=change.address,
                )
            )

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
        kind = kinds()[change.kind]
        mark = str(change.sets.get(kind.marker, "")).rsplit(" ", 1)[0] if kind.marker else ""
        target = Target(
            address=change.address,
            kind=change.kind,
            identity=self.bound(change.identity),
            name=change.name,
            mark=mark or None,
        )
        values = {**change.sets, **change.later}
        return Node(target=target, asks=(), wants={path: Is(value) for path, value in values.items()})


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


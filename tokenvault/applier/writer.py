"""Writes one object: checks the preconditions, sends the request, and handles answers that are not a success."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from tokenvault.applier.events import ALREADY
from tokenvault.applier.refusals import changed, exists, gone, mistaken, nameless
from tokenvault.applier.sending import Sender, send_create, send_update
from tokenvault.errors import ApiError, Diagnostic, RefusedError, UnknownOutcome
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind, Object
from tokenvault.model.constraints import Equals
from tokenvault.model.desired import DesiredObject, ObjectRef, bind, refs
from tokenvault.model.marks import parse_mark, read_mark
from tokenvault.model.paths import get_path, nest
from tokenvault.plan.diff import Canonicalizer, differences
from tokenvault.plan.model import Action, Change
from tokenvault.plan.patch import after_request, request_body
from tokenvault.plan.write_only import is_hidden, memo, not_shown, without_lost
from tokenvault.state.live import seal
from tokenvault.tenant.client import Tenant, unwatched

CREATE_ATTEMPTS = 3
LAG = 1.0
NOT_SHOWN = "Auth0 took it and does not show all of it, so what was written could not be verified"
SAYS_EXISTS = (400, 409)  # Auth0 answers 409 to what exists, and 400 to a public key that does


class Writer:
    """Carries out single changes. `ids` grows as objects are created; `made` keeps what Auth0 answered to creates.

    `there` are objects that the plan creates and that are found to exist, as it wants them. `created` are the addresses of
    what this very run created, for which Auth0 answered: nothing else is ever withdrawn. `remarks` is what users should know of
    how a change was carried out, and `memos` what its mark had to remember. Of a `fresh` plan, made from this tenant a
    moment ago, lists that are changed member by member are not read again. `watch` is told when the first request of a
    write is sent, and when it has to wait again because Auth0 refused it for the rate limit.
    """

    def __init__(
        self,
        tenant: Tenant,
        compare: Canonicalizer,
        there: Mapping[str, Object] | None = None,
        *,
        fresh: bool = False,
        watch: Callable[[Change, bool], None] = lambda change, sent: None,
    ) -> None:
        self._tenant = tenant
        self._watch = watch
        self._compare = compare
        self._there = there or {}
        self._fresh = fresh
        self.ids: dict[str, str] = {}
        self.made: dict[str, Object] = {}
        self.created: set[str] = set()
        self.remarks: dict[str, list[str]] = {}
        self.memos: dict[str, dict[str, Any]] = {}
        self._as_left: dict[str, Object] = {}

    async def create(self, change: Change) -> tuple[str, str]:
        """Creates the object, or finds that it exists as it should be. Its id, and a note when it was not simply created.

        What may have been created already is looked up before it is sent again.
        """
        kind = kinds()[change.kind]
        if change.address in self._there:
            return await self._taken(kind, change, self._there[change.address])
        body = {**self.bound(change.identity), **nest(self.bound(change.patch))}
        for _ in range(CREATE_ATTEMPTS):
            try:
                sent = await self._created(kind, change, body)
            except ApiError as error:
                failure = error
            else:
                await self._completed(kind, change, left_out=body.keys() - sent.keys())
                return self.ids[change.address], ""
            if not isinstance(failure, UnknownOutcome) and failure.status not in SAYS_EXISTS:
                break
            found = await self._found(change)
            if found is not None:
                return await self._as_wanted(kind, change, found, failure)
            if not isinstance(failure, UnknownOutcome):
                break
        raise failure

    async def _created(self, kind: Kind, change: Change, body: Object) -> Object:
        """Creates the object. What of the body was sent: Auth0 may take the rest only afterwards."""
        response, sent = await send_create(self._sender(change), kind, body)
        answer = seal(response) if isinstance(response, dict) else dict(body)
        if not isinstance(answer.get(kind.id_field), str):
            raise UnknownOutcome(nameless(change))
        if mistake := kind.mistake(sent, answer):
            raise RefusedError(await self._withdrawn(kind, change, answer, mistake))
        self.made[change.address] = answer
        self.created.add(change.address)
        self.ids[change.address] = str(answer[kind.id_field])
        self._remark(change, *kind.remarks(answer))
        return sent

    async def _completed(self, kind: Kind, change: Change, left_out: Iterable[str]) -> None:
        """Writes what the create left out, where Auth0 did not set it so by itself."""
        made = self.made[change.address]
        rest = {path: value for path, value in self.bound(change.patch).items() if path.split(".")[0] in left_out}
        if differing := lacking(kind, rest, made, self._compare):
            body = request_body(kind, {path: rest[path] for path in differing}, made)
            await self._send(kind, change, body, made)
            self.made[change.address] = after_request(kind, body, made)

    async def _withdrawn(self, kind: Kind, change: Change, answer: Object, mistake: tuple[str, str]) -> Diagnostic:
        """What to say of something that Auth0 made otherwise than it was asked to; it is deleted again."""
        what, way = mistake
        try:
            for request in kind.deletion({**self.bound(change.identity), **answer}):
                await self._tenant.write(request)
        except ApiError:
            return mistaken(change, what, f"Delete it in the dashboard: {answer[kind.id_field]}. {way}")
        return mistaken(change, what, f"It was deleted again. {way}")

    def _remark(self, change: Change, *notes: str) -> None:
        self.remarks.setdefault(change.address, []).extend(notes)

    async def _found(self, change: Change) -> Object | None:
        """The object, with patience for reads that lag behind writes."""
        found = await self.look_up(change)
        if found is None:
            await self._tenant.pacer.clock.sleep(LAG)
            found = await self.look_up(change)
        return found

    async def look_up(self, change: Change) -> Object | None:
        """The object by its natural key, wherever it came from."""
        kind, node = kinds()[change.kind], self.node(change)
        before = {"clients": [{"client_id": node.target.identity.get("client_id")}]}
        objects = [seal(item) for item in await kind.collection.read(self._tenant, [node], before)]
        return kind.find(node, node.target.identity, kind.indexed(objects))

    async def _as_wanted(self, kind: Kind, change: Change, found: Object, failure: ApiError) -> tuple[str, str]:
        """An interrupted run or another one created it: it is taken as it is, or, when it differs, left as it is."""
        wanted = self.bound(change.patch)
        differing = lacking(kind, wanted, found, self._compare)
        if not differing or is_ours(kind, wanted, found, differing):
            return await self._taken(kind, change, found)
        raise failure if failure.status == 400 else RefusedError(exists(change, found, differing))

    async def _taken(self, kind: Kind, change: Change, found: Object) -> tuple[str, str]:
        """Takes what is there as the plan wants it; a mark that records less than the plan's is completed."""
        wanted = self.bound(change.patch)
        if differing := lacking(kind, wanted, found, self._compare):
            body = request_body(kind, {path: wanted[path] for path in differing}, found)
            await self._send(kind, change, body, found)
            found = after_request(kind, body, found)
        self.made[change.address] = found
        return str(found[kind.id_field]), ALREADY

    async def update(self, change: Change) -> tuple[str, str]:
        """Re-reads the object and sends what changes. Its id, and a note when it was as planned already.

        Refused when the plan's preconditions no longer hold.
        """
        kind = kinds()[change.kind]
        live = self._members_gone(change) if kind.incremental and self._fresh else await self._fetch(kind, change)
        self._as_left[change.address] = live
        failed = self._failed_preconditions(kind, change, live)
        if change.deferred and failed and self._is_final(kind, change, live):
            return str(change.id), ALREADY
        patch = self.goal(change, self.bound(change.patch), live)
        differing = lacking(kind, patch, live, self._compare)
        if (failed or kind.incremental) and not differing:
            return str(change.id), ALREADY
        if failed and is_ours(kind, patch, live, differing):
            patch = {path: patch[path] for path in differing}
        elif failed:
            raise RefusedError(changed(change, live, failed))
        body = request_body(kind, patch, live)
        await self._send(kind, change, body, live)
        left = after_request(kind, body, live)
        self._as_left[change.address] = after_request(kind, nest(self.memos.get(change.address, {})), left)
        return str(change.id), ""

    def _members_gone(self, change: Change) -> Object:
        """The object as far as a change of members needs to know it: with those that go."""
        gone: dict[str, list[Any]] = {}
        for attribute in change.attributes:
            gone.setdefault(attribute.path[0], []).extend([attribute.before] if attribute.op == "remove" else [])
        return {**self.bound(change.identity), kinds()[change.kind].id_field: change.id, **gone}

    def _is_final(self, kind: Kind, change: Change, live: Object) -> bool:
        """Whether the object is as a change in two steps leaves it: the change was carried out before."""
        wanted = bind(final(change), {**self._there_ids(), **self.ids})
        return not any(refs(wanted)) and not lacking(kind, wanted, live, self._compare)

    def _there_ids(self) -> dict[str, str]:
        """The ids of what is there already and waits for its turn."""
        return {address: str(item.get("id") or item.get("client_id")) for address, item in self._there.items()}

    def goal(self, change: Change, values: Mapping[str, Any], live: Object) -> Mapping[str, Any]:
        """What the object is to hold. Of a list that is changed member by member, the rest is as it is by now."""
        if not kinds()[change.kind].incremental:
            return values
        return {path: self._with_members(change, path, get_path(live, path) or []) for path in values}

    def _with_members(self, change: Change, path: str, present: list[Any]) -> list[Any]:
        members = [attribute for attribute in change.attributes if attribute.path[0] == path]
        gone = [attribute.before for attribute in members if attribute.op == "remove"]
        new = [self.ids.get(a.unknown) if a.unknown else a.after for a in members]
        return [m for m in present if m not in gone] + [m for m in new if m is not None and m not in present]

    async def finish(self, change: Change) -> str:
        """Writes what had to wait for objects that waited for this one.

        Refused when what is to be replaced is no longer as the first step left it.
        """
        kind = kinds()[change.kind]
        deferred = self.bound(change.deferred)
        live = self.made.get(change.address) or await self._fetch(kind, change)
        if not lacking(kind, deferred, live, self._compare):
            return self.ids[change.address]
        if failed := self._changed_between(kind, change, live):
            raise RefusedError(changed(change, live, failed, since="the first step of this change"))
        await self._send(kind, change, request_body(kind, deferred, live), live)
        return self.ids[change.address]

    def _changed_between(self, kind: Kind, change: Change, live: Object) -> list[str]:
        """The attributes of the second step that somebody changed after the first."""
        left = self._as_left.get(change.address)
        if left is None:
            return []
        before = {path: get_path(left, path) for path in change.deferred}
        now = {path: get_path(live, path) for path in change.deferred}
        return list(dict.fromkeys(difference.path[0] for difference in differences(kind, before, now, self._compare)))

    async def delete(self, change: Change) -> tuple[str, str]:
        """Deletes the object. Its id, and a note when it was gone already."""
        kind = kinds()[change.kind]
        known = {**self.bound(change.identity), kind.id_field: change.id}
        try:
            live = await self._fetch(kind, change)
            if failed := self._failed_preconditions(kind, change, live):
                raise RefusedError(changed(change, live, failed))
            sender = self._sender(change)
            for request in kind.deletion(known):
                await sender.write(request)
        except ApiError as error:
            if error.status != 404:
                raise
            return str(change.id), ALREADY
        return str(change.id), ""

    async def _fetch(self, kind: Kind, change: Change) -> Object:
        known = {**self.bound(change.identity), kind.id_field: change.id}
        try:
            return dict(seal(await kind.fetched(self._tenant, known)))
        except ApiError as error:
            if error.status == 404 and change.action is Action.UPDATE:
                raise RefusedError(gone(change)) from None
            raise

    def _failed_preconditions(self, kind: Kind, change: Change, live: Object) -> list[str]:
        """The attributes that are no longer as the plan found them."""
        return [
            path
            for path, expected in change.preconditions.items()
            if self._compare.fingerprint(self._before_us(kind, get_path(live, path)), kind.field_at(path)) != expected
        ]

    def _before_us(self, kind: Kind, value: Any) -> Any:
        """The value as it was before this apply: Auth0 may put what it creates into lists by itself."""
        created = [self.ids.get(address) for address in self.made]
        return [m for m in value if m not in created] if kind.incremental and isinstance(value, list) else value

    async def _send(self, kind: Kind, change: Change, body: Object, live: Object) -> None:
        """Sends an update. Once a part of it is written, the change is begun: what fails then leaves it incomplete."""

        def begun() -> None:
            self.ids.setdefault(change.address, str(live[kind.id_field]))

        sender = self._sender(change)
        self._remark(change, *await send_update(sender, kind, body, live, begun))
        if hidden := not_shown(kind, body, sender.answers):
            self._remark(change, NOT_SHOWN)
        self._forget_memos(change, body)
        going = final(change).get(kind.marker, "") is None
        if not going and (note := memo(kind, body, hidden, after_request(kind, body, live))):
            self.memos[change.address] = note
            await send_update(sender, kind, nest(note), live, begun)

    def _forget_memos(self, change: Change, body: Object) -> None:
        """What a body writes itself is not to be as an earlier one of the same change left it."""
        memos = self.memos.pop(change.address, {})
        left = {
            path: text for path, text in memos.items() if path.split(".", 1)[1] not in body.get(path.split(".")[0], ())
        }
        self.memos |= {change.address: left} if left else {}

    async def forgo(self, change: Change, live: Object, lost: Mapping[str, Sequence[str]]) -> Diagnostic:
        """Remembers in the object's mark what of the change Auth0 took and did not keep; what to say of that."""
        kind = kinds()[change.kind]
        assert kind.forgone
        note = without_lost(kind, live, self.bound(final(change)), lost)
        try:
            if note:
                await send_update(
                    Sender(self._tenant, unwatched), kind, request_body(kind, note, live), live, lambda: None
                )
        except ApiError:
            note = {}
        scopes = list(dict.fromkeys(item for items in lost.values() for item in items))
        return kind.forgone(change.address, scopes, live, bool(note))

    def _sender(self, change: Change) -> Sender:
        return Sender(self._tenant, partial(self._watch, change))

    def bound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with the ids of what was created meanwhile."""
        ready: dict[str, Any] = bind(dict(values), self.ids)
        missing = next((ref.address for ref in refs(ready)), None)
        if missing:
            summary = f"The id of {missing} is not known, and this change needs it"
            hint = "Nothing was written here. Run the command again: what was created is found, with its id."
            raise RefusedError(Diagnostic(code="apply-missing", summary=summary, hint=hint))
        return ready

    def node(self, change: Change) -> DesiredObject:
        """The change as a node, to find its object by: by its id where that is known."""
        identity, known = self.bound(change.identity), self.ids.get(change.address)
        return node_of(change, {**identity, kinds()[change.kind].id_field: known} if known else identity)


def node_of(change: Change, identity: Mapping[str, Any]) -> DesiredObject:
    """A change as a node of the graph; `identity` is its own, with as many ids as are known."""
    kind = kinds()[change.kind]
    mark = parse_mark(change.patch.get(kind.marker))
    target = ObjectRef(
        address=change.address,
        kind=change.kind,
        identity={**identity, kind.id_field: change.id} if change.id else identity,
        name=change.name,
        mark=mark.owner if mark else None,
    )
    return DesiredObject(
        target=target, requirements=(), constraints={path: Equals(value) for path, value in final(change).items()}
    )


def final(change: Change) -> dict[str, Any]:
    """What the object's attributes are to be in the end: what is written later replaces what is written first."""
    tops = {path.split(".")[0] for path in change.deferred}
    return {
        **{path: value for path, value in change.patch.items() if path.split(".")[0] not in tops},
        **change.deferred,
    }


def lacking(kind: Kind, wanted: Mapping[str, Any], live: Object, compare: Canonicalizer) -> list[str]:
    """The attributes of a live object that are not as wanted, of those that Auth0 shows and may still change."""
    shown = {path: value for path, value in wanted.items() if path not in kind.create_only}
    if "options" not in live:
        shown = {path: value for path, value in shown.items() if not path.startswith("options.")}
    shown = {path: value for path, value in shown.items() if not is_hidden(kind, live, path.split(".")[0])}
    before = {path: get_path(live, path) for path in shown}
    return list(dict.fromkeys(difference.path[0] for difference in differences(kind, before, shown, compare)))


def is_ours(kind: Kind, wanted: Mapping[str, Any], live: Object, differing: Iterable[str]) -> bool:
    """Whether a live object differs from what is wanted in its mark alone, which records less than it is to record.

    So an apply of a part of the same plan leaves it. A mark that records more is another plan's, and stays.
    """
    there, planned = read_mark(live.get(kind.metadata)), read_mark(nest(wanted).get(kind.metadata))
    if there is None or planned is None or not all(path.startswith(kind.marker) for path in differing):
        return False
    recorded = {provision for provision in there.provisions if provision.verb != "spec"}
    return (there.owner, there.created) == (planned.owner, planned.created) and recorded <= planned.provisions

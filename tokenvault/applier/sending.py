"""Sends one write in a form that Auth0 accepts: whole, with less in it, or in parts.

Nobody can tell beforehand which of several plausible ways a tenant takes. The fullest is tried first; what is left out of
a create is for the caller to write later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from tokenvault.errors import ApiError
from tokenvault.kinds.base import Kind, Object, Request
from tokenvault.tenant.client import Tenant, Watch, unwatched

_NOT_ALLOWED = re.compile(r"Additional properties not allowed:\s*(?P<names>[\w$.-]+(?:\s*,\s*[\w$.-]+)*)")
_WITHOUT_SCOPE = ("api-scope", "api-entitlement")


class Sender:
    """Sends the requests of one write. `watch` follows the first (`Tenant.write`): what has begun with it goes on.

    `answers` are those of all its requests.
    """

    def __init__(self, tenant: Tenant, watch: Watch) -> None:
        self._tenant, self._watch = tenant, watch
        self.answers: list[Any] = []

    async def write(self, request: Request) -> Any:
        """Sends the request and returns Auth0's answer; raises what `Tenant.write` raises."""
        watch, self._watch = self._watch, unwatched
        answer = await self._tenant.write(request, watch)
        self.answers.append(answer)
        return answer


async def send_create(sender: Sender, kind: Kind, body: Object) -> tuple[Any, Object]:
    """Creates an object in the first of its kind's ways that Auth0 does not call invalid; its answer, and what was sent."""
    *fuller, least = kind.bodies(body)
    for way in fuller:
        try:
            return await _create(sender, kind, way), way
        except ApiError as error:
            if error.status != 400:
                raise
    return await _create(sender, kind, least), least


async def _create(sender: Sender, kind: Kind, body: Object) -> Any:
    first, *others = kind.creation(body)
    answer = await sender.write(first)
    for request in others:
        await sender.write(request)
    return answer


async def send_update(
    sender: Sender, kind: Kind, body: Object, live: Object, begun: Callable[[], None]
) -> tuple[str, ...]:
    """Updates the object, and says what had to be done otherwise. `begun` is called between two parts of it.

    What is refused is sent again without the keys that are refused and only went back to where they came from; else in
    parts, where the kind has some that Auth0 may want alone.
    """
    try:
        for request in kind.updates(body, live):
            await sender.write(request)
        return ()
    except ApiError as error:
        refusal = error
    if refusal.status not in (400, 403) or refusal.diagnostics[0].code in _WITHOUT_SCOPE:
        raise refusal
    dropped = _sent_back(body, live, _refused_keys(refusal))
    if dropped:
        note = f"sent without {', '.join(dropped)}, which Auth0 answers and does not take back"
        return (note, *await send_update(sender, kind, _without(body, dropped), live, begun))
    parts = _parts(kind, body)
    if len(parts) < 2:
        raise refusal
    remarks = await send_update(sender, kind, parts[0], live, begun)
    begun()
    return (*remarks, *await send_update(sender, kind, parts[1], live, begun))


def _parts(kind: Kind, body: Object) -> list[dict[str, Any]]:
    """The body in two, where it holds what Auth0 may want alone beside other things.

    That comes first: where it was what Auth0 refused, nothing is written, as before.
    """
    alone = {name: value for name, value in body.items() if name in kind.alone}
    others = {name: value for name, value in body.items() if name not in kind.alone}
    return [part for part in (alone, others) if part]


def _refused_keys(refusal: ApiError) -> frozenset[str]:
    """The keys that a refusal names as not allowed."""
    found = _NOT_ALLOWED.search(refusal.diagnostics[0].detail)
    names = re.split(r"\s*,\s*", found["names"]) if found else []
    return frozenset(name.rsplit(".", 1)[-1] for name in names)


def _sent_back(body: Any, live: Any, names: Collection[str], path: str = "") -> list[str]:
    """The paths of keys with these names that the body holds with the live object's own values: the spec did not ask for them."""
    if not names:
        return []
    return list(dict.fromkeys(_found(body, live, names, path)))


def _found(body: Any, live: Any, names: Collection[str], path: str) -> Iterator[str]:
    if isinstance(body, list) and isinstance(live, list):
        for item, twin in _pairs(body, live):
            yield from _found(item, twin, names, path)
    if not isinstance(body, Mapping) or not isinstance(live, Mapping):
        return
    for name, value in body.items():
        here = f"{path}.{name}" if path else name
        if path and name in names and name in live and live[name] == value:
            yield here
        else:
            yield from _found(value, live.get(name), names, here)


def _pairs(items: Iterable[Any], live: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Pairs each item with the live item that it has the most in common with."""
    for item in items:
        if isinstance(item, Mapping):
            twins = [twin for twin in live if isinstance(twin, Mapping)]
            best = max(twins, key=lambda twin: sum(twin.get(k) == v for k, v in item.items()), default={})
            yield item, best


def _without(value: Any, dropped: Collection[str], path: str = "") -> Any:
    if isinstance(value, list):
        return [_without(item, dropped, path) for item in value]
    if not isinstance(value, Mapping):
        return value
    kept = {name: (f"{path}.{name}" if path else name) for name in value}
    return {name: _without(value[name], dropped, here) for name, here in kept.items() if here not in dropped}

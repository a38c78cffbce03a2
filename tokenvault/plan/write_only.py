"""What Auth0 takes and does not show, or does not keep: a mark remembers it, so that plans do not ask for it for ever.

Nobody knows whether `token_vault_privileged_access` is shown to everyone who may read applications. Where the answer to a
write of it lacks it, the mark records what was written (`unseen:SLOT=DIGEST`), so that its absence is not taken for a change
that somebody made, and an edit of the spec still is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tokenvault.kinds.base import NOT_KEPT, Kind, Object, Shape
from tokenvault.model.constraints import Contains, members
from tokenvault.model.desired import DesiredObject
from tokenvault.model.marks import API_METADATA_KEY, UNKEPT, WRITE_ONLY, Mark, Provision, digest, mark_keys, read_mark
from tokenvault.model.paths import get_path
from tokenvault.plan.provisions import content_digest

HIDDEN = "(not shown by Auth0)"
REASON = "Auth0 does not show this to the token. It was written as the spec says; whether it still is so, only an exchange tells."


def is_hidden(kind: Kind, live: Object, top: str) -> bool:
    """Whether the object may hold more at the attribute than Auth0 shows: what was written there did not come back."""
    mark = read_mark(live.get(kind.metadata)) if top in kind.may_hide and top not in live else None
    return mark is not None and any(provision.verb == WRITE_ONLY for provision in mark.provisions)


def still_remembered(
    kind: Kind, node: DesiredObject, live: Object | None, recorded: Iterable[Provision]
) -> frozenset[Provision]:
    """Those of the recorded provisions that go on telling what is hidden, or what the node asks for and was not kept."""
    hides = live is not None and any(is_hidden(kind, live, top) for top in kind.may_hide)
    constraints = (requirement.constraint for requirement in node.requirements_for(NOT_KEPT))
    unkept = {
        digest(str(item))
        for requirement in constraints
        if isinstance(requirement, Contains)
        for item in requirement.items
    }
    return frozenset(
        p for p in recorded if (hides and p.verb == WRITE_ONLY) or (p.verb == UNKEPT and p.value in unkept)
    )


def as_written(kind: Kind, live: Object, values: Mapping[str, Any]) -> frozenset[str]:
    """The paths of these values (all that are wanted) that Auth0 hides, where they are what was written there last."""
    mark = read_mark(live.get(kind.metadata)) if kind.may_hide else None
    recorded = {p for p in mark.provisions if p.verb == WRITE_ONLY} if mark else set()
    hidden = {path: value for path, value in values.items() if is_hidden(kind, live, path.split(".")[0])}
    return frozenset(hidden) if hidden and recorded == set(_records(kind, hidden)) else frozenset()


def _records(kind: Kind, values: Mapping[str, Any]) -> Iterator[Provision]:
    for path, value in values.items():
        if "." in path:
            yield Provision(WRITE_ONLY, kind.slot_at(path), content_digest(value, kind.field_at(path)))


def not_shown(kind: Kind, body: Object, answers: Iterable[Any]) -> frozenset[str]:
    """The attributes of a body that was sent which no answer to it shows, though one shows the object."""
    shown = [answer.keys() for answer in answers if isinstance(answer, Mapping) and kind.id_field in answer]
    sent = {top for top in kind.may_hide if body.get(top) is not None}
    return frozenset(sent.difference(*shown)) if shown else frozenset()


def memo(kind: Kind, body: Object, hidden: Collection[str], after: Object) -> dict[str, Any]:
    """The metadata, by path, that remembers what was written and is hidden; empty where it is as it should be.

    `body` was sent, and `after` is the object as it should be now.
    """
    mark = read_mark(after.get(kind.metadata)) if kind.may_hide & body.keys() else None
    values = {path: get_path(body, path) for path in kind.fields if path.split(".")[0] in hidden and "." in path}
    records = frozenset(_records(kind, values))
    others = (
        frozenset(provision for provision in mark.provisions if provision.verb != WRITE_ONLY) if mark else frozenset()
    )
    return _rewritten(kind, mark, after, others | records) if mark and others | records != mark.provisions else {}


def _rewritten(kind: Kind, mark: Mark, live: Object, provisions: frozenset[Provision]) -> dict[str, Any]:
    """The metadata, by path, of which the mark with these provisions needs another text."""
    metadata = live.get(kind.metadata) or {}
    texts = replace(mark, provisions=provisions).metadata(mark_keys(metadata, API_METADATA_KEY))
    return {f"{kind.metadata}.{key}": text for key, text in texts.items() if metadata.get(key) != text}


def without_lost(
    kind: Kind, live: Object, written: Mapping[str, Any], lost: Mapping[str, Iterable[str]]
) -> dict[str, Any]:
    """The metadata, by path, that remembers what was `written` to the object and is `lost`; empty where it has no mark.

    What was lost is not the spec's to take back any more, nor is what Auth0 put in its place.
    """
    mark = read_mark(live.get(kind.metadata))
    if mark is None:
        return {}
    provisions = mark.provisions
    for path, items in lost.items():
        gone = {digest(item) for item in items}
        kept = [m for m in members(written[path]) if digest(str(m)) not in gone] if _is_set(kind, path) else []
        provisions = frozenset(_left(kind, path, get_path(live, path), kept, provisions))
        provisions |= {Provision(UNKEPT, "scopes", item) for item in gone}
    return _rewritten(kind, mark, live, provisions)


def _is_set(kind: Kind, path: str) -> bool:
    return kind.field_at(path).shape is Shape.SET


def _left(kind: Kind, path: str, value: Any, kept: Sequence[Any], recorded: Iterable[Provision]) -> Iterator[Provision]:
    """The recorded provisions that still hold when Auth0 answers with this value; `kept` is what it kept of ours."""
    slot, digests = kind.slot_at(path), {digest(str(member)) for member in kept}
    for provision in recorded:
        if provision.slot != slot:
            yield provision
        elif not _is_set(kind, path):
            yield from [provision] if value is True else []
        elif provision.verb == "own" and kept and set(kept) == set(members(value)):
            yield Provision("own", slot, content_digest(kept, kind.field_at(path)))
        elif provision.verb == "own":
            yield from (Provision("gave", slot, item) for item in digests)
        elif provision.value in digests:
            yield provision

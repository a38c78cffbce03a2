"""What could not be read. Unknown is not empty: a plan changes nothing unknown and warns of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from tokenvault.errors import Diagnostic
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Object
from tokenvault.model.constraints import Constraint
from tokenvault.model.desired import refs
from tokenvault.state.live import Live

NAMED = 6
NO_OPTIONS = "The token lacks read:connections_options; nothing in them is changed."
NO_SECRETS = "A snapshot holds no secrets; nothing there is changed. Plan against the tenant to have it compared."


class Redacted:
    """A value that a snapshot left out: there is one, and nobody here knows it."""

    def __repr__(self) -> str:
        return "(not in the snapshot)"


REDACTED: Final = Redacted()


def is_redacted(value: Any) -> bool:
    """Whether any part of the value was left out."""
    if isinstance(value, Mapping):
        return any(map(is_redacted, value.values()))
    return any(map(is_redacted, value)) if isinstance(value, list | tuple) else value is REDACTED


def why_unknown(live: Object, path: str, constraint: Constraint, known: Live) -> str | None:
    """Why the live or the wanted value at the path is unknown; None when both are known."""
    if path.startswith("options.") and "options" not in live:
        return "The snapshot does not hold them." if known.state.taken_at else NO_OPTIONS
    value: Any = live
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else value
    if is_redacted(value):
        return NO_SECRETS
    return next((known.unknown[ref.address] for ref in refs(constraint) if ref.address in known.unknown), None)


def unlisted_warnings(paths: Iterable[str]) -> Iterator[Diagnostic]:
    """The long lists of which only what the spec names by id was read, and what may stand in the rest."""
    for kind in kinds().values():
        if kind.marker and kind.path in paths:
            summary = f"Not looked for: {kind.title}s that this spec left behind"
            hint = f"The tenant has very many {kind.title}s, and the spec names its own by id. --prune reads all."
            yield Diagnostic(code="plan-unlisted", severity="warning", summary=summary, hint=hint)


def unknown_warnings(
    known: Live, unknown: Mapping[str, Mapping[str, str]], created: Collection[str] = ()
) -> Iterator[Diagnostic]:
    """Warnings of what a plan did not know: objects, attributes (address → path → reason), what comes with `created` kinds."""
    if known.state.taken_at:
        summary = f"This plan was made from a snapshot of {known.state.domain} taken at {known.state.taken_at}"
        hint = "What changed in the tenant since then is not in it."
        yield Diagnostic(code="plan-snapshot", severity="warning", summary=summary, hint=hint)
    whole = [(reason, _title(address)) for address, reason in known.unknown.items()]
    parts = [
        (reason, f"{address} ({', '.join(path for path, why in paths.items() if why == reason)})")
        for address, paths in unknown.items()
        for reason in dict.fromkeys(paths.values())
    ]
    decisive = {kind.new_depends_on.name for name in created if (kind := kinds()[name]).new_depends_on}
    settings = [(known.state.unreadable[name], _title(name)) for name in decisive & known.state.unreadable.keys()]
    for reason, names in _grouped([*whole, *parts, *settings]).items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        summary = f"Not checked: {', '.join(names[:NAMED])}{more}"
        yield Diagnostic(code="plan-unknown", severity="warning", summary=summary, hint=reason)


def _title(address: str) -> str:
    """An object of which a tenant has only one is called by what it is."""
    return kinds()[address].title if address in kinds() else address


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for reason, name in pairs:
        groups.setdefault(reason, []).append(name)
    return groups

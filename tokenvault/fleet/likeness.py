"""Which members get the same changes: what is a tenant's own (its domain, its ids, its variables) does not count."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tokenvault.kinds import kinds

_TOLD = ("id", "source", "requires", "unmanaged", "unmanaged_options", "kept", "why")
"""What a change says of the tenant and of the spec's lines, not of what becomes of the object."""


SHORTEST = 3
"""Shorter values of variables than this are not looked for: they would be found by chance."""


def likeness(
    changes: Sequence[Mapping[str, Any]],
    domain: str,
    ids: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Equal for the same changes on other tenants.

    `ids` are the tenant's own, by the addresses of their objects; `variables` those that the spec shows.
    """
    names = {value: f"<{address}>" for address, value in (ids or {}).items() if value}
    own = {domain: "<domain>", **{value: f"<{name}>" for name, value in (variables or {}).items()}}
    longest = sorted((value for value in own if len(value) >= SHORTEST), key=len, reverse=True)
    shown = _plain([_unmarked(change) for change in changes], names, {value: own[value] for value in longest})
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _unmarked(change: Mapping[str, Any]) -> Mapping[str, Any]:
    """The change without the mark, which follows from the rest and holds hashes of it."""
    marker = kinds()[change["kind"]].marker if "kind" in change else ""
    if not marker or "attributes" not in change:
        return change
    kept = [a for a in change["attributes"] if not str(a["path"][0]).startswith(marker)]
    return {**change, "attributes": kept}


def _plain(value: Any, names: Mapping[str, str], own: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if key not in _TOLD}
        return {_plain(key, names, own): _plain(item, names, own) for key, item in kept.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, names, own) for item in value]
    if isinstance(value, str):
        if value in names:
            return names[value]
        for found, name in own.items():
            value = value.replace(found, name)
    return value

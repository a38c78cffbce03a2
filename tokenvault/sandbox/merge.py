"""How a PATCH changes a stored object: null removes, some objects are merged one level deep, the rest is replaced."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .store import Document


def merge(stored: Document, patch: Document, *, replaced: Collection[str] = ()) -> Document:
    """The object after the patch; objects named in `replaced` are taken as they are sent."""
    merged = dict(stored)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and key not in replaced:
            merged[key] = overlay(stored.get(key), value)
        else:
            merged[key] = value
    return merged


def overlay(stored: Any, patch: Document) -> Document:
    """One level of merging: null deletes a key."""
    base = stored if isinstance(stored, dict) else {}
    return without_nulls(base | patch)


def without_nulls(value: Document) -> Document:
    """The object without the keys whose value is null."""
    return {key: item for key, item in value.items() if item is not None}


def pruned(value: Any) -> Any:
    """The value without nulls at any depth of its objects."""
    if isinstance(value, dict):
        return {key: pruned(item) for key, item in value.items() if item is not None}
    return [pruned(item) for item in value] if isinstance(value, list) else value

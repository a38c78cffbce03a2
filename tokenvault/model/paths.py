"""Dotted attribute paths (`refresh_token.policies`) in nested objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def get_path(item: Any, path: str) -> Any:
    """The value at a dotted path, or None where any part of the way is missing."""
    for part in path.split("."):
        item = item.get(part) if isinstance(item, Mapping) else None
    return item


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a.b": 1}` as `{"a": {"b": 1}}`. A value at a path replaces what longer paths put there before."""
    nested: dict[str, Any] = {}
    for path, value in sorted(values.items(), key=lambda item: item[0].count(".")):
        *parents, last = path.split(".")
        holder = nested
        for part in parents:
            if not isinstance(holder.get(part), dict):
                holder[part] = {}
            holder = holder[part]
        holder[last] = value
    return nested

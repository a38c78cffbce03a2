"""The difference between what is and what should be, on exactly the attributes that somebody asked for.

Values are brought to a canonical form first (sets for set-like lists and scope strings, entries by their key, secrets as
fingerprints), then compared by deepdiff, which alone says what differs. Secrets must be gone before: it walks into objects.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tokenvault.kinds.base import Field, Kind, Shape
from tokenvault.model.constraints import Ref, members
from tokenvault.secrets import Secret, is_sensitive, sealed

Op = Literal["add", "remove", "change"]
UNKNOWN = "\0known after apply: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference. `path` starts with the attribute; `element` tells a member of a set from a value."""

    path: tuple[str, ...]
    op: Op
    before: Any = None
    after: Any = None
    element: bool = False


@dataclass(frozen=True, slots=True)
class Canonicalizer:
    """Brings values into canonical form for comparison. Fingerprints are keyed with the plan's salt: they fit this plan alone."""

    salt: str

    def canonical(self, value: Any, field: Field) -> Any:
        """The form in which two values are equal exactly when Auth0 treats them as equal."""
        if field.shape is Shape.SET:
            return {self._hashable(item) for item in members(value)}
        if field.shape is Shape.KEYED:
            return {self._hashable(entry.get(field.key)): self._entry(entry, field.key) for entry in value or []}
        return self.plain(value)

    def _hashable(self, item: Any) -> Any:
        plain = self.plain(item)
        return plain if isinstance(plain, str) else json.dumps(plain, sort_keys=True)

    def _entry(self, entry: Mapping[str, Any], key: str) -> dict[str, Any]:
        items = {name: value for name, value in entry.items() if name != key and value not in (None, [])}
        return {n: set(map(str, v)) if isinstance(v, list | tuple) else self.plain(v) for n, v in items.items()}

    def plain(self, value: Any) -> Any:
        """JSON, with secrets as fingerprints and values yet unknown as the object that they wait for."""
        if isinstance(value, Secret):
            return f"secret {value.fingerprint(self.salt)}"
        if isinstance(value, Ref):
            return f"{UNKNOWN}{value.address}"
        if isinstance(value, dict | Mapping):
            return {key: self.plain(item) for key, item in value.items()}
        if isinstance(value, float) and value.is_integer():
            return int(value)  # JSON has one sort of number
        return [self.plain(item) for item in value] if isinstance(value, list | tuple) else value

    def fingerprint(self, value: Any, field: Field) -> str:
        """A keyed hash of the canonical value: what a plan remembers of the live state it was made from."""
        text = _text(self.canonical(value, field))
        return hmac.new(self.salt.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def _text(value: Any) -> str:
    return json.dumps(_sorted(value), sort_keys=True, default=str)


def _sorted(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, dict):
        return {str(key): _sorted(item) for key, item in value.items()}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def differences(
    kind: Kind, before: Mapping[str, Any], after: Mapping[str, Any], compare: Canonicalizer
) -> list[Difference]:
    """How `after` differs from `before`, attribute by attribute (dotted paths), in the order of `after`."""
    pairs = {path: _alike(before.get(path), value) for path, value in after.items()}
    old = {path: compare.canonical(pair[0], kind.field_at(path)) for path, pair in pairs.items()}
    new = {path: compare.canonical(pair[1], kind.field_at(path)) for path, pair in pairs.items()}
    unlike = [path for path in after if _text(old[path]) != _text(new[path])]
    if not unlike:
        return []
    from deepdiff import DeepDiff  # slow to import, and nothing to say of what is the same text

    found = DeepDiff({p: old[p] for p in unlike}, {p: new[p] for p in unlike}, view="tree", threshold_to_diff_deeper=0)
    result = [
        difference
        for report, levels in found.items()
        for level in levels
        for difference in _differences_at(report, level)
    ]
    position = {path: n for n, path in enumerate(unlike)}
    return sorted(result, key=lambda d: (position[d.path[0]], d.path, d.op, str(d.before), str(d.after)))


def _alike(before: Any, after: Any) -> tuple[Any, Any]:
    """Both values, all their texts wrapped as secrets if either holds one: a fingerprint equals only a fingerprint."""
    if is_sensitive(before) or is_sensitive(after):
        return sealed(before), sealed(after)
    return before, after


def _differences_at(report: str, level: Any) -> list[Difference]:
    path = tuple(str(part) for part in level.path(output_format="list") if part is not None)
    before, after = _known(level.t1), _known(level.t2)
    if report == "set_item_added":
        return [Difference(path=path, op="add", after=after, element=True)]
    if report == "set_item_removed":
        return [Difference(path=path, op="remove", before=before, element=True)]
    op: Op = "add" if before is None else "remove" if after is None else "change"
    return [Difference(path=path, op=op, before=before, after=after)]


def _known(value: Any) -> Any:
    """The value without deepdiff's own types: None for its marker of absence, sorted lists for sets."""
    if type(value).__name__ == "NotPresent":
        return None
    return _sorted(value) if isinstance(value, set | dict) else value


def unknown_address(difference: Difference) -> str | None:
    """The address of the object that has to be created before the new value is known; None where it is known."""
    for part in (*difference.path, difference.after):
        if isinstance(part, str) and part.startswith(UNKNOWN):
            return part.removeprefix(UNKNOWN)
    return None

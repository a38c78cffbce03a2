"""Several files, one spec: keys of different files must differ, unless a file says that it is an overlay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tokenvault.errors import Diagnostic
from tokenvault.kinds import kinds
from tokenvault.model.spec import Path
from tokenvault.spec.source import Source

_TOP = frozenset({"version", "name", "tenant", "my_account_api", "overlay"})


@dataclass(slots=True)
class Merged:
    """The data of all files with the place of every key and value."""

    source: Source
    files: tuple[str, ...]


def merge(sources: Sequence[Source]) -> Merged:
    """Merges files in the order given. Collisions are collected as problems of the result."""
    first = sources[0]
    merged = Source(first.file, first.data, dict(first.keys), dict(first.values), list(first.problems))
    for source in sources[1:]:
        merged.problems += source.problems
        if not isinstance(source.data, dict) or not isinstance(merged.data, dict):
            merged.data = merged.data if isinstance(merged.data, dict) else source.data
            continue
        _refuse_wider(merged, source)
        if source.data.get("overlay") is True:
            _overlay(merged, source, merged.data, source.data, ())
        else:
            _join(merged, source)
    return Merged(source=merged, files=tuple(source.file for source in sources))


@cache
def _joined() -> frozenset[str]:
    """The sections that hold entries by a key of the user's: files add entries to them."""
    sections = (kind.section for kind in kinds().values() if kind.section)
    return frozenset(s.name for s in sections if isinstance(s.schema.get("additionalProperties"), Mapping))


@cache
def _shared() -> frozenset[str]:
    """The keys that several files may have when they say the same."""
    return _TOP | {kind.section.name for kind in kinds().values() if kind.section} - _joined()


def _refuse_wider(merged: Source, source: Source) -> None:
    """Only the first file says which variables may be shown: whoever reviews that knows them all. Others may repeat it."""
    listed = source.data.pop("variables", None)
    known = merged.data.get("variables")
    if listed is None or (
        isinstance(listed, list) and isinstance(known, list) and all(name in known for name in listed)
    ):
        return
    summary = "Only the first file of a spec says which variables may be shown"
    hint = f"Move the names to `variables` of {merged.file}."
    _collide(merged, source, ("variables",), summary, hint, code="spec-variables")


def _join(merged: Source, source: Source) -> None:
    for key, value in source.data.items():
        path: Path = (key,)
        if _is_empty(key, value) and key in merged.data:
            continue
        if key in merged.data and _is_empty(key, merged.data[key]):
            _adopt(merged, source, merged.data, path, value)
        elif key in _joined() and isinstance(value, dict) and isinstance(merged.data.get(key, {}), dict):
            _join_section(merged, source, key, value)
        elif key in merged.data and (key not in _shared() or not is_same(merged.data[key], value)):
            _collide(merged, source, path, _different(key), _ONE_WORD)
        elif key not in merged.data:
            _adopt(merged, source, merged.data, path, value)


def _is_empty(key: str, value: Any) -> bool:
    """Whether nothing is said: a section whose lines are all comments is null to YAML."""
    return value is None or (value == {} and key in {*_joined(), "my_account_api"})


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are the same YAML: to Python, `1` and `true` are."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _different(key: str) -> str:
    if key == "name":
        return "Files that are given together make one spec and must have the same name: run them one at a time"
    return f'"{key}" differs between the files'


_ONE_WORD = "Say it in one of them only; a file that changes what others say begins with `overlay: true`."


def _join_section(merged: Source, source: Source, section: str, entries: dict[str, Any]) -> None:
    if section not in merged.data:
        merged.data[section] = {}
        _take_places(merged, source, (section,), None)
    for key, value in entries.items():
        if key in merged.data[section]:
            first = merged.keys[(section, key)]
            summary = f'"{key}" stands in two files under {section}'
            hint = f"The first is in {first}. Remove one, or say `overlay: true` in the file that changes the other."
            _collide(merged, source, (section, key), summary, hint)
        else:
            _adopt(merged, source, merged.data[section], (section, key), value)


def _overlay(merged: Source, source: Source, base: dict[str, Any], top: dict[str, Any], path: Path) -> None:
    for key, value in top.items():
        if path == () and _is_empty(key, value) and key in base:
            continue
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _overlay(merged, source, base[key], value, (*path, key))
        elif (*path, key) == ("name",) and not is_same(base.get("name", value), value):
            _collide(merged, source, ("name",), _different("name"), _ONE_WORD)
        else:
            _adopt(merged, source, base, (*path, key), value)


def _adopt(merged: Source, source: Source, holder: dict[str, Any], path: Path, value: Any) -> None:
    for place in _places(holder.get(str(path[-1])), path):
        merged.keys.pop(place, None)
        merged.values.pop(place, None)
    holder[str(path[-1])] = value
    _take_places(merged, source, path, value)


def _take_places(merged: Source, source: Source, path: Path, value: Any) -> None:
    for place in _places(value, path):
        for target, known in ((merged.keys, source.keys), (merged.values, source.values)):
            if place in known:
                target[place] = known[place]


def _places(value: Any, path: Path) -> Iterator[Path]:
    """The paths of a value and of everything in it."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from _places(item, (*path, key))


def _collide(merged: Source, source: Source, path: Path, summary: str, hint: str, code: str = "spec-collision") -> None:
    span = source.keys.get(path)
    merged.problems.append(Diagnostic(code=code, summary=summary, hint=hint, span=span))

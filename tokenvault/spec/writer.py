"""YAML as a person writes it: comments, short lists on one line, quotes only where they are needed.

Scalars are PyYAML's, which knows when a text needs quotes; the layout and the comments, which it does not keep, are ours.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tokenvault.text import is_safe, safe

WIDTH = 110
LONGEST_KEY = 1000
_PLAIN_IN_FLOW = re.compile(r"[A-Za-z][\w.+-]*(?::[\w./~@%+=&?-]*[\w/])+|[A-Za-z][\w./-]*", re.ASCII)
"""URLs and scopes are safe inside brackets without quotes, which PyYAML gives whatever has a colon."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A value with a comment behind it."""

    value: Any
    comment: str


@dataclass(frozen=True, slots=True)
class Flow:
    """A mapping that stays on one line."""

    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """A value that comes from an environment variable."""

    variable: str


def mapping(items: Mapping[str, Any], width: int = WIDTH) -> list[str]:
    """The lines of a mapping. Values are data, `Noted` and `Flow`; text is written so that it reads back as it is."""
    return [line for key, value in items.items() for line in _pair(_scalar(key, is_key=True), value, width)]


def comment(text: str, width: int = WIDTH) -> list[str]:
    """The text as comment lines. It may come from a tenant: it stays a comment, and on its line."""
    return textwrap.wrap(
        safe(text), width, initial_indent="# ", subsequent_indent="# ", break_long_words=False, break_on_hyphens=False
    )


def indented(lines: Iterable[str], by: int = 2) -> list[str]:
    """The lines, further right; empty ones stay empty."""
    return [f"{' ' * by}{line}" if line else line for line in lines]


def commented_out(lines: Iterable[str]) -> list[str]:
    """The lines as a comment that one makes valid by removing `# ` in front of each."""
    return [f"# {line}".rstrip() for line in lines]


def _pair(key: str, value: Any, width: int) -> list[str]:
    """A key with its value. YAML takes a key on its value's line only up to a length."""
    if len(key) < LONGEST_KEY:
        return _entry(f"{key}:", value, width)
    return [f"? {key}", *_entry(":", value, width)]


def _entry(head: str, value: Any, width: int) -> list[str]:
    note = f"  # {safe(value.comment)}" if isinstance(value, Noted) else ""
    value = value.value if isinstance(value, Noted) else value
    line = _inline(value)
    is_scalar = not isinstance(value, Flow | Mapping | list | tuple)
    if line is not None and (is_scalar or not _inside(value) or len(head) + len(line) < width):
        return [f"{head} {line}{note}"]
    return [f"{head}{note}", *indented(_block(value, width - 2))]


def _block(value: Any, width: int) -> list[str]:
    """The lines of a collection that is not empty."""
    inside = _inside(value)
    if isinstance(inside, Mapping):
        return mapping(inside, width)
    lines = []
    for item in inside:
        line = _inline(item)
        first, *rest = [line] if line is not None else _block(item, width - 2)
        lines += [f"- {first}", *indented(rest)]
    return lines


def _inside(value: Any) -> Any:
    return value.value if isinstance(value, Flow) else value


def _inline(value: Any) -> str | None:
    """The value on one line, where that is how one writes it."""
    match value:
        case Flow():
            return _flow(value.value)
        case Mapping():
            return None if value else "{}"
        case list() | tuple():
            nested = any(isinstance(item, list | tuple | Mapping | Noted | Flow) for item in value)
            return None if nested else _flow(value)
        case _:
            return _scalar(value)


def _flow(value: Any, *, is_key: bool = False) -> str:
    """A value inside brackets, where commas, colons and brackets mean something."""
    match value:
        case Mapping():
            pairs = (f"{_flow(key, is_key=True)}: {_flow(item)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case Reference():
            return f'"{_scalar(value)}"'
        case _:
            plain = _scalar(value, is_key=is_key)
            return plain if _PLAIN_IN_FLOW.fullmatch(plain) else _dumped([value if is_key else _escaped(value)])[1:-1]


def _scalar(value: Any, *, is_key: bool = False) -> str:
    """The scalar as it stands in a block; a plain `${` is escaped, or it would be taken for a reference."""
    if isinstance(value, Reference):
        return f"${{env:{value.variable}}}"
    return _dumped(value if is_key else _escaped(value))


def _escaped(value: Any) -> Any:
    return value.replace("${", "$${") if isinstance(value, str) else value


def _dumped(value: Any) -> str:
    """The value on one line as PyYAML writes it; what cannot be seen as escapes."""
    text = value[0] if isinstance(value, list) else value
    visible = not isinstance(text, str) or is_safe(text)
    written = yaml.safe_dump(
        value, width=2**31, allow_unicode=visible, default_flow_style=True, default_style=None if visible else '"'
    )
    return str(written).removesuffix("\n").removesuffix("\n...").strip()

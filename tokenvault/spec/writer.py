"""YAML as a person writes it: comments, short lists on one line, quotes only where they are needed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenvault.text import is_safe, safe

WIDTH = 110


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
    return [line for key, value in items.items() for line in _entry(f"{_scalar(key, is_key=True)}:", value, width)]


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


def _entry(head: str, value: Any, width: int) -> list[str]:
    note = f"  # {safe(value.comment)}" if isinstance(value, Noted) else ""
    value = value.value if isinstance(value, Noted) else value
    line = _inline(value)
    is_scalar = not isinstance(value, Flow | Mapping | list | tuple)
    if line is not None and (is_scalar or len(head) + len(line) < width):
        return [f"{head} {line}{note}"]
    if isinstance(value, Flow | Mapping):
        return [f"{head}{note}", *indented(mapping(value.value if isinstance(value, Flow) else value, width - 2))]
    return [f"{head}{note}", *indented(_items(value, width - 2))]


def _items(values: Sequence[Any], width: int) -> list[str]:
    lines: list[str] = []
    for value in values:
        if isinstance(value, Mapping):
            first, *rest = mapping(value, width - 2)
            lines += [f"- {first}", *indented(rest)]
        else:
            lines.append(f"- {_scalar(value)}")
    return lines


def _inline(value: Any) -> str | None:
    """The value on one line, where that is how one writes it."""
    match value:
        case Flow():
            return (
                "{"
                + ", ".join(f"{_in_flow(key, is_key=True)}: {_in_flow(item)}" for key, item in value.value.items())
                + "}"
            )
        case dict() | Mapping():
            return None if value else "{}"
        case list() | tuple():
            nested = any(isinstance(item, list | tuple | Mapping | Noted | Flow) for item in value)
            return None if nested else "[" + ", ".join(map(_in_flow, value)) + "]"
        case _:
            return _scalar(value)


def _scalar(value: Any, *, is_key: bool = False) -> str:
    """The scalar as it stands in a block; a plain `${` is escaped, or it would be taken for a reference."""
    import yaml

    if isinstance(value, Reference):
        return f"${{env:{value.variable}}}"
    if isinstance(value, str):
        value = value if is_key else value.replace("${", "$${")
        visible = is_safe(value)
        text = yaml.safe_dump(value, width=2**31, allow_unicode=visible, default_style=None if visible else '"')
    else:
        text = yaml.safe_dump(value, width=2**31)
    return text.removesuffix("...\n").strip()


def _in_flow(value: Any, *, is_key: bool = False) -> str:
    """A scalar inside brackets, where commas and brackets mean something."""
    text = _scalar(value, is_key=is_key)
    if isinstance(value, Reference):
        return f'"{text}"'
    return f"'{text}'" if text[:1] not in ("'", '"') and set(text) & set(",[]{}") else text

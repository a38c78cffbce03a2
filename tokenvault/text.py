"""The one place that lets text out. Text of a tenant or a spec is data: it must not colour a terminal, move its cursor,
reorder or hide its letters, or command the CI that reads the log.

`safe` is for one value inside a drawn form, `safe_json` for a document, and `escape_output` for whatever a command writes:
`cli.console` passes everything through it, so that a renderer that forgot one value lets nothing out. All three write the
escapes of JSON (`\\u202e`): a JSON document, and a double-quoted string of YAML, Python or JavaScript, means the same after.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

MAX_TEXT = 500

_SUSPECT = re.compile(r"[^ -~\n]")
_STYLE = r"\x1b\[(?:[012]|3[1-6])(?:;(?:[12]|3[1-6]))*m"
"""What `render.style` paints with; nothing in it can hide text or move the cursor."""
_SUSPECT_OR_STYLE = re.compile(rf"({_STYLE})|[^ -~\n]")

_DRAWN_AS_NOTHING = frozenset(
    code
    for first, last in (
        (0x034F, 0x034F),  # combining grapheme joiner
        (0x115F, 0x1160),  # Hangul fillers
        (0x17B4, 0x17B5),  # Khmer inherent vowels
        (0x180B, 0x180F),  # Mongolian variation selectors
        (0x2800, 0x2800),  # blank Braille pattern
        (0x3164, 0x3164),  # Hangul filler
        (0xFE00, 0xFE0F),  # variation selectors
        (0xFFA0, 0xFFA0),  # halfwidth Hangul filler
        (0x1D159, 0x1D159),  # musical null notehead
        (0xE0000, 0xE0FFF),  # tags and more variation selectors
    )
    for code in range(first, last + 1)
)
"""Letters, marks and signs of which nothing is seen: Unicode's Default_Ignorable_Code_Point, where the category does not
tell, and two blanks. They can carry hidden text."""

_COMMAND_ANYWHERE = re.compile(r"(?i)##(?=(?:vso|teamcity)?\[)|(?<=section)_(?=(?:start|end):)")
"""GitHub's and Azure's `##[group]`, Azure's `##vso[`, TeamCity's `##teamcity[`, GitLab's `section_start:`: read anywhere."""
_COMMAND_AT_START = re.compile(r"(?m)^([^\S\n]*):(?=:.*::)")
"""GitHub's `::error::`, which may stand after white space."""


def safe(text: object, limit: int = MAX_TEXT) -> str:
    """One line of visible text: what is invisible, moves, reorders or commands as escapes, very long text cut."""
    plain = str(text).replace("\n", "\\n").replace("\t", "\\t")
    plain = _broken_anywhere(_SUSPECT.sub(_visible, plain))
    return plain if len(plain) <= limit else f"{plain[:limit]}… ({len(plain):,} characters)"


def is_safe(text: str) -> bool:
    """Whether the text can be shown as it is, wherever on a line it stands."""
    return "\n" not in text and escape_output(text) == text


def safe_json(data: Any, indent: int | None = None) -> str:
    """JSON that any terminal and any log may show: the same data, what is not safe there as escapes."""
    return escape_output(json.dumps(data, indent=indent, ensure_ascii=False))


def json_page(document: Any) -> str:
    """The whole of an output that is one JSON document, indented for people."""
    return safe_json(document, indent=2) + "\n"


def escape_output(text: str, *, styled: bool = False, commands: bool = False) -> str:
    """A whole output, several lines, with nothing in it that moves, hides or commands.

    `styled` keeps our own colours; `commands` keeps workflow commands at the start of lines, for output that consists of
    them.
    """
    shown = _SUSPECT_OR_STYLE.sub(_kept_or_visible, text) if styled else _SUSPECT.sub(_visible, text)
    shown = _broken_anywhere(shown)
    return shown if commands else _COMMAND_AT_START.sub(r"\1\\u003a", shown)


def escape_unencodable(text: str, encoding: str) -> str:
    """The text with escapes for what the encoding of a stream lacks."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(character if _encodes(character, encoding) else _escape(character) for character in text)
    return text


def _encodes(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _broken_anywhere(text: str) -> str:
    return _COMMAND_ANYWHERE.sub(lambda found: f"{found[0][:-1]}{_escape(found[0][-1])}", text)


def _kept_or_visible(found: re.Match[str]) -> str:
    return found[1] or _visible(found)


def _visible(found: re.Match[str]) -> str:
    """A character that can be seen, or is a space, as it is; any other as Python, JSON and YAML escape it."""
    character = found[0]
    seen = character.isprintable() or unicodedata.category(character) == "Zs"
    return character if seen and ord(character) not in _DRAWN_AS_NOTHING else _escape(character)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))

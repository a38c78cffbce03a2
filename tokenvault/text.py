"""Text that comes from a tenant or a spec is data: it must not colour a terminal, move its cursor or reorder its letters."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

_SUSPECT = re.compile(r"[^ -~\n]")
MAX_TEXT = 500


def safe(text: object, limit: int = MAX_TEXT) -> str:
    """One line of visible text: what is invisible, moves or reorders as escapes, very long text cut."""
    plain = str(text).replace("\n", "\\n").replace("\t", "\\t")
    plain = _SUSPECT.sub(_visible, plain)
    return plain if len(plain) <= limit else f"{plain[:limit]}… ({len(plain):,} characters)"


def safe_json(data: Any, indent: int | None = None) -> str:
    """JSON that any terminal may show: the same data, what is not safe there as \\u escapes."""
    return _SUSPECT.sub(_visible, json.dumps(data, indent=indent, ensure_ascii=False))


def _visible(found: re.Match[str]) -> str:
    """A character that can be seen, or is a space, as it is; any other as Python, JSON and YAML escape it."""
    character = found[0]
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))

"""Text that comes from a tenant or a spec is data: it must not colour a terminal, move its cursor or reorder its letters."""

from __future__ import annotations

import json
import re
from typing import Any

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
MAX_TEXT = 500


def safe(text: object, limit: int = MAX_TEXT) -> str:
    """One line of visible text: control and bidirectional characters as escapes, very long text cut."""
    plain = str(text).replace("\n", "\\n").replace("\t", "\\t")
    plain = _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)
    return plain if len(plain) <= limit else f"{plain[:limit]}… ({len(plain):,} characters)"


def safe_json(data: Any, indent: int | None = None) -> str:
    """JSON that any terminal may show: the same data, what is not safe there as \\u escapes."""
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

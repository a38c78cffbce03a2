"""Client ids in the terminal, drawn from their JSON form."""

from __future__ import annotations

from typing import Any

from tokenvault.render.safe import safe
from tokenvault.render.style import PLAIN, Painter

WIDTH = 80


def output_text(document: dict[str, Any], paint: Painter = PLAIN) -> str:
    """One application a line: address, client id, name."""
    rows = [[safe(one[key]) for key in ("address", "client_id", "name")] for one in document["applications"]]
    widths = [max(len(row[column]) for row in rows) if rows else 0 for column in (0, 1)]
    lines = [f"{row[0].ljust(widths[0])}  {paint(row[1].ljust(widths[1]), 'bold')}  {row[2]}".rstrip() for row in rows]
    return "\n".join(lines or ["The spec has no application."]) + "\n"

"""The page of a code in the terminal, drawn from its JSON form alone."""

from __future__ import annotations

from typing import Any

from tokenvault.render.prose import wrapped
from tokenvault.render.style import PLAIN, Painter


def code_text(page: dict[str, Any], paint: Painter = PLAIN, *, width: int = 100) -> str:
    """What the code means, its causes, the cure, and where more stands."""
    lines = [paint(page["code"], "bold"), "", *wrapped(page["means"], width)]
    lines += ["", paint("Causes, the likeliest first:" if len(page["causes"]) > 1 else "Cause:", "bold")]
    for number, cause in enumerate(page["causes"], 1):
        mark = f"  {number}. " if len(page["causes"]) > 1 else "  "
        lines += wrapped(cause, width, mark, " " * len(mark))
    lines += ["", paint("What to do:", "bold"), *wrapped(page["cure"], width, "  ")]
    if page["scopes"]:
        lines += ["", *page["scopes"].split("\n")]
    return "\n".join([*lines, "", *wrapped(page["more"], width)]) + "\n"

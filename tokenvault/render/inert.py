"""Text of strangers in Markdown: it is shown, and means nothing. No link, tag, mention or reference comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tokenvault.render.safe import safe

_PLAIN_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+(?:[.,]\d+)*|[–—→×·…]")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_EDGES = re.compile(r"([(\"“]*)(.*?)([).,;:!?\"”'’]*)")


def code(text: object) -> str:
    """A code span, whatever it holds: GitHub looks for mentions, references and emoji outside of code only."""
    content = safe(text) or " "
    fence = "`" * (_longest_run(content) + 1)
    pad = " " if content[0] in "` " or content[-1] in "` " else ""
    return f"{fence}{pad}{content}{pad}{fence}"


def prose(text: object, limit: int = 500) -> str:
    """A sentence on one line: plain words as they are, all that looks like an address, a path or a sign as code."""
    return " ".join(_word(word) for word in safe(str(text).replace("\n", " "), limit).split())


def _word(word: str) -> str:
    found = _EDGES.fullmatch(word)
    assert found  # matches anything
    before, inner, after = found.groups()
    if _PLAIN_WORD.fullmatch(inner) and not (inner.isdigit() and after) and not _COMMIT.fullmatch(inner):
        return word
    return f"{before}{code(inner)}{after}" if inner else code(word)


def fenced(lines: Iterable[str], language: str) -> str:
    """A block of code that none of its lines can end. The lines are safe text already."""
    content = "\n".join(lines)
    fence = "`" * max(3, _longest_run(content) + 1)
    return f"{fence}{language}\n{content}\n{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall(r"`+", text)), default=0)

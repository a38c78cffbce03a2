"""The package's own source, parsed: what the code does is said in one place only, the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
_ELSEWHERE = ("sandbox", "reference", "runtime")
"""The simulated tenant speaks with Auth0's codes, this package quotes everybody's, and preconditions have ids."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module that can raise an error or read a variable: its path in the package, and its tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        if inside.parts[0] not in _ELSEWHERE:
            yield inside.as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def template(node: ast.AST | None) -> str:
    """A text as it stands in the source: what is filled in shows as `…`. Nothing, when it is no text."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(template(part) or "…" for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return template(left) + template(right)
        case ast.IfExp(body=body):
            return template(body)
        case _:
            return ""

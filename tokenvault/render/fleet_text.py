"""What a fleet command did, in the terminal: equal changes once, then what failed, then the sums."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.render.fleet_words import Document, lines, members, row, title, totals
from tokenvault.render.prose import wrapped
from tokenvault.render.style import PLAIN, Painter
from tokenvault.text import safe

COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "red", "?": "yellow"}
SHOWN = 20


def fleet_text(report: Document, paint: Painter = PLAIN, *, width: int = 100, full: bool = False) -> str:
    """The report, ending with the sums; `full` lists every change."""
    parts = [line for group in report["groups"] for line in _group(report, group, paint, width, full)]
    parts += _failed(report, paint, width)
    parts += [paint(first, "bold") if not n else first for n, first in enumerate(wrapped(totals(report), width, ""))]
    if report["plans"]:
        parts.append(f"Plans: {safe(report['plans']['folder'])}  (index sha256:{report['plans']['sha256']})")
    if report["again"]:
        parts += ["", f"Again with what failed: `{safe(report['again'])}`"]
    return "\n".join(parts) + "\n"


def _group(report: Document, group: Document, paint: Painter, width: int, full: bool) -> Iterator[str]:
    yield f"{paint(title(report, group), 'bold')}"
    yield from (paint(line, "dim") for line in wrapped(members(group["members"]), width, "  "))
    found = list(lines(group))
    shown = found if full or len(found) <= SHOWN + 1 else found[:SHOWN]
    for sign, text in shown:
        first, *rest = wrapped(text, width - 4, "")
        yield f"  {paint(sign, COLOURS[sign])} {first}"
        yield from (f"      {line.strip()}" for line in rest)
    if len(shown) < len(found):
        yield f"    and {len(found) - len(shown)} more; --full shows them"
    yield ""


def _failed(report: Document, paint: Painter, width: int) -> Iterator[str]:
    failed = {name: member for name, member in report["members"].items() if member["outcome"] in ("failed", "skipped")}
    for name, member in failed.items():
        word = paint(member["outcome"], "red" if member["outcome"] == "failed" else "yellow")
        first, *rest = wrapped(f"{safe(name)}: {row(name, member)}", width - 10, "") or [safe(name)]
        yield f"  {word}{' ' * (8 - len(member['outcome']))}{first}"
        yield from (f"          {line.strip()}" for line in rest)
    if failed:
        yield ""

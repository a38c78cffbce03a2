"""Draws the graph as one SVG, without a browser or graphviz. It has no script, and follows the viewer's light or dark mode."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from tokenvault.render.graph_layout import BOX_HEIGHT, BOX_WIDTH, Point, layered_layout
from tokenvault.render.graph_picture import ACTIONS, Box, Group, Picture, readable
from tokenvault.render.markup import Markup, joined, tag
from tokenvault.text import safe

MARGIN, HEAD, SWATCH, LINE, LETTER = 20.0, 62.0, 12.0, 16.0, 6.0
LABEL_COLUMNS, TITLE_COLUMNS = 27, 60
LONGEST = 100_000
SIGNS = {"create": "+", "update": "~", "delete": "−", "unknown": "?"}
STYLE = Markup("""
.tv{--ink:#1f2328;--soft:#59636e;--line:#8c959f;--page:#fff;--edge:#d1d9e0;--none:#f6f8fa;
--create:#1a7f37;--create-in:#dafbe1;--update:#9a6700;--update-in:#fff8c5;--delete:#cf222e;--delete-in:#ffebe9;
--unknown:#6639ba;--unknown-in:#fbefff;font-family:ui-sans-serif,system-ui,"Segoe UI",Helvetica,Arial,sans-serif}
@media screen and (prefers-color-scheme:dark){.tv{--ink:#f0f6fc;--soft:#9198a1;--line:#7d8590;--page:#0d1117;
--edge:#3d444d;--none:#151b23;--create:#3fb950;--create-in:#12261e;--update:#d29922;--update-in:#272115;
--delete:#f85149;--delete-in:#301b20;--unknown:#ab7df8;--unknown-in:#231c36}}
.tv .page{fill:var(--page)}.tv text{fill:var(--ink);font-size:13px}.tv .kind,.tv .soft{fill:var(--soft);font-size:11px}
.tv .head{font-size:15px;font-weight:600}.tv .sign{font-size:15px;font-weight:700;text-anchor:end}
.tv .box{fill:var(--none);stroke:var(--edge)}.tv .edge{fill:none;stroke:var(--line);stroke-width:1.3}
.tv .tip{fill:var(--line)}.tv .create .box{fill:var(--create-in);stroke:var(--create)}
.tv .update .box{fill:var(--update-in);stroke:var(--update)}.tv .delete .box{fill:var(--delete-in);stroke:var(--delete)}
.tv .unknown .box{fill:var(--unknown-in);stroke:var(--unknown);stroke-dasharray:4 3}.tv .create .sign{fill:var(--create)}
.tv .update .sign{fill:var(--update)}.tv .delete .sign{fill:var(--delete)}.tv .unknown .sign{fill:var(--unknown)}
.tv .many{fill:var(--none);stroke:var(--edge)}.tv a:focus-visible{outline:none}.tv a:hover .box,
.tv a:focus-visible .box{stroke-width:2.5}
""")


def graph_svg(
    picture: Picture, links: Mapping[str, str] | None = None, *, group: Group = Group.AUTO, within: bool = False
) -> Markup:
    """The picture. `links` are addresses that lead somewhere on the page that the SVG is part of.

    One that stands `within` a page, after another one, has that one's style and no title of its own.
    """
    shown = readable(picture, group)
    layout = layered_layout(list(shown.boxes), shown.edges)
    width = max(layout.width, 0.0 if within else 560.0) + 2 * MARGIN
    legend = [] if within else _legend(shown, width)
    head = MARGIN if within else HEAD + LINE * (max((text.line for text in legend), default=0))
    height = layout.height + head + MARGIN
    body = tag(
        "g",
        *(tag("path", d=_curve(layout.routes[edge]), class_="edge", marker_end="url(#tv-tip)") for edge in shown.edges),
        *(_box(box, layout.corners[box.address], (links or {}).get(box.address)) for box in shown.boxes.values()),
        transform=f"translate({MARGIN:g},{head:g})",
    )
    return tag(
        "svg",
        tag("title", f"Graph of {shown.title}"),
        tag("desc", _description(shown)),
        *([] if within else [tag("style", STYLE), _tips()]),
        tag("rect", class_="page", width="100%", height="100%"),
        *([] if within else _head(shown)),
        *(tag("text", text.words, class_="soft", x=f"{text.x:g}", y=f"{44 + LINE * text.line:g}") for text in legend),
        body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        class_="tv",
        role="group" if links else "img",
        aria_label=f"Graph of {shown.title}. {_description(shown)}",
    )


def _description(picture: Picture) -> str:
    return f"{len(picture.boxes)} boxes; arrows run from what comes first to what needs it. {picture.note}".strip()


def _tips() -> Markup:
    path = tag("path", d="M0,0 L8,4 L0,8 z", class_="tip")
    size = {"viewBox": "0 0 8 8", "refX": "8", "refY": "4", "markerWidth": "8", "markerHeight": "8"}
    return tag(
        "defs", tag("marker", path, id="tv-tip", orient="auto-start-reverse", markerUnits="userSpaceOnUse", **size)
    )


def _head(picture: Picture) -> Iterator[Markup]:
    yield tag("text", cut(picture.title, TITLE_COLUMNS), class_="head", x=f"{MARGIN:g}", y="24")
    yield from (_swatch(action, x) for action, x in zip(picture.actions, _places(picture), strict=False))


def _places(picture: Picture) -> list[float]:
    """Where each swatch of the legend begins, and where the last one ends."""
    widths = (SWATCH + 24 + len(ACTIONS[action]) * LETTER for action in picture.actions)
    return list(accumulate(widths, initial=MARGIN))


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of the head: behind the legend (line 0), or in a line below it."""

    words: str
    x: float
    line: int


def _legend(picture: Picture, width: float) -> list[_Text]:
    """What the picture does not draw one by one: behind the swatches, or where there is no room for it, below them."""
    note = picture.note or ("" if picture.actions else "Arrows run from what comes first to what needs it.")
    x = _places(picture)[-1]
    if x + len(note) * LETTER <= width - MARGIN:
        return [_Text(note, x, 0)] if note else []
    lines = textwrap.wrap(note, int((width - 2 * MARGIN) / LETTER))
    return [_Text(line, MARGIN, number) for number, line in enumerate(lines, 1)]


def _swatch(action: str, x: float) -> Markup:
    box = tag("rect", class_="box", x=f"{x:g}", y="34", width=f"{SWATCH:g}", height=f"{SWATCH:g}", rx="3")
    return tag("g", box, tag("text", ACTIONS[action], class_="soft", x=f"{x + SWATCH + 6:g}", y="44"), class_=action)


def _curve(route: tuple[Point, ...]) -> str:
    """Level at every point, so that lines leave and enter boxes at a right angle."""
    (x, y), *rest = route
    parts = [f"M{x:.1f},{y:.1f}"]
    for to_x, to_y in rest:
        middle = (x + to_x) / 2
        parts.append(f"C{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}")
        x, y = to_x, to_y
    return " ".join(parts)


def _box(box: Box, corner: Point, link: str | None) -> Markup:
    """A nested `svg` clips whatever its label turns out to measure."""
    x, y = corner
    size = {"width": f"{BOX_WIDTH:g}", "height": f"{BOX_HEIGHT:g}"}
    stack = [tag("rect", class_="many", x="4", y="4", rx="7", **size)] if box.count > 1 or box.parts else []
    label = tag(
        "svg",
        tag("text", box.title, class_="kind", x="12", y="18"),
        tag("text", cut(box.label, LABEL_COLUMNS), x="12", y="35"),
        tag("text", SIGNS.get(box.action, ""), class_="sign", x=f"{BOX_WIDTH - 12:g}", y="21"),
        **size,
    )
    inside = joined(tag("title", box.what), *stack, tag("rect", class_="box", rx="7", **size), label)
    inner = tag("a", inside, href=link) if link else inside
    return tag("g", inner, class_=box.action or None, transform=f"translate({x:.1f},{y:.1f})")


def cut(text: str, columns: int) -> str:
    """The text in at most so many columns, its middle left out: names tend to differ at both ends."""
    plain = safe(text, LONGEST)
    if _columns(plain) <= columns:
        return plain
    head, tail = columns * 2 // 3, columns - columns * 2 // 3 - 1
    return f"{_taken(plain, head)}…{_taken(plain[::-1], tail)[::-1]}"


def _taken(text: str, columns: int) -> str:
    used = 0
    for n, character in enumerate(text):
        used += _columns(character)
        if used > columns:
            return text[:n]
    return text


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)

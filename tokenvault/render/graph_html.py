"""The graph as one HTML page: the drawing, and the same in words for those who cannot see it."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.render.graph_picture import ACTIONS, Box, Picture, readable
from tokenvault.render.graph_svg import graph_svg
from tokenvault.render.markup import Markup, joined, tag
from tokenvault.render.page import page
from tokenvault.render.words import counted

MAX_LISTED = 2000


def graph_html(picture: Picture) -> str:
    """The whole page; every text in it is escaped."""
    title = f"Graph: {picture.title}"
    drawing = tag(
        "div", graph_svg(picture), class_="graph", tabindex="0", role="region", aria_label="Graph, scrollable"
    )
    listed = list(picture.boxes.values())[:MAX_LISTED]
    more = len(picture.boxes) - len(listed)
    body = (
        tag("header", tag("h1", title), tag("p", *_subtitle(picture), class_="soft")),
        tag(
            "main",
            tag("section", tag("h2", "Drawing", class_="unseen"), drawing),
            tag(
                "section", tag("h2", "In words"), tag("ul", *(_item(picture, box) for box in listed), class_="objects")
            ),
            tag("p", f"and {counted(more, 'more object')}: `graph --format dot` lists all", class_="soft")
            if more
            else None,
        ),
    )
    return page(title, *body)


def _subtitle(picture: Picture) -> Iterator[str]:
    yield f"{counted(len(picture.boxes), 'object')}. "
    folded = readable(picture).note
    yield folded or "Arrows run from what comes first to what needs it."


def _item(picture: Picture, box: Box) -> Markup:
    action = f" {ACTIONS[box.action]}" if box.action else ""
    needs = picture.before(box.address)
    after = [part for address in needs for part in (", ", tag("code", address))][1:]
    return tag(
        "li",
        tag("code", box.address),
        action,
        tag("div", "needs ", joined(*after), class_="soft small") if after else None,
    )

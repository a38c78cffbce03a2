"""The graph as one HTML file: a drawing of all, and below it each application, API and connection with what is around it.

It reads without a script. With one, what is typed filters the list, and a box of the drawing opens what it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.render.graph_picture import ACTIONS, Box, Group, Picture, around, readable, with_parts
from tokenvault.render.graph_svg import graph_svg
from tokenvault.render.markup import Markup, joined, page, search_field, sentences, tag
from tokenvault.render.phrases import counted

MAX_LISTED, MAX_DRAWN = 2000, 800


def graph_html(picture: Picture, group: Group = Group.AUTO) -> str:
    """The whole page; every text in it is escaped."""
    title = f"Graph: {picture.title}"
    heads = list(with_parts(picture).boxes.values())
    anchors = {box.address: f"#object-{number + 1}" for number, box in enumerate(heads[:MAX_LISTED])}
    anchors |= {part: anchors[box.address] for box in heads[:MAX_LISTED] for part in box.parts}
    body = (
        tag("header", tag("h1", title), tag("p", *_subtitle(picture, group), class_="soft")),
        tag(
            "main",
            tag("section", tag("h2", "Drawing", class_="unseen"), _frame(graph_svg(picture, anchors, group=group))),
            tag("section", tag("h2", "One by one"), *_listed(picture, heads), id="objects"),
        ),
    )
    return page(title, *body, script="search.js")


def _frame(drawing: Markup) -> Markup:
    return tag("div", drawing, class_="graph", tabindex="0", role="region", aria_label="Graph, scrollable")


def _subtitle(picture: Picture, group: Group) -> Iterator[str]:
    note = readable(picture, group).note or f"{counted(len(picture.boxes), 'object')}."
    yield f"{note} Arrows run from what comes first to what needs it."


def _listed(picture: Picture, heads: list[Box]) -> Iterator[Markup]:
    yield search_field("Search names and what they need")
    for number, box in enumerate(heads[:MAX_LISTED]):
        yield _one(picture, box, f"object-{number + 1}", is_drawn=number < MAX_DRAWN)
    more = len(heads) - MAX_LISTED
    if more > 0:
        yield tag("p", sentences(f"and {more:,} more: `tokenvault graph --format dot` lists all"), class_="soft")


def _one(picture: Picture, box: Box, anchor: str, *, is_drawn: bool) -> Markup:
    """One of the list: its name, and folded below it what is around it, drawn and in words."""
    parts = [picture.boxes[address] for address in (box.address, *box.parts)]
    drawing = graph_svg(around(picture, box.address, box.parts), within=True) if is_drawn else None
    words = tag("ul", *(_item(picture, part) for part in parts), class_="objects")
    action = tag("span", f" {ACTIONS[box.action]}", class_="soft") if box.action else None
    with_parts = tag("span", f" with {counted(len(box.parts), 'part')}", class_="soft small") if box.parts else None
    summary = tag("summary", tag("code", box.address), action, with_parts)
    inside = tag("div", _frame(drawing) if drawing else None, words, id=anchor)
    return tag("details", summary, inside, class_=f"change {box.action or 'none'}", data_find=True)


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

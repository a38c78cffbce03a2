"""The graph in graphviz' language, every object in it: for `dot -Tsvg`, and for tools that read it."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.render.graph_picture import ACTIONS, Picture
from tokenvault.render.graph_svg import cut
from tokenvault.render.safe import safe

LABEL_COLUMNS = 60
COLOURS = {
    "create": ("#dafbe1", "#1a7f37"),
    "update": ("#fff8c5", "#9a6700"),
    "delete": ("#ffebe9", "#cf222e"),
    "none": ("#f6f8fa", "#8c959f"),
    "unknown": ("#fbefff", "#6639ba"),
    "": ("#f6f8fa", "#8c959f"),
}


def graph_dot(picture: Picture) -> str:
    """The whole picture; arrows run from what comes first to what needs it."""
    return "\n".join(["digraph tokenvault {", *_lines(picture), "}"]) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    yield f'  graph [rankdir=LR, label="{_shown(picture.title)}", labelloc=t, fontname=Helvetica]'
    yield '  node [shape=box, style="rounded,filled", fontname=Helvetica, fontsize=11]'
    yield '  edge [color="#8c959f", arrowsize=0.7]'
    for address, box in picture.boxes.items():
        fill, line = COLOURS[box.action]
        label = "\\n".join(filter(None, (box.title, _shown(cut(box.label, LABEL_COLUMNS)), ACTIONS[box.action])))
        yield f'  {_quoted(address)} [label="{label}", fillcolor="{fill}", color="{line}"]'
    for source, target in picture.edges:
        yield f"  {_quoted(source)} -> {_quoted(target)}"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _shown(text: str) -> str:
    """Text to be drawn: graphviz reads HTML's character references in it."""
    return _escaped(text).replace("&", "&amp;")


def _escaped(text: str) -> str:
    """Backslashes doubled: graphviz gives some letters after one a meaning."""
    return safe(text).replace("\\", "\\\\").replace('"', '\\"')

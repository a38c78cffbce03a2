"""Writes the graph as text that other tools draw: all of it for graphviz, and for Mermaid as much as GitHub shows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenvault.render.graph_picture import ACTIONS, Group, Picture, readable
from tokenvault.render.graph_svg import cut
from tokenvault.text import safe

LABEL_COLUMNS = 60
COLOURS = {
    "create": ("#dafbe1", "#1a7f37"),
    "update": ("#fff8c5", "#9a6700"),
    "delete": ("#ffebe9", "#cf222e"),
    "none": ("#f6f8fa", "#8c959f"),
    "unknown": ("#fbefff", "#6639ba"),
    "": ("#f6f8fa", "#8c959f"),
}


def graph_dot(picture: Picture, group: Group = Group.NONE) -> str:
    """The picture, by default all of it; arrows run from what comes first to what needs it."""
    return "\n".join(["digraph tokenvault {", *_lines(readable(picture, group)), "}"]) + "\n"


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


MERMAID_COLUMNS = 48
CLASSES = {
    "create": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "update": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "delete": "fill:#ffebe9,stroke:#cf222e,color:#1f2328",
    "none": "fill:#f6f8fa,stroke:#8c959f,color:#1f2328",
    "unknown": "fill:#fbefff,stroke:#6639ba,color:#1f2328,stroke-dasharray:4 3",
}
LOOKALIKES = str.maketrans({"\\": "\u29f5", "$": "\uff04"})
"""Mermaid makes lines of `\\n` and formulas of `$$` even where they are written as codes."""
_SPECIAL = re.compile(r"[^\w .,()*-]")


def graph_mermaid(picture: Picture, group: Group = Group.AUTO) -> str:
    """The picture as a flowchart; as many boxes as can be read (mermaid refuses very large drawings, too)."""
    return "\n".join(_mermaid_lines(readable(picture, group))) + "\n"


def _mermaid_lines(picture: Picture) -> Iterator[str]:
    names = {address: f"n{number}" for number, address in enumerate(picture.boxes)}
    yield "flowchart LR"
    for address, box in picture.boxes.items():
        label = f"{_text(box.title)}<br/><b>{_text(box.label)}</b>"
        what = f"<br/>{_text(ACTIONS[box.action])}" if box.action not in ("", "none") else ""
        yield f'  {names[address]}["{label}{what}"]{f":::{box.action}" if box.action else ""}'
    for source, target in picture.edges:
        yield f"  {names[source]} --> {names[target]}"
    if picture.note:
        yield f'  note["{_text(picture.note)}"]'
    for action in picture.actions:
        yield f"  classDef {action} {CLASSES[action]}"


def _text(text: str) -> str:
    """Mermaid reads `#60;` as the character 60, and takes no other character of it for syntax."""
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", cut(text, MERMAID_COLUMNS).translate(LOOKALIKES))

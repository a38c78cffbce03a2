"""Just enough of a document tree to ask a page what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "input", "br", "hr", "img", "link"}


@dataclass
class Element:
    """A tag with its attributes and what is inside: elements and text."""

    name: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    inside: list[Element | str] = field(default_factory=list)

    def all(self, *names: str) -> list[Element]:
        """Every element of these names (default: all), however deep, in order."""
        return list(self._all(names))

    def _all(self, names: tuple[str, ...]) -> Iterator[Element]:
        for item in self.inside:
            if isinstance(item, Element):
                if not names or item.name in names:
                    yield item
                yield from item._all(names)

    def classed(self, name: str) -> list[Element]:
        """Every element of this class."""
        return [e for e in self.all() if name in (e.attributes.get("class") or "").split()]

    def text(self, *without: str) -> str:
        """The text inside, leaving out elements of some names."""
        parts = []
        for item in self.inside:
            if isinstance(item, str):
                parts.append(item)
            elif item.name not in without:
                parts.append(item.text(*without))
        return "".join(parts)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("")
        self.open = [self.root]
        self.comments: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.open[-1].inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open[-1].name == tag, f"</{tag}> closes <{self.open[-1].name}>"
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data.strip())


def parsed(html: str) -> tuple[Element, list[str]]:
    """The tree and the comments of a page in which every tag is closed in order."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert [e.name for e in parser.open] == [""], f"never closed: {[e.name for e in parser.open]}"
    return parser.root, parser.comments

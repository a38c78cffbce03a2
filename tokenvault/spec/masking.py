"""The lines of a spec as problems quote them: literals under keys that sound secret are blanked out, in place and width.

Where the text can be parsed, its nodes tell what to blank out. Where it cannot, a line is judged by its own words and by
the key that it stands under, and rather too much is blanked out than too little.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import yaml

from tokenvault.secret import sounds_secret

MAX_QUOTED = 400
NAMES = 1  # the depth at which users name their applications and connections, `secret-santa` among them
Range = tuple[int, int]
_REFERENCE = re.compile(r"\$\{(env:[A-Za-z_]\w*|file:[^{}]*)\}")
_ADDRESS = re.compile(r"https?://[^\s@]*")
_HARMLESS = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:null"}
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_KEY = re.compile(r"(?i)((?:secret|passw(?:or)?d|token(?!_exchange)|private_?key|api_?key)[\w-]*[\"']?\s*:)(.*)")


class Lines:
    """Quotable lines of one text, and of its nodes where it could be parsed."""

    def __init__(self, text: str, root: yaml.Node | None = None) -> None:
        self._lines = text.split("\n")
        self._blank = self._by_words if root is None else self._by_nodes
        self._ranges = _ranges(root, self._lines)
        self._quoted: dict[int, str] = {}

    def quote(self, number: int) -> str:
        """The beginning of the line with this number, from 0; nothing where there is none."""
        if number not in self._quoted and number < len(self._lines):
            self._quoted[number] = self._blank(number)[:MAX_QUOTED].rstrip("\r")
        return self._quoted.get(number, "")

    def _by_nodes(self, number: int) -> str:
        line = self._lines[number]
        for start, end in self._ranges.get(number, ()):
            line = line[:start] + "*" * len(line[start:end]) + line[max(start, end) :]
        return _COMMENT.sub(lambda comment: _KEY.sub(_blank_value, comment[0]), line)

    def _by_words(self, number: int) -> str:
        line = self._lines[number]
        return _stars(line) if _KEY.search(self._parent(number)) else _KEY.sub(_blank_value, line)

    def _parent(self, number: int) -> str:
        """The line that this one stands under, by its indentation. A tab, which YAML forbids there, is under all."""
        blanks = self._lines[number][: _indent(self._lines[number])]
        above = (line for line in reversed(self._lines[:number]) if line.strip())
        return next((line for line in above if "\t" in blanks or _indent(line) < len(blanks)), "")


def _ranges(root: yaml.Node | None, lines: list[str]) -> dict[int, list[Range]]:
    """What to blank out, by line."""
    found: dict[int, list[Range]] = defaultdict(list)
    for node in _secrets(root):
        start, end = node.start_mark, node.end_mark
        for number in range(start.line, min(end.line, len(lines) - 1) + 1):
            line = lines[number]
            first = start.column if number == start.line else _indent(line)
            found[number].append((first, end.column if number == end.line else len(line)))
    return found


def _secrets(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """The scalars that stand under a key that sounds secret and are more than a reference."""
    pending: list[tuple[yaml.Node, bool, int]] = [(root, False, 0)] if root else []
    seen: set[tuple[int, bool]] = set()
    while pending:
        node, secret, depth = pending.pop()
        if (id(node), secret) in seen:
            continue
        seen.add((id(node), secret))
        if isinstance(node, yaml.MappingNode):
            judged = depth != NAMES
            pending += [(value, secret or (judged and _is_secret(key)), depth + 1) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            pending += [(item, secret, depth + 1) for item in node.value]
        elif secret and isinstance(node, yaml.ScalarNode) and _literal(node):
            yield node


def _is_secret(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode) and sounds_secret(str(key.value))


def _literal(node: yaml.ScalarNode) -> bool:
    return not (node.tag in _HARMLESS or _REFERENCE.fullmatch(node.value) or _ADDRESS.fullmatch(node.value))


def _blank_value(found: re.Match[str]) -> str:
    return f"{found[1]}{_stars(found[2])}"


def _stars(text: str) -> str:
    """The text with everything that is not a blank at its beginning blanked out."""
    return text[: _indent(text)] + "*" * len(text.strip())


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())

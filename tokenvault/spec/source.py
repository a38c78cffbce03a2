"""A spec file as data with the position of every key and value; what YAML would hide (duplicate keys) is told.

Input is hostile: size, depth and the expansion of anchors are bounded, and only plain scalars, lists and mappings pass.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from tokenvault.errors import Diagnostic, Span, SpecError
from tokenvault.model.spec import Path
from tokenvault.secrets import sounds_secret
from tokenvault.spec.yaml_errors import explained

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 50
MAX_NODES = 200_000
MAX_TEXT = 2 * MAX_BYTES
MAX_PROBLEMS = 200
MAX_NUMBER = 40
_DEEP = "No spec is nested like that: see whether it is the file that you meant."
_NO_YAML = "See whether it is the file that you meant; a spec is YAML text, and begins with `version: 1`."
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")}
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(slots=True)
class Source:
    """One parsed file. `text` is kept for the lines that diagnostics quote, with literal secrets blanked out."""

    file: str
    data: Any = None
    keys: dict[Path, Span] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)

    def rename(self, path: Path, name: str) -> None:
        """Moves the places of a key, and of all below it, to where the key has another name."""
        for places in (self.keys, self.values):
            for place in [place for place in places if place[: len(path)] == path]:
                places[(*path[:-1], name, *place[len(path) :])] = places.pop(place)


def read_source(file: str, raw: bytes) -> Source:
    """Parses one file. Problems that leave the rest readable are collected; `SpecError` when nothing can be read."""
    text = _decode(file, raw)
    _check_shape(file, text)
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise SpecError(_yaml_problem(file, text, error)) from None
    except (RecursionError, ValueError) as error:
        raise SpecError(_problem(file, "spec-yaml", "The file cannot be read as YAML", _NO_YAML)) from error
    if root is None:
        raise SpecError(_problem(file, "spec-empty", "The file is empty", hint="Start with `tokenvault init`."))
    walker = _Walker(file, Lines(text, root))
    walker.source.data = walker.walk(root, (), ())
    return walker.source


def _decode(file: str, raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        size = f"The file is larger than the {MAX_BYTES:,} bytes that a spec has at most"
        raise SpecError(_problem(file, "spec-too-large", size, hint="Split it into several files."))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        span = Span(file=file, line=line, column=1, end_column=1)
        summary, hint = "The file is not UTF-8 text", "Save it as UTF-8."
        raise SpecError(Diagnostic(code="spec-encoding", summary=summary, hint=hint, span=span)) from None


def _problem(file: str, code: str, summary: str, hint: str) -> Diagnostic:
    return Diagnostic(code=code, summary=summary, hint=hint, span=Span(file=file, line=1, column=1, end_column=1))


def _check_shape(file: str, text: str) -> None:
    """Counts depth on the event stream, which does not recurse, before anything does."""
    depth = documents = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            documents += isinstance(event, yaml.DocumentStartEvent)
            if depth > MAX_DEPTH or documents > 1:
                too_deep = f"The file is nested deeper than {MAX_DEPTH} levels"
                summary = too_deep if depth > MAX_DEPTH else "The file holds two documents"
                mark: Any = event.start_mark
                line = mark.line + 1
                span = Span(file=file, line=line, column=mark.column + 1, end_column=mark.column + 2)
                hint = _DEEP if depth > MAX_DEPTH else "A file holds one spec: remove the `---` or split the file."
                raise SpecError(Diagnostic(code="spec-yaml", summary=summary, span=span, hint=hint))
    except yaml.YAMLError as error:
        raise SpecError(_yaml_problem(file, text, error)) from None
    except ValueError as error:
        raise SpecError(_problem(file, "spec-yaml", "The file cannot be read as YAML", _NO_YAML)) from error


def _yaml_problem(file: str, text: str, error: yaml.YAMLError) -> Diagnostic:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", "") or getattr(error, "reason", "") or "it cannot be read")
    line, column = (mark.line, mark.column) if mark else (0, 0)
    rest = next(iter(text.split("\n")[line : line + 1]), "")[column:]
    fault = explained(problem, rest)
    begun = getattr(error, "context_mark", None)
    if fault.open and begun and begun.line < line:
        line, column = begun.line, begun.column
    span = Span(file=file, line=line + 1, column=column + 1, end_column=column + 2, text=Lines(text).quote(line))
    return Diagnostic(code="spec-yaml", summary=f"Not valid YAML: {fault.summary}", hint=fault.hint, span=span)


class _Walker:
    """Turns YAML nodes into data; a class only because positions and problems accumulate on the way."""

    def __init__(self, file: str, lines: Lines) -> None:
        self.source = Source(file=file)
        self._lines = lines
        self._nodes = self._text = 0

    def walk(self, node: yaml.Node, path: Path, above: tuple[int, ...]) -> Any:
        self._bound(node, above)
        self.source.values.setdefault(path, self._span(node))
        if node.tag not in _PLAIN and node.tag != _MERGE:
            summary = f"The YAML tag {node.tag} has no meaning in a spec"
            self._report("spec-tag", summary, node, hint="Remove the tag: what begins with ! or !!.")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, (*above, id(node)))
        if isinstance(node, yaml.SequenceNode):
            return [self.walk(item, (*path, index), (*above, id(node))) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node)

    def _bound(self, node: yaml.Node, above: tuple[int, ...]) -> None:
        """Anchors make much of little: what they expand to is counted, in values and in characters."""
        self._nodes += 1
        self._text += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        if id(node) in above or len(above) > 2 * MAX_DEPTH:
            summary = "Anchors expand without end"
        elif self._nodes > MAX_NODES:
            summary = f"The file holds more than {MAX_NODES:,} values"
        elif self._text > MAX_TEXT:
            summary = f"The file expands to more than {MAX_TEXT:,} characters"
        else:
            return
        hint = "Write out what the anchors stand for, or split the file."
        raise SpecError(Diagnostic(code="spec-too-large", summary=summary, hint=hint, span=self._span(node)))

    def _mapping(self, node: yaml.MappingNode, path: Path, above: tuple[int, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._report("spec-key", "A key must be plain text", key_node, hint="Write `key: value`.")
                continue
            key = str(key_node.value)
            if key in found:
                first = self.source.keys[(*path, key)]
                detail = f"The first one is on line {first.line}."
                hint = "Remove one of them, or put what stands below both under one."
                self._report("spec-duplicate-key", f'Duplicate key "{key}"', key_node, detail=detail, hint=hint)
                continue
            self.source.keys[(*path, key)] = self._span(key_node)
            found[key] = self.walk(value_node, (*path, key), above)
        for merged in self._merges(node):
            for key, value in self._merged(merged, path, above).items():
                found.setdefault(key, value)
        return found

    def _merges(self, node: yaml.MappingNode) -> Iterator[yaml.Node]:
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                yield from value_node.value if isinstance(value_node, yaml.SequenceNode) else (value_node,)

    def _merged(self, node: yaml.Node, path: Path, above: tuple[int, ...]) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode) or id(node) in above:
            hint = "Point << at an anchor of a mapping, or write its keys out."
            self._report("spec-key", "Only mappings can be merged with <<", node, hint=hint)
            return {}
        keys, values = self.source.keys, self.source.values
        self.source.keys, self.source.values = {}, {}
        merged = self._mapping(node, path, (*above, id(node)))
        for known, new in ((keys, self.source.keys), (values, self.source.values)):
            known.update({place: span for place, span in new.items() if place not in known})
        self.source.keys, self.source.values = keys, values
        return merged

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = node.tag.rsplit(":", 1)[-1]
        if kind in ("str", "timestamp") or len(node.value) > MAX_NUMBER:
            return node.value
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, OverflowError, yaml.YAMLError):
            return node.value

    def _span(self, node: yaml.Node) -> Span:
        start, end = node.start_mark, node.end_mark
        text = self._lines.quote(start.line)
        end_column = end.column if end.line == start.line else len(text)
        column = start.column + 1
        return Span(
            file=self.source.file,
            line=start.line + 1,
            column=column,
            end_column=max(column + 1, end_column + 1),
            text=text,
        )

    def _report(self, code: str, summary: str, node: yaml.Node, *, hint: str, detail: str = "") -> None:
        problem = Diagnostic(code=code, summary=summary, detail=detail, hint=hint, span=self._span(node))
        self.source.problems.append(problem)
        if len(self.source.problems) >= MAX_PROBLEMS:
            raise SpecError(*self.source.problems)


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

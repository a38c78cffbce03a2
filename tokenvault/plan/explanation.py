"""What a spec asks of an object and why: the whole expansion of an application, without a tenant. As JSON data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tokenvault import __version__
from tokenvault.flavors import flavors
from tokenvault.model.constraints import Among, Both, Has, HasBy, Initially, Is, Lacks, LacksBy, Not, Ref, Want
from tokenvault.model.desired import Ask, Graph, Node
from tokenvault.plan.document import Document, source_document, why_document
from tokenvault.plan.selection import matching
from tokenvault.secrets import Secret

FORMAT = "tokenvault-explanation"
FORMAT_VERSION = "1.0"


def explanation(graph: Graph, pattern: str) -> Document:
    """What is asked of every object whose address matches; of an application, also what its flavors ask of others.

    `RefusedError` when no address matches.
    """
    found = matching([pattern], list(graph.nodes), "explain")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "tokenvault_version": __version__,
        "objects": [_explained(graph, node) for node in graph.nodes.values() if node.address in found],
    }


def _explained(graph: Graph, node: Node) -> Document:
    others = [other for other in graph.nodes.values() if other.address != node.address]
    expansion = [(other, [ask for ask in other.asks if ask.user == node.address]) for other in others]
    return {
        **_object(node, node.asks),
        "flavors": _flavors(ask for other in graph.nodes.values() for ask in other.asks if ask.user == node.address),
        "expansion": [_object(other, asks) for other, asks in expansion if asks],
    }


def _flavors(asks: Iterable[Ask]) -> list[Document]:
    names = dict.fromkeys(ask.why.source for ask in asks)
    return [{"name": n, "summary": flavors()[n].summary, "doc": flavors()[n].doc} for n in names if n in flavors()]


def _object(node: Node, asks: Iterable[Ask]) -> Document:
    target = node.target
    return {
        "address": node.address,
        "kind": node.kind,
        "name": target.name,
        "at": source_document(node.span),
        "notes": list(_notes(node)),
        "asks": [
            {
                "path": ask.path.removeprefix("spec."),
                "want": in_words(ask.want),
                "needs": sorted(ask.needs),
                **why_document(ask.why),
            }
            for ask in asks
        ],
    }


def _notes(node: Node) -> Iterable[str]:
    target = node.target
    if target.when:
        values = " or ".join(map(str, target.when.values))
        yield f"only while {target.when.path} of {target.when.address} is {values}"
    if target.checked_only:
        yield "looked at, never changed"
    if not target.creatable:
        yield "must exist already"
    if target.protect:
        yield "protected: never deleted"


def in_words(want: Want) -> str:
    """A want as the end of the sentence "this attribute …"."""
    match want:
        case Is():
            return "is absent" if want.value is None else f"is {_text(want.value)}"
        case Initially():
            return f"starts as {_text(want.value)}; later it is yours to change"
        case Not():
            return f"is anything but {_either(want.values)}, else becomes {_text(want.instead)}"
        case Has():
            return f"holds {_texts(want.items)}" if want.items else "is a list"
        case HasBy():
            return f"holds {'; '.join(_keyed(entry, want.key) for entry in want.entries)}"
        case Lacks():
            return f"does not hold {_either(want.items)}"
        case LacksBy():
            return f"does not hold {_either(want.names)}"
        case Both():
            return f"{in_words(want.without)} and {in_words(want.wanted)}"
        case Among():
            return f"is {_either(want.values)}, or absent"
        case _:
            raise TypeError(f"no words for {type(want).__name__}")


def _either(values: Iterable[Any]) -> str:
    return " or ".join("absent" if value is None else _text(value) for value in values)


def _texts(values: Iterable[Any]) -> str:
    return ", ".join(map(_text, values))


def _keyed(entry: Mapping[str, Any], key: str) -> str:
    rest = {name: value for name, value in entry.items() if name != key}
    return _text(entry[key]) + (f" with {_entry(rest)}" if rest else "")


def _entry(entry: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in entry.items())


def _text(value: Any) -> str:
    match value:
        case Ref():
            return f"the {'id' if value.attribute == 'id' else value.attribute} of {value.address}"
        case Secret():
            return str(value)
        case bool():
            return str(value).lower()
        case str() if value.startswith("-----BEGIN PUBLIC KEY"):
            return "the public key"
        case dict() | Mapping():
            return "{" + _entry(value) + "}"
        case list() | tuple():
            return _texts(value)
        case _:
            return str(value)

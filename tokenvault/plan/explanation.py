"""What a spec asks of an object and why: the whole expansion of an application, without a tenant. As JSON data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tokenvault import __version__
from tokenvault.flavors import flavors
from tokenvault.model.constraints import (
    AllOf,
    Anything,
    Constraint,
    Contains,
    ContainsKeyed,
    Default,
    Equals,
    Excludes,
    ExcludesKeyed,
    NotIn,
    OneOf,
    Ref,
)
from tokenvault.model.desired import DesiredObject, Graph, Requirement
from tokenvault.plan.document import Document, provenance_document, source_document
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


def _explained(graph: Graph, node: DesiredObject) -> Document:
    others = [other for other in graph.nodes.values() if other.address != node.address]
    expansion = [
        (other, [requirement for requirement in other.requirements if requirement.user == node.address])
        for other in others
    ]
    return {
        **_object(node, node.requirements),
        "flavors": _flavors(
            requirement
            for other in graph.nodes.values()
            for requirement in other.requirements
            if requirement.user == node.address
        ),
        "expansion": [_object(other, requirements) for other, requirements in expansion if requirements],
    }


def _flavors(requirements: Iterable[Requirement]) -> list[Document]:
    names = dict.fromkeys(requirement.provenance.source for requirement in requirements)
    return [{"name": n, "summary": flavors()[n].summary, "doc": flavors()[n].doc} for n in names if n in flavors()]


def _object(node: DesiredObject, requirements: Iterable[Requirement]) -> Document:
    target = node.target
    return {
        "address": node.address,
        "kind": node.kind,
        "name": target.name,
        "at": source_document(node.span),
        "notes": list(_notes(node)),
        "asks": [
            {
                "path": requirement.path.removeprefix("spec."),
                "want": in_words(requirement.constraint),
                "needs": sorted(requirement.needs),
                **provenance_document(requirement.provenance),
            }
            for requirement in requirements
        ],
    }


def _notes(node: DesiredObject) -> Iterable[str]:
    target = node.target
    if target.condition:
        values = " or ".join(map(str, target.condition.values))
        yield f"only while {target.condition.path} of {target.condition.address} is {values}"
    if target.checked_only:
        yield "looked at, never changed"
    if not target.creatable:
        yield "must exist already"
    if target.protect:
        yield "protected: never deleted"


def in_words(constraint: Constraint) -> str:
    """A constraint as the end of the sentence "this attribute …"."""
    match constraint:
        case Equals():
            return "is absent" if constraint.value is None else f"is {_text(constraint.value)}"
        case Default():
            return f"starts as {_text(constraint.value)}; later it is yours to change"
        case NotIn():
            return f"is anything but {_either(constraint.values)}, else becomes {_text(constraint.instead)}"
        case Contains():
            return f"holds {_texts(constraint.items)}" if constraint.items else "is a list"
        case ContainsKeyed():
            return f"holds {'; '.join(_keyed(entry, constraint.key) for entry in constraint.entries)}"
        case Excludes():
            return f"does not hold {_either(constraint.items)}"
        case ExcludesKeyed():
            return f"does not hold {_either(constraint.names)}"
        case AllOf():
            return f"{in_words(constraint.without)} and {in_words(constraint.wanted)}"
        case Anything():
            return "may be anything: it is only read"
        case OneOf():
            return f"is {_either(constraint.values)}, or absent"
        case _:
            raise TypeError(f"no words for {type(constraint).__name__}")


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

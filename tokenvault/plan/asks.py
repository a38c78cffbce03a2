"""What a spec asks of each attribute, in a few characters for the marks: by them an edit is told from others' changes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tokenvault.kinds import kinds
from tokenvault.model.constraints import Default, initial
from tokenvault.model.desired import DesiredObject, Graph
from tokenvault.model.marks import ASKED, Provision, digest, mark_keys
from tokenvault.plan.changes import REVOKED
from tokenvault.secrets import is_sensitive
from tokenvault.state.live import Live

_WORD = 3
"""Characters (18 bits) for what is asked of one attribute: of ten thousand edits of an object, one is taken for none."""


@dataclass(frozen=True)
class Asks:
    """What a spec asks now. `keeper` is the application whose mark holds what is asked of what no other mark tells of."""

    graph: Graph
    live: Live
    keeper: str

    def tells_of(self, node: DesiredObject) -> bool:
        """Whether marks hold what is asked of a node.

        Of keys and of places in a connection they have other records. What every tenant has, such as the MFA policy, may be
        as the spec asks without anything to write, and whoever changes it then is to be told of.
        """
        if node.target.recorder or kinds()[node.kind].marker:
            return True
        return node.target.creatable and not any(requirement.provision for requirement in node.requirements)

    def recorders(self, node: DesiredObject) -> tuple[str, ...]:
        """The objects whose marks hold what is asked of a node: its own, or those of its users; none: the keeper's does."""
        if kinds()[node.kind].marker:
            return (node.address,)
        users = {node.target.recorder} if node.target.recorder else {one.user for one in node.requirements}
        return tuple(user for user in sorted(users) if user and self._has_room(user))

    def _has_room(self, application: str) -> bool:
        return bool(mark_keys(self.live.objects.get(application, {}).get("client_metadata")))

    def writers(self, node: DesiredObject) -> tuple[str, ...]:
        """The objects whose marks are to hold what is asked of a node."""
        return (self.recorders(node) or (self.keeper,)) if self.tells_of(node) else ()

    def record(self, address: str) -> frozenset[Provision]:
        """What the mark of the object at an address is to hold."""
        words = "".join(sorted(self._by_recorder.get(address, ())))
        return frozenset({Provision(ASKED, words)} if words else ())

    def words(self, node: DesiredObject, path: str) -> frozenset[str]:
        """What stands for all that is asked of an attribute; nothing where nothing is."""
        refined = kinds()[node.kind].refine(node, self.live.objects.get(node.address))
        origins = {_asked_at(one.asked_at or path) for one in refined.requirements_for(path)} or {path}
        found = self._words.get(node.address, {})
        return frozenset(found[origin] for origin in origins if origin in found)

    @cached_property
    def _by_recorder(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for address, words in self._words.items():
            for recorder in self.writers(self.graph.nodes[address]):
                found[recorder].update(words.values())
        return {recorder: frozenset(words) for recorder, words in found.items()}

    @cached_property
    def _words(self) -> Mapping[str, Mapping[str, str]]:
        nodes = (n for n in self.graph.nodes.values() if self.tells_of(n) and not n.target.absent)
        return {node.address: dict(_words(node)) for node in nodes}


def words_in(provisions: Iterable[Provision]) -> frozenset[str]:
    """The words that a mark with these provisions holds."""
    text = "".join(provision.slot for provision in sorted(provisions) if provision.verb == ASKED)
    return frozenset(text[start : start + _WORD] for start in range(0, len(text), _WORD))


def _words(node: DesiredObject) -> Iterable[tuple[str, str]]:
    asked: dict[str, set[str]] = defaultdict(set)
    for one in node.requirements:
        if one.provenance != REVOKED and not isinstance(one.constraint, Default):
            asked[_asked_at(one.path)].add(f"{one.path} {_canonical(initial(one.constraint))}")
    for path, texts in asked.items():
        yield path, digest(" ".join([node.address, path, *sorted(texts)]))[:_WORD]


def _asked_at(path: str) -> str:
    """Where a word stands for what is asked at a path. What a kind puts elsewhere may end up in one place: it has one word."""
    return "spec" if path.startswith("spec.") else path


def _canonical(value: Any) -> str:
    """A text for a value that is asked for; the order of lists does not matter, and nothing of a secret is in it."""
    if isinstance(value, list | tuple):
        return json.dumps(sorted(map(_canonical, value)))
    if isinstance(value, Mapping):
        return json.dumps({key: _canonical(item) for key, item in value.items()}, sort_keys=True)
    return json.dumps("" if is_sensitive(value) else value, default=str)

"""The mark that tokenvault leaves on what it creates or adopts, so that no state file is needed.

A mark is one metadata value: whose the object is, under which key, whether tokenvault made it, and what it was lent for
Token Vault (`acme/portal adopted api:me mrrt:me with:github`). What an object held before it was adopted is not a loan,
so letting go of it takes back exactly what tokenvault gave. APIs have no metadata: that this spec created one is
written on its Custom API Client.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

METADATA_KEY = "tokenvault"
API_METADATA_KEY = "tokenvault_api"
MAX_KEYS = 10
MAX_LENGTH = 255
_FORM = re.compile(
    r"(?P<spec>[a-z0-9-]{1,40})/(?P<key>[^\s/]{1,200}) (?P<how>created|adopted)(?P<loans>(?: [a-z]+:[^\s:]+)*)"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose an object is, under which key, whether tokenvault made it, and the labels of what it was lent."""

    spec: str
    key: str
    created: bool
    provisions: frozenset[str] = frozenset()

    @property
    def owner(self) -> str:
        """The spec and the key: what identifies the object."""
        return f"{self.spec}/{self.key}"

    def __str__(self) -> str:
        return self._written(self._fitting())

    @property
    def forgotten(self) -> tuple[str, ...]:
        """The labels that a metadata value has no room for."""
        return tuple(sorted(self.provisions))[len(self._fitting()) :]

    def _fitting(self) -> list[str]:
        labels = sorted(self.provisions)
        while len(self._written(labels)) > MAX_LENGTH and labels:
            labels.pop()
        return labels

    def _written(self, labels: Iterable[str]) -> str:
        return " ".join([f"{self.owner} {'created' if self.created else 'adopted'}", *_words(labels)])


def _words(labels: Iterable[str]) -> list[str]:
    """`with:a`, `with:b` as `with:a,b`."""
    grouped = groupby((label.split(":", 1) for label in labels), key=lambda pair: pair[0])
    return [f"{verb}:{','.join(name for _, name in pairs)}" for verb, pairs in grouped]


def parse_mark(text: Any) -> Mark | None:
    """The mark that a metadata value is; anything that does not have its exact form is somebody else's text."""
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    loans = (word.split(":", 1) for word in found["loans"].split())
    labels = frozenset(f"{verb}:{name}" for verb, names in loans for name in names.split(",") if name)
    return Mark(found["spec"], found["key"], found["how"] == "created", labels)


def read_mark(metadata: Any, key: str = METADATA_KEY) -> Mark | None:
    """The mark inside an object's metadata."""
    return parse_mark(metadata.get(key)) if isinstance(metadata, Mapping) else None


def has_room(metadata: Any, *keys: str) -> bool:
    """Whether marks can stand under these keys: metadata holds ten, and what others wrote there stays."""
    present = metadata if isinstance(metadata, Mapping) else {}
    strange = any(key in present and parse_mark(present[key]) is None for key in keys)
    return len({*present, *keys}) <= MAX_KEYS and not strange

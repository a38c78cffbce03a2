"""The mark that tokenvault leaves on what it creates or adopts, so that no state file is needed.

A mark is one metadata value, `<spec name>/<key> created` or `<spec name>/<key> adopted`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

METADATA_KEY = "tokenvault"
API_METADATA_KEY = "tokenvault_api"
_FORM = re.compile(r"^(?P<spec>[a-z0-9-]{1,40})/(?P<key>[^\s/]{1,200}) (?P<how>created|adopted)$")


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose an object is, under which key, and whether tokenvault made it."""

    spec: str
    key: str
    created: bool

    def __str__(self) -> str:
        return f"{self.spec}/{self.key} {'created' if self.created else 'adopted'}"


def read_mark(metadata: Any, key: str = METADATA_KEY) -> Mark | None:
    """The mark inside an object's metadata; anything that does not have its exact form is somebody else's text."""
    value = metadata.get(key) if isinstance(metadata, dict) else None
    found = _FORM.match(value) if isinstance(value, str) else None
    return Mark(found["spec"], found["key"], found["how"] == "created") if found else None

"""What the objects of a run are called: each name holds a random word, by which they are told from everybody else's."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

RUN = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the kit."""

    id: str

    @classmethod
    def new(cls) -> Run:
        """A run that nobody made before."""
        return cls(secrets.token_hex(6))

    @property
    def mark(self) -> str:
        """What every name of the run holds, and no name of anybody else."""
        return f"acceptance-{self.id}"

    def name(self, what: str) -> str:
        """A name for an application or a connection."""
        return f"{self.mark}-{what}"

    def identifier(self, what: str) -> str:
        """An identifier for an API."""
        return f"https://{self.mark}.example/{what}"

    def owns(self, name: object) -> bool:
        """Whether this is a name of the run."""
        return isinstance(name, str) and self.mark in name

"""What a run creates, in a file that only its owner may read, written before each create: what a killed run left is in it.

One JSON object a line: `{"run", "domain"}`, then `{"intent": N, "path", "name"}` before the N-th create, `{"made": N,
"at"}` with the path of the new object once it is known, and `{"gone": N}` when it was deleted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.names import Run

FILE = "journal.jsonl"


@dataclass(slots=True)
class Entry:
    """One create: where it was sent, what the object is called, and its path once that is known."""

    number: int
    path: str
    name: str
    at: str | None = None
    gone: bool = False


class Journal:
    """The journal of one run, open for more."""

    def __init__(self, path: Path, run: Run, domain: str) -> None:
        self.path, self.run, self.domain = path, run, domain
        self.entries: list[Entry] = []

    @classmethod
    def start(cls, folder: Path, run: Run, domain: str) -> Journal:
        """A new journal; `FileExistsError` when the folder has one."""
        journal = cls(folder / FILE, run, domain)
        os.close(os.open(journal.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        journal._write({"run": run.id, "domain": domain})
        return journal

    @classmethod
    def read(cls, folder: Path) -> Journal:
        """The journal that a run left. A line that was cut short is the last thing that a killed run did."""
        lines = list(_lines(folder / FILE))
        journal = cls(folder / FILE, Run(lines[0]["run"]), lines[0]["domain"])
        for line in lines[1:]:
            journal._take(line)
        return journal

    def intend(self, path: str, name: str) -> Entry:
        """Notes that an object is about to be created."""
        self._note({"intent": len(self.entries), "path": path, "name": name})
        return self.entries[-1]

    def made(self, entry: Entry, at: str) -> None:
        """Notes where the object is."""
        self._note({"made": entry.number, "at": at})

    def gone(self, entry: Entry) -> None:
        """Notes that the object is no longer there, or never was."""
        self._note({"gone": entry.number})

    @property
    def left(self) -> list[Entry]:
        """What may still be there, newest first."""
        return [entry for entry in reversed(self.entries) if not entry.gone]

    def _note(self, line: dict[str, Any]) -> None:
        self._write(line)
        self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        match line:
            case {"intent": number, "path": path, "name": name}:
                self.entries.append(Entry(number, path, name))
            case {"made": number, "at": at}:
                self.entries[number].at = at
            case {"gone": number}:
                self.entries[number].gone = True

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return

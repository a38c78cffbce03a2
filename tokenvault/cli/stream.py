"""An apply for programs: JSON lines on stdout, nothing else there. `render/ndjson.py` says which."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tokenvault.render.ndjson import diagnostic_line, event_line, planned_lines, summary_line, version_line
from tokenvault.render.safe import safe_json

if TYPE_CHECKING:
    from tokenvault.applier.events import Event, Report
    from tokenvault.cli.console import Console
    from tokenvault.document import Document
    from tokenvault.errors import Diagnostic
    from tokenvault.plan import Plan
    from tokenvault.tenant.gateway import Tenant


class Stream:
    """Writes each event as a line, as it comes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._write(version_line())

    def _write(self, line: Document) -> None:
        kind, message = line.pop("type"), line.pop("message")
        stamped = {"type": kind, "time": round(time.time(), 3), "message": message, **line}
        self._console.out(safe_json(stamped) + "\n")

    def planned(self, document: Document, *, full: bool) -> None:
        """A line for each change, and one for all."""
        for line in planned_lines(document):
            self._write(line)

    def begin(self) -> None:
        """Nothing to say."""

    def show(self, event: Event) -> None:
        """Its line."""
        self._write(event_line(event))

    def remark(self, text: str) -> None:
        """People read stderr."""
        self._console.err(f"{text}\n")

    def end(self) -> None:
        """Nothing to say."""

    def finished(self, plan: Plan, report: Report, tenant: Tenant) -> None:
        """The last line."""
        self._write(summary_line(report, reads=tenant.reads, writes=tenant.writes))

    def failed(self, problems: tuple[Diagnostic, ...]) -> None:
        """A line for each problem; the command line shows them on stderr as well."""
        for problem in problems:
            self._write(diagnostic_line(problem))

"""Progress of an apply, one line per event, in terraform's words."""

from __future__ import annotations

from tokenvault.apply.events import Ended, Event, Outcome, Started, Verified
from tokenvault.cli.console import Console
from tokenvault.plan import Action
from tokenvault.render.safe import safe

STARTED = {Action.CREATE: "Creating...", Action.UPDATE: "Updating...", Action.DELETE: "Deleting..."}
DONE = {Action.CREATE: "Creation complete", Action.UPDATE: "Update complete", Action.DELETE: "Deletion complete"}


class Progress:
    """Writes events to stderr as they come."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, event: Event) -> None:
        """One line, or none for what the summary tells."""
        match event:
            case Started():
                known = f" [id={safe(event.id)}]" if event.id else ""
                self._line(event.address, STARTED[event.action] + known)
            case Ended(outcome=Outcome.DONE):
                note = f"; {event.note}" if event.note else ""
                self._line(event.address, f"{DONE[event.action]} after {event.seconds:.0f}s [id={safe(event.id)}]{note}")
            case Ended(outcome=Outcome.FAILED):
                self._line(event.address, f"Failed after {event.seconds:.0f}s")
            case Ended(outcome=Outcome.SKIPPED):
                self._line(event.address, f"Skipped: {event.diagnostic.summary if event.diagnostic else ''}")
            case Verified():
                kept = "all as planned" if not event.not_kept else f"{len(event.not_kept)} not as planned"
                self._console.err(f"Read back {event.checked} objects: {kept}.\n")

    def _line(self, address: str, text: str) -> None:
        self._console.err(f"{self._console.paint_err(safe(address), 'bold')}: {safe(text)}\n")

"""Logs as one JSON object a line, or as text. Only what is known to be safe is in them: no secret, no value of a query."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from tokenvault.errors import place_of
from tokenvault.text import safe, safe_json

FIELDS = ("object", "tenant", "generation", "reason", "seconds", "reads", "writes", "error", "identity")
_TALKATIVE = ("httpx", "httpcore", "kopf", "aiohttp", "asyncio", "auth0")
"""They log URLs with their queries, or whole objects, below this level."""


class Structured(logging.Formatter):
    """Formats a record: `text` for people, else JSON."""

    def __init__(self, *, text: bool = False) -> None:
        super().__init__()
        self._text = text

    def format(self, record: logging.LogRecord) -> str:
        """One line. An exception is named with its place, not quoted: its text may hold anything."""
        own = record.name.startswith("tokenvault")
        message = record.getMessage() if own else safe(record.getMessage())
        fields = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1]:
            fields["error"] = place_of(record.exc_info[1])
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        if self._text:
            told = " ".join(f"{name}={safe(value)}" for name, value in fields.items())
            return f"{time} {record.levelname} {safe(message)} {told}".rstrip()
        level = record.levelname.lower()
        return safe_json({"time": time, "level": level, "logger": record.name, "message": message, **fields})


def configure(*, text: bool = False) -> None:
    """Sends all logs to stderr in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Structured(text=text))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)

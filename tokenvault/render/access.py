"""What credentials allow, in the terminal, drawn from the status's JSON form."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from tokenvault.render.safe import safe
from tokenvault.render.style import PLAIN, Painter

WIDTH = 78
LABEL = 10


def access_text(document: Mapping[str, Any], now: float, paint: Painter = PLAIN) -> str:
    """The status, a line per fact, and per step what the token lacks for it."""
    granted = document["scopes"]
    lines = [_fact("Tenant", document["tenant"]), _fact("Source", document["source"])]
    if document["client_id"]:
        lines.append(_fact("Client", document["client_id"]))
    lines.append(_fact("Until", _until(document["expires_at"], now)))
    if granted is None:
        lines.append(_fact("Scopes", "the token does not tell; a request that lacks one says so"))
        return "\n".join(lines) + "\n"
    lines += [_fact("Scopes", f"{len(granted)} granted"), *_words(_relevant(document))]
    return "\n".join([*lines, "", *_steps(document["missing"], paint)]) + "\n"


def _fact(label: str, text: str) -> str:
    return f"{label:<{LABEL}}{safe(text)}"


def _relevant(document: Mapping[str, Any]) -> list[str]:
    """A token of the sandbox or of an administrator holds hundreds: only those that tokenvault uses are worth a line."""
    others = len(document["scopes"]) - len(document["used_scopes"])
    return [*document["used_scopes"], *([f"and {others} that tokenvault does not use"] if others else [])]


def _words(words: Iterable[str]) -> list[str]:
    indent = " " * LABEL
    return textwrap.wrap(
        safe(" ".join(words), 4000), WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _until(expires_at: str | None, now: float) -> str:
    if expires_at is None:
        return "the token does not tell"
    minutes = int((datetime.fromisoformat(expires_at).timestamp() - now) // 60)
    left = f"in {minutes // 60} h {minutes % 60} min" if minutes >= 0 else "over"
    return f"{expires_at.replace('T', ' ').replace('Z', ' UTC')} ({left})"


def _steps(missing: Mapping[str, Mapping[str, str]], paint: Painter) -> Iterator[str]:
    width = max((len(scope) for scopes in missing.values() for scope in scopes), default=0) + 2
    for step, scopes in missing.items():
        yield f"{step:<{LABEL}}{paint('lacks', 'yellow') if scopes else paint('nothing is missing', 'green')}"
        for scope, kinds in scopes.items():
            yield f"{'':<{LABEL}}{scope:<{width}}{paint(f'for: {kinds}', 'dim')}"

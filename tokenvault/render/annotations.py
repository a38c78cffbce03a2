"""Problems as GitHub Actions workflow commands: they appear at the line of the spec that they are about."""

from __future__ import annotations

from tokenvault.errors import Diagnostic
from tokenvault.render.safe import safe


def annotation(problem: Diagnostic) -> str:
    """One workflow command, on one line: whatever a spec says cannot start another command."""
    properties = {"title": problem.code}
    if problem.span:
        span = problem.span
        place = {"file": span.file, "line": span.line, "col": span.column, "endColumn": span.end_column}
        properties = {**{name: str(value) for name, value in place.items()}, **properties}
    said = " ".join(text for text in (f"{problem.summary}.", problem.detail, problem.hint) if text)
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{'error' if problem.severity == 'error' else 'warning'} {listed}::{_data(safe(said))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(safe(text)).replace(":", "%3A").replace(",", "%2C")

"""The result of an exchange in the terminal, drawn from its JSON form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokenvault.render.doctor_text import subject_text, wrapped
from tokenvault.render.safe import safe
from tokenvault.render.style import PLAIN, Painter

Document = dict[str, Any]
WIDTH = 80


def exchanged_text(document: Document, token: str | None, file: str | None, paint: Painter = PLAIN) -> str:
    """What came back. `token` is shown where the user asked for it, `file` is where it was written."""
    provider = f" ({safe(document['provider'])})" if document["provider"] else ""
    lines = [
        f"{paint('Exchanged.', 'bold', 'green')} {safe(document['connection'])} gave {safe(document['application'])} a token."
    ]
    rows = {
        "connection": f"{document['connection']}{provider}",
        "flavor": document["flavor"],
        "token type": document["token_type"],
        "scopes": " ".join(document["scopes"]) or "(the answer names none)",
        "expires": _expiry(document),
    }
    for label, value in rows.items():
        lines += wrapped(f"  {label.ljust(12)}", str(value), WIDTH)
    if file:
        lines.append(f"  {'token'.ljust(12)}written to {safe(file)}")
    elif token is None:
        lines.append(f"  {'token'.ljust(12)}not shown (--output FILE writes it, --reveal shows it)")
    else:
        lines.append(f"  {'token'.ljust(12)}{safe(token, 20_000)}")
    return "\n".join(lines) + "\n"


def _expiry(document: Document) -> str:
    seconds = document["expires_in"]
    return "(the answer does not say)" if seconds is None else f"in {seconds} s, at {document['expires_at']}"


def refused_text(document: Document, paint: Painter = PLAIN) -> str:
    """What a refusal means, its possible causes, and what the tenant shows."""
    return "\n".join([*_meaning(document["error"], paint), *_tenant(document, paint)]) + "\n"


def _meaning(error: Document, paint: Painter) -> Iterator[str]:
    if error["means"]:
        yield from wrapped("It means: ", f"{error['means']}.", WIDTH)
    if error["causes"]:
        yield ""
        yield paint("Causes that the tenant does not show:", "bold")
        for cause in error["causes"]:
            yield from wrapped("  - ", cause, WIDTH)


def _tenant(document: Document, paint: Painter) -> Iterator[str]:
    findings = document["findings"]
    yield ""
    if findings is None:
        yield from wrapped("", f"The tenant could not be looked at: {document['unread']}", WIDTH)
    elif not findings:
        yield "The tenant shows nothing amiss for this application, connection and flavor."
    else:
        yield paint("What the tenant shows (`tokenvault doctor`):", "bold")
        explains = document["error"]["id"]
        for finding in sorted(
            findings, key=lambda f: (f["state"] != "not ready", f["at_run_time"]["error"] != explains)
        ):
            yield from _finding(finding)


def _finding(finding: Document) -> Iterator[str]:
    yield from wrapped("  - ", f"{subject_text(finding['subject'])}: {finding['says']}  [{finding['id']}]", WIDTH)
    if finding["fix"]:
        link = f"  {finding['fix']['link']}" if finding["fix"]["link"] else ""
        yield from wrapped("    fix: ", f"{finding['fix']['text']}{link}", WIDTH)

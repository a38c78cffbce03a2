"""Exchanges, the programs for them, and client ids in the terminal, each drawn from its JSON form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tokenvault.render.doctor_text import subject_text, wrapped
from tokenvault.render.terminal import PLAIN, Painter
from tokenvault.text import safe

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
        "lacks": " ".join(document["lacks"]),
        "expires": _expiry(document),
    }
    for label, value in rows.items():
        lines += wrapped(f"  {label.ljust(12)}", str(value), WIDTH) if value else []
    if file:
        lines.append(f"  {'token'.ljust(12)}written to {safe(file)}")
    elif token is None:
        lines.append(f"  {'token'.ljust(12)}not shown (--out FILE writes it, --reveal shows it)")
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
        return
    if document["near"]:
        yield from wrapped("", f"The tenant has connections called alike: {', '.join(document['near'])}.", WIDTH)
        yield ""
    if not findings:
        yield "The tenant shows nothing amiss for this application, connection and flavor."
        return
    for heading, some in _grouped(findings):
        if some:
            yield paint(f"{heading}:", "bold")
            for finding in some:
                yield from _finding(finding)


def _grouped(findings: Sequence[Document]) -> Iterator[tuple[str, list[Document]]]:
    """What explains the refusal, what else is amiss, and what nobody can tell from here."""
    fits = [finding for finding in findings if finding["fits"]]
    other = [finding for finding in findings if finding["state"] == "not ready" and not finding["fits"]]
    yield "What the tenant shows (`tokenvault doctor`), and what explains this refusal", fits
    yield ("Also amiss" if fits else "What the tenant shows (`tokenvault doctor`): not ready"), other
    unsure = [finding for finding in findings if finding["state"] != "not ready"]
    shown = fits or other
    yield (
        ("Not told by the tenant" if shown else "What the tenant shows (`tokenvault doctor`): only what to look at"),
        unsure,
    )


def _finding(finding: Document) -> Iterator[str]:
    yield from wrapped("  - ", f"{subject_text(finding['subject'])}: {finding['says']}  [{finding['id']}]", WIDTH)
    if finding["fix"]:
        link = f"  {finding['fix']['link']}" if finding["fix"]["link"] else ""
        at = f"{finding['fix']['at']}: " if finding["fix"]["at"] else ""
        yield from wrapped("    fix: ", f"{at}{finding['fix']['text']}{link}", WIDTH)


IN_JAVASCRIPT = ("node", "auth0-ai-js", "vercel-ai", "langchain-js", "auth0-auth-js", "nextjs-auth0")


def usage_text(document: Document, language: str, paint: Painter = PLAIN) -> str:
    """The programs of one language. `paint` colours comments only."""
    sign = "//" if language in IN_JAVASCRIPT else "#"
    lines: list[str] = []
    for exchange in document["exchanges"]:
        if language not in exchange["programs"]:
            lines += [*(paint(line, "dim") for line in _unserved(exchange, language, sign)), ""]
            continue
        lines += [
            *(paint(line, "dim") for line in _head(exchange, language, sign)),
            exchange["programs"][language].rstrip("\n"),
            "",
        ]
    for one in document["connecting"]:
        lines += [*(paint(line, "dim") for line in _connecting(one, sign)), ""]
    return "\n".join(lines).rstrip("\n") + "\n" if lines else f"{sign} No application of the spec exchanges tokens.\n"


def _unserved(exchange: Document, language: str, sign: str) -> Iterator[str]:
    yield f"{sign} {safe(exchange['application'])}: {exchange['flavor']}, {safe(exchange['connection'])}"
    others = ", ".join(name for name in exchange["programs"])
    yield from _commented(sign, f"{language} does not perform this exchange. These do: --lang {others}.")


def _head(exchange: Document, language: str, sign: str) -> Iterator[str]:
    yield f"{sign} {safe(exchange['application'])}: {exchange['flavor']}, {safe(exchange['connection'])}"
    yield from _commented(sign, exchange["summary"])
    others = [safe(name) for name in exchange["connections"] if name != exchange["connection"]]
    if others:
        yield from _commented(sign, f"Also with connection={' or '.join(others)}.")
    yield from _commented(sign, f"Needs {exchange['needs'][language]}. {exchange['documentation']}")
    for note in exchange["notes"]:
        yield from _commented(sign, note)
    yield sign
    used = {name: means for name, means in exchange["variables"].items() if name in exchange["programs"][language]}
    for name, means in used.items():
        yield from _commented(sign, f"{name}=...  {means}", hanging="  ")
    yield sign


def _connecting(one: Document, sign: str) -> Iterator[str]:
    yield f"{sign} How users of {safe(one['application'])} connect an account (once per connection)"
    yield from _commented(sign, one["documentation"])
    for number, step in enumerate(one["steps"], 1):
        first, *rest = step.split("\n")
        yield from _commented(sign, f"{number}. {first}", hanging="   ")
        yield from (f"{sign}    {safe(line)}" for line in rest)


def _commented(sign: str, text: str, hanging: str = "") -> list[str]:
    lines = wrapped("", text, WIDTH - len(sign) - 1 - len(hanging))
    return [f"{sign} {hanging if number else ''}{line}" for number, line in enumerate(lines)]


def output_text(document: dict[str, Any], paint: Painter = PLAIN) -> str:
    """One application a line: address, client id, name."""
    rows = [[safe(one[key]) for key in ("address", "client_id", "name")] for one in document["applications"]]
    widths = [max(len(row[column]) for row in rows) if rows else 0 for column in (0, 1)]
    lines = [f"{row[0].ljust(widths[0])}  {paint(row[1].ljust(widths[1]), 'bold')}  {row[2]}".rstrip() for row in rows]
    return "\n".join(lines or ["The spec has no application."]) + "\n"

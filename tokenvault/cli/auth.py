"""`tokenvault auth status`: with which credentials a command would act, on which tenant, and what they allow."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenvault.cli.options import (
    TextOrJson,
)
from tokenvault.cli.session import Session, with_session
from tokenvault.errors import ApiError, Diagnostic, RefusedError
from tokenvault.render.terminal import PLAIN, Painter
from tokenvault.text import json_page, safe

if TYPE_CHECKING:
    from tokenvault.tenant.tokens import Access

FORBIDDEN = 403
app = typer.Typer(help="The credentials that commands use.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The credentials that commands use."""


@app.command()
@with_session(without=("allow_env",))
def status(
    session: Session,
    form: Annotated[TextOrJson, typer.Option("--format", help="How to show it.")] = "text",
) -> None:
    """Show which credentials are used, on which tenant, what they allow and until when. Never shows a token.

    Asks the tenant whether it takes them. Exit code 1 when there are none, or when they are refused.
    """
    import asyncio

    try:
        document = asyncio.run(_status(session))
    except RefusedError as error:
        raise RefusedError(*map(_with_scopes, error.diagnostics)) from None
    if form == "json":
        session.console.out(json_page(document))
    else:
        session.console.out(access_text(document, time.time(), session.console.paint))


def _with_scopes(problem: Diagnostic) -> Diagnostic:
    """The error for missing credentials, with every scope that new ones need: people look for them here."""
    from tokenvault.tenant.scopes import scope_lists

    missing = problem.code.startswith(("auth-credentials", "auth-cli-"))
    return replace(problem, hint=f"{problem.hint}\n\n{scope_lists()}") if missing else problem


async def _status(session: Session) -> dict[str, Any]:
    async with session.tenant() as tenant:
        access = await tenant.token.access()
        await _must_be_taken(tenant)
        return access_document(tenant.domain, access)


async def _must_be_taken(tenant: Any) -> None:
    """Sends the cheapest read there is, to see whether the tenant accepts the token. A 403 shows that it does, too."""

    try:
        await tenant.get("clients", {"per_page": 1, "fields": "client_id", "include_fields": True})
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise


def access_document(domain: str, access: Access) -> dict[str, Any]:
    """The status as public data. `scopes`, those of them that tokenvault uses, and `missing` are null where the token
    does not tell."""
    from tokenvault.tenant.scopes import needed_scopes

    granted, ends = access.scopes, access.expires_at
    steps = needed_scopes().steps
    missing = {
        step: {s: kinds for s, kinds in scopes.items() if s not in (granted or ())} for step, scopes in steps.items()
    }
    return {
        "format_version": "1.0",
        "tenant": domain,
        "source": access.source,
        "client_id": access.client_id or None,
        "expires_at": None if ends is None else datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "scopes": None if granted is None else sorted(granted),
        "used_scopes": None if granted is None else sorted(granted & {s for scopes in steps.values() for s in scopes}),
        "missing": None if granted is None else missing,
    }


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

"""What a person can do about credentials that are missing, refused or over: every way to give them, and the scopes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from tokenvault.tenant.scopes import needed_scopes

WIDTH = 78
_WAYS = """\
Give one of these; the first that is set is used:
  AUTH0_API_TOKEN or AUTH0_ACCESS_TOKEN   a Management API access token
  AUTH0_CLIENT_ID + AUTH0_CLIENT_SECRET   a machine-to-machine application
  AUTH0_CLIENT_ID + AUTH0_CLIENT_ASSERTION_PRIVATE_KEY
                                          the same, with a key: PEM or its path
  auth0 login                             the login of the Auth0 CLI"""
_STEPS = {
    "plan": "Scopes for plan",
    "apply": "Scopes that apply adds (only for what the spec uses)",
    "destroy": "Scopes that destroy and --prune add",
}


def ways() -> str:
    """Every way to give credentials, and the least that they must be allowed, step by step."""
    lists = [f"{_STEPS[step]}:\n{columns(scopes)}" for step, scopes in needed_scopes().steps.items()]
    return "\n\n".join((_WAYS, "\n".join(lists)))


def columns(words: Iterable[str], indent: str = "  ") -> str:
    """Words side by side, indented, no line wider than a terminal."""
    return textwrap.fill(
        " ".join(words),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def login_command() -> str:
    """The Auth0 CLI's command for a login that may plan and apply, in lines that fit and can be pasted."""
    lines: list[str] = [""]
    for scope in needed_scopes().to_apply:
        joined = f"{lines[-1]},{scope}".lstrip(",")
        lines = [*lines[:-1], joined] if len(joined) <= WIDTH - 16 else [*lines, scope]
    return " \\\n".join(["  auth0 login", *(f"    --scopes {line}" for line in lines)])

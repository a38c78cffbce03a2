"""The Management API scopes that tokenvault needs, read off the tables of the kinds: least privilege, step by step."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Each step's scopes and the kinds of object that need them. A step needs those of the steps before it as well."""

    plan: Mapping[str, str]
    apply: Mapping[str, str]
    destroy: Mapping[str, str]

    @property
    def steps(self) -> Mapping[str, Mapping[str, str]]:
        """The steps by name, in their order."""
        return {"plan": self.plan, "apply": self.apply, "destroy": self.destroy}

    @property
    def to_apply(self) -> tuple[str, ...]:
        """Everything that planning and applying any spec takes."""
        return tuple(sorted({*self.plan, *self.apply}))


@cache
def needed_scopes() -> Needed:
    """What every kind together needs. What a spec does not use needs no scope."""
    reads: dict[str, list[str]] = {}
    writes: dict[str, list[str]] = {}
    deletes: dict[str, list[str]] = {}
    for kind in kinds().values():
        _note(kind, kind.scopes.read, reads)
        _note(kind, (*kind.scopes.create, *kind.scopes.update), writes)
        _note(kind, kind.scopes.delete, writes if kind.rotated else deletes)
        for some in kind.scopes.fields.values():
            _note(kind, (scope for scope in some if scope.startswith("read:")), reads)
            _note(kind, (scope for scope in some if not scope.startswith("read:")), writes)
    return Needed(plan=_listed(reads), apply=_listed(writes), destroy=_listed(deletes))


def _note(kind: Kind, scopes: Iterable[str], into: dict[str, list[str]]) -> None:
    for scope in scopes:
        titles = into.setdefault(scope, [])
        if kind.title not in titles:
            titles.append(kind.title)


def _listed(found: Mapping[str, list[str]]) -> dict[str, str]:
    return {scope: ", ".join(titles) for scope, titles in sorted(found.items())}


WIDTH = 78
_WAYS = """\
Give one of these; the first that is set is used:
  AUTH0_API_TOKEN or AUTH0_ACCESS_TOKEN   a Management API access token
  AUTH0_CLIENT_ID + AUTH0_CLIENT_SECRET   a machine-to-machine application
  AUTH0_CLIENT_ID + AUTH0_CLIENT_ASSERTION_PRIVATE_KEY
                                          the same, with a key: PEM or its path
  auth0 login                             the login of the Auth0 CLI"""
_ALLOWED = "What they must be allowed: `tokenvault explain auth-credentials`."
_STEPS = {
    "plan": "Scopes for plan",
    "apply": "Scopes that apply adds (only for what the spec uses)",
    "destroy": "Scopes that destroy and --prune add",
}


def ways() -> str:
    """Every way to give credentials, and where it is said what they must be allowed."""
    return f"{_WAYS}\n{_ALLOWED}"


def scope_lists() -> str:
    """The least that credentials must be allowed, step by step."""
    lists = [f"{_STEPS[step]}:\n{columns(scopes)}" for step, scopes in needed_scopes().steps.items()]
    return "\n".join(lists)


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

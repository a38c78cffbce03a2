"""Two sources that name different tenants or clients: the credentials of one are never sent to the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

from tokenvault.errors import Diagnostic, RefusedError

DOMAIN, CLIENT = "AUTH0_DOMAIN", "AUTH0_CLIENT_ID"


def refuse_contradictions(tenant: str | None, environment: Mapping[str, str], env_file: Path | None) -> None:
    """Refuses `--tenant`, the environment and the file of variables where two of them contradict each other."""
    from tokenvault.spec.env_file import read_variables

    of_file = read_variables(env_file) if env_file else {}
    problems = [
        *_contradicting(_domains(tenant, environment, of_file, env_file), "tenants"),
        *_contradicting(_clients(environment, of_file, env_file), "clients"),
    ]
    if problems:
        raise RefusedError(*problems)


def _domains(
    tenant: str | None, environment: Mapping[str, str], of_file: Mapping[str, str], env_file: Path | None
) -> dict[str, str]:
    from tokenvault.tenant.address import bare_domain

    named = {
        "--tenant": tenant or "",
        f"${DOMAIN}": environment.get(DOMAIN, ""),
        f"{DOMAIN} in {env_file}": of_file.get(DOMAIN, ""),
    }
    return {source: bare_domain(value.strip()).lower() for source, value in named.items() if value.strip()}


def _clients(environment: Mapping[str, str], of_file: Mapping[str, str], env_file: Path | None) -> dict[str, str]:
    named = {f"${CLIENT}": environment.get(CLIENT, ""), f"{CLIENT} in {env_file}": of_file.get(CLIENT, "")}
    return {source: value.strip() for source, value in named.items() if value.strip()}


def _contradicting(named: Mapping[str, str], what: str) -> Iterator[Diagnostic]:
    """The first two sources that differ: those that the user typed come first."""
    for (one, its), (other, others) in combinations(named.items(), 2):
        if its != others:
            summary = f"{one} is {its}, and {other} is {others}"
            hint = f"Credentials of one must not reach the other: leave one of the two {what} out. Nothing was sent."
            yield Diagnostic(code="auth-contradiction", summary=summary, hint=hint)
            return

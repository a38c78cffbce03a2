"""What one member may see: its own variables, its own credentials, and nothing of the others'."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tokenvault.errors import Diagnostic, RefusedError, SpecError, Unresolved
from tokenvault.fleet.model import Given, Member
from tokenvault.spec.references import References, has_reference, read_variables
from tokenvault.tenant.connect import TIMEOUT_VARIABLE
from tokenvault.tenant.credentials import KEY_VARIABLE, TOKEN_VARIABLES

ALGORITHM = "AUTH0_CLIENT_ASSERTION_SIGNING_ALG"
NAMES = {
    "client_id": "AUTH0_CLIENT_ID",
    "client_secret": "AUTH0_CLIENT_SECRET",
    "private_key": KEY_VARIABLE,
    "signing_alg": ALGORITHM,
    "api_token": TOKEN_VARIABLES[0],
    "audience": "AUTH0_AUDIENCE",
}
VARIABLES = (*NAMES.values(), *TOKEN_VARIABLES[1:])


class MemberEnvironments:
    """Reads a member's variables and credentials from tokenvault's own environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._nameable = {name: value for name, value in environment.items() if name.upper() not in VARIABLES}

    def of_spec(self, member: Member, domain: str) -> dict[str, str]:
        """The variables that the member's spec may refer to. Its credentials stand among them, so that copies are refused.

        `SpecError` with every reference of the fleet file that leads nowhere.
        """
        own = {**_of_file(member), **self._resolved(member, member.variables)}
        return {"AUTH0_DOMAIN": domain, **own, **self._credentials(member)}

    def of_tenant(self, member: Member) -> dict[str, str]:
        """What opening the member's tenant takes; `RefusedError` when it has no credentials."""
        found = self._credentials(member)
        client = found.get("AUTH0_CLIENT_ID") and (found.get("AUTH0_CLIENT_SECRET") or found.get(KEY_VARIABLE))
        if not client and not any(found.get(name) for name in TOKEN_VARIABLES):
            raise RefusedError(_none(member))
        patience = self._environment.get(TIMEOUT_VARIABLE)
        return {**found, **({TIMEOUT_VARIABLE: patience} if patience else {})}

    def _credentials(self, member: Member) -> dict[str, str]:
        given = {**self._environment, **_of_file(member)}
        by_prefix = {name: given.get(f"{member.prefix}{name}", "") for name in VARIABLES} if member.prefix else {}
        references = {} if member.sandbox else self._resolved(member, member.credentials)
        by_reference = {NAMES[key]: value for key, value in references.items()}
        return {name: value for name, value in {**by_prefix, **by_reference}.items() if value.strip()}

    def _resolved(self, member: Member, given: Mapping[str, Given]) -> dict[str, str]:
        found, problems = {}, []
        for key, value in given.items():
            try:
                found[key] = self._value(value)
            except Unresolved as error:
                parts = {"code": error.code, "summary": error.summary, "hint": error.hint}
                problems.append(Diagnostic(**parts, span=value.span, context=f'tenants "{member.name}"'))
        if problems:
            raise SpecError(*problems)
        return found

    def _value(self, given: Given) -> str:
        if not has_reference(given.text):
            return given.text
        return References(self._nameable, Path(given.folder)).secret(given.text).reveal()


def _of_file(member: Member) -> dict[str, str]:
    return read_variables(member.env_file) if member.env_file else {}


def _none(member: Member) -> Diagnostic:
    at = member.prefix
    summary = f"There are no credentials for {member.name} ({member.domain})"
    hint = (
        f"Set {at}AUTH0_CLIENT_ID and {at}AUTH0_CLIENT_SECRET (or {at}{KEY_VARIABLE}), or {at}AUTH0_API_TOKEN."
        if at
        else "Give `credentials` a client_id and a client_secret (or private_key), or an api_token."
    )
    return Diagnostic(code="auth-credentials", summary=summary, hint=hint)

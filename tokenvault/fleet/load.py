"""A fleet file → its members. Everything that is wrong in it is told at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenvault.errors import Diagnostic, RefusedError, SpecError, Unresolved
from tokenvault.fleet.model import Fleet, Given, Member
from tokenvault.fleet.schema import fleet_schema
from tokenvault.model.spec import Path as At
from tokenvault.model.spec import Positions, Problem
from tokenvault.secrets import CREDENTIAL_VARIABLES, sounds_secret_variable
from tokenvault.spec.problems import diagnose, in_order, respelt, schema_problems
from tokenvault.spec.references import References, has_reference, variables
from tokenvault.spec.source import MAX_BYTES, MAX_PROBLEMS, Source, read_source
from tokenvault.tenant.options import bare_domain, base_url

JOINED = ("labels", "variables")
SECRET = ("client_secret", "private_key", "api_token")


def load_fleet(file: Path) -> Fleet:
    """The fleet in this file; `SpecError` with all that is wrong. Its specs are not read yet, nor what it refers to."""
    source = _read(file)
    misspelt = respelt(source, fleet_schema())
    positions = Positions(keys=source.keys, values=source.values)
    schema = [*misspelt, *map(_of_a_fleet, schema_problems(_errors(source.data)))]
    found = list(source.problems) + [diagnose(problem, positions) for problem in schema[:MAX_PROBLEMS]]
    if not found:
        reader = _Reader(file, source.data, positions)
        members = tuple(reader.member(name) for name in source.data["tenants"])
        found = [diagnose(problem, positions) for problem in reader.problems]
    if found:
        raise SpecError(*in_order(found)[:MAX_PROBLEMS])
    return Fleet(name=str(source.data["fleet"]), file=file, members=members)


def entry_of(data: Any, name: str) -> dict[str, Any]:
    """All that a file says of a member, its defaults included."""
    defaults, given = data.get("defaults") or {}, data["tenants"].get(name) or {}
    joined = {key: {**defaults.get(key, {}), **given.get(key, {})} for key in JOINED if key in {*defaults, *given}}
    return {**defaults, **given, **joined}


def _read(file: Path) -> Source:
    hint = "Name the fleet's file: it lists the tenants."
    try:
        with file.open("rb") as opened:
            return read_source(str(file), opened.read(MAX_BYTES + 1))
    except FileNotFoundError:
        problem = Diagnostic(code="fleet-no-file", summary=f"There is no file {file}", hint=hint)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be opened"
        problem = Diagnostic(code="fleet-no-file", summary=f"{file} cannot be read: {reason}", hint=hint)
    raise SpecError(problem)


def _errors(data: Any) -> Iterable[Any]:
    from jsonschema import Draft202012Validator

    errors: Iterable[Any] = Draft202012Validator(fleet_schema()).iter_errors(data)
    return errors


def _of_a_fleet(problem: Problem) -> Problem:
    if problem.code == "spec-version":
        return replace(problem, summary="This tokenvault reads fleets of version 1")
    return problem


class _Reader:
    """Makes members of entries; a class only because problems accumulate on the way."""

    def __init__(self, file: Path, data: Any, positions: Positions) -> None:
        self._folder, self._data, self._positions = file.parent, data, positions
        self.problems: list[Problem] = []

    def member(self, name: str) -> Member:
        """The member of this name."""
        entry = entry_of(self._data, name)
        spec = entry.get("spec", ())
        credentials, domain = entry.get("credentials", {}), bare_domain(entry.get("domain", ""))
        self.problems += self._tenant(name, entry, domain)
        return Member(
            name=name,
            domain=domain,
            sandbox=self._folder / entry["sandbox"] if "sandbox" in entry else None,
            spec=tuple(str(self._folder / path) for path in ([spec] if isinstance(spec, str) else spec)),
            env_file=self._folder / entry["env_file"] if "env_file" in entry else None,
            variables=self._values(name, "variables", entry.get("variables", {})),
            prefix=str(credentials.get("prefix", "")).replace("{NAME}", capitals(name)),
            credentials=self._values(name, "credentials", {k: v for k, v in credentials.items() if k != "prefix"}),
            labels={key: _text(value) for key, value in entry.get("labels", {}).items()},
            wave=entry.get("wave", 1),
            protect=entry.get("protect", False),
            max_destroy=entry.get("max_destroy"),
            max_rps=entry.get("max_rps"),
            entry=entry,
        )

    def _tenant(self, name: str, entry: Mapping[str, Any], domain: str) -> Iterator[Problem]:
        path: At = ("tenants", name)
        if ("domain" in entry) == ("sandbox" in entry):
            both = "both a domain and a sandbox" if domain else "neither a domain nor a sandbox"
            hint = "Give it a `domain`, for example acme-dev.us.auth0.com; or `sandbox: trial.db` to try it without a tenant."
            yield Problem(code="fleet-tenant", path=path, summary=f'"{name}" has {both}', hint=hint, at_key=True)
        elif domain:
            try:
                base_url(domain)
            except RefusedError as error:
                why = error.diagnostics[0]
                yield Problem(code="fleet-tenant", path=(*path, "domain"), summary=why.summary, hint=why.hint)
        if domain and not entry.get("credentials"):
            hint = f"Say where they are, for example `credentials: {{prefix: {capitals(name)}_}}`: nothing else is looked at."
            summary = f'"{name}" has no credentials'
            yield Problem(code="fleet-credentials", path=path, summary=summary, hint=hint, at_key=True)
        if "spec" not in entry:
            hint = "Give it a `spec`, or one for all under `defaults`: `spec: [base.yaml]`."
            yield Problem(code="fleet-no-spec", path=path, summary=f'"{name}" has no spec', hint=hint, at_key=True)

    def _values(self, name: str, section: str, given: Mapping[str, Any]) -> dict[str, Given]:
        """Texts with their places. What they refer to is looked up when the member needs it."""
        found = {}
        for key, raw in given.items():
            path, text = self._place(name, section, key), _text(raw)
            self.problems += _wrong_value(path, section, key, text)
            found[key] = Given(text=text, folder=str(self._folder), span=self._positions.value(*path))
        return found

    def _place(self, name: str, section: str, key: str) -> At:
        own = (self._data["tenants"].get(name) or {}).get(section, {})
        return ("tenants", name, section, key) if key in own else ("defaults", section, key)


def _wrong_value(path: At, section: str, key: str, text: str) -> Iterator[Problem]:
    secret = key in SECRET if section == "credentials" else sounds_secret_variable(key)
    if section == "variables" and key.upper() in CREDENTIAL_VARIABLES:
        summary = f"{key} is a credential of tokenvault, which no spec needs"
        yield Problem(code="fleet-variable", path=path, summary=summary, hint=_MOVE)
    elif secret and not has_reference(text):
        summary = f'"{key}" is a secret and must be a reference'
        yield Problem(code="spec-literal-secret", path=path, summary=summary, hint=_LEAKED)
    elif any(name.upper() in CREDENTIAL_VARIABLES for name in variables(text)):
        summary = "This variable could be any tenant's: a fleet does not read it"
        yield Problem(code="fleet-credentials", path=path, summary=summary, hint=_BARE)
    else:
        try:
            References(_ANY, None, _ANY).secret(text if has_reference(text) else "x")
        except Unresolved as error:
            yield Problem(code=error.code, path=path, summary=error.summary, hint=error.hint)


class _Anything(dict[str, str]):
    """Has every variable and every file: what is looked at is only how a reference is written."""

    def get(self, name: str, default: Any = None) -> Any:
        return "" if name in CREDENTIAL_VARIABLES else "any"

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return "any"

    def __bool__(self) -> bool:
        return True


_ANY = _Anything()
_MOVE = "Say under `credentials` how tokenvault signs in."
_LEAKED = "Write ${env:NAME} or ${file:path}, and rotate the secret if this was ever committed."
_BARE = "Call it after its tenant, for example DEV_AUTH0_CLIENT_SECRET, and write `credentials: {prefix: DEV_}`."


def capitals(name: str) -> str:
    """A member's name as the beginning of a variable."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in name).upper()
    return f"_{plain}" if plain[:1].isdigit() else plain


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

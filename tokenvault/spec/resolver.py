"""References of a spec, replaced by what they stand for as far as the place where each stands allows it.

- Fields that are secrets (`writeOnly` in the schema, options that are called like one) take any variable and any file.
- Fields that a value by reference may enter unseen (`x-confidential`: a provider's client id, the file of a public key) take
  any variable. Its value is a secret from then on, unless the variable may be shown.
- The options of a connection, which are sent to the tenant, take variables that `variables` lists; a sensitive one is a secret.
- All else takes variables that may be shown. `tenant` takes AUTH0_DOMAIN besides, for that names the tenant anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from tokenvault.errors import Unresolved
from tokenvault.model.spec import Path, Positions, Problem, Variable
from tokenvault.secrets import CREDENTIAL_VARIABLES, sounds_secret, sounds_secret_variable
from tokenvault.spec.problems import literal_secret
from tokenvault.spec.references import (
    WHERE_SECRETS_BELONG,
    References,
    has_default,
    has_file,
    has_reference,
    refuse_credential_variable,
    variables,
)
from tokenvault.spec.schema import spec_schema
from tokenvault.spec.source import Source

TENANT_VARIABLE = "AUTH0_DOMAIN"


class Place(Enum):
    """What a field may hold."""

    SECRET = "secret"
    CONFIDENTIAL = "confidential"
    OPTION = "option"
    SHOWN = "shown"


def place_of(path: Path) -> Place:
    """What the field at the path may hold."""
    if is_secret_option(path):
        return Place.SECRET
    if _in_options(path):
        return Place.OPTION
    schemas = list(_schemas_at(path))
    if any(schema.get("writeOnly") for schema in schemas):
        return Place.SECRET
    return Place.CONFIDENTIAL if any(schema.get("x-confidential") for schema in schemas) else Place.SHOWN


def _schemas_at(path: Path) -> Iterator[Mapping[str, Any]]:
    """The schemas that describe the value at the path: several, where there are alternatives."""
    found: list[Mapping[str, Any]] = [spec_schema()]
    for part in path:
        found = [inside for schema in found for inside in _inside(schema, part)]
    for schema in found:
        yield from (schema, *schema.get("anyOf", ()))


def _inside(schema: Mapping[str, Any], part: str | int) -> Iterator[Mapping[str, Any]]:
    for alternative in (schema, *schema.get("anyOf", ())):
        if isinstance(part, int):
            inside = alternative.get("items")
        else:
            inside = alternative.get("properties", {}).get(part) or alternative.get("additionalProperties")
        if isinstance(inside, dict):
            yield inside


def _in_options(path: Path) -> bool:
    return len(path) > 3 and path[0] == "connections" and path[2] == "options"


def is_secret_option(path: Path) -> bool:
    """Whether an option of a connection, or what it stands in, is called like a secret."""
    return _in_options(path) and any(isinstance(part, str) and sounds_secret(part) for part in path[3:])


@dataclass(slots=True)
class Resolver:
    """Replaces references in scalars; a class only because problems accumulate on the way.

    `allowed` are the variables that may be shown, `references` resolve those of each file.
    """

    source: Source
    references: Mapping[str, References]
    allowed: Sequence[Variable]
    problems: list[Problem] = field(default_factory=list)
    _refused: list[tuple[Path, str]] = field(default_factory=list)

    def resolved(self, data: Any) -> Any:
        """The data with every reference replaced that could be; the others are problems."""
        found = self._resolve(data, ())
        lines = self._lines_to_paste()
        self.problems += [_not_allowed(path, name, lines) for path, name in self._refused]
        return found

    def _resolve(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self._resolve(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._resolve(item, (*path, index)) for index, item in enumerate(value)]
        if is_secret_option(path) and not isinstance(value, bool | None | str):
            self.problems.append(literal_secret(path))
        return self._scalar(value, path) if isinstance(value, str) else value

    def _scalar(self, raw: str, path: Path) -> Any:
        if path[:1] == ("variables",):
            return raw  # names, not values
        if not has_reference(raw):
            if is_secret_option(path):
                self.problems.append(literal_secret(path))
            return self._by_file(path).text(raw)
        place = place_of(path)
        if place is Place.SECRET and has_default(raw):
            self.problems.append(literal_secret(path))
        try:
            return self._referenced(raw, path, place)
        except Unresolved as error:
            self.problems.append(Problem(code=error.code, path=path, summary=error.summary, hint=error.hint))
            return raw

    def _referenced(self, raw: str, path: Path, place: Place) -> Any:
        references, names = self._by_file(path), list(variables(raw))
        for name in names:
            refuse_credential_variable(name)
        if place is Place.SECRET:
            return references.secret(raw)
        shown = {variable.name for variable in self.allowed if not variable.sensitive}
        if path == ("tenant",):
            shown.add(TENANT_VARIABLE)
        if shown.issuperset(names) and not (place is Place.CONFIDENTIAL and has_file(raw)):
            return references.text(raw)
        listed = {variable.name for variable in self.allowed}
        if place is Place.CONFIDENTIAL or (place is Place.OPTION and listed.issuperset(names) and not has_file(raw)):
            return references.secret(raw)
        references.check(raw)
        self._refused += [(path, name) for name in names if name not in shown]
        return raw

    def _by_file(self, path: Path) -> References:
        span = Positions(keys={}, values=self.source.values).value(*path)
        return self.references[span.file] if span else next(iter(self.references.values()))

    def _lines_to_paste(self) -> str:
        """`variables` with all that is missing, so that it is pasted once."""
        wanted = dict.fromkeys(name for _, name in self._refused if not sounds_secret_variable(name))
        listed = [v for v in self.allowed if v.span is not None]
        plain = [v.name for v in listed if not v.sensitive] + list(wanted)
        sensitive = [f"{{name: {v.name}, sensitive: true}}" for v in listed if v.sensitive]
        return f"variables: [{', '.join([*plain, *sensitive])}]"


def _not_allowed(path: Path, name: str, line: str) -> Problem:
    sensitive = f"`variables: [{{name: {name}, sensitive: true}}]`"
    if sounds_secret_variable(name):
        problem = secret_in_clear(path, name)
        option = f"For the sake of this option, let the first file of the spec say {sensitive}."
        return replace(problem, hint=option) if _in_options(path) else problem
    hint = f"If it is no secret, let the first file of the spec say so: `{line}`"
    if _in_options(path):
        hint += f"; if it is one: {sensitive}"
    return Problem(
        code="spec-variable-not-allowed",
        path=path,
        summary=f"The value of {name} may not be shown, and what stands here is",
        detail="Plans are pasted into pull requests and logs; whoever may edit the spec could read any variable there.",
        hint=f"{hint}, or run with `--allow-env {name}`.",
    )


def secret_in_clear(path: Path, variable: str) -> Problem:
    """A variable that sounds like a secret where its value would be shown."""
    return Problem(
        code="spec-secret-in-clear",
        path=path,
        summary=f"{variable} sounds like a secret, and what stands here is shown in plans and stored in clear",
        hint=f"{WHERE_SECRETS_BELONG} If it is none, call the variable something else, or run with `--allow-env {variable}`.",
    )


def allowed_variables(data: Any, positions: Positions, also: Iterable[str]) -> tuple[list[Variable], list[Problem]]:
    """The variables that the spec and `also` (the user, on the command line) let be shown; what is wrong with them.

    A spec cannot open what sounds like a secret: that takes someone who may run commands, not someone who may edit a file.
    """
    found: dict[str, Variable] = {}
    problems = []
    listed = data.get("variables") if isinstance(data, dict) else None
    for index, item in enumerate(listed if isinstance(listed, list) else ()):
        path = ("variables", index)
        name, sensitive = (item.get("name"), item.get("sensitive") is True) if isinstance(item, dict) else (item, False)
        if not isinstance(name, str):
            continue  # the schema tells
        if name.upper() in CREDENTIAL_VARIABLES:
            problems.append(_own(path, name))
        elif sounds_secret_variable(name) and not sensitive:
            problems.append(secret_in_clear(path, name))
        else:
            found[name] = Variable(name=name, sensitive=sensitive, span=positions.value(*path))
    problems += [_own((), name) for name in also if name.upper() in CREDENTIAL_VARIABLES]
    found |= {name: Variable(name=name) for name in also if name.upper() not in CREDENTIAL_VARIABLES}
    return list(found.values()), problems


def _own(path: Path, name: str) -> Problem:
    try:
        refuse_credential_variable(name)
    except Unresolved as error:
        return Problem(code=error.code, path=path, summary=error.summary, hint=error.hint)
    raise AssertionError(name)

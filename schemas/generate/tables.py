"""What a spec may say: every field of the schema that `validate` uses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.generate.markdown import code, table
from tokenvault.flavors import flavors
from tokenvault.flavors.base import Flavor, FlavorContext
from tokenvault.flavors.public_keys import read_public_key
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind
from tokenvault.model.desired import Requirement
from tokenvault.model.spec import ApiSpec, ApplicationSpec, ConnectionSpec, FlavorUse, Spec
from tokenvault.plan.explanation import in_words
from tokenvault.spec.schema import spec_schema

Schema = Mapping[str, Any]


def fields_chapter() -> str:
    """The spec's fields, one table for each thing that stands at its top."""
    top = spec_schema()["properties"]
    plain = {name: field for name, field in top.items() if not _inside(field)}
    head = "## The spec\n\nA YAML file; `*` in a path stands for a name of your own."
    return "\n\n".join(
        [head, _table(_fields(plain)), *(_section(name, top[name]) for name in top if name not in plain)]
    )


def _section(name: str, schema: Schema) -> str:
    return f"### `{name}`\n\n{schema['description']}\n\n{_table(_fields(_inside(schema)))}"


def _inside(schema: Schema) -> dict[str, Schema]:
    """What stands directly in an object; entries of a list or of a free mapping stand below `*`."""
    found = dict(schema.get("properties", {}))
    for key in ("additionalProperties", "items"):
        if isinstance(below := schema.get(key), dict):
            found.update({f"*.{name}": field for name, field in _inside(below).items()})
    for option in schema.get("anyOf", ()):
        found.update(_inside(option))
    return found


def _fields(schemas: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    for name, schema in schemas.items():
        yield name, schema
        yield from ((f"{name}.{below}", field) for below, field in _fields(_inside(schema)))


def _table(fields: Iterator[tuple[str, Schema]]) -> str:
    rows = [
        (code(path), _type(field), _value(field.get("default")), field.get("description", ""), _example(field))
        for path, field in fields
    ]
    return table(("Field", "Type", "Default", "What it says", "Example"), rows)


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(code(value) for value in schema["enum"])
    if "const" in schema:
        return code(schema["const"])
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema.get('items', {}))}"
        case "object":
            return "mapping"
        case list() as several:
            return " or ".join(several)
        case None:
            options = [_type(option) for option in schema.get("anyOf", ())]
            return " or ".join(dict.fromkeys(option for option in options if option)) or "anything"
        case one:
            return str(one)


def _value(value: Any) -> str:
    return "" if value is None else code(json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value)


def _example(schema: Schema) -> str:
    return _value(next(iter(schema.get("examples", ())), None))


_TENANT, _APP, _KEY = "<tenant>", "APP", "KID"


class _Apis(dict[str, ApiSpec]):
    """An API for whatever key a flavor's example names."""

    def __missing__(self, key: str) -> ApiSpec:
        return ApiSpec(
            key=key, identifier=f"https://{key}.acme.com", name=f"{key.title()} API", scopes={f"read:{key}": "Read"}
        )


def flavors_chapter() -> str:
    """A table of asks for each flavor."""
    head = (
        "## Flavors\n\nWhat each asks of which object of the tenant, for an application `APP` that uses the connection "
        "`google-oauth2`. What an object has besides stays as it is."
    )
    return "\n\n".join([head, *(_flavor(flavor) for flavor in flavors().values())])


def _flavor(flavor: Flavor) -> str:
    included = f" Includes {', '.join(code(name) for name in flavor.includes)}." if flavor.includes else ""
    types = f"For applications of type {', '.join(code(name) for name in sorted(flavor.types))}."
    if flavor.confidential_types:
        names = " and ".join(code(name) for name in sorted(flavor.confidential_types))
        types += f" {names} hold it with `confidential: true`."
    rows = [
        (
            code(requirement.target.address.replace(_kid(), _KEY)),
            code(requirement.path),
            _want(requirement),
            requirement.provenance.reason,
        )
        for requirement in _requirements(flavor)
    ]
    text = table(("Object", "Attribute", "What it must be", "Why"), rows)
    return f"### `{flavor.name}`\n\n{flavor.summary}{included} {types} [Auth0's page]({flavor.doc}).\n\n{text}"


def _want(requirement: Requirement) -> str:
    return in_words(requirement.constraint).replace(_kid(), _KEY)


def _requirements(flavor: Flavor) -> Iterator[Requirement]:
    settings, problems = flavor.load(_examples(flavor), lambda file: _public_key())
    if problems := list(problems):
        raise ValueError(f"the examples of {flavor.name} are not valid: {problems[0].summary}")
    used = FlavorUse(name=flavor.name, settings=settings)
    app = ApplicationSpec(key=_APP, type=min(flavor.types), flavors=(used,), connections=("google-oauth2",))
    spec = Spec(
        name="reference",
        files=(),
        connections={"google-oauth2": ConnectionSpec(name="google-oauth2")},
        apis=_Apis(),
        applications={_APP: app},
    )
    yield from _known(flavor.expand(FlavorContext(spec=spec, app=app, flavor=used, domain=_TENANT)))


def _known(requirements: Iterable[Requirement]) -> Iterator[Requirement]:
    """Asks about kinds that there are; anything else is a mistake that must not be published."""
    for requirement in requirements:
        kinds()[requirement.target.kind]
        yield requirement


def _examples(flavor: Flavor) -> dict[str, Any]:
    """The settings that the flavor's schema gives as examples."""
    properties = (flavor.schema or {}).get("properties", {})
    return {name: field["examples"][0] for name, field in properties.items() if field.get("examples")}


def _public_key() -> str:
    """A public key of nobody, the same each time."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = RSAPublicNumbers(65537, 2**2047 + 1).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _kid() -> str:
    return read_public_key(_public_key()).kid


def scopes_chapter() -> str:
    """One row for each kind; attributes that need more have a row of their own."""
    head = (
        "## Kinds and their scopes\n\nWhat a Management API token must allow. A plan needs the first column of what the "
        "spec mentions; an apply, what its plan writes; both say which are missing before anything is sent."
    )
    names = ("Kind", "Read", "Create", "Update", "Delete")
    return f"{head}\n\n{table(names, [row for kind in kinds().values() for row in _rows(kind)])}"


def _rows(kind: Kind) -> Iterable[tuple[str, ...]]:
    scopes = kind.scopes
    verbs = (scopes.read, scopes.create, scopes.update, scopes.delete if kind.deletable else ())
    yield (f"{kind.title} ({code(kind.name)})", *map(_several, verbs))
    for attribute, more in scopes.fields.items():
        reads = [scope for scope in more if scope.startswith("read:")]
        writes = _several(more) if len(reads) < len(more) else ""
        yield (f"… with {code(attribute)}", _several(reads), writes, writes, "")


def _several(scopes: Iterable[str]) -> str:
    return " ".join(map(code, scopes))


def preconditions_chapter() -> str:
    """One row for each precondition, with the flavors that have it."""
    rows = {row.id: row for flavor in flavors().values() for row in flavor.runtime.preconditions}
    cells = [(code(name), row.means, row.step.value, code(row.error), _flavors(name)) for name, row in rows.items()]
    head = (
        "## What doctor judges\n\nEach for every application × connection × flavor of the spec; the error is the one that "
        "users meet when it does not hold, where Auth0 documents one."
    )
    return f"{head}\n\n{table(('Precondition', 'What it means', 'Shows at', 'As the error', 'Flavors'), cells)}"


def _flavors(name: str) -> str:
    return " ".join(code(flavor.name) for flavor in flavors().values() if _has(flavor, name))


def _has(flavor: Flavor, name: str) -> bool:
    return any(row.id == name for row in flavor.runtime.preconditions)

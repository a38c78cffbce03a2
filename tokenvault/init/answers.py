"""The answers so far, as frozen data, and the checks of single answers. `None` is an answer that is not given yet."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tokenvault.errors import ApiError, Diagnostic
from tokenvault.flavors import flavors
from tokenvault.flavors.base import FlavorContext, ReadFile
from tokenvault.kinds.application import APP_TYPES
from tokenvault.kinds.base import Reader
from tokenvault.kinds.strategies import NEVER
from tokenvault.model.marks import read_mark
from tokenvault.model.spec import ApiSpec, ApplicationSpec, ConnectionSpec, FlavorUse, Problem, Spec
from tokenvault.secrets import Secret
from tokenvault.spec.problems import schema_problems
from tokenvault.spec.schema import spec_schema

MAX_SPEC_NAME = 40
MAX_KEY = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """An application of the tenant that is to be adopted, as much of it as is known."""

    client_id: str
    name: str = ""
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connection to be used. Its strategy is known when the tenant told it, or when its name says it.

    `owner` is the spec that manages it already; one that is to be taken `as_is` is used and not managed.
    """

    name: str
    strategy: str | None = None
    scopes: tuple[str, ...] = ()
    owner: str = ""
    as_is: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A backend API whose access tokens are exchanged."""

    key: str
    identifier: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A key pair made for a worker; the files that it goes to, counted from the spec's folder."""

    private_file: str
    private_pem: Secret
    public_file: str
    public_pem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All answers. `settings` are those of the flavors, by flavor, as the spec holds them (None: left at the default)."""

    spec_name: str | None = None
    tenant: str | None = None
    app_name: str | None = None
    existing: tuple[Existing, ...] | None = None
    type: str | None = None
    callbacks: tuple[str, ...] | None = None
    logout_urls: tuple[str, ...] | None = None
    flavors: tuple[str, ...] | None = None
    connections: tuple[Connection, ...] | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    apis: tuple[Api, ...] = ()
    key_pair: KeyPair | None = None

    def with_setting(self, flavor: str, name: str, value: Any) -> Answers:
        """The answers with one more setting of a flavor."""
        return replace(self, settings={**self.settings, flavor: {**self.settings.get(flavor, {}), name: value}})

    @property
    def is_new(self) -> bool:
        """Whether the application does not exist yet."""
        return self.existing is None

    @property
    def types(self) -> frozenset[str]:
        """The types of the applications, as far as they are known."""
        known = [self.type] if self.type else [app.type for app in self.existing or ()]
        return frozenset(found for found in known if found)

    @property
    def with_users(self) -> bool:
        """Whether users log in to the application: only a machine has no place that they come back to."""
        return self.types != {"m2m"}

    @property
    def keys(self) -> Mapping[str, Existing | None]:
        """The applications by the key that each gets in the spec; None is the new one."""
        if self.existing is None:
            return {key_of(self.app_name or ""): None}
        return unique((key_of(app.name, f"app-{app.client_id[:8]}"), app) for app in self.existing)

    @property
    def default_spec_name(self) -> str:
        """A name for the spec, after its first application."""
        return slug(next(iter(self.keys)).lower(), MAX_SPEC_NAME, "tokenvault")


def key_of(text: str, fallback: str = "app") -> str:
    """A key for the spec, made of a name or a URL."""
    host_and_path = text if "://" not in text else f"{urlsplit(text).netloc}{urlsplit(text).path}"
    return slug(host_and_path.lower(), MAX_KEY, slug(fallback, MAX_KEY, "app"))


def slug(text: str, longest: int, fallback: str) -> str:
    """Letters, digits and single hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:longest].strip("-") or fallback


def unique(pairs: Iterable[tuple[str, Existing]]) -> dict[str, Existing | None]:
    """The pairs as a mapping; keys that repeat are numbered."""
    found: dict[str, Existing | None] = {}
    for key, value in pairs:
        number, name = 1, key
        while name in found:
            number += 1
            name = f"{key[: MAX_KEY - 4]}-{number}"
        found[name] = value
    return found


FORBIDDEN = 403
_TYPES = {app_type: name for name, app_type in APP_TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """The applications, connections and APIs of a tenant. None: unknown, so their names have to be typed."""

    domain: str = ""
    applications: tuple[Existing, ...] | None = None
    connections: tuple[Connection, ...] | None = None
    apis: tuple[Api, ...] | None = None
    warnings: tuple[Diagnostic, ...] = ()


def why_not(connection: Connection) -> str:
    """Why a connection can never be used with Token Vault; nothing when it can."""
    reason = NEVER.get(connection.strategy or "")
    return f"{connection.strategy}: {reason}" if reason else ""


async def read_offers(reader: Reader) -> Offers:
    """Three lists, side by side. One that the token may not read is unknown, and a warning says so."""
    fields = {"include_fields": True}
    applications, connections, apis = await asyncio.gather(
        _listed(
            reader.pages("clients", "clients", {"is_global": False, "fields": "client_id,name,app_type", **fields})
        ),
        _listed(reader.checkpoints("connections", "connections", {"fields": "id,name,strategy,metadata", **fields})),
        _listed(reader.pages("resource-servers", "resource_servers")),
    )
    read = {"applications": applications, "connections": connections, "APIs": apis}
    return Offers(
        domain=reader.domain,
        applications=_applications(applications),
        connections=_connections(connections),
        apis=_apis(apis),
        warnings=tuple(_unreadable(what, found) for what, found in read.items() if isinstance(found, ApiError)),
    )


Listed = list[dict[str, Any]] | ApiError


async def _listed(request: Awaitable[list[dict[str, Any]]]) -> Listed:
    try:
        return await request
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        return error


def _unreadable(what: str, error: ApiError) -> Diagnostic:
    return Diagnostic(
        code="init-unreadable",
        severity="warning",
        summary=f"The tenant's {what} cannot be listed: type their names",
        hint=error.diagnostics[0].hint,
    )


def _applications(found: Listed) -> tuple[Existing, ...] | None:
    """Without the Custom API Clients: those belong to an API and come with it."""
    if isinstance(found, ApiError):
        return None
    ordinary = (item for item in found if item.get("app_type") != "resource_server")
    existing = (_existing(item) for item in ordinary)
    return tuple(sorted(existing, key=lambda app: (app.name.lower(), app.client_id)))


def _existing(item: Mapping[str, Any]) -> Existing:
    name, app_type = str(item.get("name") or ""), str(item.get("app_type") or "")
    return Existing(client_id=str(item["client_id"]), name=name, type=_TYPES.get(app_type))


def _connections(found: Listed) -> tuple[Connection, ...] | None:
    """Those that can be used first."""
    if isinstance(found, ApiError):
        return None
    known = sorted(map(_connection, found), key=lambda connection: (bool(why_not(connection)), connection.name.lower()))
    return tuple(known)


def _connection(item: Mapping[str, Any]) -> Connection:
    mark = read_mark(item.get("metadata"))
    strategy = str(item.get("strategy") or "")
    return Connection(name=str(item["name"]), strategy=strategy, owner=mark.spec if mark else "")


def _apis(found: Listed) -> tuple[Api, ...] | None:
    """Without Auth0's own."""
    if isinstance(found, ApiError):
        return None
    own = (item for item in found if not item.get("is_system"))
    known = ((str(item["identifier"]), str(item.get("name") or "")) for item in own)
    return tuple(
        Api(key=key_of(name or identifier, "api"), identifier=identifier, name=name or None)
        for identifier, name in sorted(known, key=lambda pair: (pair[1].lower(), pair[0]))
    )


# ---- what asks for them


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a question may need beside the answers: what the tenant offers (read when first asked for), and the folder
    that the spec goes to."""

    offers: Callable[[], Offers]
    tell: Callable[[str], None]
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. `flag` answers it on the command line; an `optional` one has an answer of its own."""

    flag: str
    what: str
    ask: Callable[[Answers, Desk], Answers]
    optional: bool = False


def wrapped(text: str) -> str:
    """The text below something, in lines that fit into 80 columns."""
    return textwrap.fill(text, 78, initial_indent=" " * 6, subsequent_indent=" " * 6)


# ---- what is wrong with an answer


def words(text: str) -> tuple[str, ...]:
    """What stands between commas or spaces, each once."""
    return tuple(dict.fromkeys(word for word in re.split(r"[,\s]+", text) if word))


WIDTH = 80
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/\S+")


def at(place: Sequence[str], value: Any) -> str:
    """What the spec's schema has against a value at a place, such as `("applications", "*", "name")`."""
    schema: Any = spec_schema()
    for part in place:
        schema = schema["additionalProperties"] if part == "*" else schema["properties"][part]
    return against(schema, value)


def against(schema: Mapping[str, Any], value: Any) -> str:
    """What a schema has against a value."""
    from jsonschema import Draft202012Validator

    return _first(schema_problems(Draft202012Validator(schema).iter_errors(value)))


def of_urls(urls: Iterable[str]) -> str:
    """What is wrong with the first of these that is no URL."""
    wrong = next((url for url in urls if not _URL.fullmatch(url)), None)
    return "" if wrong is None else f'"{wrong}" is not a URL, such as https://app.example.com/callback'


def of_setting(answers: Answers, flavor: str, name: str, value: Any, read: ReadFile) -> str:
    """What a flavor has against one of its settings, the other answers being what they are."""
    table = flavors()[flavor]
    loaded, wrong = table.load({name: value}, read)
    found = against((table.schema or {})["properties"][name], value) or _first(_about(name, wrong))
    if found:
        return found
    flavor_use = FlavorUse(name=flavor, settings=loaded)
    return _first(
        _about(
            name,
            table.rules(FlavorContext(spec=_trial(answers), app=_trial_app(answers), flavor=flavor_use, domain="")),
        )
    )


def _about(name: str, problems: Iterable[Problem]) -> Iterable[Problem]:
    return (problem for problem in problems if name in problem.path)


def _trial(answers: Answers) -> Spec:
    """As much of the spec as the rules of a flavor look at."""
    return Spec(
        name="trial",
        files=(),
        connections={c.name: ConnectionSpec(name=c.name) for c in answers.connections or ()},
        apis={
            api.key: ApiSpec(key=api.key, identifier=api.identifier, name=api.name or api.key) for api in answers.apis
        },
    )


def _trial_app(answers: Answers) -> ApplicationSpec:
    return ApplicationSpec(key="trial", type=answers.type, connections=tuple(c.name for c in answers.connections or ()))


def _first(problems: Iterable[Problem]) -> str:
    """One line, for the foot of a prompt."""
    found = next((problem for problem in problems if problem.severity == "error"), None)
    whole = f"{found.summary.rstrip('.')}. {found.hint}".strip() if found else ""
    return whole if found is None or len(whole) < WIDTH else found.summary

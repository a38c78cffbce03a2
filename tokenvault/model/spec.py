"""The validated spec: frozen data, every reference resolved, every secret wrapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tokenvault.errors import Diagnostic, Span
from tokenvault.secrets import Secret

Path = tuple[str | int, ...]
Purpose = Literal["connected_accounts", "authentication_and_connected_accounts"]
MfaPolicy = Literal["warn", "set_never", "ignore"]

PUBLIC_TYPES = frozenset({"spa", "native"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Where every key and value of the spec stands. A path that has no place of its own answers its nearest parent's."""

    keys: Mapping[Path, Span] = field(default_factory=dict)
    values: Mapping[Path, Span] = field(default_factory=dict)

    def key(self, *path: str | int) -> Span | None:
        """The span of the key at `path`."""
        return self.keys.get(path) or self.value(*path)

    def value(self, *path: str | int) -> Span | None:
        """The span of the value at `path`."""
        for length in range(len(path), -1, -1):
            span = self.values.get(path[:length])
            if span:
                return span
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSpec:
    """One entry of `connections`. `None` means: not said, so not managed."""

    name: str
    purpose: Purpose | None = None
    offline_access: bool | None = None
    scopes: tuple[str, ...] | None = None
    strategy: str | None = None
    client_id: str | Secret | None = None
    client_secret: Secret | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    connected_accounts: Mapping[str, bool] = field(default_factory=dict)
    requesting_app: bool | None = None

    @property
    def claims(self) -> bool:
        """Whether the spec says how the connection is to be, rather than merely using it (`github: {}`)."""
        return any(
            value is not None
            for value in (
                self.purpose,
                self.offline_access,
                self.scopes,
                self.strategy,
                self.client_id,
                self.requesting_app,
            )
        ) or bool(self.options or self.connected_accounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlavorUse:
    """A flavor as an application uses it: its name, its settings, and where the spec says so."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    span: Span | None = None
    path: Path = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSpec:
    """One entry of `apis`: a backend API (resource server).

    `flavors` and `connections` are those that it uses itself, whoever calls it; most leave that to an application.
    """

    key: str
    identifier: str
    name: str
    scopes: Mapping[str, str] = field(default_factory=dict)
    protect: bool = False
    flavors: tuple[FlavorUse, ...] = ()
    connections: tuple[str, ...] = ()

    @property
    def client(self) -> ApplicationSpec:
        """Its Custom API Client, as a user of these flavors."""
        return ApplicationSpec(
            key=f"{self.key}.api_client",
            type="resource_server",
            flavors=self.flavors,
            connections=self.connections,
            serves=self.key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSpec:
    """One entry of `applications`. `connections` is resolved: names, in the order of the spec.

    `serves` is the API (by key) whose entry it was made of: it exchanges for callers that the spec does not know.
    """

    key: str
    name: str | None = None
    client_id: str | None = None
    type: str | None = None
    callbacks: tuple[str, ...] | None = None
    logout_urls: tuple[str, ...] | None = None
    web_origins: tuple[str, ...] | None = None
    allowed_origins: tuple[str, ...] | None = None
    flavors: tuple[FlavorUse, ...] = ()
    connections: tuple[str, ...] = ()
    confidential: bool = False
    first_party: bool = False
    domain: str | None = None
    protect: bool = False
    serves: str = ""

    @property
    def path(self) -> Path:
        """Where it stands in the spec."""
        return ("apis", self.serves) if self.serves else ("applications", self.key)

    @property
    def address(self) -> str:
        """How plans and flags name the application."""
        return f"application.{self.key}"

    @property
    def is_public(self) -> bool:
        """Whether the spec says that the application cannot keep a secret."""
        return self.type in PUBLIC_TYPES and not self.confidential


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An environment variable whose value may leave the fields that are secrets, and who says so.

    `span` is the line of the spec; None: an option of the command. The value of a `sensitive` one may stand among the options
    of a connection, and is shown nowhere.
    """

    name: str
    sensitive: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Everything that the spec files say, merged. `files` are the paths as the user gave them.

    `variables` are those that references may show. `sections` is what stands under each kind's section, for kinds that
    have no model of their own.
    """

    name: str
    files: tuple[str, ...]
    tenant: str | None = None
    connections: Mapping[str, ConnectionSpec] = field(default_factory=dict)
    apis: Mapping[str, ApiSpec] = field(default_factory=dict)
    applications: Mapping[str, ApplicationSpec] = field(default_factory=dict)
    my_account_domain: str | None = None
    mfa_policy: MfaPolicy = "warn"
    variables: tuple[Variable, ...] = ()
    sections: Mapping[str, Any] = field(default_factory=dict)
    positions: Positions = field(default_factory=Positions)
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def users(self) -> Mapping[str, ApplicationSpec]:
        """Everything that uses flavors, by key: the applications, and the Custom API Clients of APIs that do so themselves."""
        clients = (api.client for api in self.apis.values() if api.flavors)
        return {**self.applications, **{client.key: client for client in clients}}

    def login_domain(self, app: ApplicationSpec) -> str:
        """The custom domain on which the application's users log in; empty: the spec names none."""
        return app.domain or self.my_account_domain or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a rule found wrong, at a path of the spec; the loader turns it into a diagnostic with a position.

    `missing` is the path of the key whose absence this is about: where that is there and wrong, nothing is missing.
    """

    code: str
    path: Path
    summary: str
    detail: str = ""
    hint: str = ""
    severity: str = "error"
    at_key: bool = False
    missing: Path = ()

"""What was read of a tenant, and the cases it is judged by. What the token may not read is unknown, never empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn

from tokenvault.model.paths import get_path

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What the token may not read, and the scopes that would allow it."""

    scopes: tuple[str, ...]


class HiddenError(Exception):
    """What a check depends on is hidden."""


class Hidden:
    """A value that exists, and that nobody here knows. Whatever asks it anything raises `HiddenError`."""

    def _ask(self, *_: object) -> NoReturn:
        raise HiddenError

    __eq__ = __bool__ = __iter__ = __contains__ = __len__ = __getitem__ = _ask
    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> NoReturn:
        raise HiddenError


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantView:
    """A tenant as far as Token Vault is concerned.

    Connections are by name, APIs by identifier, user grants by client id and audience, `enabled` (who may use a
    connection) by the connection's name, credentials by client id: of what was asked for. `mfa_by_action`: an Action decides
    about MFA in place of the policies. `domains` are its custom domains; None: they were not read. `flags` are those of its
    settings; empty: they were not read.
    """

    domain: str
    now: float
    clients: Sequence[Object] = ()
    connections: Mapping[str, Object | Unreadable] | Unreadable = field(default_factory=dict)
    apis: Mapping[str, Object | Unreadable] | Unreadable = field(default_factory=dict)
    grants: Mapping[tuple[str, str], Object | Unreadable] | Unreadable = field(default_factory=dict)
    policies: Sequence[str] | Unreadable = ()
    mfa_by_action: bool | Unreadable = False
    enabled: Mapping[str, frozenset[str] | Unreadable] = field(default_factory=dict)
    credentials: Mapping[str, Sequence[Object] | Unreadable] = field(default_factory=dict)
    domains: Sequence[Object] | None = None
    flags: Object = field(default_factory=dict)

    def connection(self, name: str) -> Object | Unreadable | None:
        """The connection of this name."""
        return self.connections if isinstance(self.connections, Unreadable) else self.connections.get(name)

    def api(self, identifier: str) -> Object | Unreadable | None:
        """The API with this identifier."""
        return self.apis if isinstance(self.apis, Unreadable) else self.apis.get(identifier)

    def user_grant(self, client_id: str, audience: str) -> Object | Unreadable | None:
        """The permission of an application to ask for tokens for an API on behalf of users."""
        return self.grants if isinstance(self.grants, Unreadable) else self.grants.get((client_id, audience))

    @property
    def my_account_audience(self) -> str:
        """The My Account API that the tenant has; the canonical one where it has none or several."""
        canonical = f"https://{self.domain}/me/"
        apis = {} if isinstance(self.apis, Unreadable) else self.apis
        systems = [name for name, api in apis.items() if not isinstance(api, Unreadable) and api.get("is_system")]
        found = [name for name in systems if name.endswith("/me/")]
        return canonical if canonical in found or len(found) != 1 else found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedUse:
    """A use of a flavor, told from the tenant alone.

    `app` is where users log in and connect accounts (None: no application for it was found; a worker needs none),
    `client` the one that exchanges. `connections` are the ones it names itself; None: those that are on and enabled.
    """

    app: Object | None
    client: Object
    api: str = ""
    connections: tuple[str, ...] | None = None


class Subject(Enum):
    """The object that a precondition is about, or that its repair changes. The value is how reports call it."""

    APPLICATION = "application"
    CLIENT = "exchanging application"
    CONNECTION = "connection"
    CONNECTION_CLIENTS = "applications of the connection"
    MY_ACCOUNT = "My Account API"
    MY_ACCOUNT_GRANT = "client grant for the My Account API"
    API = "API"
    API_GRANT = "client grant for the API"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What a spec says of a case beyond the tenant: expectations, and what is not to be judged.

    `kids` are the keys that the exchanging application is to sign with, `authentication_kids` those that it is to
    authenticate with, `scopes` those that a worker is to be granted, and
    `addresses` (or networks) where it may call from.
    `provider_needs_no_asking`: the provider gives refresh tokens unasked. `domain` is where users log in (empty: not said).
    """

    judges_mfa: bool = True
    provider_needs_no_asking: bool = False
    kids: tuple[str, ...] = ()
    authentication_kids: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One application × connection × flavor, with the live objects that it depends on; None: there is none.

    `addresses` are what the objects are called in the spec, and `expected` is what it says of the case, where there is one.
    `serves_anyone`: an API exchanges for callers that nobody here knows, and where users connect accounts is not known either.
    """

    tenant_view: TenantView
    flavor: str
    application: str
    connection: str
    app: Object | None
    client: Object | None
    api: str = ""
    audience: str = ""
    expected: Expectations = field(default_factory=Expectations)
    addresses: Mapping[Subject, str] = field(default_factory=dict)
    serves_anyone: bool = False

    @property
    def strategy(self) -> str:
        """The strategy of its connection; empty where there is none, or none may be read."""
        connection = self.tenant_view.connection(self.connection)
        return "" if connection is None or isinstance(connection, Unreadable) else str(connection.get("strategy") or "")

    def object(self, subject: Subject) -> Object | Unreadable | None:
        """The live object of a subject."""
        match subject:
            case Subject.APPLICATION:
                return self.app
            case Subject.CLIENT:
                return self.client
            case Subject.CONNECTION:
                return self.tenant_view.connection(self.connection)
            case Subject.MY_ACCOUNT:
                return self.tenant_view.api(self.audience)
            case Subject.API:
                return self.tenant_view.api(self.api)
            case Subject.TENANT:
                policies = self.tenant_view.policies
                known = {"policies": policies, "mfa_by_action": self.tenant_view.mfa_by_action}
                return policies if isinstance(policies, Unreadable) else known
            case _:
                raise LookupError(f"{subject} is only a place of repair")

    def called(self, subject: Subject) -> str:
        """The name of the object, for people."""
        match subject:
            case Subject.APPLICATION:
                return self.application
            case Subject.CLIENT:
                return str((self.client or {}).get("name") or self.application)
            case Subject.CONNECTION | Subject.CONNECTION_CLIENTS:
                return self.connection
            case Subject.MY_ACCOUNT | Subject.MY_ACCOUNT_GRANT:
                return "My Account API"
            case Subject.API | Subject.API_GRANT:
                return self.api
            case Subject.TENANT:
                return self.tenant_view.domain


def user_policy(api: Object) -> str:
    """Which applications may get tokens for an API on behalf of users."""
    return str(get_path(api, "subject_type_authorization.user.policy") or "allow_all")

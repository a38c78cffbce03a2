"""What was read of a tenant, and the cases it is judged by. What the token may not read is unknown, never empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tokenvault.paths import get_path

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What the token may not read, and the scopes that would allow it."""

    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """A tenant as far as Token Vault is concerned. `enabled` is by connection name, `credentials` by client id."""

    domain: str
    now: float
    clients: Sequence[Object] = ()
    connections: Sequence[Object] | Unreadable = ()
    apis: Sequence[Object] | Unreadable = ()
    grants: Sequence[Object] | Unreadable = ()
    policies: Sequence[str] | Unreadable = ()
    enabled: Mapping[str, frozenset[str] | Unreadable] = field(default_factory=dict)
    credentials: Mapping[str, Sequence[Object] | Unreadable] = field(default_factory=dict)

    def client(self, client_id: str) -> Object | None:
        """The application with this client id."""
        return next((client for client in self.clients if client["client_id"] == client_id), None)

    def connection(self, name: str) -> Object | Unreadable | None:
        """The connection of this name."""
        return _named(self.connections, "name", name)

    def api(self, identifier: str) -> Object | Unreadable | None:
        """The API with this identifier."""
        return _named(self.apis, "identifier", identifier)

    def user_grant(self, client_id: str, audience: str) -> Object | Unreadable | None:
        """The permission of an application to ask for tokens for an API on behalf of users."""
        if isinstance(self.grants, Unreadable):
            return self.grants
        wanted = {"client_id": client_id, "audience": audience, "subject_type": "user"}
        return next((g for g in self.grants if all(g.get(k) == v for k, v in wanted.items())), None)

    @property
    def my_account_audience(self) -> str:
        """The My Account API that the tenant has; the canonical one where it has none or several."""
        canonical = f"https://{self.domain}/me/"
        apis = () if isinstance(self.apis, Unreadable) else self.apis
        found = [str(a["identifier"]) for a in apis if a.get("is_system") and str(a["identifier"]).endswith("/me/")]
        return canonical if canonical in found or len(found) != 1 else found[0]


def _named(items: Sequence[Object] | Unreadable, key: str, name: str) -> Object | Unreadable | None:
    if isinstance(items, Unreadable):
        return items
    return next((item for item in items if item.get(key) == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
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
class Case:
    """One application × connection × flavor, with the live objects that it depends on; None: there is none.

    The rest is what a spec says of it: `provider_needs_no_asking` for offline access, whether the MFA policy is looked at,
    and `addresses`, what the objects are called there.
    """

    tenancy: Tenancy
    flavor: str
    application: str
    connection: str
    app: Object | None
    client: Object | None
    api: str = ""
    audience: str = ""
    provider_needs_no_asking: bool = False
    judges_mfa: bool = True
    addresses: Mapping[Subject, str] = field(default_factory=dict)

    def object(self, subject: Subject) -> Object | Unreadable | None:
        """The live object of a subject."""
        match subject:
            case Subject.APPLICATION:
                return self.app
            case Subject.CLIENT:
                return self.client
            case Subject.CONNECTION:
                return self.tenancy.connection(self.connection)
            case Subject.MY_ACCOUNT:
                return self.tenancy.api(self.audience)
            case Subject.API:
                return self.tenancy.api(self.api)
            case Subject.TENANT:
                policies = self.tenancy.policies
                return policies if isinstance(policies, Unreadable) else {"policies": policies}
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
                return self.tenancy.domain


def user_policy(api: Object) -> str:
    """Which applications may get tokens for an API on behalf of users."""
    return str(get_path(api, "subject_type_authorization.user.policy") or "allow_all")

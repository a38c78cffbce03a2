"""What a flavor is made of, and what flavors have in common: one application's use of one, and the objects they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenvault.errors import Span
from tokenvault.flavors.runtime import Runtime
from tokenvault.flavors.runtime.connection import ENABLED
from tokenvault.flavors.runtime.precondition import Precondition
from tokenvault.flavors.runtime.tenant_view import DetectedUse
from tokenvault.kinds import api as api_kind
from tokenvault.kinds import application as application_kind
from tokenvault.kinds.base import DOCS
from tokenvault.model.constraints import Constraint, Contains, Ref
from tokenvault.model.desired import Condition, ObjectRef, Provenance, Requirement
from tokenvault.model.marks import Provision, digest
from tokenvault.model.spec import ApiSpec, ApplicationSpec, FlavorUse, Problem, Spec
from tokenvault.secrets import Secret

MY_ACCOUNT = "my_account"


ReadFile = Callable[[str | Secret], str]
Loaded = tuple[Mapping[str, Any], Iterable[Problem]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlavorContext:
    """One application using one flavor, on a tenant of this domain."""

    spec: Spec
    app: ApplicationSpec
    flavor: FlavorUse
    domain: str

    @property
    def settings(self) -> Mapping[str, Any]:
        """The flavor's settings as the spec gives them."""
        return self.flavor.settings

    def require(
        self,
        target: ObjectRef,
        path: str,
        constraint: Constraint,
        reason: str,
        *,
        doc: str = DOCS,
        needs: tuple[str, ...] = (),
        provision: Provision | None = None,
        at: Span | None = None,
    ) -> Requirement:
        """A requirement of this flavor, with its provenance.

        `provision` is recorded in the application's mark; `at` is where the spec says this, where that is elsewhere.
        """
        provenance = Provenance(source=self.flavor.name, reason=reason, span=at or self.flavor.span, doc=doc)
        return Requirement(
            target=target,
            path=path,
            constraint=constraint,
            provenance=provenance,
            needs=needs,
            user=self.app.address,
            provision=provision,
        )

    def meet(
        self,
        target: ObjectRef,
        row: Precondition,
        constraint: Constraint | None = None,
        reason: str = "",
        *,
        needs: tuple[str, ...] = (),
        provision: Provision | None = None,
        at: Span | None = None,
    ) -> Requirement:
        """The requirement that makes the row hold: what it wants, or the `constraint` that its attribute gets here."""
        wanted, reason = constraint or row.wants, reason or row.reason or row.means
        assert wanted
        return self.require(target, row.attribute, wanted, reason, doc=row.doc, needs=needs, provision=provision, at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNames:
    """What an exported spec calls what settings refer to: APIs by identifier, entries of `public_keys` by credential."""

    apis: Mapping[str, ApiSpec]
    keys: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavor:
    """A way of using Token Vault. With `serves_apis`, an API can use it itself (as `api` of its settings), whoever calls it.

    `includes` are flavors that come with it. `schema` is the JSON Schema of its settings (None: it takes none).
    `types` are the application types that can hold it, `confidential_types` those that can if they keep a secret.
    `expand` yields what it asks for, `rules` what is wrong offline.
    `load` turns settings that name files into what the files hold, and says what is wrong with those (paths below it).
    `runtime` is what it needs when it is used: preconditions, request, and how to tell who uses it.
    `needed` are the settings without which it is refused, of those that `schema` does not require; `most` is how many entries a
    setting may have.
    `settings_of` are the settings that a spec needs for a use that was detected in a tenant.
    """

    name: str
    summary: str
    doc: str
    includes: tuple[str, ...]
    schema: Mapping[str, Any] | None
    types: frozenset[str]
    type_hint: str
    expand: Callable[[FlavorContext], Iterable[Requirement]]
    rules: Callable[[FlavorContext], Iterable[Problem]]
    load: Callable[[Mapping[str, Any], ReadFile], Loaded] = lambda settings, read: (settings, ())
    needed: tuple[str, ...] = ()
    most: Mapping[str, int] = field(default_factory=dict)
    runtime: Runtime = field(default_factory=Runtime)
    confidential_types: frozenset[str] = frozenset()
    serves_apis: bool = False
    settings_of: Callable[[DetectedUse, KeyNames], Mapping[str, Any]] = lambda detection, key_names: {}


def suits(flavor: Flavor, app_type: str, *, confidential: bool) -> bool:
    """Whether an application of this type can hold the flavor, given whether it keeps a secret."""
    return app_type in flavor.types or (confidential and app_type in flavor.confidential_types)


def application(context: FlavorContext) -> ObjectRef:
    """The application itself."""
    return application_kind.target(context.spec, context.app)


def my_account_audience(domain: str) -> str:
    """The My Account API's identifier: it is the tenant's own, whatever custom domain users log in on."""
    return f"https://{domain}/me/"


def audience_name(audience: str, domain: str) -> str:
    """The name of an API in marks."""
    return MY_ACCOUNT if audience == my_account_audience(domain) else f"~{digest(audience)}"


def my_account_api(context: FlavorContext) -> ObjectRef:
    """The tenant's My Account API."""
    audience = my_account_audience(context.domain)
    return ObjectRef(
        address="my_account_api", kind="my_account_api", identity={"identifier": audience}, name="My Account API"
    )


def user_grant(context: FlavorContext, label: str, audience: str, *, condition: Condition | None = None) -> ObjectRef:
    """The permission of the application to ask, on behalf of users, for tokens for an API."""
    identity = {"client_id": Ref(context.app.address, "client_id"), "audience": audience, "subject_type": "user"}
    address = f"client_grant.{context.app.key}.{label}"
    return ObjectRef(
        address=address,
        kind="client_grant",
        identity=identity,
        name=f"{context.app.key} → {audience}",
        condition=condition,
        recorder=context.app.address,
        provision=Provision("api", audience_name(audience, context.domain)),
    )


def connection_clients(name: str) -> ObjectRef:
    """The list of applications that may use a connection."""
    identity = {"connection": name, "id": Ref(f"connection.{name}")}
    return ObjectRef(address=f"connection_clients.{name}", kind="connection_clients", identity=identity, name=name)


def api(context: FlavorContext) -> ObjectRef:
    """The backend API that an access_token_exchange names."""
    return api_kind.target(context.spec, context.spec.apis[context.settings["api"]])


def enabled(context: FlavorContext, client: ObjectRef | None = None) -> Iterable[Requirement]:
    """Requires that each connection of the application is enabled for it, or for the `client` that exchanges for it."""
    for name in context.app.connections:
        reason = f"{client.name if client else context.app.key} uses the connection"
        constraint = Contains((Ref(client.address if client else context.app.address, "client_id"),))
        yield context.meet(connection_clients(name), ENABLED, constraint, reason, provision=Provision("with", name))

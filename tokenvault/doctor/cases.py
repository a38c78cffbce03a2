"""Lists the cases to judge: those of a spec or, without one, those that the tenant shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tokenvault.flavors import flavor_usages, flavors
from tokenvault.flavors.base import Flavor, FlavorContext, my_account_audience
from tokenvault.flavors.provisions import KEYS_SLOT, PRIVILEGED
from tokenvault.flavors.runtime.request import TOKEN_VAULT_GRANT
from tokenvault.flavors.runtime.tenant_view import (
    Case,
    DetectedUse,
    Expectations,
    Object,
    Subject,
    TenantView,
    Unreadable,
)
from tokenvault.kinds.connection import is_for_token_vault
from tokenvault.model.constraints import Contains, ContainsKeyed, Equals
from tokenvault.model.desired import Graph, Requirement, refs
from tokenvault.model.spec import Spec
from tokenvault.state.live import Live

# ---- of a spec


def cases_of_spec(spec: Spec, graph: Graph, live: Live, tenant_view: TenantView) -> list[Case]:
    """Every application of the spec × its connections × its flavors, included ones among them. `live` is matched with `graph`.

    A flavor that brings no preconditions is not judged: nobody could say that it is ready.
    """
    every: dict[str, list[tuple[Flavor, FlavorContext]]] = {}
    for flavor, context in flavor_usages(spec, tenant_view.domain):
        every.setdefault(context.app.key, []).append((flavor, context))
    return [
        case
        for usages in every.values()
        for flavor, context in usages
        if flavor.runtime.preconditions
        for case in _cases_of(flavor, context, _requirements(flavor, usages), graph, live.objects, tenant_view)
    ]


def _requirements(flavor: Flavor, usages: Sequence[tuple[Flavor, FlavorContext]]) -> list[Requirement]:
    """What the flavor and those that it includes ask for, among all that the application uses."""
    names = (*flavor.includes, flavor.name)
    return [requirement for f, u in usages if f.name in names for requirement in f.expand(u)]


def _cases_of(
    flavor: Flavor,
    context: FlavorContext,
    requirements: Sequence[Requirement],
    graph: Graph,
    objects: Mapping[str, Object],
    tenant_view: TenantView,
) -> Iterator[Case]:
    audience = my_account_audience(context.domain)
    addresses = _addresses(context, requirements, audience)
    api = next(
        (
            str(requirement.target.identity["identifier"])
            for requirement in requirements
            if requirement.target.kind == "api"
        ),
        "",
    )
    serves_anyone = bool(context.app.serves)
    for name in context.app.connections:
        yield Case(
            tenant_view=tenant_view,
            flavor=flavor.name,
            application=context.app.key,
            connection=name,
            app=None if serves_anyone else objects.get(addresses[Subject.APPLICATION]),
            client=objects.get(addresses[Subject.CLIENT]),
            api=api,
            audience=audience,
            expected=_expected(context, graph, addresses[Subject.CLIENT], name),
            addresses={
                **addresses,
                Subject.CONNECTION: f"connection.{name}",
                Subject.CONNECTION_CLIENTS: f"connection_clients.{name}",
                Subject.TENANT: "mfa_policy",
            },
            serves_anyone=serves_anyone,
        )


def _expected(context: FlavorContext, graph: Graph, client: str, connection: str) -> Expectations:
    constraints = graph.nodes[client].constraints
    grants, allowlist = constraints.get(f"{PRIVILEGED}.grants"), constraints.get(f"{PRIVILEGED}.ip_allowlist")
    entries = grants.entries if isinstance(grants, ContainsKeyed) else ()
    return Expectations(
        judges_mfa=context.spec.mfa_policy != "ignore",
        provider_needs_no_asking=context.spec.connections[connection].offline_access is False,
        kids=slot_kids(graph, client, f"{PRIVILEGED}.credentials"),
        authentication_kids=slot_kids(graph, client, KEYS_SLOT),
        scopes=tuple(scope for entry in entries if entry["connection"] == connection for scope in entry["scopes"]),
        addresses=allowlist.items if isinstance(allowlist, Contains) else (),
        domain=context.spec.login_domain(context.app),
    )


def asked_keys(graph: Graph, client: str) -> Mapping[str, str]:
    """The algorithms of the keys that the spec gives the application, by kid."""
    mine = [
        node for node in graph.of_kind("credential") if client in {r.address for r in refs(dict(node.target.identity))}
    ]
    algorithms = {str(node.target.identity["kid"]): node.constraints.get("alg") for node in mine}
    return {
        kid: str(constraint.value) if isinstance(constraint, Equals) else "RS256"
        for kid, constraint in algorithms.items()
    }


def slot_kids(graph: Graph, client: str, slot: str) -> tuple[str, ...]:
    """The keys that the spec puts into one of the application's slots, by kid."""
    wanted = graph.nodes[client].constraints.get(slot)
    addresses = [ref.address for ref in refs(wanted)] if wanted else []
    return tuple(str(graph.nodes[address].target.identity["kid"]) for address in addresses)


def _addresses(context: FlavorContext, requirements: Iterable[Requirement], audience: str) -> dict[Subject, str]:
    """What the objects of a use are called in the graph, told from what is asked of them."""
    found = {Subject.APPLICATION: context.app.address, Subject.CLIENT: context.app.address}
    for requirement in requirements:
        target = requirement.target
        match target.kind:
            case "application" if requirement.path == "grant_types" and _exchanges(requirement):
                found[Subject.CLIENT] = target.address
            case "my_account_api":
                found[Subject.MY_ACCOUNT] = target.address
            case "api":
                found[Subject.API] = target.address
            case "client_grant":
                mine = target.identity["audience"] == audience
                found[Subject.MY_ACCOUNT_GRANT if mine else Subject.API_GRANT] = target.address
    return found


def exchanging_address(flavor: Flavor, context: FlavorContext) -> str:
    """What the application that exchanges in this use is called in the graph."""
    return _addresses(context, list(flavor.expand(context)), "")[Subject.CLIENT]


def _exchanges(requirement: Requirement) -> bool:
    return isinstance(requirement.constraint, Contains) and TOKEN_VAULT_GRANT in requirement.constraint.items


# ---- of a tenant


def cases_of_tenant(tenant_view: TenantView) -> list[Case]:
    """Every use of every flavor that the tenant shows, by application."""
    found = [
        case
        for flavor in flavors().values()
        for detection in flavor.runtime.detections(tenant_view)
        for case in _detected_cases(flavor, detection, tenant_view)
    ]
    return sorted(
        found, key=lambda case: (case.application.lower(), str((case.app or case.client or {}).get("client_id")))
    )


def _detected_cases(flavor: Flavor, detection: DetectedUse, tenant_view: TenantView) -> Iterator[Case]:
    shown = detection.app or detection.client
    names = detection.connections or _usable(shown, tenant_view) or (_on(tenant_view) if detection.app is None else ())
    for name in names or ("",):
        yield Case(
            tenant_view=tenant_view,
            flavor=flavor.name,
            application=str(shown.get("name") or shown["client_id"]),
            connection=name,
            app=detection.app,
            client=detection.client,
            api=detection.api,
            audience=tenant_view.my_account_audience,
            serves_anyone=detection.app is None,
        )


def _usable(app: Object, tenant_view: TenantView) -> tuple[str, ...]:
    """Connections that are on for connected accounts and enabled for the application, as far as one may see."""
    return tuple(name for name in _on(tenant_view) if _may_use(app, tenant_view.enabled.get(name)))


def _on(tenant_view: TenantView) -> tuple[str, ...]:
    """Connections that are on for connected accounts, as far as one may see."""
    if isinstance(tenant_view.connections, Unreadable):
        return ()
    found = tenant_view.connections.items()
    return tuple(name for name, c in found if not isinstance(c, Unreadable) and is_for_token_vault(c))


def _may_use(app: Object, clients: frozenset[str] | Unreadable | None) -> bool:
    return isinstance(clients, Unreadable) or (clients is not None and app["client_id"] in clients)

"""Which cases there are: those that a spec names, or those that a tenant shows without one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tokenvault.flavors import flavors, uses
from tokenvault.flavors.base import Flavor, Use, my_account_audience
from tokenvault.flavors.runtime.request import TOKEN_VAULT_GRANT
from tokenvault.flavors.runtime.tenancy import Case, Object, Said, Sighting, Subject, Tenancy, Unreadable
from tokenvault.flavors.runtime.worker import ACCESS
from tokenvault.model.constraints import Has, HasBy, Is
from tokenvault.model.desired import Ask, Graph, refs
from tokenvault.model.spec import Spec
from tokenvault.state.live import State, match

# ---- of a spec


def cases_of_spec(spec: Spec, graph: Graph, state: State, tenancy: Tenancy) -> list[Case]:
    """Every application of the spec × its connections × its flavors, included ones among them.

    A flavor that brings no preconditions is not judged: nobody could say that it is ready.
    """
    objects = match(graph, state).objects
    every = list(uses(spec, tenancy.domain))
    return [
        case
        for flavor, use in every
        if flavor.runtime.preconditions
        for case in _cases_of_use(flavor, use, _asks(flavor, use, every), graph, objects, tenancy)
    ]


def _asks(flavor: Flavor, use: Use, every: Sequence[tuple[Flavor, Use]]) -> list[Ask]:
    """What the flavor and those that it includes ask for."""
    names = (*flavor.includes, flavor.name)
    return [ask for f, u in every if u.app.key == use.app.key and f.name in names for ask in f.expand(u)]


def _cases_of_use(
    flavor: Flavor, use: Use, asks: Sequence[Ask], graph: Graph, objects: Mapping[str, Object], tenancy: Tenancy
) -> Iterator[Case]:
    audience = my_account_audience(use.spec, use.domain)
    addresses = _addresses(use, asks, audience)
    api = next((str(ask.target.identity["identifier"]) for ask in asks if ask.target.kind == "api"), "")
    for name in use.app.connections:
        yield Case(
            tenancy=tenancy,
            flavor=flavor.name,
            application=use.app.key,
            connection=name,
            app=objects.get(addresses[Subject.APPLICATION]),
            client=objects.get(addresses[Subject.CLIENT]),
            api=api,
            audience=audience,
            said=_said(use, graph, addresses[Subject.CLIENT], name),
            addresses={
                **addresses,
                Subject.CONNECTION: f"connection.{name}",
                Subject.CONNECTION_CLIENTS: f"connection_clients.{name}",
                Subject.TENANT: "mfa_policy",
            },
        )


def _said(use: Use, graph: Graph, client: str, connection: str) -> Said:
    wants = graph.nodes[client].wants
    grants, allowlist = wants.get(f"{ACCESS}.grants"), wants.get(f"{ACCESS}.ip_allowlist")
    entries = grants.entries if isinstance(grants, HasBy) else ()
    return Said(
        judges_mfa=use.spec.mfa_policy != "ignore",
        provider_needs_no_asking=use.spec.connections[connection].offline_access is False,
        kids=tuple(asked_keys(graph, client)),
        scopes=tuple(scope for entry in entries if entry["connection"] == connection for scope in entry["scopes"]),
        addresses=allowlist.items if isinstance(allowlist, Has) else (),
    )


def asked_keys(graph: Graph, client: str) -> Mapping[str, str]:
    """The algorithms of the keys that the spec gives the application, by kid."""
    mine = [
        node for node in graph.of_kind("credential") if client in {r.address for r in refs(dict(node.target.identity))}
    ]
    algorithms = {str(node.target.identity["kid"]): node.wants.get("alg") for node in mine}
    return {kid: str(want.value) if isinstance(want, Is) else "RS256" for kid, want in algorithms.items()}


def _addresses(use: Use, asks: Iterable[Ask], audience: str) -> dict[Subject, str]:
    """What the objects of a use are called in the graph, told from what is asked of them."""
    found = {Subject.APPLICATION: use.app.address, Subject.CLIENT: use.app.address}
    for ask in asks:
        target = ask.target
        match target.kind:
            case "application" if ask.path == "grant_types" and _exchanges(ask):
                found[Subject.CLIENT] = target.address
            case "my_account_api":
                found[Subject.MY_ACCOUNT] = target.address
            case "api":
                found[Subject.API] = target.address
            case "client_grant":
                mine = target.identity["audience"] == audience
                found[Subject.MY_ACCOUNT_GRANT if mine else Subject.API_GRANT] = target.address
    return found


def exchanging_address(flavor: Flavor, use: Use) -> str:
    """What the application that exchanges in this use is called in the graph."""
    return _addresses(use, list(flavor.expand(use)), "")[Subject.CLIENT]


def _exchanges(ask: Ask) -> bool:
    return isinstance(ask.want, Has) and TOKEN_VAULT_GRANT in ask.want.items


# ---- of a tenant


def cases_of_tenant(tenancy: Tenancy) -> list[Case]:
    """Every use of every flavor that the tenant shows, by application."""
    found = [
        case
        for flavor in flavors().values()
        for sighting in flavor.runtime.sightings(tenancy)
        for case in _cases_of_sighting(flavor, sighting, tenancy)
    ]
    return sorted(
        found, key=lambda case: (case.application.lower(), str((case.app or case.client or {}).get("client_id")))
    )


def _cases_of_sighting(flavor: Flavor, sighting: Sighting, tenancy: Tenancy) -> Iterator[Case]:
    shown = sighting.app or sighting.client
    names = sighting.connections if sighting.connections is not None else _usable(shown, tenancy)
    for name in names or ("",):
        yield Case(
            tenancy=tenancy,
            flavor=flavor.name,
            application=str(shown.get("name") or shown["client_id"]),
            connection=name,
            app=sighting.app,
            client=sighting.client,
            api=sighting.api,
            audience=tenancy.my_account_audience,
        )


def _usable(app: Object, tenancy: Tenancy) -> tuple[str, ...]:
    """Connections that are on for connected accounts and enabled for the application, as far as one may see."""
    if isinstance(tenancy.connections, Unreadable):
        return ()
    on = [name for name, c in tenancy.connections.items() if (c.get("connected_accounts") or {}).get("active")]
    return tuple(name for name in on if _may_use(app, tenancy.enabled.get(name)))


def _may_use(app: Object, clients: frozenset[str] | Unreadable | None) -> bool:
    return isinstance(clients, Unreadable) or (clients is not None and app["client_id"] in clients)

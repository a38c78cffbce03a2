"""Finds who exchanges: one application, in the spec and the tenant or by what the environment says of it; or all of a spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokenvault.errors import ApiError, Diagnostic, RefusedError
from tokenvault.exchange import variables
from tokenvault.exchange.exchanger import Exchanger, chosen, exchangers_of, exchanging_flavors, from_client, with_live
from tokenvault.exchange.usage import is_interactive
from tokenvault.flavors.runtime.tenant_view import TenantView
from tokenvault.kinds.base import Object
from tokenvault.model.spec import Spec
from tokenvault.state.desired import build_graph
from tokenvault.state.live import matched
from tokenvault.state.reading import read_applications, read_ready_domains

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The application, on which tenant, from which spec, and the provider behind the connection where that is known."""

    exchanger: Exchanger
    domain: str
    spec: Spec | None = None
    provider: str | None = None


async def found_in_tenant(
    tenant: Tenant, spec: Spec | None, application: str, connection: str, flavor: str | None
) -> Found:
    """The application as the tenant has it: by its key in the spec, or by its client id or name."""
    clients = await read_applications(tenant)
    if spec:
        exchanger, client = _of_spec(spec, tenant.domain, clients, application, flavor)
    else:
        exchanger, client = _of_tenant(clients, application, flavor)
    keys = await _keys(tenant, str(client["client_id"])) if exchanger.request.signed else ()
    provider = await _provider(tenant, connection)
    return Found(exchanger=with_live(exchanger, client, keys), domain=tenant.domain, spec=spec, provider=provider)


def _of_spec(
    spec: Spec, domain: str, clients: Sequence[Object], application: str, flavor: str | None
) -> tuple[Exchanger, Object]:
    graph = build_graph(spec, domain)
    exchanger = chosen(exchangers_of(spec, graph), application, flavor)
    client = matched(graph, clients).get(exchanger.address)
    if client is None:
        summary = f"{domain} has no application for {exchanger.address} yet"
        hint = "Create it first: `tokenvault apply`."
        raise RefusedError(Diagnostic(code="exchange-application", summary=summary, hint=hint))
    return exchanger, client


def _of_tenant(clients: Sequence[Object], application: str, flavor: str | None) -> tuple[Exchanger, Object]:
    found = [c for c in clients if application in (c["client_id"], c.get("name"))]
    if len(found) != 1:
        what = "no application" if not found else f"{len(found)} applications"
        summary = f'The tenant has {what} with the client id or name "{application}"'
        hint = "Give the client id, or the key of an application with the spec it stands in (--spec)."
        raise RefusedError(Diagnostic(code="exchange-application", summary=summary, hint=hint))
    return from_client(found[0], application, flavor or _sighted(found[0])), found[0]


def _sighted(client: Object) -> str:
    """The one flavor by which the tenant shows the application to exchange."""
    alone = TenantView(domain="", now=0, clients=[client])
    used = [name for name, flavor in exchanging_flavors().items() if list(flavor.runtime.detections(alone))]
    if len(used) == 1:
        return used[0]
    summary = f"{client.get('name')} shows {'no' if not used else 'more than one'} way of exchanging tokens"
    hint = f"Say which with --flavor: {', '.join(used or exchanging_flavors())}."
    raise RefusedError(Diagnostic(code="exchange-flavor", summary=summary, hint=hint))


async def _keys(tenant: Tenant, client_id: str) -> Sequence[Object]:
    """The application's credentials; empty where the token may not read them."""
    try:
        found: Sequence[Object] = await tenant.get(f"clients/{client_id}/credentials")
    except ApiError as error:
        if error.status != 403:
            raise
        return ()
    return found


async def _provider(tenant: Tenant, connection: str) -> str | None:
    try:
        found = await tenant.get(
            "connections", {"name": connection, "fields": "id,name,strategy", "include_fields": True}
        )
    except ApiError as error:
        if error.status != 403:
            raise
        return None
    items = found.get("connections", []) if isinstance(found, dict) else found
    return next((str(item["strategy"]) for item in items if item.get("name") == connection), None)


def found_without_tenant(
    spec: Spec | None, domain: str, environment: Mapping[str, str], application: str, flavor: str | None
) -> Found | None:
    """The application by what the spec and the environment say of it; None when they do not say enough."""
    if spec:
        exchanger = chosen(exchangers_of(spec, build_graph(spec, domain)), application, flavor)
        client_id = environment.get(variables.client_id(exchanger.prefix), "").strip() or exchanger.client_id
    elif flavor:
        prefix = variables.prefix(application)
        exchanger = Exchanger(application=application, flavor=_known(flavor), prefix=prefix)
        client_id = environment.get(variables.client_id(prefix), "").strip() or application
    else:
        return None
    return Found(exchanger=replace(exchanger, client_id=client_id), domain=domain, spec=spec) if client_id else None


def _known(flavor: str) -> str:
    if flavor not in exchanging_flavors():
        summary = f'"{flavor}" is not a flavor that exchanges tokens'
        raise RefusedError(
            Diagnostic(code="exchange-flavor", summary=summary, hint=f"One of: {', '.join(exchanging_flavors())}.")
        )
    return flavor


async def read_for_usage(tenant: Tenant, spec: Spec) -> tuple[Mapping[str, Object], Sequence[str]]:
    """The spec's applications by address; and the tenant's custom domains, where the spec leaves open on which users log in."""
    open_ones = [app for app in spec.applications.values() if is_interactive(app) and not spec.login_domain(app)]
    domains = await read_ready_domains(tenant) if open_ones else ()
    return matched(build_graph(spec, tenant.domain), await read_applications(tenant)), domains

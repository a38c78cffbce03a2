"""Judging what a tenant holds by what each flavor needs when it is used."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tokenvault.doctor.cases import cases_of_spec, cases_of_tenant
from tokenvault.doctor.diagnosis import Diagnosed, Remedy, diagnose
from tokenvault.doctor.document import diagnosis_document
from tokenvault.doctor.selection import EVERYTHING, Selection, selected
from tokenvault.flavors.runtime.providers import near_connections
from tokenvault.flavors.runtime.tenant_view import Case, TenantView, Unreadable
from tokenvault.model.spec import Spec
from tokenvault.state.desired import build_graph
from tokenvault.state.reading import read_tenant
from tokenvault.state.tenant_view import relevant_to, tenant_view_of
from tokenvault.tenant.scopes import needed_scopes

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


async def examined(
    tenant: Tenant, spec: Spec | None, command: str = "", selection: Selection = EVERYTHING
) -> dict[str, Any]:
    """Reads the tenant and judges it. `command` applies the spec, as its reader would type it; default: with its files."""
    _, diagnosed = await judged(tenant, spec, command, selection)
    granted = (await tenant.token.access()).scopes
    lacking = None if granted is None or not spec else set(needed_scopes().to_apply) - granted
    files = spec.files if spec else ()
    return diagnosis_document(tenant.domain, diagnosed, files=files, lacking=lacking, selection=selection)


async def judged(
    tenant: Tenant, spec: Spec | None, command: str = "", selection: Selection = EVERYTHING
) -> tuple[TenantView, list[Diagnosed]]:
    """Reads the tenant, and judges the cases that are asked for."""
    tenant_view, cases, remedy = await _read(tenant, spec, command)
    return tenant_view, diagnose(selected(cases, selection), remedy)


async def _read(
    tenant: Tenant, spec: Spec | None, command: str, also: tuple[str, ...] = ()
) -> tuple[TenantView, list[Case], Remedy]:
    """The tenant, with the applications of the connections in `also` too; its cases; and where fixes come from."""
    graph = build_graph(spec, tenant.domain) if spec else None
    names = (*(spec.connections if spec else ()), *also)
    state = await read_tenant(tenant, relevant_to(names))
    tenant_view = tenant_view_of(state, time.time())
    cases = cases_of_spec(spec, graph, state, tenant_view) if spec and graph else cases_of_tenant(tenant_view)
    files = spec.files if spec else ()
    return tenant_view, cases, Remedy(graph=graph, command=command or shlex.join(("tokenvault", "apply", *files)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One exchange that was tried: by which application, in which flavor, through which connection."""

    application: str
    client_id: str
    flavor: str
    connection: str


async def examined_attempt(
    tenant: Tenant, spec: Spec | None, attempt: Attempt, command: str = ""
) -> tuple[list[dict[str, Any]], list[str]]:
    """What doctor finds of one exchange, whether or not anybody meant it to be possible; and connections called alike.

    The second is empty where the tenant has the connection.
    """
    view, cases, remedy = await _read(tenant, spec, command, also=(attempt.connection,))
    mine = [case for case in cases if case.flavor == attempt.flavor and attempt.client_id in _client_ids(case)]
    exact = [case for case in mine if case.connection == attempt.connection]
    found = exact or [_imagined(attempt, mine, view)]
    diagnosed = diagnose(found, remedy if exact else Remedy())
    return diagnosis_document(tenant.domain, diagnosed)["findings"], _called_alike(attempt.connection, view)


def _called_alike(name: str, view: TenantView) -> list[str]:
    connections = {} if isinstance(view.connections, Unreadable) else view.connections
    if name in connections:
        return []
    strategies = {
        other: "" if isinstance(one, Unreadable) else str(one.get("strategy")) for other, one in connections.items()
    }
    return near_connections(name, strategies)


def _client_ids(case: Case) -> set[str]:
    return {str(one["client_id"]) for one in (case.app, case.client) if one}


def _imagined(attempt: Attempt, alike: list[Case], view: TenantView) -> Case:
    """The case of an exchange that neither a spec nor the tenant shows to be meant."""
    if alike:
        expected = replace(alike[0].expected, scopes=())
        return replace(alike[0], connection=attempt.connection, addresses={}, expected=expected)
    client = next((one for one in view.clients if one["client_id"] == attempt.client_id), None)
    api = str((client or {}).get("resource_server_identifier") or "")
    return Case(
        tenant_view=view,
        flavor=attempt.flavor,
        application=attempt.application,
        connection=attempt.connection,
        app=None if api else client,
        client=client,
        api=api,
        audience=view.my_account_audience,
    )

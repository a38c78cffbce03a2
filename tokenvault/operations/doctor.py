"""Judging what a tenant holds by what each flavor needs when it is used."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Any

from tokenvault.doctor.cases import cases_of_spec, cases_of_tenant
from tokenvault.doctor.diagnosis import Diagnosed, Remedy, diagnose
from tokenvault.doctor.document import diagnosis_document
from tokenvault.doctor.selection import EVERYTHING, Selection, selected
from tokenvault.model.spec import Spec
from tokenvault.state.desired import build_graph
from tokenvault.state.reading import read_tenant
from tokenvault.state.tenant_view import relevant_to, tenant_view_of
from tokenvault.tenant.scopes import needed_scopes

if TYPE_CHECKING:
    from tokenvault.flavors.runtime.tenant_view import TenantView
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
    graph = build_graph(spec, tenant.domain) if spec else None
    state = await read_tenant(tenant, relevant_to(tuple(spec.connections) if spec else ()))
    tenant_view = tenant_view_of(state, time.time())
    cases = cases_of_spec(spec, graph, state, tenant_view) if spec and graph else cases_of_tenant(tenant_view)
    files = spec.files if spec else ()
    remedy = Remedy(graph=graph, command=command or shlex.join(("tokenvault", "apply", *files)))
    return tenant_view, diagnose(selected(cases, selection), remedy)

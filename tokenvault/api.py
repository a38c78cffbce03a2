"""tokenvault from Python: load a spec, plan it, apply the plan. What the command line does, without the command line.

    import tokenvault

    spec = tokenvault.load_spec("tokenvault.yaml")
    plan = tokenvault.make_plan(spec, tenant="acme.us.auth0.com")
    if not plan.is_empty:
        report = tokenvault.apply(plan, tenant="acme.us.auth0.com")
        assert report.succeeded

Credentials come from the environment, as for the command line. Errors are `tokenvault.errors.TokenVaultError`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenvault.applier.events import Report
from tokenvault.model.spec import Spec
from tokenvault.operations.apply import applied, refuse_another_tenant
from tokenvault.operations.plan import planned_as_read
from tokenvault.operations.reading import check_tenant
from tokenvault.plan.model import Plan
from tokenvault.plan.planner import Options
from tokenvault.spec.load import load_spec as load
from tokenvault.tenant.connect import open_tenant
from tokenvault.tenant.options import TenantOptions


def load_spec(*paths: str | Path, environment: Mapping[str, str] | None = None, allow_env: Sequence[str] = ()) -> Spec:
    """Reads and validates spec files (default `tokenvault.yaml`); `SpecError` holds everything that is wrong.

    `allow_env` are variables that the spec may show, besides those of its `variables`.
    """
    return load(list(paths) or ["tokenvault.yaml"], environment, allow_env)


def make_plan(
    spec: Spec,
    *,
    tenant: str | None = None,
    sandbox: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Plan:
    """Reads the tenant (default `$AUTH0_DOMAIN`), or the sandbox kept in a file, and plans. Writes nothing.

    Raises `RefusedError` when the spec names another tenant.
    """
    return asyncio.run(_make_plan(spec, _where(tenant, sandbox), _environment(environment)))


def apply(
    plan: Plan,
    *,
    tenant: str | None = None,
    sandbox: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Report:
    """Carries out exactly this plan and reads it back. What Auth0 refuses is in the report, not raised.

    Raises `RefusedError` when the plan was made for another tenant.
    """
    return asyncio.run(_apply(plan, _where(tenant, sandbox), _environment(environment)))


def _where(tenant: str | None, sandbox: str | Path | None) -> TenantOptions:
    return TenantOptions(tenant=tenant, sandbox=Path(sandbox) if sandbox else None)


def _environment(environment: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environment is None else environment


async def _make_plan(spec: Spec, tenant_options: TenantOptions, environment: Mapping[str, str]) -> Plan:
    async with open_tenant(tenant_options, environment) as tenant:
        check_tenant(spec, tenant.domain, tenant_options)
        return (await planned_as_read(tenant, spec, Options())).plan


async def _apply(plan: Plan, tenant_options: TenantOptions, environment: Mapping[str, str]) -> Report:
    async with open_tenant(tenant_options, environment) as tenant:
        refuse_another_tenant(plan, tenant.domain)
        report = Report()
        async for _ in applied(plan, tenant, report):
            pass
        return report

"""What most commands do first: read the spec, guard the tenant, read it, plan."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenvault.cli.console import Console
from tokenvault.cli.options import DEFAULT_SPEC
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.render.safe import safe
from tokenvault.tenant_address import Where

if TYPE_CHECKING:
    from tokenvault.desired import Graph
    from tokenvault.live import Live
    from tokenvault.plan import Plan
    from tokenvault.planner import Options
    from tokenvault.spec.model import Spec
    from tokenvault.tenant.gateway import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One command's surroundings."""

    console: Console
    where: Where
    environment: Mapping[str, str]
    debug: bool = False

    def spec(self, paths: Sequence[str] | None) -> Spec:
        """The validated spec; its warnings are shown."""
        from tokenvault.spec.load import load_spec

        spec = load_spec(list(paths or [DEFAULT_SPEC]), self.environment)
        for warning in spec.warnings:
            self.console.problem(warning)
        return spec

    def guard(self, spec: Spec, domain: str) -> None:
        """Refuses a tenant that the spec does not name. The sandbox harms nobody and is let through."""
        if spec.tenant and spec.tenant != domain and not self.where.sandbox:
            raise RefusedError(
                Diagnostic(
                    code="tenant-guard",
                    summary=f"The spec is for {spec.tenant}, and this is {domain}",
                    hint="Set AUTH0_DOMAIN to the spec's tenant, or correct `tenant` in the spec.",
                    span=spec.positions.key("tenant"),
                )
            )

    @asynccontextmanager
    async def tenant(self) -> AsyncIterator[Tenant]:
        """The tenant, open."""
        from tokenvault.tenant.connect import open_tenant
        from tokenvault.tenant.gateway import Exchange

        def observe(exchange: Exchange) -> None:
            if self.debug:
                status = exchange.status or "no answer"
                self.console.err(f"{exchange.method} /api/v2/{safe(exchange.path)} {status} {exchange.milliseconds} ms\n")

        def waiting(seconds: float) -> None:
            if seconds >= 1:
                self.console.err(f"Waiting {seconds:.0f} s for Auth0's rate limit to reset...\n")

        async with open_tenant(self.where, self.environment, observe=observe, on_wait=waiting) as tenant:
            yield tenant


def session(where: Where, *, debug: bool = False, env_file: Path | None = None) -> Session:
    """The session that options describe."""
    console = Console()
    environment = {**_variables(env_file), **console.environment}
    if where.sandbox:
        from tokenvault.sandbox import DOMAIN

        environment.setdefault("AUTH0_DOMAIN", DOMAIN)
    return Session(console=console, where=where, environment=environment, debug=debug)


def _variables(env_file: Path | None) -> dict[str, str]:
    if env_file is None:
        return {}
    if not env_file.is_file():
        raise RefusedError(Diagnostic(code="env-file", summary=f"There is no file {env_file}"))
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(env_file, interpolate=False).items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan and what it was made from."""

    plan: Plan
    graph: Graph
    live: Live


async def planned(tenant: Tenant, spec: Spec, options: Options) -> Planned:
    """Reads the tenant and plans."""
    from tokenvault.graph import build_graph
    from tokenvault.live import match, read_state
    from tokenvault.planner import make_plan

    graph = build_graph(spec, tenant.domain)
    live = match(graph, await read_state(tenant, graph))
    plan = make_plan(graph, live, salt=secrets.token_hex(16), files=spec.files, options=options)
    return Planned(plan=replace(plan, reads=tenant.reads), graph=graph, live=live)

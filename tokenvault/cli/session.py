"""What most commands do first: read the environment and the spec, guard the tenant, open it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from tokenvault.cli.console import Console
from tokenvault.cli.options import (
    AllowEnv,
    Debug,
    Decorator,
    EnvFile,
    MaxRps,
    MaxWait,
    SandboxOption,
    TenantOption,
    made_of,
    tenant_options,
)
from tokenvault.cli.suggestions import command
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.render.diagnostic import folded
from tokenvault.tenant.options import MAX_WAIT, TenantOptions, bare_domain, domain_named
from tokenvault.text import safe

if TYPE_CHECKING:
    from tokenvault.model.spec import Spec
    from tokenvault.operations.plan import Planned
    from tokenvault.plan.planner import Options
    from tokenvault.secrets import Secret
    from tokenvault.tenant.client import Tenant
    from tokenvault.tenant.pacing import Wait

LONG_WAIT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What one command works with: console, environment, options, and which tenant."""

    console: Console
    tenant_options: TenantOptions
    environment: Mapping[str, str]
    debug: bool = False
    env_file: Path | None = None
    allow_env: tuple[str, ...] = ()

    def command(self, name: str, *arguments: str) -> str:
        """Another command about the same tenant, with the options that the user gave, as it is to be typed."""
        return command(name, *arguments)

    def spec(self, paths: Sequence[str] | None) -> Spec:
        """Loads and validates the spec, and shows its warnings, each cause once."""
        from tokenvault.spec.load import load_spec

        spec = load_spec(list(paths or ()), self.environment, self.allow_env)
        for warning in folded(spec.warnings):
            self.console.problem(warning)
        return spec

    def secret(self, reference: str, folder: str) -> Secret:
        """What a reference stands for here and now; `RefusedError` when it stands for nothing."""
        from tokenvault.operations.apply import resolved

        return resolved(reference, folder, self.environment)

    def check_tenant(self, spec: Spec, domain: str) -> None:
        """Refuses a tenant that the spec does not name."""
        from tokenvault.operations.reading import check_tenant

        check_tenant(spec, domain, self.tenant_options)

    @asynccontextmanager
    async def tenant(
        self, spec: Spec | None = None, on_wait: Callable[[Wait], None] | None = None
    ) -> AsyncIterator[Tenant]:
        """The tenant, open; refused where the spec names another one.

        Waits for a rate limit are told, to `on_wait` or on stderr: long ones, and as they add up.
        """
        from tokenvault.tenant.client import Exchange
        from tokenvault.tenant.connect import open_tenant

        if not self.tenant_options.sandbox:
            refuse_contradictions(self.tenant_options.tenant, self.console.environment, self.env_file)

        def observe(exchange: Exchange) -> None:
            if self.debug:
                status = exchange.status or "no answer"
                self.console.err(
                    f"{exchange.method} /api/v2/{safe(exchange.path)} {status} {exchange.milliseconds} ms\n"
                )

        announced = 0.0

        def waiting(wait: Wait) -> None:
            nonlocal announced
            waited = wait.before + wait.seconds
            if wait.seconds >= LONG_WAIT or waited - announced >= (LONG_WAIT if announced else 1):
                announced = waited
                (on_wait or self._tell)(wait)

        async with open_tenant(self.tenant_options, self.environment, observe=observe, on_wait=waiting) as tenant:
            if spec:
                self.check_tenant(spec, tenant.domain)
            yield tenant

    @asynccontextmanager
    async def reading(self, tenant: Tenant) -> AsyncIterator[None]:
        """While the context lasts, how far reading the tenant has come is shown: in a terminal at once, else now and then."""
        from tokenvault.cli.reading import shown_reading

        if self.debug:
            yield
            return
        async with shown_reading(self.console, tenant):
            yield

    def _tell(self, wait: Wait) -> None:
        from tokenvault.applier.events import Waiting

        if not self.console.has_status:  # it says so
            self.console.err(f"{Waiting.of(wait)}\n")


def open_session(
    tenant_options: TenantOptions,
    *,
    debug: bool = False,
    env_file: Path | None = None,
    allow_env: Sequence[str] | None = None,
) -> Session:
    """The session that options describe."""
    console = Console()
    environment = {**_variables(env_file), **console.environment}
    if tenant_options.sandbox:
        from tokenvault.sandbox import DOMAIN

        environment.setdefault("AUTH0_DOMAIN", DOMAIN)
    elif tenant_options.tenant:
        environment.setdefault("AUTH0_DOMAIN", tenant_options.tenant)
    return Session(
        console=console,
        tenant_options=tenant_options,
        environment=environment,
        debug=debug,
        env_file=env_file,
        allow_env=tuple(allow_env or ()),
    )


def with_session(*, without: Collection[str] = ()) -> Decorator:
    """Has a command's `session` opened from the options that all commands about a tenant have, less those `without`."""
    return made_of(_of_options, "session", without)


def _of_options(
    tenant: TenantOption = None,
    sandbox: SandboxOption = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    env_file: EnvFile = None,
    allow_env: AllowEnv = None,
    debug: Debug = False,
) -> Session:
    return open_session(
        tenant_options(tenant, sandbox, max_rps, max_wait), debug=debug, env_file=env_file, allow_env=allow_env
    )


def _variables(env_file: Path | None) -> Mapping[str, str]:
    if env_file is None:
        return {}
    from tokenvault.spec.references import read_variables

    return read_variables(env_file)


def planned_offline(session: Session, specs: Sequence[str] | None, snapshot: Path, options: Options) -> Planned:
    """Plans from a snapshot instead of a tenant: no credentials, no request."""
    from tokenvault.operations.plan import planned_of
    from tokenvault.sandbox import DOMAIN
    from tokenvault.state.desired import build_graph
    from tokenvault.state.live import match
    from tokenvault.state.snapshot import read_snapshot

    state = read_snapshot(snapshot)
    _refuse_another(state.domain, session.tenant_options)
    spec = replace(session, environment={"AUTH0_DOMAIN": state.domain, **session.environment}).spec(specs)
    if state.domain != DOMAIN:
        session.check_tenant(spec, state.domain)
    graph = build_graph(spec, state.domain)
    return planned_of(spec, graph, match(graph, state), options)


def _refuse_another(domain: str, tenant_options: TenantOptions) -> None:
    """Refuses a snapshot of another tenant than `--tenant` names. The environment may name one for other commands."""

    named = domain_named({}, tenant_options.tenant)
    if named and named != domain:
        summary = f"The snapshot is of {domain}, and --tenant names {named}"
        hint = "Leave out --tenant, or take a snapshot of that tenant."
        raise RefusedError(Diagnostic(code="plan-snapshot-tenant", summary=summary, hint=hint))


# ---- sources that contradict each other: the credentials of one are never sent to the other


DOMAIN, CLIENT = "AUTH0_DOMAIN", "AUTH0_CLIENT_ID"


def refuse_contradictions(tenant: str | None, environment: Mapping[str, str], env_file: Path | None) -> None:
    """Refuses `--tenant`, the environment and the file of variables where two of them contradict each other."""
    from tokenvault.spec.references import read_variables

    of_file = read_variables(env_file) if env_file else {}
    problems = [
        *_contradicting(_domains(tenant, environment, of_file, env_file), "tenants"),
        *_contradicting(_clients(environment, of_file, env_file), "clients"),
    ]
    if problems:
        raise RefusedError(*problems)


def _domains(
    tenant: str | None, environment: Mapping[str, str], of_file: Mapping[str, str], env_file: Path | None
) -> dict[str, str]:

    named = {
        "--tenant": tenant or "",
        f"${DOMAIN}": environment.get(DOMAIN, ""),
        f"{DOMAIN} in {env_file}": of_file.get(DOMAIN, ""),
    }
    return {source: bare_domain(value.strip()).lower() for source, value in named.items() if value.strip()}


def _clients(environment: Mapping[str, str], of_file: Mapping[str, str], env_file: Path | None) -> dict[str, str]:
    named = {f"${CLIENT}": environment.get(CLIENT, ""), f"{CLIENT} in {env_file}": of_file.get(CLIENT, "")}
    return {source: value.strip() for source, value in named.items() if value.strip()}


def _contradicting(named: Mapping[str, str], what: str) -> Iterator[Diagnostic]:
    """The first two sources that differ: those that the user typed come first."""
    for (one, its), (other, others) in combinations(named.items(), 2):
        if its != others:
            summary = f"{one} is {its}, and {other} is {others}"
            hint = f"Credentials of one must not reach the other: leave one of the two {what} out. Nothing was sent."
            yield Diagnostic(code="auth-contradiction", summary=summary, hint=hint)
            return

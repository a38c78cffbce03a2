"""Opens a tenant: a real one over https, or the embedded sandbox, through one and the same gateway."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tokenvault import __version__
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.tenant.address import LOOPBACK, base_url, given_address
from tokenvault.tenant.bounds import BoundedClient
from tokenvault.tenant.client import Exchange, Tenant
from tokenvault.tenant.options import TenantOptions
from tokenvault.tenant.pacing import Pacer, Wait

TIMEOUT = 30.0
TIMEOUT_VARIABLE = "TOKENVAULT_TIMEOUT"


@asynccontextmanager
async def open_tenant(
    tenant_options: TenantOptions,
    environment: Mapping[str, str],
    *,
    observe: Callable[[Exchange], None] = lambda exchange: None,
    on_wait: Callable[[Wait], None] = lambda wait: None,
) -> AsyncIterator[Tenant]:
    """The tenant, for as long as the context lasts. `RefusedError` when it is not known how to reach it."""
    pacer = Pacer(max_rps=tenant_options.max_rps, max_wait=tenant_options.max_wait, on_wait=on_wait)
    if tenant_options.sandbox:
        async with _sandbox(tenant_options.sandbox, pacer, observe) as tenant:
            yield tenant
    else:
        async with _remote(tenant_options, environment, pacer, observe) as tenant:
            yield tenant


@asynccontextmanager
async def _sandbox(path: Path, pacer: Pacer, observe: Callable[[Exchange], None]) -> AsyncIterator[Tenant]:

    from tokenvault.sandbox import TOKEN
    from tokenvault.tenant.embedded import SandboxTransport, embedded_sandbox
    from tokenvault.tenant.tokens import Access, FixedToken

    with embedded_sandbox(path) as sandbox:
        token = FixedToken(TOKEN, Access(source="the sandbox", scopes=sandbox.scopes))
        async with BoundedClient(deadline=TIMEOUT, transport=SandboxTransport(sandbox)) as http:
            base = f"http://{sandbox.domain}"
            yield Tenant(domain=sandbox.domain, base_url=base, token=token, http=http, pacer=pacer, observe=observe)


@asynccontextmanager
async def _remote(
    tenant_options: TenantOptions, environment: Mapping[str, str], pacer: Pacer, observe: Callable[[Exchange], None]
) -> AsyncIterator[Tenant]:
    from tokenvault.tenant.credentials import find_credentials
    from tokenvault.tenant.tokens import TokenSource

    credentials = find_credentials(environment, tenant_options.tenant)
    base = base_url(credentials.domain, given_address(environment, tenant_options.tenant))
    async with http_client(base, timeout_of(environment)) as http:
        token = TokenSource(credentials, base, http)
        yield Tenant(domain=credentials.domain, base_url=base, token=token, http=http, pacer=pacer, observe=observe)


def timeout_of(environment: Mapping[str, str]) -> float:
    """Seconds to wait for an answer before it counts as lost: $TOKENVAULT_TIMEOUT, or 30."""
    given = environment.get(TIMEOUT_VARIABLE)
    try:
        seconds = float(given) if given else TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        summary = f"{TIMEOUT_VARIABLE} is not a number of seconds"
        hint = f"Give the seconds to wait for an answer, for example {TIMEOUT_VARIABLE}=60."
        raise RefusedError(Diagnostic(code="timeout", summary=summary, hint=hint))
    return seconds


def http_client(base: str, timeout: float = TIMEOUT) -> BoundedClient:
    """Our own client: TLS verified, no redirects (one would turn a POST into a GET), no proxy to this machine."""
    import httpx

    here = httpx.URL(base).host in LOOPBACK
    return BoundedClient(
        deadline=timeout,
        limits=httpx.Limits(max_connections=16),
        trust_env=base.startswith("https"),
        mounts={"http://": None, "https://": None, "all://": None} if here else None,
        headers={"User-Agent": f"tokenvault/{__version__}"},
    )

"""Opens a tenant: a real one over https, or the embedded sandbox, through one and the same gateway."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx

from tokenvault import __version__
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.tenant.bounds import BoundedClient
from tokenvault.tenant.client import Exchange, Tenant
from tokenvault.tenant.credentials import find_credentials
from tokenvault.tenant.options import LOOPBACK, TenantOptions, base_url, given_address
from tokenvault.tenant.pacing import Pacer, Traffic, Wait
from tokenvault.tenant.tokens import Access, FixedToken, TokenSource

if TYPE_CHECKING:
    import ssl

    from tokenvault.sandbox import Sandbox
    from tokenvault.tenant.credentials import Credentials
    from tokenvault.tenant.tokens import TokenSource

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
    async with TenantPool() as pool, pool.open(tenant_options, environment, observe=observe, on_wait=on_wait) as tenant:
        yield tenant


class TenantPool:
    """What tenants that are opened in one event loop share: connections, access tokens, and what is known of rate limits.

    Opening a tenant again is then cheap, asks for no further token, and keeps to the limits that its answers told before.
    A token and its connections are shared only among those that give the same credentials for the same tenant; the limits
    by all of one domain. To be used with `async with`, which closes the connections in the end.
    """

    def __init__(self) -> None:
        self._traffic: dict[str, Traffic] = {}
        self._tokens: dict[tuple[str, float], list[TokenSource]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        for token in (token for tokens in self._tokens.values() for token in tokens):
            await token.http.aclose()
        self._tokens.clear()

    @asynccontextmanager
    async def open(
        self,
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
            yield self._remote(tenant_options, environment, pacer, observe)

    def _remote(
        self,
        tenant_options: TenantOptions,
        environment: Mapping[str, str],
        pacer: Pacer,
        observe: Callable[[Exchange], None],
    ) -> Tenant:

        credentials = find_credentials(environment, tenant_options.tenant, login=tenant_options.cli_login)
        base = base_url(credentials.domain, given_address(environment, tenant_options.tenant))
        pacer.traffic = self._traffic.setdefault(base.lower(), pacer.traffic)
        token = self._token(credentials, base, timeout_of(environment))
        return Tenant(
            domain=credentials.domain, base_url=base, token=token, http=token.http, pacer=pacer, observe=observe
        )

    def _token(self, credentials: Credentials, base: str, timeout: float) -> TokenSource:

        known = self._tokens.setdefault((base, timeout), [])
        found = next((token for token in known if token.credentials == credentials), None)
        if found is None:
            found = TokenSource(credentials, base, http_client(base, timeout))
            known.append(found)
        return found


@asynccontextmanager
async def _sandbox(path: Path, pacer: Pacer, observe: Callable[[Exchange], None]) -> AsyncIterator[Tenant]:

    from tokenvault.sandbox import TOKEN

    with embedded_sandbox(path) as sandbox:
        token = FixedToken(TOKEN, Access(source="the sandbox", scopes=sandbox.scopes))
        async with BoundedClient(deadline=TIMEOUT, transport=SandboxTransport(sandbox)) as http:
            base = f"http://{sandbox.domain}"
            yield Tenant(domain=sandbox.domain, base_url=base, token=token, http=http, pacer=pacer, observe=observe)


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

    here = httpx.URL(base).host in LOOPBACK
    secure = base.startswith("https")
    return BoundedClient(
        deadline=timeout,
        verify=_tls(secure, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        limits=httpx.Limits(max_connections=16),
        trust_env=secure,
        mounts={"http://": None, "https://": None, "all://": None} if here else None,
        headers={"User-Agent": f"tokenvault/{__version__}"},
    )


@lru_cache(maxsize=4)
def _tls(trust_env: bool, *_given: str | None) -> ssl.SSLContext:
    """One for all clients: to read the certificates takes 40 ms, and the memory that they take is a megabyte."""

    return httpx.create_ssl_context(trust_env=trust_env)


# ---- the sandbox in process: opened, closed, and its troubles with its file told as tokenvault tells its own


@contextmanager
def embedded_sandbox(path: Path) -> Iterator[Sandbox]:
    """The sandbox in this file, for as long as the context lasts. `RefusedError` when the file fails."""
    from tokenvault.sandbox import open_sandbox

    with file_troubles():
        sandbox = open_sandbox(path)
        try:
            yield sandbox
        finally:
            sandbox.close()


@contextmanager
def file_troubles() -> Iterator[None]:
    """Raises what a sandbox says of itself and its file as a `RefusedError`."""
    from tokenvault.sandbox.errors import SandboxError

    try:
        yield
    except SandboxError as problem:
        raise RefusedError(Diagnostic(code=problem.code, summary=problem.message, hint=problem.hint)) from problem


class SandboxTransport(httpx.ASGITransport):
    """Carries requests to a sandbox in process. `RefusedError` when its file fails meanwhile."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(app=sandbox.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Has the sandbox answer the request."""
        with file_troubles():
            return await super().handle_async_request(request)

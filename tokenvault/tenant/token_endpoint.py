"""The tenant's token endpoint, for exchanges: one request, never repeated, its secrets revealed only into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from tokenvault.errors import ApiError, Diagnostic
from tokenvault.secrets import Secret
from tokenvault.tenant.bounds import BoundedClient, transport_failure
from tokenvault.tenant.connect import TIMEOUT, SandboxTransport, embedded_sandbox, http_client, timeout_of
from tokenvault.tenant.decoding import json_of
from tokenvault.tenant.failures import quote, unintelligible
from tokenvault.tenant.options import TenantOptions, base_url, given_address
from tokenvault.tenant.retries import Retryable
from tokenvault.tenant.tokens import TOKEN_PATH

if TYPE_CHECKING:
    import httpx

Form = Mapping[str, str | Secret]
Observe = Callable[[str, str, int], None]


_SEE = "`tokenvault doctor` shows what the tenant lacks for it."
_LATER = "Auth0 could not do it now. Run the command again later."


class TokenRefused(ApiError):
    """The token endpoint's refusal: its OAuth error code and what it said, quoted safely."""

    def __init__(self, status: int, error: str, description: str) -> None:
        summary = f"Auth0 refused the exchange ({status} {error or 'without a code'})"
        hint = _LATER if status == 429 or status >= 500 else _SEE
        super().__init__(
            Diagnostic(code="exchange-refused", summary=summary, detail=description, hint=hint), status=status
        )
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicAuth:
    """A client secret that goes into the Authorization header."""

    client_id: str
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEndpoint:
    """The token endpoint of one tenant, open."""

    domain: str
    url: str
    http: httpx.AsyncClient
    observe: Observe = lambda method, path, status: None

    async def request(self, form: Form, basic: BasicAuth | None = None) -> Mapping[str, Any]:
        """The answer, its token wrapped. `TokenRefused` with the error that the endpoint names."""

        secrets = [value.reveal() for value in form.values() if isinstance(value, Secret)]
        plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in form.items()}
        auth = httpx.BasicAuth(basic.client_id, basic.secret.reveal()) if basic else httpx.USE_CLIENT_DEFAULT
        try:
            response = await self.http.post(self.url, data=plain, auth=auth)
        except httpx.HTTPError as error:
            failure = transport_failure(self.domain, "POST", TOKEN_PATH, error)
            raise (failure.error if isinstance(failure, Retryable) else failure) from None
        self.observe("POST", TOKEN_PATH, response.status_code)
        return self._judged(response, [*secrets, *([basic.secret.reveal()] if basic else [])])

    def _judged(self, response: httpx.Response, secrets: list[str]) -> Mapping[str, Any]:
        answer = json_of(response.content)
        if not isinstance(answer, dict):
            raise unintelligible("POST", TOKEN_PATH, f"it is not JSON (status {response.status_code})")
        if response.status_code != 200 or not isinstance(answer.get("access_token"), str):
            message = quote(answer.get("error_description") or answer.get("message"), secrets)
            raise TokenRefused(response.status_code, quote(answer.get("error"), secrets), message)
        return {**answer, "access_token": Secret(answer["access_token"], "token endpoint")}


@asynccontextmanager
async def open_token_endpoint(
    tenant_options: TenantOptions, environment: Mapping[str, str], domain: str, observe: Observe
) -> AsyncIterator[TokenEndpoint]:
    """The token endpoint on this domain, for as long as the context lasts. Needs no Management API credentials."""
    if tenant_options.sandbox:
        async with _sandbox(tenant_options, domain, observe) as endpoint:
            yield endpoint
        return
    base = base_url(domain, given_address(environment, tenant_options.tenant))
    async with http_client(base, timeout_of(environment)) as http:
        yield TokenEndpoint(domain=domain, url=f"{base}/{TOKEN_PATH}", http=http, observe=observe)


@asynccontextmanager
async def _sandbox(tenant_options: TenantOptions, domain: str, observe: Observe) -> AsyncIterator[TokenEndpoint]:

    assert tenant_options.sandbox is not None
    with embedded_sandbox(tenant_options.sandbox) as sandbox:
        async with BoundedClient(deadline=TIMEOUT, transport=SandboxTransport(sandbox)) as http:
            yield TokenEndpoint(domain=domain, url=f"http://{domain}/{TOKEN_PATH}", http=http, observe=observe)

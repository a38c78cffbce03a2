"""The only file that knows auth0-python: its transport for the Management API, and its client assertion.

Its own retries are off: it repeats creates after a 5xx, which makes duplicates. Its models are not used either: they cost
ten times the time, and one unexpected value in a page fails the page, after a write even when it was done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httpx

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.secrets import Secret
from tokenvault.tenant.credentials import KEY_HINT


class Send(Protocol):
    """Sends one request to the Management API, with a token, and nothing else: no retry, no translation of errors."""

    async def __call__(self, path: str, *, method: str, params: Any, json: Any) -> httpx.Response:
        """The response, whatever its status. `path` is below `/api/v2`."""


def management_transport(base_url: str, token: Callable[[], Awaitable[str]], http: httpx.AsyncClient) -> Send:
    """auth0-python's transport for the tenant at this URL."""
    from auth0.management.core.client_wrapper import AsyncClientWrapper

    wrapper = AsyncClientWrapper(
        token="", async_token=token, base_url=f"{base_url}/api/v2", httpx_client=http, max_retries=0
    )
    send: Send = wrapper.httpx_client.request
    return send


def client_assertion(domain: str, client_id: str, private_key: Secret, algorithm: str, source: str) -> Secret:
    """A signed JWT that stands for a client secret. `RefusedError` when the key cannot sign; `source` is where it is from."""
    from auth0.authentication.client_authentication import create_client_assertion_jwt

    try:
        return Secret(create_client_assertion_jwt(domain, client_id, private_key.reveal(), algorithm), source)
    except Exception:  # jwt raises many types for keys and algorithms it cannot use
        summary = f"{source} cannot sign with {algorithm}"
        raise RefusedError(Diagnostic(code="auth-key", summary=summary, hint=KEY_HINT)) from None

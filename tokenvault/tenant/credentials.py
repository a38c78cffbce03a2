"""Where a Management API access token comes from: the first source that is set wins, and what is missing is told whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenvault.errors import ApiError, Diagnostic, RefusedError
from tokenvault.secret import Secret
from tokenvault.tenant.failures import quote, unreachable

if TYPE_CHECKING:
    import httpx

PLAN_SCOPES = (
    "read:clients",
    "read:connections",
    "read:connections_options",
    "read:resource_servers",
    "read:client_grants",
    "read:mfa_policies",
    "read:client_credentials",
)
APPLY_SCOPES = (
    "create:clients",
    "update:clients",
    "update:connections",
    "update:connections_options",
    "create:resource_servers",
    "update:resource_servers",
    "create:client_grants",
    "update:client_grants",
    "create:client_credentials",
    "update:client_credentials",
    "delete:client_credentials",
    "update:client_token_vault_privileged_access",
)
_LEEWAY = 60
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """How to authenticate at one tenant: a token as it is, or a client that can ask for one."""

    domain: str
    source: str
    token: Secret | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    private_key: Secret | None = None
    algorithm: str = "RS256"
    audience: str = ""


def find_credentials(environment: Mapping[str, str], tenant: str | None = None) -> Credentials:
    """The credentials that the environment holds, or `RefusedError` naming every way to give them."""
    domain = (tenant or environment.get("AUTH0_DOMAIN", "")).strip().removeprefix("https://").rstrip("/")
    if not domain:
        raise RefusedError(_no_tenant())
    for name in ("AUTH0_API_TOKEN", "AUTH0_ACCESS_TOKEN"):
        if environment.get(name, "").strip():
            return Credentials(domain=domain, source=name, token=Secret(environment[name].strip(), name))
    client_id = environment.get("AUTH0_CLIENT_ID", "").strip()
    audience = environment.get("AUTH0_AUDIENCE", "").strip() or f"https://{domain}/api/v2/"
    secret = environment.get("AUTH0_CLIENT_SECRET", "").strip()
    key = environment.get("AUTH0_CLIENT_ASSERTION_PRIVATE_KEY", "").strip()
    if client_id and (secret or key):
        return Credentials(
            domain=domain,
            source="AUTH0_CLIENT_ID with " + ("AUTH0_CLIENT_SECRET" if secret else "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY"),
            client_id=client_id,
            client_secret=Secret(secret, "AUTH0_CLIENT_SECRET") if secret else None,
            private_key=None if secret else _private_key(key),
            algorithm=environment.get("AUTH0_CLIENT_ASSERTION_SIGNING_ALG", "RS256").strip() or "RS256",
            audience=audience,
        )
    raise RefusedError(_no_credentials(domain, client_id))


def _private_key(text: str) -> Secret:
    """PEM, or the path of a file that holds it."""
    source = "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY"
    if "-----BEGIN" in text:
        return Secret(text.replace("\\n", "\n"), source)
    try:
        return Secret(Path(text).read_text(), source)
    except (OSError, UnicodeDecodeError, ValueError):
        summary = f"{source} is neither a PEM nor the path of a readable file"
        raise RefusedError(Diagnostic(code="auth-key", summary=summary)) from None


def _no_tenant() -> Diagnostic:
    return Diagnostic(
        code="auth-tenant",
        summary="No tenant is named",
        hint="Set AUTH0_DOMAIN (or pass --tenant) to its domain, for example acme.us.auth0.com; or try --sandbox.",
    )


def _no_credentials(domain: str, client_id: str) -> Diagnostic:
    missing = "AUTH0_CLIENT_ID is set without a secret or key. " if client_id else ""
    return Diagnostic(
        code="auth-credentials",
        summary=f"There are no credentials for {domain}",
        detail=f"{missing}Give one of:\n"
        "  AUTH0_API_TOKEN                                        a Management API access token\n"
        "  AUTH0_CLIENT_ID + AUTH0_CLIENT_SECRET                  a machine-to-machine application\n"
        "  AUTH0_CLIENT_ID + AUTH0_CLIENT_ASSERTION_PRIVATE_KEY   the same, with a key\n"
        f"Scopes for plan:  {' '.join(PLAN_SCOPES)}\nScopes that apply adds:  {' '.join(APPLY_SCOPES)}",
        hint="Or add --sandbox to try the command on a simulated tenant.",
    )


@dataclass(slots=True)
class TokenSource:
    """Hands out a valid access token: one request for all who wait, and a new one before the old expires."""

    credentials: Credentials
    base_url: str
    http: httpx.AsyncClient
    now: Callable[[], float] = time.time
    scopes: frozenset[str] | None = None
    expires_at: float | None = None
    _token: Secret | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> str:
        if self.credentials.token:
            return self.credentials.token.reveal()
        async with self._lock:
            if self._token is None or (self.expires_at or 0) - _LEEWAY < self.now():
                await self._fetch()
            assert self._token is not None
            return self._token.reveal()

    def forget(self) -> None:
        """Drops a token that the server no longer takes."""
        self._token = None

    async def _fetch(self) -> None:
        import httpx

        form = {
            "grant_type": "client_credentials",
            "client_id": self.credentials.client_id,
            "audience": self.credentials.audience,
            **self._proof(),
        }
        try:
            response = await self.http.post(f"{self.base_url}/oauth/token", data=form)
            answer = response.json() if response.content else {}
        except httpx.TransportError as error:
            raise unreachable(self.credentials.domain, error) from None
        except ValueError:
            answer = {}
        if response.status_code != 200 or not isinstance(answer, dict) or not answer.get("access_token"):
            raise _refused(self.credentials, response.status_code, answer)
        self._token = Secret(str(answer["access_token"]), "token endpoint")
        self.expires_at = self.now() + float(answer.get("expires_in", 86400))
        self.scopes = frozenset(str(answer["scope"]).split()) if answer.get("scope") else None

    def _proof(self) -> dict[str, str]:
        if self.credentials.client_secret:
            return {"client_secret": self.credentials.client_secret.reveal()}
        from auth0.authentication.client_authentication import create_client_assertion_jwt

        assert self.credentials.private_key is not None
        try:
            assertion = create_client_assertion_jwt(
                self.credentials.domain,
                self.credentials.client_id,
                self.credentials.private_key.reveal(),
                self.credentials.algorithm,
            )
        except Exception as error:  # jwt raises many types for keys and algorithms it cannot use
            summary = f"AUTH0_CLIENT_ASSERTION_PRIVATE_KEY cannot sign with {self.credentials.algorithm}"
            raise RefusedError(Diagnostic(code="auth-key", summary=summary)) from error
        return {"client_assertion_type": _ASSERTION, "client_assertion": assertion}


def _refused(credentials: Credentials, status: int, answer: Any) -> ApiError:
    said = answer if isinstance(answer, dict) else {}
    detail = f"{quote(said.get('error'))}: {quote(said.get('error_description'))}".strip(": ")
    return ApiError(
        Diagnostic(
            code="auth-refused",
            summary=f"{credentials.domain} refused the credentials from {credentials.source} ({status})",
            detail=detail,
            hint=f"Check the client, its secret or key, and that it is authorized for {credentials.audience}.",
        ),
        status=status,
    )


Token = Callable[[], Awaitable[str]]

"""A valid access token for as long as a command lasts, and what it says of itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tokenvault.errors import ApiError, Diagnostic, RefusedError
from tokenvault.secret import Secret
from tokenvault.tenant.credentials import KEY_VARIABLE, Credentials
from tokenvault.tenant.failures import quote, unreachable
from tokenvault.tenant.guidance import ways

if TYPE_CHECKING:
    import httpx

_LEEWAY = 60
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a token allows and until when, as far as it tells (None: it does not). For people to read, not to trust."""

    source: str
    scopes: frozenset[str] | None = None
    expires_at: float | None = None
    audiences: tuple[str, ...] = ()
    client_id: str = ""


class AccessToken(Protocol):
    """The token of a tenant that is open."""

    async def __call__(self) -> str:
        """The token itself: for a request, never to be shown."""

    async def access(self) -> Access:
        """What the token says of itself."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token that is known and never ends, as the sandbox's."""

    value: str
    known: Access

    async def __call__(self) -> str:
        return self.value

    async def access(self) -> Access:
        return self.known


def read_access(token: str, source: str) -> Access:
    """What stands in a token, its signature not checked. An opaque one says nothing."""
    import jwt

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return Access(source=source)
    audience, scope, expires = claims.get("aud"), claims.get("scope"), claims.get("exp")
    return Access(
        source=source,
        scopes=frozenset(scope.split()) if isinstance(scope, str) else None,
        expires_at=float(expires) if isinstance(expires, int | float) else None,
        audiences=tuple(
            str(item) for item in (audience if isinstance(audience, list) else [audience] if audience else [])
        ),
        client_id=str(claims.get("azp") or ""),
    )


@dataclass(slots=True)
class TokenSource:
    """Hands out a valid access token: one request for all who wait, and a new one before the old expires."""

    credentials: Credentials
    base_url: str
    http: httpx.AsyncClient
    now: Callable[[], float] = time.time
    _token: Secret | None = None
    _access: Access | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> str:
        if self.credentials.token:
            return self.credentials.token.reveal()
        async with self._lock:
            if self._token is None or self._is_over():
                await self._fetch()
            assert self._token is not None
            return self._token.reveal()

    async def access(self) -> Access:
        """What the token allows: what the token endpoint answered beside it, or what stands in it."""
        token = await self()
        return self._access or read_access(token, self.credentials.source)

    async def replacement(self, refused: str) -> str | None:
        """A token for one that Auth0 no longer takes, or None when there is no way to get another."""
        if self.credentials.token:
            return None
        async with self._lock:
            if self._token and self._token.reveal() == refused:
                self._token = None
        return await self()

    def _is_over(self) -> bool:
        ends = self._access.expires_at if self._access else None
        return ends is not None and ends - _LEEWAY < self.now()

    async def _fetch(self) -> None:
        import httpx

        form = {
            "grant_type": "client_credentials",
            "client_id": self.credentials.client_id,
            "audience": self.credentials.audience,
            **self._proof(),
        }
        try:
            response = await self.http.request("POST", f"{self.base_url}/oauth/token", data=form, auth=None)
            answer = response.json() if response.content else {}
        except httpx.TransportError as error:
            raise unreachable(self.credentials.domain, error) from None
        except ValueError:
            answer = {}
        if response.status_code != 200 or not isinstance(answer, dict) or not answer.get("access_token"):
            raise refused(self.credentials, response.status_code, answer)
        self._keep(answer)

    def _keep(self, answer: dict[str, Any]) -> None:
        token = str(answer["access_token"])
        told = read_access(token, self.credentials.source)
        scope = answer.get("scope")
        self._token = Secret(token, "token endpoint")
        self._access = Access(
            source=self.credentials.source,
            scopes=frozenset(scope.split()) if isinstance(scope, str) else told.scopes,
            expires_at=self.now() + float(answer.get("expires_in", 86400)),
            audiences=told.audiences or (self.credentials.audience,),
            client_id=self.credentials.client_id,
        )

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
            summary = f"{KEY_VARIABLE} cannot sign with {self.credentials.algorithm}"
            raise RefusedError(Diagnostic(code="auth-key", summary=summary)) from error
        return {"client_assertion_type": _ASSERTION, "client_assertion": assertion}


def refused(credentials: Credentials, status: int, answer: Any, reasons: Iterable[str] = ()) -> ApiError:
    """The error for credentials that Auth0 does not take: what it said, what is known of them, and every other way."""
    said = answer if isinstance(answer, dict) else {}
    message = quote(said.get("error_description")) or quote(said.get("message"))
    quoted = f"{quote(said.get('error'))}: {message}".strip(": ")
    detail = [line for line in (quoted, *reasons) if line]
    return ApiError(
        Diagnostic(
            code="auth-refused",
            summary=f"{credentials.domain} refused the credentials from {credentials.source} ({status})",
            detail="\n".join([*detail, "", ways()]).lstrip("\n"),
            hint=credentials.renewal,
        ),
        status=status,
    )


def reasons_of(credentials: Credentials, told: Access, now: float) -> Iterable[str]:
    """Why a token may have been refused, as far as it tells."""
    domains = [audience.removeprefix("https://").split("/")[0] for audience in told.audiences if "/api/v2" in audience]
    if domains and credentials.domain not in domains:
        yield f"The token says that it is for {quote(domains[0])}."
    if told.expires_at is not None and told.expires_at < now:
        yield "The token says that it has expired."

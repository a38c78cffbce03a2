"""A valid access token for as long as a command lasts, and what it says of itself."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from tokenvault.errors import ApiError, Diagnostic, RefusedError
from tokenvault.secrets import Secret
from tokenvault.tenant.credentials import KEY_VARIABLE, Credentials
from tokenvault.tenant.failures import quote, refusal, unintelligible, unreachable
from tokenvault.tenant.scopes import ways

TOKEN_PATH = "oauth/token"
_VISIBLE = re.compile(r"[!-~]+")
_LEEWAY = 60
_LIFETIME = 86_400.0
_LAST_MOMENT = 253_402_300_000
_PAUSES = (0.5, 1.5, 4.0)
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


def token_of(request: httpx.Request) -> str:
    """The token that a request was sent with: not to be shown when an answer repeats it."""
    return str(request.headers.get("Authorization", "")).removeprefix("Bearer ")


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
        expires_at=_moment(expires),
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
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _token: Secret | None = None
    _access: Access | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> str:
        if self.credentials.token:
            return _sendable(self.credentials.token.reveal(), self.credentials)
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
        """Asks for a token, and again where nobody answers: one that is issued and lost harms nobody."""
        proof = self._proof()
        for pause in _PAUSES:
            try:
                return self._keep(await self._asked(proof))
            except _Retryable:
                await self.sleep(pause)
        try:
            return self._keep(await self._asked(proof))
        except _Retryable as again:
            raise again.error from None

    async def _asked(self, proof: Mapping[str, Secret | str]) -> dict[str, Any]:
        import httpx

        given = {"client_id": self.credentials.client_id, "audience": self.credentials.audience, **proof}
        form = {name: value.reveal() if isinstance(value, Secret) else value for name, value in given.items()}
        form["grant_type"] = "client_credentials"
        try:
            response = await self.http.request("POST", f"{self.base_url}/{TOKEN_PATH}", data=form, auth=None)
            answer = response.json() if response.content else None
        except httpx.HTTPError as error:
            raise _Retryable(unreachable(self.credentials.domain, error)) from None
        except (ValueError, RecursionError):
            answer = None
        secrets = [value.reveal() for value in proof.values() if isinstance(value, Secret)]
        return self._judged(response.status_code, answer, secrets)

    def _judged(self, status: int, answer: Any, secrets: Sequence[str]) -> dict[str, Any]:
        if status in (408, 429) or status >= 500:
            raise _Retryable(refusal("POST", TOKEN_PATH, status, answer, secrets))
        if status == 200 and not (isinstance(answer, dict) and _is_token(answer.get("access_token"))):
            raise _Retryable(unintelligible("POST", TOKEN_PATH, "it holds no access token"))
        if status != 200:
            raise refused(self.credentials, status, answer, secrets=secrets)
        return dict(answer)

    def _keep(self, answer: Mapping[str, Any]) -> None:
        token, scope, lasts = answer["access_token"], answer.get("scope"), answer.get("expires_in")
        told = read_access(token, self.credentials.source)
        self._token = Secret(token, "token endpoint")
        self._access = Access(
            source=self.credentials.source,
            scopes=frozenset(scope.split()) if isinstance(scope, str) else told.scopes,
            expires_at=self.now() + (_moment(lasts) or _LIFETIME),
            audiences=told.audiences or (self.credentials.audience,),
            client_id=self.credentials.client_id,
        )

    def _proof(self) -> dict[str, Secret | str]:
        if self.credentials.client_secret:
            return {"client_secret": self.credentials.client_secret}
        from auth0.authentication.client_authentication import create_client_assertion_jwt

        assert self.credentials.private_key is not None
        try:
            assertion = create_client_assertion_jwt(
                self.credentials.domain,
                self.credentials.client_id,
                self.credentials.private_key.reveal(),
                self.credentials.algorithm,
            )
        except Exception:  # jwt raises many types for keys and algorithms it cannot use
            summary = f"{KEY_VARIABLE} cannot sign with {self.credentials.algorithm}"
            hint = "Give an RSA private key as PEM, or the path of one."
            raise RefusedError(Diagnostic(code="auth-key", summary=summary, hint=hint)) from None
        return {"client_assertion_type": _ASSERTION, "client_assertion": Secret(assertion, KEY_VARIABLE)}


def _is_token(value: Any) -> bool:
    """Whether this can be sent as a token: visible ASCII, without a space."""
    return isinstance(value, str) and _VISIBLE.fullmatch(value) is not None


def _sendable(token: str, credentials: Credentials) -> str:
    if _is_token(token):
        return token
    summary = f"The access token in {credentials.source} holds characters that no token has"
    hint = "It was cut or changed when it was copied. " + credentials.renewal
    raise RefusedError(Diagnostic(code="auth-token", summary=summary, hint=hint))


class _Retryable(Exception):
    """Nobody answered, or not what was asked: the same may be asked once more."""

    def __init__(self, error: ApiError) -> None:
        super().__init__()
        self.error = error


def _moment(value: Any) -> float | None:
    """Seconds, where a number says so that a calendar can hold."""
    return float(value) if isinstance(value, int | float) and 0 < value < _LAST_MOMENT else None


def refused(
    credentials: Credentials, status: int, answer: Any, reasons: Iterable[str] = (), *, secrets: Sequence[str] = ()
) -> ApiError:
    """The error for credentials that Auth0 does not take: what it said, what is known of them, and every other way."""
    said = answer if isinstance(answer, dict) else {}
    message = quote(said.get("error_description"), secrets) or quote(said.get("message"), secrets)
    quoted = f"{quote(said.get('error'), secrets)}: {message}".strip(": ")
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


UNAUTHORIZED = 401


class Renewal(httpx.Auth):
    """What a refused request did not do, so it may be repeated, whatever it was."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """One more try, with another token than the refused one; `ApiError` when there is none or it is refused too."""
        response = yield request
        if response.status_code != UNAUTHORIZED:
            return
        token = await self._source.replacement(token_of(request))
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
            response = yield request
        if response.status_code == UNAUTHORIZED:
            raise await self._refused(request, response)

    async def _refused(self, request: httpx.Request, response: httpx.Response) -> Exception:
        await response.aread()
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        credentials = self._source.credentials
        told = read_access(token_of(request), credentials.source)
        reasons = reasons_of(credentials, told, self._source.now())
        return refused(credentials, response.status_code, answer, reasons, secrets=[token_of(request)])

"""Keeps a valid Management API access token for as long as a command runs, and reads its claims."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from tokenvault.errors import ApiError, Diagnostic, RefusedError
from tokenvault.secrets import Secret
from tokenvault.tenant.bounds import transport_failure
from tokenvault.tenant.credentials import KEY_VARIABLE, Credentials
from tokenvault.tenant.decoding import json_of
from tokenvault.tenant.failures import quote, refusal, unintelligible
from tokenvault.tenant.retries import Retryable, retry_after, with_retries
from tokenvault.tenant.transport import client_assertion

TOKEN_PATH = "oauth/token"
UNAUTHORIZED = 401
_VISIBLE = re.compile(r"[!-~]+")
_LEEWAY = 60
_LIFETIME = 86_400.0
_LAST_MOMENT = 253_402_300_000
_LONGEST_PAUSE = 30.0
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

    async def replacement(self, refused: str) -> str | None:
        """A token for one that was refused, or None when there is no way to get another."""

    def refusal(self, refused_token: str, method: str, path: str, answer: Any) -> ApiError:
        """The error for a token that Auth0 does not take (401)."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token that is known and never ends, as the sandbox's."""

    value: str
    known: Access

    async def __call__(self) -> str:
        return self.value

    async def access(self) -> Access:
        return self.known

    async def replacement(self, refused: str) -> str | None:
        return None

    def refusal(self, refused_token: str, method: str, path: str, answer: Any) -> ApiError:
        return refusal(method, path, UNAUTHORIZED, answer, [refused_token])


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

    def refusal(self, refused_token: str, method: str, path: str, answer: Any) -> ApiError:
        """The error for a token that Auth0 does not take (401), with what the token says of itself."""
        access = read_access(refused_token, self.credentials.source)
        reasons = reasons_of(self.credentials, access, self.now())
        return refused(self.credentials, UNAUTHORIZED, answer, reasons, secrets=[refused_token])

    def _is_over(self) -> bool:
        ends = self._access.expires_at if self._access else None
        return ends is not None and ends - _LEEWAY < self.now()

    async def _fetch(self) -> None:
        """Asks for a token, and again where nobody answers: one that is issued and lost harms nobody."""
        proof = self._proof()
        self._keep(await with_retries(lambda: self._asked(proof), self._pause))

    async def _pause(self, seconds: float) -> bool:
        await self.sleep(min(seconds, _LONGEST_PAUSE))
        return True

    async def _asked(self, proof: Mapping[str, Secret | str]) -> dict[str, Any]:
        given = {"client_id": self.credentials.client_id, "audience": self.credentials.audience, **proof}
        form = {name: value.reveal() if isinstance(value, Secret) else value for name, value in given.items()}
        form["grant_type"] = "client_credentials"
        try:
            response = await self.http.request("POST", f"{self.base_url}/{TOKEN_PATH}", data=form)
        except httpx.HTTPError as error:
            raise transport_failure(self.credentials.domain, "POST", TOKEN_PATH, error) from None
        secrets = [value.reveal() for value in proof.values() if isinstance(value, Secret)]
        return self._judged(response, json_of(response.content), secrets)

    def _judged(self, response: httpx.Response, answer: Any, secrets: Sequence[str]) -> dict[str, Any]:
        status = response.status_code
        if status in (408, 429) or status >= 500:
            error = refusal("POST", TOKEN_PATH, status, answer, secrets)
            raise Retryable(error, after=retry_after(response.headers, self.now()) or 0.0)
        if status == 200 and not (isinstance(answer, dict) and _is_token(answer.get("access_token"))):
            raise Retryable(unintelligible("POST", TOKEN_PATH, "it holds no access token"))
        if status != 200:
            raise refused(self.credentials, status, answer, secrets=secrets)
        return dict(answer)

    def _keep(self, answer: Mapping[str, Any]) -> None:
        token, scope, lasts = answer["access_token"], answer.get("scope"), answer.get("expires_in")
        access = read_access(token, self.credentials.source)
        self._token = Secret(token, "token endpoint")
        self._access = Access(
            source=self.credentials.source,
            scopes=frozenset(scope.split()) if isinstance(scope, str) else access.scopes,
            expires_at=self.now() + (_moment(lasts) or _LIFETIME),
            audiences=access.audiences or (self.credentials.audience,),
            client_id=self.credentials.client_id,
        )

    def _proof(self) -> dict[str, Secret | str]:
        if self.credentials.client_secret:
            return {"client_secret": self.credentials.client_secret}
        assert self.credentials.private_key is not None
        assertion = client_assertion(
            self.credentials.domain,
            self.credentials.client_id,
            self.credentials.private_key,
            self.credentials.algorithm,
            KEY_VARIABLE,
        )
        return {"client_assertion_type": _ASSERTION, "client_assertion": assertion}


def _is_token(value: Any) -> bool:
    """Whether this can be sent as a token: visible ASCII, without a space."""
    return isinstance(value, str) and _VISIBLE.fullmatch(value) is not None


def _sendable(token: str, credentials: Credentials) -> str:
    if _is_token(token):
        return token
    summary = f"The access token in {credentials.source} holds characters that no token has"
    hint = "It was cut or changed when it was copied. " + credentials.renewal
    raise RefusedError(Diagnostic(code="auth-token", summary=summary, hint=hint))


def _moment(value: Any) -> float | None:
    """Seconds, where a number says so that a calendar can hold."""
    return float(value) if isinstance(value, int | float) and 0 < value < _LAST_MOMENT else None


def refused(
    credentials: Credentials, status: int, answer: Any, reasons: Iterable[str] = (), *, secrets: Sequence[str] = ()
) -> ApiError:
    """The error for credentials that Auth0 does not take: what it said, what is known of them, and what to do.

    Its status is 401 even where the token endpoint answered 403: that says nothing of what a token may read.
    """
    fields = answer if isinstance(answer, dict) else {}
    message = quote(fields.get("error_description"), secrets) or quote(fields.get("message"), secrets)
    quoted = f"{quote(fields.get('error'), secrets)}: {message}".strip(": ")
    detail = [line for line in (quoted, *reasons, f"They come from {credentials.source}") if line]
    return ApiError(
        Diagnostic(
            code="auth-refused",
            summary=f"{credentials.domain} refused the credentials ({status})",
            detail=" ".join(f"{line.rstrip('.')}." for line in detail),
            hint=credentials.renewal,
        ),
        status=UNAUTHORIZED,
    )


def reasons_of(credentials: Credentials, access: Access, now: float) -> Iterable[str]:
    """Why a token may have been refused, as far as it tells."""
    domains = [
        audience.removeprefix("https://").split("/")[0] for audience in access.audiences if "/api/v2" in audience
    ]
    if domains and credentials.domain not in domains:
        yield f"The token says that it is for {quote(domains[0])}."
    if access.expires_at is not None and access.expires_at < now:
        yield "The token says that it has expired."

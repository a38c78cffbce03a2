"""Bounds of what a tenant may answer: whatever comes, it ends in bounded time and memory, with a code that says what happened.

One request has a deadline from the first byte sent to the last byte read, and its answer a number of bytes, counted after
decompression, and of values. A list has a number of pages, of bytes and values and of seconds, and must lead somewhere: no
cursor twice, no row of pages without anything new.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import urllib.request
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from tokenvault.errors import ApiError, Diagnostic
from tokenvault.tenant.failures import endless, quote, timed_out, too_large, unintelligible
from tokenvault.tenant.options import LOOPBACK
from tokenvault.tenant.retries import Retryable

MAX_BYTES = 16 * 1024 * 1024
"""Of one answer, decompressed. A page of a hundred connections with all their options has about one megabyte."""

MAX_WEIGHT = 4 * MAX_BYTES
"""Of one answer, in memory: a few bytes of JSON can be thousands of values."""

MAX_PAGES = 2_000
MAX_LIST_WEIGHT = 256 * 1024 * 1024
MAX_LIST_SECONDS = 600.0
MAX_PAGES_WITHOUT_NEW_ITEMS = 10
CONNECT = 0.8
"""Of a request's deadline, for the connection: so that what does not connect is told from what does not answer."""

_PIECE = 64 * 1024
_VALUE = 64
_REFUSED = 400
_BEGINNING = 1000


class AnswerTooLarge(httpx.TransportError):
    """The answer has more bytes than any answer of the Management API."""


class AnswerNotReadable(httpx.TransportError):
    """The answer has an encoding that was not asked for, or is not what its encoding says."""


class BoundedClient(httpx.AsyncClient):
    """An HTTP client whose every request ends within `deadline` seconds and whose answers end within `MAX_BYTES`.

    httpx's own timeouts are for each read: a byte now and then keeps them from ever passing.
    """

    def __init__(self, *, deadline: float, **options: Any) -> None:
        patience = httpx.Timeout(deadline, connect=deadline * CONNECT, pool=None)
        super().__init__(timeout=patience, event_hooks={"response": [_bound]}, **options)
        self.headers["Accept-Encoding"] = "gzip"
        self._deadline = deadline

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """The response, read to its end. `httpx.TimeoutException`, `AnswerTooLarge` or `AnswerNotReadable` otherwise."""
        try:
            async with asyncio.timeout(self._deadline):
                response = await super().send(request, **options)
        except TimeoutError:
            raise httpx.ReadTimeout("no whole answer in time", request=request) from None
        if (
            response.status_code == _REFUSED
            and request.url.scheme == "http"
            and b"HTTPS" in response.content[:_BEGINNING]
        ):
            raise TlsExpected("plain HTTP was sent to a port of TLS", request=request)
        if weight_of(response.content) > MAX_WEIGHT:
            raise AnswerTooLarge(f"its values take more than {MAX_WEIGHT // 2**20} MB", request=request)
        return response


def weight_of(content: bytes) -> int:
    """The bytes of memory that the JSON takes, roughly: its text, and each of its values."""
    return len(content) + _VALUE * sum(map(content.count, (b",", b"[", b"{")))


def transport_failure(domain: str, method: str, path: str, error: httpx.HTTPError) -> Retryable | ApiError:
    """The error for a request that got no whole answer, or none that can be read; most may be repeated."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
        return unreachable(domain, error)
    if misspoken := speaks_tls(domain, error):
        return misspoken
    if isinstance(error, AnswerTooLarge):
        return Retryable(too_large(method, path, str(error)), unknown=True, useless=True)
    if isinstance(error, AnswerNotReadable):
        return Retryable(unintelligible(method, path, f"it has {error}"), unknown=True, useless=True)
    if isinstance(error, httpx.TimeoutException):
        return Retryable(timed_out(method, path), unknown=True)
    return Retryable(unintelligible(method, path, broken_connection(domain, error)), unknown=True)


async def _bound(response: httpx.Response) -> None:
    """Has the body decompressed here, piece by piece: httpx decompresses a whole chunk, which may be a thousand times larger."""
    encoding = response.headers.pop("content-encoding", "").strip().lower()
    assert isinstance(response.stream, httpx.AsyncByteStream)
    response.stream = _Bounded(response.stream, encoding)


class _Bounded(httpx.AsyncByteStream):
    """A body, decompressed, as long as it keeps to the bound."""

    def __init__(self, stream: httpx.AsyncByteStream, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        decode, size = _decoder(self._encoding), 0
        async for chunk in self._stream:
            for piece in decode(chunk):
                size += len(piece)
                if size > MAX_BYTES:
                    raise AnswerTooLarge(f"it has more than {MAX_BYTES // 2**20} MB")
                yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def _decoder(encoding: str) -> Callable[[bytes], Iterable[bytes]]:
    if encoding in ("", "identity"):
        return lambda chunk: (chunk,)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise AnswerNotReadable("an encoding that nobody asked for")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def pieces(chunk: bytes) -> Iterable[bytes]:
        while chunk:
            try:
                yield unpack.decompress(chunk, _PIECE)
            except zlib.error:
                raise AnswerNotReadable("a body that is not compressed as it says") from None
            chunk = unpack.unconsumed_tail

    return pieces


@dataclass(slots=True)
class ListBounds:
    """What was read of one list so far. Each method raises `ApiError` when the list exceeds a bound."""

    path: str
    pages: int = 0
    weight: int = 0
    seconds: float = 0.0
    without_new_items: int = 0
    cursors: set[str] = field(default_factory=set)

    def read(self, weight: int, seconds: float, *, has_new: bool) -> None:
        """Counts one more page: its weight in bytes of memory, its seconds, and whether it held items that no page had before."""
        self.pages += 1
        self.weight += weight
        self.seconds += seconds
        self.without_new_items = 0 if has_new else self.without_new_items + 1
        if self.pages > MAX_PAGES:
            raise endless(self.path, f"more than {MAX_PAGES:,} pages")
        if self.weight > MAX_LIST_WEIGHT:
            raise endless(self.path, f"more than {MAX_LIST_WEIGHT // 2**20} MB")
        if self.seconds > MAX_LIST_SECONDS:
            raise endless(self.path, f"not whole after {MAX_LIST_SECONDS:.0f} s of answering")
        if self.without_new_items > MAX_PAGES_WITHOUT_NEW_ITEMS:
            raise endless(self.path, f"{self.without_new_items} pages in a row without anything new")

    def follow(self, cursor: str) -> str:
        """Checks the cursor of the next page and returns it."""
        if cursor in self.cursors:
            raise endless(self.path, "it leads back to a page that was read")
        self.cursors.add(cursor)
        return cursor


# ---- why a tenant cannot be reached: what the network said, down to the error of the socket


_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
)
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL)
_UNKNOWN = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
_NETWORK = "Check the domain (AUTH0_DOMAIN or --tenant), the network, and the proxy variables."
_AUTHORITY = "TLS is always verified. For a private certificate authority, set SSL_CERT_FILE to its certificate."

E = TypeVar("E", bound=BaseException)


class TlsExpected(httpx.TransportError):
    """The server answered that it speaks TLS alone."""


def unreachable(domain: str, error: httpx.HTTPError) -> Retryable | ApiError:
    """The error for a connection that did not come about. What no later attempt can change is no `Retryable`."""
    where = _proxy(error) or domain
    if certificate := _found(error, ssl.SSLCertVerificationError):
        reason = quote(certificate.verify_message).rstrip(".")
        return _error("api-tls", f"The certificate of {domain} cannot be trusted: {reason}", _AUTHORITY)
    if handshake := _found(error, ssl.SSLError):
        return _no_tls(domain, handshake)
    if isinstance(error, httpx.ProxyError):
        return Retryable(_error("api-unreachable", f"{where} does not connect: {quote(str(error))}", _NETWORK))
    if unknown := _found(error, socket.gaierror):
        return _nameless(where, unknown)
    summary = f"{where} cannot be reached: {_cause(error)}"
    return Retryable(_error("api-unreachable", summary, _NETWORK))


def speaks_tls(domain: str, error: httpx.HTTPError) -> ApiError | None:
    """The error for a server on this machine that says that it wants to be spoken to with TLS; None where it does not."""
    if not isinstance(error, TlsExpected):
        return None
    hint = f"Write https:// before it: `AUTH0_DOMAIN=https://{domain}`."
    return _error("api-tls", f"{domain} speaks TLS alone, and was spoken to without", hint)


def broken_connection(domain: str, error: httpx.HTTPError) -> str:
    """What to say of a connection that ended before the answer did."""
    ended = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError)
    if ended and not _is_secure(error):
        return f"the connection broke. If {domain} speaks TLS, write AUTH0_DOMAIN=https://{domain}"
    return "the connection broke"


def _no_tls(domain: str, handshake: ssl.SSLError) -> Retryable | ApiError:
    if handshake.reason in _NOT_TLS:
        plain = f"AUTH0_DOMAIN={domain}, without https://, is spoken to without TLS on this machine alone."
        return _error("api-tls", f"{domain} does not speak TLS", f"Check the domain and its port. {plain}")
    reason = quote((handshake.reason or "the handshake was broken off").replace("_", " ").lower())
    return Retryable(_error("api-tls", f"No TLS connection with {domain} came about: {reason}", _NETWORK))


def _nameless(where: str, unknown: socket.gaierror) -> Retryable | ApiError:
    host = where.rsplit(":", 1)[0]
    if unknown.errno in _UNKNOWN:
        hint = "Check the spelling (AUTH0_DOMAIN or --tenant): a domain looks like acme.us.auth0.com."
        return _error("api-unreachable", f"There is no host named {host}", hint)
    summary = f"The address of {host} cannot be looked up: no name server answers"
    return Retryable(_error("api-unreachable", summary, _NETWORK))


def _cause(error: httpx.HTTPError) -> str:
    if _found(error, ConnectionRefusedError):
        return "it refuses connections, as where nothing listens"
    if isinstance(error, httpx.TimeoutException):
        return "no connection came about in time"
    if any(e.errno in _NO_ROUTE for e in _chain(error) if isinstance(e, OSError)):
        return "no network leads there"
    return "the connection was broken off"


def _error(code: str, summary: str, hint: str) -> ApiError:
    return ApiError(Diagnostic(code=code, summary=summary, hint=hint))


def _proxy(error: httpx.HTTPError) -> str:
    """The proxy that the request was to go through, with whom it was to connect; empty where there is none."""
    url = error.request.url
    proxy = urllib.request.getproxies().get("https") if url.scheme == "https" else None
    if not proxy or urllib.request.proxy_bypass(url.host) or url.host in LOOPBACK:
        return ""
    return f"The proxy {urlsplit(proxy).netloc.rsplit('@', 1)[-1] or proxy} (for {url.host})"


def _is_secure(error: httpx.HTTPError) -> bool:
    return error.request.url.scheme == "https"


def _found(error: BaseException, kind: type[E]) -> E | None:
    return next((cause for cause in _chain(error) if isinstance(cause, kind)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it came of, each once."""
    left, seen = [error], set[int]()
    while left:
        found = left.pop(0)
        if id(found) not in seen:
            seen.add(id(found))
            yield found
            inner = found.exceptions if isinstance(found, BaseExceptionGroup) else ()
            left += [cause for cause in (found.__cause__, found.__context__, *inner) if cause is not None]

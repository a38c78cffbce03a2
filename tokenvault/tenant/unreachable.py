"""Why a tenant cannot be reached: what the network said, down to the error of the socket."""

from __future__ import annotations

import errno
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from tokenvault.errors import ApiError, Diagnostic
from tokenvault.tenant.address import LOOPBACK
from tokenvault.tenant.failures import quote
from tokenvault.tenant.retries import Retryable

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
        reason = quote(certificate.verify_message)
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
    hint = f"Write https:// before it: AUTH0_DOMAIN=https://{domain}"
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

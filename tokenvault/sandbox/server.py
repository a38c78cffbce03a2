"""The sandbox on a loopback port, under uvicorn.

With TLS the port answers both: a connection that begins with a TLS handshake gets TLS, any other plain HTTP.
So `http://127.0.0.1:PORT` and `https://acme.us.auth0.test:PORT` are the same tenant at the same time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from . import traffic
from .certificate import Files
from .core import Sandbox
from .errors import SandboxFileError

if TYPE_CHECKING:
    from .core import Sandbox

HOST = "127.0.0.1"  # never anything else: whoever reaches the port owns the tenant
NAME = re.compile(r"(?=.{1,253}(:|$))[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d{1,5})?")
TLS_HANDSHAKE = b"\x16"
ACCEPT_RETRY = 0.1


def listen(port: int) -> socket.socket:
    """A socket bound to the loopback port, 0 for any free one; raises OSError when it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(128)
    return listener


def check_name(name: str) -> str:
    """A host name to be served under, in lower case; raises ValueError when it is none."""
    lowered = name.strip().lower()
    if not NAME.fullmatch(lowered):
        raise ValueError(f"{name!r} is not a host name such as acme.us.auth0.test")
    return lowered


class _TrackingProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the transport within reach of connection-level faults."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._address = traffic.register(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        traffic.unregister(self._address)
        super().connection_lost(exc)


class _Server(uvicorn.Server):
    """Says where it listens; with TLS it accepts connections itself, to see how each one begins."""

    def __init__(self, config: uvicorn.Config, addresses: Sequence[str], tls: ssl.SSLContext | None) -> None:
        super().__init__(config)
        self._addresses, self._tls = addresses, tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        listeners = sockets or []
        await super().startup([] if self._tls else listeners)
        if self._tls:
            for listener in listeners:
                self._begin(self._accept(listener, self._tls))
        sys.stdout.write("".join(f"tokenvault sandbox listening on {address}\n" for address in self._addresses))
        sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for task in self._tasks:
            task.cancel()
        await super().shutdown(sockets)

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket, tls: ssl.SSLContext) -> None:
        listener.setblocking(False)
        while True:
            try:
                connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            except OSError:  # out of file descriptors, or a caller who left
                await asyncio.sleep(ACCEPT_RETRY)
                continue
            self._begin(self._greet(connection, tls))

    async def _greet(self, connection: socket.socket, tls: ssl.SSLContext) -> None:
        """Hand the connection to uvicorn, through TLS when that is how it begins."""
        try:
            first = await _first_byte(connection)
            if first:
                context = tls if first == TLS_HANDSHAKE else None
                loop = asyncio.get_running_loop()
                await loop.connect_accepted_socket(self._protocol, connection, ssl=context)
                return
        except OSError:
            pass  # a handshake that the caller breaks off is the caller's affair
        except asyncio.CancelledError:
            connection.close()
            raise
        connection.close()

    def _protocol(self) -> _TrackingProtocol:
        return _TrackingProtocol(self.config, self.server_state, self.lifespan.state)


async def _first_byte(connection: socket.socket) -> bytes:
    """The byte that a connection begins with, left where it is; nothing when it ends before."""
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    while True:
        try:
            return connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            readable = loop.create_future()
            loop.add_reader(connection, _resolve, readable)
            try:
                await readable
            finally:
                loop.remove_reader(connection)
        except ConnectionError:
            return b""


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def addresses(port: int, names: Sequence[str], *, tls: bool) -> list[str]:
    """Where the tenant is reached: on this machine, and with TLS by its names."""
    plain = f"http://{HOST}:{port}"
    return (
        [plain, *(f"https://{name}" for name in served_names(port, names or ("localhost",), tls=tls))]
        if tls
        else [plain]
    )


def served_names(port: int, names: Sequence[str], *, tls: bool) -> list[str]:
    """The names as callers write them: with our port where we speak TLS; else a proxy before us has its own."""
    return [name if ":" in name or not tls or port == 443 else f"{name}:{port}" for name in names]


def run(sandbox: Sandbox, listener: socket.socket, names: Sequence[str] = (), tls: Files | None = None) -> None:
    """Serve until a signal ends it, under these names beside this machine's."""
    port = listener.getsockname()[1]
    sandbox.serve_as(served_names(port, names, tls=tls is not None))
    config = uvicorn.Config(
        served(sandbox),
        http=_TrackingProtocol,
        loop="asyncio",
        lifespan="off",
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )
    server = _Server(config, addresses(port, names, tls=tls is not None), tls.context() if tls else None)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        sandbox.close()


# ---- what stands in front of a tenant that is served on a port, and not of one in process
# A page in a browser may have its own name lead to 127.0.0.1 and then speak to whatever listens there (DNS rebinding).
# So a request must name the tenant as it is known here, in its Host header: by a loopback name or address, by a name
# under which the tenant was opened or is served, or by one of its custom domains.


def served(sandbox: Sandbox) -> ASGIApp:
    """The tenant as an ASGI application that answers to its own names alone, and says it when its file fails."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            host = Request(scope).headers.get("host", "")
            if is_own_name(sandbox, host):
                await sandbox.app(scope, receive, send)
                return
            refusal = _refusal(421, "Misdirected Request", f"No tenant of this name is served here: {host[:200]}")
        except SandboxFileError as problem:
            refusal = _refusal(507, "Insufficient Storage", f"{problem.message}. {problem.hint}")
        await refusal(scope, receive, send)

    return answer


def _refusal(status: int, error: str, message: str) -> JSONResponse:
    return JSONResponse({"statusCode": status, "error": error, "message": message}, status)


def is_own_name(sandbox: Sandbox, host: str) -> bool:
    """Whether this Host header names the tenant."""
    name = host_name(host)
    if is_loopback(name) or name in map(host_name, (sandbox.domain, sandbox.canonical_domain, *sandbox.served_as)):
        return True
    with sandbox.store.read() as tx:
        return tx.first("custom_domains", {"domain": name}) is not None


def host_name(host: str) -> str:
    """The name or address in a Host header, without port and brackets; empty for what is none."""
    name, _, port = host.rpartition(":")
    if not name or not port.isdigit():
        name = host
    return name.removeprefix("[").removesuffix("]").removesuffix(".").lower()


def is_loopback(name: str) -> bool:
    """Whether a name or an address is always this machine's own."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False

"""Connection-level accidents under uvicorn: an ASGI application cannot reset a connection, its server's transport can.

The server registers its transports here by the peer's address, which is what the application knows of a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from starlette.types import Scope

Address = tuple[str, int]
_transports: dict[Address, asyncio.Transport] = {}
_ended: dict[Address, asyncio.Event] = {}


def register(transport: asyncio.Transport) -> Address | None:
    """Remember a connection; the address to forget it by, None when the caller has left already."""
    peer = transport.get_extra_info("peername")
    if not peer:
        return None
    address: Address = (peer[0], peer[1])
    _transports[address], _ended[address] = transport, asyncio.Event()
    return address


def unregister(address: Address | None) -> None:
    """Forget it; a connection with TLS does not know its peer any more when it ends."""
    if address:
        _transports.pop(address, None)
        if ended := _ended.pop(address, None):
            ended.set()


def _transport(scope: Scope) -> asyncio.Transport | None:
    client = scope.get("client")
    return _transports.get(tuple(client)) if client else None


async def gone(scope: Scope, seconds: float) -> None:
    """Wait until the connection has ended, but not longer than this: TLS says goodbye first."""
    client = scope.get("client")
    ended = _ended.get(tuple(client)) if client else None
    if ended:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), seconds)


def reset_connection(scope: Scope) -> None:
    """Send RST; in process, where there is no connection, raise what the caller of a socket would see."""
    transport = _transport(scope)
    if transport is None:
        raise ConnectionResetError("connection reset by the sandbox")
    raw: socket.socket = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def close_connection(scope: Scope) -> None:
    """Close without another word; in process, raise."""
    transport = _transport(scope)
    if transport is None:
        raise ConnectionResetError("connection closed by the sandbox")
    transport.close()


def send_and_close(scope: Scope, data: bytes) -> None:
    """Write raw bytes and close; in process, raise."""
    transport = _transport(scope)
    if transport is None:
        raise ConnectionResetError("answer cut short by the sandbox")
    transport.write(data)
    transport.close()

"""Connection-level accidents under uvicorn: an ASGI application cannot reset a connection, its server's transport can.

The server registers its transports here by the peer's address, which is what the application knows of a connection.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from starlette.types import Scope

_transports: dict[tuple[str, int], asyncio.Transport] = {}


def register(transport: asyncio.Transport) -> None:
    """Remember a connection."""
    _transports[tuple(transport.get_extra_info("peername")[:2])] = transport


def unregister(transport: asyncio.Transport) -> None:
    """Forget it."""
    _transports.pop(tuple(transport.get_extra_info("peername")[:2]), None)


def _transport(scope: Scope) -> asyncio.Transport | None:
    client = scope.get("client")
    return _transports.get(tuple(client)) if client else None


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

"""The sandbox on a loopback port, under uvicorn."""

from __future__ import annotations

import socket
import sys
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from . import sockets
from .core import Sandbox
from .served import served

HOST = "127.0.0.1"  # never anything else: whoever reaches the port owns the tenant


def listen(port: int) -> socket.socket:
    """A socket bound to the loopback port, 0 for any free one; raises OSError when it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(128)
    return listener


class _TrackingProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with the transport within reach of connection-level faults."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        sockets.register(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        sockets.unregister(self.transport)
        super().connection_lost(exc)


class _AnnouncingServer(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        port = sockets[0].getsockname()[1] if sockets else 0
        sys.stdout.write(f"tokenvault sandbox listening on http://{HOST}:{port}\n")
        sys.stdout.flush()


def run(sandbox: Sandbox, listener: socket.socket) -> None:
    """Serve until a signal ends it."""
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
    try:
        _AnnouncingServer(config).run(sockets=[listener])
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        sandbox.close()

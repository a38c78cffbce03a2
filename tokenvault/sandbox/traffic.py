"""What the server does to every request and answer: logs it, delays it, limits the rate, and injects faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope

from .faults import BODY_FAULTS, CONNECTION_FAULTS, FaultPlan, Rule
from .store import Snapshot, Store
from .throttle import RateLimit

HTML = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
LOG_LIMIT = 200_000
END_WAIT = 5.0


@dataclass(slots=True)
class Traffic:
    """How requests are treated on their way; everything may be changed while the sandbox runs."""

    latency: float = 0.0
    rate_limit: RateLimit | None = None
    faults: FaultPlan = field(default_factory=FaultPlan)
    requests: list[dict[str, Any]] = field(default_factory=list)
    _stale: Snapshot | None = None
    _stale_until: float = 0.0

    def log(self, method: str, path: str, query: str, status: int | None, fault: Rule | None) -> None:
        """Note a request as served; the status of one that got no answer is null."""
        entry: dict[str, Any] = {"method": method, "path": path, "query": query, "status": status, "at": time.time()}
        self.requests.append(entry | ({"fault": fault.fault} if fault else {}))
        del self.requests[:-LOG_LIMIT]

    def freeze_reads(self, store: Store, seconds: float) -> None:
        """From now on, and for so long, reads show the state of this moment."""
        self._thaw()
        self._stale, self._stale_until = store.snapshot(), time.monotonic() + seconds

    def stale_view(self) -> Snapshot | None:
        """The frozen state while it holds."""
        if self._stale and time.monotonic() >= self._stale_until:
            self._thaw()
        return self._stale

    def _thaw(self) -> None:
        if self._stale:
            self._stale.close()
            self._stale = None


def breaks_connection(rule: Rule | None) -> bool:
    """Whether this fault leaves the caller without a whole answer."""
    return rule is not None and rule.fault in CONNECTION_FAULTS


async def break_connection(rule: Rule, response: Response, scope: Scope, receive: Receive) -> None:
    """Do to the connection what the rule says."""
    match rule.fault:
        case "reset":
            reset_connection(scope)
        case "truncate":
            send_and_close(scope, _half(response))
        case "hang":
            if not await _caller_left(rule.duration, receive):
                close_connection(scope)
        case _:
            close_connection(scope)
    await gone(scope, END_WAIT)  # so that the server sees its connection gone before it misses an answer


async def _caller_left(seconds: float, receive: Receive) -> bool:
    """Sleep, but not longer than the caller stays."""
    leaving = asyncio.ensure_future(receive())
    done, _ = await asyncio.wait({leaving}, timeout=seconds)
    leaving.cancel()
    return bool(done)


def _half(response: Response) -> bytes:
    """The head of the answer with its full length, and half of its body."""
    head = f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}\r\n".encode()
    head += b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
    return head + b"\r\n" + bytes(response.body[: len(response.body) // 2])


def spoil(rule: Rule, response: Response) -> Response:
    """The answer, changed as the rule says."""
    if rule.fault not in BODY_FAULTS:
        return response
    status = rule.status or (200 if response.status_code == 204 else response.status_code)  # a 204 has no body to spoil
    if rule.fault == "html":
        return Response(HTML, status, media_type="text/html")
    if rule.fault == "malformed":
        cut = bytes(response.body)[:-1] + b'", oops'
        return Response(cut, status, media_type="application/json")
    return Response(b"", status, media_type="application/json")


# ---- connection-level faults
# An ASGI application cannot reset a connection, but its server's transport can: the server registers its transports here
# by the address of the peer, which is what the application knows of a connection.


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
    """Closes the connection without an answer; in process, raises."""
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

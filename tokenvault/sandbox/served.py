"""What stands in front of a tenant that is served on a port, and not of one in process.

A page in a browser may have its own name lead to 127.0.0.1 and then speak to whatever listens there (DNS rebinding).
So a request must name the tenant as it is known here, in its Host header: by a loopback name or address, by a name
under which the tenant was opened or is served, or by one of its custom domains.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import SandboxFileError

if TYPE_CHECKING:
    from .core import Sandbox


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

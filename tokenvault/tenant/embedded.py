"""The sandbox in process: opened, closed, and its troubles with its file told as tokenvault tells its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from tokenvault.errors import Diagnostic, RefusedError

if TYPE_CHECKING:
    from tokenvault.sandbox import Sandbox


@contextmanager
def embedded_sandbox(path: Path) -> Iterator[Sandbox]:
    """The sandbox in this file, for as long as the context lasts. `RefusedError` when the file fails."""
    from tokenvault.sandbox import open_sandbox

    with file_troubles():
        sandbox = open_sandbox(path)
        try:
            yield sandbox
        finally:
            sandbox.close()


@contextmanager
def file_troubles() -> Iterator[None]:
    """Raises what a sandbox says of itself and its file as a `RefusedError`."""
    from tokenvault.sandbox.errors import SandboxError

    try:
        yield
    except SandboxError as problem:
        raise RefusedError(Diagnostic(code=problem.code, summary=problem.message, hint=problem.hint)) from problem


class SandboxTransport(httpx.ASGITransport):
    """Carries requests to a sandbox in process. `RefusedError` when its file fails meanwhile."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(app=sandbox.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Has the sandbox answer the request."""
        with file_troubles():
            return await super().handle_async_request(request)

"""The sandbox: a simulated Auth0 tenant in one SQLite file, spoken to over HTTP like a real one.

In process it is an ASGI application (`open_sandbox(path).app` behind `httpx.ASGITransport`), on a port it is the same
application under uvicorn (`tokenvault sandbox serve`). What it hands out is fake; what it is given may be real.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core import Sandbox

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "DOMAIN", "TOKEN", "Sandbox", "open_sandbox"]

DOMAIN = "sandbox.localhost"
"""The canonical domain of the in-process tenant."""
TOKEN = "sandbox"
"""A bearer token that the sandbox accepts with every scope."""
CLIENT_ID = "sandboxsandboxsandboxsandboxsand"
"""The seeded deploy tool: AUTH0_CLIENT_ID for the sandbox."""
CLIENT_SECRET = "sandbox-client-secret-that-is-no-secret"
"""The seeded deploy tool: AUTH0_CLIENT_SECRET for the sandbox."""


def open_sandbox(
    path: Path | str,
    *,
    empty: bool = False,
    domain: str = DOMAIN,
    scopes: Collection[str] | None = None,
    variants: Collection[str] | None = None,
) -> Sandbox:
    """Open the tenant in this file (":memory:" for one that dies with the process), creating it when there is none.

    A new tenant holds the sample company "Acme", or with `empty` only what every tenant is born with. `scopes` limits
    what the bearer token `sandbox` may do. `variants` are other ways of the server to behave, beside those that its
    file names; None takes them from $TOKENVAULT_SANDBOX_VARIANTS. Raises SandboxError when the file or a name is wrong.
    """
    from .core import Sandbox

    return Sandbox(path, empty=empty, domain=domain, scopes=scopes, variants=variants)


def __getattr__(name: str) -> Any:
    # Sandbox brings sqlite3 and starlette along; whoever only asks for a constant should not pay for them.
    if name == "Sandbox":
        from .core import Sandbox

        return Sandbox
    raise AttributeError(name)

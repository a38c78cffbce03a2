"""Which tenant a command is about, as data; `tenant/connect.py` opens it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_WAIT = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantOptions:
    """The tenant and how it may be talked to. `sandbox` is the path of a sandbox file; it wins over `tenant`.

    `cli_login` says whether the login of the Auth0 CLI counts where the environment holds no credentials.
    """

    tenant: str | None = None
    sandbox: Path | None = None
    max_rps: float | None = None
    max_wait: float = MAX_WAIT
    cli_login: bool = True

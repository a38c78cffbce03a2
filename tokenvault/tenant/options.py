"""Which tenant a command is about: its options as data, its domain, and the URL behind it. `tenant/connect.py` opens it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenvault.errors import Diagnostic, RefusedError

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


# ---- where a tenant is, as a person gives it


LOOPBACK = ("127.0.0.1", "localhost", "::1")
EXAMPLE = "acme.us.auth0.com"
_HTTPS = re.compile(r"https://", re.IGNORECASE)
_DOMAIN = re.compile(r"(?P<host>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[::1\])(?::(?P<port>[1-9][0-9]{0,4}))?")
_LAST_PORT = 65_535


def given_address(environment: Mapping[str, str], tenant: str | None) -> str:
    """The tenant as an option or AUTH0_DOMAIN gives it; empty when neither does."""
    return (tenant or environment.get("AUTH0_DOMAIN", "")).strip()


def bare_domain(address: str) -> str:
    """The domain in an address that may be a URL."""
    found = _HTTPS.match(address)
    return address[found.end() if found else 0 :].rstrip("/")


def domain_named(environment: Mapping[str, str], tenant: str | None) -> str:
    """The tenant's domain as an option or AUTH0_DOMAIN gives it; empty when neither does."""
    return bare_domain(given_address(environment, tenant))


def base_url(domain: str, address: str = "") -> str:
    """The tenant's URL: https; plain http only to this very machine, where its `address` does not say https.

    `RefusedError` when the domain is none.
    """
    found = _DOMAIN.fullmatch(domain)
    if not found or int(found["port"] or 0) > _LAST_PORT:
        hint = f"Give the bare domain, for example {EXAMPLE}. Only https is spoken, except to this machine."
        raise RefusedError(Diagnostic(code="auth-tenant", summary="The tenant is not a domain", hint=hint))
    host = found["host"]
    if host.lower().strip("[]") in LOOPBACK:
        secure = _HTTPS.match(address) and bare_domain(address) == domain
        return f"{'https' if secure else 'http'}://{domain}"
    if "." not in host and not found["port"]:
        raise RefusedError(_incomplete(host))
    return f"https://{domain}"


def _incomplete(host: str) -> Diagnostic:
    """The answer to a tenant's name in place of its domain."""
    regions = ", ".join(f"{host}.{region}.auth0.com" for region in ("us", "eu", "au"))
    return Diagnostic(
        code="auth-tenant",
        summary=f"{host} is the name of a tenant at most, not its domain",
        hint=f"A domain looks like one of these: {regions}. The dashboard shows it under Applications > Settings.",
    )

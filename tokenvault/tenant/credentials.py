"""Where a Management API access token comes from: the first source that is set wins, and what is missing is told whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.secrets import Secret
from tokenvault.tenant.options import domain_named
from tokenvault.tenant.scopes import ways

TOKEN_VARIABLES = ("AUTH0_API_TOKEN", "AUTH0_ACCESS_TOKEN")
KEY_VARIABLE = "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """How to authenticate at one tenant: a token as it is, or a client that can ask for one.

    `renewal` is what a person does when the tenant no longer takes them.
    """

    domain: str
    source: str
    renewal: str
    token: Secret | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    private_key: Secret | None = None
    algorithm: str = "RS256"
    audience: str = ""


def find_credentials(
    environment: Mapping[str, str],
    tenant: str | None = None,
    *,
    login: bool = True,
    now: Callable[[], float] = time.time,
) -> Credentials:
    """The credentials of the environment, else of the Auth0 CLI's `login`; or `RefusedError` naming every way to give them."""
    from tokenvault.tenant import cli_login

    domain = domain_named(environment, tenant)
    audience = environment.get("AUTH0_AUDIENCE", "").strip()
    found = _token(environment, domain) or _client(environment, domain, audience)
    if found and not domain:
        raise RefusedError(_no_tenant(found.source))
    if not found and not login:
        raise RefusedError(no_credentials(domain, environment))
    return found or cli_login.find(environment, domain, audience=audience, now=now())


def management_audience(domain: str) -> str:
    """The audience of a tenant's Management API. A custom domain has none of its own: there AUTH0_AUDIENCE names it."""
    return f"https://{domain}/api/v2/"


def _token(environment: Mapping[str, str], domain: str) -> Credentials | None:
    for name in TOKEN_VARIABLES:
        value = environment.get(name, "").strip()
        if value:
            renewal = f"Put a new token of {domain} into {name}."
            return Credentials(domain=domain, source=name, token=Secret(value, name), renewal=renewal)
    return None


def _client(environment: Mapping[str, str], domain: str, audience: str) -> Credentials | None:
    client_id = environment.get("AUTH0_CLIENT_ID", "").strip()
    secret = environment.get("AUTH0_CLIENT_SECRET", "").strip()
    key = environment.get(KEY_VARIABLE, "").strip()
    if not client_id or not (secret or key):
        return None
    audience = audience or management_audience(domain)
    return Credentials(
        domain=domain,
        source=f"AUTH0_CLIENT_ID with {'AUTH0_CLIENT_SECRET' if secret else KEY_VARIABLE}",
        renewal=f"Check its id and {'secret' if secret else 'key'}, and its access to {audience}.",
        client_id=client_id,
        client_secret=Secret(secret, "AUTH0_CLIENT_SECRET") if secret else None,
        private_key=None if secret else _private_key(key),
        algorithm=environment.get("AUTH0_CLIENT_ASSERTION_SIGNING_ALG", "").strip() or "RS256",
        audience=audience,
    )


KEY_HINT = "Give an RSA private key as PEM, or the path of one."


def _private_key(text: str) -> Secret:
    """PEM, or the path of a file that holds it."""
    if "-----BEGIN" in text:
        return Secret(text.replace("\\n", "\n"), KEY_VARIABLE)
    try:
        return Secret(Path(text).expanduser().read_text(), KEY_VARIABLE)
    except (OSError, UnicodeDecodeError, ValueError, RuntimeError):
        summary = f"{KEY_VARIABLE} is neither a PEM nor the path of a readable file"
        raise RefusedError(Diagnostic(code="auth-key", summary=summary, hint=KEY_HINT)) from None


def _no_tenant(source: str) -> Diagnostic:
    return Diagnostic(
        code="auth-tenant",
        summary=f"No tenant is named for {source}",
        hint="Set AUTH0_DOMAIN (or pass --tenant) to its domain, for example acme.us.auth0.com; or try --sandbox.",
    )


def no_credentials(domain: str, environment: Mapping[str, str]) -> Diagnostic:
    """The problem of somebody who gave no credentials at all."""
    alone = (
        "AUTH0_CLIENT_ID is set without a secret or key.\n" if environment.get("AUTH0_CLIENT_ID", "").strip() else ""
    )
    named = "" if domain else "No tenant is named either: set AUTH0_DOMAIN, or pass --tenant.\n"
    return Diagnostic(
        code="auth-credentials",
        summary=f"There are no credentials for {domain or 'any tenant'}",
        detail=alone + named + ways(),
        hint="Or add --sandbox to try the command on a simulated tenant.",
    )

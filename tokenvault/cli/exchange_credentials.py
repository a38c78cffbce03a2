"""Credentials of another tenant: seen before they are sent anywhere, by what stands beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.exchange import variables
from tokenvault.secrets import Secret

if TYPE_CHECKING:
    from tokenvault.cli.session import Session
    from tokenvault.exchange import Subject
    from tokenvault.operations.exchange import Found

AUTH0 = ".auth0.com"
SENT = "Nothing was sent."


def check_credentials(session: Session, found: Found, subject: Subject) -> None:
    """Refuses a file of variables for another tenant, another client id beside the secret, a token that another issued."""
    problems = [*_of_file(session, found), *_of_client(session, found), *_of_token(found, subject)]
    if problems:
        raise RefusedError(*problems)


def _of_file(session: Session, found: Found) -> list[Diagnostic]:
    """`tokenvault output` writes the domain beside the secrets."""
    from tokenvault.spec.env_file import read_variables
    from tokenvault.tenant.address import bare_domain

    if session.env_file is None:
        return []
    domain = bare_domain(read_variables(session.env_file).get("AUTH0_DOMAIN", "").strip())
    if not domain or domain in (found.domain, found.exchanger.domain):
        return []
    summary = f"{session.env_file} is for {domain}, and this is {found.domain}"
    hint = f"Pass the file of this tenant (`tokenvault output --out new.env` writes it), or --tenant {domain}. {SENT}"
    return [Diagnostic(code="exchange-other-tenant", summary=summary, hint=hint)]


def _of_client(session: Session, found: Found) -> list[Diagnostic]:
    by = found.exchanger
    name = variables.client_id(by.prefix)
    beside = session.environment.get(name, "").strip()
    if not beside or beside == by.client_id:
        return []
    summary = f"${name} is {beside}, and {by.application} is {by.client_id} on {found.domain}"
    hint = f"The secret beside it is of another application or tenant. Correct or unset ${name}. {SENT}"
    return [Diagnostic(code="exchange-other-client", summary=summary, hint=hint)]


def _of_token(found: Found, subject: Subject) -> list[Diagnostic]:
    """Only Auth0's own domains are judged: a custom domain is not known to be another tenant's."""
    if not isinstance(subject, Secret):
        return []
    issuer = urlsplit(_issuer(subject.reveal())).hostname or ""
    if not issuer.endswith(AUTH0) or issuer in (found.domain, found.exchanger.domain):
        return []
    summary = f"The token to exchange was issued by {issuer}, and this is {found.domain}"
    hint = f"Take one of a login at this tenant, or name that tenant. {SENT}"
    return [Diagnostic(code="exchange-other-tenant", summary=summary, hint=hint)]


def _issuer(token: str) -> str:
    """Who issued it, as it says itself; empty for a token that is no JWT."""
    import base64
    import json

    parts = token.split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return ""
    return str(claims.get("iss") or "") if isinstance(claims, dict) else ""

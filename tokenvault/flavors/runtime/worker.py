"""What a privileged worker must be: what it signs with, where it may come from, and what it may get."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from tokenvault.flavors.provisions import PRIVILEGED
from tokenvault.flavors.runtime.client import EXCHANGING_CHECKS, SETTINGS, rows_of, someone_connects
from tokenvault.flavors.runtime.precondition import (
    HOLDS,
    SKIPPED,
    Precondition,
    Verdict,
    broken,
    look,
    missing,
    unknown,
)
from tokenvault.flavors.runtime.tenant_view import Case, Object, Subject, Unreadable
from tokenvault.kinds.base import DOCS
from tokenvault.model.constraints import NotIn
from tokenvault.model.marks import WRITE_ONLY, read_mark
from tokenvault.model.paths import get_path

DOC = f"{DOCS}/privileged-worker-token-exchange-with-token-vault"
PRIVATE_KEY_JWT_DOC = "https://auth0.com/docs/get-started/applications/configure-private-key-jwt"


def hides_access(client: Object) -> bool:
    """Whether Auth0 does not show the privileged access that tokenvault gave the application."""
    mark = read_mark(client.get("client_metadata"))
    return PRIVILEGED not in client and mark is not None and any(p.verb == WRITE_ONLY for p in mark.provisions)


def _has_access(client: Object, case: Case) -> Verdict:
    if client.get(PRIVILEGED):
        return HOLDS
    if hides_access(client):
        return look(
            "Auth0 does not show the privileged access that tokenvault gave it; an exchange tells whether it is there"
        )
    return broken("it has no privileged access to Token Vault")


def _usable(client: Object, case: Case, references: Sequence[Any], slot: str, kids: Sequence[str]) -> Verdict:
    """Whether one of these credentials exists in the application's pool and is not expired."""
    if not references:
        return broken(f"no key is attached for {slot}")
    pool = case.tenant_view.credentials.get(str(client["client_id"]), ())
    if isinstance(pool, Unreadable):
        return unknown(*pool.scopes)
    attached = [one for one in pool if one["id"] in [reference.get("id") for reference in references]]
    if not attached:
        return broken(f"the key that is attached for {slot} does not exist any more")
    absent = [kid for kid in kids if kid not in [one.get("kid") for one in attached]]
    if absent:
        return broken(f"the spec's key {absent[0]} is not attached for {slot}")
    if all(_is_expired(one, case.tenant_view.now) for one in attached):
        return broken(f"the key for {slot} is expired")
    return HOLDS


def _is_expired(credential: Object, now: float) -> bool:
    text = credential.get("expires_at")
    return bool(text) and datetime.fromisoformat(str(text)).timestamp() <= now


def _key(client: Object, case: Case) -> Verdict:
    if not client.get(PRIVILEGED):
        return SKIPPED
    return _usable(
        client, case, get_path(client, f"{PRIVILEGED}.credentials") or (), "signing requests", case.expected.kids
    )


def _authentication(client: Object, case: Case) -> Verdict:
    """With a secret nothing can be missing; whether keys are in use shows only to those who may read credentials.

    Credentials are read of applications that may have any: one without privileged access is not judged here.
    """
    if client.get("token_endpoint_auth_method"):
        return HOLDS
    pool = case.tenant_view.credentials.get(str(client["client_id"]))
    if pool is None or isinstance(pool, Unreadable):
        return unknown(*pool.scopes) if pool else SKIPPED
    methods = client.get("client_authentication_methods") or {}
    if "private_key_jwt" not in methods:
        return HOLDS
    attached, kids = methods["private_key_jwt"].get("credentials") or (), case.expected.authentication_kids
    return _usable(client, case, attached, "authentication", kids)


def _allowlist(client: Object, case: Case) -> Verdict:
    if not client.get(PRIVILEGED):
        return SKIPPED
    listed = get_path(client, f"{PRIVILEGED}.ip_allowlist") or ()
    if not listed:
        return broken("its IP allowlist is empty: nobody may call")
    lacking = [address for address in case.expected.addresses if not _is_within(address, listed)]
    return broken(f"its IP allowlist lacks {', '.join(lacking)}") if lacking else HOLDS


def _is_within(address: str, listed: Sequence[str]) -> bool:
    """Whether requests from everywhere in it are let through by one of the entries."""
    return address in listed or any(_lets_through(entry, address) for entry in listed)


def _lets_through(entry: str, address: str) -> bool:
    try:
        return ip_network(address, strict=False).subnet_of(ip_network(entry, strict=False))  # type: ignore[arg-type]
    except (ValueError, TypeError):  # no network that we can read, or IPv4 here and IPv6 there
        return False


def _grant_of(client: Object, case: Case) -> Object | None:
    grants = get_path(client, f"{PRIVILEGED}.grants") or ()
    return next((grant for grant in grants if grant.get("connection") == case.connection), None)


def _grant(client: Object, case: Case) -> Verdict:
    if not client.get(PRIVILEGED):
        return SKIPPED
    nothing = f"it is granted nothing of {case.connection}" if case.connection else "it is granted no connection"
    return HOLDS if _grant_of(client, case) else broken(nothing)


def _scopes(client: Object, case: Case) -> Verdict:
    grant = _grant_of(client, case)
    if grant is None:
        return SKIPPED
    granted = grant.get("scopes") or ()
    lacking = [scope for scope in case.expected.scopes if scope not in granted]
    if lacking:
        return broken(f"its grant of {case.connection} lacks {', '.join(lacking)}")
    return HOLDS if granted or _has_no_scopes(case) else look(f"its grant of {case.connection} names no scope")


def _has_no_scopes(case: Case) -> bool:
    """GitHub Apps have permissions of their own instead."""
    connection = case.object(Subject.CONNECTION)
    return isinstance(connection, dict) and connection.get("strategy") == "github"


RS256 = Precondition(
    id="worker-rs256",
    of=Subject.CLIENT,
    means="Auth0 takes keys only of applications whose tokens are signed with RS256",
    attribute="jwt_configuration.alg",
    wants=NotIn((None, "HS256"), "RS256"),
    reason="keys need RS256 tokens",
    otherwise="its tokens are not signed with RS256",
    person="Set Advanced Settings > OAuth > JSON Web Token Signature Algorithm to RS256.",
    page=SETTINGS,
    doc=DOC,
)
AUTHENTICATION = Precondition(
    id="worker-authentication",
    of=Subject.CLIENT,
    means="the worker proves who it is with its key or its secret",
    reason="the worker authenticates with its key",
    check=_authentication,
    attribute="client_authentication_methods.private_key_jwt.credentials",
    person="Assign a public key under Credentials.",
    page="applications/{client_id}/credentials",
    error="invalid-client",
    doc=PRIVATE_KEY_JWT_DOC,
)
KEY = Precondition(
    id="worker-key",
    of=Subject.CLIENT,
    means="Auth0 verifies the worker's requests with a key that is attached to its privileged access",
    reason="Auth0 verifies the worker's requests with this key",
    check=_key,
    attribute=f"{PRIVILEGED}.credentials",
    person="Choose a public key under Privileged Worker.",
    page=SETTINGS,
    error="subject-token",
    doc=DOC,
)
IP_ALLOWLIST = Precondition(
    id="worker-ip-allowlist",
    of=Subject.CLIENT,
    means="requests from addresses that are not listed are rejected",
    reason="requests from elsewhere are rejected",
    check=_allowlist,
    attribute=f"{PRIVILEGED}.ip_allowlist",
    person="Enter the worker's addresses under Privileged Worker > IP Allowlist.",
    page=SETTINGS,
    error="address-not-allowed",
    doc=DOC,
)
GRANT = Precondition(
    id="worker-grant",
    of=Subject.CLIENT,
    means="the worker gets tokens only of connections that it is granted",
    reason="the worker may get these scopes of these connections, and no others",
    check=_grant,
    attribute=f"{PRIVILEGED}.grants",
    person="Add the connection and its scopes under Privileged Worker > Permissions.",
    page=SETTINGS,
    error="not-granted",
    doc=DOC,
)
WORKING_CHECKS = (
    Precondition(
        id="worker-exists",
        of=Subject.CLIENT,
        means="the worker is an application of its own",
        check=missing("the tenant has no such application"),
        existence=True,
        attribute="name",
        doc=DOC,
    ),
    *rows_of(EXCHANGING_CHECKS, Subject.CLIENT, "worker"),
    RS256,
    AUTHENTICATION,
    Precondition(
        id="worker-privileged-access",
        of=Subject.CLIENT,
        means="the worker needs privileged access to Token Vault",
        check=_has_access,
        attribute=f"{PRIVILEGED}.grants",
        person="Switch on Privileged Worker.",
        page=SETTINGS,
        error="no-privileged-access",
        doc=DOC,
    ),
    KEY,
    IP_ALLOWLIST,
    GRANT,
    Precondition(
        id="worker-scopes",
        of=Subject.CLIENT,
        means="the worker gets only the scopes that it is granted",
        check=_scopes,
        attribute=f"{PRIVILEGED}.grants",
        person="Add scopes under Privileged Worker > Permissions.",
        page=SETTINGS,
        error="not-granted",
        doc=DOC,
    ),
    Precondition(
        id="worker-users",
        of=Subject.CLIENT,
        means="the worker finds tokens only of users who connected their accounts in some application",
        check=someone_connects,
        spec="Add an application with the flavor connected_accounts that uses the connection.",
        person="Let users connect their accounts in an application.",
        error="refresh-token-not-found",
        doc=DOC,
    ),
)

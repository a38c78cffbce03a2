"""The Token Vault exchange: checks every precondition, in the order in which Auth0 checks them.

    client          confidential, first party, OIDC conformant      (oauth.py checks its credentials and its grant type)
    request         connection, requested token type
    tenant          no MFA policy that applies to all applications
    subject token   a refresh token, an access token, or the JWT of a privileged worker
    connection      on for connected accounts, enabled for the client
    account         the user connected one, and it has a refresh token of the provider

Where Auth0 documents an error it has that error here; where it does not, the status and code are a guess and the
description says what is wrong.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import auth, enablements, guardian, providers, user_tokens, users
from .auth import read_token
from .client_auth import remember_jti, verify_signed
from .errors import OAuthError
from .store import Document, Transaction
from .variants import CUSTOM_API_CLIENT_ENABLED, GITHUB_OAUTH_APPS

GRANT_TYPE = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
SUBJECT = "urn:ietf:params:oauth:token-type:"
FEDERATED = "http://auth0.com/oauth/token-type/federated-connection-access-token"
TOKEN_VAULT = "http://auth0.com/oauth/token-type/token-vault-access-token"
REQUESTED = {f"{SUBJECT}refresh_token": FEDERATED, f"{SUBJECT}access_token": FEDERATED, f"{SUBJECT}jwt": TOKEN_VAULT}
PROVIDER_LIFETIME = 3599


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One exchange request by an application that has proved who it is."""

    client: Document
    form: Mapping[str, str]
    issuers: frozenset[str]
    client_host: str
    domain: str
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose account it is, which applications may have connected it, and what the exchange is limited to."""

    user_id: str
    clients: tuple[str, ...]
    scopes: tuple[str, ...] | None = None


def exchange(tx: Transaction, request: Request) -> dict[str, Any]:
    """The provider's access token, or an OAuthError that says what is missing."""
    _check_client(request.client)
    _check_parameters(request.form)
    if guardian.always_asks(tx):
        raise OAuthError(403, "mfa_required", "Multifactor authentication required")
    subject = _subject(tx, request)
    connection = _connection(tx, request.form["connection"], subject)
    account = _account(tx, subject.user_id, connection, request.form.get("login_hint"))
    return _answer(tx, request, connection, account, subject)


def named_user(tx: Transaction, form: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
    """Whom a request is about and what its JWT claims, for the logs: nobody where its subject token is none of ours."""
    token = form.get("subject_token", "")
    if form.get("subject_token_type", "").removeprefix(SUBJECT) == "refresh_token":
        return str((tx.get(user_tokens.KIND, token) or {}).get("user_id", "")), {}
    claims = auth.unverified_claims(token)
    return str(claims.get("sub", "")), claims


def _check_client(client: Document) -> None:
    problem = None
    if client.get("token_endpoint_auth_method") == "none":
        problem = "Token Vault requires a confidential client."
    elif not client.get("is_first_party"):
        problem = "Token Vault requires a first-party client."
    elif not client.get("oidc_conformant"):
        problem = "Token Vault requires an OIDC conformant client."
    if problem:
        raise OAuthError(403, "unauthorized_client", problem)


def _check_parameters(form: Mapping[str, str]) -> None:
    for name in ("subject_token", "subject_token_type", "requested_token_type", "connection"):
        if not form.get(name):
            raise OAuthError(400, "invalid_request", f"{name} is required")
    expected = REQUESTED.get(form["subject_token_type"])
    if expected is None:
        raise OAuthError(400, "invalid_request", f"Unsupported subject_token_type: {form['subject_token_type']}")
    if form["requested_token_type"] != expected:
        raise OAuthError(400, "invalid_request", f"requested_token_type must be {expected}")


def _subject(tx: Transaction, request: Request) -> Subject:
    match request.form["subject_token_type"].removeprefix(SUBJECT):
        case "refresh_token":
            return _refresh_token_subject(tx, request)
        case "access_token":
            return _access_token_subject(tx, request)
        case _:
            user_id, scopes = worker_subject(tx, request)
            return Subject(user_id=user_id, clients=(request.client["client_id"],), scopes=scopes)


def _refresh_token_subject(tx: Transaction, request: Request) -> Subject:
    client = request.client
    token = user_tokens.find(tx, request.form["subject_token"], client, request.now)
    if token is None:
        raise OAuthError(403, "invalid_grant", "Unknown or invalid refresh token.")
    if token["rotating"] or client["refresh_token"]["rotation_type"] == "rotating":
        raise OAuthError(400, "invalid_request", "Rotating refresh token not supported")
    return Subject(user_id=token["user_id"], clients=(client["client_id"],))


def _access_token_subject(tx: Transaction, request: Request) -> Subject:
    client = request.client
    identifier = client.get("resource_server_identifier")
    if client.get("app_type") != "resource_server" or not identifier:
        message = "This client is not a resource server and cannot exchange access tokens."
        raise OAuthError(403, "unauthorized_client", message)
    if tx.first("resource_servers", {"identifier": identifier}) is None:
        raise OAuthError(403, "access_denied", f"Service not found: {identifier}")
    try:
        claims = read_token(tx, request.form["subject_token"], identifier, request.now)
    except ValueError as problem:
        raise OAuthError(403, "invalid_grant", f"The subject token is not valid for this client: {problem}") from None
    if not str(claims["sub"]) or str(claims["sub"]).endswith("@clients"):
        raise OAuthError(403, "invalid_grant", "The subject token is not a user's")
    return Subject(user_id=str(claims["sub"]), clients=(str(claims["azp"]), client["client_id"]))


def _connection(tx: Transaction, name: str, subject: Subject) -> Document:
    connection = tx.first("connections", {"name": name})
    if connection is None:
        raise OAuthError(400, "invalid_request", f"The connection {name} does not exist")
    if not connection["connected_accounts"].get("active"):
        raise OAuthError(403, "access_denied", f"The connection {name} is not enabled for connected accounts")
    if not any(enablements.is_enabled(tx, connection["id"], client_id) for client_id in subject.clients):
        raise OAuthError(403, "access_denied", f"The connection {name} is not enabled for the client")
    exchanging = subject.clients[-1]
    if tx.varies(CUSTOM_API_CLIENT_ENABLED) and not enablements.is_enabled(tx, connection["id"], exchanging):
        raise OAuthError(403, "access_denied", f"The connection {name} is not enabled for the client that exchanges")
    return connection


def _account(tx: Transaction, user_id: str, connection: Document, login_hint: str | None) -> Document:
    accounts = [one for one in users.accounts_of(tx, user_id) if one["connection_id"] == connection["id"]]
    hinted = [one for one in accounts if login_hint in (None, one["id"], one.get("login_hint"))]
    lasting = connection["strategy"] == "github" and tx.varies(GITHUB_OAUTH_APPS)
    usable = [one for one in hinted if one["refresh_token"] or lasting]
    if not usable or providers.uses_developer_keys(connection):
        raise OAuthError(
            401, "federated_connection_refresh_token_not_found", "Federated connection Refresh Token not found."
        )
    if providers.keys_of(connection) != usable[-1]["keys"]:
        raise OAuthError(
            401,
            "federated_connection_refresh_token_flow_failed",
            "Failed to exchange the refresh token with the provider.",
        )
    return usable[-1]


def _answer(
    tx: Transaction, request: Request, connection: Document, account: Document, subject: Subject
) -> dict[str, Any]:
    scopes = [scope for scope in account["scopes"] if subject.scopes is None or scope in subject.scopes]
    token = providers.hand_out(tx, connection, account, scopes, request.now, PROVIDER_LIFETIME)
    return {
        "access_token": token,
        "scope": " ".join(scopes),
        "expires_in": PROVIDER_LIFETIME,
        "issued_token_type": request.form["requested_token_type"],
        "token_type": "Bearer",
    }


# ---- the privileged worker: a machine that may use some connections of users who are away
# Its subject token is a JWT that it signs itself, with a credential attached in `token_vault_privileged_access`.


WORKER_JWT = "token-vault-req+jwt"
MAX_AGE, CLOCK_SKEW, CONTEXT_LENGTH = 60, 5, 256


def worker_subject(tx: Transaction, request: Request) -> tuple[str, tuple[str, ...] | None]:
    """The user and the scopes (None: all) that the worker may have, or an OAuthError."""
    access = request.client.get("token_vault_privileged_access")
    if not access:
        raise OAuthError(403, "unauthorized_client", "The client has no privileged access to Token Vault.")
    token = request.form["subject_token"]
    header, claims = verify_signed(
        tx, request.client, access["credentials"], token, request.now, "invalid_request", 400
    )
    _check_token(header, claims, request)
    if not remember_jti(tx, f"worker:{request.client['client_id']}", claims["jti"], request.now):
        raise _invalid("the jti was used before")
    _check_address(access["ip_allowlist"], request.client_host)
    return str(claims["sub"]), _scopes(access["grants"], request.form["connection"], request.form.get("scope", ""))


def _check_token(header: Mapping[str, Any], claims: Mapping[str, Any], request: Request) -> None:
    if header.get("typ") != WORKER_JWT:
        raise _invalid(f"typ must be {WORKER_JWT}")
    for name in ("sub", "aud", "iss", "iat", "jti", "audit_context"):
        if not claims.get(name):
            raise _invalid(f"{name} is required")
    if claims["iss"] != request.client["client_id"]:
        raise _invalid("iss must be the client_id")
    audience = claims["aud"]
    if not any(one in request.issuers for one in (audience if isinstance(audience, list) else [audience])):
        raise _invalid("aud must be the tenant")
    if not isinstance(claims["audit_context"], str) or len(claims["audit_context"]) > CONTEXT_LENGTH:
        raise _invalid(f"audit_context must be a string of 1 to {CONTEXT_LENGTH} characters")
    _check_times(claims, request.now)


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    issued = claims["iat"]
    if not isinstance(issued, int | float) or issued > now + CLOCK_SKEW:
        raise _invalid("iat is not a moment in the past")
    if now - issued > MAX_AGE:
        raise _invalid(f"it is older than {MAX_AGE} seconds")
    if "exp" in claims and (not isinstance(claims["exp"], int | float) or claims["exp"] <= now):
        raise _invalid("it is expired")


def _check_address(allowlist: list[str], host: str) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise _denied("The IP address is not allowed") from None
    if not any(address in ipaddress.ip_network(entry, strict=False) for entry in allowlist):
        raise _denied("The IP address is not allowed")


def _scopes(grants: list[Document], connection: str, wanted: str) -> tuple[str, ...] | None:
    """The granted scopes; a grant without scopes (GitHub has none) limits nothing."""
    grant = next((grant for grant in grants if grant["connection"] == connection), None)
    if grant is None:
        raise _denied(f"The connection {connection} is not granted")
    if beyond := [scope for scope in wanted.split() if grant["scopes"] and scope not in grant["scopes"]]:
        raise _denied(f"The scope {beyond[0]} is not granted")
    return tuple(wanted.split() or grant["scopes"]) or None


def _invalid(reason: str) -> OAuthError:
    return OAuthError(400, "invalid_request", f"Invalid subject token: {reason}")


def _denied(reason: str) -> OAuthError:
    return OAuthError(403, "access_denied", reason)

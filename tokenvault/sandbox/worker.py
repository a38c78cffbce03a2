"""The privileged worker: a machine that may use some connections of users who are away.

Its subject token is a JWT that it signs itself, with a credential attached in `token_vault_privileged_access`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .client_auth import remember_jti, verify_signed
from .errors import OAuthError
from .store import Document, Transaction

if TYPE_CHECKING:
    from .exchange import Request

TYPE = "token-vault-req+jwt"
MAX_AGE, CLOCK_SKEW, CONTEXT_LENGTH = 60, 5, 256


def judge(tx: Transaction, request: Request) -> tuple[str, tuple[str, ...] | None]:
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
    if header.get("typ") != TYPE:
        raise _invalid(f"typ must be {TYPE}")
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

"""What Auth0 or the network said, as diagnostics: quoted, with a code and the next step, never with a body."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tokenvault.errors import ApiError, Diagnostic

MAX_QUOTED = 300
_SCOPES = re.compile(r"expected any of:\s*(?P<scopes>[\w:,\s-]+)")
_NO_FEATURE = ("insufficient_entitlement", "feature_not_enabled")
_LIMITS = ("too_many_entities", "entity_limit_reached", "quota_exceeded", "limit_reached")
_LIMIT = re.compile(
    r"(?i)\b(?:limit|quota|maximum)\b.*\b(?:reached|exceeded|entit\w+|number|allowed)\b"
    r"|\breached\b.*\b(?:limit|quota|maximum)\b"
)
_UPGRADE = re.compile(r"(?i)upgrade|subscription|entitle|feature|not enabled|early access")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def refusal(method: str, path: str, status: int, body: Any, secrets: Iterable[str] = ()) -> ApiError:
    """The error for an answer that is not a success."""
    if status == 404 and not (isinstance(body, dict) and "statusCode" in body):  # nothing to be taken for gone
        summary = f"What answered 404 to {method} {path.split('?')[0]} is not Auth0"
        return ApiError(Diagnostic(code="api-bad-answer", summary=summary, hint=_IN_ITS_PLACE))
    message, error_code = _message_of(body, secrets)
    code, hint = _meaning(status, message, error_code)
    summary = f"Auth0 answered {status} to {method} {path.split('?')[0]}"
    quoted = f"{error_code}: {message}" if error_code and message else message or error_code
    return ApiError(
        Diagnostic(code=code, summary=summary, detail=quoted, hint=hint), status=status, error_code=error_code
    )


def _message_of(body: Any, secrets: Iterable[str]) -> tuple[str, str]:
    if not isinstance(body, dict):
        return "", ""
    return quote(body.get("message") or body.get("error_description"), secrets), quote(body.get("errorCode"), secrets)


def quote(text: Any, secrets: Iterable[str] = ()) -> str:
    """Text of the server, safe to show: one line, bounded, without what was secret in the request."""
    if not isinstance(text, str):
        return ""
    for secret in secrets:
        text = text.replace(secret, "(sensitive value)") if len(secret) > 3 else text
    text = _CONTROL.sub(" ", text)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"


def _meaning(status: int, message: str, error_code: str) -> tuple[str, str]:
    scopes = missing_scopes(message)
    if status == 403 and scopes:
        return (
            "api-scope",
            f"The token lacks a scope. Grant one of these to the application it comes from: {', '.join(scopes)}.",
        )
    if status == 403 and (error_code in _LIMITS or _LIMIT.search(message)):
        hint = "The tenant has as many of these as its plan allows: delete some that nobody uses, or have the plan upgraded."
        return "api-plan-limit", f"{hint} Then run the command again: finished steps are not repeated."
    if status == 403 and (error_code in _NO_FEATURE or _UPGRADE.search(message)):
        hint = "The tenant's plan or its features do not include this; no scope of the token changes that."
        return "api-entitlement", f"{hint} Ask Auth0, or leave it out of the spec."
    if status == 403 and error_code == "insufficient_scope":
        return (
            "api-scope",
            "The token lacks a scope; Auth0 does not say which. `tokenvault auth status` shows those it has.",
        )
    if status == 403:
        return "api-forbidden", "Auth0 does not allow this at all; what it says above is the reason."
    return _BY_STATUS.get(status) or (("api-unavailable", _LATER) if status >= 500 else ("api-invalid", _REPORT))


_LATER = "Auth0 has a problem of its own. Run the command again later: finished steps are not repeated."
_REPORT = "The request was refused as it is; what Auth0 says above names the attribute."
_BY_STATUS = {
    400: ("api-invalid", _REPORT),
    401: (
        "api-unauthorized",
        "The access token is expired, revoked or for another tenant. Get a new one and run again.",
    ),
    404: ("api-not-found", "It was deleted meanwhile. Run the command again to see what the tenant holds now."),
    409: ("api-conflict", "It exists already. Run the command again: it is adopted."),
    429: ("api-rate-limit", "The rate limit stayed exhausted. Run again later, or raise the bound with --max-wait."),
}


def missing_scopes(message: str) -> list[str]:
    """The scopes that a 403 asks for."""
    found = _SCOPES.search(message)
    return sorted({scope.strip() for scope in found["scopes"].split(",") if ":" in scope}) if found else []


def timed_out(method: str, path: str) -> ApiError:
    """The error for an answer that did not come to its end in time."""
    hint = "Run the command again, or wait longer for each answer: TOKENVAULT_TIMEOUT=60."
    return ApiError(
        Diagnostic(code="api-timeout", summary=f"No whole answer to {method} {path} came in time", hint=hint)
    )


def too_large(method: str, path: str, reason: str) -> ApiError:
    """The error for an answer with more in it than one may have."""
    summary = f"The answer to {method} {path} is too large to be read: {reason}"
    return ApiError(Diagnostic(code="api-too-large", summary=summary, hint=_IN_ITS_PLACE))


def endless(path: str, reason: str) -> ApiError:
    """The error for a list that does not end."""
    summary = f"The list at GET {path} does not end: {reason}"
    return ApiError(Diagnostic(code="api-endless-list", summary=summary, hint=_IN_ITS_PLACE))


_IN_ITS_PLACE = "Something between here and Auth0 answers in its place. Check the domain and the proxy variables."


def unintelligible(method: str, path: str, reason: str) -> ApiError:
    """The error for an answer that is not what the Management API answers."""
    hint = "Something between here and Auth0 answers in its place, or the connection broke. Run the command again."
    summary = f"The answer to {method} {path} cannot be understood: {reason}"
    return ApiError(Diagnostic(code="api-bad-answer", summary=summary, hint=hint))

"""The errors that the sandbox's APIs answer with, and those with which the sandbox itself fails.

    ApiError                       status, message, errorCode
    ├── bad_request()              400 invalid_body, invalid_uri, …
    ├── not_found()                404 inexistent_…
    ├── conflict()                 409 …_conflict
    └── insufficient_scope()       403

    OAuthError                     error, error_description: the refusals of /oauth/token

    SandboxError                   the sandbox cannot be used as it was asked; never an answer of a tenant
    └── SandboxFileError           its file cannot be used

Names with () are functions that build an ApiError: answers tell errors apart by their codes alone.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """A refusal as Auth0 words it: `{"statusCode", "error", "message", "errorCode"}`."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, Any]:
        """The JSON form."""
        body = {"statusCode": self.status, "error": HTTPStatus(self.status).phrase, "message": self.message}
        return body | ({"errorCode": self.code} if self.code else {})


class OAuthError(Exception):
    """A refusal of /oauth/token: `{"error", "error_description"}`."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error, self.description = status, error, description
        # exactly this: one of Auth0's SDKs reads the text of an error at no other content type
        self.headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}

    def body(self) -> dict[str, Any]:
        """The JSON form."""
        return {"error": self.error, "error_description": self.description}


class SandboxError(Exception):
    """The sandbox cannot be used as it was asked; with a stable code and a way out, for whoever asked for it."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


class SandboxFileError(SandboxError):
    """The file that holds the tenant cannot be used.

    Codes: sandbox-foreign, sandbox-damaged, sandbox-full, sandbox-busy, sandbox-unusable.
    """


def bad_request(message: str, code: str = "invalid_body") -> ApiError:
    """400; `code` says which part of the request was wrong."""
    return ApiError(400, message, code)


def unauthorized(message: str) -> ApiError:
    """401: no usable token."""
    return ApiError(401, message)


def insufficient_scope(expected: Collection[str]) -> ApiError:
    """403 that names the scopes any of which would have done."""
    return ApiError(403, f"Insufficient scope, expected any of: {','.join(expected)}", "insufficient_scope")


def not_found(what: str, code: str | None = None) -> ApiError:
    """404 with the code that Auth0 derives from the kind of object."""
    return ApiError(404, f"The {what} does not exist", code or f"inexistent_{what.replace(' ', '_')}")


def conflict(message: str, code: str) -> ApiError:
    """409: something with this identity is already there."""
    return ApiError(409, message, code)

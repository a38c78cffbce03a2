"""The errors that logging in, connecting and exchanging end in, and what causes them where no precondition shows it.

Preconditions name these by id; an error is recognised by its OAuth code and, where several causes share one, by its words.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimeError:
    """One error. `codes` and `words` (each enough) recognise it; `causes` are those that the tenant does not show."""

    id: str
    codes: tuple[str, ...]
    means: str
    words: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    status: int = 0

    def recognises(self, status: int, code: str, description: str) -> bool:
        """Whether an answer is this error."""
        text = description.lower()
        if self.status and status != self.status:
            return False
        return code in self.codes and (not self.words or any(word.lower() in text for word in self.words))


RUN_TIME_ERRORS = (
    RunTimeError(
        id="refresh-token-not-found",
        codes=("federated_connection_refresh_token_not_found",),
        means="Token Vault holds no refresh token of this user for this connection",
        causes=(
            "the user never connected an account of this connection: logging in with it is not connecting it",
            "the account was connected while the connection lacked offline access or its own keys: connect it again",
            "the account was connected under another user or organization, or --login-hint names none of them",
        ),
    ),
    RunTimeError(
        id="refresh-token-flow-failed",
        codes=("federated_connection_refresh_token_flow_failed",),
        means="the provider refused the refresh token that Token Vault holds",
        causes=(
            'the user or the provider revoked it, or it expired (Google apps in "Testing": after 7 days)',
            "the connection's client at the provider was changed: users must connect their accounts again",
        ),
    ),
    RunTimeError(
        id="rotating",
        codes=("invalid_request", "invalid_grant", "unauthorized_client"),
        words=("rotating refresh token",),
        means="the refresh token is one that rotates",
        causes=("it was issued while rotation was on: the user must log in again",),
    ),
    RunTimeError(
        id="not-a-resource-server",
        codes=("unauthorized_client", "invalid_request", "access_denied"),
        words=("not a resource server",),
        means="an access token is exchanged only by the Custom API Client that is linked to its API",
        causes=("the request was made with the credentials of the application that called the API",),
    ),
    RunTimeError(
        id="requested-token-type",
        codes=("invalid_request",),
        words=("requested_token_type",),
        means="the request asks for the wrong type of token, or for none",
        causes=("`tokenvault usage` shows the request as Auth0 takes it today",),
    ),
    RunTimeError(
        id="client-not-authorized",
        codes=("access_denied", "unauthorized_client", "invalid_request"),
        words=("is not authorized to access resource server",),
        means="the application may not get tokens for the API on behalf of users",
    ),
    RunTimeError(
        id="service-not-found",
        codes=("access_denied", "invalid_request", "invalid_target"),
        words=("service not found", "invalid audience"),
        means="the tenant has no API with this audience",
    ),
    RunTimeError(
        id="callback-mismatch",
        codes=("access_denied", "invalid_request", "unauthorized_client"),
        words=("callback url mismatch", "redirect_uri"),
        means="the redirect_uri is not among the application's callback URLs",
    ),
    RunTimeError(
        id="offline-access",
        codes=("invalid_request", "access_denied"),
        words=("offline access",),
        means="the API does not allow offline access",
    ),
    RunTimeError(
        id="consent-required",
        codes=("consent_required",),
        means="the API asks the user for consent, and nobody is there to give it",
    ),
    RunTimeError(
        id="unmet-authentication-requirements",
        codes=("unmet_authentication_requirements",),
        means="the My Account API asks for a second factor that the login did not give",
    ),
    RunTimeError(
        id="dpop-required",
        codes=("invalid_dpop_proof",),
        means="the API requires proof of possession (DPoP)",
    ),
    RunTimeError(
        id="insufficient-scope",
        codes=("invalid_scope", "insufficient_scope"),
        means="the refresh token does not reach the scopes that were asked for",
        causes=("it was issued before the application's grant or MRRT policy was changed: the user must log in again",),
    ),
    RunTimeError(
        id="prompt-conflict",
        codes=("invalid_request",),
        words=("approval_prompt",),
        means="Google was told twice whether to prompt",
    ),
    RunTimeError(
        id="mfa-required",
        codes=("mfa_required",),
        means='the tenant-wide MFA policy is "Always", or an Action asks for MFA in every transaction',
    ),
    RunTimeError(
        id="grant-not-allowed",
        codes=("unauthorized_client",),
        words=("grant type",),
        means="the application lacks a grant type",
    ),
    RunTimeError(
        id="no-privileged-access",
        codes=("unauthorized_client",),
        words=("privileged access",),
        means="the application is no privileged worker",
    ),
    RunTimeError(
        id="unauthorized-client",
        codes=("unauthorized_client",),
        means="the application is not one that Token Vault serves",
    ),
    RunTimeError(
        id="address-not-allowed",
        codes=("access_denied",),
        words=("ip address",),
        means="the worker's IP allowlist does not hold the address that the request came from",
        causes=("the request leaves your network from another address (NAT, proxy, another machine)",),
    ),
    RunTimeError(
        id="not-granted",
        codes=("access_denied",),
        words=("not granted",),
        means="the worker is not granted this connection or scope",
    ),
    RunTimeError(
        id="connection-not-on",
        codes=("access_denied", "connected_accounts_connection_failed", "invalid_request"),
        words=("not enabled for connected accounts",),
        means="the connection's purpose leaves out connected accounts",
    ),
    RunTimeError(
        id="connection-not-enabled",
        codes=("access_denied", "invalid_request"),
        words=("not enabled for the client",),
        means="the connection is not enabled for the application",
    ),
    RunTimeError(
        id="no-connection",
        codes=("invalid_request", "invalid_connection", "access_denied"),
        words=("does not exist",),
        means="the tenant has no connection of this name",
    ),
    RunTimeError(
        id="invalid-client",
        codes=("access_denied", "invalid_client"),
        status=401,
        means="the application could not prove who it is",
        causes=("the client secret or the private key is another one's, or was rotated",),
    ),
    RunTimeError(
        id="subject-token",
        codes=("invalid_request", "invalid_grant"),
        words=("subject token", "subject_token", "signature"),
        means="the subject token is not valid for this exchange",
        causes=(
            "an access token is exchanged only for the API (audience) that the Custom API Client is linked to",
            "a worker's JWT counts for 60 seconds and once; look at the clock of this machine",
        ),
    ),
    RunTimeError(
        id="invalid-grant",
        codes=("invalid_grant",),
        means="the token that is to be exchanged is not one that counts",
        causes=(
            "it expired or was revoked: the user must log in again",
            "it was issued to another application: only the one that got a refresh token may exchange it",
        ),
    ),
    RunTimeError(
        id="access-denied",
        codes=("access_denied",),
        means="Auth0 denies the exchange",
        causes=("the address, the connection or the scope is not one that the application may use",),
    ),
)


def run_time_error(status: int, code: str, description: str) -> RunTimeError | None:
    """The error that an answer is; the most telling one first."""
    return next((error for error in RUN_TIME_ERRORS if error.recognises(status, code, description)), None)


def error_named(error_id: str) -> RunTimeError | None:
    """The error of this id."""
    return next((error for error in RUN_TIME_ERRORS if error.id == error_id), None)

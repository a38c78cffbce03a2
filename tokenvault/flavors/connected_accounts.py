"""Connected accounts: users connect their accounts at other providers to their profile. The base of the other flavors."""

from __future__ import annotations

from collections.abc import Iterable

from tokenvault.flavors.base import (
    DOCS,
    GRANTS_DOC,
    MRRT_DOC,
    MY_ACCOUNT,
    MY_ACCOUNT_DOC,
    Flavor,
    FlavorContext,
    application,
    enabled,
    my_account_api,
    my_account_audience,
    user_grant,
)
from tokenvault.flavors.runtime import Runtime
from tokenvault.flavors.runtime.client import CONNECTING_CHECKS
from tokenvault.flavors.runtime.connection import CONNECTION_CHECKS
from tokenvault.flavors.runtime.detection import connecting
from tokenvault.flavors.runtime.my_account import MFA_POLICY_CHECK, MY_ACCOUNT_CHECKS
from tokenvault.flavors.runtime.request import CONNECTED_ACCOUNTS_SCOPES
from tokenvault.model.constraints import Contains, ContainsKeyed, Default, Equals, NotIn
from tokenvault.model.desired import Requirement

CONNECTED_ACCOUNTS = Runtime(
    preconditions=(*CONNECTING_CHECKS, *MY_ACCOUNT_CHECKS, *CONNECTION_CHECKS, MFA_POLICY_CHECK), detections=connecting
)


ROTATING = {"token_lifetime": 2592000, "idle_token_lifetime": 1296000}
LASTING = {"infinite_token_lifetime": True, "infinite_idle_token_lifetime": True}


def _expand(context: FlavorContext) -> Iterable[Requirement]:
    yield from _application(context)
    yield from _my_account(context)
    yield from enabled(context)


def _application(context: FlavorContext) -> Iterable[Requirement]:
    app = application(context)
    yield context.require(app, "is_first_party", Equals(True), "Token Vault serves first-party applications only")
    yield context.require(app, "oidc_conformant", Equals(True), "Token Vault serves OIDC-conformant applications only")
    yield context.require(
        app, "jwt_configuration.alg", NotIn((None, "HS256"), "RS256"), "Token Vault needs tokens signed with RS256"
    )
    grants = Contains(("authorization_code", "refresh_token"))
    yield context.require(app, "grant_types", grants, "users log in and stay logged in with refresh tokens")
    method = "none" if context.app.is_public else "client_secret_post"
    reason = f"how a {context.app.type} application authenticates"
    yield context.require(app, "token_endpoint_auth_method", Default(method, again_with="app_type"), reason)
    policy = {"audience": my_account_audience(context.domain), "scope": list(CONNECTED_ACCOUNTS_SCOPES)}
    reason = "one refresh token serves the application and the My Account API (MRRT)"
    policies = ContainsKeyed("audience", (policy,))
    needs = ("my_account_api",)
    yield context.require(app, "refresh_token.policies", policies, reason, doc=MRRT_DOC, needs=needs)
    yield from _refresh_token(context)


def _refresh_token(context: FlavorContext) -> Iterable[Requirement]:
    """The requirements of refresh tokens: rotation for single-page applications, Auth0's guides' defaults for the others."""
    app = application(context)
    if context.app.type == "spa" and context.app.is_public:
        reason = "a public client in a browser must rotate its refresh tokens"
        yield context.require(app, "refresh_token.rotation_type", Equals("rotating"), reason)
        yield context.require(
            app, "refresh_token.expiration_type", Equals("expiring"), "rotating refresh tokens expire"
        )
        lifetimes = {**ROTATING, "infinite_token_lifetime": False, "infinite_idle_token_lifetime": False}
    else:
        reason = "users stay connected while nobody is at the keyboard"
        yield context.require(
            app, "refresh_token.rotation_type", Default("non-rotating", again_with="app_type"), reason
        )
        yield context.require(
            app, "refresh_token.expiration_type", NotIn((None,), "non-expiring", again_with="app_type"), reason
        )
        lifetimes = dict(LASTING)
    reason = "the lifetime that Auth0's guides start with"
    for name, value in lifetimes.items():
        yield context.require(app, f"refresh_token.{name}", Default(value, again_with="app_type"), reason)


def _my_account(context: FlavorContext) -> Iterable[Requirement]:
    target = my_account_api(context)
    consent = "skip_consent_for_verifiable_first_party_clients"
    yield context.require(
        target, consent, Equals(True), "MRRT needs an API that asks first parties for no consent", doc=MY_ACCOUNT_DOC
    )
    policy = NotIn(("deny_all",), "require_client_grant")
    reason = "users' applications must be able to get tokens for it"
    yield context.require(target, "subject_type_authorization.user.policy", policy, reason, doc=MY_ACCOUNT_DOC)
    grant = user_grant(context, MY_ACCOUNT, my_account_audience(context.domain))
    reason = "the application manages connected accounts on behalf of users"
    scopes = Contains(CONNECTED_ACCOUNTS_SCOPES)
    needs = ("my_account_api",)
    yield context.require(grant, "scope", scopes, reason, doc=GRANTS_DOC, needs=needs)


FLAVOR = Flavor(
    name="connected_accounts",
    summary="Users connect their accounts at other providers; Token Vault keeps the tokens.",
    doc=f"{DOCS}/connected-accounts-for-token-vault",
    includes=(),
    schema=None,
    types=frozenset({"regular_web", "spa", "native"}),
    type_hint="Users connect accounts after logging in, which a machine-to-machine application cannot offer.",
    expand=_expand,
    rules=lambda context: (),
    runtime=CONNECTED_ACCOUNTS,
)

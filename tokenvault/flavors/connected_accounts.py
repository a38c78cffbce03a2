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
    Use,
    application,
    enabled,
    my_account_api,
    my_account_audience,
    user_grant,
)
from tokenvault.flavors.provisions import CONNECTION, GRANT, POLICY
from tokenvault.flavors.runtime import Runtime
from tokenvault.flavors.runtime.client import CONNECTING_CHECKS
from tokenvault.flavors.runtime.connection import CONNECTION_CHECKS
from tokenvault.flavors.runtime.detection import connecting
from tokenvault.flavors.runtime.my_account import MFA_POLICY_CHECK, MY_ACCOUNT_CHECKS
from tokenvault.flavors.runtime.request import CONNECTED_ACCOUNTS_SCOPES
from tokenvault.model.constraints import Has, HasBy, Initially, Is, Not
from tokenvault.model.desired import Ask

CONNECTED_ACCOUNTS = Runtime(
    preconditions=(*CONNECTING_CHECKS, *MY_ACCOUNT_CHECKS, *CONNECTION_CHECKS, MFA_POLICY_CHECK), sightings=connecting
)


ROTATING = {"token_lifetime": 2592000, "idle_token_lifetime": 1296000}
LASTING = {"infinite_token_lifetime": True, "infinite_idle_token_lifetime": True}


def _expand(use: Use) -> Iterable[Ask]:
    yield from _application(use)
    yield from _my_account(use)
    yield from enabled(use)


def _application(use: Use) -> Iterable[Ask]:
    app = application(use)
    yield use.ask(app, "is_first_party", Is(True), "Token Vault serves first-party applications only")
    yield use.ask(app, "oidc_conformant", Is(True), "Token Vault serves OIDC-conformant applications only")
    yield use.ask(
        app, "jwt_configuration.alg", Not((None, "HS256"), "RS256"), "Token Vault needs tokens signed with RS256"
    )
    grants = Has(("authorization_code", "refresh_token"))
    yield use.ask(app, "grant_types", grants, "users log in and stay logged in with refresh tokens")
    method = "none" if use.app.is_public else "client_secret_post"
    yield use.ask(
        app, "token_endpoint_auth_method", Initially(method), f"how a {use.app.type} application authenticates"
    )
    policy = {"audience": my_account_audience(use.spec, use.domain), "scope": list(CONNECTED_ACCOUNTS_SCOPES)}
    reason = "one refresh token serves the application and the My Account API (MRRT)"
    policies = HasBy("audience", (policy,))
    needs = ("my_account_api",)
    yield use.ask(app, "refresh_token.policies", policies, reason, doc=MRRT_DOC, needs=needs, loan=f"mrrt:{MY_ACCOUNT}")
    yield from _refresh_token(use)


def _refresh_token(use: Use) -> Iterable[Ask]:
    """Auth0 refuses single-page applications without rotation; the others start as its guides have them."""
    app = application(use)
    if use.app.type == "spa":
        reason = "a public client in a browser must rotate its refresh tokens"
        yield use.ask(app, "refresh_token.rotation_type", Is("rotating"), reason)
        yield use.ask(app, "refresh_token.expiration_type", Is("expiring"), "rotating refresh tokens expire")
        lifetimes = {**ROTATING, "infinite_token_lifetime": False, "infinite_idle_token_lifetime": False}
    else:
        reason = "users stay connected while nobody is at the keyboard"
        yield use.ask(app, "refresh_token.rotation_type", Initially("non-rotating"), reason)
        yield use.ask(app, "refresh_token.expiration_type", Not((None,), "non-expiring"), reason)
        lifetimes = dict(LASTING)
    for name, value in lifetimes.items():
        yield use.ask(app, f"refresh_token.{name}", Initially(value), "the lifetime that Auth0's guides start with")


def _my_account(use: Use) -> Iterable[Ask]:
    target = my_account_api(use)
    consent = "skip_consent_for_verifiable_first_party_clients"
    yield use.ask(
        target, consent, Is(True), "MRRT needs an API that asks first parties for no consent", doc=MY_ACCOUNT_DOC
    )
    policy = Not(("deny_all",), "require_client_grant")
    reason = "users' applications must be able to get tokens for it"
    yield use.ask(target, "subject_type_authorization.user.policy", policy, reason, doc=MY_ACCOUNT_DOC)
    grant = user_grant(use, MY_ACCOUNT, my_account_audience(use.spec, use.domain))
    reason = "the application manages connected accounts on behalf of users"
    scopes = Has(CONNECTED_ACCOUNTS_SCOPES)
    needs = ("my_account_api",)
    yield use.ask(grant, "scope", scopes, reason, doc=GRANTS_DOC, needs=needs, loan=f"api:{MY_ACCOUNT}")


FLAVOR = Flavor(
    name="connected_accounts",
    summary="Users connect their accounts at other providers; Token Vault keeps the tokens.",
    doc=f"{DOCS}/connected-accounts-for-token-vault",
    includes=(),
    schema=None,
    types=frozenset({"regular_web", "spa", "native"}),
    type_hint="Users connect accounts after logging in, which a machine-to-machine application cannot offer.",
    expand=_expand,
    rules=lambda use: (),
    loans={"api": GRANT, "mrrt": POLICY, "with": CONNECTION},
    runtime=CONNECTED_ACCOUNTS,
)

"""Connected accounts: users connect their accounts at other providers to their profile. The base of the other flavors."""

from __future__ import annotations

from collections.abc import Iterable

from tokenvault.flavors.base import (
    MY_ACCOUNT,
    Flavor,
    FlavorContext,
    application,
    enabled,
    my_account_api,
    my_account_audience,
    user_grant,
)
from tokenvault.flavors.runtime import Runtime
from tokenvault.flavors.runtime.client import (
    CLIENT_CHECKS,
    CONNECTING_CHECKS,
    LOGIN_GRANTS,
    MRRT,
    MY_ACCOUNT_GRANT,
    SPA_ROTATION,
)
from tokenvault.flavors.runtime.connection import CONNECTION_CHECKS
from tokenvault.flavors.runtime.detection import connecting
from tokenvault.flavors.runtime.my_account import MFA_POLICY_CHECK, MY_ACCOUNT_CHECKS, SKIPS_CONSENT, USER_POLICY
from tokenvault.flavors.runtime.request import CONNECTED_ACCOUNTS_SCOPES
from tokenvault.kinds.base import DOCS
from tokenvault.model.constraints import ContainsKeyed, Default, Equals, NotIn
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
    yield from (context.meet(app, row) for row in CLIENT_CHECKS)
    yield context.require(
        app, "jwt_configuration.alg", NotIn((None, "HS256"), "RS256"), "Token Vault needs tokens signed with RS256"
    )
    yield context.meet(app, LOGIN_GRANTS)
    method = "none" if context.app.is_public else "client_secret_post"
    reason = f"how a {context.app.type} application authenticates"
    yield context.require(app, "token_endpoint_auth_method", Default(method, again_with="app_type"), reason)
    policy = {"audience": my_account_audience(context.domain), "scope": list(CONNECTED_ACCOUNTS_SCOPES)}
    yield context.meet(app, MRRT, ContainsKeyed("audience", (policy,)), needs=("my_account_api",))
    yield from _refresh_token(context)


def _refresh_token(context: FlavorContext) -> Iterable[Requirement]:
    """The requirements of refresh tokens: rotation for single-page applications, Auth0's guides' defaults for the others."""
    app = application(context)
    if context.app.type == "spa" and context.app.is_public:
        yield context.meet(app, SPA_ROTATION)
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
    yield from (context.meet(target, row) for row in (SKIPS_CONSENT, USER_POLICY))
    grant = user_grant(context, MY_ACCOUNT, my_account_audience(context.domain))
    yield context.meet(grant, MY_ACCOUNT_GRANT, needs=("my_account_api",))


FLAVOR = Flavor(
    name="connected_accounts",
    summary="Users connect their accounts at other providers; Token Vault keeps the tokens.",
    doc=f"{DOCS}/connected-accounts-for-token-vault",
    includes=(),
    schema=None,
    types=frozenset({"regular_web", "spa", "native"}),
    type_hint="Users connect accounts after logging in, which a machine-to-machine application cannot offer: use another one.",
    expand=_expand,
    rules=lambda context: (),
    runtime=CONNECTED_ACCOUNTS,
)

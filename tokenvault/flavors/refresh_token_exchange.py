"""Refresh token exchange: a confidential application trades its Auth0 refresh token for the provider's access token."""

from __future__ import annotations

from collections.abc import Iterable

from tokenvault.flavors.base import DOCS, Flavor, FlavorContext, application
from tokenvault.flavors.runtime import Runtime
from tokenvault.flavors.runtime.client import REFRESHING_CHECKS
from tokenvault.flavors.runtime.detection import refreshing
from tokenvault.flavors.runtime.request import REFRESH_TOKEN_REQUEST, TOKEN_VAULT_GRANT
from tokenvault.model.constraints import Contains, Equals, NotIn
from tokenvault.model.desired import Requirement

REFRESH_TOKEN_EXCHANGE = Runtime(preconditions=REFRESHING_CHECKS, detections=refreshing, exchange=REFRESH_TOKEN_REQUEST)


DOC = f"{DOCS}/refresh-token-exchange-with-token-vault"


def _expand(context: FlavorContext) -> Iterable[Requirement]:
    app = application(context)
    reason = "the application exchanges tokens"
    yield context.require(app, "grant_types", Contains((TOKEN_VAULT_GRANT,)), reason, doc=DOC)
    confidential = NotIn(("none",), "client_secret_post")
    reason = "only a confidential application may exchange tokens"
    yield context.require(app, "token_endpoint_auth_method", confidential, reason, doc=DOC)
    reason = "Token Vault refuses rotating refresh tokens"
    yield context.require(app, "refresh_token.rotation_type", Equals("non-rotating"), reason, doc=DOC)


FLAVOR = Flavor(
    name="refresh_token_exchange",
    summary="A confidential application trades its refresh token for a provider's access token.",
    doc=DOC,
    includes=("connected_accounts",),
    schema=None,
    types=frozenset({"regular_web"}),
    confidential_types=frozenset({"native", "spa"}),
    type_hint="A public client holds no Token Vault grant: use access_token_exchange with a backend API, or regular_web; "
    "write `confidential: true` if its backend keeps a client secret.",
    expand=_expand,
    rules=lambda context: (),
    runtime=REFRESH_TOKEN_EXCHANGE,
)

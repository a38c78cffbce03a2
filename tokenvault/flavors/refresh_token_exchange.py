"""Refresh token exchange: a confidential application trades its Auth0 refresh token for the provider's access token."""

from __future__ import annotations

from collections.abc import Iterable

from tokenvault.flavors.base import Flavor, FlavorContext, application
from tokenvault.flavors.runtime import Runtime
from tokenvault.flavors.runtime.client import CONFIDENTIAL, EXCHANGES, NO_ROTATION, REFRESHING_CHECKS
from tokenvault.flavors.runtime.client import REFRESHING_DOC as DOC
from tokenvault.flavors.runtime.detection import refreshing
from tokenvault.flavors.runtime.request import REFRESH_TOKEN_REQUEST
from tokenvault.model.desired import Requirement

REFRESH_TOKEN_EXCHANGE = Runtime(preconditions=REFRESHING_CHECKS, detections=refreshing, exchange=REFRESH_TOKEN_REQUEST)


def _expand(context: FlavorContext) -> Iterable[Requirement]:
    app = application(context)
    yield context.meet(app, EXCHANGES, reason="the application exchanges tokens")
    yield context.meet(app, CONFIDENTIAL)
    yield context.meet(app, NO_ROTATION)


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

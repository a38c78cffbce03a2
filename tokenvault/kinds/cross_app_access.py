"""Further settings of a connection's connected accounts: Cross App Access, and accounts without a user id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tokenvault.kinds.base import Field
from tokenvault.model.constraints import Constraint, Equals
from tokenvault.model.spec import ConnectionSpec, Problem, Spec

REQUESTING_APP = "cross_app_access_requesting_app.active"
OPENID_CONNECT = ("oidc", "okta")
_FEATURE = "Cross App Access, which is in Early Access: ask Auth0 to switch it on for the tenant"

PROPERTIES: dict[str, Any] = {
    "connected_accounts": {
        "description": "Further settings of connected accounts. What does not stand here is left as it is.",
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            "cross_app_access": {
                "description": "Get the provider's tokens by Cross App Access (Early Access): the user's login at the "
                "identity provider vouches for them, and they connect nothing. For `oidc` and `okta`, with "
                "`options: {type: back_channel}`.",
                "type": "boolean",
                "examples": [True],
            },
            "allow_missing_user_id": {
                "description": "Connect an account of which the provider does not say whose it is: one for each user and "
                "connection. For a provider without a userinfo endpoint.",
                "type": "boolean",
                "examples": [True],
            },
        },
        "examples": [{"cross_app_access": True}],
    },
    "cross_app_access_requesting_app": {
        "description": "Whether logins with this connection vouch for users at connections with `cross_app_access`. For "
        "`oidc` and `okta`.",
        "type": "boolean",
        "examples": [True],
    },
}
"""What a spec may say of a connection, as JSON Schema."""

FIELDS = {
    "connected_accounts.cross_app_access": Field(
        slot="xaa",
        removable=True,
        optional=True,
        feature=_FEATURE,
        risk="users must connect their accounts themselves from now on",
        risk_values=(False,),
    ),
    "connected_accounts.allow_missing_user_id": Field(slot="nouser", removable=True, optional=True),
    REQUESTING_APP: Field(slot="xreq", removable=True, optional=True, feature=_FEATURE),
}


def settings(connection: ConnectionSpec) -> Iterable[tuple[str, Constraint, str, tuple[str, ...]]]:
    """What the spec asks for: attribute, constraint, reason, and where in the connection's entry it stands."""
    for name, wanted in connection.connected_accounts.items():
        yield f"connected_accounts.{name}", Equals(wanted), "the spec sets this", ("connected_accounts", name)
    if connection.requesting_app is not None:
        reason = "the spec says whether its logins vouch for users (Cross App Access)"
        yield REQUESTING_APP, Equals(connection.requesting_app), reason, ("cross_app_access_requesting_app",)


def problems(spec: Spec) -> Iterable[Problem]:
    """Cross App Access works between OpenID Connect connections, and with one resource connection."""
    resources = [n for n, c in spec.connections.items() if c.connected_accounts.get("cross_app_access")]
    for name, connection in spec.connections.items():
        if connection.strategy and connection.strategy not in OPENID_CONNECT:
            asked = {
                "connected_accounts": name in resources,
                "cross_app_access_requesting_app": connection.requesting_app,
            }
            for key in (key for key, is_asked in asked.items() if is_asked):
                summary = (
                    f"Cross App Access is for connections of strategy oidc or okta, and this is {connection.strategy}"
                )
                path = ("connections", name, key)
                yield Problem(code="spec-cross-app-access", path=path, summary=summary, hint=f"Remove `{key}`.")
    for name in resources[1:]:
        yield Problem(
            code="spec-cross-app-access",
            path=("connections", name, "connected_accounts", "cross_app_access"),
            summary=f"Auth0 takes one connection with Cross App Access, and {resources[0]} is one",
            hint="Keep `cross_app_access` on one of them.",
        )

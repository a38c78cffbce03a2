"""Further settings of a connection's connected accounts: Cross App Access, and accounts without a user id."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from tokenvault.errors import Diagnostic
from tokenvault.kinds.base import Field, Object
from tokenvault.model.constraints import Constraint, Equals, NotIn
from tokenvault.model.desired import DesiredObject
from tokenvault.model.paths import get_path
from tokenvault.model.spec import ConnectionSpec, Problem, Spec

RESOURCE_APP, REQUESTING_APP = "connected_accounts.cross_app_access", "cross_app_access_requesting_app.active"
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
    RESOURCE_APP: Field(
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
        yield f"connected_accounts.{name}", _switched(wanted), "the spec sets this", ("connected_accounts", name)
    if connection.requesting_app is not None:
        reason = "the spec says whether its logins vouch for users (Cross App Access)"
        yield REQUESTING_APP, _switched(connection.requesting_app), reason, ("cross_app_access_requesting_app",)


def _switched(wanted: bool) -> Constraint:
    """On; or off, which what is absent is, too: not every strategy takes the attribute."""
    return Equals(True) if wanted else NotIn((True,), False, left_to_auth0=True)


def misplaced(node: DesiredObject, strategy: str) -> Iterable[Diagnostic]:
    """Cross App Access that is asked of a connection of another strategy, as the tenant tells where the spec does not."""
    if strategy in OPENID_CONNECT:
        return
    for requirement in (*node.requirements_for(RESOURCE_APP), *node.requirements_for(REQUESTING_APP)):
        if requirement.constraint == Equals(True):
            yield Diagnostic(
                code="spec-cross-app-access",
                summary=f"Cross App Access is for connections of strategy oidc or okta, and this is {strategy}",
                hint="Remove it from the spec.",
                span=requirement.provenance.span,
                context=node.address,
            )


def switches(connection: Object, given: Container[str]) -> dict[str, Any]:
    """What an export says of a connection: what is on, and what a spec has switched off, by its slots among those `given`."""
    values = {path: get_path(connection, path) for path in FIELDS}
    said = {path: value for path, value in values.items() if value or (value is False and FIELDS[path].slot in given)}
    accounts = {path.partition(".")[2]: value for path, value in said.items() if path != REQUESTING_APP}
    requesting = {"cross_app_access_requesting_app": said[REQUESTING_APP]} if REQUESTING_APP in said else {}
    return ({"connected_accounts": accounts} if accounts else {}) | requesting


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

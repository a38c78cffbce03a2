"""The My Account API: the system API through which users connect accounts. One per tenant, at `https://{domain}/me/`."""

from __future__ import annotations

from collections.abc import Iterable

from tokenvault.kinds.api import RESOURCE_SERVERS, SCOPES
from tokenvault.kinds.base import Field, Kind, Object

NAME = "Auth0 My Account API"


def _bodies(body: Object) -> tuple[Object, ...]:
    """The bodies to create it with, the least first: Auth0 fills in the rest and refuses most keys. It may ask for a name."""
    identifier = {"identifier": body["identifier"]}
    return identifier, {**identifier, "name": NAME}


def _mistake(sent: Object, answer: Object) -> tuple[str, str] | None:
    if answer.get("is_system") is not False:
        return None
    return (
        "it is an ordinary API, not the system API",
        "Activate it in the dashboard (Applications > APIs), then apply again.",
    )


def _remarks(answer: Object) -> Iterable[str]:
    if answer.get("authorization_policy"):
        yield "Auth0 attached the tenant's Default Policy to it: exchanges may fail until users gave a second factor"


KIND = Kind(
    name="my_account_api",
    title="My Account API",
    collection=RESOURCE_SERVERS,
    path="resource-servers",
    id_field="id",
    order=10,
    fields={
        "identifier": Field(immutable=True),
        "skip_consent_for_verifiable_first_party_clients": Field(),
        "subject_type_authorization.user.policy": Field(
            risk="applications may again request tokens for the My Account API on behalf of users"
        ),
    },
    scopes=SCOPES,
    deletable=True,
    deletion_risk="no application of this tenant reaches it any more, and every grant on it is gone",
    aliases=("identifier",),
    on_request={},
    bodies=_bodies,
    mistake=_mistake,
    remarks=_remarks,
)

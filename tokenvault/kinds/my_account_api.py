"""The My Account API: the system API through which users connect accounts. One per tenant, at `https://{domain}/me/`."""

from __future__ import annotations

from tokenvault.kinds.api import RESOURCE_SERVERS
from tokenvault.kinds.base import Field, Kind, Object, Request, Scopes


def _create(kind: Kind, body: Object) -> tuple[Request]:
    """Auth0 fills in everything else of a system API and refuses most of what one could send."""
    return (Request(method="POST", path=kind.path, body={"identifier": body["identifier"]}),)


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
    scopes=Scopes(
        read=("read:resource_servers",),
        create=("create:resource_servers",),
        update=("update:resource_servers",),
        delete=("delete:resource_servers",),
    ),
    deletable=True,
    deletion_risk="no application of this tenant reaches it any more, and every grant on it is gone",
    aliases=("identifier",),
    on_request={},
    replaced=frozenset({"subject_type_authorization"}),
    create=_create,
)

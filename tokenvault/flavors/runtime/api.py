"""What a backend API and its Custom API Client must be, for the API to trade the access tokens it is called with."""

from __future__ import annotations

from tokenvault.flavors.runtime.client import DPOP_DOC, EXCHANGING_CHECKS, rows_of, someone_connects
from tokenvault.flavors.runtime.precondition import (
    GRANTS_DOC,
    HOLDS,
    SKIPPED,
    Precondition,
    Step,
    Verdict,
    broken,
    look,
    missing,
    unknown,
)
from tokenvault.flavors.runtime.tenant_view import Case, Object, Subject, Unreadable, user_policy
from tokenvault.kinds.api import START
from tokenvault.kinds.base import DOCS
from tokenvault.model.constraints import Equals, NotIn
from tokenvault.model.paths import get_path

DOC = f"{DOCS}/access-token-exchange-with-token-vault"


def _grant(app: Object, case: Case) -> Verdict:
    api = case.object(Subject.API)
    grant = case.tenant_view.user_grant(str(app["client_id"]), case.api)
    for found in (api, grant):
        if isinstance(found, Unreadable):
            return unknown(*found.scopes)
    needed = api is not None and user_policy(api) == "require_client_grant"  # type: ignore[arg-type]
    return broken(f"no user grant lets it ask for tokens for {case.api}") if needed and grant is None else HOLDS


def _users(api: Object, case: Case) -> Verdict:
    """Of an API that serves anyone: its callers connect nothing, so some other application has to."""
    return someone_connects(api, case) if case.serves_anyone else SKIPPED


def _possession(api: Object, case: Case) -> Verdict:
    required = get_path(api, "proof_of_possession.required")
    return look("it requires proof of possession (DPoP) of those who call it") if required else HOLDS


def _consumers(api: Object, case: Case) -> Verdict:
    """Of an API that serves anyone: whether anybody at all may get tokens for it."""
    grants = case.tenant_view.grants
    if not case.serves_anyone or user_policy(api) != "require_client_grant" or isinstance(grants, Unreadable):
        return SKIPPED
    if any(audience == case.api for _, audience in grants):
        return HOLDS
    return look("it gives tokens only to applications with a client grant, and none has one yet")


def _enabled(client: Object, case: Case) -> Verdict:
    enabled = case.tenant_view.enabled.get(case.connection)
    if enabled is None or isinstance(enabled, Unreadable) or (case.serves_anyone and not enabled):
        return SKIPPED  # where it serves anyone and nobody is enabled, the connection's own row tells
    if client["client_id"] in enabled:
        return HOLDS
    return look(f"the connection {case.connection} is not enabled for it; whether Auth0 insists on that is not known")


RS256 = Precondition(
    id="api-rs256",
    of=Subject.API,
    means="Token Vault verifies access tokens signed with RS256",
    attribute="signing_alg",
    wants=Equals(START["signing_alg"]),
    otherwise="its access tokens are not signed with RS256",
    person="Set the signing algorithm to RS256.",
    page="apis",
    doc=DOC,
)
OFFLINE_ACCESS = Precondition(
    id="api-offline-access",
    of=Subject.API,
    means="a login for this API must yield a refresh token, or users cannot connect accounts from it",
    attribute="allow_offline_access",
    wants=Equals(START["allow_offline_access"]),
    reason="a login for this API must yield a refresh token",
    otherwise="it does not allow offline access",
    person="Switch on Allow Offline Access.",
    page="apis",
    step=Step.LOGIN,
    error="offline-access",
    of_caller=True,
    doc=DOC,
)
SKIPS_CONSENT = Precondition(
    id="api-skips-consent",
    of=Subject.API,
    means="first parties are not stopped by a consent page, on localhost for example",
    attribute="skip_consent_for_verifiable_first_party_clients",
    wants=Equals(START["skip_consent_for_verifiable_first_party_clients"]),
    reason="first parties are not stopped by a consent page",
    otherwise="it asks first parties for consent",
    person="Switch on Allow Skipping User Consent.",
    page="apis",
    step=Step.LOGIN,
    of_caller=True,
    doc=DOC,
)
USER_POLICY = Precondition(
    id="api-user-policy",
    of=Subject.API,
    means="users' applications must be able to get tokens for it",
    attribute="subject_type_authorization.user.policy",
    wants=NotIn(("deny_all",), START["subject_type_authorization.user.policy"]),
    reason="users must get tokens for it",
    otherwise="its user policy is deny_all: no application gets tokens for it",
    person="Set user access under Application Access Policy to `via client-grant`.",
    page="apis",
    step=Step.LOGIN,
    error="client-not-authorized",
    doc=DOC,
)
GRANT = Precondition(
    id="api-grant",
    of=Subject.APPLICATION,
    at=Subject.API_GRANT,
    means="this API gives tokens only to applications with a grant",
    check=_grant,
    attribute="scope",
    person="Authorize the application for user access to the API.",
    page="apis",
    step=Step.LOGIN,
    error="client-not-authorized",
    doc=GRANTS_DOC,
)
LINKED = Precondition(
    id="api-client-linked",
    of=Subject.CLIENT,
    means="only the Custom API Client, linked to the API when it is created, may exchange its access tokens",
    check=missing("no application is linked to the API"),
    existence=True,
    attribute="resource_server_identifier",
    reason="Auth0 links the client to the API by this identifier, when it is created",
    person="Create the Custom API Client on the API's page (Add Application).",
    page="apis",
    error="not-a-resource-server",
    doc=DOC,
)
CLIENT_TYPE = Precondition(
    id="api-client-type",
    of=Subject.CLIENT,
    means="only the Custom API Client may exchange access tokens",
    attribute="app_type",
    wants=Equals("resource_server"),
    reason="only a Custom API Client may exchange access tokens",
    otherwise="its type is not resource_server",
    person="Create the Custom API Client on the API's page (Add Application).",
    page="apis",
    error="not-a-resource-server",
    doc=DOC,
)
API = (
    Precondition(
        id="api-exists",
        of=Subject.API,
        means="the access token to exchange is one for this API",
        check=missing("the tenant has no API with this identifier"),
        existence=True,
        attribute="signing_alg",
        page="apis",
        step=Step.LOGIN,
        error="service-not-found",
        doc=DOC,
    ),
    RS256,
    OFFLINE_ACCESS,
    SKIPS_CONSENT,
    USER_POLICY,
    GRANT,
    Precondition(
        id="api-dpop",
        of=Subject.API,
        means="an application that does not prove possession gets no token where the API's settings require that",
        check=_possession,
        person="Have its callers send DPoP proofs, or switch off Require Token Sender-Constraining.",
        page="apis",
        step=Step.LOGIN,
        doc=DPOP_DOC,
    ),
    Precondition(
        id="api-callers",
        of=Subject.API,
        means="an application gets tokens for an API only as the API's access policy says",
        check=_consumers,
        person="Give each caller a client grant for user access, or make one the default for third-party applications.",
        page="apis",
        step=Step.LOGIN,
        error="client-not-authorized",
        doc=GRANTS_DOC,
    ),
    Precondition(
        id="api-users",
        of=Subject.API,
        means="an API finds tokens only of users who connected their accounts in some application",
        check=_users,
        spec="Add an application with the flavor connected_accounts that uses the connection.",
        person="Let users connect their accounts in an application of yours: third-party applications cannot.",
        error="refresh-token-not-found",
        doc=DOC,
    ),
)
API_CLIENT = (
    LINKED,
    CLIENT_TYPE,
    *rows_of(EXCHANGING_CHECKS, Subject.CLIENT, "api-client"),
    Precondition(
        id="api-client-enabled",
        of=Subject.CLIENT,
        means="Auth0 documents for workers that a connection must be enabled for the application that exchanges; it may be "
        "so for a Custom API Client",
        check=_enabled,
        person="Switch the Custom API Client on under Applications on the connection's page. An apply does so for one "
        "that it creates.",
        page="connections/{connection_type}",
        error="connection-not-enabled",
        doc=DOC,
    ),
)
SERVING_CHECKS = (*API, *API_CLIENT)

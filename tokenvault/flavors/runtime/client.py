"""What applications must be: the one where users log in and connect accounts, and the one that exchanges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tokenvault.flavors.runtime.detection import connecting
from tokenvault.flavors.runtime.precondition import (
    GRANTS_DOC,
    HOLDS,
    MRRT_DOC,
    SKIPPED,
    Precondition,
    Step,
    Verdict,
    broken,
    holds_all,
    look,
    unknown,
)
from tokenvault.flavors.runtime.request import CONNECTED_ACCOUNTS_SCOPES, TOKEN_VAULT_GRANT
from tokenvault.flavors.runtime.tenant_view import Case, Object, Subject, Unreadable, user_policy
from tokenvault.kinds.base import CONFIGURE_DOC, DOCS
from tokenvault.model.constraints import Contains, Equals, NotIn
from tokenvault.model.paths import get_path

REFRESHING_DOC = f"{DOCS}/refresh-token-exchange-with-token-vault"
LASTS = 24 * 3600
"""Seconds. A refresh token that ends sooner ends during a night."""
DPOP_DOC = "https://auth0.com/docs/secure/sender-constraining/demonstrating-proof-of-possession-dpop"
PAR_DOC = (
    "https://auth0.com/docs/get-started/authentication-and-authorization-flow/authorization-code-flow/"
    "authorization-code-flow-with-par"
)
SETTINGS = "applications/{client_id}/settings"


FIRST_PARTY = Precondition(
    id="first-party",
    of=Subject.APPLICATION,
    means="Token Vault serves first-party applications only",
    attribute="is_first_party",
    wants=Equals(True),
    otherwise="it is a third-party application",
    person="Register the application anew as a first-party one: the dashboard cannot change it.",
    page=SETTINGS,
    error="unauthorized-client",
)
OIDC_CONFORMANT = Precondition(
    id="oidc-conformant",
    of=Subject.APPLICATION,
    means="Token Vault serves OIDC-conformant applications only",
    attribute="oidc_conformant",
    wants=Equals(True),
    otherwise="oidc_conformant is off",
    person="Switch on Advanced Settings > OAuth > OIDC Conformant.",
    page=SETTINGS,
    error="unauthorized-client",
)
CONFIDENTIAL = Precondition(
    id="confidential",
    of=Subject.APPLICATION,
    means="only an application that proves who it is may exchange tokens",
    attribute="token_endpoint_auth_method",
    wants=NotIn(("none",), "client_secret_post"),
    reason="only a confidential application may exchange tokens",
    otherwise="it is public: its authentication method is none",
    person="Choose an authentication method other than None under Credentials.",
    page="applications/{client_id}/credentials",
    error="unauthorized-client",
)
EXCHANGES = Precondition(
    id="token-vault-grant",
    of=Subject.APPLICATION,
    means="the application that exchanges needs the Token Vault grant type",
    attribute="grant_types",
    wants=Contains((TOKEN_VAULT_GRANT,)),
    otherwise="its grant types lack Token Vault",
    person="Switch on Advanced Settings > Grant Types > Token Vault.",
    page=SETTINGS,
    error="grant-not-allowed",
)
CLIENT_CHECKS = (FIRST_PARTY, OIDC_CONFORMANT)
"""What every application that has to do with Token Vault must be."""
EXCHANGING_CHECKS = (*CLIENT_CHECKS, CONFIDENTIAL, EXCHANGES)
"""What the application that exchanges must be."""


def rows_of(rows: Iterable[Precondition], subject: Subject, prefix: str) -> tuple[Precondition, ...]:
    """The rows about this subject, their ids with its prefix."""
    return tuple(replace(row, id=f"{prefix}-{row.id}", of=subject) for row in rows)


def _rotation(client: Object, case: Case) -> Verdict:
    rotation = get_path(client, "refresh_token.rotation_type")
    return broken("its refresh tokens rotate") if rotation == "rotating" else HOLDS


def _spa_rotation(client: Object, case: Case) -> Verdict:
    public = client.get("token_endpoint_auth_method") == "none"
    if client.get("app_type") != "spa" or not public or get_path(client, "refresh_token.rotation_type") == "rotating":
        return HOLDS
    return broken("it is a single-page application and its refresh tokens do not rotate")


def _mrrt(client: Object, case: Case) -> Verdict:
    policies = get_path(client, "refresh_token.policies") or ()
    mine = [policy for policy in policies if policy.get("audience") == case.audience]
    scopes = {scope for policy in mine for scope in policy.get("scope") or ()}
    lacking = [scope for scope in CONNECTED_ACCOUNTS_SCOPES if scope not in scopes]
    if not scopes:
        why = "its MRRT policy names no scope" if mine else "no MRRT policy"
        return broken(f"its refresh tokens do not reach {case.audience} ({why})")
    return broken(f"its MRRT policy for {case.audience} lacks {', '.join(lacking)}") if lacking else HOLDS


def _callbacks(client: Object, case: Case) -> Verdict:
    return HOLDS if client.get("callbacks") else broken("it has no callback URL")


def _my_account_grant(client: Object, case: Case) -> Verdict:
    grant = case.tenant_view.user_grant(str(client["client_id"]), case.audience)
    if isinstance(grant, Unreadable):
        return unknown(*grant.scopes)
    api = case.object(Subject.MY_ACCOUNT)
    if isinstance(api, Unreadable):
        return unknown(*api.scopes)
    everyone = api is not None and user_policy(api) == "allow_all"
    return HOLDS if grant or everyone else broken(f"no user grant lets it ask for tokens for {case.audience}")


def _my_account_grant_scopes(client: Object, case: Case) -> Verdict:
    grant = case.tenant_view.user_grant(str(client["client_id"]), case.audience)
    if grant is None or isinstance(grant, Unreadable) or grant.get("allow_all_scopes"):
        return HOLDS if isinstance(grant, Mapping) else SKIPPED
    lacking = [scope for scope in CONNECTED_ACCOUNTS_SCOPES if scope not in (grant.get("scope") or ())]
    return broken(f"its user grant for the My Account API lacks {', '.join(lacking)}") if lacking else HOLDS


def _organization(client: Object, case: Case) -> Verdict:
    if client.get("organization_usage") != "require":
        return HOLDS
    return look("it requires organizations: users must log in to theirs before they connect accounts")


def _domain(client: Object, case: Case) -> Verdict:
    """Where users log in, as far as the spec and the tenant's custom domains tell."""
    domains = case.tenant_view.domains
    if domains is None or not case.addresses:
        return SKIPPED
    ready = {str(each.get("domain")): bool(each.get("is_default")) for each in domains if each.get("status") == "ready"}
    login_domain = case.expected.domain
    if login_domain and login_domain not in (*ready, case.tenant_view.domain):
        return look(
            f"the spec has its users log in on {login_domain}, and the tenant has no custom domain of that name ready"
        )
    if login_domain or not ready:
        return HOLDS
    names = sorted(ready, key=lambda name: not ready[name])
    return look(
        f"users can log in on {names[0] if len(names) == 1 else ', '.join(names)}, which the spec does not name"
    )


def _possession(client: Object, case: Case) -> Verdict:
    if not client.get("require_proof_of_possession"):
        return HOLDS
    return look("it requires proof of possession (DPoP): every request for a token must carry a proof")


def _pushed(client: Object, case: Case) -> Verdict:
    everywhere = case.tenant_view.flags.get("require_pushed_authorization_requests")
    if not (everywhere or client.get("require_pushed_authorization_requests")):
        return HOLDS
    who = "the tenant requires" if everywhere else "it requires"
    return look(f"{who} pushed authorization requests (PAR): a plain login URL is refused")


def _lasting(client: Object, case: Case) -> Verdict:
    """Whether refresh tokens live long enough to be exchanged while nobody is at the keyboard."""
    tokens = client.get("refresh_token") or {}
    lives = [
        tokens.get(name) for name in ("idle_token_lifetime", "token_lifetime") if not tokens.get(f"infinite_{name}")
    ]
    shortest = min((life for life in lives if isinstance(life, int) and life > 0), default=LASTS)
    if tokens.get("expiration_type") != "expiring" or shortest >= LASTS:
        return HOLDS
    shown = f"{shortest // 60} minutes" if shortest < 7200 else f"{shortest // 3600} hours"
    return look(f"its refresh tokens end after {shown}: nothing can be exchanged for users who are away longer")


def someone_connects(found: Object, case: Case) -> Verdict:
    """Whether users can connect accounts of the connection in any application that is known."""
    enabled = case.tenant_view.enabled.get(case.connection)
    if enabled is None or isinstance(enabled, Unreadable):
        return SKIPPED
    apps = [detection.app for detection in connecting(case.tenant_view) if detection.app is not None]
    if any(app["client_id"] in enabled for app in apps):
        return HOLDS
    of = f" of {case.connection}" if case.connection else ""
    return look(f"no application of this tenant lets users connect accounts{of}")


def _exists(found: None, case: Case) -> Verdict:
    if case.addresses:
        return broken("the tenant has no such application")
    return broken("no application was found whose users connect accounts and call this API")


LOGIN_GRANT_TYPES = Contains(("authorization_code", "refresh_token"))
LOGIN_GRANTS = Precondition(
    id="application-login-grants",
    of=Subject.APPLICATION,
    means="users log in and stay logged in with refresh tokens",
    check=holds_all("grant_types", LOGIN_GRANT_TYPES.items),
    attribute="grant_types",
    wants=LOGIN_GRANT_TYPES,
    person="Switch on Advanced Settings > Grant Types > Authorization Code and Refresh Token.",
    page=SETTINGS,
    step=Step.LOGIN,
    error="grant-not-allowed",
)
SPA_ROTATION = Precondition(
    id="application-spa-rotation",
    of=Subject.APPLICATION,
    means="a public client in a browser must rotate its refresh tokens",
    check=_spa_rotation,
    attribute="refresh_token.rotation_type",
    wants=Equals("rotating"),
    person="Switch on Refresh Token Rotation.",
    page=SETTINGS,
    step=Step.LOGIN,
)
MRRT = Precondition(
    id="application-mrrt",
    of=Subject.APPLICATION,
    means="one refresh token must serve the application and the My Account API (MRRT)",
    check=_mrrt,
    attribute="refresh_token.policies",
    reason="one refresh token serves the application and the My Account API (MRRT)",
    person="Add the My Account API under Multi-Resource Refresh Token; afterwards users log in again.",
    page=SETTINGS,
    step=Step.CONNECT,
    error="insufficient-scope",
    doc=MRRT_DOC,
)
MY_ACCOUNT_GRANT = Precondition(
    id="my-account-grant",
    of=Subject.APPLICATION,
    at=Subject.MY_ACCOUNT_GRANT,
    means="the application must be allowed to manage connected accounts on behalf of users",
    check=_my_account_grant,
    attribute="scope",
    wants=Contains(CONNECTED_ACCOUNTS_SCOPES),
    reason="the application manages connected accounts on behalf of users",
    person="Authorize the application for user access to the My Account API, with the connected accounts scopes.",
    page="apis",
    step=Step.CONNECT,
    error="client-not-authorized",
    doc=GRANTS_DOC,
)
NO_ROTATION = Precondition(
    id="application-no-rotation",
    of=Subject.APPLICATION,
    means="Token Vault refuses rotating refresh tokens",
    check=_rotation,
    attribute="refresh_token.rotation_type",
    wants=Equals("non-rotating"),
    person="Switch off Refresh Token Rotation; afterwards users log in again.",
    page=SETTINGS,
    error="rotating",
    doc=REFRESHING_DOC,
)
CONNECTING_CHECKS = (
    Precondition(
        id="application-exists",
        of=Subject.APPLICATION,
        means="users log in to an application and connect their accounts there",
        check=_exists,
        existence=True,
        attribute="name",
        person="Check its client id, or name an application whose users connect accounts.",
        page="applications",
        step=Step.LOGIN,
    ),
    *rows_of(CLIENT_CHECKS, Subject.APPLICATION, "application"),
    LOGIN_GRANTS,
    Precondition(
        id="application-callbacks",
        of=Subject.APPLICATION,
        means="the login and the connect flow come back to a callback URL that is allowed",
        check=_callbacks,
        attribute="callbacks",
        spec="Give the application its `callbacks`.",
        person="Enter the callback URLs of the login and of the connect flow.",
        page=SETTINGS,
        step=Step.LOGIN,
        error="callback-mismatch",
    ),
    SPA_ROTATION,
    MRRT,
    MY_ACCOUNT_GRANT,
    Precondition(
        id="my-account-grant-scopes",
        of=Subject.APPLICATION,
        at=Subject.MY_ACCOUNT_GRANT,
        means="connecting, listing and removing accounts are one scope each",
        check=_my_account_grant_scopes,
        attribute="scope",
        person="Add the three connected accounts scopes to the application's user access to the My Account API.",
        page="apis",
        step=Step.CONNECT,
        error="insufficient-scope",
        doc=GRANTS_DOC,
    ),
    Precondition(
        id="application-organizations",
        of=Subject.APPLICATION,
        means="connected accounts stay with the user, whatever organization they log in to",
        check=_organization,
        person="Send the `organization` parameter when users log in.",
        step=Step.LOGIN,
        doc=CONFIGURE_DOC,
    ),
    Precondition(
        id="application-domain",
        of=Subject.APPLICATION,
        means="tokens are issued by the domain that users log in on, and are exchanged there",
        check=_domain,
        person="Name the domain that users log in on, be it the tenant's own: `domain` of the application, or of "
        "`my_account_api` for all.",
        page="branding/custom-domains",
        step=Step.LOGIN,
        doc="https://auth0.com/docs/customize/custom-domains",
    ),
    Precondition(
        id="application-dpop",
        of=Subject.APPLICATION,
        means="an application that does not prove possession gets no token where its settings require that",
        check=_possession,
        person="Have the application send DPoP proofs, or switch off Require Token Sender-Constraining.",
        page=SETTINGS,
        step=Step.LOGIN,
        doc=DPOP_DOC,
    ),
    Precondition(
        id="application-pushed-requests",
        of=Subject.APPLICATION,
        means="a login begins with a pushed request where the application's settings require that",
        check=_pushed,
        person="Have the application push its authorization requests (POST /oauth/par), or switch off Require PAR.",
        page=SETTINGS,
        step=Step.LOGIN,
        doc=PAR_DOC,
    ),
)
REFRESHING_CHECKS = (
    *rows_of(EXCHANGING_CHECKS, Subject.APPLICATION, "application"),
    NO_ROTATION,
    Precondition(
        id="application-lasting-tokens",
        of=Subject.APPLICATION,
        means="the exchange takes a refresh token that is alive",
        check=_lasting,
        person="Give refresh tokens a longer life under Refresh Token Expiration, or have users log in again.",
        page=SETTINGS,
        doc=REFRESHING_DOC,
    ),
)

"""What a connection must be, so that connecting an account leaves a refresh token of the provider in the vault."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tokenvault.flavors.runtime.precondition import (
    HOLDS,
    SKIPPED,
    Check,
    Precondition,
    Step,
    Verdict,
    broken,
    look,
    unknown,
)
from tokenvault.flavors.runtime.providers import NOTES, Note, Options, asks_offline, gives_unasked, is_oauth_app
from tokenvault.flavors.runtime.tenant_view import Case, Object, Subject, Unreadable
from tokenvault.kinds.base import DOCS
from tokenvault.kinds.connection import RETIRED_PURPOSE, WITHOUT_OFFLINE, has_retired_purpose
from tokenvault.kinds.connection_scopes import scope_list
from tokenvault.kinds.strategies import NEVER, STRATEGIES, UNDOCUMENTED, Strategy
from tokenvault.model.paths import get_path

DOC = f"{DOCS}/connected-accounts-for-token-vault"
DPOP_DOC = "https://auth0.com/docs/authenticate/enterprise-connections/enable-dpop-enterprise-connections"
KEYS_DOC = "https://auth0.com/docs/authenticate/identity-providers/social-identity-providers/devkeys"
GITHUB_DOC = "https://auth0.com/ai/docs/integrations/github"
CUSTOM_DOC = "https://auth0.com/docs/authenticate/identity-providers/social-identity-providers/oauth2"
NOT_FOUND = "refresh-token-not-found"
PAGE = "connections/{connection_type}"
SCOPE = "read:connections_options"
OPENID_CONNECT = ("oidc", "okta")


def _of_options(check: Callable[[str, Options, Case], Verdict]) -> Check:
    """A check of the strategy and the options; options that the token may not read are unknown."""

    def judged(connection: Object, case: Case) -> Verdict:
        options, strategy = connection.get("options"), str(connection.get("strategy"))
        if strategy in NEVER:
            return SKIPPED
        return unknown(SCOPE) if options is None else check(strategy, options, case)

    return judged


def _strategy(connection: Object, case: Case) -> Verdict:
    strategy = str(connection.get("strategy"))
    if strategy in NEVER:
        return broken(f"its strategy {strategy} can never yield tokens: {NEVER[strategy]}")
    if strategy in UNDOCUMENTED or strategy not in STRATEGIES:
        return look(f"{strategy} is not on Auth0's list of Token Vault providers")
    return HOLDS


def _purpose(connection: Object, case: Case) -> Verdict:
    if get_path(connection, "connected_accounts.active") is True:
        return HOLDS
    if has_retired_purpose(connection):
        return broken(
            f"its purpose stands in options.{RETIRED_PURPOSE}, which Auth0 does not read any more; "
            "once the purpose is on, users connect again"
        )
    return broken("its purpose leaves out connected accounts")


def _exists(found: None, case: Case) -> Verdict:
    if case.connection:
        return broken("the tenant has no connection of this name")
    return broken("no connection with the purpose Connected Accounts is enabled for it")


def _enabled(connection: Object, case: Case) -> Verdict:
    """Who may use a connection is read only of connections that matter: those of the spec, or that are on."""
    clients, app = case.tenant_view.enabled.get(case.connection), case.app or case.client
    if clients is None or app is None:
        return SKIPPED
    if isinstance(clients, Unreadable):
        return unknown(*clients.scopes)
    if app["client_id"] in clients:
        return HOLDS
    if case.serves_anyone and clients:
        return SKIPPED  # others may be who call the API; that its client is not enabled is told by a row of its own
    return broken("it is not enabled for the application")


def _own_keys(strategy: str, options: Options, case: Case) -> Verdict:
    return HOLDS if options.get("client_id") else broken("it uses Auth0's developer keys")


def _offline(strategy: str, options: Options, case: Case) -> Verdict:
    known = STRATEGIES.get(strategy, Strategy())
    if strategy == "github" or not (known.offline_option or known.offline_scope or known.offline_note):
        return HOLDS
    if asks_offline(options) or (strategy == "oauth2" and gives_unasked(options)):
        return HOLDS
    if strategy == "oauth2" and case.expected.provider_needs_no_asking:
        return look("the spec says that the provider issues refresh tokens unasked, which no setting of Auth0 tells")
    note = known.offline_note
    return broken(
        "it does not ask the provider for offline access", person=f"{note[0].upper()}{note[1:]}." if note else ""
    )


def _github_app(strategy: str, options: Options, case: Case) -> Verdict:
    if not is_oauth_app(options.get("client_id")):
        return HOLDS
    return look(
        "it uses a GitHub OAuth App: by Auth0's documents those leave nothing to exchange, yet a workshop of Auth0's uses one"
    )


def _oauth2(strategy: str, options: Options, case: Case) -> Verdict:
    speaks = options.get("protocol") == "oauth2"
    return HOLDS if speaks else broken("it speaks OAuth 1.0, which has no refresh tokens")


def _back_channel(strategy: str, options: Options, case: Case) -> Verdict:
    front = options.get("type", "back_channel") != "back_channel"
    return broken("it is a front channel connection, which gets no refresh tokens") if front else HOLDS


def _cross_app_access(strategy: str, options: Options, case: Case) -> Verdict:
    connection = case.object(Subject.CONNECTION)
    if not isinstance(connection, Mapping) or not get_path(connection, "connected_accounts.cross_app_access"):
        return SKIPPED
    if "offline_access" in scope_list(get_path(options, "attribute_map.userinfo_scope")):
        return HOLDS
    return look(
        "its attribute_map.userinfo_scope lacks offline_access, which Auth0 wants there for Cross App Access, too"
    )


def _is_forced(parameter: object) -> bool:
    """Whether a parameter is sent with every request: an alias hands on only what a login request has."""
    return bool(parameter) and not (isinstance(parameter, Mapping) and parameter.get("alias"))


def _prompt(strategy: str, options: Options, case: Case) -> Verdict:
    sent = options.get("upstream_params") or {}
    forced = [name for name in ("approval_prompt", "prompt") if _is_forced(sent.get(name))]
    if not forced:
        return HOLDS
    return broken(f"its upstream_params force {' and '.join(forced)}, and Auth0 sends its own")


def _profile(strategy: str, options: Options, case: Case) -> Verdict:
    connection = case.object(Subject.CONNECTION)
    lenient = isinstance(connection, Mapping) and get_path(connection, "connected_accounts.allow_missing_user_id")
    if lenient or get_path(options, "scripts.fetchUserProfile"):
        return HOLDS
    return look("it has no scripts.fetchUserProfile: Auth0 cannot tell whose account a user connects")


def _scope_commas(strategy: str, options: Options, case: Case) -> Verdict:
    several = len(scope_list(options.get("scope"))) > 1
    if not several or options.get("useOauthSpecScope"):
        return SKIPPED
    return look(
        "Auth0 joins its scopes by commas, and most providers expect spaces: set useOauthSpecScope where yours does"
    )


def _dpop(strategy: str, options: Options, case: Case) -> Verdict:
    return (
        broken("it signs with DPoP, which Token Vault does not support") if options.get("dpop_signing_alg") else HOLDS
    )


def _note(note: Note) -> Check:
    """Options that may not be read hide whether a note applies, and hold nothing up: others tell that they are unknown."""

    def judged(connection: Object, case: Case) -> Verdict:
        options = connection.get("options")
        applies = note.applies is None or (options is not None and note.applies(options))
        return look(note.says) if applies else SKIPPED

    return judged


ENABLED = Precondition(
    id="connection-enabled",
    of=Subject.CONNECTION,
    at=Subject.CONNECTION_CLIENTS,
    means="the connection must be enabled for the application",
    check=_enabled,
    attribute="clients",
    person="Switch the application on under Applications on the connection's page.",
    page=PAGE,
    error="connection-not-enabled",
    doc=DOC,
)
CONNECTION_CHECKS = (
    Precondition(
        id="connection-exists",
        of=Subject.CONNECTION,
        means="the account that a user connects is one of this connection",
        check=_exists,
        existence=True,
        attribute="strategy",
        spec="Give its `strategy` and `credentials` to have it created.",
        person="Create the connection, with your own keys of the provider.",
        page="connections/social",
        error="no-connection",
        doc=DOC,
    ),
    Precondition(
        id="connection-strategy",
        of=Subject.CONNECTION,
        means="the provider must be able to issue tokens",
        check=_strategy,
        spec="Leave the connection out.",
        person="Use another connection.",
        error=NOT_FOUND,
        doc=DOC,
    ),
    Precondition(
        id="connection-connected-accounts",
        of=Subject.CONNECTION,
        means="Token Vault stores tokens only of connections with the purpose Connected Accounts",
        check=_purpose,
        attribute="connected_accounts.active",
        person="Switch on Connected Accounts for Token Vault under Purpose.",
        page=PAGE,
        error="connection-not-on",
        doc=DOC,
    ),
    ENABLED,
    Precondition(
        id="connection-own-keys",
        of=Subject.CONNECTION,
        means="Auth0's developer keys are shared by all tenants, so nothing is stored under them",
        check=_of_options(_own_keys),
        attribute="options.client_id",
        spec="Give its `strategy` and `credentials` (your own client at the provider).",
        person="Enter the client id and secret of your own client at the provider.",
        page=PAGE,
        error=NOT_FOUND,
        doc=KEYS_DOC,
    ),
    Precondition(
        id="connection-offline-access",
        of=Subject.CONNECTION,
        means=WITHOUT_OFFLINE,
        check=_of_options(_offline),
        attribute="spec.offline_access",
        spec="Write `offline_access: true` (for an oauth2 provider that needs no asking, `offline_access: false`).",
        person="Switch on offline access, or add the provider's scope for it.",
        page=PAGE,
        error=NOT_FOUND,
        doc=DOC,
    ),
    Precondition(
        id="connection-github-app",
        of=Subject.CONNECTION,
        strategies=("github",),
        means="of GitHub, only a GitHub App yields refresh tokens",
        check=_of_options(_github_app),
        person="Try an exchange. If it is refused, enter the client id and secret of a GitHub App.",
        page=PAGE,
        error=NOT_FOUND,
        doc=GITHUB_DOC,
    ),
    Precondition(
        id="connection-back-channel",
        of=Subject.CONNECTION,
        strategies=OPENID_CONNECT,
        means="of OpenID Connect, only the code flow through the back channel yields refresh tokens",
        check=_of_options(_back_channel),
        attribute="options.type",
        spec="Write `options: {type: back_channel}`, with `credentials`.",
        person="Change its type to Back Channel, with a client secret.",
        page=PAGE,
        error=NOT_FOUND,
        doc=DOC,
    ),
    Precondition(
        id="connection-cross-app-access",
        of=Subject.CONNECTION,
        strategies=OPENID_CONNECT,
        means="by Cross App Access, offline access is asked for in two places",
        check=_of_options(_cross_app_access),
        attribute="options.attribute_map",
        spec="Write `options: {attribute_map: {userinfo_scope: openid offline_access}}`, with the mapping it has.",
        person="Add offline_access to attribute_map.userinfo_scope of the connection's options.",
        page=PAGE,
        doc=DOC,
    ),
    Precondition(
        id="connection-oauth2",
        of=Subject.CONNECTION,
        strategies=("twitter",),
        means="of X, only OAuth 2.0 yields refresh tokens",
        check=_of_options(_oauth2),
        attribute="options.protocol",
        spec="Write `options: {protocol: oauth2}`.",
        person="Change its protocol to OAuth 2.0.",
        page=PAGE,
        error=NOT_FOUND,
        doc=DOC,
    ),
    Precondition(
        id="connection-prompt",
        of=Subject.CONNECTION,
        strategies=("google-oauth2", "google-apps"),
        means="Google refuses a request that says twice whether to prompt",
        check=_of_options(_prompt),
        attribute="options.upstream_params",
        person="Remove approval_prompt and prompt from the connection's upstream_params.",
        page=PAGE,
        step=Step.CONNECT,
        error="prompt-conflict",
        doc=DOC,
    ),
    Precondition(
        id="connection-profile-script",
        of=Subject.CONNECTION,
        strategies=("oauth2",),
        means="of a custom provider, Auth0 learns who a user is only from a script",
        check=_of_options(_profile),
        attribute="options.scripts",
        spec="Give `options: {scripts: {fetchUserProfile: …}}`.",
        person="Enter a Fetch User Profile script, or allow accounts without a user id "
        "(connected_accounts.allow_missing_user_id).",
        page=PAGE,
        step=Step.CONNECT,
        doc=CUSTOM_DOC,
    ),
    Precondition(
        id="connection-scope-separator",
        of=Subject.CONNECTION,
        strategies=("oauth2",),
        means="a provider that gets several scopes as one grants none of them",
        check=_of_options(_scope_commas),
        person="Look in the provider's documentation how scopes are separated.",
        step=Step.CONNECT,
        doc=CUSTOM_DOC,
    ),
    Precondition(
        id="connection-no-dpop",
        of=Subject.CONNECTION,
        strategies=OPENID_CONNECT,
        means="Token Vault does not support connections that use DPoP",
        check=_of_options(_dpop),
        attribute="options.dpop_signing_alg",
        person="Switch DPoP off on the connection.",
        page=PAGE,
        error=NOT_FOUND,
        doc=DPOP_DOC,
    ),
    *(
        Precondition(
            id=note.id,
            of=Subject.CONNECTION,
            strategies=note.strategies,
            means="some of what makes a provider yield tokens only its own console shows",
            check=_note(note),
            person="Look at the provider's console.",
            page=note.link,
            error=NOT_FOUND,
            doc=DOC,
        )
        for note in NOTES
    ),
)

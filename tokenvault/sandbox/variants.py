"""Variants: switches for behaviour of Auth0 that nobody knows for certain.

Without a variant the sandbox does what is most likely. Each variant is one other way in which Auth0 may plausibly behave;
a client that works with all of them works with whatever Auth0 does. Sources: *document* is Auth0's own
page or the schema of its SDK, *recorded* is traffic of a real tenant, *code* is what public clients do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .errors import SandboxError

VARIABLE = "TOKENVAULT_SANDBOX_VARIANTS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One switch: what the sandbox does without it, what it does with it, and what is known of the real server."""

    name: str
    usually: str
    instead: str
    known: str


CUSTOM_API_CLIENT_ENABLED = Variant(
    name="custom-api-client-enabled",
    usually="An access token is exchanged when the connection is enabled for the application that connected.",
    instead="The exchanging Custom API Client must be enabled on the connection, too.",
    known="document: so for workers. code: Auth0's MCP workshop enables it, and says why",
)
CANONICAL_MY_ACCOUNT = Variant(
    name="canonical-my-account",
    usually="A custom domain can have a My Account API of its own.",
    instead="Only https://TENANT/me/ is one; on a custom domain it is an ordinary API that happens to be called /me/.",
    known="code: Auth0's own beta command line uses the canonical one even with an active custom domain",
)
METADATA_MERGES = Variant(
    name="connection-metadata-merges",
    usually="PATCH of a connection replaces its metadata.",
    instead="PATCH merges the metadata; null deletes a key.",
    known="recorded: the metadata of organizations is replaced, that of applications merges and null deletes",
)
METADATA_KEEPS_NULLS = Variant(
    name="connection-metadata-keeps-nulls",
    usually="A null in the metadata of a connection is not kept.",
    instead="It is kept and comes back as null.",
    known="document: the values are a text or null",
)
EXCLUSIVE_CREDENTIALS = Variant(
    name="exclusive-credentials",
    usually="One credential may serve to log in and for privileged access at once.",
    instead="A credential serves one use; a second one is refused with 400.",
    known='document: "Generate a separate key pair for each type of credential usage"',
)
PRIVILEGED_ACCESS_UNSEEN = Variant(
    name="privileged-access-unseen",
    usually="token_vault_privileged_access is shown to whoever may read applications.",
    instead="It takes a scope that the token lacks, and is never shown, though it is kept.",
    known="nothing",
)
MINIMAL_API_CLIENT = Variant(
    name="minimal-api-client",
    usually="A Custom API Client is created with every field that other applications take.",
    instead="It takes name, app_type, resource_server_identifier and grant_types; the rest can be set later.",
    known="code: the deploy CLI strips some keys for it. recorded: nobody sends more",
)
SYSTEM_CLIENT_POLICY = Variant(
    name="system-client-policy-fixed",
    usually="PATCH of the My Account API may send subject_type_authorization.client again.",
    instead="That is refused, even when it stays as it is.",
    known='document: "You cannot update … client access" of system APIs',
)
ANSWER_ONLY_KEYS = Variant(
    name="answer-only-keys",
    usually="What an answer carries in refresh_token and options can be sent back.",
    instead="Answers carry a key there that is refused when it comes back.",
    known="recorded: none so far; the schemas are closed",
)
FREEFORM_IGNORED = Variant(
    name="freeform-scopes-ignored",
    usually="options.freeform_scopes is kept and its scopes take effect.",
    instead="It is accepted and dropped.",
    known="document: in the schemas of seven strategies. recorded: never sent",
)
LIST_LACKS_METADATA = Variant(
    name="connection-list-lacks-metadata",
    usually="GET /connections with fields and take shows the metadata and connected_accounts.",
    instead="It shows neither; a single connection does.",
    known="nothing",
)
PURPOSE_OF_SIX = Variant(
    name="purpose-of-six-strategies",
    usually="connected_accounts can be switched on whatever the strategy.",
    instead="Only for box, github, google-oauth2, oauth2, oidc and windowslive; else 400 operation_not_supported.",
    known="document: the request schemas of the SDK. recorded: a POST was accepted even for auth0",
)
MY_ACCOUNT_NAMED = Variant(
    name="my-account-needs-name",
    usually="POST of an identifier alone activates the My Account API.",
    instead="A name is required, though the server sets its own.",
    known="code: Auth0's command line sends one",
)
USER_GRANT_AS_CLIENT = Variant(
    name="user-grant-as-client",
    usually="A user grant on the My Account API is kept as one.",
    instead="It is kept with the subject type client.",
    known="code: one user saw it",
)
GITHUB_OAUTH_APPS = Variant(
    name="github-oauth-apps-work",
    usually="An account connected through a GitHub OAuth App leaves nothing to exchange.",
    instead="Its token, which never ends, is exchanged like any other.",
    known="code: Auth0's workshop uses an OAuth App",
)
WORKER_PARTS_ALONE = Variant(
    name="worker-parts-alone",
    usually="One PATCH sets everything of a privileged worker.",
    instead="token_vault_privileged_access is refused beside anything else.",
    known="nothing",
)
MFA_BY_ACTION = Variant(
    name="mfa-by-action",
    usually='An exchange is refused while the MFA policy is "Always".',
    instead="The tenant has customize_mfa_in_postlogin_action on: an Action decides, and exchanges work.",
    known="code: Token Vault was seen to work so",
)
DELETION_204 = Variant(
    name="connection-deletion-answers-204",
    usually="DELETE of a connection answers 202 with the moment.",
    instead="It answers 204.",
    known="recorded: 202; document: 202 and 204",
)
DELETION_TAKES_TIME = Variant(
    name="connection-deletion-takes-time",
    usually="A connection is gone when its deletion was answered.",
    instead="It can be read for two seconds more, and its name is taken as long; DELETE answers 202 until then.",
    known="recorded: a second DELETE right away answers 202 now and then",
)
DEFAULT_POLICY = Variant(
    name="default-policy",
    usually="A new My Account API has no authorization policy.",
    instead="The tenant's Default Policy is attached to it, and users are asked for a second factor.",
    known="document",
)
ENABLED_CLIENTS_ACCEPTED = Variant(
    name="enabled-clients-accepted",
    usually="PATCH of a connection refuses enabled_clients; POST still takes it.",
    instead="Both take it, as before its end of life on 2026-07-13.",
    known="recorded: POST in 2025; answers carry it still in August 2026",
)
ENABLED_CLIENTS_GONE = Variant(
    name="enabled-clients-gone",
    usually="POST of a connection takes enabled_clients, and answers carry it.",
    instead="Both refuse it, and no answer carries it.",
    known="document: end of life 2026-07-13. code: tenants without the legacy migration do not show it",
)

VARIANTS: Mapping[str, Variant] = {
    variant.name: variant for variant in list(vars().values()) if isinstance(variant, Variant)
}


def chosen(names: Iterable[str]) -> frozenset[str]:
    """These names, each of which must be a variant's; raises SandboxError."""
    stripped = [name.strip() for name in names if name.strip()]
    for name in stripped:
        if name not in VARIANTS:
            raise SandboxError("sandbox-variant", f"no variant of the sandbox is called {name[:100]}", _nearest(name))
    return frozenset(stripped)


def from_environment(environment: Mapping[str, str]) -> frozenset[str]:
    """The variants that the environment names, separated by commas."""
    return chosen(environment.get(VARIABLE, "").split(","))


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, VARIANTS, n=1)
    return f'Did you mean "{close[0]}"?' if close else "`tokenvault sandbox variants` lists them."

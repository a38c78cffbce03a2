"""What of a connection's entry in the spec is wrong, or will not work, whatever the tenant holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tokenvault.errors import Diagnostic, did_you_mean
from tokenvault.kinds import cross_app_access
from tokenvault.kinds.base import Object
from tokenvault.kinds.strategies import (
    DASHBOARD,
    KNOWN,
    NEVER,
    STRATEGIES,
    UNDOCUMENTED,
    WRONG_NAMES,
    Strategy,
    dashboard_page,
)
from tokenvault.model.constraints import Equals
from tokenvault.model.desired import DesiredObject
from tokenvault.model.paths import get_path
from tokenvault.model.spec import ConnectionSpec, Problem, Spec

GITHUB_SCOPES = "GitHub ignores scopes for GitHub Apps, and only those yield refresh tokens"
GITHUB_HINT = "Remove `scopes`, and set the app's permissions at GitHub."


WITH_PURPOSE = ("box", "github", "google-oauth2", "oauth2", "oidc", "windowslive")
PURPOSE = "connected_accounts.active"
PURPOSE_BY_HAND = (
    "switch on Connected Accounts for Token Vault in the dashboard, under Purpose on the connection's page"
)


def advice(values: Object, message: str) -> Iterable[str]:
    """What helps where Auth0 refuses to switch connected accounts on."""
    if values.get(PURPOSE) is True and "connected_accounts" in message:
        yield (
            f"Auth0's documents have this purpose set by API for {', '.join(WITH_PURPOSE)} alone. For another strategy, "
            f"{PURPOSE_BY_HAND} (create the connection there, where it does not exist), then plan again: "
            f"{DASHBOARD}connections/social"
        )


def unsettled_purpose(node: DesiredObject, live: Object | None) -> Iterable[Diagnostic]:
    """A warning before connected accounts are switched on where Auth0 may not take that by API."""
    wanted = node.constraints.get("strategy")
    strategy = str(live.get("strategy")) if live else str(wanted.value) if isinstance(wanted, Equals) else ""
    is_on = bool(get_path(live or {}, PURPOSE))
    known = strategy and strategy not in WITH_PURPOSE and strategy not in NEVER
    if not known or is_on or node.constraints.get(PURPOSE) != Equals(True):
        return
    yield Diagnostic(
        code="plan-purpose",
        severity="warning",
        summary=f"Auth0 may refuse to switch connected accounts on for {node.address}: its documents have that set by API for "
        f"{', '.join(WITH_PURPOSE)} alone, and this is {strategy}",
        hint=f"If it does, {PURPOSE_BY_HAND}: {dashboard_page(live) if live else DASHBOARD + 'connections/social'}",
        span=node.span,
        context=node.address,
    )


def may_be_asked(strategy: str | None) -> bool:
    """Whether there may be something to set for offline access: what is not named is the tenant's to tell."""
    return not strategy or STRATEGIES.get(strategy, Strategy()).has_offline_access


def unset_offline(strategy: str) -> tuple[str, str]:
    """What is to be said of `offline_access: true` where nothing can be set for it, and what to do instead."""
    if strategy not in STRATEGIES:
        hint = "Give what the provider asks for as one of the `scopes` or `options`, and remove `offline_access`."
        return f"How a connection of strategy {strategy} asks for offline access is not known: nothing is set", hint
    note = STRATEGIES[strategy].offline_note
    if note:
        return (
            f"Offline access of {strategy} cannot be set here",
            f"{note[0].upper()}{note[1:]}; remove `offline_access`.",
        )
    hint = "Remove `offline_access`: whether it issues refresh tokens is the provider's to say."
    return f"A connection of strategy {strategy} has no setting for offline access: nothing is set", hint


def rules(spec: Spec) -> Iterable[Problem]:
    """What is wrong with the connections of a spec, whatever the tenant holds."""
    for name, connection in spec.connections.items():
        path, strategy = ("connections", name), connection.strategy or ""
        if strategy in WRONG_NAMES:
            right, hint = WRONG_NAMES[strategy]
            summary = f'"{strategy}" is not a strategy of Auth0; use "{right}"'
            yield Problem(code="spec-wrong-strategy", path=(*path, "strategy"), summary=summary, hint=hint)
        elif strategy in NEVER:
            summary = f"A connection of strategy {strategy} never yields tokens: {NEVER[strategy]}"
            yield Problem(
                code="spec-no-tokens", path=(*path, "strategy"), summary=summary, hint="Remove the connection."
            )
        elif strategy in UNDOCUMENTED:
            summary = f"{strategy} is not on Auth0's list of Token Vault providers"
            hint = "It may work: try one exchange before you rely on it."
            yield Problem(
                code="spec-undocumented", path=(*path, "strategy"), summary=summary, hint=hint, severity="warning"
            )
        yield from _rules_of_use(name, connection)
    yield from cross_app_access.problems(spec)


def _knows_users(connection: ConnectionSpec) -> bool:
    """Whether the spec says how Auth0 learns who a user is at a custom provider, or that it need not."""
    scripts = connection.options.get("scripts")
    has_script = bool(scripts.get("fetchUserProfile")) if isinstance(scripts, Mapping) else bool(scripts)
    return has_script or bool(connection.connected_accounts.get("allow_missing_user_id"))


def _rules_of_use(name: str, connection: ConnectionSpec) -> Iterable[Problem]:
    path = ("connections", name)
    if connection.client_secret and not connection.strategy:
        hint = did_you_mean(name, KNOWN) or "Say which provider it is, for example `strategy: oauth2`."
        yield Problem(
            code="spec-missing-strategy",
            path=(*path, "credentials"),
            at_key=True,
            summary="Credentials need a strategy: it decides what they mean",
            hint=hint if "Did" not in hint else f"Add `strategy: {name if name in KNOWN else 'oauth2'}`.",
            missing=(*path, "strategy"),
        )
    strategy = STRATEGIES.get(connection.strategy or "")
    if strategy and connection.offline_access is False and strategy.offline_option:
        summary = "Without offline access the provider issues no refresh token, and Token Vault has nothing to exchange"
        yield Problem(
            code="spec-no-refresh-token",
            path=(*path, "offline_access"),
            summary=summary,
            hint="Set it to true, or remove it.",
        )
    if connection.offline_access and not may_be_asked(connection.strategy):
        summary, hint = unset_offline(connection.strategy or "")
        severity = "error" if strategy and strategy.offline_note else "warning"
        place = (*path, "offline_access")
        yield Problem(code="spec-offline-access", path=place, summary=summary, hint=hint, severity=severity)
    if connection.strategy == "github" and connection.scopes:
        place = (*path, "scopes")
        yield Problem(
            code="spec-github-scopes", path=place, summary=GITHUB_SCOPES, hint=GITHUB_HINT, severity="warning"
        )
    if connection.strategy == "oauth2" and not _knows_users(connection):
        summary = (
            f'Connection "{name}" has no `scripts.fetchUserProfile`: Auth0 cannot tell whose account a user connects'
        )
        hint = "Add it to `options`; for a provider that tells nobody: `connected_accounts: {allow_missing_user_id: true}`."
        place = (*path, "strategy")
        yield Problem(code="spec-no-profile-script", path=place, summary=summary, hint=hint, severity="warning")
    if strategy:
        yield from _offline(name, connection, strategy)
        yield from _contradictions(name, connection, strategy)


def _offline(name: str, connection: ConnectionSpec, strategy: Strategy) -> Iterable[Problem]:
    """A connection that the spec makes asks for offline access only if the spec says so."""
    known = strategy.has_offline_access and connection.client_secret and connection.offline_access is None
    asked = {strategy.offline_scope, "offline_access"} & {*(connection.scopes or ()), *connection.options}
    if known and not asked and connection.strategy != "oauth2":
        summary = (
            f'Connection "{name}" does not ask for offline access: {connection.strategy} then issues no refresh token'
        )
        hint = "Write `offline_access: true`."
        yield Problem(
            code="spec-no-offline-access", path=("connections", name), summary=summary, hint=hint, severity="warning"
        )


def _contradictions(name: str, connection: ConnectionSpec, strategy: Strategy) -> Iterable[Problem]:
    """Scopes and offline access stand for options and scopes: what the spec says of those must say the same."""
    for scope in connection.scopes or ():
        option = strategy.booleans.get(scope, "")
        if option in connection.options and connection.options[option] is not True:
            yield Problem(
                code="spec-conflict",
                path=("connections", name, "options", option),
                summary=f'The scope "{scope}" needs the option "{option}" to be true, and the spec sets it otherwise',
                hint="Remove the option: the scope stands for it. Or remove the scope.",
            )
    asked = strategy.offline_scope and strategy.offline_scope in (connection.scopes or ())
    if asked and connection.offline_access is False:
        yield Problem(
            code="spec-conflict",
            path=("connections", name, "offline_access"),
            summary=f'The scope "{strategy.offline_scope}" asks for offline access, and `offline_access` is false',
            hint="Remove one of the two.",
        )

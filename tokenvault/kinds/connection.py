"""Connections: the link to an external provider. Never deleted; their options are read, merged and sent whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from tokenvault.errors import Diagnostic
from tokenvault.kinds import connection_scopes, cross_app_access
from tokenvault.kinds.base import CONFIGURE_DOC, Collection, Field, Kind, Object, Scopes, Section, Shape
from tokenvault.kinds.connection_list import is_whole_enough, read_connections
from tokenvault.kinds.connection_rules import (
    GITHUB_HINT,
    GITHUB_SCOPES,
    advice,
    may_be_asked,
    rules,
    unset_offline,
    unsettled_purpose,
)
from tokenvault.kinds.connection_scopes import OFFLINE, SCOPES, scope_list
from tokenvault.kinds.strategies import KNOWN, NEVER, STRATEGIES, WRONG_NAMES, Strategy
from tokenvault.model.constraints import Constraint, Contains, Equals
from tokenvault.model.desired import DesiredObject, ObjectRef, Provenance, Requirement
from tokenvault.model.marks import MORE_KEYS
from tokenvault.model.paths import get_path
from tokenvault.model.spec import ConnectionSpec, Spec

SCOPE = "A scope holds no space: give each an entry of its own, as in [email, profile]."
REFERENCE = "\\$\\{(env|file):"

SCHEMA: dict[str, Any] = {
    "description": "Connections that applications use through Token Vault, keyed by their name in the tenant. `{}` switches "
    "connected accounts on and touches nothing else.",
    "type": "object",
    "examples": [{"google-oauth2": {}}],
    "propertyNames": {
        "pattern": "^[A-Za-z0-9](-[A-Za-z0-9]|[A-Za-z0-9_.])*$",
        "maxLength": 128,
        "errorMessage": "Use the connection's name in the tenant: letters, digits, -, _ and ., at most 128.",
    },
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "purpose": {
                "description": "`connected_accounts`: not offered for login. `authentication_and_connected_accounts`: both. "
                "Absent: connected accounts are switched on and login stays as it is.",
                "enum": ["connected_accounts", "authentication_and_connected_accounts"],
                "examples": ["authentication_and_connected_accounts"],
            },
            "offline_access": {
                "description": "Ask the provider for refresh tokens, in the way that its strategy has for it. Without one, "
                "Token Vault has nothing to exchange.",
                "type": "boolean",
                "examples": [True],
            },
            "scopes": {
                "description": "The provider's own scopes, as its documentation spells them. Scopes that the connection "
                "already asks for stay.",
                "type": "array",
                "items": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 280,
                    "pattern": "^\\S+$",
                    "errorMessage": SCOPE,
                },
                "uniqueItems": True,
                "examples": [["email", "https://www.googleapis.com/auth/calendar.events"]],
            },
            **cross_app_access.PROPERTIES,
            "strategy": {
                "description": "The identity provider type. With `credentials`, a connection that does not exist is created.",
                "enum": sorted(KNOWN | set(WRONG_NAMES)),
                "examples": ["oauth2"],
            },
            "credentials": {
                "description": "Your client at the provider. Auth0's developer keys store no tokens.",
                "type": "object",
                "additionalProperties": False,
                "required": ["client_id", "client_secret"],
                "properties": {
                    "client_id": {
                        "description": "The client id that the provider gave you.",
                        "type": "string",
                        "minLength": 1,
                        "x-confidential": True,
                        "examples": ["${env:CRM_CLIENT_ID}"],
                    },
                    "client_secret": {
                        "description": "The client secret that the provider gave you: a reference, never the secret itself.",
                        "type": "string",
                        "pattern": f"^{REFERENCE}[^}}]+\\}}$",
                        "writeOnly": True,
                        "examples": ["${env:CRM_CLIENT_SECRET}"],
                    },
                },
                "examples": [{"client_id": "${env:CRM_CLIENT_ID}", "client_secret": "${env:CRM_CLIENT_SECRET}"}],
            },
            "options": {
                "description": "Further connection options, named as in the Management API. Only what stands here is "
                "managed; every other option is kept.",
                "type": "object",
                "propertyNames": {
                    "pattern": "^[A-Za-z][A-Za-z0-9_-]*$",
                    "not": {"enum": ["client_id", "client_secret", "scope", "freeform_scopes", "offline_access"]},
                },
                "examples": [{"tokenURL": "https://crm.acme.com/token"}],
            },
        },
    },
}


ENDPOINTS = ("authorizationURL", "tokenURL", "authorization_endpoint", "token_endpoint", "issuer", "discovery_url")
RETIRED_PURPOSE = "federated_connections_access_tokens"
LISTED = "the spec lists these scopes"
WITHOUT_OFFLINE = "without offline access the provider issues no refresh token"


def target(spec: Spec, connection: ConnectionSpec) -> ObjectRef:
    """The node of a connection. Only one that the spec describes, not merely uses, is claimed by a mark."""
    return ObjectRef(
        address=f"connection.{connection.name}",
        kind="connection",
        identity={"name": connection.name},
        name=connection.name,
        mark=f"{spec.name}/{connection.name}" if connection.claims else None,
        creatable=connection.strategy is not None and connection.client_secret is not None,
    )


def _expand(spec: Spec, domain: str) -> Iterable[Requirement]:
    for connection in spec.connections.values():
        for path, constraint, reason, key in _settings(connection):
            span = spec.positions.key("connections", connection.name, *key)
            provenance = Provenance(source="spec", reason=reason, span=span, doc=CONFIGURE_DOC)
            yield Requirement(target=target(spec, connection), path=path, constraint=constraint, provenance=provenance)


def _settings(connection: ConnectionSpec) -> Iterable[tuple[str, Constraint, str, tuple[str, ...]]]:
    yield "connected_accounts.active", Equals(True), "Token Vault stores tokens only of connected accounts", ()
    if connection.purpose:
        login = connection.purpose == "authentication_and_connected_accounts"
        reason = "the purpose includes login" if login else "the purpose leaves out login"
        yield "authentication.active", Equals(login), reason, ("purpose",)
    yield from cross_app_access.settings(connection)
    if connection.strategy:
        yield "strategy", Equals(connection.strategy), "the spec gives the strategy", ("strategy",)
    if connection.client_secret:
        for path, value in (("client_id", connection.client_id), ("client_secret", connection.client_secret)):
            yield f"options.{path}", Equals(value), "the spec gives the provider's keys", ("credentials",)
    for name, value in connection.options.items():
        yield f"options.{name}", Equals(value), "the spec sets this option", ("options", name)
    if connection.offline_access is not None and may_be_asked(connection.strategy):
        reason = WITHOUT_OFFLINE
        if not connection.strategy:
            reason += "; set where the connection's strategy has an option or a scope for it"
        yield OFFLINE, Equals(connection.offline_access), reason, ("offline_access",)
    if connection.scopes is not None:
        yield SCOPES, Contains(tuple(connection.scopes)), LISTED, ("scopes",)


def _check(node: DesiredObject, live: Object | None) -> Iterable[Diagnostic]:
    name = node.target.name
    if live is None and not node.target.creatable:
        yield Diagnostic(
            code="plan-missing-connection",
            summary=f'The tenant has no connection "{name}"',
            hint="If it is to be new: create it in the dashboard, or give its `strategy` and `credentials`.",
            span=node.span,
            context=node.address,
        )
    yield from unsettled_purpose(node, live)
    if live is None:
        return
    strategy = str(live.get("strategy"))
    yield from _github_scopes(node, live)
    yield from connection_scopes.not_kept(node, live)
    yield from cross_app_access.misplaced(node, strategy)
    for requirement in node.requirements_for(OFFLINE):
        if isinstance(requirement.constraint, Equals) and requirement.constraint.value:
            summary, hint = unset_offline(strategy)
            yield Diagnostic(
                code="plan-offline-access",
                summary=f"{summary} ({name})",
                hint=hint,
                span=requirement.provenance.span,
                context=node.address,
                severity="warning",
            )
    wanted = node.constraints.get("strategy")
    if isinstance(wanted, Equals) and wanted.value != strategy:
        yield Diagnostic(
            code="plan-immutable",
            summary=f'Connection "{name}" has the strategy {strategy}; the spec says {wanted.value}',
            hint="A connection's strategy never changes: correct the spec, or use a connection of another name.",
            span=next((a.provenance.span for a in node.requirements_for("strategy")), node.span),
            context=node.address,
        )
    if strategy in NEVER:
        yield Diagnostic(
            code="plan-no-tokens",
            summary=f'Connection "{name}" ({strategy}) can never yield tokens: {NEVER[strategy]}',
            hint="Remove it from the spec.",
            span=node.span,
            context=node.address,
        )


def _github_scopes(node: DesiredObject, live: Object) -> Iterable[Diagnostic]:
    """GitHub Apps, the only ones that Token Vault can use, have permissions instead of scopes."""
    listed = [one for one in node.requirements if one.provenance.reason == LISTED]
    if live.get("strategy") == "github" and listed:
        yield Diagnostic(
            code="plan-github-scopes",
            severity="warning",
            summary=f"{GITHUB_SCOPES} ({node.target.name})",
            hint=GITHUB_HINT,
            span=listed[0].provenance.span,
            context=node.address,
        )


FEW = 8


def _similar(node: DesiredObject, others: Sequence[Object]) -> str:
    """The connections that may be meant where none has the name; all, where they are few and it must be one of them."""
    name = node.target.name.lower()
    names = {str(other.get("name")): str(other.get("strategy")) for other in others}
    strategy, _ = WRONG_NAMES.get(name, (name, ""))
    close = [each for each in names if name in each.lower().replace("_", "-").split("-") or each.lower() == name]
    close += [each for each, kind in names.items() if kind in (strategy, name) and strategy != "oauth2"]
    close += get_close_matches(name, names, n=2, cutoff=0.75)
    found = list(dict.fromkeys(close))[:3]
    if found:
        return f"Did you mean {' or '.join(f'`{each}`' for each in found)}? The tenant has that."
    if node.target.creatable or len(names) > FEW:
        return ""
    return (
        f"The tenant's connections: {', '.join(f'`{each}`' for each in sorted(names))}."
        if names
        else "The tenant has no connections at all."
    )


def _risks(live: Object, patch: Mapping[str, Any]) -> Iterable[str]:
    login = patch.get("authentication.active", ((live.get("authentication") or {}).get("active")))
    if patch.get("connected_accounts.active") is True and login and live.get("strategy") == "google-oauth2":
        yield "Google One Tap stops appearing on login pages once connected accounts are on"
    if patch.get("connected_accounts.active") is True:
        if has_retired_purpose(live):
            yield "users who connected under the purpose's retired option must connect their accounts again"
        yield "provider tokens no longer appear in users' identities: applications that read them there must exchange instead"

    if get_path(live, "connected_accounts.active"):
        yield from _risks_of_asking(live, patch)


def is_for_token_vault(connection: Object) -> bool:
    """Whether it is on for connected accounts, or was meant to be by an option that Auth0 has retired."""
    return bool(get_path(connection, "connected_accounts.active")) or has_retired_purpose(connection)


def has_retired_purpose(live: Object) -> bool:
    """Whether the connection was set up for Token Vault by the option that Auth0 does not read any more."""
    return bool(get_path(live, f"options.{RETIRED_PURPOSE}.active"))


def _risks_of_asking(live: Object, patch: Mapping[str, Any]) -> Iterable[str]:
    """What another way of asking the provider means for the users who connected their accounts before."""
    options = dict(live.get("options") or {})
    new = {**options, **{path.removeprefix("options."): value for path, value in patch.items() if "options." in path}}
    strategy = STRATEGIES.get(str(live.get("strategy")), Strategy())
    asked, asks = _asked(strategy, options), _asked(strategy, new)
    grown = sorted(asks - asked - {OFFLINE_ACCESS})
    if grown:
        more = f" and {len(grown) - 3} more" if len(grown) > 3 else ""
        yield f"users who connected before did not agree to {', '.join(grown[:3])}{more}: they must connect again for that"
    if OFFLINE_ACCESS in asks - asked:
        yield "accounts that were connected without offline access have no refresh token: their users must connect again"
    if OFFLINE_ACCESS in asked - asks:
        yield "accounts connected from now on get no refresh token: nothing can be exchanged for them after the first hour"


OFFLINE_ACCESS = "offline access"


def _asked(strategy: Strategy, options: Mapping[str, Any]) -> frozenset[str]:
    """The scopes that the options ask for, whatever way, and whether they ask for offline access."""
    scopes = scope_list(options.get("scope")) | scope_list(options.get("freeform_scopes"))
    scopes |= {scope for scope, option in strategy.booleans.items() if options.get(option) is True}
    offline = options.get(strategy.offline_option) is True if strategy.offline_option else False
    offline = offline or strategy.offline_scope in scopes
    return (scopes - {strategy.offline_scope}) | ({OFFLINE_ACCESS} if offline else set())


KIND = Kind(
    name="connection",
    title="connection",
    collection=Collection(
        name="connections",
        read=read_connections,
        covers=is_whole_enough,
    ),
    path="connections",
    id_field="id",
    order=25,
    marker="metadata.tokenvault",
    metadata="metadata",
    fields={
        "name": Field(immutable=True),
        "strategy": Field(immutable=True),
        "connected_accounts.active": Field(
            risk="users' stored tokens of this connection stop working", risk_values=(False,)
        ),
        **cross_app_access.FIELDS,
        "authentication.active": Field(
            slot="login", risk="users can no longer log in with this connection", risk_values=(False,)
        ),
        "options.client_secret": Field(
            secret=True, risk="logins and token refreshes of this connection use the new secret at once"
        ),
        "options.client_id": Field(
            risk="the connection becomes another client at the provider: users must connect their accounts again"
        ),
        **{f"options.{name}": Field(slot="o.*", removable=True, optional=True) for name in ENDPOINTS},
        "options.scope": Field(shape=Shape.SET, slot="scope", removable=True),
        "options.freeform_scopes": Field(shape=Shape.SET, slot="freeform", removable=True),
        "options.*": Field(slot="o.*", removable=True, optional=True),
        "metadata.tokenvault": Field(),
        **{f"metadata.{key}": Field() for key in MORE_KEYS},
    },
    scopes=Scopes(
        read=("read:connections",),
        create=("create:connections",),
        update=("update:connections",),
        fields={"options": ("read:connections_options", "update:connections_options")},
    ),
    replaced=frozenset(
        {"options", "authentication", "connected_accounts", "metadata", "cross_app_access_requesting_app"}
    ),
    nulled=frozenset({"metadata"}),
    nullable=frozenset({"cross_app_access_requesting_app"}),
    resent=("display_name",),
    on_request={"connected_accounts.active": Equals(False)},
    refine=connection_scopes.refine,
    lost=connection_scopes.lost,
    forgone=connection_scopes.forgone,
    check=_check,
    advice=advice,
    similar=_similar,
    risks=_risks,
    section=Section(name="connections", schema=SCHEMA, expand=_expand, rules=rules),
)

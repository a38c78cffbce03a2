"""Applications (Auth0: clients), the Custom API Client of an API among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tokenvault.errors import Diagnostic, PlanError
from tokenvault.kinds.application_rules import CONFIDENTIAL, METHOD, advice, bodies, check, refine, risks
from tokenvault.kinds.base import Collection, Field, Kind, Object, Objects, Reader, Scopes, Section, Shape
from tokenvault.kinds.tenant_settings import TENANT_SETTINGS, new_application_risks
from tokenvault.model.constraints import Constraint, Contains, Equals, NotIn
from tokenvault.model.desired import DesiredObject, ObjectRef, Provenance, Requirement
from tokenvault.model.marks import API_METADATA_KEY, MORE_KEYS, Provision, read_mark
from tokenvault.model.spec import PUBLIC_TYPES, ApplicationSpec, Problem, Spec


def _urls(description: str, example: str) -> dict[str, Any]:
    return {
        "description": description,
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": 2048},
        "uniqueItems": True,
        "examples": [[example]],
    }


SCHEMA: dict[str, Any] = {
    "description": "The applications, keyed by a name of your own: the key is the address, `application.<key>`.",
    "type": "object",
    "examples": [{"assistant": {"type": "regular_web", "flavors": ["connected_accounts"]}}],
    "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,64}$", "errorMessage": "Use at most 64 letters, digits, - and _."},
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["flavors"],
        "anyOf": [{"required": ["type"]}, {"required": ["client_id"]}],
        "properties": {
            "name": {
                "description": "The application's name in Auth0. Default: the key, or, with `client_id`, the name it has.",
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "pattern": "^[^<>]+$",
                "errorMessage": "Auth0 takes no < and no > in a name.",
                "examples": ["Acme Assistant"],
            },
            "client_id": {
                "description": "Adopt the existing application with this client id instead of looking for one by name.",
                "type": "string",
                "pattern": "^([A-Za-z0-9_-]{1,64}|.*\\$\\{.*)$",
                "errorMessage": "The client id as the dashboard shows it: letters, digits, - and _. A URL is the external id of "
                "a third-party application, which cannot use Token Vault itself: the API that it calls can (its `flavors`).",
                "examples": ["AbC123dEf456GhI789jKl012mNo345Pq"],
            },
            "type": {
                "description": "What kind of application it is. `spa` and `native` are public (they keep no secret), "
                "unless they are `confidential`.",
                "enum": ["regular_web", "m2m", "spa", "native"],
                "examples": ["regular_web"],
            },
            "callbacks": _urls(
                "Callback URLs: the login's, and the one that a user comes back to after connecting an account.",
                "https://assistant.acme.com/auth/callback",
            ),
            "logout_urls": _urls("Where a user may be sent after logging out.", "https://assistant.acme.com"),
            "web_origins": _urls("Origins that may use silent authentication.", "https://assistant.acme.com"),
            "allowed_origins": _urls(
                "Origins that may call Auth0 from the browser (CORS), the My Account API among it.",
                "https://calendar.acme.com",
            ),
            "flavors": {
                "description": "What the application uses Token Vault for.",
                "type": "array",
                "minItems": 1,
                "examples": [["connected_accounts", "refresh_token_exchange"]],
            },
            "connections": {
                "description": "Connections of this spec that the application uses. Default: all of them.",
                "type": "array",
                "items": {"type": "string"},
                "uniqueItems": True,
                "examples": [["google-oauth2"]],
            },
            "confidential": {
                "description": "A `spa` or `native` application whose backend keeps a client secret: it is not public then, "
                "and may exchange tokens itself. One that was created so stays confidential without this word.",
                "type": "boolean",
                "default": False,
                "examples": [True],
            },
            "first_party": {
                "description": "Make an existing third-party application that is adopted a first-party one: its users "
                "are no longer asked for consent. Without this word such an application is refused.",
                "const": True,
                "examples": [True],
            },
            "domain": {
                "description": "The custom domain that users of this application log in on: `usage` and `exchange` use it. "
                "Default: `my_account_api.domain`, else the tenant's domain.",
                "type": "string",
                "pattern": "^([A-Za-z0-9.-]+(:[0-9]+)?|.*\\$\\{.*)$",
                "examples": ["login.acme.com"],
            },
            "protect": {
                "description": "Never deleted or released, whatever else is asked. What the spec stops giving it is "
                "revoked all the same.",
                "type": "boolean",
                "default": False,
                "examples": [True],
            },
        },
    },
}


APP_TYPES = {"regular_web": "regular_web", "m2m": "non_interactive", "spa": "spa", "native": "native"}
WITHOUT_SECRETS = {"fields": "client_secret,signing_keys,encryption_key", "include_fields": False}
ACCESS = Provision("privileged", "access")
URL_LISTS = {
    "callbacks": "callbacks",
    "logout_urls": "allowed_logout_urls",
    "web_origins": "web_origins",
    "allowed_origins": "allowed_origins",
}


async def _read(reader: Reader, nodes: Sequence[DesiredObject], before: Objects) -> list[dict[str, Any]]:
    """Secrets are left out at the source. Where the spec names every application by its id, none has to be searched for."""
    ids = [str(node.target.identity.get("client_id", "")) for node in nodes]
    params = {"is_global": False, **WITHOUT_SECRETS}
    return await reader.pages("clients", "clients", params, ids if all(ids) else ())


async def _fetch(reader: Reader, known: Object) -> Object:
    found: Object = await reader.get(f"clients/{quote(str(known['client_id']), safe='')}", WITHOUT_SECRETS)
    return found


def target(spec: Spec, app: ApplicationSpec) -> ObjectRef:
    """The node of an application of the spec."""
    identity: dict[str, Any] = {"client_id": app.client_id} if app.client_id else {"name": app.name or app.key}
    return ObjectRef(
        address=app.address,
        kind="application",
        identity=identity,
        name=app.name or app.key,
        mark=f"{spec.name}/{app.key}",
        creatable=app.client_id is None,
        protect=app.protect,
    )


def _expand(spec: Spec, domain: str) -> Iterable[Requirement]:
    for app in spec.applications.values():

        def requirement(
            attribute: str, constraint: Constraint, reason: str, *at: str, app: ApplicationSpec = app
        ) -> Requirement:
            span = spec.positions.key("applications", app.key, *at)
            return Requirement(
                target=target(spec, app),
                path=attribute,
                constraint=constraint,
                provenance=Provenance(source="spec", reason=reason, span=span),
            )

        if app.name is not None or app.client_id is None:
            yield requirement("name", Equals(app.name or app.key), "the spec names the application", "name")
        if app.type:
            yield requirement("app_type", Equals(APP_TYPES[app.type]), "the spec gives the type", "type")
        if app.confidential:
            yield requirement(METHOD, NotIn(("none",), "client_secret_post"), CONFIDENTIAL, "confidential")
        if app.first_party:
            yield requirement(
                "is_first_party", Equals(True), "the spec makes it a first-party application", "first_party"
            )
        for key, attribute in URL_LISTS.items():
            if getattr(app, key) is not None:
                yield requirement(attribute, Contains(tuple(getattr(app, key))), f"the spec lists {key}", key)


@dataclass(frozen=True, slots=True)
class _Clients:
    """Applications by everything they are found by."""

    by_id: dict[str, Object]
    by_mark: dict[str, list[Object]]
    by_api: dict[str, Object]
    by_name: dict[str, list[Object]]


def _index(clients: Sequence[Object]) -> _Clients:
    index = _Clients({}, defaultdict(list), {}, defaultdict(list))
    for client in clients:
        index.by_id[client["client_id"]] = client
        mark = read_mark(client.get("client_metadata"))
        if mark:
            index.by_mark[f"{mark.spec}/{mark.key}"].append(client)
        if client.get("resource_server_identifier"):
            index.by_api.setdefault(client["resource_server_identifier"], client)
        else:
            index.by_name[client.get("name", "")].append(client)
    return index


def _match(node: DesiredObject, identity: Mapping[str, Any], clients: _Clients) -> Object | None:
    """By client id; else by our mark; else by the linked API; else by a name that one unmarked application bears."""
    if "client_id" in identity:
        return clients.by_id.get(identity["client_id"])
    marked = clients.by_mark.get(node.target.mark or "")
    if marked:
        return _only(marked, node, "carry the mark of")
    if "resource_server_identifier" in identity:
        return clients.by_api.get(identity["resource_server_identifier"])
    named = clients.by_name.get(identity["name"]) or []
    unmarked = [client for client in named if read_mark(client.get("client_metadata")) is None]
    return _only(unmarked or named, node, "are named like") if named else None


def _only(clients: Sequence[Object], node: DesiredObject, relation: str) -> Object:
    if len(clients) == 1:
        return clients[0]
    ids = ", ".join(sorted(str(c.get("client_id")) for c in clients))
    raise PlanError(
        Diagnostic(
            code="plan-ambiguous-application",
            summary=f'{len(clients)} applications of the tenant {relation} "{node.target.name}": {ids}',
            hint=f"Say which one {node.address} is: set `client_id` to one of these in the spec.",
            span=node.span,
            context=node.address,
        )
    )


def _confidential_rules(key: str, app: ApplicationSpec) -> Iterable[Problem]:
    if app.confidential and app.type and app.type not in PUBLIC_TYPES:
        path = ("applications", key, "confidential")
        summary = f"A {app.type} application is confidential anyway"
        yield Problem(code="spec-confidential", path=path, summary=summary, hint="Remove it.", severity="warning")


def _rules(spec: Spec) -> Iterable[Problem]:
    names: dict[str, str] = {}
    ids: dict[str, str] = {}
    for key, app in spec.applications.items():
        yield from _confidential_rules(key, app)
        if app.client_id in ids:
            summary = (
                f'Applications "{ids[app.client_id]}" and "{key}" are the same: both have client_id {app.client_id}'
            )
            hint = "Keep one of them, with the flavors of both."
            yield Problem(code="spec-collision", path=("applications", key, "client_id"), summary=summary, hint=hint)
        if app.client_id:
            ids[app.client_id] = key
            continue
        name = app.name or key
        if name in names:
            summary = f'Applications "{names[name]}" and "{key}" have the same name "{name}"'
            hint = "Give each a name of its own: a name is how an existing application is found."
            yield Problem(code="spec-collision", path=("applications", key, "name"), summary=summary, hint=hint)
        names.setdefault(name, key)


KIND = Kind(
    name="application",
    title="application",
    collection=Collection(name="clients", read=_read),
    path="clients",
    id_field="client_id",
    order=20,
    marker="client_metadata.tokenvault",
    metadata="client_metadata",
    fields={
        "name": Field(slot="name"),
        "app_type": Field(
            slot="type", risk="the login flows and the authentication that Auth0 offers the application change"
        ),
        "is_first_party": Field(
            slot="first", risk="users are no longer asked for consent by this application", risk_values=(True,)
        ),
        "oidc_conformant": Field(
            slot="oidc",
            risk="legacy (non-OIDC) endpoints and token formats stop working for this application",
            risk_values=(True,),
        ),
        "token_endpoint_auth_method": Field(slot="auth"),
        "grant_types": Field(
            shape=Shape.SET, slot="grants", was_exact=True, loss="requests with the grant type {} are refused"
        ),
        "callbacks": Field(
            shape=Shape.SET,
            slot="callbacks",
            was_exact=True,
            loss="logins and connect flows that come back to {} are refused",
        ),
        "allowed_logout_urls": Field(
            shape=Shape.SET, slot="logout", was_exact=True, loss="logouts that return to {} are refused"
        ),
        "web_origins": Field(
            shape=Shape.SET, slot="origins", was_exact=True, loss="silent authentication from {} is refused"
        ),
        "allowed_origins": Field(
            shape=Shape.SET, slot="cors", was_exact=True, loss="browsers cannot call Auth0 from {} any more"
        ),
        "jwt_configuration.alg": Field(
            slot="alg",
            absent="HS256",
            risk="ID tokens are signed with RS256 from now on: an application that verifies HS256 must be changed first",
            risk_values=("RS256",),
        ),
        "refresh_token.rotation_type": Field(
            slot="rotation",
            risk="refresh tokens that were issued with another rotation setting may stop working: users log in again",
        ),
        "refresh_token.expiration_type": Field(
            slot="expiration", risk="refresh tokens expire from now on", risk_values=("expiring",)
        ),
        "refresh_token.leeway": Field(),
        "refresh_token.token_lifetime": Field(),
        "refresh_token.idle_token_lifetime": Field(),
        "refresh_token.infinite_token_lifetime": Field(),
        "refresh_token.infinite_idle_token_lifetime": Field(),
        "refresh_token.policies": Field(
            shape=Shape.KEYED,
            key="audience",
            slot="mrrt",
            entries="mrrt",
            loss="refresh tokens do not reach {} any more",
            advice="users must log in again: refresh tokens issued before this change do not reach the My Account API.",
        ),
        "resource_server_identifier": Field(immutable=True),
        "client_metadata.tokenvault": Field(),
        **{f"client_metadata.{key}": Field() for key in (*MORE_KEYS, API_METADATA_KEY)},
        "client_authentication_methods": Field(),
        "client_authentication_methods.private_key_jwt.credentials": Field(
            shape=Shape.KEYED,
            key="id",
            slot="keys",
            all_or_nothing=True,
            was_exact=True,
            feature="Private Key JWT, which comes with Auth0's Enterprise plans; on others give the worker "
            "`authentication: client_secret_post`",
        ),
        "token_vault_privileged_access": Field(
            risk="the worker no longer gets tokens of users",
            risk_values=(None,),
            feature="privileged worker exchange, which is in Early Access: ask Auth0 to switch it on for the tenant",
        ),
        "token_vault_privileged_access.credentials": Field(
            shape=Shape.KEYED, key="id", slot="pkeys", all_or_nothing=True, was_exact=True
        ),
        "token_vault_privileged_access.ip_allowlist": Field(
            shape=Shape.SET,
            slot="ip",
            within=ACCESS,
            was_exact=True,
            loss="the worker is refused when it calls from {}",
        ),
        "token_vault_privileged_access.grants": Field(
            shape=Shape.KEYED,
            key="connection",
            slot="wg",
            within=ACCESS,
            was_exact=True,
            loss="the worker gets no more tokens of {}",
        ),
    },
    scopes=Scopes(
        read=("read:clients",),
        create=("create:clients",),
        update=("update:clients",),
        delete=("delete:clients",),
        fields={
            "client_authentication_methods": ("update:client_credentials",),
            "token_vault_privileged_access": ("update:client_token_vault_privileged_access",),
        },
    ),
    deletable=True,
    deletion_risk="whoever still uses the application can no longer log in or get tokens; its client id never comes back",
    replaced=frozenset({"refresh_token", "client_authentication_methods", "token_vault_privileged_access"}),
    together=(("client_authentication_methods", "token_endpoint_auth_method"),),
    may_hide=frozenset({"token_vault_privileged_access"}),
    alone=frozenset({"token_vault_privileged_access"}),
    bodies=bodies,
    advice=advice,
    create_only=frozenset({"resource_server_identifier"}),
    index=_index,
    match=_match,
    fetch=_fetch,
    check=check,
    refine=refine,
    risks=risks,
    new_depends_on=TENANT_SETTINGS,
    new_risks=new_application_risks,
    section=Section(name="applications", schema=SCHEMA, expand=_expand, rules=_rules),
)

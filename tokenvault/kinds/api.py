"""Backend APIs (resource servers) whose access tokens a Custom API Client exchanges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tokenvault.kinds.base import Collection, Field, Kind, Object, Objects, Reader, Scopes, Section, Shape
from tokenvault.model.constraints import ContainsKeyed, Default
from tokenvault.model.desired import DesiredObject, ObjectRef, Provenance, Requirement
from tokenvault.model.marks import Provision, digest
from tokenvault.model.spec import ApiSpec, Problem, Spec

MAX_IDENTIFIERS = 10


async def _read(reader: Reader, nodes: Sequence[DesiredObject], before: Objects) -> list[dict[str, Any]]:
    if not nodes:
        return await reader.pages("resource-servers", "resource_servers")
    wanted = [str(node.target.identity["identifier"]) for node in nodes]
    near = [each for node in nodes if node.kind == "api" for each in _variants(str(node.target.identity["identifier"]))]
    identifiers = list(dict.fromkeys([*wanted, *near]))
    found = []
    for start in range(0, len(identifiers), MAX_IDENTIFIERS):
        chunk = identifiers[start : start + MAX_IDENTIFIERS]
        found += await reader.pages("resource-servers", "resource_servers", {"identifiers": chunk})
    return found


ENDINGS = ("", "/", "/mcp", "/mcp/", "/sse")
SCHEMES = {"https": "http", "http": "https"}


def _variants(identifier: str) -> Iterable[str]:
    """Identifiers that people take for the same, so few that one request asks for them with it and the My Account API."""
    bare = identifier.rstrip("/")
    root = bare.removesuffix("/mcp").removesuffix("/sse")
    scheme, colon, rest = root.partition("://")
    others = [f"{SCHEMES[scheme]}://{rest}{ending}" for ending in ENDINGS[:2]] if scheme in SCHEMES and colon else []
    near = [*(root + ending for ending in ENDINGS), *others, bare, identifier.lower()]
    yield from (each for each in dict.fromkeys(near) if each != identifier)


def _similar(node: DesiredObject, others: Sequence[Object]) -> str:
    identifier = str(node.target.identity["identifier"])
    near = [str(other["identifier"]) for other in others if other["identifier"] in set(_variants(identifier))]
    if not near:
        return ""
    return f"The tenant has the API {near[0]}: an identifier never changes, and tokens for one are none for the other."


RESOURCE_SERVERS = Collection(name="resource_servers", read=_read, partition_key="identifier")
SCOPES = Scopes(
    read=("read:resource_servers",),
    create=("create:resource_servers",),
    update=("update:resource_servers",),
    delete=("delete:resource_servers",),
)


START = {
    "signing_alg": "RS256",
    "allow_offline_access": True,
    "skip_consent_for_verifiable_first_party_clients": True,
    "subject_type_authorization.user.policy": "require_client_grant",
}
"""How a new API begins, whether or not an application exchanges its tokens yet: so that its history does not matter."""

SCHEMA = {
    "description": "Backend APIs (resource servers) that applications call, keyed by a name of your own.",
    "type": "object",
    "examples": [{"calendar": {"identifier": "https://calendar.acme.com"}}],
    "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,64}$", "errorMessage": "Use at most 64 letters, digits, - and _."},
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["identifier"],
        "properties": {
            "identifier": {
                "description": "The API's identifier: the `audience` that applications ask for. It never changes.",
                "type": "string",
                "minLength": 1,
                "maxLength": 600,
                "examples": ["https://calendar.acme.com"],
            },
            "name": {
                "description": "The name that Auth0 shows when it creates the API. Default: the key.",
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "pattern": "^[^<>]+$",
                "errorMessage": "Auth0 takes no < and no > in a name.",
                "examples": ["Calendar API"],
            },
            "scopes": {
                "description": "Scopes of the API and what each is for. Scopes that the API already has stay.",
                "type": "object",
                "propertyNames": {"minLength": 1, "maxLength": 280},
                "additionalProperties": {"type": "string", "maxLength": 500},
                "maxProperties": 1000,
                "examples": [{"read:calendar": "Read calendar events"}],
            },
            "flavors": {
                "description": "What the API uses Token Vault for itself, whoever calls it: third-party applications, "
                "dynamically registered ones, clients of an MCP server. An application of this spec that calls it says so "
                "in its own `flavors` instead.",
                "type": "array",
                "minItems": 1,
                "examples": [["access_token_exchange"]],
            },
            "connections": {
                "description": "Connections of this spec whose tokens the API needs for its `flavors`. Default: all of them.",
                "type": "array",
                "items": {"type": "string"},
                "uniqueItems": True,
                "examples": [["google-oauth2"]],
            },
            "protect": {
                "description": "Never deleted, whatever else is asked.",
                "type": "boolean",
                "default": False,
                "examples": [True],
            },
        },
    },
}


def target(spec: Spec, api: ApiSpec) -> ObjectRef:
    """The node of a backend API. What the spec gives it is recorded on its Custom API Client, else on an application."""
    return ObjectRef(
        address=f"api.{api.key}",
        kind="api",
        identity={"identifier": api.identifier},
        name=api.name,
        protect=api.protect,
        recorder=_recorder(spec, api),
        provision=Provision("made", f"~{digest(api.identifier)}"),
    )


def _recorder(spec: Spec, api: ApiSpec) -> str:
    uses = [use for app in spec.users.values() for use in app.flavors]
    if any(use.settings.get("api") == api.key for use in uses):
        return f"application.{api.key}.api_client"
    return next((app.address for app in spec.applications.values()), "")


def _expand(spec: Spec, domain: str) -> Iterable[Requirement]:
    for api in spec.apis.values():
        provenance = Provenance(
            source="spec", reason="the spec lists this API", span=spec.positions.key("apis", api.key)
        )
        for path, value in {"name": api.name, **START}.items():
            yield Requirement(target=target(spec, api), path=path, constraint=Default(value), provenance=provenance)
        if api.scopes:
            entries = tuple({"value": value, "description": text} for value, text in api.scopes.items())
            span = spec.positions.key("apis", api.key, "scopes")
            because = Provenance(source="spec", reason="the spec lists these scopes", span=span)
            yield Requirement(
                target=target(spec, api), path="scopes", constraint=ContainsKeyed("value", entries), provenance=because
            )


ONE_API = "Keep one of them: an identifier is how an API is found."


def _rules(spec: Spec) -> Iterable[Problem]:
    seen: dict[str, str] = {}
    for key, api in spec.apis.items():
        if api.identifier in seen:
            summary = f'APIs "{seen[api.identifier]}" and "{key}" have the same identifier {api.identifier}'
            yield Problem(code="spec-collision", path=("apis", key, "identifier"), summary=summary, hint=ONE_API)
        seen.setdefault(api.identifier, key)
        if not api.flavors and spec.positions.keys.get(("apis", key, "connections")):
            summary = f'API "{key}" lists connections, but no flavor that uses them'
            hint = "Add `flavors: [access_token_exchange]`, if it exchanges the tokens of whoever calls it."
            yield Problem(
                code="spec-missing", path=("apis", key, "connections"), summary=summary, hint=hint, at_key=True
            )
        if api.identifier.rstrip("/").endswith("/me") or api.identifier.rstrip("/").endswith("/api/v2"):
            yield Problem(
                code="spec-system-api",
                path=("apis", key, "identifier"),
                summary=f"{api.identifier} looks like one of Auth0's own APIs",
                hint="List only your backend APIs; the My Account API is set up by every flavor that needs it.",
            )


KIND = Kind(
    name="api",
    title="API",
    collection=RESOURCE_SERVERS,
    path="resource-servers",
    id_field="id",
    order=15,
    fields={
        "identifier": Field(immutable=True),
        "name": Field(),
        "scopes": Field(shape=Shape.KEYED, key="value", slot="scopes", loss="no application gets {} any more"),
        "signing_alg": Field(
            slot="alg", risk="tokens for this API change their signature: its verifiers must accept RS256"
        ),
        "allow_offline_access": Field(slot="offline"),
        "skip_consent_for_verifiable_first_party_clients": Field(slot="consent"),
        "subject_type_authorization.user.policy": Field(
            slot="policy", risk="applications may again request tokens for this API on behalf of users"
        ),
    },
    scopes=SCOPES,
    deletable=True,
    deletion_risk="no application gets tokens for this API any more, and what was granted on it is gone",
    aliases=("identifier",),
    similar=_similar,
    replaced=frozenset({"subject_type_authorization"}),
    section=Section(name="apis", schema=SCHEMA, expand=_expand, rules=_rules),
)

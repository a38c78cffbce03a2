"""Access token exchange: a backend API trades the access token it was called with, through its Custom API Client."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tokenvault.errors import did_you_mean
from tokenvault.flavors.base import (
    Flavor,
    FlavorContext,
    KeyNames,
    api,
    application,
    enabled,
    user_grant,
)
from tokenvault.flavors.runtime import Runtime
from tokenvault.flavors.runtime.api import (
    CLIENT_TYPE,
    DOC,
    GRANT,
    LINKED,
    OFFLINE_ACCESS,
    RS256,
    SERVING_CHECKS,
    SKIPS_CONSENT,
    USER_POLICY,
)
from tokenvault.flavors.runtime.client import CLIENT_CHECKS, CONFIDENTIAL, EXCHANGES, MRRT
from tokenvault.flavors.runtime.detection import serving
from tokenvault.flavors.runtime.request import ACCESS_TOKEN_REQUEST
from tokenvault.flavors.runtime.tenant_view import DetectedUse
from tokenvault.model.constraints import Contains, ContainsKeyed, Default, Equals, NotIn
from tokenvault.model.desired import Condition, ObjectRef, Requirement
from tokenvault.model.spec import ApiSpec, Problem

ACCESS_TOKEN_EXCHANGE = Runtime(preconditions=SERVING_CHECKS, detections=serving, exchange=ACCESS_TOKEN_REQUEST)


def default_name(api: ApiSpec) -> str:
    """What a Custom API Client is called when the spec does not say."""
    return f"{api.name} (Token Vault)"


def api_client(context: FlavorContext) -> ObjectRef:
    """The Custom API Client: the application that Auth0 links to the API for good when it is created."""
    key = context.settings["api"]
    identifier = context.spec.apis[key].identifier
    return ObjectRef(
        address=f"application.{key}.api_client",
        kind="application",
        identity={"resource_server_identifier": identifier},
        name=context.settings.get("client_name") or default_name(context.spec.apis[key]),
        mark=f"{context.spec.name}/{key}.api_client",
        protect=context.spec.apis[key].protect,
    )


def _expand(context: FlavorContext) -> Iterable[Requirement]:
    yield from _api(context)
    if not context.app.serves:
        yield from _calling(context)
    yield from _api_client(context)
    yield from _api_client_enabled(context)


def _calling(context: FlavorContext) -> Iterable[Requirement]:
    """What the application needs to get tokens for the API. Callers that no spec knows have ways of their own."""
    yield from _login(context)
    yield from _policy(context)


def _policy(context: FlavorContext) -> Iterable[Requirement]:
    """Users who logged in for another audience still get tokens for the API, without another login."""
    spec = context.spec.apis[context.settings["api"]]
    if spec.scopes:
        policy = ContainsKeyed("audience", ({"audience": spec.identifier, "scope": list(spec.scopes)},))
        reason = "one refresh token serves the application and its API (MRRT)"
        needs = (api(context).address,)
        yield context.meet(application(context), MRRT, policy, reason, needs=needs)


def _api(context: FlavorContext) -> Iterable[Requirement]:
    target = api(context)
    yield from (context.meet(target, row) for row in (RS256, USER_POLICY))


def _login(context: FlavorContext) -> Iterable[Requirement]:
    target = api(context)
    spec = context.spec.apis[context.settings["api"]]
    yield from (context.meet(target, row) for row in (OFFLINE_ACCESS, SKIPS_CONSENT))
    condition = Condition(address=target.address, path=USER_POLICY.attribute, values=("require_client_grant",))
    grant = user_grant(context, context.settings["api"], spec.identifier, condition=condition)
    yield context.meet(grant, GRANT, Contains(tuple(spec.scopes)), needs=(target.address,))


def _api_client(context: FlavorContext) -> Iterable[Requirement]:
    client = api_client(context)
    needs = (api(context).address,)
    identifier = str(client.identity["resource_server_identifier"])
    name = Equals(client.name) if context.settings.get("client_name") else Default(client.name)
    yield context.require(client, "name", name, "the Custom API Client's name", doc=DOC)
    yield context.meet(client, CLIENT_TYPE)
    at = context.spec.positions.value("apis", context.settings["api"], "identifier")
    yield context.meet(client, LINKED, Equals(identifier), needs=needs, at=at)
    yield from (context.meet(client, row) for row in CLIENT_CHECKS)
    yield context.meet(client, EXCHANGES, reason="the backend exchanges the tokens")
    confidential = NotIn(("none",), "client_secret_post", left_to_auth0=True)  # it begins with a secret
    yield context.meet(client, CONFIDENTIAL, confidential)


def _api_client_enabled(context: FlavorContext) -> Iterable[Requirement]:
    """Auth0 documents it for workers; nobody has seen a tenant tell whether the client that exchanges needs it, too."""
    client = api_client(context)
    for requirement in enabled(context, client):
        yield replace(requirement, user=client.address, if_created=True)


def _rules(context: FlavorContext) -> Iterable[Problem]:
    key = context.settings.get("api")
    if key is None:
        summary = "access_token_exchange does not say which API's access tokens are exchanged"
        hint = "Write `- access_token_exchange: {api: <key under apis>}`."
        path = (*context.flavor.path, "access_token_exchange")
        yield Problem(code="spec-missing", path=path, summary=summary, hint=hint, at_key=True, missing=(*path, "api"))
    elif key not in context.spec.apis:
        yield Problem(
            code="spec-unknown-api",
            path=(*context.flavor.path, "access_token_exchange", "api"),
            summary=f'Unknown API "{key}"',
            detail="An access token exchange names an API of the spec's `apis`.",
            hint=did_you_mean(str(key), context.spec.apis) or "Add it under `apis`.",
            missing=("apis", key),
        )


def _settings_of(detection: DetectedUse, key_names: KeyNames) -> dict[str, str]:
    api, name = key_names.apis[detection.api], detection.client.get("name")
    return {"api": api.key, **({} if name == default_name(api) else {"client_name": str(name)})}


FLAVOR = Flavor(
    name="access_token_exchange",
    summary="A backend API trades the access token that it was called with for a provider's access token.",
    doc=DOC,
    includes=("connected_accounts",),
    schema={
        "type": "object",
        "additionalProperties": False,
        "required": ["api"],
        "properties": {
            "api": {
                "description": "Key of the API under `apis` whose access tokens are exchanged.",
                "type": "string",
                "examples": ["calendar"],
            },
            "client_name": {
                "description": "Name of the Custom API Client. Default: the API's name with (Token Vault).",
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "pattern": "^[^<>]+$",
                "errorMessage": "Auth0 takes no < and no > in a name.",
                "examples": ["Calendar API Client"],
            },
        },
    },
    types=frozenset({"regular_web", "spa", "native"}),
    type_hint="Its users log in through the application, which a machine-to-machine application cannot offer: use another one.",
    expand=_expand,
    rules=_rules,
    serves_apis=True,
    runtime=ACCESS_TOKEN_EXCHANGE,
    settings_of=_settings_of,
)

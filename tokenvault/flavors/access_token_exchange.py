"""Access token exchange: a backend API trades the access token it was called with, through its Custom API Client."""

from __future__ import annotations

from collections.abc import Iterable

from tokenvault.errors import did_you_mean
from tokenvault.flavors.base import DOCS, GRANTS_DOC, MRRT_DOC, Flavor, Spelling, Use, api, application, user_grant
from tokenvault.flavors.provisions import EXCHANGE, GRANT, POLICY
from tokenvault.flavors.runtime import Runtime
from tokenvault.flavors.runtime.api import SERVING_CHECKS
from tokenvault.flavors.runtime.detection import serving
from tokenvault.flavors.runtime.request import ACCESS_TOKEN_REQUEST, TOKEN_VAULT_GRANT
from tokenvault.flavors.runtime.tenancy import Sighting
from tokenvault.model.constraints import Has, HasBy, Initially, Is, Not
from tokenvault.model.desired import Ask, Target, When
from tokenvault.model.spec import ApiSpec, Problem

ACCESS_TOKEN_EXCHANGE = Runtime(preconditions=SERVING_CHECKS, sightings=serving, exchange=ACCESS_TOKEN_REQUEST)


DOC = f"{DOCS}/access-token-exchange-with-token-vault"
USER_POLICY = "subject_type_authorization.user.policy"


def default_name(api: ApiSpec) -> str:
    """What a Custom API Client is called when the spec does not say."""
    return f"{api.name} (Token Vault)"


def api_client(use: Use) -> Target:
    """The Custom API Client: the application that Auth0 links to the API for good when it is created."""
    key = use.settings["api"]
    identifier = use.spec.apis[key].identifier
    return Target(
        address=f"application.{key}.api_client",
        kind="application",
        identity={"resource_server_identifier": identifier},
        name=use.settings.get("client_name") or default_name(use.spec.apis[key]),
        mark=f"{use.spec.name}/{key}.api_client",
        vouches=f"api.{key}",
        protect=use.spec.apis[key].protect,
    )


def _expand(use: Use) -> Iterable[Ask]:
    yield from _api(use)
    yield from _policy(use)
    yield from _api_client(use)


def _policy(use: Use) -> Iterable[Ask]:
    """Users who logged in for another audience still get tokens for the API, without another login."""
    spec = use.spec.apis[use.settings["api"]]
    if spec.scopes:
        policy = HasBy("audience", ({"audience": spec.identifier, "scope": list(spec.scopes)},))
        reason = "one refresh token serves the application and its API (MRRT)"
        needs = (api(use).address,)
        loan = f"mrrt:{spec.key}"
        yield use.ask(application(use), "refresh_token.policies", policy, reason, doc=MRRT_DOC, needs=needs, loan=loan)


def _api(use: Use) -> Iterable[Ask]:
    target = api(use)
    spec = use.spec.apis[use.settings["api"]]
    yield use.ask(target, "signing_alg", Is("RS256"), "Token Vault verifies access tokens signed with RS256", doc=DOC)
    yield use.ask(target, "allow_offline_access", Is(True), "a login for this API must yield a refresh token", doc=DOC)
    consent = "skip_consent_for_verifiable_first_party_clients"
    yield use.ask(target, consent, Is(True), "first parties are not stopped by a consent page", doc=DOC)
    yield use.ask(
        target, USER_POLICY, Not(("deny_all",), "require_client_grant"), "users must get tokens for it", doc=DOC
    )
    when = When(address=target.address, path=USER_POLICY, values=("require_client_grant",))
    grant = user_grant(use, use.settings["api"], spec.identifier, when=when)
    reason = "this API gives tokens only to applications with a grant"
    scopes, needs = Has(tuple(spec.scopes)), (target.address,)
    yield use.ask(grant, "scope", scopes, reason, doc=GRANTS_DOC, needs=needs, loan=f"api:{spec.key}")


def _api_client(use: Use) -> Iterable[Ask]:
    client = api_client(use)
    needs = (api(use).address,)
    identifier = str(client.identity["resource_server_identifier"])
    name = Is(client.name) if use.settings.get("client_name") else Initially(client.name)
    yield use.ask(client, "name", name, "the Custom API Client's name", doc=DOC)
    yield use.ask(
        client, "app_type", Is("resource_server"), "only a Custom API Client may exchange access tokens", doc=DOC
    )
    reason = "Auth0 links the client to the API by this identifier, when it is created"
    at = use.spec.positions.value("apis", use.settings["api"], "identifier")
    yield use.ask(client, "resource_server_identifier", Is(identifier), reason, doc=DOC, needs=needs, at=at)
    yield use.ask(client, "is_first_party", Is(True), "Token Vault serves first-party applications only", doc=DOC)
    yield use.ask(client, "oidc_conformant", Is(True), "Token Vault serves OIDC-conformant applications only", doc=DOC)
    grant = Has((TOKEN_VAULT_GRANT,))
    yield use.ask(client, "grant_types", grant, "the backend exchanges the tokens", doc=DOC, loan="grant:exchange")
    confidential = Not(("none",), "client_secret_post")
    reason = "only a confidential application may exchange tokens"
    yield use.ask(client, "token_endpoint_auth_method", confidential, reason, doc=DOC)


def _rules(use: Use) -> Iterable[Problem]:
    key = use.settings.get("api")
    if key is None:
        summary = "access_token_exchange does not say which API's access tokens are exchanged"
        hint = "Write `- access_token_exchange: {api: <key under apis>}`."
        yield Problem(code="spec-missing", path=use.flavor.path, summary=summary, hint=hint)
    elif key not in use.spec.apis:
        yield Problem(
            code="spec-unknown-api",
            path=(*use.flavor.path, "access_token_exchange", "api"),
            summary=f'Unknown API "{key}"',
            detail="An access token exchange names an API of the spec's `apis`.",
            hint=did_you_mean(str(key), use.spec.apis) or "Add it under `apis`.",
        )


def _settings_of(sighting: Sighting, spelling: Spelling) -> dict[str, str]:
    api, name = spelling.apis[sighting.api], sighting.client.get("name")
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
                "examples": ["Calendar API Client"],
            },
        },
    },
    types=frozenset({"regular_web", "spa", "native"}),
    type_hint="Its users log in through the application, which a machine-to-machine application cannot offer.",
    expand=_expand,
    rules=_rules,
    loans={"api": GRANT, "grant": EXCHANGE, "mrrt": POLICY},
    runtime=ACCESS_TOKEN_EXCHANGE,
    settings_of=_settings_of,
)

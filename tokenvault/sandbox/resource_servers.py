"""APIs: `/resource-servers`. The identifier works in place of the id everywhere."""

from __future__ import annotations

from urllib.parse import unquote

from . import ids, keys, system_apis
from .check import ANYTHING, BOOLEAN, NONEMPTY, Rule, array, check_body, closed, enum, integer, nullable, opened, text
from .client_rules import JWT_ALGORITHMS
from .errors import ApiError, bad_request, conflict, not_found
from .paging import list_page, select
from .routing import FIELDS, PAGING, Call, Reply, Route
from .store import Document, Filters, Transaction, merge, without_nulls
from .variants import DEFAULT_POLICY, MY_ACCOUNT_NAMED, SYSTEM_CLIENT_POLICY

KIND = "resource_servers"
DEFAULT_AUTHORIZATION: Document = {"client": {"policy": "require_client_grant"}, "user": {"policy": "allow_all"}}
DEFAULTS: Document = {
    "allow_offline_access": False,
    "skip_consent_for_verifiable_first_party_clients": False,
    "subject_type_authorization": DEFAULT_AUTHORIZATION,
    "token_lifetime": 86_400,
    "token_lifetime_for_web": 7_200,
    "signing_alg": "RS256",
}
REPLACED = ("proof_of_possession", "token_encryption", "subject_type_authorization", "authorization_policy")
IDENTIFIERS_LIMIT = 10
DEFAULT_POLICY_OF_TENANT: Document = {"policy_id": "00000000-0000-7000-8000-000000000000"}


# ---- what is stored


def create(tx: Transaction, body: Document, *, domain: str) -> Document:
    """A new API; of the My Account API little but the identifier is taken from the body."""
    identifier = body["identifier"]
    if tx.first(KIND, {"identifier": identifier}):
        raise conflict("A resource server with the same identifier already exists", "resource_server_conflict")
    if system_apis.is_my_account(tx, identifier, domain):
        body = _my_account_api(tx, body)
    api = {"id": ids.object_id(), **DEFAULTS, **without_nulls(body)}
    if "token_lifetime_for_web" not in body:
        api["token_lifetime_for_web"] = min(DEFAULTS["token_lifetime_for_web"], api["token_lifetime"])
    _complete(api)
    tx.put(KIND, api["id"], api)
    return api


def _my_account_api(tx: Transaction, body: Document) -> Document:
    if tx.varies(MY_ACCOUNT_NAMED) and not body.get("name"):
        raise bad_request("Payload validation error: 'Missing required property: name'.")
    policy = {"authorization_policy": DEFAULT_POLICY_OF_TENANT} if tx.varies(DEFAULT_POLICY) else {}
    return policy | system_apis.my_account_api(body)


def _complete(api: Document) -> None:
    sent = api.get("subject_type_authorization") or {}
    api["subject_type_authorization"] = {**DEFAULT_AUTHORIZATION, **sent}
    values = [scope["value"] for scope in api.get("scopes", [])]
    if len(set(values)) < len(values):
        raise bad_request("The scopes of a resource server must be unique")
    key = (api.get("token_encryption") or {}).get("encryption_key", {})
    if "pem" in key:
        jwk = keys.jwk_of(key.pop("pem"))
        key["thumbprint_sha256"] = keys.jwk_thumbprint(jwk)


def update(tx: Transaction, api: Document, patch: Document) -> Document:
    """The API after a PATCH; a system API takes only a few properties."""
    check_body(SYSTEM_UPDATE if api.get("is_system") else UPDATE, patch)
    fixed = api.get("is_system") and tx.varies(SYSTEM_CLIENT_POLICY)
    if fixed and "client" in patch.get("subject_type_authorization", {}):
        raise bad_request("You cannot update the client access of a system API")
    changed = merge(api, patch, replaced=REPLACED)
    if api.get("is_system") and "subject_type_authorization" in patch:  # nobody changes the other half of that
        changed["subject_type_authorization"] = api["subject_type_authorization"] | patch["subject_type_authorization"]
    _complete(changed)
    tx.put(KIND, api["id"], changed)
    return changed


def remove(tx: Transaction, api: Document) -> None:
    """The API and every grant on it."""
    for grant in tx.find("client_grants", {"audience": api["identifier"]}):
        tx.delete("client_grants", grant["id"])
    tx.delete(KIND, api["id"])


def find(tx: Transaction, key: str) -> Document | None:
    """By id or by identifier; some clients encode the identifier twice, and that is accepted."""
    found = tx.get(KIND, key) or tx.first(KIND, {"identifier": key})
    return found or (tx.first(KIND, {"identifier": unquote(key)}) if "%" in key else None)


# ---- what is shown


def view(tx: Transaction, api: Document) -> Document:
    """The API, with the Custom API Client that is linked to it."""
    client = tx.first("clients", {"resource_server_identifier": api["identifier"]})
    return api | ({"client_id": client["client_id"]} if client else {})


def _existing(call: Call) -> Document:
    api = find(call.tx, call.params["id"])
    if api is None:
        raise not_found("resource server")
    return api


def _filters(call: Call) -> Filters:
    identifiers = [part for value in call.query.get("identifiers", ()) for part in value.split(",")]
    if len(identifiers) > IDENTIFIERS_LIMIT:
        problem = f"Array is too long ({len(identifiers)}), maximum {IDENTIFIERS_LIMIT}"
        raise bad_request(f"Query validation error: '{problem}' on property identifiers.", "invalid_query_string")
    return {"identifier": tuple(identifiers)} if identifiers else {}


# ---- endpoints


def list_apis(call: Call) -> Reply:
    """GET /resource-servers."""
    return list_page(call, KIND, "resource_servers", _filters(call), lambda api: select(call, view(call.tx, api)))


def get_api(call: Call) -> Reply:
    """GET /resource-servers/{id}."""
    return Reply(200, select(call, view(call.tx, _existing(call))))


def create_api(call: Call) -> Reply:
    """POST /resource-servers; the My Account API shows its full scope list only from the next read on."""
    api = create(call.tx, call.body, domain=call.domain)
    if api.get("is_system"):
        return Reply(201, api | {"scopes": system_apis.scope_items(system_apis.CONNECTED_ACCOUNTS_SCOPES)})
    return Reply(201, view(call.tx, api))


def update_api(call: Call) -> Reply:
    """PATCH /resource-servers/{id}."""
    return Reply(200, view(call.tx, update(call.tx, _existing(call), call.body)))


def delete_api(call: Call) -> Reply:
    """DELETE /resource-servers/{id}: 204 whether or not it was there; the Management API stays."""
    api = find(call.tx, call.params["id"])
    if api and api["identifier"] == system_apis.management_identifier(call.domain):
        raise ApiError(403, "The Auth0 Management API cannot be deleted", "operation_not_supported")
    if api:
        remove(call.tx, api)
    return Reply(204)


POLICIES = closed(
    {
        "anonymous_user": opened({"policy": enum("deny_all", "require_client_grant")}),
        "client": opened({"policy": enum("deny_all", "require_client_grant")}),
        "user": opened({"policy": enum("allow_all", "deny_all", "require_client_grant")}),
    }
)
POSSESSION = closed(
    {"mechanism": enum("mtls", "dpop"), "required": BOOLEAN, "required_for": enum("public_clients", "all_clients")},
    ("mechanism", "required"),
)
ENCRYPTION_KEY = closed(
    {
        "name": text(min=1, max=128),
        "alg": enum("RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512"),
        "kid": text(min=1, max=128),
        "pem": text(min=1, max=4096),
    },
    ("alg", "pem"),
)
CLAIM = closed({"name": NONEMPTY, "expression": NONEMPTY}, ("name", "expression"))
ACCESS_TOKEN = opened({"claims_mapping": nullable(opened({"custom_claims": array(CLAIM)}))})
SYSTEM: dict[str, Rule] = {
    "token_lifetime": integer(least=0, most=2_592_000),
    "proof_of_possession": nullable(POSSESSION),
    "skip_consent_for_verifiable_first_party_clients": BOOLEAN,
    "subject_type_authorization": POLICIES,
    "authorization_policy": nullable(closed({"policy_id": text(min=1, max=1024)}, ("policy_id",))),
}
COMMON: dict[str, Rule] = SYSTEM | {
    "name": text(max=200, pattern=r"^[^<>]+$"),
    "scopes": array(closed({"value": text(min=1, max=280), "description": text(max=500)}, ("value",)), max=1000),
    "signing_alg": enum(*JWT_ALGORITHMS),
    "signing_secret": text(min=16),
    "allow_offline_access": BOOLEAN,
    "allow_online_access": BOOLEAN,
    "allow_online_access_with_ephemeral_sessions": BOOLEAN,
    "token_lifetime_for_anonymous_access_tokens": integer(least=0),
    "token_lifetime_for_web": integer(least=0, most=2_592_000),
    "access_token": nullable(ACCESS_TOKEN),
    "require_consent_non_repudiation": BOOLEAN,
    "enforce_policies": BOOLEAN,
    "token_dialect": enum("access_token", "access_token_authz", "rfc9068_profile", "rfc9068_profile_authz"),
    "token_encryption": nullable(
        closed({"format": enum("compact-nested-jwe"), "encryption_key": ENCRYPTION_KEY}, ("format", "encryption_key"))
    ),
    "consent_policy": nullable(enum("transactional-authorization-with-mfa")),
    "authorization_details": nullable(array(ANYTHING)),
    "verification_location": nullable(ANYTHING),
}
CREATE = closed(COMMON | {"identifier": text(min=1, max=600)}, ("identifier",))
UPDATE, SYSTEM_UPDATE = closed(COMMON), closed(SYSTEM)
ITEM = "/resource-servers/{id}"
ROUTES = (
    Route(
        method="GET",
        path="/resource-servers",
        scopes=("read:resource_servers",),
        endpoint=list_apis,
        query=PAGING | FIELDS | {"identifiers"},
    ),
    Route(
        method="POST",
        path="/resource-servers",
        scopes=("create:resource_servers",),
        endpoint=create_api,
        body=CREATE,
    ),
    Route(method="GET", path=ITEM, scopes=("read:resource_servers",), endpoint=get_api, query=FIELDS),
    Route(method="PATCH", path=ITEM, scopes=("update:resource_servers",), endpoint=update_api, body=opened()),
    Route(method="DELETE", path=ITEM, scopes=("delete:resource_servers",), endpoint=delete_api),
)

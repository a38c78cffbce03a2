"""Applications: `/clients`."""

from __future__ import annotations

import ipaddress
from collections import Counter

from . import client_rules, credentials, enablements, ids
from .check import check_body
from .client_defaults import (
    complete_refresh_token,
    complete_session_transfer,
    is_strict_third_party,
    rotation,
    with_defaults,
    with_logout,
)
from .errors import ApiError, bad_request, not_found
from .paging import list_page, select
from .routing import FIELDS, PAGING, Call, Reply, Route
from .store import Document, Filters, Transaction, merge, pruned
from .variants import ANSWER_ONLY_KEYS, MINIMAL_API_CLIENT, PRIVILEGED_ACCESS_UNSEEN, WORKER_PARTS_ALONE

KIND = "clients"
ANSWER_ONLY_KEY = "revision"  # nothing that Auth0 has: a stand-in for whatever it may add
READ = ("read:clients", "read:client_keys", "read:client_credentials", "read:client_summary")
KEY_FIELDS = frozenset({"client_secret", "encryption_key", "signing_keys"})
SUMMARY = frozenset({"client_id", "name", "app_type", "is_first_party", "global", "logo_uri", "tenant"})
# Sent whole and kept as sent; every other object of an application is merged.
REPLACED = ("refresh_token", "token_vault_privileged_access", "client_authentication_methods", "default_organization")
PART_SCOPES = {
    "client_authentication_methods": "client_credentials",
    "signed_request_object": "client_credentials",
    "token_vault_privileged_access": "client_token_vault_privileged_access",
}
METADATA_LIMIT, METADATA_LENGTH, SCOPE_LIMIT = 10, 255, 20
FAKE_PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nc2FuZGJveA==\n-----END PRIVATE KEY-----\n"
FAKE_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nc2FuZGJveA==\n-----END CERTIFICATE-----\n"


# ---- what is stored


def create(tx: Transaction, body: Document, now: float, *, tenant: str, client_id: str | None = None) -> Document:
    """A new application with the server's defaults; inline credentials go into its pool."""
    body = pruned(body)
    new_id = ids.third_party_client_id() if is_strict_third_party(body) else ids.client_id()
    client = with_logout({"tenant": tenant, **with_defaults(body), "client_id": client_id or new_id}, body)
    client.setdefault("client_secret", ids.client_secret())
    client["signing_keys"] = signing_keys()
    _check_link(tx, client)
    if client.get("app_type") == "resource_server" and tx.varies(MINIMAL_API_CLIENT):
        check_body(client_rules.MINIMAL_CREATE, body)
    _move_inline_credentials(tx, client, now)
    _save(tx, client)
    enablements.enable_by_default(tx, client["client_id"])
    return client


def signing_keys() -> list[Document]:
    """Stands for the certificate that Auth0 makes for every application."""
    return [{"cert": FAKE_CERTIFICATE, "pkcs7": FAKE_CERTIFICATE, "subject": "deprecated"}]


def _check_link(tx: Transaction, client: Document) -> None:
    """Only a Custom API Client is linked to an API, and the API must exist."""
    identifier = client.get("resource_server_identifier")
    if (client.get("app_type") == "resource_server") != (identifier is not None):
        raise bad_request("resource_server_identifier is required for, and only for, the app_type resource_server")
    if identifier is not None and tx.first("resource_servers", {"identifier": identifier}) is None:
        raise not_found("resource server")


def _move_inline_credentials(tx: Transaction, client: Document, now: float) -> None:
    for slot, references in credentials.slots(client):
        added = [_add_credential(tx, client["client_id"], slot, inline, now) for inline in references]
        references[:] = [{"id": credential["id"]} for credential in added]


def _add_credential(tx: Transaction, client_id: str, slot: str, inline: Document, now: float) -> Document:
    if "id" in inline:
        return credentials.add_copy(tx, client_id, slot, inline["id"], now)
    return credentials.add(tx, client_id, inline, now)


def _save(tx: Transaction, client: Document) -> None:
    if "session_transfer" in client:
        client["session_transfer"] = complete_session_transfer(client["session_transfer"])
    _check_metadata(client)
    _check_authentication(client)
    _check_privileged_access(client)
    credentials.check_references(tx, client)
    tx.put(KIND, client["client_id"], client)


def _check_metadata(client: Document) -> None:
    metadata = client.get("client_metadata", {})
    if len(metadata) > METADATA_LIMIT:
        raise bad_request(f"client_metadata can have at most {METADATA_LIMIT} properties")
    for key, value in metadata.items():
        if len(key) > METADATA_LENGTH or not isinstance(value, str) or len(value) > METADATA_LENGTH:
            raise bad_request(f"client_metadata.{key} must be a string of at most {METADATA_LENGTH} characters")


def _check_authentication(client: Document) -> None:
    methods, method = client.get("client_authentication_methods"), client.get("token_endpoint_auth_method")
    if methods and method:
        raise bad_request("client_authentication_methods and token_endpoint_auth_method are mutually exclusive")
    if "private_key_jwt" in (methods or {}) and client["jwt_configuration"].get("alg", "HS256") == "HS256":
        raise bad_request("private_key_jwt requires jwt_configuration.alg to be an asymmetric algorithm")


def _check_privileged_access(client: Document) -> None:
    access = client.get("token_vault_privileged_access")
    if not access:
        return
    for entry in access["ip_allowlist"]:
        _check_address(entry)
    repeated = [name for name, n in Counter(grant["connection"] for grant in access["grants"]).items() if n > 1]
    if repeated:
        raise bad_request(f"token_vault_privileged_access.grants contains duplicated connections: {repeated[0]}")
    if sum(len(grant["scopes"]) for grant in access["grants"]) > SCOPE_LIMIT:
        raise bad_request(f"token_vault_privileged_access.grants can have at most {SCOPE_LIMIT} scopes in total")


def _check_address(entry: str) -> None:
    try:
        ipaddress.ip_network(entry, strict=False)
    except ValueError:
        raise bad_request(f"token_vault_privileged_access.ip_allowlist: {entry} is not an IP address or CIDR") from None


def update(tx: Transaction, client: Document, patch: Document) -> Document:
    """The application after a PATCH."""
    changed: Document = with_logout(pruned(merge(client, patch, replaced=REPLACED)), patch)
    if {"client_authentication_methods", "token_endpoint_auth_method"} <= patch.keys() and not (
        patch["client_authentication_methods"] or patch["token_endpoint_auth_method"]
    ):
        raise bad_request("One of client_authentication_methods and token_endpoint_auth_method must be set")
    if "refresh_token" in patch:
        changed["refresh_token"] = complete_refresh_token(patch["refresh_token"] or rotation(changed), changed)
    if not changed.get("initiate_login_uri"):
        changed.pop("initiate_login_uri", None)
    _save(tx, changed)
    return changed


def remove(tx: Transaction, client: Document) -> None:
    """The application and everything that hangs on it."""
    client_id = client["client_id"]
    tx.delete(KIND, client_id)
    for credential in credentials.pool(tx, client_id):
        tx.delete(credentials.KIND, f"{client_id}/{credential['id']}")
    for grant in tx.find("client_grants", {"client_id": client_id}):
        tx.delete("client_grants", grant["id"])
    for token in tx.find("refresh_tokens", {"client_id": client_id}):
        tx.delete("refresh_tokens", token["token"])
    enablements.disable_everywhere(tx, client_id)


# ---- what is shown


def view(call: Call, client: Document) -> Document:
    """The application as this token may see it."""
    shown = dict(client)
    if call.tx.varies(PRIVILEGED_ACCESS_UNSEEN):
        shown.pop("token_vault_privileged_access", None)
    if call.tx.varies(ANSWER_ONLY_KEYS) and "refresh_token" in shown:
        shown["refresh_token"] = {**shown["refresh_token"], ANSWER_ONLY_KEY: 1}
    if not call.may("read:client_keys"):
        shown = {name: value for name, value in shown.items() if name not in KEY_FIELDS}
    if not call.may("read:client_keys", "read:client_credentials"):
        shown.pop("client_authentication_methods", None)
    if not call.may("read:clients", "read:client_keys", "read:client_credentials", "update:clients", "create:clients"):
        shown = {name: value for name, value in shown.items() if name in SUMMARY}
    if client.get("client_authentication_methods"):
        shown.pop("client_secret", None)
    return shown


def _existing(call: Call) -> Document:
    client = call.tx.get(KIND, ids.check_path_id("client", call.params["id"]))
    if client is None:
        raise not_found("client")
    return client


def _filters(call: Call) -> Filters:
    filters: Document = {}
    if (is_global := call.flag("is_global")) is not None:
        filters["global"] = is_global
    if (first_party := call.flag("is_first_party")) is not None:
        filters["is_first_party"] = first_party
    if app_type := call.one("app_type"):
        filters["app_type"] = tuple(app_type.split(","))
    if external := call.one("external_client_id"):
        filters["external_client_id"] = external
    if call.one("q"):
        filters["client_id"] = _granted(call)
    return filters


def _granted(call: Call) -> tuple[str, ...]:
    """The client ids that `q` finds. Only `client_grant.allow_any_organization:true` is known here; others find none."""
    if call.one("q") != "client_grant.allow_any_organization:true":
        return ()
    grants = call.tx.find("client_grants", {"allow_any_organization": True})
    return tuple(str(grant["client_id"]) for grant in grants)


def _require_parts(call: Call, verb: str) -> None:
    """Credentials and privileged access need scopes of their own; the rest needs the plain one."""
    crowded = verb == "update" and "token_vault_privileged_access" in call.body and len(call.body) > 1
    if crowded and call.tx.varies(WORKER_PARTS_ALONE):
        raise bad_request("token_vault_privileged_access must be updated in a request of its own")
    for part, scope in PART_SCOPES.items():
        if part in call.body:
            call.require(f"{verb}:{scope}")
    if call.body.keys() - PART_SCOPES.keys() - {"token_endpoint_auth_method"}:
        call.require(f"{verb}:clients")


# ---- endpoints


def list_clients(call: Call) -> Reply:
    """GET /clients."""
    return list_page(call, KIND, "clients", _filters(call), lambda client: select(call, view(call, client)))


def get_client(call: Call) -> Reply:
    """GET /clients/{id}."""
    return Reply(200, select(call, view(call, _existing(call))))


def create_client(call: Call) -> Reply:
    """POST /clients; the answer alone shows the signing key's private half, whole credentials, and always the secret."""
    _require_parts(call, "create")
    client = create(call.tx, call.body, call.now, tenant=call.domain.split(".")[0])
    shown = view(call, credentials.with_details(call.tx, client)) | {"encrypted": True}
    shown["signing_keys"] = [{**key, "key": FAKE_PRIVATE_KEY} for key in client["signing_keys"]]
    if not client.get("client_authentication_methods"):
        shown["client_secret"] = client["client_secret"]
    return Reply(201, shown)


def update_client(call: Call) -> Reply:
    """PATCH /clients/{id}."""
    client = _existing(call)
    _require_parts(call, "update")
    return Reply(200, view(call, update(call.tx, client, call.body)))


def delete_client(call: Call) -> Reply:
    """DELETE /clients/{id}: 204 whether or not it was there."""
    client = call.tx.get(KIND, ids.check_path_id("client", call.params["id"]))
    if client and client.get("global"):
        raise ApiError(403, "The global client cannot be deleted", "operation_not_supported")
    if client:
        remove(call.tx, client)
    return Reply(204)


def rotate_secret(call: Call) -> Reply:
    """POST /clients/{id}/rotate-secret."""
    client = _existing(call) | {"client_secret": ids.client_secret()}
    call.tx.put(KIND, client["client_id"], client)
    return Reply(200, view(call, client) | {"client_secret": client["client_secret"]})


FILTERS = frozenset({"is_global", "is_first_party", "app_type", "external_client_id", "q"})
ROUTES = (
    Route(method="GET", path="/clients", scopes=READ, endpoint=list_clients, query=PAGING | FIELDS | FILTERS),
    Route(method="POST", path="/clients", scopes=("create:clients",), endpoint=create_client, body=client_rules.CREATE),
    Route(method="GET", path="/clients/{id}", scopes=READ, endpoint=get_client, query=FIELDS),
    Route(
        method="PATCH",
        path="/clients/{id}",
        scopes=("update:clients", "update:client_credentials", "update:client_token_vault_privileged_access"),
        endpoint=update_client,
        body=client_rules.UPDATE,
    ),
    Route(method="DELETE", path="/clients/{id}", scopes=("delete:clients",), endpoint=delete_client),
    Route(method="POST", path="/clients/{id}/rotate-secret", scopes=("update:client_keys",), endpoint=rotate_secret),
)

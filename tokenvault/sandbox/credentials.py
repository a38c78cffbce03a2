"""The credentials of an application: at most four; attributes of the application (slots) refer to them by id.

A PEM is taken and never answered; its JWK is kept to verify signatures with.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable
from typing import Any

from . import client_rules, ids, keys
from .errors import bad_request, not_found
from .routing import PAGING, Call, Reply, Route
from .store import Document, Transaction
from .variants import EXCLUSIVE_CREDENTIALS

KIND = "credentials"
POOL_LIMIT = 4
HIDDEN = frozenset({"client_id", "jwk"})
SLOT_TYPES = {"private_key_jwt": "public_key", "tls_client_auth": "cert_subject_dn"}


def view(credential: Document) -> Document:
    """The credential as the API shows it."""
    return {name: value for name, value in credential.items() if name not in HIDDEN}


def pool(tx: Transaction, client_id: str) -> list[Document]:
    """The application's credentials, oldest first."""
    return tx.below(KIND, client_id)


def add(tx: Transaction, client_id: str, body: Document, now: float) -> Document:
    """Put a credential into the pool."""
    held = pool(tx, client_id)
    if len(held) >= POOL_LIMIT:
        raise bad_request(f"A client can have a maximum of {POOL_LIMIT} credentials.")
    credential = _build(body, now) | {"client_id": client_id}
    if any(_same_key(credential, other) for other in held):
        raise bad_request("credentials contains public keys that already exist in client")
    _store(tx, credential)
    return credential


def add_copy(tx: Transaction, client_id: str, slot: str, credential_id: str, now: float) -> Document:
    """Stand-in for the credential of a copied application: it has the id and no key, so nothing can be signed with it.

    Auth0's own schema has no place for it; it lets a tenant be rebuilt from what another one answered.
    """
    moment = ids.timestamp(now)
    credential = {"id": credential_id, "credential_type": type_of(slot), "name": "", "client_id": client_id}
    credential |= {"alg": "RS256"} if type_of(slot) == "public_key" else {}
    credential |= {"created_at": moment, "updated_at": moment}
    _store(tx, credential)
    return credential


def _build(body: Document, now: float) -> Document:
    kind, moment = body["credential_type"], ids.timestamp(now)
    credential = {"id": ids.credential_id(), "credential_type": kind, "name": body.get("name", "")}
    match kind:
        case "public_key":
            credential |= _public_key(body)
        case "x509_cert":
            pem = _pem(body)
            credential |= {
                "thumbprint_sha256": keys.certificate_sha256(pem),
                "expires_at": keys.certificate_expiry(pem),
                "jwk": keys.jwk_of(pem),
            }
        case _:
            subject = body.get("subject_dn") or keys.certificate_subject_dn(_pem(body))
            credential |= {"subject_dn": subject}
    return credential | {"created_at": moment, "updated_at": moment}


def _public_key(body: Document) -> Document:
    pem = _pem(body)
    jwk = keys.jwk_of(pem)
    kid = body.get("kid") or keys.jwk_thumbprint(jwk)
    part: dict[str, Any] = {"kid": kid, "alg": body.get("alg", "RS256"), "jwk": jwk}
    if body.get("expires_at"):
        part["expires_at"] = keys.normal_moment(body["expires_at"])
    elif body.get("parse_expiry_from_cert"):
        part["expires_at"] = keys.certificate_expiry(pem)
    return part


def _pem(body: Document) -> str:
    if not body.get("pem"):
        raise bad_request("Payload validation error: 'Missing required property: pem'.")
    return str(body["pem"])


def _same_key(one: Document, other: Document) -> bool:
    if one["credential_type"] != other["credential_type"]:
        return False
    identity = "jwk" if "jwk" in one else "subject_dn"
    return identity in one and bool(one[identity] == other.get(identity))


def _store(tx: Transaction, credential: Document) -> None:
    tx.put(KIND, f"{credential['client_id']}/{credential['id']}", credential)


def slots(client: Document) -> Iterable[tuple[str, list[Document]]]:
    """Every place on the application that refers to credentials."""
    for name, method in (client.get("client_authentication_methods") or {}).items():
        yield name, method.get("credentials", [])
    for name in ("signed_request_object", "token_vault_privileged_access"):
        yield name, (client.get(name) or {}).get("credentials", [])


def type_of(slot: str) -> str:
    """The type of credential that a slot takes."""
    return "x509_cert" if slot == "self_signed_tls_client_auth" else SLOT_TYPES.get(slot, "public_key")


def attached(client: Document) -> set[str]:
    """The ids of the credentials that a slot holds."""
    return {reference["id"] for _, references in slots(client) for reference in references}


def with_details(tx: Transaction, client: Document) -> Document:
    """The application with whole credentials in place of the references to them."""
    detailed: Document = copy.deepcopy(client)
    held = {credential["id"]: view(credential) for credential in pool(tx, client["client_id"])}
    for _, references in slots(detailed):
        references[:] = [held[reference["id"]] for reference in references]
    return detailed


def check_references(tx: Transaction, client: Document) -> None:
    """Refuse references to credentials that the pool lacks or that are of the wrong kind."""
    held = {credential["id"]: credential for credential in pool(tx, client["client_id"])}
    uses = Counter(reference["id"] for _, references in slots(client) for reference in references)
    if tx.varies(EXCLUSIVE_CREDENTIALS) and (shared := [one for one, count in uses.items() if count > 1]):
        raise bad_request(f"The credential {shared[0]} is in use already; each use takes a credential of its own")
    for slot, references in slots(client):
        if len({reference["id"] for reference in references}) < len(references):
            raise bad_request("credentials contains duplicated ids")
        for reference in references:
            _check_reference(slot, reference["id"], held)


def _check_reference(slot: str, credential_id: str, held: dict[str, Document]) -> None:
    if credential_id not in held:
        raise bad_request(f"The credential {credential_id} does not exist in this client")
    if held[credential_id]["credential_type"] != type_of(slot):
        raise bad_request(f"{slot} requires credentials of type {type_of(slot)}")


# ---- endpoints


def _owner(call: Call) -> Document:
    client = call.tx.get("clients", ids.check_path_id("client", call.params["client_id"]))
    if client is None:
        raise not_found("client")
    return client


def _existing(call: Call) -> Document:
    owner = _owner(call)
    credential_id = ids.check_path_id("credential", call.params["credential_id"])
    credential = call.tx.get(KIND, f"{owner['client_id']}/{credential_id}")
    if credential is None:
        raise not_found("credential")
    return credential


def list_credentials(call: Call) -> Reply:
    """GET: a bare array, in order of the key ids, never paged."""
    held = sorted(pool(call.tx, _owner(call)["client_id"]), key=lambda credential: credential.get("kid", ""))
    return Reply(200, [view(credential) for credential in held])


def get_credential(call: Call) -> Reply:
    """GET of one credential."""
    return Reply(200, view(_existing(call)))


def create_credential(call: Call) -> Reply:
    """POST: into the pool, attached to nothing."""
    return Reply(201, view(add(call.tx, _owner(call)["client_id"], call.body, call.now)))


def update_credential(call: Call) -> Reply:
    """PATCH: only the expiry can change, and it cannot be taken away."""
    credential = _existing(call) | {
        "expires_at": keys.normal_moment(call.body["expires_at"]),
        "updated_at": ids.timestamp(call.now),
    }
    _store(call.tx, credential)
    return Reply(200, view(credential))


def delete_credential(call: Call) -> Reply:
    """DELETE: refused while a slot still holds it; idempotent."""
    owner = _owner(call)
    credential_id = ids.check_path_id("credential", call.params["credential_id"])
    if credential_id in attached(owner):
        raise bad_request("Cannot delete credential still associated with a client")
    call.tx.delete(KIND, f"{owner['client_id']}/{credential_id}")
    return Reply(204)


COLLECTION = "/clients/{client_id}/credentials"
ROUTES = (
    Route(method="GET", path=COLLECTION, scopes=("read:client_credentials",), endpoint=list_credentials, query=PAGING),
    Route(
        method="POST",
        path=COLLECTION,
        scopes=("create:client_credentials",),
        endpoint=create_credential,
        body=client_rules.CREDENTIAL_CREATE,
    ),
    Route(
        method="GET",
        path=COLLECTION + "/{credential_id}",
        scopes=("read:client_credentials",),
        endpoint=get_credential,
    ),
    Route(
        method="PATCH",
        path=COLLECTION + "/{credential_id}",
        scopes=("update:client_credentials",),
        endpoint=update_credential,
        body=client_rules.CREDENTIAL_UPDATE,
    ),
    Route(
        method="DELETE",
        path=COLLECTION + "/{credential_id}",
        scopes=("delete:client_credentials",),
        endpoint=delete_credential,
    ),
)

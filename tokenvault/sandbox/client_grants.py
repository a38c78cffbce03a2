"""Client grants: `/client-grants`; one for each (application, API, subject type)."""

from __future__ import annotations

from . import ids, system_apis
from .check import BOOLEAN, NONEMPTY, Rule, array, closed, enum, nullable, text
from .errors import bad_request, conflict, not_found
from .paging import list_page, slice_page
from .routing import PAGING, Call, Reply, Route
from .store import Document, Filters, Transaction, merge, without_nulls
from .variants import USER_GRANT_AS_CLIENT

KIND = "client_grants"


# ---- what is stored


def create(tx: Transaction, body: Document, *, domain: str) -> Document:
    """A new grant, refused when its application, API or scopes do not exist or it is there already."""
    body = without_nulls(body)
    _check_parties(tx, body)
    grant = {"id": ids.grant_id(), "subject_type": "client", **body}
    if tx.varies(USER_GRANT_AS_CLIENT) and system_apis.is_my_account(tx, grant["audience"], domain):
        grant["subject_type"] = "client"
    twin: Document = {key: grant[key] for key in ("client_id", "audience", "subject_type") if key in grant}
    if "client_id" in twin and tx.first(KIND, twin):
        raise conflict(
            f"A client grant already exists between {body['client_id']} and {body['audience']}", "client_grant_conflict"
        )
    grant.setdefault("scope", [])
    _check_scopes(tx, grant)
    return _save(tx, grant)


def _check_parties(tx: Transaction, body: Document) -> None:
    if ("client_id" in body) == ("default_for" in body):
        raise bad_request("Exactly one of client_id and default_for must be set")
    if "client_id" in body and tx.get("clients", body["client_id"]) is None:
        raise not_found("client")
    if tx.first("resource_servers", {"identifier": body["audience"]}) is None:
        raise not_found("resource server")


def _check_scopes(tx: Transaction, grant: Document) -> None:
    """A new grant names scopes of its API; a PATCH may name others, as tenants were seen to accept."""
    api = tx.first("resource_servers", {"identifier": grant["audience"]}) or {}
    known = {scope["value"] for scope in api.get("scopes", [])}
    if unknown := [scope for scope in grant["scope"] if scope not in known]:
        raise bad_request(f"The following scopes do not exist in {grant['audience']}: {','.join(unknown)}")


def _save(tx: Transaction, grant: Document) -> Document:
    """Store the grant; `allow_all_scopes` leaves no list of scopes."""
    if grant.get("allow_all_scopes"):
        grant.pop("scope", None)
    tx.put(KIND, grant["id"], grant)
    return grant


def granted_scopes(tx: Transaction, client_id: str, audience: str, subject_type: str) -> list[str] | None:
    """What the application may ask for at the API, or None without a grant."""
    grant = tx.first(KIND, {"client_id": client_id, "audience": audience, "subject_type": subject_type})
    if grant is None:
        return None
    if not grant.get("allow_all_scopes"):
        return list(grant.get("scope", []))
    api = tx.first("resource_servers", {"identifier": audience}) or {}
    return [scope["value"] for scope in api.get("scopes", [])]


# ---- endpoints


def _existing(call: Call) -> Document:
    grant = call.tx.get(KIND, ids.check_path_id("client-grant", call.params["id"]))
    if grant is None:
        raise not_found("client grant", "inexistent_client_grant")
    return grant


def _filters(call: Call) -> Filters:
    names = ("client_id", "audience", "subject_type", "default_for")
    filters: Document = {name: value for name in names if (value := call.one(name))}
    if call.flag("allow_any_organization"):
        filters["allow_any_organization"] = True
    return filters


def list_grants(call: Call) -> Reply:
    """GET /client-grants."""
    return list_page(call, KIND, "client_grants", _filters(call), lambda grant: grant)


def get_grant(call: Call) -> Reply:
    """GET /client-grants/{id}."""
    return Reply(200, _existing(call))


def list_organizations(call: Call) -> Reply:
    """GET /client-grants/{id}/organizations: the tenant has none."""
    _existing(call)
    return slice_page(call, "organizations", [])


def create_grant(call: Call) -> Reply:
    """POST /client-grants."""
    return Reply(201, create(call.tx, call.body, domain=call.domain))


def update_grant(call: Call) -> Reply:
    """PATCH /client-grants/{id}."""
    return Reply(200, _save(call.tx, merge(_existing(call), call.body)))


def delete_grant(call: Call) -> Reply:
    """DELETE /client-grants/{id}: 204 whether or not it was there."""
    call.tx.delete(KIND, ids.check_path_id("client-grant", call.params["id"]))
    return Reply(204)


CHANGEABLE: dict[str, Rule] = {
    "scope": nullable(array(text(min=1, max=280))),
    "allow_all_scopes": nullable(BOOLEAN),
    "allow_any_organization": nullable(BOOLEAN),
    "organization_usage": nullable(enum("deny", "allow", "require")),
    "authorization_details_types": array(text(min=1, max=255)),
}
CREATE = closed(
    CHANGEABLE
    | {
        "client_id": NONEMPTY,
        "audience": NONEMPTY,
        "subject_type": enum("client", "user"),
        "default_for": enum("third_party_clients"),
    },
    ("audience",),
)
UPDATE = closed(CHANGEABLE, min=1)
COLLECTION, ITEM = "/client-grants", "/client-grants/{id}"
FILTERS = frozenset({"client_id", "audience", "subject_type", "allow_any_organization", "default_for"})
ROUTES = (
    Route(
        method="GET",
        path=COLLECTION,
        scopes=("read:client_grants",),
        endpoint=list_grants,
        query=PAGING | FILTERS,
    ),
    Route(method="POST", path=COLLECTION, scopes=("create:client_grants",), endpoint=create_grant, body=CREATE),
    Route(method="GET", path=ITEM, scopes=("read:client_grants",), endpoint=get_grant),
    Route(
        method="GET",
        path=f"{ITEM}/organizations",
        scopes=("read:organization_client_grants",),
        endpoint=list_organizations,
        query=PAGING,
    ),
    Route(method="PATCH", path=ITEM, scopes=("update:client_grants",), endpoint=update_grant, body=UPDATE),
    Route(method="DELETE", path=ITEM, scopes=("delete:client_grants",), endpoint=delete_grant),
)

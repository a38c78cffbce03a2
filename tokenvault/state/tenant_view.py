"""What was read of a tenant, in the terms of the preconditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.flavors.runtime.tenant_view import TenantView, Unreadable
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Object
from tokenvault.kinds.connection import is_for_token_vault
from tokenvault.kinds.mfa_policy import ALWAYS, FLAG, FLAG_SCOPE

if TYPE_CHECKING:
    from tokenvault.state.live import State
    from tokenvault.state.reading import Relevant


def relevant_to(names: Sequence[str]) -> Relevant:
    """Of connections, the applications of these and of those that are on for connected accounts are read."""

    def relevant(collection: str, objects: Sequence[Object]) -> Sequence[Object]:
        if collection != "connections":
            return objects
        return [c for c in objects if c["name"] in names or is_for_token_vault(c)]

    return relevant


def tenant_view_of(state: State, now: float) -> TenantView:
    """The view of what was read; `RefusedError` when not even applications may be read."""
    clients = _read(state, "clients")
    if isinstance(clients, Unreadable):
        raise RefusedError(_blind(state, clients))
    return TenantView(
        domain=state.domain,
        now=now,
        clients=clients,
        connections=_by_key(state, "connections"),
        apis=_by_key(state, "resource_servers"),
        grants=_by_key(state, "client_grants", subject_type="user"),
        policies=_policies(state),
        mfa_by_action=_mfa_by_action(state),
        enabled=_enabled(state),
        credentials=_credentials(state, clients),
        domains=state.objects.get("custom_domains"),
        flags=next((item.get("flags") or {} for item in state.objects.get("tenant_settings", ())), {}),
    )


def _blind(state: State, clients: Unreadable) -> Diagnostic:
    return Diagnostic(
        code="doctor-blind",
        summary=f"The token may not read the applications of {state.domain}",
        hint=f"Grant {' or '.join(clients.scopes)} to the application that it comes from.",
    )


def _read(state: State, collection: str) -> Sequence[Object] | Unreadable:
    if collection in state.unreadable:
        return Unreadable(scopes_of(collection))
    return state.objects.get(collection, ())


PARTS = {
    "connections": ("connections", ("name",)),
    "connection_clients": ("enabled", ("connection",)),
    "credentials": ("credentials", ("client_id",)),
    "client_grants": ("grants", ("client_id", "audience")),
    "resource_servers": ("apis", ("identifier",)),
}
"""The parts of a view that are looked up: of which collection each is, and by which attributes of its objects."""


def place_of(collection: str, attributes: Object) -> tuple[str, Any]:
    """The part of a view in which an object of the collection stands, and its key there; nothing where it has none."""
    part, names = PARTS.get(collection, ("", ()))
    values = tuple(str(attributes.get(name)) for name in names)
    return part, values[0] if len(values) == 1 else values


def _by_key(state: State, collection: str, **only: str) -> Mapping[Any, Object] | Unreadable:
    """The objects of a part that is looked up; of them, `only` those with these attributes."""
    objects = _read(state, collection)
    if isinstance(objects, Unreadable):
        return objects
    chosen = [item for item in objects if all(item.get(name) == value for name, value in only.items())]
    return {place_of(collection, item)[1]: item for item in chosen}


def scopes_of(collection: str) -> tuple[str, ...]:
    """The scopes that reading a collection takes."""
    found = [kind.scopes.read for kind in kinds().values() if kind.collection.name == collection]
    return tuple(dict.fromkeys(scope for scopes in found for scope in scopes))


def _policies(state: State) -> Sequence[str] | Unreadable:
    found = _read(state, "mfa_policy")
    return found if isinstance(found, Unreadable) else [str(p) for item in found for p in item["policies"]]


def _mfa_by_action(state: State) -> bool | Unreadable:
    """Whether an Action decides about MFA; it is asked only where the policy says "Always"."""
    found = state.objects.get("mfa_policy", ())
    hidden = any(ALWAYS in item["policies"] and FLAG not in item for item in found)
    return Unreadable((FLAG_SCOPE,)) if hidden else any(item.get(FLAG) for item in found)


def _enabled(state: State) -> Mapping[str, frozenset[str] | Unreadable]:
    found = _read(state, "connection_clients")
    if isinstance(found, Unreadable):
        return {str(c["name"]): found for c in state.objects.get("connections", ())}
    return {str(item["connection"]): frozenset(item.get("clients", ())) for item in found}


def _credentials(state: State, clients: Sequence[Object]) -> Mapping[str, Sequence[Object] | Unreadable]:
    """By application, of those whose credentials were asked for."""
    found = _read(state, "credentials")
    if isinstance(found, Unreadable):
        return {str(client["client_id"]): found for client in clients}
    asked = state.partitions.get("credentials", frozenset())
    return {client_id: [one for one in found if one["client_id"] == client_id] for client_id in asked}

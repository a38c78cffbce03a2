"""What was read of a tenant, in the terms of the preconditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

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
    """The tenancy; `RefusedError` when not even applications may be read."""
    clients = _read(state, "clients")
    if isinstance(clients, Unreadable):
        raise RefusedError(_blind(state, clients))
    return TenantView(
        domain=state.domain,
        now=now,
        clients=clients,
        connections=_by(_read(state, "connections"), "name"),
        apis=_by(_read(state, "resource_servers"), "identifier"),
        grants=_grants(_read(state, "client_grants")),
        policies=_policies(state),
        mfa_by_action=_mfa_by_action(state),
        enabled=_enabled(state),
        credentials=_credentials(state, clients),
        domains=state.objects.get("custom_domains"),
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


def _by(objects: Sequence[Object] | Unreadable, key: str) -> Mapping[str, Object] | Unreadable:
    return objects if isinstance(objects, Unreadable) else {str(item[key]): item for item in objects}


def _grants(objects: Sequence[Object] | Unreadable) -> Mapping[tuple[str, str], Object] | Unreadable:
    if isinstance(objects, Unreadable):
        return objects
    of_users = [grant for grant in objects if grant.get("subject_type") == "user"]
    return {(str(grant.get("client_id")), str(grant.get("audience"))): grant for grant in of_users}


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

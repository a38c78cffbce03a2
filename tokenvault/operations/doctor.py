"""Judges a tenant by the run-time preconditions of each flavor, for a spec, for the tenant as it is, or for one user."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tokenvault.doctor.cases import cases_of_spec, cases_of_tenant
from tokenvault.doctor.diagnosis import Diagnosed, Remedy, diagnose
from tokenvault.doctor.document import diagnosis_document
from tokenvault.doctor.selection import EVERYTHING, Selection, selected
from tokenvault.doctor.user import Asked, Context, UserView, user_document
from tokenvault.errors import ApiError, Diagnostic, RefusedError
from tokenvault.flavors import flavors
from tokenvault.flavors.runtime.precondition import State
from tokenvault.flavors.runtime.providers import near_connections
from tokenvault.flavors.runtime.tenant_view import Case, TenantView, Unreadable
from tokenvault.kinds.connection_scopes import scope_list
from tokenvault.model.spec import Spec
from tokenvault.state.desired import build_graph
from tokenvault.state.live import match
from tokenvault.state.reading import read_tenant
from tokenvault.state.tenant_view import relevant_to, tenant_view_of
from tokenvault.tenant.scopes import needed_scopes

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


async def examined(
    tenant: Tenant, spec: Spec | None, command: str = "", selection: Selection = EVERYTHING
) -> dict[str, Any]:
    """Reads the tenant and judges it. `command` applies the spec, as its reader would type it; default: with its files."""
    _, diagnosed = await judged(tenant, spec, command, selection)
    granted = (await tenant.token.access()).scopes
    lacking = None if granted is None or not spec else set(needed_scopes().to_apply) - granted
    files = spec.files if spec else ()
    return diagnosis_document(tenant.domain, diagnosed, files=files, lacking=lacking, selection=selection)


async def judged(
    tenant: Tenant, spec: Spec | None, command: str = "", selection: Selection = EVERYTHING
) -> tuple[TenantView, list[Diagnosed]]:
    """Reads the tenant, and judges the cases that are asked for."""
    tenant_view, cases, remedy = await _read(tenant, spec, command)
    return tenant_view, diagnose(selected(cases, selection), remedy)


async def _read(
    tenant: Tenant, spec: Spec | None, command: str, also: tuple[str, ...] = ()
) -> tuple[TenantView, list[Case], Remedy]:
    """The tenant, with the applications of the connections in `also` too; its cases; and where fixes come from."""
    graph = build_graph(spec, tenant.domain) if spec else None
    names = (*(spec.connections if spec else ()), *also)
    state = await read_tenant(tenant, relevant_to(names))
    tenant_view = tenant_view_of(state, time.time())
    cases = (
        cases_of_spec(spec, graph, match(graph, state), tenant_view) if spec and graph else cases_of_tenant(tenant_view)
    )
    files = spec.files if spec else ()
    return tenant_view, cases, Remedy(graph=graph, command=command or shlex.join(("tokenvault", "apply", *files)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One exchange that was tried: by which application, in which flavor, through which connection."""

    application: str
    client_id: str
    flavor: str
    connection: str


async def examined_attempt(
    tenant: Tenant, spec: Spec | None, attempt: Attempt, command: str = ""
) -> tuple[list[dict[str, Any]], list[str]]:
    """What doctor finds of one exchange, whether or not anybody meant it to be possible; and connections called alike.

    The second is empty where the tenant has the connection.
    """
    view, cases, remedy = await _read(tenant, spec, command, also=(attempt.connection,))
    mine = [case for case in cases if case.flavor == attempt.flavor and attempt.client_id in _client_ids(case)]
    exact = [case for case in mine if case.connection == attempt.connection]
    found = exact or [_imagined(attempt, mine, view)]
    diagnosed = diagnose(found, remedy if exact else Remedy())
    return diagnosis_document(tenant.domain, diagnosed)["findings"], _called_alike(attempt.connection, view)


def _called_alike(name: str, view: TenantView) -> list[str]:
    connections = {} if isinstance(view.connections, Unreadable) else view.connections
    if name in connections:
        return []
    strategies = {
        other: "" if isinstance(one, Unreadable) else str(one.get("strategy")) for other, one in connections.items()
    }
    return near_connections(name, strategies)


def _client_ids(case: Case) -> set[str]:
    return {str(one["client_id"]) for one in (case.app, case.client) if one}


def _imagined(attempt: Attempt, alike: list[Case], view: TenantView) -> Case:
    """The case of an exchange that neither a spec nor the tenant intends, so that it can be judged all the same."""
    if alike:
        expected = replace(alike[0].expected, scopes=())
        return replace(alike[0], connection=attempt.connection, addresses={}, expected=expected)
    client = next((one for one in view.clients if one["client_id"] == attempt.client_id), None)
    api = str((client or {}).get("resource_server_identifier") or "")
    return Case(
        tenant_view=view,
        flavor=attempt.flavor,
        application=attempt.application,
        connection=attempt.connection,
        app=None if api else client,
        client=client,
        api=api,
        audience=view.my_account_audience,
    )


# ---- one user, their connected accounts and their logs, judged beside the tenant


LOGS, MOST = 100, 5
CONNECTING = "connected_accounts"
READ_USERS, READ_LOGS = "read:users", "read:logs"
FIELDS = {"fields": "user_id", "include_fields": "true"}


async def examined_user(
    tenant: Tenant, spec: Spec | None, query: str, selection: Selection = EVERYTHING
) -> dict[str, Any]:
    """Judges what one user can exchange. `query` is a user id, or an e-mail address, which several users may have.

    `RefusedError` when there is no such user, or the token may not read users. Logs are read where it may.
    """
    found = [await _read_user(tenant, user_id) for user_id in await _ids(tenant, query)]
    view, diagnosed = await judged(tenant, spec, selection=selection)
    context = Context(
        tenant=tenant.domain,
        asked=_asked(view, diagnosed, spec),
        names={str(client["client_id"]): str(client.get("name") or "") for client in view.clients},
        now=time.time(),
        whole=selection == EVERYTHING,
    )
    return user_document(query, found, context)


# ---- the user


async def _ids(tenant: Tenant, query: str) -> list[str]:
    try:
        if "|" in query:
            await tenant.get(f"users/{quote(query, safe='')}", FIELDS)
            return [query]
        found = await tenant.get("users-by-email", {"email": query, **FIELDS})
    except ApiError as error:
        if error.status == 404:
            raise RefusedError(_unknown(tenant, query)) from None
        raise _without_scope(error, READ_USERS) from None
    ids = [str(user["user_id"]) for user in found]
    if not ids:
        raise RefusedError(_unknown(tenant, query))
    return ids[:MOST]


def _unknown(tenant: Tenant, query: str) -> Diagnostic:
    hint = (
        "A user id has a bar in it, as auth0|5f7c8ec7c33c6c004bbafe82; anything else is looked up as an e-mail address."
    )
    return Diagnostic(code="doctor-user", summary=f"{tenant.domain} has no user {query}", hint=hint)


def _without_scope(error: ApiError, scope: str) -> Exception:
    if error.status != 403:
        return error
    summary = "The token may not read users"
    hint = f"Grant {scope} to the application that it comes from."
    return RefusedError(Diagnostic(code="doctor-user-blind", summary=summary, hint=hint))


async def _read_user(tenant: Tenant, user_id: str) -> UserView:
    path = f"users/{quote(user_id, safe='')}"
    try:
        accounts = await tenant.checkpoints(f"{path}/connected-accounts", "connected_accounts")
    except ApiError as error:
        raise _without_scope(error, READ_USERS) from None
    logs, unread = await _logs(tenant, path)
    return UserView(user_id=user_id, accounts=accounts, logs=logs, unread=unread)


async def _logs(tenant: Tenant, path: str) -> tuple[Sequence[Mapping[str, Any]], str | None]:
    """The latest events of the user; without them, why they are missing."""
    try:
        found = await tenant.get(f"{path}/logs", {"sort": "date:-1", "page": 0, "per_page": LOGS})
    except ApiError as error:
        if error.status != 403:
            raise
        return (), f"the token lacks {READ_LOGS}"
    return found, None


# ---- the tenant


def _asked(view: TenantView, diagnosed: Sequence[Diagnosed], spec: Spec | None) -> dict[str, Asked]:
    """What every connection that was judged is asked for, and by whom."""
    names = dict.fromkeys(one.case.connection for one in diagnosed if one.case.connection)
    return {name: _of_connection(name, view, diagnosed, spec) for name in names}


def _of_connection(name: str, view: TenantView, diagnosed: Sequence[Diagnosed], spec: Spec | None) -> Asked:
    every = [one for one in diagnosed if one.case.connection == name]
    mine = _exchanging(every)
    connection = view.connection(name)
    live: Mapping[str, Any] = {} if connection is None or isinstance(connection, Unreadable) else connection
    working = [one for one in mine if one.state is not State.NOT_READY]
    return Asked(
        strategy=str(live.get("strategy") or ""),
        scopes=_scopes(live, spec, name),
        applications=tuple(dict.fromkeys(_called(one) for one in every if _lets_connect(one))),
        broken=() if working else tuple(dict.fromkeys(_broken(mine))),
        unknown=all(one.state is State.UNKNOWN for one in mine),
    )


def _exchanging(diagnosed: Sequence[Diagnosed]) -> Sequence[Diagnosed]:
    """The cases in which tokens are exchanged; where there are none, those in which accounts are connected."""
    return [one for one in diagnosed if flavors()[one.case.flavor].runtime.exchange] or diagnosed


def _lets_connect(one: Diagnosed) -> bool:
    """Whether users connect accounts in its application: a worker has no users who log in."""
    return CONNECTING in (one.case.flavor, *flavors()[one.case.flavor].includes)


def _called(one: Diagnosed) -> str:
    """What the application is called where users see it."""
    return str((one.case.app or {}).get("name") or one.case.application)


def _broken(diagnosed: Sequence[Diagnosed]) -> list[str]:
    return [
        f"{_called(one)}: {judged.verdict.says} [{judged.precondition.id}]"
        for one in diagnosed
        for judged in one.judged
        if judged.verdict.state is State.NOT_READY
    ]


def _scopes(live: Mapping[str, Any], spec: Spec | None, name: str) -> tuple[str, ...]:
    wanted = spec.connections[name].scopes if spec and name in spec.connections else None
    if wanted is not None:
        return tuple(wanted)
    options = live.get("options") or {}
    return tuple(sorted(scope_list(options.get("scope")) | scope_list(options.get("freeform_scopes"))))

"""Connections: metadata, scopes, purposes, the old list of clients, and how one is deleted."""

from __future__ import annotations

from typing import Any

from tests.acceptance.api import Api, Untold
from tests.acceptance.probes.base import Verdict, other, probe, told

FREEFORM = "https://www.googleapis.com/auth/tasks.readonly"
GONE_AFTER = (0.0, 0.5, 1.0, 2.0, 4.0)  # seconds between looks at a connection that was deleted


@probe("connection-metadata-merges")
async def metadata_merges(api: Api) -> Verdict:
    """Patches metadata without a key that is there."""
    made = await api.connection(metadata={"a": "1", "b": "2"})
    await api.ok("PATCH", f"connections/{made['id']}", {"metadata": {"c": "3"}})
    kept = _metadata(await api.ok("GET", f"connections/{made['id']}"))
    return told(
        kept == {"c": "3"}, "PATCH replaces the metadata", f"after a PATCH of c, a and b: {sorted(kept)} are kept"
    )


@probe("connection-metadata-keeps-nulls")
async def metadata_keeps_nulls(api: Api) -> Verdict:
    """Patches metadata with a null for a key that is there."""
    made = await api.connection(metadata={"a": "1", "b": "2"})
    answer = await api.judged("PATCH", f"connections/{made['id']}", {"metadata": {"a": "1", "b": None}})
    if not answer.ok:
        return other(f"null is refused: {answer.said}")
    metadata = (await api.ok("GET", f"connections/{made['id']}")).get("metadata") or {}
    return told("b" not in metadata, "null is not kept", f"b is kept as {metadata.get('b')!r}")


def _metadata(connection: Any) -> dict[str, Any]:
    return {key: value for key, value in (connection.get("metadata") or {}).items() if value is not None}


@probe("freeform-scopes-ignored")
async def freeform_scopes(api: Api) -> Verdict:
    """Creates a Google connection with a free scope."""
    options = {"client_id": "acceptance", "client_secret": "made-up-by-acceptance", "freeform_scopes": [FREEFORM]}
    body = api.connection_body(strategy="google-oauth2", options={**options, "email": True})
    answer = await api.create("connections", body)
    if answer.status == 400 and "freeform" in answer.said:
        return other(f"it is refused: {answer.said}")
    if not answer.ok:
        raise Untold(f"a Google connection could not be created: {answer.said}")
    shown = (await api.ok("GET", f"connections/{answer.body['id']}")).get("options", {})
    kept, used = FREEFORM in shown.get("freeform_scopes", ()), FREEFORM in shown.get("scope", ())
    says = f"{'' if kept else 'not '}kept in freeform_scopes, {'' if used else 'not '}in scope"
    return told(kept and used, says, says)


@probe("connection-list-lacks-metadata")
async def list_lacks_metadata(api: Api) -> Verdict:
    """Lists a connection with some fields, page by page."""
    made = await api.connection(metadata={"a": "1"}, connected_accounts={"active": True})
    query = {"take": "50", "name": made["name"], "include_fields": "true"}
    listed = await api.ok("GET", "connections", fields="id,name,metadata,connected_accounts", **query)
    shown = next(one for one in listed["connections"] if one["id"] == made["id"])
    lacks = [name for name in ("metadata", "connected_accounts") if not shown.get(name)]
    return told(not lacks, "the list shows both", f"the list lacks {' and '.join(lacks)}")


@probe("purpose-of-six-strategies")
async def purpose_of_six(api: Api) -> Verdict:
    """Switches connected accounts on for a strategy that is none of the six."""
    options = {"client_id": "acceptance", "client_secret": "made-up-by-acceptance"}
    body = api.connection_body(strategy="linkedin", options=options, connected_accounts={"active": True})
    answer = await api.create("connections", body)
    if answer.status == 400 and "operation_not_supported" in answer.said:
        return other(f"refused for linkedin: {answer.said}")
    if not answer.ok:
        raise Untold(f"a LinkedIn connection could not be created: {answer.said}")
    shown = (await api.ok("GET", f"connections/{answer.body['id']}")).get("connected_accounts") or {}
    return told(shown.get("active") is True, "taken for linkedin", "taken for linkedin, and not kept")


@probe("enabled-clients-accepted")
async def enabled_clients_accepted(api: Api) -> Verdict:
    """Patches the old list of clients."""
    made = await api.connection()
    answer = await api.judged("PATCH", f"connections/{made['id']}", {"enabled_clients": []})
    return told(not answer.ok, f"PATCH refuses enabled_clients ({answer.said})", "PATCH takes enabled_clients")


@probe("enabled-clients-gone")
async def enabled_clients_gone(api: Api) -> Verdict:
    """Creates a connection with the old list of clients, and looks whether answers carry it."""
    answer = await api.create("connections", api.connection_body(enabled_clients=[]))
    if not answer.ok and "enabled_clients" not in answer.said:
        raise Untold(f"a connection could not be created: {answer.said}")
    made = answer.body if answer.ok else await api.connection("without")
    carried = "enabled_clients" in await api.ok("GET", f"connections/{made['id']}")
    says = f"POST {'takes' if answer.ok else 'refuses'} it, answers {'carry' if carried else 'do not carry'} it"
    return told(answer.ok and carried, says, says)


@probe("connection-deletion-answers-204")
async def deletion_204(api: Api) -> Verdict:
    """Deletes a connection."""
    made = await api.connection()
    answer = await api.ask("DELETE", f"connections/{made['id']}")
    if not answer.ok:
        raise Untold(f"DELETE was refused: {answer.said}")
    return told(answer.status == 202, "DELETE answers 202", f"DELETE answers {answer.status}")


@probe("connection-deletion-takes-time")
async def deletion_takes_time(api: Api) -> Verdict:
    """Deletes a connection, and looks for it until it is gone."""
    made, waited = await api.connection(), 0.0
    await api.ok("DELETE", f"connections/{made['id']}")
    for seconds in GONE_AFTER:
        if seconds:
            await api.pause(seconds)
        waited += seconds
        if not await api.is_there(f"connections/{made['id']}"):
            return told(not waited, "it is gone at once", f"it was gone after {waited:g} s")
    return other(f"it was still there after {waited:g} s")

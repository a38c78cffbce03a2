"""Application names are not unique, so two applies at once can both create one. Whoever sees the other gives way.

After its creates an apply lists the applications that carry its marks. Of two, the one with the greater client id is
withdrawn by its maker at once; the other waits for that, and is withdrawn too if the first does not go away: its maker
saw only its own, and keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping

from tokenvault.applier.write import Writer
from tokenvault.errors import ApiError, Diagnostic
from tokenvault.kinds import Request
from tokenvault.ownership import read_mark
from tokenvault.tenant.gateway import Tenant

ATTEMPTS = 4
PAUSE = 1.0


async def contested(tenant: Tenant, writer: Writer, created: Mapping[str, str]) -> dict[str, Diagnostic]:
    """Which of the created applications (mark → address) had to be withdrawn, and why."""
    lost: dict[str, Diagnostic] = {}
    for attempt in range(ATTEMPTS):
        rivals = await _rivals(tenant, writer, {mark: a for mark, a in created.items() if a not in lost})
        for address, others in rivals.items():
            if writer.ids[address] > min(others) or attempt == ATTEMPTS - 1:
                lost[address] = await _withdraw(tenant, address, writer.ids[address], min(others))
        if all(address in lost for address in rivals):
            return lost
        await tenant.pacer.clock.sleep(PAUSE)  # type: ignore[misc]
    return lost


async def _rivals(tenant: Tenant, writer: Writer, created: Mapping[str, str]) -> dict[str, list[str]]:
    params = {"is_global": False, "fields": "client_id,client_metadata", "include_fields": True}
    found: dict[str, list[str]] = {}
    for client in await tenant.pages("clients", "clients", params):
        mark = read_mark(client.get("client_metadata"))
        address = created.get(f"{mark.spec}/{mark.key}") if mark else None
        if address and client["client_id"] != writer.ids[address]:
            found.setdefault(address, []).append(str(client["client_id"]))
    return found


async def _withdraw(tenant: Tenant, address: str, mine: str, theirs: str) -> Diagnostic:
    summary = f"Another apply created {address} at the same time ({theirs}), which stays"
    hint = "Run `tokenvault apply` again: it continues with that one."
    try:
        await tenant.write(Request(method="DELETE", path=f"clients/{mine}"))
    except ApiError:
        hint = f"This apply's own duplicate {mine} could not be deleted: delete it in the dashboard, then apply again."
    return Diagnostic(code="apply-contested", summary=summary, hint=hint, context=address)

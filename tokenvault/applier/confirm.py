"""Application names are not unique, so two applies at once can both create one. Whoever sees the other gives way.

After its creates an apply lists the applications that carry its marks. Where another apply made some too, one contested
application decides for all of them, so that one apply wins whole: the one with the smaller client id. The other withdraws
its own at once; the winner waits for that, and withdraws too if its rival does not: that one saw only its own, and keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from tokenvault.applier.write import Writer
from tokenvault.errors import ApiError, Diagnostic, TokenVaultError
from tokenvault.kinds import Request
from tokenvault.ownership import read_mark
from tokenvault.tenant.gateway import Tenant

ATTEMPTS = 4
PAUSE = 1.0


async def contested(tenant: Tenant, writer: Writer, created: Mapping[str, str]) -> dict[str, Diagnostic]:
    """Which of the created applications (mark → address) had to be withdrawn, and why."""
    lost: dict[str, Diagnostic] = {}
    for attempt in range(ATTEMPTS):
        marked = await _marked(tenant, {mark: address for mark, address in created.items() if address not in lost})
        rivals = {address: ids - {writer.ids[address]} for address, ids in sorted(marked.items())}
        found = [address for address, others in rivals.items() if others]
        if found and (attempt == ATTEMPTS - 1 or writer.ids[found[0]] > min(rivals[found[0]])):
            for address in found:
                lost[address] = await _withdraw(tenant, address, writer.ids[address], min(rivals[address]))
            continue
        if not found and all(writer.ids[address] in ids for address, ids in marked.items()):
            break
        await tenant.pacer.clock.sleep(PAUSE)
    return lost


async def _marked(tenant: Tenant, created: Mapping[str, str]) -> dict[str, set[str]]:
    """The applications that carry each mark. A list without our own is older than our creates: it tells nothing."""
    params = {"is_global": False, "fields": "client_id,client_metadata", "include_fields": True}
    found: dict[str, set[str]] = {address: set() for address in created.values()}
    for client in await tenant.pages("clients", "clients", params):
        mark = read_mark(client.get("client_metadata"))
        address = created.get(mark.owner) if mark else None
        if address:
            found[address].add(str(client.get("client_id")))
    return found


async def _withdraw(tenant: Tenant, address: str, mine: str, theirs: str) -> Diagnostic:
    summary = f"Another apply created {address} at the same time ({theirs}), which stays"
    hint = "Run `tokenvault apply` again: it continues with that one."
    try:
        await tenant.write(Request(method="DELETE", path=f"clients/{quote(mine, safe='')}"))
    except ApiError:
        hint = f"This apply's own duplicate {mine} could not be deleted: delete it in the dashboard, then apply again."
    return Diagnostic(code="apply-contested", summary=summary, hint=hint, context=address)


def unconfirmed(address: str, error: TokenVaultError) -> Diagnostic:
    """Nobody could tell whether somebody else created the application too: nothing is built on it."""
    return Diagnostic(
        code="apply-unconfirmed",
        summary=f"{address} was created, but the applications could not be listed to see whether it is the only one",
        detail=error.diagnostics[0].summary,
        hint="Run `tokenvault apply` again: it continues with what is there.",
        context=address,
    )

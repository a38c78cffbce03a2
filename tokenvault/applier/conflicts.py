"""Conflicts with what others do: objects that appeared since the plan was made or during the apply, and explained errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from tokenvault.applier.refusals import exists
from tokenvault.applier.writer import Writer, is_ours, lacking, node_of
from tokenvault.errors import ApiError, Diagnostic, TokenVaultError, place_of
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Object, Request
from tokenvault.model.desired import Graph, bind
from tokenvault.model.marks import read_mark
from tokenvault.plan.diff import Canonicalizer
from tokenvault.plan.model import Action, Change, Plan
from tokenvault.state.reading import read_live
from tokenvault.tenant.client import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Precheck:
    """Objects to be created that are `there` as the plan wants them, and those `refused` because they differ."""

    there: Mapping[str, Object] = field(default_factory=dict)
    refused: Mapping[str, Diagnostic] = field(default_factory=dict)


NOTHING = Precheck()


async def precheck(tenant: Tenant, plan: Plan) -> Precheck:
    """Looks for objects that the plan creates and that exist by now. A few reads; none when it creates nothing."""
    creates = [change for change in plan.changes if change.action is Action.CREATE]
    if not creates:
        return NOTHING
    nodes = {change.address: node_of(change, change.identity) for change in creates}
    graph = Graph(spec_name=plan.spec_name, domain=plan.tenant, nodes=nodes)
    live = await read_live(tenant, graph)
    there: dict[str, Object] = {}
    refused: dict[str, Diagnostic] = {}
    for change in creates:
        item = live.objects.get(change.address)
        if item is None:
            continue
        wanted = bind(dict(change.patch), live.ids)
        differing = lacking(kinds()[change.kind], wanted, item, Canonicalizer(plan.salt))
        if differing and not is_ours(kinds()[change.kind], wanted, item, differing):
            refused[change.address] = exists(change, item, differing)
        else:
            there[change.address] = item
    return Precheck(there=there, refused=refused)


VERBS = {Action.CREATE: "create", Action.UPDATE: "update", Action.DELETE: "delete"}
NO_FEATURE = "api-entitlement"


def explained_error(change: Change, error: TokenVaultError) -> Diagnostic:
    """The error of a change: which object, what Auth0 said of it, and the feature that the tenant lacks, if it is that."""
    diagnostic = error.diagnostics[0]
    if not isinstance(error, ApiError) or not 400 <= error.status < 500:
        return replace(diagnostic, context=change.address, span=diagnostic.span or change.span)
    features = list(_features(change, diagnostic))
    sent = {**change.patch, **change.deferred}
    advice = kinds()[change.kind].advice(sent, diagnostic.detail) if error.status == 400 else ()
    return replace(
        diagnostic,
        code=NO_FEATURE if features else diagnostic.code,
        summary=f"{_refused(change)} ({error.status})",
        hint="\n".join((*features, *advice)) or diagnostic.hint,
        context=change.address,
        span=change.span,
    )


def _refused(change: Change) -> str:
    return f"Auth0 refused to {VERBS[change.action]} {change.address}"


def _features(change: Change, diagnostic: Diagnostic) -> Iterator[str]:
    """The features that a refusal (403, or 400 for an unknown attribute) may be about, told from the plan's values."""
    sent = [path for path, value in {**change.patch, **change.deferred}.items() if value is not None]
    for path, asked in kinds()[change.kind].fields.items():
        top = path.split(".")[0]
        is_sent = any(f"{one}.".startswith(f"{path}.") or f"{path}.".startswith(f"{one}.") for one in sent)
        if asked.feature and is_sent and (diagnostic.code == NO_FEATURE or top in diagnostic.detail):
            yield f"{top} needs {asked.feature}."


ATTEMPTS = 4
PAUSE = 1.0


async def withdraw_duplicates(tenant: Tenant, writer: Writer, created: Mapping[str, str]) -> dict[str, Diagnostic]:
    """Deletes what this run created and somebody else created too. By address, the diagnostic for each such application."""
    lost: dict[str, Diagnostic] = {}
    for attempt in range(ATTEMPTS):
        marked = await _marked(tenant, {mark: address for mark, address in created.items() if address not in lost})
        rivals = {address: ids - {writer.ids[address]} for address, ids in sorted(marked.items())}
        found = [address for address, others in rivals.items() if others]
        if found and (attempt == ATTEMPTS - 1 or writer.ids[found[0]] > min(rivals[found[0]])):
            for address in found:
                mine, theirs = writer.ids[address], min(rivals[address])
                ours = address in writer.created
                lost[address] = (
                    await _withdraw(tenant, address, mine, theirs) if ours else _doubled(address, mine, theirs)
                )
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


def _doubled(address: str, found: str, theirs: str) -> Diagnostic:
    """The diagnostic for a duplicate that this run only found: its maker may use it, so it is not deleted."""
    return Diagnostic(
        code="apply-contested",
        summary=f"Two applications carry the mark of {address}: {found}, which was found, and {theirs}",
        hint="Delete the one that nobody uses, in the dashboard, then apply again.",
        context=address,
    )


def unexpected(address: str, error: Exception) -> Diagnostic:
    """The diagnostic for an unforeseen error in one change: its type and place, never its text, which may hold anything."""
    return Diagnostic(
        code="apply-unexpected",
        summary=f"tokenvault failed unexpectedly ({place_of(error)}) at {address}",
        detail="Whether it was written is not known.",
        hint="This is a bug: please report it. Run the command again: finished steps are not repeated.",
        context=address,
    )


def incomplete(change: Change, cause: str) -> Diagnostic:
    """The diagnostic for a change that was written in part: the rest depends on what failed, or the user stopped."""
    return Diagnostic(
        code="apply-incomplete",
        summary=f"{change.address} was {VERBS[change.action]}d, but not completed: {cause}",
        detail=f"Not written: {', '.join(change.deferred)}." if change.deferred else "",
        hint="Run the command again: it goes on from there.",
        context=change.address,
    )


def half_done(change: Change, cause: Diagnostic) -> Diagnostic:
    """The diagnostic for a change whose first write succeeded and whose second failed."""
    reason = cause.summary.replace(_refused(change), "Auth0 refused the rest")
    return replace(cause, summary=incomplete(change, reason).summary)


def unconfirmed(address: str, cause: str) -> Diagnostic:
    """The diagnostic for an application that may have a duplicate, as that could not be read: nothing is built on it."""
    return Diagnostic(
        code="apply-unconfirmed",
        summary=f"{address} was created, but the applications could not be listed to see whether it is the only one",
        detail=cause,
        hint="Run `tokenvault apply` again: it continues with what is there.",
        context=address,
    )

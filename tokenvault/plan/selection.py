"""`--target` and `--exclude`: a plan limited to some addresses, with what these need, or without what others need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from tokenvault.errors import Diagnostic, RefusedError, did_you_mean
from tokenvault.model.desired import DesiredObject, refs
from tokenvault.plan.model import Change, Plan, Selection, takes_from


def filter_plan(
    plan: Plan, targets: Sequence[str], excludes: Sequence[str], known: Mapping[str, DesiredObject] | None = None
) -> Plan:
    """The plan for the targets and what they need (default: everything), less the excludes and what needs them.

    Both are globs over addresses; `RefusedError` for one that no address of the plan or of the spec (`known`) matches.
    """
    known = known or {}
    if not targets and not excludes:
        return plan
    addresses = sorted({*known, *(node.address for node in plan.nodes), *(change.address for change in plan.changes)})
    wanted = matching(targets, addresses, "--target") if targets else frozenset(addresses)
    unwanted = _with_parts(matching(excludes, addresses, "--exclude"), plan)
    needs = _with_recorders(_with_users({change.address: _needs(change) for change in plan.changes}, plan), known)
    kept = _with_needs(wanted, needs) - _with_dependents(unwanted, needs)
    changes = tuple(change for change in plan.changes if change.address in kept)
    left_out = len(plan.changes) - len(changes)
    chosen = Selection(targets=tuple(targets), excludes=tuple(excludes), left_out=left_out)
    nodes = tuple(node if node.address in kept else replace(node, action=None) for node in plan.nodes)
    return replace(plan, changes=changes, nodes=nodes, selection=chosen, warnings=(*plan.warnings, _partial(chosen)))


def matching(patterns: Iterable[str], addresses: Sequence[str], option: str) -> frozenset[str]:
    """The addresses that the globs match; `RefusedError` with every glob that matches none."""
    found: set[str] = set()
    unknown = []
    for pattern in patterns:
        hits = {address for address in addresses if fnmatchcase(address, pattern)}
        found |= hits
        if not hits:
            unknown.append(_unknown(pattern, addresses, option))
    if unknown:
        raise RefusedError(*unknown)
    return frozenset(found)


def _unknown(pattern: str, addresses: Sequence[str], option: str) -> Diagnostic:
    by_key = {address.split(".", 1)[-1]: address for address in reversed(addresses)}
    hint = did_you_mean(pattern, addresses)
    if not hint and pattern in by_key:
        hint = f'Did you mean "{by_key[pattern]}"?'
    listed = ", ".join(addresses[:8]) + (", …" if len(addresses) > 8 else "")
    summary = f"{option} {pattern}: no object of this spec has such an address"
    return Diagnostic(code="address-unknown", summary=summary, hint=hint or f"Its addresses are: {listed}")


def _needs(change: Change) -> frozenset[str]:
    """What a change cannot be carried out without, what it refers to after its creation included."""
    return frozenset(change.requires) | {ref.address for ref in refs(dict(change.deferred))} - {change.address}


def _with_users(needs: dict[str, frozenset[str]], plan: Plan) -> dict[str, frozenset[str]]:
    """The needs, where a part of an object that waits for it (a worker's key) needs that object, too.

    Nothing would use the part, and no mark record it.
    """
    whole = {node.address: frozenset(node.requires) for node in plan.nodes}
    return {
        address: needed | {user for user in whole.get(address, ()) if address in needs.get(user, ())}
        for address, needed in needs.items()
    }


def _with_recorders(
    needs: Mapping[str, frozenset[str]], nodes: Mapping[str, DesiredObject]
) -> dict[str, frozenset[str]]:
    """The needs, where an API needs what records what it is given, too: its Custom API Client, which waits for the API.

    Whatever else is recorded elsewhere waits for its record.
    """
    recorders = {a: node.target.recorder for a, node in nodes.items() if node.kind == "api"}
    return {address: needed | ({recorders.get(address, "")} & needs.keys()) for address, needed in needs.items()}


def _with_needs(wanted: frozenset[str], needs: dict[str, frozenset[str]]) -> frozenset[str]:
    kept, more = wanted, wanted
    while more:
        more = frozenset(need for address in more for need in needs.get(address, ())) - kept
        kept |= more
    return kept


def _with_dependents(unwanted: frozenset[str], needs: dict[str, frozenset[str]]) -> frozenset[str]:
    """The excluded addresses with the changes that depend on them. An object that exists and does not change blocks nobody."""
    gone = unwanted & needs.keys()
    while more := {address for address, needed in needs.items() if needed & gone} - gone:
        gone |= more
    return frozenset(gone)


def _with_parts(unwanted: frozenset[str], plan: Plan) -> frozenset[str]:
    """The excluded addresses with their parts: an excluded object gets no grant or key, and nothing is revoked from it."""
    ids = {change.id for change in plan.changes if change.address in unwanted}
    revoking = {change.address for change in plan.changes if ids.intersection(takes_from(change))}
    parts = {
        change.address for change in plan.changes if "client_id" in change.identity and change.kind != "application"
    }
    about = {node.address for node in plan.nodes if unwanted.intersection(node.requires)}
    return unwanted | revoking | (parts & about)


def _partial(chosen: Selection) -> Diagnostic:
    options = [f"--target {glob}" for glob in chosen.targets] + [f"--exclude {glob}" for glob in chosen.excludes]
    count = chosen.left_out
    left = f"{count} change{'' if count == 1 else 's'} of the spec {'is' if count == 1 else 'are'} left out"
    return Diagnostic(
        code="plan-partial",
        severity="warning",
        summary=f"This plan is partial ({' '.join(options)}): {left}",
        detail="What is left out may be needed for a flavor to work at run time.",
        hint="Use it to get out of a corner, not as a routine; plan without it before you trust the result.",
    )

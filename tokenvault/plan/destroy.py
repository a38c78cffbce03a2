"""Leaving a tenant: what this spec created is deleted, what it adopted is released, and loses exactly what it was given.

It goes by the marks, so it takes with it what the spec left behind earlier. Protected objects, and what protected
applications use, stay as they are. What no mark speaks of (the My Account API, the purpose of connections, the MFA
policy) is left alone unless it is asked for by its address.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tokenvault.errors import Diagnostic, RefusedError, did_you_mean
from tokenvault.flavors.provisions import SLOTS, absent, absent_credential, attached_ids
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind, Object
from tokenvault.kinds.credential import is_ours
from tokenvault.model.constraints import Default, OneOf
from tokenvault.model.desired import DesiredObject, Graph, Provenance, Requirement, refs
from tokenvault.model.marks import METADATA_KEY, has_room
from tokenvault.plan.api_names import OF_APIS
from tokenvault.plan.lost import find_lost
from tokenvault.plan.model import Plan
from tokenvault.plan.orphans import Labels, find_orphans
from tokenvault.plan.ownership import Ownership, mark_of
from tokenvault.plan.planner import Options, plan_graph
from tokenvault.state.live import Live

DESTROYED = Labels(
    deleted="created by this spec",
    released="released: adopted by this spec",
    provenance=Provenance(source="destroy", reason="given by this spec"),
)
BY_NAME = Provenance(source="--also", reason="asked for by its address")


def make_destroy_plan(
    graph: Graph, live: Live, *, also: Sequence[str], salt: str, files: tuple[str, ...], options: Options
) -> Plan:
    """The plan after which the tenant holds nothing of this spec. `also` are addresses that are left alone otherwise."""
    kept = _kept(graph, live)
    found = find_orphans(graph, live, DESTROYED, retained=frozenset(kept))
    taken = [node for each in found.objects for node in each.nodes]
    taken += _keys_of_a_cut(graph, live, kept)
    taken += [node for address in also for node in _on_request(address, graph, live)]
    removed = [_with_note(node, graph.nodes.get(node.address), live.objects.get(node.address), taken) for node in taken]
    plan = plan_graph(replace(graph, nodes={}), live, removed, salt=salt, files=files, options=options)
    going = {node.address for node in removed}
    warnings = [*_stays(kept), *_lost(graph, live), *_unproven(graph, live, going | kept.keys())]
    return replace(plan, command="destroy", warnings=(*plan.warnings, *warnings))


def retained(graph: Graph, live: Live) -> frozenset[str]:
    """The addresses that a destroy leaves as they are."""
    return frozenset(_kept(graph, live))


def _kept(graph: Graph, live: Live) -> Mapping[str, str]:
    """The protected objects that exist, and what they use: address → why it stays."""
    protected = {n.address for n in graph.nodes.values() if n.target.protect and n.address in live.objects}
    kept = dict.fromkeys(sorted(protected), "it is protected")
    for requirement in (requirement for node in graph.nodes.values() for requirement in node.requirements):
        user = next(
            (address for address in (requirement.user, requirement.target.address) if address in protected), None
        )
        for address in _named_by(requirement) if user else ():
            if address in graph.nodes:
                kept.setdefault(address, f"{user}, which is protected, uses it")
    for address, user in _apis_used_by(protected, graph, live):
        kept.setdefault(address, f"{user}, which is protected, uses it")
    return kept


def _apis_used_by(protected: Iterable[str], graph: Graph, live: Live) -> Iterator[tuple[str, str]]:
    """The addresses of APIs for which marks of protected applications record a grant or policy, each with the application."""
    ownership = Ownership(graph, live, adopt=False)
    apis = {ownership.names.of_api(str(n.target.identity["identifier"])): n.address for n in graph.of_kind("api")}
    for user in sorted(protected):
        for provision in sorted(ownership.provisions_of(user, live.objects[user])):
            if provision.verb in OF_APIS and provision.slot in apis:
                yield apis[provision.slot], user


def _named_by(requirement: Requirement) -> Iterator[str]:
    yield requirement.target.address
    yield from requirement.needs
    yield from (ref.address for ref in refs(dict(requirement.target.identity)))
    yield from (ref.address for ref in refs(requirement.constraint))


def _keys_of_a_cut(graph: Graph, live: Live, kept: Collection[str]) -> Iterator[DesiredObject]:
    """The keys that an apply put there which was cut short before it marked their application: nothing uses them."""
    for node in graph.of_kind("credential"):
        owner = next(ref.address for ref in refs(dict(node.target.identity)))
        client, key = live.objects.get(owner), live.objects.get(node.address)
        if client is None or key is None or owner in kept or mark_of(kinds()["application"], client) is not None:
            continue
        used = {used for path in SLOTS for used in attached_ids(client, path)}
        if is_ours(key, [f"{graph.spec_name}/"]) and str(key["id"]) not in used:
            yield absent_credential(graph.nodes[owner].target, str(client["client_id"]), key, DESTROYED.deleted)


def _with_note(
    node: DesiredObject, asked: DesiredObject | None, live: Object | None, taken: Iterable[DesiredObject]
) -> DesiredObject:
    """The released node, its reason naming the settings that it keeps: those whose values before no mark records."""
    if node.target.reason != DESTROYED.released or asked is None or live is None:
        return node
    kind = kinds()[node.kind]
    mark = mark_of(kind, live)
    recorded = any(p.verb in ("own", "gave", "was") for p in mark.provisions) if mark else False
    gone = {path for each in taken if each.address == node.address for path in each.constraints}
    settings = [
        requirement.path
        for requirement in asked.requirements
        if not isinstance(requirement.constraint, Default | OneOf) and not requirement.provision
    ]
    kept = [path for path in settings if path not in gone and not (recorded and _is_recorded(kind, path))]
    paths = ", ".join(dict.fromkeys(path.removeprefix("spec.") for path in kept))
    reason = f"{node.target.reason}; kept, as it may have been so before: {paths}" if paths else node.target.reason
    target = replace(node.target, reason=reason)
    return replace(
        node,
        target=target,
        requirements=tuple(replace(requirement, target=target) for requirement in node.requirements),
    )


def _is_recorded(kind: Kind, path: str) -> bool:
    return path.startswith("spec.") or bool(kind.slot_at(path))


def _on_request(address: str, graph: Graph, live: Live) -> Iterator[DesiredObject]:
    """The node by which `--also ADDRESS` reverts an object that destroy leaves alone by default; none if it does not exist."""
    candidates = [node.address for node in graph.nodes.values() if _may_be_requested(node)]
    if address not in candidates:
        listed = f"It can be: {', '.join(candidates)}." if candidates else "This spec has nothing of that kind."
        summary = f"--also {address}: that is no object that destroy leaves alone unless asked for by name"
        hint = did_you_mean(address, candidates) or listed
        raise RefusedError(Diagnostic(code="destroy-also", summary=summary, hint=hint))
    if address in live.objects:
        node = graph.nodes[address]
        constraints = kinds()[node.kind].on_request or {}
        target = replace(node.target, mark=None, reason=BY_NAME.reason)
        requirements = tuple(
            Requirement(target=target, path=path, constraint=constraint, provenance=BY_NAME)
            for path, constraint in constraints.items()
        )
        yield (
            DesiredObject(target=target, requirements=requirements, constraints=constraints)
            if constraints
            else absent(target, BY_NAME.reason)
        )


def _may_be_requested(node: DesiredObject) -> bool:
    return kinds()[node.kind].on_request is not None and not node.target.checked_only


def _lost(graph: Graph, live: Live) -> Iterator[Diagnostic]:
    """Warnings of objects that others deleted already, and of objects that stay because they lost their mark."""
    lost = find_lost(graph, live)
    for address, why in lost.deleted.items():
        yield _warning("destroy-gone", f"{address} is gone already: {why}")
    for address, why in lost.unmarked.items():
        hint = "Run `tokenvault apply` first, which marks it again, or delete it in the dashboard."
        yield _warning("destroy-unmarked", f"{address} stays: {why}", hint)


def _stays(kept: Mapping[str, str]) -> Iterator[Diagnostic]:
    for address, reason in kept.items():
        kind = kinds()[address.split(".", 1)[0]]
        if kind.deletable and kind.section:
            yield _warning("destroy-protected", f"{address} stays as it is: {reason}")


def _unproven(graph: Graph, live: Live, settled: set[str]) -> Iterator[Diagnostic]:
    """Warnings of objects that stay because no mark proves that this spec may delete or release them."""
    for node in graph.nodes.values():
        kind, item = kinds()[node.kind], live.objects.get(node.address)
        if item is None or node.address in settled or not kind.deletable or not kind.section:
            continue
        if not kind.marker:
            summary = f"{node.address} stays: nothing proves that this spec created it"
            yield _warning("destroy-unproven", summary, "Delete it in the dashboard if nobody needs it.")
        elif mark_of(kind, item) is None and not has_room(item.get(kind.metadata), METADATA_KEY):
            summary = (
                f"{node.address} stays: its {kind.metadata} had no room for a mark, so nobody knows what it was given"
            )
            yield _warning("destroy-unmarked", summary, "Take back by hand what it no longer needs.")


def _warning(code: str, summary: str, hint: str = "") -> Diagnostic:
    return Diagnostic(code=code, severity="warning", summary=summary, hint=hint)

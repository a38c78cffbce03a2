"""Leaving a tenant: what this spec created is deleted, what it adopted is released with exactly what it was lent.

It goes by the marks, so it takes with it what the spec left behind earlier. Protected objects, and what protected
applications use, stay as they are. What no mark speaks of (the My Account API, the purpose of connections, the MFA
policy) is left alone unless it is asked for by its address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tokenvault.errors import Diagnostic, RefusedError, did_you_mean
from tokenvault.flavors import provision_types
from tokenvault.flavors.provisions import absent
from tokenvault.kinds import kinds
from tokenvault.model.constraints import Default, OneOf
from tokenvault.model.desired import DesiredObject, Graph, Provenance, Requirement, refs
from tokenvault.model.marks import METADATA_KEY, has_room
from tokenvault.plan.model import Plan
from tokenvault.plan.orphans import Labels, find_orphans
from tokenvault.plan.ownership import ApiNames, mark_of
from tokenvault.plan.planner import Options, plan_graph
from tokenvault.state.live import Live

DESTROYED = Labels(
    deleted="created by this spec",
    released="released: adopted by this spec",
    provenance=Provenance(source="destroy", reason="lent by this spec"),
)
BY_NAME = Provenance(source="--also", reason="asked for by its address")


def make_destroy_plan(
    graph: Graph, live: Live, *, also: Sequence[str], salt: str, files: tuple[str, ...], options: Options
) -> Plan:
    """The plan after which the tenant holds nothing of this spec. `also` are addresses that are left alone otherwise."""
    kept = _kept(graph, live)
    left = find_orphans(graph, live, DESTROYED, retained=frozenset(kept))
    found = [each for each in left if not each.orphan.protected]
    taken = [node for each in found for node in each.nodes]
    taken += [node for address in also for node in _on_request(address, graph, live)]
    removed = [_with_note(node, graph.nodes.get(node.address), taken, _lent(node, live)) for node in taken]
    plan = plan_graph(replace(graph, nodes={}), live, removed, salt=salt, files=files, options=options)
    going = {node.address for node in removed}
    warnings = [*_stays(kept), *_unproven(graph, live, going | kept.keys())]
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
    for address, user in _lent_to(protected, graph, live):
        kept.setdefault(address, f"{user}, which is protected, uses it")
    return kept


def _lent_to(protected: Iterable[str], graph: Graph, live: Live) -> Iterator[tuple[str, str]]:
    """The APIs that protected applications hold grants and policies for, by their marks, each with the application."""
    names = ApiNames.of(graph, live)
    for user in sorted(protected):
        mark = mark_of(kinds()[graph.nodes[user].kind], live.objects[user])
        for label in mark.provisions if mark and mark.spec == graph.spec_name else ():
            verb, name = names.now(label, mark.spec).split(":", 1) if mark else ("", "")
            if f"api.{name}" in graph.nodes and provision_types()[verb].of_api:
                yield f"api.{name}", user


def _named_by(requirement: Requirement) -> Iterator[str]:
    yield requirement.target.address
    yield from requirement.needs
    yield from (ref.address for ref in refs(dict(requirement.target.identity)))
    yield from (ref.address for ref in refs(requirement.constraint))


def _lent(node: DesiredObject, live: Live) -> frozenset[str]:
    """The labels of what an object was lent, by its mark."""
    mark = mark_of(kinds()[node.kind], live.objects.get(node.address))
    return mark.provisions if mark else frozenset()


def _with_note(
    node: DesiredObject, asked: DesiredObject | None, taken: Iterable[DesiredObject], lent: frozenset[str]
) -> DesiredObject:
    """A released object says what it keeps: settings that it may well have had before, for all that anyone knows."""
    if node.target.reason != DESTROYED.released or asked is None:
        return node
    gone = tuple(path for each in taken if each.address == node.address for path in each.constraints)
    mine = [
        requirement
        for requirement in asked.requirements
        if requirement.provision not in lent and requirement.path != "name"
    ]
    settings = [requirement for requirement in mine if not isinstance(requirement.constraint, Default | OneOf)]
    kept = (
        requirement.path
        for requirement in settings
        if not any(f"{requirement.path}.".startswith(f"{path}.") for path in gone)
    )
    paths = ", ".join(dict.fromkeys(path.removeprefix("spec.") for path in kept))
    reason = f"{node.target.reason}; kept, as it may have been so before: {paths}" if paths else node.target.reason
    target = replace(node.target, reason=reason)
    return replace(
        node,
        target=target,
        requirements=tuple(replace(requirement, target=target) for requirement in node.requirements),
    )


def _on_request(address: str, graph: Graph, live: Live) -> Iterator[DesiredObject]:
    """What `--also ADDRESS` takes back, where there is anything."""
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


def _stays(kept: Mapping[str, str]) -> Iterator[Diagnostic]:
    for address, reason in kept.items():
        kind = kinds()[address.split(".", 1)[0]]
        if kind.deletable and kind.section:
            yield _warning("destroy-protected", f"{address} stays as it is: {reason}")


def _unproven(graph: Graph, live: Live, settled: set[str]) -> Iterator[Diagnostic]:
    """What stays because no mark tells that this spec may take it away."""
    for node in graph.nodes.values():
        kind, item = kinds()[node.kind], live.objects.get(node.address)
        if item is None or node.address in settled or not kind.deletable or not kind.section:
            continue
        if not kind.marker:
            summary = f"{node.address} stays: nothing proves that this spec created it"
            yield _warning("destroy-unproven", summary, "Delete it in the dashboard if nobody needs it.")
        elif mark_of(kind, item) is None and not has_room(item.get(kind.metadata), METADATA_KEY):
            summary = (
                f"{node.address} stays: its {kind.metadata} had no room for a mark, so nobody knows what it was lent"
            )
            yield _warning("destroy-unmarked", summary, "Take back by hand what it no longer needs.")


def _warning(code: str, summary: str, hint: str = "") -> Diagnostic:
    return Diagnostic(code=code, severity="warning", summary=summary, hint=hint)

"""Desired graph + live state → plan. Pure: no I/O, no clock, no randomness (the salt comes in)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tokenvault.changes import attributes, kept, risks, unmanaged, unmanaged_options
from tokenvault.desired import Ask, Graph, Node, Target, bind, bound, refs
from tokenvault.diff import Comparable, Delta, differences
from tokenvault.errors import Diagnostic, PlanError
from tokenvault.graph import with_nodes
from tokenvault.kinds import Kind, Object, kinds
from tokenvault.leftovers import leftovers
from tokenvault.live import Live, match
from tokenvault.marking import Ownership, mark_of
from tokenvault.paths import get_path
from tokenvault.plan import Action, Change, Orphan, Plan, planned_nodes
from tokenvault.removal import deletion, in_order
from tokenvault.rotation import retired, within_limits
from tokenvault.unseen import unseen_warnings, why_unseen
from tokenvault.want import Has, HasBy, Initially, Is, Not, Ref, Want


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user decides about a plan.

    `adopt` takes over what carries another spec's mark, `prune` takes away what the spec left behind; a plan that
    deletes more than `max_destroy` objects is not to be carried out.
    """

    adopt: bool = False
    prune: bool = False
    max_destroy: int | None = None


def make_plan(
    graph: Graph, live: Live, *, salt: str, files: tuple[str, ...] = (), options: Options | None = None
) -> Plan:
    """The plan that makes `live` what `graph` asks for; `PlanError` with everything that cannot be reconciled."""
    options = options or Options()
    left = leftovers(graph, live)
    pruned = [each for each in left if options.prune and not each.orphan.protected]
    removed = [node for each in pruned for node in each.nodes]
    orphans = tuple(each.orphan for each in left if each not in pruned)
    return plan_graph(graph, live, removed, salt=salt, files=files, options=options, orphans=orphans)


def plan_graph(
    graph: Graph,
    live: Live,
    removed: Sequence[Node],
    *,
    salt: str,
    files: tuple[str, ...],
    options: Options,
    orphans: tuple[Orphan, ...] = (),
) -> Plan:
    """The plan for a graph, and for what else is to be taken away (`removed`)."""
    removed = [*removed, *retired(graph, live)]
    if removed:
        graph = with_nodes(graph, removed)
        live = match(graph, live.state)
    planner = _Planner.of(graph, live, Comparable(salt), options)
    changes = planner.changes()
    if planner.errors:
        raise PlanError(*planner.errors)
    return Plan(
        spec_name=graph.spec_name,
        tenant=graph.domain,
        files=files,
        salt=salt,
        changes=tuple(changes),
        nodes=planned_nodes(planner.wanted(), planner.values, changes),
        unchanged=planner.unchanged,
        orphans=orphans,
        warnings=tuple(planner.warnings),
    )


@dataclass(slots=True)
class _Planner:
    """One planning run; holds what nodes later in the order need of earlier ones."""

    graph: Graph
    live: Live
    compare: Comparable
    ownership: Ownership
    values: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    needs: dict[str, frozenset[str]] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    unseen: dict[str, dict[str, str]] = field(default_factory=dict)
    unchanged: int = 0

    @classmethod
    def of(cls, graph: Graph, live: Live, compare: Comparable, options: Options) -> _Planner:
        """The planner of a graph."""
        return cls(graph, live, compare, Ownership.of(graph, live, adopt=options.adopt, settle=options.prune))

    def changes(self) -> list[Change]:
        """Every node's change, with the changes that it has to wait for."""
        found = [change for node in self.graph.nodes.values() for change in self._node(node)]
        self.warnings += unseen_warnings(self.live, self.unseen)
        changing = {change.address for change in found}
        found = [replace(change, requires=tuple(a for a in change.requires if a in changing)) for change in found]
        found, problems = within_limits(in_order(found, self.live.objects), self.live, self.values)
        self.errors += problems
        return found

    def wanted(self) -> list[Node]:
        """The nodes that this tenant needs; whether it has them may be unknown."""
        nodes = [node for node in self.graph.nodes.values() if not node.target.absent]
        return [node for node in nodes if node.address in self.values or node.address in self.live.unknown]

    def _node(self, node: Node) -> Iterable[Change]:
        kind, live = kinds()[node.kind], self.live.objects.get(node.address)
        if node.target.absent:
            yield from [deletion(kind, node, live, self.live.ids, self.compare)] if live is not None else []
        elif node.address not in self.live.unknown and self._is_wanted(node.target):
            yield from self._reconciled(kind, kind.refine(node, live), live)

    def _is_wanted(self, target: Target) -> bool:
        when = target.when
        return when is None or self.values.get(when.address, {}).get(when.path) in when.values

    def _reconciled(self, kind: Kind, node: Node, live: Object | None) -> Iterable[Change]:
        problems = [*kind.check(node, live), *self.ownership.problems(kind, node, live)]
        self.errors += [problem for problem in problems if problem.severity == "error"]
        self.warnings += [problem for problem in problems if problem.severity == "warning"]
        if any(problem.severity == "error" for problem in problems):
            return
        node, no_room = self.ownership.marked(kind, node, live, self._is_wanted)
        self.warnings += [no_room] if no_room else []
        change = self._change(kind, node, live)
        if change and node.target.checked_only:
            self.warnings.append(_unmet(node, change))
        elif change:
            yield change
        else:
            self.unchanged += 1

    def _change(self, kind: Kind, node: Node, live: Object | None) -> Change | None:
        before, after = self._values(kind, node, live)
        self.values[node.address] = after
        deltas = differences(kind, before, after, self.compare)
        if live is not None and (not deltas or self._only_marks(kind, node, live, deltas)):
            return None
        changed = {delta.path[0] for delta in deltas}
        sets = {
            path: value for path, value in after.items() if path in changed and (live is not None or value is not None)
        }
        if live is not None:
            sets = _with_companions(kind, sets, after)
            self._refuse_immutable(kind, node, sets)
        later = self._later(kind, node, sets, after) if live is None else {}
        takeover = self.ownership.takeover(kind, node, live)
        return Change(
            address=node.address,
            kind=node.kind,
            action=Action.CREATE if live is None else Action.UPDATE,
            name=str(live["name"]) if live and "name" in live and "name" not in after else node.target.name,
            identity=bind(dict(node.target.identity), self.live.ids),
            id=str(live[kind.id_field]) if live is not None else None,
            attributes=attributes(kind, node, deltas, before, after),
            sets={path: value for path, value in sets.items() if path not in later},
            later=later,
            premises={path: self.compare.fingerprint(before.get(path), kind.field_at(path)) for path in after if live},
            requires=self._requires(node, live, sets),
            adopts=takeover is not None,
            unmanaged=unmanaged(node, live),
            unmanaged_options=unmanaged_options(node, live) if any(p.startswith("options.") for p in sets) else 0,
            kept=kept(kind, before, after, changed),
            risks=risks(kind, live, before, sets) if live is not None else (),
            reason=takeover or node.target.reason,
            span=node.span,
        )

    def _only_marks(self, kind: Kind, node: Node, live: Object, deltas: Iterable[Delta]) -> bool:
        """An object that is as the spec says already, and is found by what never changes of it, is not marked for that."""
        lasting = all(name == kind.id_field or kind.field_at(name).immutable for name in node.target.identity)
        lent = self.ownership.loans(kind, node, live, self._is_wanted)
        marks = all(delta.path[0] == kind.marker for delta in deltas)
        return lasting and marks and not lent and mark_of(kind, live) is None and bool(node.target.mark)

    def _values(self, kind: Kind, node: Node, live: Object | None) -> tuple[dict[str, Any], dict[str, Any]]:
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        exact = self.ownership.created(kind, live)
        for path, want in node.wants.items():
            if live is not None and (
                isinstance(want, Initially) or (path in kind.create_only and kind.field_at(path).immutable)
            ):
                if (
                    not isinstance(want, Initially)
                    and path in live
                    and live[path] != want.resolve(live[path], exact=True)
                ):
                    after[path], before[path] = want.resolve(live[path], exact=True), live[path]
                continue
            if live is not None and (reason := why_unseen(live, path, want, self.live)):
                self.unseen.setdefault(node.address, {})[path] = reason
                continue
            ready = bound(want, self.live.ids)
            before[path] = get_path(live, path) if live is not None else None
            owned = exact and kind.field_at(path).exact
            after[path] = initial(ready) if live is None else ready.resolve(before[path], exact=owned)
        return before, after

    def _requires(self, node: Node, live: Object | None, sets: Mapping[str, Any]) -> tuple[str, ...]:
        """What must be done first: the objects that the node refers to, or names as a need, and that are not waiting for it."""
        waiting = [ask for ask in node.asks if ask.needs or ask.loan]
        asks = [ask for ask in waiting if live is None or (ask.path in sets and not self._is_met(ask, live))]
        needs = node.needs() if live is None else {r.address for r in refs(dict(sets))}
        needs |= {need for ask in asks for need in ask.needs}
        needs |= {ask.user for ask in asks if ask.loan and self._comes_first(ask.user, node)}
        return tuple(sorted(a for a in needs if a in self.graph.nodes and not self._follows(a, node)))

    def _is_met(self, ask: Ask, live: Object) -> bool:
        """Whether the object is as this ask wants it already: then nobody waits on its behalf."""
        value = get_path(live, ask.path)
        return bool(bound(ask.want, self.live.ids).resolve(value, exact=False) == value)

    def _follows(self, address: str, node: Node) -> bool:
        """Whether the object at the address has to wait for the node instead: an object that exists is changed last."""
        exists = self.live.objects.get(address) is not None
        return self._refers_to(address, node.address) or (exists and node.address in self._needs_of(address))

    def _comes_first(self, user: str, node: Node) -> bool:
        """A loan is written into its user's mark before it is given, except where the user itself waits for it."""
        if kinds()[node.kind].marker or user not in self.graph.nodes:
            return False
        return node.address not in self._needs_of(user)

    def _needs_of(self, address: str) -> frozenset[str]:
        """What a node refers to, found once: a thousand others may ask."""
        if address not in self.needs:
            self.needs[address] = self.graph.nodes[address].needs()
        return self.needs[address]

    def _refers_to(self, address: str, target: str) -> bool:
        node = self.graph.nodes.get(address)
        if node is None or self.live.objects.get(target) is not None:
            return False
        return any(ref.address == target for ref in refs(dict(node.target.identity)))

    def _later(self, kind: Kind, node: Node, sets: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
        """What refers to objects that wait for this one, and what Auth0 takes only together with it."""
        tops = {path.split(".")[0] for path, value in sets.items() if self._waits_for(node, value)}
        tops.update(name for group in kind.together if tops & set(group) for name in group)
        return {path: value for path, value in after.items() if path.split(".")[0] in tops}

    def _waits_for(self, node: Node, value: Any) -> bool:
        return any(self._refers_to(ref.address, node.address) for ref in refs(value))

    def _refuse_immutable(self, kind: Kind, node: Node, sets: Mapping[str, Any]) -> None:
        for path in sets:
            if kind.field_at(path).immutable:
                self.errors.append(
                    Diagnostic(
                        code="plan-immutable",
                        summary=f"{node.address}: Auth0 never changes {path} of an existing {kind.title}",
                        hint="Delete the object in the dashboard, or give it its present value in the spec.",
                        span=node.span,
                        context=node.address,
                    )
                )


def initial(want: Want) -> Any:
    """The value that a new object starts with."""
    match want:
        case Not():
            return want.instead
        case Has() | HasBy():
            return want.resolve(None, exact=True)
        case Is() | Initially():
            return want.value
        case _:
            return None


def _unmet(node: Node, change: Change) -> Diagnostic:
    ask = next(iter(node.asks))
    names = ", ".join(str(a.before or a.after) for a in change.attributes)
    summary = f"{node.target.name} stands in the way ({names}): {ask.why.reason}"
    hint = f'Set it to "Never" in the dashboard, or opt in with `{node.address}: set_never` in the spec.'
    return Diagnostic(code=f"plan-{node.address.replace('_', '-')}", severity="warning", summary=summary, hint=hint)


def _with_companions(kind: Kind, sets: dict[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that Auth0 takes only together are sent together."""
    tops = {path.split(".")[0] for path in sets}
    for group in kind.together:
        if tops & set(group):
            sets = {**{path: value for path, value in after.items() if path.split(".")[0] in group}, **sets}
    return sets


__all__ = ["Options", "Ref", "initial", "make_plan", "plan_graph"]

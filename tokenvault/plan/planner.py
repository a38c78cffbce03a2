"""Desired graph + live state → plan. Pure: no I/O, no clock, no randomness (the salt comes in)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tokenvault.errors import Diagnostic, PlanError
from tokenvault.kinds import kinds
from tokenvault.kinds.base import Kind, Object
from tokenvault.model.constraints import Anything, Constraint, Default, NotIn, initial
from tokenvault.model.desired import DesiredObject, Graph, ObjectRef, bind, bound
from tokenvault.model.marks import API_METADATA_KEY, ASKED, METADATA_KEY, MORE_KEYS, Provision, has_room
from tokenvault.model.paths import get_path
from tokenvault.plan.api_names import CLIENT_SUFFIX
from tokenvault.plan.changes import attributes, kept, risks, unmanaged, unmanaged_options
from tokenvault.plan.deletion import deletion, in_order
from tokenvault.plan.diff import Canonicalizer, Difference, differences
from tokenvault.plan.key_rotation import stale_keys, within_limits
from tokenvault.plan.lost import RECORDED, find_lost
from tokenvault.plan.model import Action, Change, Orphan, Plan, planned_nodes
from tokenvault.plan.ordering import Ordering, ownership_commit_order, renews_roster_alone, with_companions
from tokenvault.plan.orphans import Revoked, find_orphans, lost_witnesses
from tokenvault.plan.ownership import Ownership, mark_of
from tokenvault.plan.ownership_notes import gives_unrecorded, left_alone
from tokenvault.plan.patch import dead_ends, inconsistencies
from tokenvault.plan.roster import LISTED, VERB, is_found_for_good
from tokenvault.plan.write_only import HIDDEN, REASON, as_written, is_hidden
from tokenvault.secrets import sealed
from tokenvault.state.desired import with_nodes
from tokenvault.state.live import Live, asked_of, match
from tokenvault.state.unknown import unknown_warnings, why_unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user decides about a plan.

    `adopt` takes over what carries another spec's mark, `prune` takes away what the spec left behind; a plan that
    deletes more than `max_destroy` objects is not to be carried out. `only` are the addresses that the plan is limited
    to: marks record nothing of what it leaves out. Without `revoke` nothing is taken back: the spec is part of a larger one.
    """

    adopt: bool = False
    prune: bool = False
    max_destroy: int | None = None
    only: frozenset[str] | None = None
    revoke: bool = True


def make_plan(
    graph: Graph, live: Live, *, salt: str, files: tuple[str, ...] = (), options: Options | None = None
) -> Plan:
    """The plan that makes `live` what `graph` asks for; `PlanError` with everything that cannot be reconciled."""
    options, asked = options or Options(), asked_of(graph, live)
    alone, graph = left_alone(graph, asked, live), asked
    found = find_orphans(graph, live, adopt=options.adopt)
    pruned = found.objects if options.prune else ()
    orphans = () if options.prune else tuple(each.orphan for each in found.objects)
    removed = [node for each in pruned for node in each.nodes]
    plan = plan_graph(
        graph,
        live,
        removed,
        salt=salt,
        files=files,
        options=options,
        orphans=orphans,
        revoked=found.revoked if options.revoke else (),
    )
    return replace(plan, warnings=(*plan.warnings, *alone, *lost_witnesses(graph, live, pruned)))


def plan_graph(
    graph: Graph,
    live: Live,
    removed: Sequence[DesiredObject],
    *,
    salt: str,
    files: tuple[str, ...],
    options: Options,
    orphans: tuple[Orphan, ...] = (),
    revoked: Sequence[Revoked] = (),
) -> Plan:
    """The plan for a graph, for what else is to be taken away (`removed`), and for what is revoked of what stays."""
    going = {(each.application, p): each.node.address for each in revoked for p in each.provisions}
    removed = [
        *removed,
        *(each.node for each in revoked),
        *(stale_keys(graph, live, options.adopt) if options.revoke else ()),
    ]
    if removed:
        graph = with_nodes(graph, removed)
        live = match(graph, live.state)
    planner = _Planner.of(graph, live, Canonicalizer(salt), options, going)
    changes = planner.changes()
    marking = {change.address for change in changes if kinds()[change.kind].marker in change.patch}
    if marked := planner.ownership.roster.unmarked & marking:  # marks name what is marked, which is known only now
        planner = planner.marking(marked)
        changes = planner.changes()
    if options.only is not None:
        changes = [_within(change, options.only) for change in changes if change.address in options.only]
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
        variables=graph.variables,
    )


def _within(change: Change, only: frozenset[str]) -> Change:
    """The change, waiting only for what is in the plan."""
    return replace(change, requires=tuple(address for address in change.requires if address in only))


@dataclass(slots=True)
class _Planner:
    """One planning run; holds what nodes later in the order need of earlier ones."""

    graph: Graph
    live: Live
    compare: Canonicalizer
    ownership: Ownership
    ordering: Ordering
    lost: Mapping[str, str]
    values: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    unknown: dict[str, dict[str, str]] = field(default_factory=dict)
    unchanged: int = 0

    @classmethod
    def of(
        cls,
        graph: Graph,
        live: Live,
        compare: Canonicalizer,
        options: Options,
        going: Mapping[tuple[str, Provision], str],
    ) -> _Planner:
        """The planner of a graph."""
        ownership = Ownership(graph, live, options.adopt, options.only, going, options.revoke)
        lost = find_lost(graph, live)
        return cls(graph, live, compare, ownership, Ordering(graph, live), {**lost.deleted, **lost.unmarked})

    def marking(self, addresses: frozenset[str]) -> _Planner:
        """A planner of the same graph, which knows that these objects are marked though they would need no mark."""
        ownership = replace(self.ownership, marked_anew=addresses)
        return _Planner(self.graph, self.live, self.compare, ownership, self.ordering, self.lost)

    def changes(self) -> list[Change]:
        """Every node's change, with the changes that it has to wait for."""
        found = [change for node in self.graph.nodes.values() for change in self._node(node)]
        self.warnings += unknown_warnings(self.live, self.unknown, {c.kind for c in found if c.action is Action.CREATE})
        needed = [] if all(map(renews_roster_alone, found)) else list(self._needed(found))
        self.unchanged += len(found) - len(needed)
        found = needed
        changing = {change.address for change in found}
        found = [replace(change, requires=tuple(a for a in change.requires if a in changing)) for change in found]
        found, problems = within_limits(in_order(found, self.live), self.live, self.values)
        self.errors += problems
        return ownership_commit_order(found, self.live)

    def _needed(self, found: Sequence[Change]) -> Iterable[Change]:
        """The changes, less those that would only write into a mark what is asked now, of nothing that changes."""
        roster, nodes = self.ownership.roster, self.graph.nodes
        told = {by for change in found for by in roster.asks.writers(nodes[change.address]) if by != change.address}
        for change in found:
            listed = (ASKED,) if change.address == roster.keeper else (ASKED, VERB)
            if change.address in told or not renews_roster_alone(change, listed):
                yield change

    def wanted(self) -> list[DesiredObject]:
        """The nodes that this tenant needs; whether it has them may be unknown."""
        nodes = [node for node in self.graph.nodes.values() if not node.target.absent]
        return [node for node in nodes if node.address in self.values or node.address in self.live.unknown]

    def _node(self, node: DesiredObject) -> Iterable[Change]:
        kind, live = kinds()[node.kind], self.live.objects.get(node.address)
        if node.target.absent:
            yield from [deletion(kind, node, live, self.live.ids, self.compare)] if live is not None else []
        elif node.address not in self.live.unknown and self._is_wanted(node.target):
            yield from self._reconciled(kind, kind.refine(node, live), live)

    def _is_wanted(self, target: ObjectRef) -> bool:
        condition = target.condition
        return condition is None or self.values.get(condition.address, {}).get(condition.path) in condition.values

    def _reconciled(self, kind: Kind, node: DesiredObject, live: Object | None) -> Iterable[Change]:
        problems = [*kind.check(node, live), *self.ownership.problems(kind, node, live)]
        if live is None:
            problems = list(self._similar(kind, node, problems))
        self.errors += [problem for problem in problems if problem.severity == "error"]
        self.warnings += [problem for problem in problems if problem.severity == "warning"]
        if any(problem.severity == "error" for problem in problems):
            return
        node, no_room = self.ownership.marked(kind, node, live, self._is_wanted)
        self.warnings += no_room
        change = self._change(kind, node, live)
        if change and node.target.checked_only:
            self.warnings.append(_unmet(node, change))
        elif change:
            if live is not None and self._is_unrecorded(node):
                self.warnings.append(gives_unrecorded(node))
            yield change
        else:
            self.unchanged += 1

    def _is_unrecorded(self, node: DesiredObject) -> bool:
        """Whether it is an API of others and no Custom API Client can hold what it is given: no application's mark does."""
        client = self.live.objects.get(node.target.recorder, {})
        has_place = has_room(client.get("client_metadata"), API_METADATA_KEY) and node.target.recorder.endswith(
            CLIENT_SUFFIX
        )
        return node.kind == "api" and not has_place and node.target.provision not in self.ownership.recorded(node)

    def _similar(self, kind: Kind, node: DesiredObject, problems: Sequence[Diagnostic]) -> Iterable[Diagnostic]:
        """The problems of an object that does not exist, with what else may be meant: a warning where it is created."""
        hint = kind.similar(node, self.live.state.objects.get(kind.collection.name, ()))
        missing = [problem for problem in problems if problem.severity == "error"]
        if not hint:
            yield from problems
        elif missing:
            yield from (replace(problem, hint=f"{hint} {problem.hint}") for problem in problems)
        else:
            summary = f"{node.address}: a new {kind.title} is created beside one that is called almost the same"
            code = "plan-near-miss"
            yield Diagnostic(
                code=code, severity="warning", summary=summary, hint=hint, span=node.span, context=node.address
            )
            yield from problems

    def _change(self, kind: Kind, node: DesiredObject, live: Object | None) -> Change | None:
        before, after = self._values(kind, node, live)
        self.values[node.address] = after
        found = differences(kind, before, after, self.compare)
        if live is not None and (not found or self._needs_no_mark(kind, node, live, found)):
            return None
        changed = {difference.path[0] for difference in found}
        patch = {
            path: value for path, value in after.items() if path in changed and (live is not None or value is not None)
        }
        if live is not None:
            patch = with_companions(kind, patch, after)
            self._refuse_immutable(kind, node, patch)
            self._refuse_inconsistent(kind, node, patch, live)
            self.errors += dead_ends(kind, node, patch, live)
        deferred = self.ordering.deferred(kind, node, patch, after) if live is None else {}
        takeover = self.ownership.takeover(kind, node, live)
        return Change(
            address=node.address,
            kind=node.kind,
            action=Action.CREATE if live is None else Action.UPDATE,
            name=str(live["name"]) if live and "name" in live and "name" not in after else node.target.name,
            identity=bind(dict(node.target.identity), self.live.ids),
            id=str(live[kind.id_field]) if live is not None else None,
            attributes=attributes(kind, node, found, before, after, self.live.ids),
            patch={path: value for path, value in patch.items() if path not in deferred},
            deferred=deferred,
            preconditions=self._preconditions(kind, live, after),
            requires=self.ordering.requires(node, live, patch),
            adopts=takeover is not None,
            unmanaged=unmanaged(node, live),
            unmanaged_options=unmanaged_options(node, live) if any(p.startswith("options.") for p in patch) else 0,
            kept=kept(kind, before, after, changed),
            risks=tuple(kind.new_risks(self.live.state.objects)) if live is None else risks(kind, live, before, patch),
            reason=self._reason(kind, node, found, takeover),
            span=node.span,
        )

    def _preconditions(self, kind: Kind, live: Object | None, after: Iterable[str]) -> dict[str, str]:
        """Fingerprints of what the change was decided on. Where only members are sent, others' do not matter."""
        if live is None or kind.incremental:
            return {}
        return {path: self.compare.fingerprint(get_path(live, path), kind.field_at(path)) for path in after}

    def _needs_no_mark(self, kind: Kind, node: DesiredObject, live: Object, found: Sequence[Difference]) -> bool:
        """An object that is as the spec says already, and is found by what never changes of it, is not marked for that."""
        given = [p for p in self.ownership.provisions(kind, node, live, self._is_wanted) if p.verb not in LISTED]
        is_unmarked = mark_of(kind, live) is None and bool(node.target.mark)
        is_bare = is_found_for_good(kind, node) and is_unmarked and _are_marks(kind, found) and not given
        return is_bare and not self.ownership.roster.lost_its_mark(node.address)

    def _reason(self, kind: Kind, node: DesiredObject, found: Iterable[Difference], takeover: str | None) -> str:
        """What the plan says of the change as a whole."""
        is_wiped = self.ownership.roster.lost_its_mark(node.address) and _are_marks(kind, found)
        return takeover or self.lost.get(node.address) or (RECORDED if is_wiped else node.target.reason)

    def _values(self, kind: Kind, node: DesiredObject, live: Object | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The values before and after of every attribute that something is asked of, or that something is revoked of."""
        if live is None:
            after = {path: initial(bound(asked, self.live.ids)) for path, asked in node.constraints.items()}
            return dict.fromkeys(after), after
        before: dict[str, Any] = {}
        after = {}
        asked = {path: asked for path, asked in node.constraints.items() if not isinstance(asked, Default)}
        wanted = {path: initial(bound(constraint, self.live.ids)) for path, constraint in asked.items()}
        hidden = dict.fromkeys(as_written(kind, live, wanted), REASON)
        for path in (*asked, *self.ownership.revoked_paths(kind, node)):
            constraint = asked.get(path)
            if reason := hidden.get(path) or why_unknown(live, path, constraint or Anything(), self.live):
                self.unknown.setdefault(node.address, {})[path] = reason
            elif not _is_fixed(kind, path):
                value = get_path(live, path)
                after[path] = self._resolved(kind, node, path, constraint, value)
                before[path] = self._shown(kind, node, path, value)
                if after[path] is None and is_hidden(kind, live, path):
                    before[path] = HIDDEN
            elif path in live and constraint is not None:
                before[path], after[path] = live[path], constraint.resolve(live[path])
        return before, _starting_anew(node, live, before, after)

    def _resolved(self, kind: Kind, node: DesiredObject, path: str, constraint: Constraint | None, live: Any) -> Any:
        """The value that the attribute is to have: without what is revoked, and with what is asked for."""
        slot = self.ownership.slot(kind, node, path) if self.ownership.revoke else None
        ready = bound(constraint, self.live.ids) if constraint is not None else None
        kept = slot.without_revoked(live, ready) if slot else live
        return ready.resolve(kept) if ready is not None else kept

    def _shown(self, kind: Kind, node: DesiredObject, path: str, value: Any) -> Any:
        """The live value, sealed where the spec gave a secret: Auth0 answers it in clear."""
        slot = self.ownership.slot(kind, node, path)
        return sealed(value) if slot and slot.is_secret else value

    def _refuse_inconsistent(self, kind: Kind, node: DesiredObject, patch: Mapping[str, Any], live: Object) -> None:
        """A request that would not lead where the plan says is a bug of ours: it is never sent."""
        paths = [] if kind.incremental else list(inconsistencies(kind, patch, live, self.compare))
        if paths:
            self.errors.append(
                Diagnostic(
                    code="plan-inconsistent",
                    summary=f"{node.address}: the request would not lead to the planned object ({', '.join(paths)})",
                    detail="This is a bug of tokenvault. Nothing was changed.",
                    hint="Please report it with the spec and the output of `tokenvault snapshot`, which holds no secret.",
                    span=node.span,
                    context=node.address,
                )
            )

    def _refuse_immutable(self, kind: Kind, node: DesiredObject, patch: Mapping[str, Any]) -> None:
        for path in patch:
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


def _are_marks(kind: Kind, found: Iterable[Difference]) -> bool:
    """Whether they are of the object's own mark alone, which may take several metadata keys."""
    keys = {f"{kind.metadata}.{key}" for key in (METADATA_KEY, *MORE_KEYS)}
    return all(difference.path[0] in keys for difference in found)


def _is_fixed(kind: Kind, path: str) -> bool:
    """Whether Auth0 takes the attribute only when it creates the object."""
    return path in kind.create_only and kind.field_at(path).immutable


def _starting_anew(node: DesiredObject, live: Object, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The values, with those that start anew because the attribute that they go with changes."""
    for path, constraint in node.constraints.items():
        with_ = constraint.again_with if isinstance(constraint, Default | NotIn) else ""
        is_given_back = path in after and after[path] != before[path]
        if with_ and not is_given_back and before.get(with_) is not None and before[with_] != after.get(with_):
            before[path], after[path] = get_path(live, path), initial(constraint)
    return after


def unmet_code(address: str) -> str:
    """The code of the warning that something which is only looked at is not as it has to be."""
    return f"plan-{address.replace('_', '-')}"


def _unmet(node: DesiredObject, change: Change) -> Diagnostic:
    requirement = next(iter(node.requirements))
    names = ", ".join(str(a.before or a.after) for a in change.attributes)
    summary = f"{node.target.name} stands in the way ({names}): {requirement.provenance.reason}"
    hint = f'Set it to "Never" in the dashboard, or opt in with `{node.address}: set_never` in the spec.'
    code = unmet_code(node.address)
    return Diagnostic(code=code, severity="warning", summary=summary, hint=hint, context=node.address)

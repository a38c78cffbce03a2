"""Desired graph + live state → plan. Pure: no I/O, no clock, no randomness (the salt comes in)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tokenvault.desired import Ask, Graph, Node, Why, bind, bound, refs
from tokenvault.diff import Comparable, Delta, differences, is_sensitive, unknown_address
from tokenvault.errors import Diagnostic, PlanError
from tokenvault.kinds import Kind, Object, Shape, kinds
from tokenvault.live import Live
from tokenvault.ownership import METADATA_KEY, Mark, read_mark
from tokenvault.paths import get_path
from tokenvault.plan import Action, Attribute, Change, Plan, planned_nodes
from tokenvault.want import Has, HasBy, Initially, Is, Not, Ref, Want

MAX_METADATA = 10
OWNERSHIP = Why(source="tokenvault", reason="the mark by which this spec finds the object again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user decides about a plan. `adopt` takes over what carries another spec's mark."""

    adopt: bool = False


def make_plan(graph: Graph, live: Live, *, salt: str, files: tuple[str, ...] = (), options: Options | None = None) -> Plan:
    """The plan that makes `live` what `graph` asks for; `PlanError` with everything that cannot be reconciled."""
    planner = _Planner(graph, live, Comparable(salt), options or Options())
    changes = planner.changes()
    if planner.errors:
        raise PlanError(*planner.errors)
    plan = Plan(
        spec_name=graph.spec_name,
        tenant=graph.domain,
        files=files,
        salt=salt,
        changes=tuple(changes),
        unchanged=planner.unchanged,
        warnings=tuple(planner.warnings),
        nodes=planned_nodes(planner.wanted(), planner.values, changes),
    )
    return plan


@dataclass(slots=True)
class _Planner:
    """One planning run; holds what nodes later in the order need of earlier ones."""

    graph: Graph
    live: Live
    compare: Comparable
    options: Options
    values: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    unchanged: int = 0

    def changes(self) -> list[Change]:
        """Every node's change, with the changes that it has to wait for."""
        found = [change for node in self.graph.nodes.values() for change in self._node(node)]
        self._warn_unreadable()
        changing = {change.address for change in found}
        return [replace(change, requires=tuple(a for a in change.requires if a in changing)) for change in found]

    def _node(self, node: Node) -> Iterable[Change]:
        kind, live = kinds()[node.kind], self.live.objects.get(node.address)
    def wanted(self) -> list[Node]:
        """The nodes that this tenant needs; whether it has them may be unknown."""
        unread = self.live.state.unreadable
        nodes = self.graph.nodes.values()
        return [n for n in nodes if n.address in self.values or kinds()[n.kind].collection.name in unread]

        if kind.collection.name in self.live.state.unreadable or not self._is_wanted(node):
            return
        node = kind.refine(node, live)
        problems = [*kind.check(node, live), *self._ownership(kind, node, live)]
        self.errors += [problem for problem in problems if problem.severity == "error"]
        self.warnings += [problem for problem in problems if problem.severity == "warning"]
        if any(problem.severity == "error" for problem in problems):
            return
        change = self._change(kind, self._marked(kind, node, live), live)
        if change and node.target.checked_only:
            self.warnings.append(_unmet(node, change))
        elif change:
            yield change
        else:
            self.unchanged += 1

    def _is_wanted(self, node: Node) -> bool:
        when = node.target.when
        return when is None or self.values.get(when.address, {}).get(when.path) in when.values

    def _change(self, kind: Kind, node: Node, live: Object | None) -> Change | None:
        before, after = self._values(kind, node, live)
        self.values[node.address] = after
        deltas = differences(kind, before, after, self.compare)
        if not deltas and live is not None:
            return None
        changed = {delta.path[0] for delta in deltas}
        sets = {path: value for path, value in after.items() if path in changed and (live is not None or value is not None)}
        if live is not None:
            sets = _with_companions(kind, sets, after)
            self._refuse_immutable(kind, node, sets)
        later = self._later(kind, node, sets, after) if live is None else {}
        return Change(
            address=node.address,
            kind=node.kind,
            action=Action.CREATE if live is None else Action.UPDATE,
            name=node.target.name,
            identity=bind(dict(node.target.identity), self.live.ids),
            id=str(live[kind.id_field]) if live is not None else None,
            attributes=tuple(_attribute(kind, node, delta, before, after) for delta in deltas),
            sets={path: value for path, value in sets.items() if path not in later},
            later=later,
            premises={path: self.compare.fingerprint(before.get(path), kind.field_at(path)) for path in after if live},
            requires=self._requires(node, live, sets),
            adopts=live is not None and bool(node.target.mark) and _mark(kind, live) is None,
            unmanaged=_unmanaged(node, live),
            unmanaged_options=_unmanaged_options(node, live) if any(p.startswith("options.") for p in sets) else 0,
            kept=_kept(kind, before, after, changed),
            risks=tuple(dict.fromkeys(_risks(kind, live, before, sets))) if live is not None else (),
            span=node.span,
        )

    def _values(self, kind: Kind, node: Node, live: Object | None) -> tuple[dict[str, Any], dict[str, Any]]:
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        exact = live is None or self._created(kind, live)
        for path, want in node.wants.items():
            if live is not None and (isinstance(want, Initially) or path in kind.create_only and kind.field_at(path).immutable):
                if not isinstance(want, Initially) and path in live and live[path] != want.resolve(live[path], exact=True):
                    after[path], before[path] = want.resolve(live[path], exact=True), live[path]
                continue
            if live is not None and self._is_unknown(live, path):
                continue
            ready = bound(want, self.live.ids)
            before[path] = get_path(live, path) if live is not None else None
            owned = exact and kind.field_at(path).exact
            after[path] = initial(ready) if live is None else ready.resolve(before[path], exact=owned)
        return before, after

    def _is_unknown(self, live: Object, path: str) -> bool:
        """Connection options are absent when the token may not read them: unknown, not empty."""
        return path.startswith("options.") and "options" not in live

    def _created(self, kind: Kind, live: Object) -> bool:
        mark = _mark(kind, live)
        return mark is not None and mark.created and mark.spec == self.graph.spec_name

    def _ownership(self, kind: Kind, node: Node, live: Object | None) -> Iterable[Diagnostic]:
        mark = _mark(kind, live) if live is not None and node.target.mark else None
        if mark is None or f"{mark.spec}/{mark.key}" == node.target.mark:
            return
        if mark.spec != self.graph.spec_name and not self.options.adopt:
            yield Diagnostic(
                code="plan-foreign-owner",
                summary=f'{node.address} belongs to the spec "{mark.spec}" (as {mark.key})',
                detail="Two specs that manage one object undo each other's work.",
                hint=_foreign_hint(node),
                span=node.span,
                context=node.address,
            )
        elif mark.spec == self.graph.spec_name and f"{node.kind}.{mark.key}" in self.graph.nodes:
            yield Diagnostic(
                code="plan-ambiguous-application",
                summary=f"{node.address} and {node.kind}.{mark.key} are the same object of the tenant",
                hint="Give each its own name, or remove one of them.",
                span=node.span,
                context=node.address,
            )

    def _marked(self, kind: Kind, node: Node, live: Object | None) -> Node:
        """The node with an ask for its ownership mark, where its kind carries one."""
        if not kind.marker or not node.target.mark:
            return node
        spec, key = node.target.mark.split("/", 1)
        created = live is None or self._created(kind, live)
        if live is not None and METADATA_KEY not in (metadata := live.get(kind.metadata) or {}) and len(metadata) >= MAX_METADATA:
            self.warnings.append(_no_room(kind, node))
            return node
        ask = Ask(target=node.target, path=kind.marker, want=Is(str(Mark(spec, key, created))), why=OWNERSHIP)
        return replace(node, asks=(*node.asks, ask), wants={**node.wants, kind.marker: ask.want})

    def _requires(self, node: Node, live: Object | None, sets: Mapping[str, Any]) -> tuple[str, ...]:
        """What must be done first: the objects that the node refers to, or names as a need, and that are not waiting for it."""
        needs = node.needs() if live is None else {r.address for r in refs(dict(sets))} | _asked_needs(node, sets)
        return tuple(sorted(a for a in needs if a in self.graph.nodes and not self._refers_to(a, node.address)))

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

    def _warn_unreadable(self) -> None:
        for name, reason in self.live.state.unreadable.items():
            self.warnings.append(
                Diagnostic(code="plan-unknown", severity="warning", summary=f"Not checked: {_title(name)}", hint=reason)
            )
        hidden = [
            node.address
            for node in self.graph.of_kind("connection")
            if (live := self.live.objects.get(node.address)) is not None
            and "options" not in live
            and any(path.startswith(("options.", "spec.")) for path in node.wants)
        ]
        if hidden:
            summary = f"Not checked: the options (scopes, offline access, keys) of {', '.join(hidden)}"
            hint = "The token lacks read:connections_options; nothing in them is changed."
            self.warnings.append(Diagnostic(code="plan-unknown", severity="warning", summary=summary, hint=hint))


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


def _mark(kind: Kind, live: Object) -> Mark | None:
    return read_mark(live.get(kind.metadata)) if kind.metadata else None


def _foreign_hint(node: Node) -> str:
    if node.kind == "connection":
        return f"Write `{node.target.name}: {{}}` to use it without managing it, or pass --adopt to take it over."
    return "Give your application another name, or pass --adopt to take it over."


def _no_room(kind: Kind, node: Node) -> Diagnostic:
    summary = f"{node.address} cannot be marked: its {kind.metadata} is full ({MAX_METADATA} keys)"
    hint = "It is still managed, found by its client id or name. Remove a key to have it marked."
    return Diagnostic(code="plan-no-mark", severity="warning", summary=summary, hint=hint, span=node.span)


def _unmet(node: Node, change: Change) -> Diagnostic:
    ask = next(iter(node.asks))
    names = ", ".join(str(a.before or a.after) for a in change.attributes)
    summary = f"{node.target.name} stands in the way ({names}): {ask.why.reason}"
    hint = f'Set it to "Never" in the dashboard, or opt in with `{node.address}: set_never` in the spec.'
    return Diagnostic(code=f"plan-{node.address.replace('_', '-')}", severity="warning", summary=summary, hint=hint)


def _title(collection: str) -> str:
    return next((kind.title for kind in kinds().values() if kind.collection.name == collection), collection)


def _with_companions(kind: Kind, sets: dict[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that Auth0 takes only together are sent together."""
    tops = {path.split(".")[0] for path in sets}
    for group in kind.together:
        if tops & set(group):
            sets = {**{path: value for path, value in after.items() if path.split(".")[0] in group}, **sets}
    return sets


def _asked_needs(node: Node, sets: Mapping[str, Any]) -> set[str]:
    return {need for ask in node.asks if ask.path in sets for need in ask.needs}


def _attribute(kind: Kind, node: Node, delta: Delta, before: Mapping[str, Any], after: Mapping[str, Any]) -> Attribute:
    path = delta.path[0]
    sensitive = kind.field_at(path).secret or is_sensitive(before.get(path)) or is_sensitive(after.get(path))
    unknown = unknown_address(delta)
    return Attribute(
        path=tuple(part for part in delta.path if not part.startswith("\0")) if unknown else delta.path,
        op=delta.op,
        before=None if sensitive else delta.before,
        after=None if sensitive or unknown else delta.after,
        element=delta.element,
        sensitive=sensitive,
        unknown=unknown,
        why=_why(node, delta),
    )


def _why(node: Node, delta: Delta) -> tuple[Why, ...]:
    """Who asked: for a member of a set, only those that asked for that member."""
    asks = list(node.asks_for(delta.path[0]))
    member = delta.after if delta.element else delta.path[1] if len(delta.path) > 1 else None
    named = [ask for ask in asks if member is not None and _names(ask.want, member)]
    return tuple(dict.fromkeys(ask.why for ask in named or (asks if delta.op != "remove" else ())))


def _names(want: Want, member: Any) -> bool:
    match want:
        case Has():
            return any(str(member) in (str(item), f"\0known after apply: {getattr(item, 'address', '')}") for item in want.items)
        case HasBy():
            return any(str(entry.get(want.key)) == str(member) for entry in want.entries)
        case _:
            return False


def _unmanaged(node: Node, live: Object | None) -> int:
    managed = {path.split(".")[0] for path in node.wants} | set(node.target.identity)
    return len(set(live) - managed) if live is not None else 0


def _unmanaged_options(node: Node, live: Object | None) -> int:
    managed = {path.split(".", 1)[1] for path in node.wants if path.startswith("options.")}
    return len(set((live or {}).get("options") or {}) - managed)


def _kept(kind: Kind, before: Mapping[str, Any], after: Mapping[str, Any], changed: set[str]) -> dict[str, int]:
    """How many members of each changed list stay as they are."""
    kept = {}
    for path in changed:
        shape, key = kind.field_at(path).shape, kind.field_at(path).key
        if shape is not Shape.VALUE and isinstance(before.get(path), list):
            names = [str(item.get(key)) if isinstance(item, dict) else str(item) for item in after.get(path) or []]
            old = [str(item.get(key)) if isinstance(item, dict) else str(item) for item in before[path]]
            kept[path] = sum(name in names for name in old)
    return {path: count for path, count in kept.items() if count}


def _risks(kind: Kind, live: Object, before: Mapping[str, Any], sets: Mapping[str, Any]) -> Iterable[str]:
    for path, value in sets.items():
        risk = kind.field_at(path)
        if risk.risk and before.get(path) != value and (not risk.risk_values or value in risk.risk_values):
            yield risk.risk
    yield from kind.risks(live, sets)


__all__ = ["Options", "Ref", "initial", "make_plan"]

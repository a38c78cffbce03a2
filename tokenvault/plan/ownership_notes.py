"""The diagnostics of ownership: objects of other specs, and marks that have no room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokenvault.errors import Diagnostic
from tokenvault.kinds.base import Kind
from tokenvault.model.desired import DesiredObject, Graph
from tokenvault.model.marks import MAX_KEYS, METADATA_KEY, SECRET, Mark, Provision
from tokenvault.plan.api_names import CLIENT_SUFFIX
from tokenvault.state.live import Live


def same_object(node: DesiredObject, other: str) -> Diagnostic:
    """The error for two entries of a spec that mean one object."""
    return Diagnostic(
        code="plan-ambiguous-application",
        summary=f"{node.address} and {other} are the same object of the tenant",
        hint="Give each its own name, or remove one of them.",
        span=node.span,
        context=node.address,
    )


def forgets(kind: Kind, node: DesiredObject, provisions: Iterable[Provision]) -> Diagnostic:
    """The warning for a mark that has no room for all provisions."""
    return Diagnostic(
        code="plan-mark-full",
        severity="warning",
        summary=f"The mark of {node.address} has no room for all that the spec gives it",
        detail=f"Left out, and so not revoked later: {', '.join(dict.fromkeys(_in_words(kind, each) for each in provisions))}.",
        hint="Take that back by hand one day, or split the application. Shorter names of spec and connections help, too.",
        span=node.span,
    )


def _in_words(kind: Kind, given: Provision) -> str:
    """What a spec gave, as people call it."""
    path = kind.path_of(given.slot) or given.slot
    words = {
        "was": f"what {path} was before",
        SECRET: f"that {path} may hold a secret",
        "api": f"its grant on {given.slot}",
        "mrrt": f"its refresh token policy for {given.slot}",
        "with": f"its place at connection {given.slot}",
        "privileged": f"the worker's {given.slot}",
        "spec": "which objects the spec has",
        "keys": "whose its keys are",
        "made": f"who created the API {given.slot}",
    }
    return words.get(given.verb, f"what it got in {path}")


def no_record(node: DesiredObject) -> Diagnostic:
    """The warning for an API that the spec creates while there is no application whose mark could record that."""
    return Diagnostic(
        code="plan-no-mark",
        severity="warning",
        summary=f"Nothing records that this spec creates {node.address}: an API carries no mark, and no application here can",
        detail="What the spec stops asking of it will stay, and `destroy` will not delete it.",
        hint="Add an application that can be marked to the spec, or create the API together with the first one that uses it.",
        span=node.span,
        context=node.address,
    )


def gives_unrecorded(node: DesiredObject) -> Diagnostic:
    """The warning for an API of others to which the spec gives something, while nothing can record that."""
    if node.target.recorder.endswith(CLIENT_SUFFIX):
        why, hint = f"the metadata of its Custom API Client is full ({MAX_KEYS} keys)", "remove a key that nobody reads"
    else:
        why = "an API carries no mark, and no application here exchanges access tokens for it"
        hint = "list the API where it is used: in an `access_token_exchange`"
    return Diagnostic(
        code="plan-no-mark",
        severity="warning",
        summary=f"Nothing records what this spec gives to {node.address}: {why}",
        detail="What the spec stops asking of it will stay.",
        hint=f"Take that out by hand then, or {hint}.",
        span=node.span,
        context=node.address,
    )


def foreign_owner(node: DesiredObject, mark: Mark, *, is_adoptable: bool = True) -> Diagnostic:
    """The error for an object of another spec, by the mark that says so; whether a mark of this spec could say otherwise."""
    taking_over = (
        "pass --adopt to take it over" if is_adoptable else "take it over with an application that can be marked"
    )
    known_as = "" if node.kind == "api" else f" (as {mark.key})"  # what tells of an API may be an application's mark
    return Diagnostic(
        code="plan-foreign-owner",
        summary=f'{node.address} belongs to the spec "{mark.spec}"{known_as}',
        detail="Two specs that manage one object undo each other's work.",
        hint=f"{_without_managing(node)}, or {taking_over}.",
        span=node.span,
        context=node.address,
    )


def _without_managing(node: DesiredObject) -> str:
    """How to leave an object to the spec that has it."""
    if node.kind == "connection":
        return f"Write `{node.target.name}: {{}}` to use it without managing it"
    if node.kind == "api":
        return "Write only its `identifier` to use it without managing it"
    if node.target.identity.get("resource_server_identifier"):
        return "Leave `access_token_exchange` for this API to that spec"
    return "Give your application another name"


def no_room(kind: Kind, node: DesiredObject, taken: bool) -> Diagnostic:
    """The warning for an object whose metadata has no room for a mark, or holds another's text under our key."""
    why = f'has another\'s text under "{METADATA_KEY}"' if taken else f"is full ({MAX_KEYS} keys)"
    summary = f"{node.address} cannot be marked: its {kind.metadata} {why}"
    hint = "It is managed all the same, but `destroy` will not release it. Remove the key, or one that nobody reads."
    return Diagnostic(code="plan-no-mark", severity="warning", summary=summary, hint=hint, span=node.span)


def left_alone(graph: Graph, asked: Graph, live: Live) -> Iterator[Diagnostic]:
    """A warning for each Custom API Client of others that is not enabled on connections that are used through it."""
    found: dict[str, list[str]] = {}
    for node in graph.nodes.values():
        for one in node.requirements:
            members = live.objects.get(node.address, {}).get(one.path)
            dropped = one.if_created and one not in asked.nodes[node.address].requirements
            if dropped and members is not None and live.ids.get(one.user) not in members:
                found.setdefault(one.user, []).append(node.target.name)
    for address, names in found.items():
        client = live.objects[address]
        several = len(names) > 1
        yield Diagnostic(
            code="plan-api-client-not-enabled",
            severity="warning",
            summary=f"The connection{'s' * several} {', '.join(names)} {'are' if several else 'is'} not enabled for the Custom "
            f"API Client {client.get('name')}, which this spec did not create and leaves as it is",
            hint="Auth0 documents that it must be for workers; whether access tokens are exchanged without is not known. "
            "Switch it on under Applications on the connection's page to be sure.",
            span=graph.nodes[address].span,
            context=address,
        )

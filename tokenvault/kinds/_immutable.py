"""What Auth0 fixes for good when it creates an object, and a spec says otherwise later."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault.desired import Node
from tokenvault.errors import Diagnostic
from tokenvault.kinds import Object
from tokenvault.want import Is


def fixed(node: Node, live: Object | None, path: str, *, what: str, hint: str) -> Iterator[Diagnostic]:
    """The refusal of another value than an existing object has at `path`, at the line that asks for it."""
    for ask in node.asks_for(path):
        if live is not None and isinstance(ask.want, Is) and live.get(path) not in (None, ask.want.value):
            yield Diagnostic(
                code="plan-immutable",
                summary=f"{what} is {live[path]} for good; the spec says {ask.want.value}",
                hint=hint,
                span=ask.why.span,
                context=node.address,
            )
            return

"""What Auth0 said to a request, told as what it means for the object of the plan that the request was for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tokenvault.errors import ApiError, Diagnostic, TokenVaultError
from tokenvault.kinds import kinds
from tokenvault.plan import Action, Change

VERBS = {Action.CREATE: "create", Action.UPDATE: "update", Action.DELETE: "delete"}
NO_FEATURE = "api-entitlement"


def told_of(change: Change, error: TokenVaultError) -> Diagnostic:
    """The error of a change: which object, what Auth0 said of it, and the feature that the tenant lacks, if it is that."""
    said = error.diagnostics[0]
    if not isinstance(error, ApiError) or not 400 <= error.status < 500:
        return replace(said, context=change.address, span=said.span or change.span)
    features = list(_features(change, said))
    return replace(
        said,
        code=NO_FEATURE if features else said.code,
        summary=f"Auth0 refused to {VERBS[change.action]} {change.address} ({error.status})",
        hint="\n".join(features) or said.hint,
        context=change.address,
        span=change.span,
    )


def _features(change: Change, said: Diagnostic) -> Iterator[str]:
    """A 403 says that a feature is missing, rarely which, and a 400 that an attribute is unknown: the plan knows the rest."""
    fields = kinds()[change.kind].fields
    sent = {**change.sets, **change.later}
    named = {path.split(".")[0] for path, value in sent.items() if value is not None}
    if said.code != NO_FEATURE:
        named = {name for name in named if name in said.detail}
    for path, field in fields.items():
        if field.feature and path.split(".")[0] in named:
            yield f"{path.split('.')[0]} needs {field.feature}"

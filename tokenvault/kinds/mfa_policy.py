"""The tenant-wide MFA policy. Token Vault exchanges fail while it says "Always" (`all-applications`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tokenvault.errors import ApiError, Diagnostic
from tokenvault.kinds.base import (
    CONFIGURE_DOC,
    Collection,
    Field,
    Kind,
    Object,
    Objects,
    Reader,
    Request,
    Scopes,
    Section,
    Shape,
)
from tokenvault.model.constraints import Anything, Contains, Excludes
from tokenvault.model.desired import DesiredObject, ObjectRef, Provenance, Requirement, node_of
from tokenvault.model.spec import Spec

ALWAYS = "all-applications"
FLAG, FLAG_SCOPE = "customize_mfa_in_postlogin_action", "read:tenant_settings"
REASON = 'Auth0 refuses Token Vault exchanges while the MFA policy is "Always"'

ACTION_HINT = (
    "An exchange fails only where the Action asks for a second factor: look that it does not do so in a Token Vault "
    "exchange (event.transaction.protocol)."
)


async def _read(reader: Reader, nodes: Sequence[DesiredObject], before: Objects) -> list[dict[str, Any]]:
    return [await _fetch(reader, {})]


async def _fetch(reader: Reader, known: Object) -> dict[str, Any]:
    """The policies and, where they matter, whether an Action decides in their place; without it, that may not be read."""
    policies = await reader.get("guardian/policies")
    asked = await _by_action(reader) if ALWAYS in policies else {}
    return {"id": "mfa_policy", "policies": policies, **asked}


async def _by_action(reader: Reader) -> dict[str, bool]:
    try:
        settings = await reader.get("tenants/settings", {"fields": FLAG, "include_fields": True})
    except ApiError as error:
        if error.status != 403:
            raise
        return {}
    return {FLAG: settings.get(FLAG) is True} if isinstance(settings, Mapping) else {}


def _update(kind: Kind, patch: Object, live: Object) -> tuple[Request, ...]:
    return (Request(method="PUT", path=kind.path, body=patch.get("policies") or []),)


def _expand(spec: Spec, domain: str) -> Iterable[Requirement]:
    if spec.mfa_policy == "ignore" or not spec.users:
        return
    target = ObjectRef(
        address="mfa_policy",
        kind="mfa_policy",
        identity={"id": "mfa_policy"},
        name="MFA policy",
        creatable=False,
        checked_only=spec.mfa_policy == "warn",
    )
    provenance = Provenance(source="spec", reason=REASON, span=spec.positions.key("mfa_policy"), doc=CONFIGURE_DOC)
    yield Requirement(target=target, path="policies", constraint=Excludes((ALWAYS,)), provenance=provenance)
    yield Requirement(target=target, path=FLAG, constraint=Anything(), provenance=provenance)


def _refine(node: DesiredObject, live: Object | None) -> DesiredObject:
    """Drops the requirement of a policy that is only checked, where an Action decides about MFA instead."""
    if live is None or not node.target.checked_only or ALWAYS not in live["policies"] or live.get(FLAG) is False:
        return node
    if live.get(FLAG):
        return node_of(node.target, tuple(one for one in node.requirements if one.path == FLAG))
    reason = f", unless an Action decides about it ({FLAG}), which the token may not read ({FLAG_SCOPE})"
    requirements = tuple(
        replace(r, provenance=replace(r.provenance, reason=r.provenance.reason + reason)) for r in node.requirements
    )
    return node_of(node.target, requirements)


def _check(node: DesiredObject, live: Object | None) -> Iterable[Diagnostic]:
    if live is not None and node.target.checked_only and live.get(FLAG):
        yield Diagnostic(
            code="plan-mfa-policy",
            severity="warning",
            summary=f'The MFA policy is "Always", and a post-login Action decides about MFA ({FLAG}): to be looked at',
            hint=ACTION_HINT,
            span=node.span,
            context=node.address,
        )


def _risks(live: Object, patch: Mapping[str, Any]) -> Iterable[str]:
    if ALWAYS in (patch.get("policies") or []):
        yield "multi-factor authentication is asked of every user again, and every Token Vault exchange fails"
        return
    if live.get(FLAG):
        yield (
            f"a post-login Action decides about MFA on this tenant ({FLAG}), and Token Vault works without this change "
            "unless the Action asks for a second factor: it may weaken the tenant for nothing"
        )
    elif FLAG not in live:
        yield (
            f"where a post-login Action decides about MFA ({FLAG}), Token Vault works without this change, which would "
            f"weaken the tenant for nothing: the token may not read whether one does ({FLAG_SCOPE})"
        )
    yield "multi-factor authentication is no longer asked of every user of every application of this tenant"


KIND = Kind(
    name="mfa_policy",
    title="MFA policy",
    collection=Collection(name="mfa_policy", read=_read, optional=True),
    path="guardian/policies",
    id_field="id",
    order=70,
    fields={"policies": Field(shape=Shape.SET), FLAG: Field()},
    refine=_refine,
    check=_check,
    risks=_risks,
    on_request={"policies": Contains((ALWAYS,))},
    scopes=Scopes(read=("read:mfa_policies",), update=("update:mfa_policies",), fields={FLAG: (FLAG_SCOPE,)}),
    update=_update,
    fetch=_fetch,
    section=Section(
        name="mfa_policy",
        schema={
            "description": 'Token Vault needs the tenant-wide MFA policy not to be "Always". `warn` (default) only reports '
            "it, `set_never` takes it back for the whole tenant, `ignore` does not look.",
            "enum": ["warn", "set_never", "ignore"],
            "default": "warn",
            "examples": ["warn"],
        },
        expand=_expand,
    ),
)

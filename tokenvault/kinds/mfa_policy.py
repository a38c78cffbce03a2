"""The tenant-wide MFA policy. Token Vault exchanges fail while it says "Always" (`all-applications`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tokenvault.kinds.base import Collection, Field, Kind, Object, Objects, Reader, Request, Scopes, Section, Shape
from tokenvault.model.constraints import Contains, Excludes
from tokenvault.model.desired import DesiredObject, ObjectRef, Provenance, Requirement
from tokenvault.model.spec import Spec

ALWAYS = "all-applications"
DOC = "https://auth0.com/docs/secure/call-apis-on-users-behalf/token-vault/configure-token-vault"


async def _read(reader: Reader, nodes: Sequence[DesiredObject], before: Objects) -> list[dict[str, Any]]:
    return [await _fetch(reader, {})]


async def _fetch(reader: Reader, known: Object) -> dict[str, Any]:
    return {"id": "mfa_policy", "policies": await reader.get("guardian/policies")}


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
    reason = 'Auth0 refuses Token Vault exchanges while the MFA policy is "Always"'
    why = Provenance(source="spec", reason=reason, span=spec.positions.key("mfa_policy"), doc=DOC)
    yield Requirement(target=target, path="policies", constraint=Excludes((ALWAYS,)), provenance=why)


def _risks(live: Object, patch: Mapping[str, Any]) -> Iterable[str]:
    if ALWAYS in (patch.get("policies") or []):
        yield "multi-factor authentication is asked of every user again, and every Token Vault exchange fails"
    else:
        yield "multi-factor authentication is no longer asked of every user of every application of this tenant"


KIND = Kind(
    name="mfa_policy",
    title="MFA policy",
    collection=Collection(name="mfa_policy", read=_read, optional=True),
    path="guardian/policies",
    id_field="id",
    order=70,
    fields={"policies": Field(shape=Shape.SET)},
    risks=_risks,
    on_request={"policies": Contains((ALWAYS,))},
    scopes=Scopes(read=("read:mfa_policies",), update=("update:mfa_policies",)),
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

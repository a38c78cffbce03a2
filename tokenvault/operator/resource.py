"""A `TokenVault` object as data, its defaults filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from tokenvault.tenant.options import bare_domain

GROUP, VERSION, KIND, PLURAL = "tokenvault.dev", "v1alpha1", "TokenVault", "tokenvaults"
FINALIZER = f"{GROUP}/destroy"
"""Never to be renamed: objects that carry the old name could not be deleted any more."""
RELEASE = f"{GROUP}/release"
REQUEST = f"{GROUP}/reconcile"
DEFAULT_KEY = "tokenvault.yaml"
INLINE = "configuration"
"""What stands for the name of a file where the spec stands in the object itself."""
INTERVAL = 600.0
_DURATION = re.compile(r"([0-9]+)(h|m|s)")
_SECONDS = {"h": 3600, "m": 60, "s": 1}


class Mode(StrEnum):
    """What the operator may do to the tenant: nothing, what a person approved, or what the spec asks for."""

    OBSERVE = "Observe"
    APPROVE = "Approve"
    APPLY = "Apply"


class OnDrift(StrEnum):
    """What is done about changes by others: they are told, or they are undone."""

    REPORT = "Report"
    CORRECT = "Correct"


class DeletionPolicy(StrEnum):
    """What becomes of the tenant's objects when the `TokenVault` is deleted."""

    RETAIN = "Retain"
    DESTROY = "Destroy"


class Key(NamedTuple):
    """Where an object stands in the cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A Secret or a ConfigMap of the object's namespace that variables come from."""

    kind: str
    name: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One `TokenVault`. `configuration` is the spec itself; without it, `config_map` names the one that holds it.

    `tenant` is the domain in the `address` that was given. `requested` changes when a person asks for a reconciliation.
    """

    key: Key
    uid: str
    generation: int
    tenant: str
    address: str
    credentials: str
    configuration: Mapping[str, Any] | None = None
    config_map: str = ""
    config_map_key: str = DEFAULT_KEY
    variables_from: tuple[Source, ...] = ()
    mode: Mode = Mode.OBSERVE
    approved_plan: str = ""
    on_drift: OnDrift = OnDrift.REPORT
    interval: float = INTERVAL
    suspend: bool = False
    prune: bool = False
    max_destroy: int = 0
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    output_secret: str = ""
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    released: bool = False
    requested: str = ""
    status: Mapping[str, Any] | None = None

    @property
    def may_write(self) -> bool:
        """Whether the tenant may be changed for this object."""
        return not self.suspend and self.mode is not Mode.OBSERVE

    @property
    def holds(self) -> bool:
        """Whether the object carries the operator's finalizer."""
        return FINALIZER in self.finalizers

    @property
    def should_hold(self) -> bool:
        """Whether it is to carry it: only when there is something to do before it may go."""
        return self.deletion_policy is DeletionPolicy.DESTROY and not self.released

    @property
    def order(self) -> tuple[Any, ...]:
        """What of the object asks for a reconciliation at once when it changes; the operator's own writes do not."""
        return (self.uid, self.generation, self.deleting, self.released, self.requested)


def resource_of(body: Mapping[str, Any]) -> Resource:
    """The object that the API server holds. `KeyError`, `TypeError` or `ValueError` for what the CRD would have refused."""
    meta, spec = body["metadata"], body["spec"]
    annotations = meta.get("annotations") or {}
    config_map = spec.get("configMapRef") or {}
    return Resource(
        key=Key(meta["namespace"], meta["name"]),
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        tenant=bare_domain(spec["tenant"].lower()),
        address=spec["tenant"].lower().rstrip("/"),
        credentials=spec["credentialsSecretRef"]["name"],
        configuration=spec.get("configuration"),
        config_map=config_map.get("name", ""),
        config_map_key=config_map.get("key", DEFAULT_KEY),
        variables_from=tuple(map(_source, spec.get("variablesFrom") or ())),
        mode=Mode(spec.get("mode", Mode.OBSERVE)),
        approved_plan=spec.get("approvedPlan", ""),
        on_drift=OnDrift(spec.get("onDrift", OnDrift.REPORT)),
        interval=seconds(spec["interval"]) if "interval" in spec else INTERVAL,
        suspend=spec.get("suspend", False),
        prune=spec.get("prune", False),
        max_destroy=spec.get("maxDestroy", 0),
        deletion_policy=DeletionPolicy(spec.get("deletionPolicy", DeletionPolicy.RETAIN)),
        output_secret=(spec.get("outputSecretRef") or {}).get("name", ""),
        deleting="deletionTimestamp" in meta,
        finalizers=tuple(meta.get("finalizers") or ()),
        released=annotations.get(RELEASE) == "true",
        requested=annotations.get(REQUEST, ""),
        status=body.get("status"),
    )


def _source(item: Mapping[str, Any]) -> Source:
    kind = "Secret" if "secretRef" in item else "ConfigMap"
    named = item["secretRef"] if "secretRef" in item else item["configMapRef"]
    return Source(kind=kind, name=named["name"], optional=named.get("optional", False))


def seconds(duration: str) -> float:
    """`1h30m` in seconds. `ValueError` for what is no duration."""
    parts = _DURATION.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is no duration like 10m or 1h30m")
    return float(sum(int(number) * _SECONDS[unit] for number, unit in parts))

"""The CustomResourceDefinition of `TokenVault`, made from the schema of a spec, and what the API server itself refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenvault.operator.resource import (
    DEFAULT_KEY,
    GROUP,
    KIND,
    PLURAL,
    VERSION,
    DeletionPolicy,
    Mode,
    OnDrift,
)
from tokenvault.spec.schema import DOMAIN, spec_schema

# ---- a JSON Schema (draft 2020-12) as the structural schema that a CRD takes: less, and in fewer words
# What cannot be said there (`const`, alternatives of several types, unique items) is left out or weakened. That loses
# nothing: the operator holds every object against the full schema, as `tokenvault validate` does.


_KEPT = (
    "description",
    "type",
    "enum",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
)
_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
PRESERVE = "x-kubernetes-preserve-unknown-fields"


def structural(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema for a CRD. Keys that it does not know are kept, so that the operator can name them instead of losing them."""
    found = {name: schema[name] for name in _KEPT if name in schema}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    kind = _type(found)
    if kind is None:
        described = {"description": found["description"]} if "description" in found else {}
        return {**described, PRESERVE: True}
    found["type"] = kind
    if alternatives := [choice for choice in schema.get("anyOf", ()) if set(choice) == {"required"}]:
        found["anyOf"] = alternatives
    if kind == "object":
        found |= _object_schema(schema)
    elif kind == "array":
        found["items"] = structural(schema["items"]) if "items" in schema else {PRESERVE: True}
    return found


def _type(found: Mapping[str, Any]) -> str | None:
    """The one type of the value; None where several are possible, or none is said."""
    if isinstance(found.get("type"), str):
        return str(found["type"])
    types = {_TYPES.get(type(value)) for value in found.get("enum", ())}
    return types.pop() if len(types) == 1 else None


def _object_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An object has named keys, or keys of one's own: a structural schema cannot say both."""
    others = schema.get("additionalProperties")
    if schema.get("properties"):
        named = {name: structural(inside) for name, inside in schema["properties"].items()}
        return {"properties": named, PRESERVE: True}
    return {"additionalProperties": structural(others)} if isinstance(others, Mapping) and others else {PRESERVE: True}


NAME = {"type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"}
KEY = {"type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[A-Za-z0-9._-]+$"}
MAX_SOURCES = 20
Schema = dict[str, Any]


def crd() -> Schema:
    """The definition as `kubectl apply` takes it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["tv"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _object()},
                }
            ],
        },
    }


def _columns() -> list[Schema]:
    def condition(name: str, field: str = "status") -> str:
        return f'.status.conditions[?(@.type=="{name}")].{field}'

    return [
        {"name": "Tenant", "type": "string", "jsonPath": ".spec.tenant"},
        {"name": "Mode", "type": "string", "jsonPath": ".spec.mode"},
        {"name": "Ready", "type": "string", "jsonPath": condition("Ready")},
        {"name": "Reason", "type": "string", "jsonPath": condition("Ready", "reason")},
        {"name": "Drifted", "type": "string", "jsonPath": condition("Drifted")},
        {"name": "Suspended", "type": "string", "jsonPath": condition("Suspended")},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {"name": "Plan", "type": "string", "jsonPath": ".status.plan.hash", "priority": 1},
        {"name": "Message", "type": "string", "jsonPath": condition("Ready", "message"), "priority": 1},
    ]


def _object() -> Schema:
    return {
        "description": "One tokenvault spec on one Auth0 tenant.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _spec(),
            "status": _status(),
        },
    }


def _spec() -> Schema:
    return {
        "type": "object",
        "required": ["tenant", "credentialsSecretRef"],
        "properties": _where() | _how(),
        "x-kubernetes-validations": [
            {
                "rule": "has(self.configuration) != has(self.configMapRef)",
                "message": "give the spec as configuration or by configMapRef, one of the two",
            },
            {
                "rule": "self.deletionPolicy != 'Destroy' || self.mode == 'Apply'",
                "message": "deletionPolicy Destroy needs mode Apply: in the other modes the operator deletes nothing by itself",
            },
            {
                "rule": "!has(self.outputSecretRef) || self.outputSecretRef.name != self.credentialsSecretRef.name",
                "message": "outputSecretRef would overwrite the Secret of credentialsSecretRef",
            },
            {
                "rule": "!has(self.outputSecretRef) || !has(self.variablesFrom) || self.variablesFrom.all(source, "
                "!has(source.secretRef) || source.secretRef.name != self.outputSecretRef.name)",
                "message": "outputSecretRef would overwrite a Secret of variablesFrom",
            },
        ],
    }


def _where() -> Schema:
    configuration = structural(spec_schema())
    configuration["description"] = (
        "The spec, as `tokenvault.yaml` holds it: https://github.com/OWNER/tokenvault/blob/main/schemas/REFERENCE.md. "
        "Literal secrets are refused: refer to a variable of variablesFrom."
    )
    return {
        "configuration": configuration,
        "configMapRef": {
            "description": "The ConfigMap that holds the spec; its other keys are files beside it. Edits are seen within "
            "the interval.",
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {**NAME, "description": "Of the same namespace."},
                "key": {**KEY, "description": "Where in it the spec is.", "default": DEFAULT_KEY},
            },
        },
        "tenant": {
            "description": "The tenant's domain. A guard, too: credentials for another tenant are refused.",
            "type": "string",
            "minLength": 1,
            "maxLength": 260,
            "pattern": f"^(https://)?{DOMAIN}/?$",
        },
        "credentialsSecretRef": {
            "description": "The Secret with the operator's credentials for the tenant; its keys are called as the environment "
            "variables are: AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET, or AUTH0_API_TOKEN.",
            "type": "object",
            "required": ["name"],
            "properties": {"name": {**NAME, "description": "Of the same namespace."}},
        },
        "variablesFrom": {
            "description": "Secrets and ConfigMaps of the same namespace whose keys the spec refers to as `${env:KEY}`; "
            "where a key stands twice, the later wins. What comes from a Secret is shown nowhere.",
            "type": "array",
            "maxItems": MAX_SOURCES,
            "items": {
                "type": "object",
                "properties": {"secretRef": _reference("The Secret."), "configMapRef": _reference("The ConfigMap.")},
                "x-kubernetes-validations": [
                    {
                        "rule": "has(self.secretRef) != has(self.configMapRef)",
                        "message": "each entry names one Secret or one ConfigMap",
                    }
                ],
            },
        },
    }


def _reference(description: str) -> Schema:
    optional = {"description": "Whether it may be missing.", "type": "boolean", "default": False}
    return {
        "description": description,
        "type": "object",
        "required": ["name"],
        "properties": {"name": NAME, "optional": optional},
    }


def _how() -> Schema:
    return {
        "mode": _choice(
            Mode,
            "Observe plans and writes nothing; Approve applies the plan whose hash is in approvedPlan; Apply applies.",
        ),
        "approvedPlan": {
            "description": "The hash of the plan that may be applied: status.plan.hash, once you have read the plan.",
            "type": "string",
            "pattern": "^(sha256:[0-9a-f]{64})?$",
        },
        "onDrift": _choice(
            OnDrift, "What is done about changes by others: Report leaves them alone, Correct undoes them."
        ),
        "interval": {
            "description": "How often the tenant is held against the spec.",
            "type": "string",
            "default": "10m",
            "maxLength": 20,
            "pattern": "^([0-9]{1,6}(h|m|s))+$",
            "x-kubernetes-validations": [
                {
                    "rule": "duration(self) >= duration('1s') && duration(self) <= duration('168h')",
                    "message": "interval is at least 1s and at most 168h",
                }
            ],
        },
        "suspend": {"description": "Do nothing until it is false again.", "type": "boolean", "default": False},
        "prune": {
            "description": "Delete what the spec created and no longer names, as `tokenvault apply --prune` does.",
            "type": "boolean",
            "default": False,
        },
        "maxDestroy": {
            "description": "How many objects one plan may delete. deletionPolicy Destroy is not bound by it.",
            "type": "integer",
            "minimum": 0,
            "default": 0,
        },
        "deletionPolicy": _choice(
            DeletionPolicy,
            "What becomes of the tenant's objects when this one is deleted: Retain leaves all as it is; "
            "Destroy deletes what the spec created and releases what it adopted.",
        ),
        "outputSecretRef": {
            "description": "A Secret that the operator writes: the domain, client ids and client secrets, for the application "
            "that needs them.",
            "type": "object",
            "required": ["name"],
            "properties": {"name": {**NAME, "description": "Of the same namespace."}},
        },
    }


def _choice(choices: type[Mode] | type[OnDrift] | type[DeletionPolicy], description: str) -> Schema:
    """The first member is the default."""
    names = [str(choice) for choice in choices]
    return {"description": description, "type": "string", "enum": names, "default": names[0]}


def _status() -> Schema:
    text, number = {"type": "string"}, {"type": "integer"}
    counts = {"type": "object", "properties": dict.fromkeys(("create", "update", "delete"), number)}
    condition = {
        "type": "object",
        "required": ["type", "status"],
        "properties": {
            "type": text,
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": text,
            "message": text,
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "observedGeneration": number,
        },
    }
    return {
        "description": "What the operator found and did; it is the only one to write it.",
        "type": "object",
        "properties": {
            "observedGeneration": {"type": "integer", "format": "int64"},
            "conditions": {
                "type": "array",
                "items": condition,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
            "plan": {
                "description": "What differs: the hash to approve it by, the counts, and the plan as the command line shows it.",
                "type": "object",
                "properties": {"hash": text, "counts": counts, "summary": text},
            },
            "lastApplied": {
                "description": "The last plan that was carried out whole.",
                "type": "object",
                "properties": {"hash": text, "counts": counts, "generation": number, "time": text},
            },
            "applying": {
                "description": "The plan that is being carried out. What it leaves undone when it is cut short is no drift.",
                "type": "object",
                "properties": {"hash": text, "addresses": {"type": "array", "items": text}},
            },
            "requests": {
                "description": "How many requests the reconciliation took that this status was written after.",
                "type": "object",
                "properties": {"reads": number, "writes": number},
            },
        },
    }

"""The Secret with client ids and client secrets, for the application that needs them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.exchange import variables
from tokenvault.model.spec import Spec
from tokenvault.operations.output import Output, client_secrets, found_outputs, outputs
from tokenvault.operations.plan import Planned
from tokenvault.operator.cluster import FIELD_MANAGER, OWNER_ANNOTATION, OWNER_LABEL, Cluster, Document
from tokenvault.operator.resource import Key, Resource
from tokenvault.secrets import Secret
from tokenvault.tenant.client import Tenant


async def write_outputs(resource: Resource, spec: Spec, tenant: Tenant, cluster: Cluster, made: Planned | None) -> None:
    """Writes the Secret when it does not hold what the tenant has; one request for each application with a secret.

    `made` is a plan without changes, from which the ids are known. `RefusedError` when the Secret is somebody else's, or
    the token may not read client secrets.
    """
    key = Key(resource.key.namespace, resource.output_secret)
    before = await cluster.secret(key)
    if before is not None and not _is_ours(before, resource):
        raise RefusedError(_taken(resource))
    found = outputs(made.graph, made.live.objects) if made else await found_outputs(tenant, spec)
    data = _data(resource.tenant, found, await client_secrets(tenant, found))
    if before is None or before.get("data") != data:
        await cluster.apply_secret(key, _secret(key, resource, data))


def _is_ours(secret: Document, resource: Resource) -> bool:
    annotations = secret.get("metadata", {}).get("annotations") or {}
    return bool(annotations.get(OWNER_ANNOTATION) == resource.key.name)


def _data(tenant: str, found: Iterable[Output], secrets: Mapping[str, Secret]) -> dict[str, str]:
    values = {variables.DOMAIN: tenant}
    for one in found:
        values[one.names["client_id"]] = one.client_id
        if one.address in secrets:
            values[one.names["client_secret"]] = secrets[one.address].reveal()
    return {name: base64.b64encode(value.encode()).decode() for name, value in sorted(values.items())}


def _secret(key: Key, resource: Resource, data: Mapping[str, str]) -> Document:
    """It outlives the object: the application that uses it goes on, as what it signs in with does under Retain."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "labels": {OWNER_LABEL: FIELD_MANAGER},
            "annotations": {OWNER_ANNOTATION: resource.key.name},
        },
        "data": dict(data),
    }


def _taken(resource: Resource) -> Diagnostic:
    return Diagnostic(
        code="operator-output",
        summary=f"There is a Secret {resource.output_secret} already that was not written for this object",
        hint="Name another one in outputSecretRef, or delete it.",
    )

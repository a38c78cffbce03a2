"""What a reconciliation works with: the spec and its variables, and the credentials, each read from the object's namespace."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tokenvault.errors import Diagnostic, RefusedError, SpecError
from tokenvault.exchange import variables
from tokenvault.model.spec import Spec
from tokenvault.operations.output import Output, client_secrets, found_outputs, outputs
from tokenvault.operations.plan import Planned
from tokenvault.operator.cluster import FIELD_MANAGER, OWNER_ANNOTATION, OWNER_LABEL, Cluster, Document
from tokenvault.operator.resource import INLINE, Key, Resource
from tokenvault.secrets import Secret
from tokenvault.spec.load import load_texts
from tokenvault.spec.source import Source, read_source
from tokenvault.tenant.client import Tenant

KEY_VARIABLE = "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY"
CREDENTIALS = (
    "AUTH0_API_TOKEN",
    "AUTH0_ACCESS_TOKEN",
    "AUTH0_CLIENT_ID",
    "AUTH0_CLIENT_SECRET",
    KEY_VARIABLE,
    "AUTH0_CLIENT_ASSERTION_SIGNING_ALG",
    "AUTH0_AUDIENCE",
)
"""What is taken from the Secret with the credentials; a domain in it is compared, and nothing else is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """What `${env:NAME}` stands for, and the names whose values come from a Secret."""

    values: Mapping[str, str]
    hidden: frozenset[str]


async def spec_of(resource: Resource, cluster: Cluster) -> Spec:
    """The validated spec. `SpecError` for a bad one, `RefusedError` where something it comes from is missing.

    Its files are those of the ConfigMap and no others: `${file:}` and public keys find nothing of the operator's own.
    """
    variables = await variables_of(resource, cluster)
    name, texts = await _texts(resource, cluster)
    return await asyncio.to_thread(_loaded, name, texts, variables)


def _loaded(name: str, texts: Mapping[str, str], variables: Variables) -> Spec:
    _refuse_shown(read_source(name, texts[name].encode()), variables.hidden)
    return load_texts({name: texts[name]}, variables.values, files=texts)


async def _texts(resource: Resource, cluster: Cluster) -> tuple[str, Mapping[str, str]]:
    """The name of the spec's file, and the files."""
    if not resource.config_map:
        return INLINE, {INLINE: json.dumps(resource.configuration, indent=2, ensure_ascii=False)}
    found = await cluster.config_map(Key(resource.key.namespace, resource.config_map))
    if found is None:
        raise RefusedError(_missing("ConfigMap", resource.config_map))
    texts: Mapping[str, str] = found.get("data") or {}
    if resource.config_map_key not in texts:
        raise RefusedError(_without_key("ConfigMap", resource.config_map, resource.config_map_key))
    return resource.config_map_key, texts


async def variables_of(resource: Resource, cluster: Cluster) -> Variables:
    """The variables of the spec: those that `variablesFrom` names, and AUTH0_DOMAIN. Nothing of the operator's own."""
    values: dict[str, str] = {}
    hidden: set[str] = set()
    for source in resource.variables_from:
        read = cluster.secret if source.kind == "Secret" else cluster.config_map
        found = await read(Key(resource.key.namespace, source.name))
        if found is None:
            if source.optional:
                continue
            raise RefusedError(_missing(source.kind, source.name))
        given = _decoded(found, source.name) if source.kind == "Secret" else found.get("data") or {}
        values |= given
        hidden = hidden | given.keys() if source.kind == "Secret" else hidden - given.keys()
    return Variables(values={**values, "AUTH0_DOMAIN": resource.tenant}, hidden=frozenset(hidden))


def _refuse_shown(source: Source, hidden: frozenset[str]) -> None:
    """`SpecError` where the spec would show what comes from a Secret: whoever writes a spec may not read those."""
    listed = source.data.get("variables") if isinstance(source.data, dict) else None
    named = list(_shown(listed if isinstance(listed, list) else ()))
    wrong = [name for name in named if name in hidden]
    if wrong:
        raise SpecError(*(_hidden(name) for name in wrong))


def _shown(listed: Iterable[object]) -> Iterator[str]:
    for item in listed:
        name = item.get("name") if isinstance(item, dict) and item.get("sensitive") is not True else item
        if isinstance(name, str):
            yield name


def _hidden(name: str) -> Diagnostic:
    return Diagnostic(
        code="spec-secret-in-clear",
        summary=f"{name} comes from a Secret, and `variables` would let it be shown in plans and in the status",
        hint=f"Put {name} into a ConfigMap when it is none, or list it as sensitive: `{{name: {name}, sensitive: true}}`.",
    )


async def credentials_of(resource: Resource, cluster: Cluster) -> dict[str, str]:
    """The environment in which the tenant is opened: what the object's own Secret says, and nothing else.

    `RefusedError` when it is missing, says nothing that can be used, or is meant for another tenant.
    """
    found = await cluster.secret(Key(resource.key.namespace, resource.credentials))
    if found is None:
        raise RefusedError(_missing("Secret", resource.credentials))
    values = {name: text.strip() for name, text in _decoded(found, resource.credentials).items()}
    given = {name: values[name] for name in CREDENTIALS if values.get(name)}
    if not _usable(given):
        raise RefusedError(_no_credentials(resource.credentials))
    if KEY_VARIABLE in given and "-----BEGIN" not in given[KEY_VARIABLE]:
        raise RefusedError(_no_path(resource.credentials))
    domain = values.get("AUTH0_DOMAIN", "").removeprefix("https://").strip("/").lower()
    if domain and domain != resource.tenant:
        raise RefusedError(_elsewhere(resource, domain))
    return {**given, "AUTH0_DOMAIN": resource.tenant}


def _usable(given: Mapping[str, str]) -> bool:
    token = "AUTH0_API_TOKEN" in given or "AUTH0_ACCESS_TOKEN" in given
    return token or ("AUTH0_CLIENT_ID" in given and ("AUTH0_CLIENT_SECRET" in given or KEY_VARIABLE in given))


def _decoded(found: Document, name: str) -> dict[str, str]:
    try:
        data = found.get("data") or {}
        return {key: base64.b64decode(text, validate=True).decode() for key, text in data.items()}
    except (binascii.Error, UnicodeDecodeError):
        summary = f"The Secret {name} holds a value that is no text"
        raise RefusedError(
            Diagnostic(code="operator-reference", summary=summary, hint="Keep binary data elsewhere.")
        ) from None


def _missing(kind: str, name: str) -> Diagnostic:
    hint = "Create it in the object's namespace, and check that the operator's role may get it."
    return Diagnostic(code="operator-reference", summary=f"There is no {kind} {name} in this namespace", hint=hint)


def _without_key(kind: str, name: str, key: str) -> Diagnostic:
    hint = "Name the key that holds the spec in configMapRef.key."
    return Diagnostic(code="operator-reference", summary=f"The {kind} {name} has no key {key}", hint=hint)


def _no_credentials(name: str) -> Diagnostic:
    return Diagnostic(
        code="operator-credentials",
        summary=f"The Secret {name} holds no credentials for a tenant",
        hint="Give it AUTH0_CLIENT_ID with AUTH0_CLIENT_SECRET or AUTH0_CLIENT_ASSERTION_PRIVATE_KEY, or AUTH0_API_TOKEN.",
    )


def _no_path(name: str) -> Diagnostic:
    return Diagnostic(
        code="operator-credentials",
        summary=f"{KEY_VARIABLE} in the Secret {name} is no PEM",
        hint="Put the key itself there; the operator reads no files that a Secret names.",
    )


def _elsewhere(resource: Resource, domain: str) -> Diagnostic:
    return Diagnostic(
        code="tenant-guard",
        summary=f"The Secret {resource.credentials} is for {domain}, and the object is for {resource.tenant}",
        hint="Correct `tenant`, or AUTH0_DOMAIN in the Secret.",
    )


# ---- the Secret with client ids and client secrets, for the application that needs them


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
    """The Secret. It has no owner, so it outlives the object, as what the application signs in with does under Retain."""
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

"""Privileged worker: a background application exchanges a signed request for tokens of users who are not there (EA)."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tokenvault.errors import Unresolved, did_you_mean
from tokenvault.flavors.base import (
    Flavor,
    FlavorContext,
    KeyNames,
    Loaded,
    ReadFile,
    application,
    enabled,
)
from tokenvault.flavors.provisions import BY_SECRET, KEYS_SLOT, PRIVILEGED, PRIVILEGED_SLOT, attached_ids
from tokenvault.flavors.public_keys import BadKey, PublicKey, read_public_key
from tokenvault.flavors.runtime import Runtime
from tokenvault.flavors.runtime.client import CLIENT_CHECKS, EXCHANGES
from tokenvault.flavors.runtime.connection import CONNECTION_CHECKS
from tokenvault.flavors.runtime.detection import working
from tokenvault.flavors.runtime.my_account import MFA_POLICY_CHECK
from tokenvault.flavors.runtime.request import WORKER_REQUEST
from tokenvault.flavors.runtime.tenant_view import DetectedUse
from tokenvault.flavors.runtime.worker import (
    AUTHENTICATION,
    DOC,
    GRANT,
    IP_ALLOWLIST,
    KEY,
    PRIVATE_KEY_JWT_DOC,
    RS256,
    WORKING_CHECKS,
)
from tokenvault.kinds.application import ACCESS
from tokenvault.kinds.credential import credential_name
from tokenvault.model.constraints import Constraint, Contains, ContainsKeyed, Default, Equals, Ref
from tokenvault.model.desired import ObjectRef, Requirement
from tokenvault.model.marks import Provision
from tokenvault.model.spec import Problem
from tokenvault.secrets import Secret

PRIVILEGED_WORKER = Runtime(
    preconditions=(*WORKING_CHECKS, *CONNECTION_CHECKS, MFA_POLICY_CHECK), detections=working, exchange=WORKER_REQUEST
)


KEYS = Provision("privileged", "keys")
PUBLIC_KEYS, AUTHENTICATION_KEYS = "public_keys", "authentication_keys"
KEY_LISTS = {
    PUBLIC_KEYS: "the worker signs its requests with this key",
    AUTHENTICATION_KEYS: "the worker authenticates with this key",
}
OPTIONAL = (AUTHENTICATION_KEYS,)
MAX_KEYS, MAX_ADDRESSES, MAX_GRANTS, MAX_SCOPES = 2, 10, 5, 20


def _expand(context: FlavorContext) -> Iterable[Requirement]:
    app = application(context)
    yield from (context.meet(app, row) for row in (*CLIENT_CHECKS, RS256))
    yield context.meet(app, EXCHANGES, reason="the worker exchanges tokens")
    yield from _credentials(context)
    yield from _authentication(context)
    yield from _privileged_access(context)
    yield from enabled(context)


def credential(context: FlavorContext, key: PublicKey) -> ObjectRef:
    """A public key of the worker. Its name in Auth0 says that tokenvault put it there."""
    identity = {"client_id": Ref(context.app.address, "client_id"), "kid": key.kid}
    return ObjectRef(
        address=f"credential.{context.app.key}.{key.kid}", kind="credential", identity=identity, name=key.kid
    )


def _credentials(context: FlavorContext) -> Iterable[Requirement]:
    for name, reason in KEY_LISTS.items():
        for index, key in enumerate(context.settings.get(name) or ()):
            yield from _credential(context, key, (name, index), reason)


def _credential(context: FlavorContext, key: PublicKey, at: tuple[str, int], reason: str) -> Iterable[Requirement]:
    place = (*context.flavor.path, "privileged_worker", *at, "alg")
    alg_span, is_given = context.spec.positions.value(*place), place in context.spec.positions.values
    constraints: dict[str, Constraint] = {
        "name": Default(credential_name(context.spec.name, context.app.key)),
        "credential_type": Equals("public_key"),
        "alg": Equals(key.alg) if is_given else Default(key.alg),  # a key that is there keeps its own
        "pem": Equals(key.pem),
    }
    for path, constraint in constraints.items():
        span = alg_span if path == "alg" else None
        yield context.require(credential(context, key), path, constraint, reason, doc=DOC, provision=KEYS, at=span)


def _slot(context: FlavorContext, keys: Iterable[PublicKey]) -> ContainsKeyed:
    return ContainsKeyed("id", tuple({"id": Ref(credential(context, key).address)} for key in keys))


def _authentication(context: FlavorContext) -> Iterable[Requirement]:
    app = application(context)
    if context.settings.get("authentication", "private_key_jwt") == "private_key_jwt":
        slot = _slot(context, context.settings.get(AUTHENTICATION_KEYS) or context.settings[PUBLIC_KEYS])
        yield context.meet(app, AUTHENTICATION, slot)
        reason = "Auth0 takes either keys or a secret"
        yield context.require(app, "token_endpoint_auth_method", Equals(None), reason, doc=PRIVATE_KEY_JWT_DOC)
    else:
        reason = "the spec has the worker authenticate with its secret"
        yield context.require(app, "token_endpoint_auth_method", Equals("client_secret_post"), reason, doc=DOC)
        yield context.require(
            app, "client_authentication_methods", Equals(None), "Auth0 takes either keys or a secret", doc=DOC
        )


def _privileged_access(context: FlavorContext) -> Iterable[Requirement]:
    app = application(context)
    yield context.meet(app, KEY, _slot(context, context.settings[PUBLIC_KEYS]), provision=ACCESS)
    yield context.meet(app, IP_ALLOWLIST, Contains(tuple(context.settings["ip_allowlist"])))
    grants = tuple({"connection": name, "scopes": list(scopes)} for name, scopes in context.settings["grants"].items())
    needs = tuple(f"connection.{grant['connection']}" for grant in grants)
    yield context.meet(app, GRANT, ContainsKeyed("connection", grants), needs=needs)


def _load(settings: Mapping[str, Any], read: ReadFile) -> Loaded:
    """Public keys as keys instead of as names of files."""
    loaded: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in KEY_LISTS:
        entries = [(index, entry) for index, entry in enumerate(settings.get(name) or ()) if entry.get("file")]
        read_ones = [_read_key(entry, read, (name, index, "file")) for index, entry in entries]
        problems += [one for one in read_ones if isinstance(one, Problem)]
        loaded |= {name: tuple(read_ones)} if name in settings else {}
    return {**settings, **({} if problems else loaded)}, problems


def _read_key(entry: Mapping[str, Any], read: ReadFile, at: tuple[str | int, ...]) -> PublicKey | Problem:
    """The key that an entry names, or what is wrong with it."""
    try:
        key = read_public_key(read(_path(entry)))
        return replace(key, alg=entry.get("alg", key.alg))
    except Unresolved as error:
        return Problem(code=error.code, path=at, summary=error.summary, hint=error.hint)
    except BadKey as error:
        path = _path(entry)
        shown = path.source if isinstance(path, Secret) else path
        summary = f"{shown}: {error}"
        return Problem(code="spec-worker-key", path=at, summary=summary, hint=_key_commands(error, shown))


def _key_commands(error: BadKey, file: str) -> str:
    """How to make the public key that the entry wants: from the private one, where that is what it names."""
    if error.is_private:
        public = f"{file.removesuffix('.pem').removesuffix('.key')}.pub.pem"
        return f"Make that with `openssl rsa -in {shlex.quote(file)} -pubout -out {shlex.quote(public)}`."
    return (
        "Make a pair with `openssl genrsa -out worker.key.pem 2048`, and its public half with "
        "`openssl rsa -in worker.key.pem -pubout -out worker.pub.pem`."
    )


def _path(entry: Mapping[str, Any]) -> str | Secret:
    """The file of a public key; a secret where it comes from a variable that may not be shown."""
    given = entry.get("file", "")
    return given if isinstance(given, Secret) else str(given)


def _rules(context: FlavorContext) -> Iterable[Problem]:
    path = (*context.flavor.path, "privileged_worker")
    settings = context.settings
    yield from _limit_rules(path, settings)
    for index, address in enumerate(settings.get("ip_allowlist") or ()):
        if not _is_network(str(address)):
            summary = f'"{address}" is neither an IP address nor a network'
            hint = "Write an IPv4 or IPv6 address, or a network such as 203.0.113.0/24."
            yield Problem(code="spec-worker-address", path=(*path, "ip_allowlist", index), summary=summary, hint=hint)
    for name in settings.get("grants") or ():
        if name not in context.spec.connections:
            hint = did_you_mean(name, context.spec.connections) or "List it under `connections`."
            yield Problem(
                code="spec-unknown-connection",
                path=(*path, "grants", name),
                summary=f'Unknown connection "{name}"',
                hint=hint,
                at_key=True,
                missing=("connections", name),
            )
        elif name not in context.app.connections:
            summary = f'The worker is granted "{name}", which it does not use'
            hint = f"Add {name} to the application's `connections`, or remove the grant."
            yield Problem(
                code="spec-worker-connection",
                path=(*path, "grants", name),
                summary=summary,
                hint=hint,
                at_key=True,
                missing=(*context.app.path, "connections"),
            )


def _limit_rules(path: tuple[str | int, ...], settings: Any) -> Iterable[Problem]:
    limits = {
        PUBLIC_KEYS: (MAX_KEYS, "keys", "[{file: keys/worker.pub.pem}]"),
        AUTHENTICATION_KEYS: (MAX_KEYS, "keys", ""),
        "ip_allowlist": (MAX_ADDRESSES, "addresses", "[203.0.113.0/24]"),
        "grants": (MAX_GRANTS, "grants", "{google-oauth2: [email]}"),
    }
    for name, (most, what, example) in limits.items():
        given = settings.get(name) or ()
        if not given and name not in OPTIONAL:
            summary = f"A privileged worker without `{name}` is refused every exchange"
            hint = f"Give at least one of its {what}, for example `{name}: {example}`."
            code = f"spec-worker-{name.replace('_', '-')}"
            yield Problem(code=code, path=path, summary=summary, hint=hint, at_key=True, missing=(*path, name))
        elif len(given) > most:
            summary = f"A privileged worker has at most {most} {what}; here are {len(given)}"
            yield Problem(
                code="spec-worker-limit", path=(*path, name), summary=summary, at_key=True, hint="Split the worker."
            )
    scopes = sum(len(scopes) for scopes in (settings.get("grants") or {}).values())
    if scopes > MAX_SCOPES:
        summary = f"A privileged worker has at most {MAX_SCOPES} scopes in all its grants; here are {scopes}"
        yield Problem(
            code="spec-worker-limit", path=(*path, "grants"), summary=summary, at_key=True, hint="Split the worker."
        )
    yield from _key_rules(path, settings)


def _key_rules(path: tuple[str | int, ...], settings: Any) -> Iterable[Problem]:
    for name in KEY_LISTS:
        kids = [key.kid for key in settings.get(name) or () if isinstance(key, PublicKey)]
        if len(set(kids)) < len(kids):
            summary = "The same public key stands here twice"
            yield Problem(code="spec-worker-key", path=(*path, name), summary=summary, hint="Remove one.")
    if AUTHENTICATION_KEYS in settings and settings.get("authentication") == BY_SECRET:
        summary = "The worker authenticates with its secret: `authentication_keys` have no use"
        hint = "Remove them, or `authentication: client_secret_post`."
        yield Problem(code="spec-conflict", path=(*path, AUTHENTICATION_KEYS), summary=summary, hint=hint, at_key=True)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _settings_of(detection: DetectedUse, key_names: KeyNames) -> dict[str, Any]:
    client = detection.client
    access = client.get(PRIVILEGED) or {}
    with_keys = bool(attached_ids(client, KEYS_SLOT))
    named = [grant for grant in access.get("grants") or () if grant.get("connection")]
    grants = {str(grant["connection"]): list(grant.get("scopes") or ()) for grant in named}
    signing, authenticating = attached_ids(client, PRIVILEGED_SLOT), attached_ids(client, KEYS_SLOT)
    of_its_own = bool(signing) and set(signing) != set(authenticating)
    settings = {
        "authentication": None if with_keys else BY_SECRET,
        PUBLIC_KEYS: [dict(key_names.keys[i]) for i in signing or authenticating],
        AUTHENTICATION_KEYS: [dict(key_names.keys[i]) for i in authenticating if of_its_own],
        "ip_allowlist": list(access.get("ip_allowlist") or ()),
        "grants": grants,
    }
    return {name: value for name, value in settings.items() if value}


def _keys_schema(description: str, example: str) -> dict[str, Any]:
    return {
        "description": description,
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["file"],
            "properties": {
                "file": {
                    "description": "A PEM file beside the spec: the public key only.",
                    "type": "string",
                    "minLength": 1,
                    "x-confidential": True,
                    "examples": [example],
                },
                "alg": {
                    "description": "The algorithm that the worker signs with.",
                    "enum": ["RS256", "RS384", "PS256"],
                    "default": "RS256",
                    "examples": ["RS256"],
                },
            },
        },
        "examples": [[{"file": example}]],
    }


FLAVOR = Flavor(
    name="privileged_worker",
    summary="A background job gets tokens of users who are not there, with a signed request (Early Access).",
    doc=DOC,
    includes=(),
    schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "authentication": {
                "description": "How the worker authenticates. `client_secret_post` is for plans without Private Key JWT.",
                "enum": ["private_key_jwt", "client_secret_post"],
                "default": "private_key_jwt",
                "examples": ["private_key_jwt"],
            },
            PUBLIC_KEYS: _keys_schema(
                "The worker's RSA public keys: one, or two while a key is being rotated.", "keys/nightly-sync.pub.pem"
            ),
            AUTHENTICATION_KEYS: _keys_schema(
                "RSA public keys of their own for the worker's authentication, as Auth0 recommends; `public_keys` then only "
                "sign its requests. Default: `public_keys` serve both.",
                "keys/nightly-sync-auth.pub.pem",
            ),
            "ip_allowlist": {
                "description": "Addresses and networks that the worker sends from: at most 10. Others are rejected.",
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "uniqueItems": True,
                "examples": [["203.0.113.0/24"]],
            },
            "grants": {
                "description": "Connections whose tokens the worker may get, with the provider's scopes: at most 5 "
                "connections and 20 scopes in all.",
                "type": "object",
                "additionalProperties": {
                    "type": "array",
                    "items": {"type": "string", "minLength": 1},
                    "uniqueItems": True,
                },
                "examples": [{"google-oauth2": ["https://www.googleapis.com/auth/calendar.readonly"]}],
            },
        },
    },
    types=frozenset({"m2m", "regular_web"}),
    type_hint="A public client cannot keep the worker's private key: use m2m.",
    expand=_expand,
    rules=_rules,
    load=_load,
    needed=("public_keys", "ip_allowlist", "grants"),
    most={PUBLIC_KEYS: MAX_KEYS, AUTHENTICATION_KEYS: MAX_KEYS, "ip_allowlist": MAX_ADDRESSES, "grants": MAX_GRANTS},
    runtime=PRIVILEGED_WORKER,
    settings_of=_settings_of,
)

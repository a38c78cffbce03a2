"""Two tenants side by side, object by object: ids, times and marks aside.

`STARTS` is the one table of what only starts an object (and the name of a Custom API Client that no spec names);
`SETTINGS` of what an application that was there before keeps, because nobody knows what it was.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import Any

from tests.reliability.bench import normalised
from tests.reliability.sequences.facts import ME, Spec, exact, exchanges_of, words
from tests.reliability.sequences.tenant import State
from tests.reliability.sequences.world import shown
from tests.unmanaged import differing

STARTS: Mapping[str, str] = {
    "clients.refresh_token.token_lifetime": "the lifetimes that Auth0's guides start with",
    "clients.refresh_token.idle_token_lifetime": "the lifetimes that Auth0's guides start with",
    "clients.refresh_token.infinite_token_lifetime": "the lifetimes that Auth0's guides start with",
    "clients.refresh_token.infinite_idle_token_lifetime": "the lifetimes that Auth0's guides start with",
    "clients.refresh_token.leeway": "the leeway that Auth0 gives a new application",
    "resource_servers.name": "the name that an API is created with",
    "credentials.name": "the name that a key is created with",
    "credentials.alg": "the algorithm of a key for which the spec names none",
}
SETTINGS: Mapping[str, str] = {
    "is_first_party": "what it was is not known",
    "oidc_conformant": "what it was is not known",
    "jwt_configuration": "what it was is not known",
    "token_endpoint_auth_method": "what it was is not known",
    "client_authentication_methods": "what it was is not known",
    "refresh_token": "rotation and expiry: what they were is not known",
    "app_type": "the spec gave another type, and what it was is not known",
    "name": "the spec gave another name, and what it was is not known",
}
API_SETTINGS: Mapping[str, str] = {
    "signing_alg": "what it was is not known",
    "allow_offline_access": "what it was is not known",
    "skip_consent_for_verifiable_first_party_clients": "what it was is not known",
    "subject_type_authorization": "what it was is not known",
}
MARKS = ("tokenvault", "tokenvault_api", *(f"tokenvault_{n}" for n in range(2, 5)))
COLLECTIONS = ("clients", "connections", "resource_servers", "client_grants", "credentials", "enablements", "tenant")


SWITCHES = {
    ("connections", "connected_accounts", "allow_missing_user_id"),
    ("connections", "connected_accounts", "cross_app_access"),
    ("connections", "cross_app_access_requesting_app"),
    ("connections", "cross_app_access_requesting_app", "active"),
}
"""Where nothing is off: what was on once is switched off, and what never was stays absent."""
SECRET = ("clients", "token_endpoint_auth_method")
"""A public application that was said to be confidential goes on keeping its secret when the word goes: as with `LOGIN`."""
ROTATION = (("clients", "refresh_token", "rotation_type"), ("clients", "refresh_token", "expiration_type"))
"""Refresh tokens that rotated while an application was public go on rotating when it keeps a secret: that takes nothing away."""
LOGIN = ("connections", "authentication", "active")
"""What a spec that created a connection has turned off stays off when its `purpose` goes: a line that left lets nobody in."""


def differences(
    mine: State, fresh: State, first: State, specs: list[Spec], unmarked: Collection[str]
) -> Iterator[tuple[str, Any]]:
    """Where a tenant with a history differs from a fresh one with the same last specs.

    `unmarked` are the identifiers of APIs of which a plan said that nothing records their creation, and the ids of
    applications that had no room for a mark, and what lost it, of which plans say that nobody knows what they were given: it
    stays with them.
    """
    nameless = {f"clients:{mine['clients'][one]['name']}" for one in unmarked if one in mine["clients"]}
    nameless |= {f"connections:{c['name']}" for c in mine["connections"].values() if c["name"] in unmarked}
    named, wanted = _comparable(_with_api_names(mine, specs)), _comparable(_with_api_names(fresh, specs))
    first_named = _comparable(first)
    there = {c["name"] for c in first["connections"].values()}
    used = {name for spec in specs for name in spec.get("connections", {})}
    old = {*normalised(first)["clients"], *normalised(first)["resource_servers"]}
    for collection in COLLECTIONS:
        for key in sorted(named.get(collection, {}).keys() | wanted.get(collection, {}).keys()):
            found, expected = named.get(collection, {}).get(key), wanted.get(collection, {}).get(key)
            name = key.partition(":")[2]
            if collection == "connections" and name not in used:
                continue
            if collection == "resource_servers" and expected is None and (name == ME or name in unmarked):
                continue
            if (
                collection == "tenant"
                and key == "policies"
                and not any(spec.get("mfa_policy") == "set_never" for spec in specs)
            ):
                continue  # what the policy was is not known
            is_nameless = any(one == key or f"{one}:" in key or key.endswith(f"/{one}") for one in nameless)
            if expected is None and is_nameless:
                continue
            if found is None or expected is None:
                yield f"{collection} {'too few' if found is None else 'too many'}", key
                continue
            for path in _paths(found, expected):
                if collection == "resource_servers" and name in unmarked:
                    continue  # what it was given stays: nobody knows that it was
                if (collection, *path) == LOGIN and name not in there:
                    continue
                if (collection, *path) in SWITCHES and not _at(found, path) and not _at(expected, path):
                    continue
                if (collection, *path) == SECRET and _at(expected, path) == "none":
                    continue
                if (
                    (collection, *path) in ROTATION
                    and found["app_type"] == "spa"
                    and _at(found, path) in ("rotating", "expiring")
                ):
                    continue
                if f"{collection}.{'.'.join(path)}" in STARTS or (key in old and _is_setting(collection, path)):
                    continue
                if collection == "connections" and name in there and path[0] in ("options", "authentication"):
                    continue
                if collection == "connections" and _had(first_named.get(collection, {}).get(key), path):
                    continue
                if is_nameless and _holds(_at(found, path), _at(expected, path)):
                    continue
                told = {"object": key, "mine": _at(found, path), "fresh": _at(expected, path)}
                yield f"{collection}.{'.'.join(path[:3])}", told


def _had(connection: Any, path: tuple[str, ...]) -> bool:
    """Whether a further setting of a connection had a value before that a spec may have changed: nobody knows which."""
    about = ("connected_accounts", "cross_app_access_requesting_app")
    return bool(connection) and path[0] in about and _at(connection, path) is not None


def _with_api_names(state: State, specs: list[Spec]) -> State:
    """The state, with each Custom API Client called after its API: names may be shared.

    The name that a spec gives is compared beside it; one that no spec names keeps the name it began with.
    """
    named = {
        spec.get("apis", {}).get(key, {}).get("identifier")
        for spec in specs
        for key, settings in exchanges_of(spec)
        if settings.get("client_name")
    }
    clients = {
        key: _called_after_its_api(client, named) if client.get("resource_server_identifier") else client
        for key, client in state["clients"].items()
    }
    return {**state, "clients": clients}


def _called_after_its_api(client: dict[str, Any], named: Collection[Any]) -> dict[str, Any]:
    identifier = client["resource_server_identifier"]
    given = {"given_name": client["name"]} if identifier in named else {}
    return {**client, **given, "name": f"for {identifier}"}


def _is_setting(collection: str, path: tuple[str, ...]) -> bool:
    """Whether it is one value of what was there before, rather than a list of things given."""
    if collection == "resource_servers":
        return path[0] in API_SETTINGS
    return collection == "clients" and path[0] in SETTINGS and path[:2] != ("refresh_token", "policies")


def left(first: State, last: State, hands: list[Any], staying: set[str]) -> Iterator[tuple[str, Any]]:
    """Where a tenant that tokenvault has left differs from what it was, beyond what destroy says that it keeps.

    `staying` are the identifiers of APIs of which it said that, and the names of what is protected.
    """
    if hands:
        return
    was, now = _comparable(first), _comparable(last)
    there = [
        (client["name"], last["clients"][one]["name"])
        for one, client in first["clients"].items()
        if one in last["clients"]
    ]
    renamed = {f"clients:{before}" for before, after in there if staying.intersection((before, after))}
    for collection in ("clients", "resource_servers", "client_grants", "credentials", "enablements"):
        for key, item in was.get(collection, {}).items():
            if key not in now.get(collection, {}):
                is_renamed = any(name in key for name in renamed)
                yield from [] if is_renamed else [(f"{collection} of before is gone", key)]
                continue
            if any(name in staying for name in (key, key.partition(":")[2], *key.replace("/", ":").split(":"))):
                continue
            for path in _paths(item, now[collection][key]):
                if not _is_setting(collection, path):
                    told = {"object": key, "was": _at(item, path), "is": _at(now[collection][key], path)}
                    yield f"{collection}.{'.'.join(path[:3])} differs", told


def _comparable(state: State) -> State:
    plain = deepcopy(state)
    for collection, metadata in (("clients", "client_metadata"), ("connections", "metadata")):
        for item in plain.get(collection, {}).values():
            for mark in MARKS:
                (item.get(metadata) or {}).pop(mark, None)
            if not item.get(metadata):
                item.pop(metadata, None)
    plain.get("tenant", {}).pop("identity", None)
    for item in plain.get("connections", {}).values():
        for name in ("scope", "freeform_scopes"):
            if isinstance((item.get("options") or {}).get(name), str):
                item["options"][name] = sorted(words(item["options"][name]))
    named: State = normalised(plain)
    return named


def _paths(one: Any, other: Any) -> list[tuple[str, ...]]:
    return [
        path
        for path in differing(exact(one), exact(other))
        if shown(_plain(_at(one, path))) != shown(_plain(_at(other, path)))
    ]


def _holds(more: Any, less: Any) -> bool:
    """Whether there is everything of the one value in the other, and more."""
    if isinstance(less, dict):
        return isinstance(more, dict) and all(_holds(more.get(key), value) for key, value in less.items())
    if isinstance(more, list):
        return all(any(_holds(one, item) for one in more) for item in less or ())
    return bool(less is None or more == less)


def _plain(value: Any) -> Any:
    """Lists of a tenant are sets, and an empty one is none."""
    if value == []:
        return None
    if isinstance(value, list):
        return sorted(json.dumps(_plain(item), sort_keys=True) for item in value)
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value

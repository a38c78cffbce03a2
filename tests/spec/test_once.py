"""One mistake, one message: a key that is misspelt, or a value of a wrong type, is told where it stands and nowhere else."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import cli, write_spec
from tokenvault.fleet.schema import fleet_schema
from tokenvault.spec.schema import spec_schema

At = tuple[str | int, ...]
SPEC: dict[str, Any] = {
    "version": 1,
    "name": "acme",
    "tenant": "acme.eu.auth0.com",
    "variables": [{"name": "A_HEADER", "sensitive": True}],
    "mfa_policy": "ignore",
    "my_account_api": {"domain": "auth.example.com"},
    "connections": {
        "google-oauth2": {"offline_access": True, "scopes": ["email"], "purpose": "connected_accounts"},
        "crm": {
            "strategy": "oauth2",
            "credentials": {"client_id": "x", "client_secret": "${env:CRM_SECRET}"},
            "options": {"authorizationURL": "https://crm.example.com/a", "tokenURL": "https://crm.example.com/t"},
            "connected_accounts": {"allow_missing_user_id": True},
        },
    },
    "apis": {"calendar": {"identifier": "https://c.example.com", "name": "Calendar", "scopes": {"read": "Read"}}},
    "applications": {
        "web": {
            "type": "regular_web",
            "name": "Web",
            "callbacks": ["https://web.example.com/cb"],
            "logout_urls": ["https://web.example.com"],
            "flavors": [{"access_token_exchange": {"api": "calendar", "client_name": "Exchange"}}],
            "connections": ["crm"],
            "protect": True,
        },
        "worker": {
            "type": "m2m",
            "flavors": [
                {
                    "privileged_worker": {
                        "authentication": "private_key_jwt",
                        "public_keys": [{"file": "keys/nightly-sync.pub.pem", "alg": "RS256"}],
                        "authentication_keys": [{"file": "keys/nightly-sync-auth.pub.pem"}],
                        "ip_allowlist": ["203.0.113.0/24"],
                        "grants": {"google-oauth2": ["email"]},
                    }
                }
            ],
            "connections": ["google-oauth2"],
        },
    },
}
FLEET: dict[str, Any] = {
    "version": 1,
    "fleet": "acme",
    "defaults": {"spec": ["spec.yaml"], "max_rps": 2},
    "tenants": {
        "dev": {
            "domain": "dev.eu.auth0.com",
            "credentials": {"prefix": "DEV_"},
            "labels": {"tier": "x"},
            "wave": 2,
            "protect": True,
        },
        "try": {"sandbox": "try.db", "variables": {"APP_HOST": "x.example.com"}},
    },
}


def keys(schema: Any, data: Any, path: At = ()) -> Iterator[At]:
    """The path of each key that the schema names."""
    for alternative in schema.get("anyOf", ()):
        yield from keys(alternative, data, path)
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from keys(schema.get("items", {}), item, (*path, index))
    for key, value in data.items() if isinstance(data, dict) else ():
        if key in known:
            yield (*path, key)
        inside = known.get(key, others)
        if isinstance(inside, dict):
            yield from keys(inside, value, (*path, key))


def changed(data: Any, path: At, *, name: str = "", value: Any = None) -> Any:
    """The data with another name for the key at `path`, or another value behind it."""
    new = copy.deepcopy(data)
    holder = new
    for part in path[:-1]:
        holder = holder[part]
    held = holder.pop(path[-1])
    holder[name or path[-1]] = held if name else value
    return new


def problems(folder: Path, data: Any, *command: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = cli(
        *command, write_spec(folder, data), "--format", "json", env={"CRM_SECRET": "s"}
    ).json["problems"]
    return told


SPEC_KEYS, FLEET_KEYS = list(keys(spec_schema(), SPEC)), list(keys(fleet_schema(), FLEET))


def named(path: At) -> str:
    return ".".join(map(str, path))


def test_the_specs_that_are_spoilt_are_right_before(tmp_path: Path) -> None:
    assert problems(tmp_path, SPEC, "validate") == []
    assert len(SPEC_KEYS) > 35 and len(FLEET_KEYS) > 10


@pytest.mark.parametrize("path", SPEC_KEYS, ids=named)
def test_a_misspelt_key_of_a_spec_is_told_once(tmp_path: Path, path: At) -> None:
    key = str(path[-1])
    for typed in (f"{key}s", key[:-1], f"{key[:2]}{key[1:]}"):
        told = problems(tmp_path, changed(SPEC, path, name=typed), "validate")
        assert [(one["code"], one["hint"]) for one in told] == [("spec-unknown-key", f'Did you mean "{key}"?')], typed


@pytest.mark.parametrize("path", [path for path in SPEC_KEYS if path != ("variables",)], ids=named)
def test_a_wrong_type_in_a_spec_is_told_once(tmp_path: Path, path: At) -> None:
    for value in (17, "some text", [[]], None):
        told = problems(tmp_path, changed(SPEC, path, value=value), "validate")
        assert len(told) <= 1, (value, [one["summary"] for one in told])


@pytest.mark.parametrize("path", FLEET_KEYS, ids=named)
def test_a_misspelt_key_of_a_fleet_is_told_once(tmp_path: Path, path: At) -> None:
    write_spec(tmp_path, SPEC)
    key = str(path[-1])
    (tmp_path / "fleet").mkdir()
    told = cli("fleet", "validate", write_spec(tmp_path / "fleet", changed(FLEET, path, name=f"{key}s"))).err
    assert told.count("Error:") == 1 and "[spec-unknown-key]" in told and f'Did you mean "{key}"?' in told, told


def test_one_variable_that_is_not_set_is_told_once_however_often_it_stands_there(tmp_path: Path) -> None:
    entry = {"strategy": "oauth2", "credentials": {"client_id": "x", "client_secret": "${env:NOT_SET_HERE}"}}
    spec = write_spec(
        tmp_path, {**SPEC, "connections": {**SPEC["connections"], **{f"c{n}": copy.deepcopy(entry) for n in range(9)}}}
    )
    said = cli("validate", spec, env={"CRM_SECRET": "s"}).err
    assert said.count("NOT_SET_HERE is not set") == 1 and "So it is with 8 others" in said and "Found 9 errors" in said
    told = cli("validate", spec, "--format", "json", env={"CRM_SECRET": "s"}).json["problems"]
    assert len({problem["at"]["line"] for problem in told}) == 9

"""The Auth0 CLI's login, made up as the CLI leaves it: a config file in the home folder and entries in the keyring."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, Result, process
from tests.tenant.tenant import Tenant
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET

CHUNK = 2048
FILE, LOCKED, BROKEN = (f"tests.tenant.file_keyring.{name}Keyring" for name in ("File", "Locked", "Broken"))
MISSING = "keyring.backends.fail.Keyring"


class Machine:
    """Somebody's computer: what `auth0 login` left in its home folder and in its keyring."""

    def __init__(self, home: Path) -> None:
        self.config = home / ".config" / "auth0" / "config.json"
        self.keyring = home / "keyring.json"
        self.keyring.write_text("{}")
        self.logins: dict[str, dict[str, Any]] = {}

    def log_in(self, domain: str, *, minutes: float = 60, default: bool = True, **more: Any) -> None:
        """Writes the config file as the CLI does, its times with nanoseconds and an offset."""
        ends = datetime.now(UTC).astimezone() + timedelta(minutes=minutes)
        when = ends.isoformat(timespec="microseconds").replace(ends.strftime("%f"), f"{ends:%f}789")
        entry = {"name": domain.split(".")[0], "domain": domain, "scopes": ["read:clients"], "expires_at": when}
        self.logins[domain] = {**entry, "client_id": "", **more}
        self.write({"install_id": "1", "default_tenant": domain if default else "", "tenants": self.logins})

    def write(self, config: Any) -> None:
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(config if isinstance(config, str) else json.dumps(config))

    def store(self, service: str, domain: str, value: str) -> None:
        entries = json.loads(self.keyring.read_text())
        entries.setdefault(service, {})[domain] = value
        self.keyring.write_text(json.dumps(entries))

    def store_token(self, domain: str, token: str) -> None:
        """In pieces, as the CLI keeps tokens that are too long for a keyring."""
        for number, start in enumerate(range(0, len(token), CHUNK)):
            self.store(f"Auth0 CLI Access Token {number}", domain, token[start : start + CHUNK])

    def status(self, *options: str, backend: str = FILE, **env: str) -> Result:
        surroundings = {"PYTHON_KEYRING_BACKEND": backend, "TEST_KEYRING": str(self.keyring), "PYTHONPATH": str(ROOT)}
        return process("auth", "status", "--format", "json", *options, env={**surroundings, **env})


@pytest.fixture
def machine(home: Path) -> Machine:
    return Machine(home)


def test_a_login_is_used_with_its_default_tenant(machine: Machine, tenant: Tenant) -> None:
    token = tenant.token()
    assert len(token) > CHUNK, "the token must need several entries"
    machine.log_in(tenant.domain)
    machine.store_token(tenant.domain, token)
    shown = machine.status()
    assert shown.code == 0, shown.err
    assert (shown.json["tenant"], shown.json["source"]) == (tenant.domain, "the Auth0 CLI's login")
    assert shown.json["missing"]["plan"] == {}
    assert token not in shown.out + shown.err


def test_the_environment_comes_before_the_login(machine: Machine, tenant: Tenant) -> None:
    machine.log_in(tenant.domain)
    machine.store_token(tenant.domain, "not a token")
    shown = machine.status(AUTH0_DOMAIN=tenant.domain, AUTH0_API_TOKEN="sandbox")
    assert shown.code == 0 and shown.json["source"] == "AUTH0_API_TOKEN"


def test_another_than_the_default_tenant_can_be_named(machine: Machine, tenant: Tenant) -> None:
    machine.log_in("other.eu.auth0.com")
    machine.log_in(tenant.domain, default=False)
    machine.store_token(tenant.domain, "sandbox")
    assert machine.status("--tenant", tenant.domain).json["tenant"] == tenant.domain


def test_with_several_tenants_and_no_default_nothing_is_guessed(machine: Machine) -> None:
    machine.log_in("acme.eu.auth0.com", default=False)
    machine.log_in("zeta.eu.auth0.com", default=False)
    shown = machine.status()
    assert shown.code == 1 and "Which tenant? The Auth0 CLI is logged in to acme.eu.auth0.com, zeta.eu" in shown.err


def test_a_machine_login_asks_for_a_token_with_its_client_secret(machine: Machine, tenant: Tenant) -> None:
    machine.log_in(tenant.domain, minutes=-60, client_id=CLIENT_ID)
    machine.store("Auth0 CLI Client Secret", tenant.domain, CLIENT_SECRET)
    shown = machine.status()
    assert shown.code == 0, shown.err
    assert (shown.json["client_id"], shown.json["source"]) == (CLIENT_ID, "the Auth0 CLI's login")
    assert CLIENT_SECRET not in shown.out + shown.err


def test_a_machine_login_without_its_secret_uses_the_token_that_is_left(machine: Machine, tenant: Tenant) -> None:
    machine.log_in(tenant.domain, client_id=CLIENT_ID)
    machine.store_token(tenant.domain, "sandbox")
    assert machine.status().code == 0


KEPT: dict[str, Callable[[str], tuple[str, str]]] = {
    "macOS": lambda token: ("", "go-keyring-base64:" + base64.b64encode(token.encode()).decode()),
    "macOS, older": lambda token: ("", "go-keyring-encoded:" + token.encode().hex()),
    "Windows": lambda token: (":{domain}", token.encode().decode("utf-16-le")),
}


@pytest.mark.parametrize("system", KEPT)
def test_entries_are_read_as_each_system_keeps_them(machine: Machine, tenant: Tenant, system: str) -> None:
    tokens = (tenant.token("read:clients", f"read:{name}") for name in ("users", "logs", "stats", "roles", "rules"))
    name, value = KEPT[system](next(token for token in tokens if len(token) % 2 == 0))
    machine.log_in(tenant.domain)
    machine.store("Auth0 CLI Access Token 0" + name.format(domain=tenant.domain), tenant.domain, value)
    shown = machine.status()
    assert shown.code == 0, shown.err
    assert "read:clients" in shown.json["scopes"]


def test_a_token_in_the_config_file_serves_where_there_is_no_keyring(machine: Machine, tenant: Tenant) -> None:
    machine.log_in(tenant.domain, access_token="sandbox")
    assert machine.status(backend=MISSING).code == 0


@pytest.mark.parametrize("minutes", [-60, 4])
def test_a_login_that_is_over_or_about_to_be_says_how_to_renew_it(machine: Machine, minutes: float) -> None:
    machine.log_in("acme.us.auth0.com", minutes=minutes, access_token="canary-token")
    shown = machine.status()
    assert shown.code == 1 and not shown.out
    assert "The Auth0 CLI's login to acme.us.auth0.com has expired" in shown.err
    _asks_for_the_scopes(shown.err)


def test_a_machine_login_that_is_over_is_renewed_with_its_client(machine: Machine) -> None:
    machine.log_in("acme.us.auth0.com", minutes=-60, client_id="AbC123")
    shown = machine.status()
    assert "auth0 login --domain acme.us.auth0.com --client-id AbC123 --client-secret …" in shown.err


def test_a_login_to_another_tenant_is_not_used(machine: Machine) -> None:
    machine.log_in("other.eu.auth0.com", access_token="canary-token")
    shown = machine.status(AUTH0_DOMAIN="acme.us.auth0.com")
    assert shown.code == 1
    assert "The Auth0 CLI is logged in to other.eu.auth0.com, not to acme.us.auth0.com." in shown.err
    assert "choosing acme.us.auth0.com" in shown.err
    _asks_for_the_scopes(shown.err)


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        (MISSING, "there is no system keyring here"),
        (LOCKED, "the system keyring is locked"),
        (BROKEN, "the system keyring cannot be read (OSError)"),
        (FILE, "the system keyring holds no token of it"),
        ("no.such.Backend", "the system keyring cannot be read"),
    ],
)
def test_a_keyring_that_gives_nothing_is_told_with_the_other_ways(machine: Machine, backend: str, told: str) -> None:
    machine.log_in("acme.us.auth0.com")
    shown = machine.status(backend=backend)
    assert shown.code == 1 and told in shown.err
    assert "AUTH0_API_TOKEN" in shown.err and "Scopes for plan" in shown.err
    assert "canary" not in shown.err


@pytest.mark.parametrize(
    "config",
    ["", "{", "[]", "7", '{"tenants": [1]}', '{"tenants": {"a": 1}}', '{"tenants": {"a": {"expires_at": "soon"}}}']
)  # fmt: skip
def test_a_config_file_that_cannot_be_understood_is_named(machine: Machine, config: str) -> None:
    machine.write(config)
    shown = machine.status()
    assert shown.code == 1 and "[auth-cli-config]" in shown.err and str(machine.config) in shown.err


@pytest.mark.parametrize("config", ["{}", '{"tenants": null}', '{"default_tenant": "", "tenants": {}}'])
def test_a_cli_that_is_logged_in_nowhere_is_as_good_as_none(machine: Machine, config: str) -> None:
    machine.write(config)
    shown = machine.status()
    assert shown.code == 1 and "There are no credentials for any tenant" in shown.err


def test_a_token_that_the_tenant_refuses_says_how_to_log_in_again(machine: Machine, tenant: Tenant) -> None:
    machine.log_in(tenant.domain)
    machine.store_token(tenant.domain, "canary-token")
    shown = machine.status()
    assert shown.code == 1 and "refused the credentials (401)" in shown.err
    assert "They come from the Auth0 CLI's login." in shown.err
    assert f"Log in again with `auth0 login`, choosing {tenant.domain}." in shown.err
    assert "canary" not in shown.err


def _asks_for_the_scopes(text: str) -> None:
    """With a command that can be pasted as it stands."""
    command = shlex.split(text[text.index("auth0 login \\") :].split("\n\n")[0].replace("\\\n", ""))
    scopes = {scope for given in command[3::2] for scope in given.split(",")}
    assert command[2::2] == ["--scopes"] * len(command[2::2])
    assert {"read:mfa_policies", "create:clients", "update:connections_options"} <= scopes
    assert {scope for scope in scopes if scope.startswith("delete:")} == {"delete:client_credentials"}  # key rotation

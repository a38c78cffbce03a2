"""`auth status`: every source of credentials, what it tells of them, and what it never shows."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support import cli
from tests.tenant.tenant import Tenant
from tokenvault.kinds import kinds
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET

DEPLOY_TOOL = {"AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": CLIENT_SECRET}
READS = ("read:clients", "read:connections", "read:resource_servers", "read:client_grants")


@pytest.mark.parametrize("variable", ["AUTH0_API_TOKEN", "AUTH0_ACCESS_TOKEN"])
def test_a_token_in_the_environment_tells_its_scopes_and_end(tenant: Tenant, variable: str) -> None:
    token = tenant.token(*READS)
    shown = cli("auth", "status", "--format", "json", env={"AUTH0_DOMAIN": tenant.domain, variable: token})
    assert shown.code == 0
    assert (shown.json["tenant"], shown.json["source"]) == (tenant.domain, variable)
    assert shown.json["scopes"] == sorted(READS)
    assert shown.json["client_id"] == CLIENT_ID
    assert shown.json["expires_at"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_claims(token)["exp"]))
    assert token not in shown.out + shown.err


def test_what_a_token_lacks_is_told_per_step_with_the_objects_that_need_it(tenant: Tenant) -> None:
    env = {"AUTH0_DOMAIN": tenant.domain, "AUTH0_API_TOKEN": tenant.token(*READS)}
    missing = cli("auth", "status", "--format", "json", env=env).json["missing"]
    assert missing["plan"]["read:mfa_policies"] == "MFA policy"
    assert missing["apply"]["create:clients"] == "application"
    assert not set(READS) & {*missing["plan"], *missing["apply"], *missing["destroy"]}
    text = cli("auth", "status", env=env).out
    assert [line for line in text.splitlines() if "read:mfa_policies" in line and "MFA policy" in line]


def test_every_scope_of_every_kind_is_counted_in_exactly_one_step(tenant: Tenant) -> None:
    env = {"AUTH0_DOMAIN": tenant.domain, "AUTH0_API_TOKEN": tenant.token("read:users")}
    missing = cli("auth", "status", "--format", "json", env=env).json["missing"]
    counted = [scope for scopes in missing.values() for scope in scopes]
    scopes = [kind.scopes for kind in kinds().values()]
    every = {s for table in scopes for s in (*table.read, *table.create, *table.update, *table.delete)}
    assert sorted(counted) == sorted(every | {s for table in scopes for some in table.fields.values() for s in some})


def test_an_opaque_token_is_said_to_tell_nothing(tenant: Tenant) -> None:
    env = {"AUTH0_DOMAIN": tenant.domain, "AUTH0_API_TOKEN": "sandbox"}
    assert cli("auth", "status", "--format", "json", env=env).json["scopes"] is None
    shown = cli("auth", "status", env=env)
    assert shown.code == 0 and "the token does not tell" in shown.out


def test_a_token_comes_before_a_client(tenant: Tenant) -> None:
    env = {"AUTH0_DOMAIN": tenant.domain, "AUTH0_API_TOKEN": "sandbox", **DEPLOY_TOOL}
    assert cli("auth", "status", "--format", "json", env=env).json["source"] == "AUTH0_API_TOKEN"


def test_a_client_with_its_secret_asks_the_token_endpoint_once(tenant: Tenant) -> None:
    tenant.forget_requests()
    shown = cli("auth", "status", "--format", "json", env={"AUTH0_DOMAIN": tenant.domain, **DEPLOY_TOOL})
    assert shown.code == 0
    assert shown.json["source"] == "AUTH0_CLIENT_ID with AUTH0_CLIENT_SECRET"
    assert shown.json["client_id"] == CLIENT_ID
    assert shown.json["missing"] == {"plan": {}, "apply": {}, "destroy": {}}
    assert shown.json["expires_at"] > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert len(tenant.requests("/oauth/token")) == 1
    assert CLIENT_SECRET not in shown.out + shown.err


@pytest.mark.parametrize("given", ["path", "pem", "pem in one line"])
def test_a_client_with_its_key_signs_for_its_token(tenant: Tenant, tmp_path: Path, given: str) -> None:
    pem, client_id = _client_with_a_key(tenant)
    file = tmp_path / "deploy.key.pem"
    file.write_text(pem)
    key = {"path": str(file), "pem": pem, "pem in one line": pem.replace("\n", "\\n")}[given]
    env = {"AUTH0_DOMAIN": tenant.domain, "AUTH0_CLIENT_ID": client_id, "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY": key}
    shown = cli("auth", "status", "--format", "json", env=env)
    assert shown.code == 0, shown.err
    assert shown.json["source"] == "AUTH0_CLIENT_ID with AUTH0_CLIENT_ASSERTION_PRIVATE_KEY"
    assert shown.json["scopes"] == ["read:clients"]


def test_the_signing_algorithm_is_the_one_that_is_asked_for(tenant: Tenant) -> None:
    pem, client_id = _client_with_a_key(tenant, alg="PS256")
    env = {"AUTH0_DOMAIN": tenant.domain, "AUTH0_CLIENT_ID": client_id, "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY": pem}
    assert cli("auth", "status", env=env).code == 1
    assert cli("auth", "status", env={**env, "AUTH0_CLIENT_ASSERTION_SIGNING_ALG": "PS256"}).code == 0


@pytest.mark.parametrize("key", ["no/such/file.pem", "-----BEGIN NONSENSE-----"])
def test_a_key_that_is_none_is_told_without_quoting_it(tenant: Tenant, key: str) -> None:
    env = {"AUTH0_DOMAIN": tenant.domain, "AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY": key}
    shown = cli("auth", "status", env=env)
    assert shown.code == 1 and "[auth-key]" in shown.err
    assert key not in shown.err


def test_the_audience_can_be_overridden(tenant: Tenant) -> None:
    env = {"AUTH0_DOMAIN": tenant.domain, **DEPLOY_TOOL}
    other = cli("auth", "status", env={**env, "AUTH0_AUDIENCE": "https://elsewhere.example/api/v2/"})
    assert other.code == 1 and "https://elsewhere.example/api/v2/" in other.err
    same = cli("auth", "status", env={**env, "AUTH0_AUDIENCE": f"https://{tenant.domain}/api/v2/"})
    assert same.code == 0


def test_the_sandbox_needs_no_credentials(tmp_path: Path) -> None:
    shown = cli("auth", "status", "--sandbox", "--format", "json", cwd=tmp_path)
    assert shown.code == 0
    assert shown.json["source"] == "the sandbox"
    assert shown.json["missing"] == {"plan": {}, "apply": {}, "destroy": {}}


@pytest.mark.parametrize("env", [{}, {"AUTH0_DOMAIN": "acme.us.auth0.com"}])
def test_without_credentials_every_way_and_every_scope_is_told(env: dict[str, str]) -> None:
    shown = cli("auth", "status", env=env)
    assert shown.code == 1 and not shown.out
    _tells_every_way(shown.err)
    assert max(map(len, shown.err.splitlines()[1:])) <= 80


def test_a_client_without_a_secret_is_pointed_out() -> None:
    shown = cli("auth", "status", env={"AUTH0_DOMAIN": "acme.us.auth0.com", "AUTH0_CLIENT_ID": "abc"})
    assert shown.code == 1 and "AUTH0_CLIENT_ID is set without a secret or key" in shown.err


def test_a_token_without_a_tenant_is_not_sent_anywhere() -> None:
    shown = cli("auth", "status", env={"AUTH0_API_TOKEN": "canary-token"})
    assert shown.code == 1 and "No tenant is named for AUTH0_API_TOKEN" in shown.err


def test_a_wrong_secret_is_refused_in_three_lines(tenant: Tenant) -> None:
    env = {"AUTH0_DOMAIN": tenant.domain, "AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": "canary-wrong"}
    shown = cli("auth", "status", env=env)
    assert shown.code == 1 and not shown.out
    assert (
        "[auth-refused]" in shown.err
        and "AUTH0_CLIENT_ID with AUTH0_CLIENT_SECRET" in shown.err
        and "(401)" in shown.err
    )
    assert len([line for line in shown.err.splitlines() if line.strip()]) == 3, shown.err
    assert "Check its id and secret" in shown.err and "canary-wrong" not in shown.err


def test_a_token_of_another_tenant_says_which(tenant: Tenant) -> None:
    foreign = jwt.encode({"aud": ["https://other.eu.auth0.com/api/v2/"], "exp": time.time() + 900}, "k" * 32)
    shown = cli("auth", "status", env={"AUTH0_DOMAIN": tenant.domain, "AUTH0_API_TOKEN": foreign})
    assert shown.code == 1 and "The token says that it is for other.eu.auth0.com." in shown.err
    assert foreign not in shown.err


def test_a_token_that_is_over_says_so(tenant: Tenant) -> None:
    over = jwt.encode({"aud": [f"https://{tenant.domain}/api/v2/"], "exp": time.time() - 900}, "k" * 32)
    shown = cli("auth", "status", env={"AUTH0_DOMAIN": tenant.domain, "AUTH0_API_TOKEN": over})
    assert shown.code == 1 and "The token says that it has expired." in shown.err
    assert "Put a new token" in shown.err


def test_a_tenant_that_does_not_answer_is_not_called_refusing() -> None:
    shown = cli("auth", "status", env={"AUTH0_DOMAIN": "127.0.0.1:1", "AUTH0_API_TOKEN": "canary-token"})
    assert shown.code == 1 and "[api-unreachable]" in shown.err


def test_credentials_may_stand_in_a_file_of_variables(tenant: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "deploy.env"
    file.write_text(f"AUTH0_DOMAIN={tenant.domain}\nAUTH0_API_TOKEN=sandbox\n")
    assert cli("auth", "status").code == 1
    assert cli("auth", "status", "--env-file", file).code == 0


def _tells_every_way(text: str) -> None:
    names = ("AUTH0_API_TOKEN", "AUTH0_ACCESS_TOKEN", "AUTH0_CLIENT_SECRET", "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY")
    assert all(name in text for name in (*names, "auth0 login"))
    plan, apply = text.index("Scopes for plan"), text.index("Scopes that apply adds")
    assert plan < text.index("read:client_grants") < apply < text.index("create:client_grants")


def _claims(token: str) -> dict[str, int]:
    claims: dict[str, int] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _client_with_a_key(tenant: Tenant, alg: str = "RS256") -> tuple[str, str]:
    """A machine that proves itself with a key and may read applications; its key as PEM, and its client id."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    body = {"name": "Signing Deploy", "app_type": "non_interactive", "grant_types": ["client_credentials"]}
    client_id = tenant.api("POST", "clients", {**body, "jwt_configuration": {"alg": "RS256"}})["client_id"]
    credential = {"credential_type": "public_key", "name": "deploy", "pem": public, "alg": alg}
    known = tenant.api("POST", f"clients/{client_id}/credentials", credential)["id"]
    methods = {"private_key_jwt": {"credentials": [{"id": known}]}}
    change = {"client_authentication_methods": methods, "token_endpoint_auth_method": None}
    tenant.api("PATCH", f"clients/{client_id}", change)
    audience = f"https://{tenant.domain}/api/v2/"
    tenant.api("POST", "client-grants", {"client_id": client_id, "audience": audience, "scope": ["read:clients"]})
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), client_id

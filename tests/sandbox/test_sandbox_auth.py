"""Who may do what: bearer tokens, client credentials, scopes and what they hide."""

from __future__ import annotations

import base64
from typing import Any

import jwt
import pytest

from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET

AUDIENCE = "https://sandbox.localhost/api/v2/"
GRANT = {"grant_type": "client_credentials", "audience": AUDIENCE}


def test_without_a_usable_token_nothing_is_answered(api: Any) -> None:
    assert api.raw("GET", "/api/v2/clients").status_code == 401
    for header in ("Bearer wrong", "Basic sandbox", "sandbox"):
        response = api.raw("GET", "/api/v2/clients", headers={"authorization": header})
        assert response.status_code == 401 and response.json()["statusCode"] == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "scope"),
    [
        ("GET", "/clients", None, "read:clients,read:client_keys,read:client_credentials,read:client_summary"),
        ("POST", "/clients", {"name": "a"}, "create:clients"),
        ("GET", "/connections", None, "read:connections"),
        ("POST", "/resource-servers", {"identifier": "x"}, "create:resource_servers"),
        ("GET", "/client-grants", None, "read:client_grants"),
        ("PUT", "/guardian/policies", [], "update:mfa_policies"),
        ("GET", "/tenants/settings", None, "read:tenant_settings"),
    ],
)
def test_a_missing_scope_is_named(limited: Any, method: str, path: str, body: Any, scope: str) -> None:
    response = limited("read:logs").ask(method, path, body)
    assert response.status_code == 403
    assert response.json() == {
        "statusCode": 403,
        "error": "Forbidden",
        "message": f"Insufficient scope, expected any of: {scope}",
        "errorCode": "insufficient_scope",
    }


def test_secrets_need_the_scope_for_keys(limited: Any) -> None:
    assert not any("client_secret" in client for client in limited("read:clients").ok("GET", "/clients"))
    assert all("client_secret" in client for client in limited("read:client_keys").ok("GET", "/clients"))


def test_options_need_scopes_of_their_own(limited: Any) -> None:
    reader = limited("read:connections", "update:connections")
    connection = reader.ok("GET", "/connections?name=github")[0]
    assert "options" not in connection
    path = f"/connections/{connection['id']}"
    before = reader.sandbox.export_state()
    assert reader.no("PATCH", path, {"options": {}})[1].endswith("update:connections_options")
    assert reader.sandbox.export_state() == before
    assert "options" not in reader.ok("PATCH", path, {"connected_accounts": {"active": True}})


def test_privileged_access_and_credentials_need_scopes_of_their_own(limited: Any) -> None:
    writer = limited("read:clients", "create:clients", "update:clients")
    client_id = writer.ok("POST", "/clients", {"name": "a"})["client_id"]
    access = {"token_vault_privileged_access": {"credentials": [], "ip_allowlist": [], "grants": []}}
    message = writer.no("PATCH", f"/clients/{client_id}", access)[1]
    assert message.endswith("update:client_token_vault_privileged_access")
    methods = {"client_authentication_methods": None, "token_endpoint_auth_method": "client_secret_post"}
    assert writer.no("PATCH", f"/clients/{client_id}", methods)[1].endswith("update:client_credentials")
    assert writer.no("POST", "/clients", {"name": "b", **access})[0] == 403
    assert writer.no("GET", f"/clients/{client_id}/credentials")[1].endswith("read:client_credentials")


def test_the_seeded_deploy_tool_gets_a_token_by_secret(api: Any) -> None:
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    by_post = api.token_request(**GRANT, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    by_json = api.raw("POST", "/oauth/token", json={**GRANT, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    by_header = api.raw("POST", "/oauth/token", data=GRANT, headers={"authorization": f"Basic {basic}"})
    for response in (by_post, by_json, by_header):
        token = response.json()
        assert response.status_code == 200 and token["token_type"] == "Bearer" and token["expires_in"] == 86400
        assert "read:clients" in token["scope"].split()
        headers = {"authorization": f"Bearer {token['access_token']}"}
        assert api.raw("GET", "/api/v2/clients", headers=headers).status_code == 200


def test_a_token_has_the_scopes_of_its_grant_and_an_end(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = api.ok("GET", f"/client-grants?client_id={CLIENT_ID}")[0]
    api.ok("PATCH", f"/client-grants/{grant['id']}", {"scope": ["read:clients"]})
    token = api.token_request(**GRANT, client_id=CLIENT_ID, client_secret=CLIENT_SECRET).json()
    assert token["scope"] == "read:clients"
    headers = {"authorization": f"Bearer {token['access_token']}"}
    assert api.raw("GET", "/api/v2/connections", headers=headers).status_code == 403
    now = api.sandbox.clock()
    monkeypatch.setattr(api.sandbox, "clock", lambda: now + 86_401)
    assert api.raw("GET", "/api/v2/clients", headers=headers).json()["message"].startswith("Expired token")


def test_issuing_a_management_token_writes_nothing(api: Any) -> None:
    before = api.sandbox.export_state()
    api.token_request(**GRANT, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    assert api.sandbox.export_state() == before


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "access_denied"),
        ({"client_id": "nobody"}, 401, "access_denied"),
        ({"audience": "https://nowhere"}, 403, "access_denied"),
        ({"audience": "https://api.acme"}, 403, "access_denied"),
        ({"audience": ""}, 403, "access_denied"),
        ({"grant_type": "password"}, 403, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
    ],
)
def test_client_credentials_are_refused(api: Any, form: dict, status: int, error: str) -> None:
    api.ok("POST", "/resource-servers", {"identifier": "https://api.acme"})
    response = api.token_request(**{**GRANT, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **form})
    assert (response.status_code, response.json()["error"]) == (status, error)


# ---- private_key_jwt


@pytest.fixture
def signer(api: Any, keys: Any) -> str:
    credential = {"credential_type": "public_key", "pem": keys[0].public, "alg": "RS256"}
    client = api.ok("POST", "/clients", {
        "name": "signer", "jwt_configuration": {"alg": "RS256"},
        "client_authentication_methods": {"private_key_jwt": {"credentials": [credential]}},
    })  # fmt: skip
    client_id = client["client_id"]
    api.ok("POST", "/client-grants", {"client_id": client_id, "audience": AUDIENCE, "scope": ["read:clients"]})
    return client_id


def _assertion(api: Any, client_id: str, key: Any, **claims: Any) -> dict[str, str]:
    now = int(api.sandbox.clock())
    full = {"iss": client_id, "sub": client_id, "aud": "https://sandbox.localhost/", "iat": now, "exp": now + 60,
            "jti": "one", **claims}  # fmt: skip
    token = jwt.encode({name: value for name, value in full.items() if value}, key.private, algorithm="RS256")
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"client_assertion": token, "client_assertion_type": kind}


def test_an_assertion_is_verified_for_real(api: Any, signer: str, keys: Any) -> None:
    good = _assertion(api, signer, keys[0])
    assert api.token_request(**GRANT, **good).json()["scope"] == "read:clients"
    assert api.token_request(**GRANT, **good).json()["error"] == "invalid_client"  # replayed


@pytest.mark.parametrize("claims", [{"aud": "https://evil/"}, {"exp": 1}, {"sub": "x"}, {"jti": ""}, {"iss": "x"}])
def test_a_bad_assertion_is_refused(api: Any, signer: str, keys: Any, claims: dict) -> None:
    response = api.token_request(**GRANT, **_assertion(api, signer, keys[0], **claims))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_another_key_or_a_secret_does_not_do(api: Any, signer: str, keys: Any) -> None:
    assert api.token_request(**GRANT, **_assertion(api, signer, keys[1])).status_code == 401
    assert api.token_request(**GRANT, client_id=signer, client_secret="x").status_code == 401

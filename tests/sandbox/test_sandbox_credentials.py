"""Credentials: the pool, the slots, and what may not be done to them."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

ACCESS = {"ip_allowlist": ["203.0.113.0/24"], "grants": [{"connection": "google-oauth2", "scopes": ["a"]}]}


def _key(key: Any, **more: Any) -> dict:
    return {"credential_type": "public_key", "name": "k", "pem": key.public, "alg": "RS256", **more}


@pytest.fixture
def worker(api: Any) -> str:
    body = {"name": "worker", "token_endpoint_auth_method": "client_secret_post", "jwt_configuration": {"alg": "RS256"}}
    return api.ok("POST", "/clients", body)["client_id"]


def test_the_kid_is_the_thumbprint_and_the_pem_never_comes_out(api: Any, worker: str, keys: Any) -> None:
    made = api.ok("POST", f"/clients/{worker}/credentials", _key(keys[0], expires_at="2099-05-13T09:33:13Z"))
    algorithm = jwt.get_algorithm_by_name("RS256")
    jwk = algorithm.to_jwk(algorithm.prepare_key(keys[0].public.encode()), as_dict=True)
    from tokenvault.sandbox.keys import jwk_thumbprint

    assert made["kid"] == jwk_thumbprint(jwk) and made["id"].startswith("cred_")
    assert made["expires_at"] == "2099-05-13T09:33:13.000Z" and "pem" not in made and "jwk" not in made
    assert api.ok("GET", f"/clients/{worker}/credentials") == [made]
    assert api.ok("GET", f"/clients/{worker}/credentials/{made['id']}") == made


def test_the_pool_holds_four(api: Any, worker: str, keys: Any) -> None:
    for key in keys[:4]:
        api.ok("POST", f"/clients/{worker}/credentials", _key(key))
    status, message = api.no("POST", f"/clients/{worker}/credentials", _key(keys[4]))
    assert (status, message) == (400, "A client can have a maximum of 4 credentials.")


def test_the_pool_holds_no_key_twice(api: Any, worker: str, keys: Any) -> None:
    api.ok("POST", f"/clients/{worker}/credentials", _key(keys[0]))
    message = api.no("POST", f"/clients/{worker}/credentials", _key(keys[0], name="again"))[1]
    assert message == "credentials contains public keys that already exist in client"


def test_slots_take_two_references_to_the_pool(api: Any, worker: str, keys: Any) -> None:
    ids = [api.ok("POST", f"/clients/{worker}/credentials", _key(key))["id"] for key in keys[:3]]
    too_many = {"token_vault_privileged_access": {"credentials": [{"id": one} for one in ids], **ACCESS}}
    status, message = api.no("PATCH", f"/clients/{worker}", too_many)
    assert status == 400 and "Array is too long (3), maximum 2" in message
    unknown = {"token_vault_privileged_access": {"credentials": [{"id": "cred_" + "x" * 22}], **ACCESS}}
    assert api.no("PATCH", f"/clients/{worker}", unknown)[0] == 400
    partial = {"token_vault_privileged_access": {"ip_allowlist": [], "grants": []}}
    assert "Missing required property: credentials" in api.no("PATCH", f"/clients/{worker}", partial)[1]
    attached = {"credentials": [{"id": ids[0]}], **ACCESS}
    api.ok("PATCH", f"/clients/{worker}", {"token_vault_privileged_access": attached})
    refused = api.no("DELETE", f"/clients/{worker}/credentials/{ids[0]}")
    assert refused == (400, "Cannot delete credential still associated with a client")
    api.ok("PATCH", f"/clients/{worker}", {"token_vault_privileged_access": None})
    api.ok("DELETE", f"/clients/{worker}/credentials/{ids[0]}")
    assert len(api.ok("GET", f"/clients/{worker}/credentials")) == 2


def test_signed_assertions_and_secrets_exclude_each_other(api: Any, worker: str, keys: Any) -> None:
    slot = {"private_key_jwt": {"credentials": [{"id": api.ok("POST", f"/clients/{worker}/credentials",
                                                              _key(keys[0]))["id"]}]}}  # fmt: skip
    assert api.no("PATCH", f"/clients/{worker}", {"client_authentication_methods": slot})[0] == 400
    attached = {"client_authentication_methods": slot, "token_endpoint_auth_method": None}
    after = api.ok("PATCH", f"/clients/{worker}", attached)
    assert "client_secret" not in after and "token_endpoint_auth_method" not in after
    neither = {"client_authentication_methods": None, "token_endpoint_auth_method": None}
    assert api.no("PATCH", f"/clients/{worker}", neither)[0] == 400
    detached = {"client_authentication_methods": None, "token_endpoint_auth_method": "client_secret_post"}
    assert "client_secret" in api.ok("PATCH", f"/clients/{worker}", detached)
    assert len(api.ok("GET", f"/clients/{worker}/credentials")) == 1


def test_symmetric_applications_cannot_use_assertions(api: Any, keys: Any) -> None:
    body = {"name": "a", "jwt_configuration": {"alg": "HS256"},
            "client_authentication_methods": {"private_key_jwt": {"credentials": [_key(keys[0])]}}}  # fmt: skip
    assert api.no("POST", "/clients", body)[0] == 400
    body["jwt_configuration"] = {"alg": "RS256"}
    client = api.ok("POST", "/clients", body)
    assert "client_secret" not in client


def test_a_create_takes_the_worker_whole(api: Any, keys: Any) -> None:
    body = {"name": "w", "token_vault_privileged_access": {"credentials": [_key(keys[0])], **ACCESS}}
    client = api.ok("POST", "/clients", body)
    held = api.ok("GET", f"/clients/{client['client_id']}/credentials")
    assert client["token_vault_privileged_access"]["credentials"] == held
    read = api.ok("GET", f"/clients/{client['client_id']}")
    assert read["token_vault_privileged_access"]["credentials"] == [{"id": held[0]["id"]}]


@pytest.mark.parametrize("slot", ["client_authentication_methods", "signed_request_object"])
def test_the_answer_to_a_create_shows_whole_credentials_and_a_read_their_ids(api: Any, keys: Any, slot: str) -> None:
    inline = {"credentials": [_key(keys[0], name="first")]}
    sent = {"private_key_jwt": inline} if slot == "client_authentication_methods" else inline
    made = api.ok("POST", "/clients", {"name": "a", "jwt_configuration": {"alg": "RS256"}, slot: sent})
    whole = made[slot].get("private_key_jwt", made[slot])["credentials"][0]
    assert {"name": "first", "credential_type": "public_key", "alg": "RS256"}.items() <= whole.items()
    assert whole["kid"] and whole["created_at"] and "pem" not in whole
    read = api.ok("GET", f"/clients/{made['client_id']}")
    assert read[slot].get("private_key_jwt", read[slot])["credentials"] == [{"id": whole["id"]}]


def test_an_application_is_rebuilt_from_what_another_tenant_answered(api: Any, keys: Any) -> None:
    ids = [f"cred_{letter * 22}" for letter in "ab"]
    methods = {"private_key_jwt": {"credentials": [{"id": one} for one in ids]}}
    body = {"name": "copy", "jwt_configuration": {"alg": "RS256"}, "client_authentication_methods": methods}
    copy = api.ok("POST", "/clients", body)["client_id"]
    assert api.ok("GET", f"/clients/{copy}")["client_authentication_methods"] == methods
    assert [one["id"] for one in api.ok("GET", f"/clients/{copy}/credentials")] == ids
    for wrong in ({"id": ids[0], "name": "x"}, {"id": "no-id"}, {"name": "x"}):
        methods["private_key_jwt"]["credentials"] = [wrong]
        assert api.no("POST", "/clients", body)[0] == 400


@pytest.mark.parametrize(
    "part",
    [
        {"ip_allowlist": ["not-an-ip"]},
        {"ip_allowlist": [f"10.0.0.{n}" for n in range(11)]},
        {"grants": [{"connection": str(n), "scopes": []} for n in range(6)]},
        {"grants": [{"connection": "a", "scopes": []}, {"connection": "a", "scopes": []}]},
        {"grants": [{"connection": "a", "scopes": [str(n) for n in range(21)]}]},
        {"colour": "red"},
    ],
)
def test_privileged_access_has_limits(api: Any, worker: str, part: dict) -> None:
    access = {"credentials": [], **ACCESS, **part}
    assert api.no("PATCH", f"/clients/{worker}", {"token_vault_privileged_access": access})[0] == 400


def test_only_the_expiry_of_a_credential_changes(api: Any, worker: str, keys: Any) -> None:
    path = f"/clients/{worker}/credentials/" + api.ok("POST", f"/clients/{worker}/credentials", _key(keys[0]))["id"]
    assert api.ok("PATCH", path, {"expires_at": "2050-05-13T09:33:13Z"})["expires_at"] == "2050-05-13T09:33:13.000Z"
    assert api.no("PATCH", path, {"name": "new"})[0] == 400
    assert api.no("PATCH", path, {"expires_at": None})[0] == 400
    assert api.no("PATCH", path, {"expires_at": "tomorrow"})[0] == 400


def test_keys_must_be_keys(api: Any, worker: str) -> None:
    for pem in ("nonsense", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"):
        body = {"credential_type": "public_key", "pem": pem}
        assert api.no("POST", f"/clients/{worker}/credentials", body)[0] == 400

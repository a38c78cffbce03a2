"""Applications: defaults by type, merging, what is immutable, limits."""

from __future__ import annotations

from typing import Any

import pytest

ALL_GRANTS = ["authorization_code", "implicit", "refresh_token", "client_credentials"]
CONFIDENTIAL = {"token_endpoint_auth_method": "client_secret_post"}


@pytest.mark.parametrize(
    ("body", "grants", "conformant", "lifetimes"),
    [
        ({}, ALL_GRANTS, False, (2592000, 1296000)),
        ({"app_type": "regular_web", **CONFIDENTIAL}, ALL_GRANTS, False, (31557600, 2592000)),
        ({"app_type": "non_interactive", **CONFIDENTIAL}, ALL_GRANTS, False, (31557600, 2592000)),
        ({"app_type": "spa", "token_endpoint_auth_method": "none"}, ALL_GRANTS[:3], False, (2592000, 1296000)),
        ({"app_type": "native", "token_endpoint_auth_method": "none"}, ALL_GRANTS[:3], False, (2592000, 1296000)),
        ({"app_type": "spa", "is_first_party": False, "token_endpoint_auth_method": "none"}, ALL_GRANTS[:3], True,
         (2592000, 1296000)),
    ],
)  # fmt: skip
def test_defaults_depend_on_the_type(api: Any, body: dict, grants: list, conformant: bool, lifetimes: tuple) -> None:
    client = api.ok("POST", "/clients", {"name": "app", **body})
    assert client["grant_types"] == grants
    assert client["oidc_conformant"] is conformant
    rotation = client["refresh_token"]
    assert (rotation["token_lifetime"], rotation["idle_token_lifetime"]) == lifetimes
    assert client["jwt_configuration"] == {"secret_encoded": False, "lifetime_in_seconds": 36000}
    assert rotation["rotation_type"] == ("rotating" if body.get("is_first_party") is False else "non-rotating")


def test_strict_third_party_applications_have_ids_and_defaults_of_their_own(api: Any) -> None:
    client = api.ok("POST", "/clients", {
        "name": "partner", "app_type": "regular_web", "is_first_party": False, "third_party_security_mode": "strict",
        **CONFIDENTIAL,
    })  # fmt: skip
    assert client["client_id"].startswith("tpc_")
    assert client["grant_types"] == ["authorization_code"]
    assert client["jwt_configuration"] == {"secret_encoded": False, "alg": "RS256", "lifetime_in_seconds": 3600}
    assert client["refresh_token"]["expiration_type"] == "expiring"


def test_a_custom_api_client_is_linked_to_an_existing_api_for_good(api: Any) -> None:
    body = {"name": "api client", "app_type": "resource_server", "resource_server_identifier": "https://api.acme"}
    assert api.no("POST", "/clients", body)[0] == 404
    made = api.ok("POST", "/resource-servers", {"identifier": "https://api.acme"})
    client = api.ok("POST", "/clients", body)
    assert client["grant_types"] == [] and client["oidc_conformant"] is True
    assert client["jwt_configuration"] == {"secret_encoded": False, "alg": "RS256"}
    assert api.ok("GET", f"/resource-servers/{made['id']}")["client_id"] == client["client_id"]
    status, message = api.no("PATCH", f"/clients/{client['client_id']}", {"resource_server_identifier": "https://x"})
    assert status == 400 and "Additional properties not allowed: resource_server_identifier" in message


def test_the_link_and_the_type_belong_together(api: Any) -> None:
    assert api.no("POST", "/clients", {"name": "a", "app_type": "resource_server"})[0] == 400
    assert api.no("POST", "/clients", {"name": "a", "resource_server_identifier": "https://api.acme"})[0] == 400


def test_patch_merges_objects_replaces_arrays_and_takes_null_for_removal(api: Any) -> None:
    client_id = api.ok("POST", "/clients", {"name": "a", "client_metadata": {"a": "1", "b": "2"}})["client_id"]
    changed = api.ok("PATCH", f"/clients/{client_id}", {
        "jwt_configuration": {"alg": "RS256"}, "client_metadata": {"b": None, "c": "3"}, "grant_types": [],
        "mobile": {"ios": {"team_id": "x"}}, "initiate_login_uri": "",
    })  # fmt: skip
    assert changed["jwt_configuration"] == {"secret_encoded": False, "alg": "RS256", "lifetime_in_seconds": 36000}
    assert changed["client_metadata"] == {"a": "1", "c": "3"}
    assert changed["grant_types"] == [] and "initiate_login_uri" not in changed
    assert "mobile" not in api.ok("PATCH", f"/clients/{client_id}", {"mobile": None})


def test_refresh_token_is_replaced_as_a_whole(api: Any) -> None:
    policies = [{"audience": "https://api", "scope": []}]
    client_id = api.ok("POST", "/clients", {"name": "a", **CONFIDENTIAL})["client_id"]
    full = {"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 5, "policies": policies}
    assert api.ok("PATCH", f"/clients/{client_id}", {"refresh_token": full})["refresh_token"]["policies"] == policies
    short = {"rotation_type": "non-rotating", "expiration_type": "non-expiring"}
    after = api.ok("PATCH", f"/clients/{client_id}", {"refresh_token": short})["refresh_token"]
    assert "policies" not in after and after["leeway"] == 0 and after["infinite_token_lifetime"] is True
    status, message = api.no("PATCH", f"/clients/{client_id}", {"refresh_token": {"rotation_type": "rotating"}})
    assert status == 400 and "Missing required property: expiration_type" in message


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"name": "<b>"}, "does not match pattern"),
        ({"name": 7}, "Expected type string but found type integer' on property name"),
        ({}, "Missing required property: name"),
        ({"name": "a", "colour": "red"}, "Additional properties not allowed: colour"),
        ({"name": "a", "app_type": "regular"}, "No enum match for: regular"),
        ({"name": "a", "description": "x" * 141}, "String is too long (141 chars), maximum 140"),
        ({"name": "a", "token_endpoint_auth_method": "private_key_jwt"}, "No enum match"),
        ({"name": "a", "client_metadata": {str(n): "x" for n in range(11)}}, "at most 10"),
        ({"name": "a", "client_metadata": {"k": "x" * 256}}, "at most 255"),
        ({"name": "a", "refresh_token": {"rotation_type": "rotating", "expiration_type": "expiring", "policies": []}},
         "Array is too short (0), minimum 1"),
    ],
)  # fmt: skip
def test_bodies_are_judged_strictly(api: Any, body: dict, part: str) -> None:
    response = api.ask("POST", "/clients", body)
    assert response.status_code == 400
    assert part in response.json()["message"]
    assert response.json()["errorCode"] == "invalid_body" and response.json()["statusCode"] == 400


def test_names_need_not_be_unique_and_lists_keep_the_order_of_creation(api: Any) -> None:
    made = [api.ok("POST", "/clients", {"name": "twin"})["client_id"] for _ in range(2)]
    found = [client["client_id"] for client in api.ok("GET", "/clients") if client["name"] == "twin"]
    assert found == made


def test_deleting_an_application_takes_everything_with_it(api: Any, keys: Any) -> None:
    client_id = api.ok("POST", "/clients", {"name": "a", **CONFIDENTIAL})["client_id"]
    connection = api.ok("GET", "/connections?name=github")[0]["id"]
    api.ok("POST", "/resource-servers", {"identifier": "https://api.acme"})
    grant = api.ok("POST", "/client-grants", {"client_id": client_id, "audience": "https://api.acme", "scope": []})
    api.ok("PATCH", f"/connections/{connection}/clients", [{"client_id": client_id, "status": True}])
    api.ok("POST", f"/clients/{client_id}/credentials", {"credential_type": "public_key", "pem": keys[0].public})
    for _ in range(2):  # idempotent
        assert api.ask("DELETE", f"/clients/{client_id}").status_code == 204
    assert api.no("GET", f"/clients/{client_id}") == (404, "The client does not exist")
    assert api.no("GET", f"/client-grants/{grant['id']}")[0] == 404
    assert client_id not in str(api.ok("GET", f"/connections/{connection}/clients"))
    assert client_id not in str(api.sandbox.export_state())


def test_secrets_can_be_rotated_and_set(api: Any) -> None:
    client = api.ok("POST", "/clients", {"name": "a", **CONFIDENTIAL})
    path = f"/clients/{client['client_id']}"
    rotated = api.ok("POST", f"{path}/rotate-secret")["client_secret"]
    assert rotated != client["client_secret"] and api.ok("GET", path)["client_secret"] == rotated
    assert api.ok("PATCH", path, {"client_secret": "mine"})["client_secret"] == "mine"


def test_only_the_answer_to_a_create_shows_the_private_signing_key(api: Any) -> None:
    client = api.ok("POST", "/clients", {"name": "a"})
    assert "key" in client["signing_keys"][0] and client["encrypted"] is True
    read = api.ok("GET", f"/clients/{client['client_id']}")
    assert "key" not in read["signing_keys"][0] and "encrypted" not in read


def test_the_global_client_is_listed_and_filtered(api: Any) -> None:
    names = {client["name"] for client in api.ok("GET", "/clients")}
    assert names == {"All Applications", "Acme Deploy", "Legacy Portal", "Storefront"}
    assert [client["name"] for client in api.ok("GET", "/clients?is_global=true")] == ["All Applications"]
    assert len(api.ok("GET", "/clients?is_global=false&app_type=spa,regular_web")) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"addons": {"aws": {"principal": "p", "role": "r", "lifetime_in_seconds": 900}}},
        {"addons": {"samlp": {"audience": "a", "mappings": {"email": "e"}, "nameIdentifierProbes": ["p"]}}},
        {"addons": {"sharepoint": {"url": "u", "external_url": ["https://a"]}, "wsfed": {"any": 1}}},
        {"addons": {"slack": {"team": "t"}, "box": None}},
        {
            "mobile": {
                "android": {"app_package_name": "x", "sha256_cert_fingerprints": ["A:B"]},
                "ios": {"team_id": "T"},
            }
        },
        {"oidc_logout": {"backchannel_logout_initiators": {"mode": "custom", "selected_initiators": ["rp-logout"]}}},
        {"oidc_backchannel_logout": {"backchannel_logout_urls": ["https://acme.example/{organization.name}"]}},
        {"encryption_key": {"pub": "p", "cert": "c", "subject": "s"}},
        {"initiate_login_uri": "https://acme.example/login", "logo_uri": "https://acme.example/l.png"},
        {"logo_uri": "", "initiate_login_uri": ""},
        {"token_quota": {"client_credentials": {"enforce": False, "per_day": 100}}},
        {"default_organization": {"organization_id": "org_1", "flows": ["client_credentials"]}},
        {"my_organization_configuration": {"allowed_strategies": ["okta"], "connection_deletion_behavior": "allow"}},
    ],
)
def test_nested_settings_are_kept_as_they_are_sent(api: Any, body: dict) -> None:
    wanted = {key: _without_nulls(value) for key, value in body.items() if value}
    made = api.ok("POST", "/clients", {"name": "c", **body})
    patched = api.ok("PATCH", f"/clients/{api.ok('POST', '/clients', {'name': 'd'})['client_id']}", body)
    for shown in (made, patched):
        assert {key: shown[key] for key in wanted} == wanted


def _without_nulls(value: Any) -> Any:
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    "body",
    [
        {"addons": {"made_up": {}}},
        {"addons": {"aws": {"lifetime_in_seconds": 899}}},
        {"addons": {"slack": {}}},
        {"addons": {"sharepoint": {"external_url": 1}}},
        {"mobile": {"android": {"sha256_cert_fingerprints": []}}},
        {"native_social_login": {"github": {"enabled": True}}},
        {"oidc_logout": {"backchannel_logout_initiators": {"selected_initiators": ["earthquake"]}}},
        {"oidc_logout": {"backchannel_logout_urls": ["http://acme.example"]}},
        {"express_configuration": {"enable_client": True}},
        {"session_transfer": {"made_up": True}},
        {"token_quota": {"client_credentials": {"per_day": 2**31}}},
        {"default_organization": {"organization_id": "org_1"}},
        {"allowed_clients": [""]},
        {"initiate_login_uri": "http://acme.example"},
        {"logo_uri": "a picture"},
    ],
)
def test_nested_settings_that_cannot_be_are_refused_on_every_write(api: Any, body: dict) -> None:
    assert api.no("POST", "/clients", {"name": "c", **body})[0] == 400
    made = api.ok("POST", "/clients", {"name": "d"})
    status, message = api.no("PATCH", f"/clients/{made['client_id']}", body)
    assert status == 400 and message.startswith("Payload validation error: '") and next(iter(body)) in message


def test_a_session_transfer_is_completed_on_every_write(api: Any) -> None:
    made = api.ok("POST", "/clients", {"name": "c", "session_transfer": {"can_create_session_transfer_token": True}})
    assert made["session_transfer"] == {
        "can_create_session_transfer_token": True,
        "allow_refresh_token": False,
        "enforce_device_binding": "ip",
        "enforce_cascade_revocation": True,
        "enforce_online_refresh_tokens": True,
    }
    path = f"/clients/{made['client_id']}"
    patched = api.ok("PATCH", path, {"session_transfer": {"delegation": {"allow_delegated_access": True}}})
    assert patched["session_transfer"] == made["session_transfer"] | {
        "delegation": {"allow_delegated_access": True, "enforce_device_binding": "ip"}
    }
    assert "session_transfer" not in api.ok("PATCH", path, {"session_transfer": None})


def test_a_refresh_token_that_is_null_goes_back_to_the_defaults(api: Any) -> None:
    rotating = {"rotation_type": "rotating", "expiration_type": "expiring", "idle_token_lifetime": 200_000_000}
    made = api.ok("POST", "/clients", {"name": "c", "refresh_token": rotating})
    assert made["refresh_token"]["idle_token_lifetime"] == 200_000_000
    patched = api.ok("PATCH", f"/clients/{made['client_id']}", {"refresh_token": None})
    assert patched["refresh_token"] == api.ok("POST", "/clients", {"name": "d"})["refresh_token"]


def test_logout_settings_have_an_old_and_a_new_name(api: Any) -> None:
    urls, initiators = {"backchannel_logout_urls": ["https://a.example/out"]}, {"mode": "all"}
    made = api.ok("POST", "/clients", {"name": "a", "oidc_backchannel_logout": urls})
    assert made["oidc_logout"]["backchannel_logout_urls"] == urls["backchannel_logout_urls"]
    assert made["oidc_logout"]["backchannel_logout_initiators"]["mode"] == "custom"
    path = f"/clients/{made['client_id']}"
    after = api.ok("PATCH", path, {"oidc_logout": {"backchannel_logout_initiators": initiators}})
    assert after["oidc_logout"] == urls | {"backchannel_logout_initiators": initiators}
    assert after["oidc_backchannel_logout"] == urls
    gone = api.ok("PATCH", path, {"oidc_backchannel_logout": None})
    assert "oidc_logout" not in gone and "oidc_backchannel_logout" not in gone
    assert "oidc_logout" not in api.ok("POST", "/clients", {"name": "b"})


def test_what_is_no_text_is_no_choice(api: Any) -> None:
    client = api.ok("POST", "/clients", {"name": "a"})["client_id"]
    status, says = api.no("PATCH", f"/clients/{client}", {"app_type": None})
    assert (status, says) == (
        400,
        "Payload validation error: 'Expected type string but found type null' on property app_type.",
    )
    assert "found type object" in api.no("PATCH", f"/clients/{client}", {"organization_usage": {}})[1]

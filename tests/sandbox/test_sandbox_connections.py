"""Connections: what PATCH replaces, how scopes are computed, who may use them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding


@pytest.fixture
def google(api: Any) -> str:
    return api.ok("GET", "/connections?name=google-oauth2")[0]["id"]


def test_patch_replaces_options_and_leaves_them_alone_when_absent(api: Any, google: str) -> None:
    before = api.ok("GET", f"/connections/{google}")["options"]
    assert before["client_secret"] and before["scope"] == ["email", "profile"]
    untouched = api.ok("PATCH", f"/connections/{google}", {"connected_accounts": {"active": True}})
    assert untouched["options"] == before and untouched["connected_accounts"] == {"active": True}
    after = api.ok("PATCH", f"/connections/{google}", {"options": {"client_id": "x", "email": True}})["options"]
    assert after == {"client_id": "x", "email": True, "scope": ["email"]}


def test_a_display_name_that_is_not_sent_again_is_reset(api: Any) -> None:
    slack = api.ok("GET", "/connections?name=sign-in-with-slack")[0]
    assert slack["display_name"] == "Slack"
    assert api.ok("PATCH", f"/connections/{slack['id']}", {"show_as_button": True})["display_name"] == slack["name"]


@pytest.mark.parametrize(
    ("strategy", "options", "scope"),
    [
        ("github", {"email": True, "repo": True, "read_org": True}, ["user:email", "repo", "read:org"]),
        ("github", {"email": False, "scope": ["made-up"]}, []),
        ("facebook", {"email": True, "user_birthday": True, "read_stream": False}, "email,user_birthday"),
        ("windowslive", None, ["wl.signin"]),
        ("windowslive", {"strategy_version": 2}, []),
        ("windowslive", {"strategy_version": 2, "graph_user": True}, ["https://graph.microsoft.com/User.Read"]),
        ("linkedin", {"strategy_version": 2, "email": True, "profile": True}, ["r_emailaddress", "r_liteprofile"]),
        ("linkedin", {"strategy_version": 2, "email": True, "profile": False}, ["r_emailaddress"]),
        ("linkedin", {"strategy_version": 3, "email": True, "openid": True}, ["email", "openid", "profile"]),
        ("linkedin", {"basic_profile": True}, ["r_basicprofile"]),
        ("linkedin", None, ["r_basicprofile"]),
        ("apple", {"name": True, "email": True}, "name email"),
        ("line", {"profile": True, "email": True}, ["profile", "email"]),
        ("paypal", {"email": True, "phone": False}, ["openid", "email"]),
        ("salesforce-community", {"profile": True, "freeform_scopes": ["api"]}, ["profile", "api"]),
        ("salesforce", {"scope": ["refresh_token"]}, ["refresh_token"]),
        ("twitter", {"scope": ["basic_profile"]}, ["basic_profile"]),
        (
            "twitter",
            {"protocol": "oauth2", "tweet_read": True, "offline_access": True},
            ["tweet.read", "offline.access"],
        ),
        ("google-oauth2", {"calendar_events": True}, ["https://www.googleapis.com/auth/calendar.events", "email"]),
        ("google-oauth2", {"calendar": True, "email": False}, ["https://www.googleapis.com/auth/calendar"]),
        ("google-oauth2", {"drive_file": True, "email": False}, ["https://www.googleapis.com/auth/drive.file"]),
        ("google-oauth2", None, ["email", "profile"]),
        ("google-oauth2", {"email": True, "freeform_scopes": ["x"]}, ["email", "x"]),
        ("google-apps", {"domain": "acme.example"}, ["email", "profile"]),
        ("oauth2", {"scope": ["a", "b"]}, ["a", "b"]),
        ("oidc", {"scope": "openid email"}, "openid email"),
    ],
)
def test_scope_is_computed_where_there_are_booleans(api: Any, strategy: str, options: dict, scope: Any) -> None:
    body = {"name": "c", "strategy": strategy} | ({"options": options} if options is not None else {})
    assert api.ok("POST", "/connections", body)["options"]["scope"] == scope


@pytest.mark.parametrize(
    ("strategy", "created", "updated"),
    [
        ("google-oauth2", {"email": True, "profile": True}, {"email": True}),
        ("windowslive", {"signin": True}, {"signin": True}),
        ("linkedin", {"profile": True}, {"profile": True}),
        (
            "google-apps",
            {"map_user_id_to_id": False, "email": True, "profile": True, "handle_login_from_social": True},
            {"map_user_id_to_id": False, "api_enable_users": True},
        ),
        ("oidc", {"type": "front_channel"}, {"type": "front_channel"}),
        ("okta", {"type": "back_channel"}, {"type": "back_channel"}),
        ("auth0", {"passwordPolicy": "good"}, {"brute_force_protection": True}),
    ],
)
def test_what_the_server_puts_into_options(api: Any, strategy: str, created: dict, updated: dict) -> None:
    made = api.ok("POST", "/connections", {"name": "c", "strategy": strategy})
    assert created.items() <= made["options"].items() and "api_enable_users" not in made["options"]
    options = {"upstream_params": {"screen_name": {"alias": "login_hint"}}}
    after = api.ok("PATCH", f"/connections/{made['id']}", {"options": options})["options"]
    assert (updated | options).items() <= after.items()


@pytest.mark.parametrize(
    ("sent", "authorization"),
    [
        ({"authorization_endpoint": "https://idp.example/a", "token_endpoint": None}, "https://org.okta.example/oauth2/v1/authorize"),
        ({"authorization_endpoint": "https://idp.example/a", "dpop_signing_alg": "ES256"}, "https://idp.example/a"),
        (
            {"authorization_endpoint": "https://idp.example/a", "token_endpoint": "https://idp.example/t", "userinfo_endpoint": "https://idp.example/u"},
            "https://idp.example/a",
        ),
    ],
)  # fmt: skip
def test_okta_publishes_what_is_not_said(api: Any, sent: dict, authorization: str) -> None:
    options = {"client_id": "x", "domain": "org.okta.example", **sent}
    made = api.ok("POST", "/connections", {"name": "o", "strategy": "okta", "options": options})
    assert made["display_name"] == "o" and made["options"]["authorization_endpoint"] == authorization
    published = "https://org.okta.example/oauth2/v1"
    assert made["options"]["token_endpoint"] == (sent.get("token_endpoint") or f"{published}/token")
    assert made["options"]["userinfo_endpoint"] == (sent.get("userinfo_endpoint") or f"{published}/userinfo")


@pytest.mark.parametrize(("strategy", "status"), [("auth0", 400), ("google-oauth2", 400), ("oidc", 201), ("okta", 201)])
def test_who_may_request_cross_app_access(api: Any, strategy: str, status: int) -> None:
    body = {"name": "c", "strategy": strategy, "cross_app_access_requesting_app": {"active": True}}
    answer = api.ask("POST", "/connections", body)
    assert answer.status_code == status
    assert status == 201 or answer.json()["errorCode"] == "operation_not_supported"


def test_a_new_connection_is_for_login_only(api: Any) -> None:
    made = api.ok("POST", "/connections", {"name": "db", "strategy": "auth0"})
    assert made["authentication"] == {"active": True} and made["connected_accounts"] == {"active": False}
    assert made["realms"] == ["db"] and made["enabled_clients"] == [] and made["is_domain_connection"] is False
    assert made["options"]["passwordPolicy"] == "good" and "passkey_options" in made["options"]


def test_oidc_options_are_filled_in(api: Any) -> None:
    made = api.ok("POST", "/connections", {"name": "o", "strategy": "okta", "options": {"client_id": "x"}})
    assert made["options"]["schema_version"] == "oidc-V4"
    assert made["options"]["connection_settings"] == {"pkce": "auto"}
    after = api.ok("PATCH", f"/connections/{made['id']}", {"options": {"client_id": "x"}})["options"]
    assert after["connection_settings"] == {"pkce": "disabled"} and after["schema_version"] == "oidc-V4"


def test_names_are_unique_and_immutable(api: Any, google: str) -> None:
    again = api.ask("POST", "/connections", {"name": "github", "strategy": "github"})
    assert again.status_code == 409 and again.json()["errorCode"] == "connection_conflict"
    for field in ("name", "strategy"):
        assert api.no("PATCH", f"/connections/{google}", {field: "auth0"})[0] == 400
    assert api.no("POST", "/connections", {"name": "no_underscores", "strategy": "github"})[0] == 400
    assert api.no("POST", "/connections", {"name": "x", "strategy": "slack"})[0] == 400


def test_any_connection_takes_connected_accounts(api: Any) -> None:
    body = {"name": "db", "strategy": "auth0", "connected_accounts": {"active": True}}
    assert api.ok("POST", "/connections", body)["connected_accounts"] == {"active": True}


def test_enabling_is_a_delta_of_at_most_fifty(api: Any, google: str) -> None:
    before = api.ok("GET", f"/connections/{google}/clients")["clients"]
    new = [api.ok("POST", "/clients", {"name": f"c{n}"})["client_id"] for n in range(51)]
    changes = [{"client_id": client, "status": True} for client in new]
    assert api.no("PATCH", f"/connections/{google}/clients", changes)[0] == 400
    assert api.no("PATCH", f"/connections/{google}/clients", [])[0] == 400
    api.ok("PATCH", f"/connections/{google}/clients", changes[:50])
    api.ok("PATCH", f"/connections/{google}/clients", [{"client_id": new[0], "status": False}])
    page = api.ok("GET", f"/connections/{google}/clients?take=1000")
    assert [row["client_id"] for row in page["clients"]] == [row["client_id"] for row in before] + new[1:50]
    first = api.ok("GET", f"/connections/{google}/clients")
    assert len(first["clients"]) == 50 and first["next"]
    rest = api.ok("GET", f"/connections/{google}/clients", params={"from": first["next"]})
    assert first["clients"] + rest["clients"] == page["clients"] and "next" not in rest


def test_field_selection_cannot_hide_everything(api: Any, google: str) -> None:
    shown = api.ok("GET", f"/connections/{google}?fields=strategy,name&include_fields=true")
    assert shown.keys() == {"id", "name", "strategy", "is_domain_connection", "authentication", "connected_accounts"}
    assert "options" not in api.ok("GET", f"/connections/{google}?fields=options&include_fields=false")


def test_deleting_is_asynchronous_in_form(api: Any, google: str) -> None:
    response = api.ask("DELETE", f"/connections/{google}")
    assert response.status_code == 202 and "deleted_at" in response.json()
    assert api.ask("DELETE", f"/connections/{google}").status_code == 204
    assert api.no("GET", f"/connections/{google}") == (404, "The connection does not exist")


def test_the_tenant_flag_enables_every_connection_for_new_applications(api: Any, google: str) -> None:
    api.ok("PATCH", "/tenants/settings", {"flags": {"enable_client_connections": True}})
    client_id = api.ok("POST", "/clients", {"name": "late"})["client_id"]
    assert client_id in str(api.ok("GET", f"/connections/{google}/clients"))
    assert len(api.ok("GET", f"/clients/{client_id}/connections")["connections"]) == 4


METADATA = """
<?xml version="1.0"?>
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example">
  <RoleDescriptor><PassiveRequestorEndpoint xmlns="http://docs.oasis-open.org/wsfed/federation/200706">
    <EndpointReference xmlns="http://www.w3.org/2005/08/addressing"><Address>https://idp.example/wsfed</Address>
    </EndpointReference></PassiveRequestorEndpoint></RoleDescriptor>
  <IDPSSODescriptor WantAuthnRequestsSigned="true">
    <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
      <X509Certificate>CERTIFICATE</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
    <SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/out"/>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/post"/>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/in"/>
  </IDPSSODescriptor>
</EntityDescriptor>"""


@pytest.fixture(scope="module")
def certificate() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")])
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, moment, moment + timedelta(days=3650))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _bare(certificate: str) -> str:
    return "".join(certificate.split("-----")[2].split())


def test_saml_metadata_is_read_and_not_kept(api: Any, certificate: str) -> None:
    options = {"metadataXml": METADATA.replace("CERTIFICATE", _bare(certificate)), "signInEndpoint": "https://mine"}
    kept = api.ok("POST", "/connections", {"name": "s", "strategy": "samlp", "options": options})["options"]
    assert "metadataXml" not in kept and kept["signInEndpoint"] == "https://mine"
    assert kept["signOutEndpoint"] == "https://idp.example/out" and kept["signSAMLRequest"] is True
    assert kept["protocolBinding"] == "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    assert kept["signingCert"] == kept["cert"] == certificate
    assert kept["subject"] == {"commonName": "idp.example"} and kept["expires"].startswith("203")


def test_a_signing_certificate_is_read_in_every_form_and_one_that_cannot_be_is_only_kept(
    api: Any, certificate: str
) -> None:
    forms = (certificate, base64.b64encode(certificate.encode()).decode(), _bare(certificate), "bm90IGEgY2VydA==")
    made = [
        api.ok("POST", "/connections", {"name": f"s{n}", "strategy": "samlp", "options": {"signingCert": form}})
        for n, form in enumerate(forms)
    ]
    thumbprints = [one["options"].get("thumbprints") for one in made]
    assert thumbprints[0] and thumbprints[0] == thumbprints[1] == thumbprints[2] and thumbprints[3] is None
    assert [one["options"]["signingCert"] for one in made] == list(forms)


def test_adfs_metadata_is_read_and_kept(api: Any, certificate: str) -> None:
    options = {"fedMetadataXml": METADATA.replace("CERTIFICATE", _bare(certificate)), "signInEndpoint": ""}
    kept = api.ok("POST", "/connections", {"name": "a", "strategy": "adfs", "options": options})["options"]
    assert kept["signInEndpoint"] == "https://idp.example/wsfed" and len(kept["thumbprints"]) == 1
    assert kept["fedMetadataXml"] == options["fedMetadataXml"]


@pytest.mark.parametrize(("strategy", "option"), [("samlp", "metadataXml"), ("adfs", "fedMetadataXml")])
def test_metadata_that_is_not_xml_is_refused(api: Any, strategy: str, option: str) -> None:
    for text in ("<", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"):
        status, message = api.no("POST", "/connections", {"name": "x", "strategy": strategy, "options": {option: text}})
        assert status == 400 and option in message


@pytest.mark.parametrize(
    "options",
    [
        {"attributes": "email"},
        {"attributes": {"email": {"verification_method": "pigeon"}}},
        {"authentication_methods": {"telepathy": {"enabled": True}}},
        {"configuration": {"url": 1}},
        {"customScripts": {"login": ""}},
        {"freeform_scopes": "email"},
        {"gateway_authentication": {"method": "bearer"}},
        {"import_mode": "yes"},
        {"password_history": {"enable": True, "size": 25}},
        {"passwordPolicy": "perfect"},
        {"precedence": ["email"]},
        {"set_user_root_attributes": "sometimes"},
        {"upstream_params": {"screen_name": {"alias": "nickname"}}},
        {"validation": {"username": {"min": 1}}},
    ],
)
def test_options_that_cannot_be_are_refused_on_every_write(api: Any, options: dict) -> None:
    for_all = {"name": "x", "strategy": "auth0"}
    assert api.no("POST", "/connections", {**for_all, "options": options})[0] == 400
    made = api.ok("POST", "/connections", for_all)
    status, message = api.no("PATCH", f"/connections/{made['id']}", {"options": options})
    assert status == 400 and f"options.{next(iter(options))}" in message


def test_options_that_are_null_or_unknown_are_taken(api: Any) -> None:
    options = {"passwordPolicy": None, "validation": {"username": None}, "upstream_params": {"a": None}, "made_up": [1]}
    made = api.ok("POST", "/connections", {"name": "x", "strategy": "auth0", "options": options})
    assert made["options"]["made_up"] == [1] and made["options"]["passwordPolicy"] == "good"


def test_metadata_that_is_null_is_taken_away(api: Any) -> None:
    made = api.ok("POST", "/connections", {"name": "x", "strategy": "auth0", "metadata": {"a": "1", "b": None}})
    assert made["metadata"] == {"a": "1"}
    assert api.no("PATCH", f"/connections/{made['id']}", {"metadata": {"a": 1}})[0] == 400


def test_what_a_database_is_told_in_part_is_completed_at_every_depth(api: Any) -> None:
    made = api.ok("POST", "/connections", {"name": "db", "strategy": "auth0"})
    password = {"enabled": True, "api_behavior": "required", "signup_behavior": "allow"}
    assert made["options"]["authentication_methods"] == {"password": password, "passkey": {"enabled": False}}
    assert made["options"]["password_options"]["complexity"]["min_length"] == 15
    options = {
        "authentication_methods": {"password": {"signup_behavior": "block"}},
        "passkey_options": None,
        "password_options": {"complexity": {"min_length": 20}},
    }
    kept = api.ok("PATCH", f"/connections/{made['id']}", {"options": options})["options"]
    assert kept["authentication_methods"]["password"] == password | {"signup_behavior": "block"}
    assert kept["passkey_options"] == made["options"]["passkey_options"]
    assert kept["password_options"]["complexity"]["min_length"] == 20
    assert kept["password_options"]["history"] == {"active": False, "size": 3}
    bare = api.ok("PATCH", f"/connections/{made['id']}", {"options": {"passwordPolicy": "fair"}})["options"]
    assert "password_options" not in bare


def test_the_script_context_stays_on(api: Any) -> None:
    made = api.ok(
        "POST", "/connections", {"name": "db", "strategy": "auth0", "options": {"enable_script_context": True}}
    )
    assert api.ok("PATCH", f"/connections/{made['id']}", {"options": {}})["options"]["enable_script_context"] is True


def test_what_an_oidc_connection_is_told_in_part_is_completed(api: Any) -> None:
    options = {"connection_settings": None, "attribute_map": {"userinfo_scope": "openid"}}
    made = api.ok("POST", "/connections", {"name": "o", "strategy": "oidc", "options": options})["options"]
    assert made["connection_settings"] == {"pkce": "auto"}
    assert made["attribute_map"] == {"mapping_mode": "bind_all", "userinfo_scope": "openid"}

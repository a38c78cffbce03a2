"""APIs, grants, MFA, settings, paging."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

ME = "https://sandbox.localhost/me/"
CONNECTED = ["create:me:connected_accounts", "read:me:connected_accounts", "delete:me:connected_accounts"]


def test_the_my_account_api_is_what_the_server_makes_it(api: Any) -> None:
    made = api.ok("POST", "/resource-servers", {"identifier": ME, "name": "Mine", "token_lifetime": 1})
    assert [scope["value"] for scope in made["scopes"]] == CONNECTED
    read = api.ok("GET", f"/resource-servers/{quote(ME, safe='')}")
    assert read["name"] == "Auth0 My Account API" and read["is_system"] is True and len(read["scopes"]) == 8
    assert read["token_lifetime"] == 600 and read["skip_consent_for_verifiable_first_party_clients"] is True
    assert read["subject_type_authorization"]["user"] == {"policy": "require_client_grant"}
    assert api.ask("POST", "/resource-servers", {"identifier": ME}).status_code == 409
    status, message = api.no("PATCH", f"/resource-servers/{made['id']}", {"name": "Mine"})
    assert status == 400 and "Additional properties not allowed: name" in message
    api.ok("PATCH", f"/resource-servers/{made['id']}", {"token_lifetime": 300})
    assert api.ask("DELETE", f"/resource-servers/{made['id']}").status_code == 204


def test_the_my_account_api_takes_a_policy_and_describes_its_scopes(api: Any) -> None:
    policy = {"policy_id": "019b76da-a800-73c9-b656-b349ae415c17"}
    body = {"identifier": "https://sandbox.localhost/me/", "name": "x", "authorization_policy": policy}
    api.ask("DELETE", "/resource-servers/https%3A%2F%2Fsandbox.localhost%2Fme%2F")
    made = api.ok("POST", "/resource-servers", body)
    assert (made["name"], made["authorization_policy"]) == ("Auth0 My Account API", policy)
    assert made["scopes"][0] == {"value": "create:me:connected_accounts", "description": "Create Connected Accounts"}


def test_a_grant_names_scopes_of_its_api_when_it_is_made_and_any_later(api: Any) -> None:
    client = api.ok("POST", "/clients", {"name": "a"})["client_id"]
    api.ok("POST", "/resource-servers", {"identifier": "urn:x", "scopes": [{"value": "read:it"}]})
    body = {"client_id": client, "audience": "urn:x", "scope": ["read:it", "made:up"]}
    assert "made:up" in api.no("POST", "/client-grants", body)[1]
    made = api.ok("POST", "/client-grants", body | {"scope": ["read:it"]})
    after = api.ok("PATCH", f"/client-grants/{made['id']}", {"scope": ["read:it", "made:up"]})
    assert after["scope"] == ["read:it", "made:up"]


def test_an_ordinary_api_has_defaults_and_replaces_its_scopes(api: Any) -> None:
    made = api.ok("POST", "/resource-servers", {"identifier": "https://api.acme"})
    assert "scopes" not in made and made["signing_alg"] == "RS256" and made["token_lifetime"] == 86400
    assert made["subject_type_authorization"]["client"] == {"policy": "require_client_grant"}
    path = f"/resource-servers/{made['id']}"
    api.ok("PATCH", path, {"scopes": [{"value": "a"}, {"value": "b"}], "allow_offline_access": True})
    assert api.ok("PATCH", path, {"scopes": [{"value": "c"}]})["scopes"] == [{"value": "c"}]
    assert api.no("PATCH", path, {"scopes": [{"value": "c"}, {"value": "c"}]})[0] == 400
    assert api.no("PATCH", path, {"identifier": "https://other"})[0] == 400
    assert api.ok("GET", path)["allow_offline_access"] is True


def test_grants_are_unique_and_die_with_their_api(api: Any) -> None:
    made = api.ok("POST", "/resource-servers", {"identifier": "https://api.acme", "scopes": [{"value": "a"}]})
    client_id = api.ok("POST", "/clients", {"name": "c"})["client_id"]
    body = {"client_id": client_id, "audience": "https://api.acme", "scope": ["a"]}
    grant = api.ok("POST", "/client-grants", body)
    assert grant["subject_type"] == "client"
    user = api.ok("POST", "/client-grants", {**body, "subject_type": "user"})
    assert api.ask("POST", "/client-grants", {**body, "subject_type": "user"}).status_code == 409
    assert api.no("POST", "/client-grants", {**body, "scope": ["z"], "subject_type": "user"})[0] in (400, 409)
    assert api.no("POST", "/client-grants", {**body, "audience": "https://none"})[0] == 404
    assert api.no("PATCH", f"/client-grants/{grant['id']}", {"audience": "x"})[0] == 400
    everything = api.ok("PATCH", f"/client-grants/{grant['id']}", {"allow_all_scopes": True})
    assert "scope" not in everything
    back = api.ok("PATCH", f"/client-grants/{grant['id']}", {"allow_all_scopes": False, "scope": ["a"]})
    assert back["scope"] == ["a"]
    assert api.ok("GET", f"/client-grants?client_id={client_id}&subject_type=user") == [user]
    api.ok("DELETE", f"/resource-servers/{made['id']}")
    for _ in range(2):
        assert api.ask("DELETE", f"/client-grants/{grant['id']}").status_code == 204
    assert api.ok("GET", f"/client-grants?client_id={client_id}") == []


def test_policies_and_factors(api: Any) -> None:
    assert api.ok("GET", "/guardian/policies") == []
    assert api.ok("PUT", "/guardian/policies", ["all-applications"]) == ["all-applications"]
    assert api.no("PUT", "/guardian/policies", ["always"])[0] == 400
    api.ok("PUT", "/guardian/factors/otp", {"enabled": True})
    factors = api.ok("GET", "/guardian/factors")
    assert len(factors) == 8 and [one["name"] for one in factors if one["enabled"]] == ["otp"]
    assert api.no("PUT", "/guardian/factors/palm", {"enabled": True})[0] == 400


def test_settings_merge(api: Any) -> None:
    after = api.ok("PATCH", "/tenants/settings", {"flags": {"genai_trial": True}, "session_lifetime_in_minutes": 90})
    assert after["flags"]["genai_trial"] is True and after["flags"]["enable_client_connections"] is False
    assert after["session_lifetime"] == 1.5 and "session_lifetime_in_minutes" not in after
    assert api.ok("GET", "/tenants/settings?fields=friendly_name") == {"friendly_name": "Acme"}
    assert api.no("PATCH", "/tenants/settings", {"flags": {"made_up": True}})[0] == 400


def test_the_three_shapes_of_a_list(api: Any) -> None:
    assert isinstance(api.ok("GET", "/clients"), list)
    counted = api.ok("GET", "/clients?include_totals=true&per_page=3&page=1")
    assert (counted["start"], counted["limit"], counted["total"], len(counted["clients"])) == (3, 3, 4, 1)
    page = api.ok("GET", "/clients?take=3&include_totals=true")
    assert page.keys() == {"clients", "next"}
    rest = api.ok("GET", "/clients", params={"take": "3", "from": page["next"]})
    assert rest.keys() == {"clients"} and len(page["clients"] + rest["clients"]) == 4


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/clients?per_page=101", "invalid_query_string"),
        ("/clients?per_page=many", "invalid_query_string"),
        ("/clients?page=10&per_page=100", "invalid_paging"),
        ("/clients?colour=red", "invalid_query_string"),
        ("/clients?take=10&from=%%%", "invalid_query_string"),
        ("/resource-servers?identifier=x", "invalid_query_string"),
        ("/resource-servers?" + "&".join(f"identifiers={n}" for n in range(11)), "invalid_query_string"),
        ("/connections/con_short", "invalid_uri"),
        ("/client-grants/nonsense", "invalid_uri"),
    ],
)
def test_malformed_queries_and_paths(api: Any, path: str, code: str) -> None:
    response = api.ask("GET", path)
    assert (response.status_code, response.json()["errorCode"]) == (400, code)


def test_unknown_things(api: Any) -> None:
    assert api.ask("GET", "/nothing").status_code == 404
    assert api.ask("PUT", "/clients", {}).status_code == 405
    assert api.ask("GET", "/clients/" + "x" * 32).json()["errorCode"] == "inexistent_client"
    assert api.ask("GET", "/resource-servers/nope").json()["errorCode"] == "inexistent_resource_server"
    broken = api.raw("POST", "/api/v2/clients", headers={"authorization": "Bearer sandbox"}, content=b"{")
    assert broken.status_code == 400


def test_several_identifiers_in_one_query(api: Any) -> None:
    for name in "abc":
        api.ok("POST", "/resource-servers", {"identifier": f"https://{name}"})
    found = api.ok("GET", "/resource-servers?identifiers=https://a&identifiers=https://c&identifiers=https://zzz")
    assert [one["identifier"] for one in found] == ["https://a", "https://c"]


def test_connected_accounts_of_a_user(api: Any) -> None:
    google = api.ok("GET", "/connections?name=google-oauth2")[0]["id"]
    api.ok("PATCH", f"/connections/{google}", {"connected_accounts": {"active": True}})
    assert api.no("GET", "/users/auth0%7Ccarol/connected-accounts")[0] == 404
    api.sandbox.connect("auth0|carol", "google-oauth2", scopes=["calendar"])
    listed = api.ok("GET", "/users/auth0%7Ccarol/connected-accounts?take=10")["connected_accounts"]
    assert [(one["connection"], one["scopes"]) for one in listed] == [("google-oauth2", ["calendar"])]
    assert "refresh_token" not in listed[0]


@pytest.mark.parametrize(
    ("sent", "web"), [({}, 7200), ({"token_lifetime": 600}, 600), ({"token_lifetime_for_web": 60}, 60)]
)
def test_a_token_for_the_browser_lives_no_longer_than_another(api: Any, sent: dict, web: int) -> None:
    assert api.ok("POST", "/resource-servers", {"identifier": "x", **sent})["token_lifetime_for_web"] == web


@pytest.mark.parametrize(
    "body",
    [
        {"allow_online_access": True, "subject_type_authorization": {"anonymous_user": {"policy": "deny_all"}}},
        {"access_token": {"claims_mapping": {"custom_claims": [{"name": "a", "expression": "b"}]}}},
        {"authorization_details": [{"type": "payment"}], "consent_policy": "transactional-authorization-with-mfa"},
        {"token_lifetime_for_anonymous_access_tokens": 60, "require_consent_non_repudiation": True},
    ],
)
def test_what_an_api_may_hold_is_kept(api: Any, body: dict) -> None:
    made = api.ok("POST", "/resource-servers", {"identifier": "x", **body})
    patched = api.ok("PATCH", f"/resource-servers/{made['id']}", body)
    for shown in (made, patched):
        assert {key: shown[key] for key in body if key != "subject_type_authorization"} == {
            key: body[key] for key in body if key != "subject_type_authorization"
        }


@pytest.mark.parametrize(
    "body",
    [
        {"default_token_quota": {"clients": {"client_credentials": {"per_day": 0}}}},
        {"default_token_quota": {"users": {}}},
        {"default_redirection_uri": "http://acme.example"},
        {"picture_url": "a picture"},
        {"sandbox_version": "123456789"},
        {"flags": {"made_up": True}},
    ],
)
def test_settings_that_cannot_be_are_refused(api: Any, body: dict) -> None:
    status, message = api.no("PATCH", "/tenants/settings", body)
    assert status == 400 and message.startswith("Payload validation error: '")


def test_a_quota_for_all_is_kept(api: Any) -> None:
    quota = {"clients": {"client_credentials": {"enforce": True, "per_hour": 10}}}
    assert api.ok("PATCH", "/tenants/settings", {"default_token_quota": quota})["default_token_quota"] == quota


@pytest.mark.parametrize(
    "scope", ["read:hooks", "blacklist:tokens", "create:user_tickets", "read:organizations_summary"]
)
def test_any_scope_of_the_management_api_can_be_granted(api: Any, scope: str) -> None:
    client_id = api.ok("POST", "/clients", {"name": "c"})["client_id"]
    audience = f"https://{api.domain}/api/v2/"
    made = api.ok("POST", "/client-grants", {"client_id": client_id, "audience": audience, "scope": [scope]})
    assert made["scope"] == [scope]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("rules", "rules"), ("hooks", "hooks"), ("roles", "roles"), ("organizations", "organizations"),
        ("forms", "forms"), ("flows", "flows"), ("grants", "grants"), ("logs", "logs"),
    ],
)  # fmt: skip
def test_what_a_tenant_does_not_have_is_an_empty_list(api: Any, path: str, key: str) -> None:
    assert api.ok("GET", f"/{path}") == []
    counted = api.ok("GET", f"/{path}?page=0&per_page=100&include_totals=true")
    assert counted == {"start": 0, "limit": 100, "total": 0, key: []}
    assert api.ok("GET", f"/{path}?take=50") == {key: []}


def test_lists_that_are_never_bare_and_those_that_always_are(api: Any) -> None:
    assert api.ok("GET", "/actions/actions?deployed=true") == {"actions": []}
    assert api.ok("GET", "/log-streams") == api.ok("GET", "/rules-configs") == []
    assert api.ask("GET", "/emails/provider").json()["errorCode"] == "inexistent_email_provider"


def test_lists_want_their_scope(limited: Any) -> None:
    assert limited("read:roles").no("GET", "/rules") == (403, "Insufficient scope, expected any of: read:rules")


def test_settings_beside_token_vault_are_kept(api: Any) -> None:
    assert api.ok("GET", "/branding") == {}
    api.ok("PATCH", "/branding", {"colors": {"primary": "#000000"}})
    assert api.ok("GET", "/branding") == {"colors": {"primary": "#000000"}}
    api.ok("PUT", "/prompts/login/custom-text/en", {"login": {"title": "Hi"}})
    assert api.ok("GET", "/prompts/login/custom-text/en") == {"login": {"title": "Hi"}}
    assert api.ok("GET", "/prompts/login/custom-text/de") == {}


def test_a_custom_domain_says_how_it_was_verified(api: Any) -> None:
    first = api.ok("GET", "/custom-domains")[0]
    assert first["verification"]["methods"][0]["name"] == "cname" and first["is_default"] is True
    body = {"domain": "login.acme.example", "type": "self_managed_certs", "verification_method": "txt"}
    second = api.ok("POST", "/custom-domains", body)
    method = second["verification"]["methods"][0]
    assert method["name"] == "txt" and method["record"] and second["origin_domain_name"] and not second["is_default"]
    path = f"/custom-domains/{second['custom_domain_id']}"
    changed = api.ok("PATCH", path, {"domain_metadata": {"a": "1"}, "custom_client_ip_header": "cf-connecting-ip"})
    assert changed == api.ok("GET", path) and changed["domain_metadata"] == {"a": "1"}
    assert api.no("PATCH", path, {"domain": "other.example"})[0] == 400
    assert api.ok("PATCH", "/custom-domains/default", {"domain": "login.acme.example"})["is_default"] is True
    shown = {one["domain"]: one["is_default"] for one in api.ok("GET", "/custom-domains")}
    assert shown == {"auth.acme.example": False, "login.acme.example": True}
    assert api.ok("PATCH", "/custom-domains/default", {"domain": "sandbox.localhost"}) == {
        "domain": "sandbox.localhost"
    }
    assert api.no("PATCH", "/custom-domains/default", {"domain": "other.example"})[0] == 404


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/clients?is_global=maybe", "Expected type boolean but found type string' on property is_global"),
        ("/connections?include_totals=yes", "Expected type boolean but found type string' on property include_totals"),
        ("/connections?strategy=google", "No enum match for: google' on property strategy"),
        ("/client-grants?subject_type=machine", "No enum match for: machine' on property subject_type"),
        ("/client-grants?default_for=all", "No enum match for: all' on property default_for"),
    ],
)
def test_values_that_a_parameter_cannot_have_are_refused(api: Any, path: str, says: str) -> None:
    answer = api.ask("GET", path)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_query_string")
    assert says in answer.json()["message"]


def test_applications_are_found_by_what_organizations_may_do(api: Any) -> None:
    api.ok("POST", "/resource-servers", {"identifier": "https://orgs.acme.example"})
    client = api.ok("POST", "/clients", {"name": "for organizations", "organization_usage": "require"})["client_id"]
    body = {"client_id": client, "audience": "https://orgs.acme.example", "scope": []}
    grant = api.ok("POST", "/client-grants", {**body, "organization_usage": "allow", "allow_any_organization": True})
    found = api.ok("GET", "/clients?q=client_grant.allow_any_organization:true")
    assert [one["client_id"] for one in found] == [client]
    assert api.ok("GET", "/clients?q=client_grant.organization_id:org_1") == []
    assert api.ok("GET", "/clients?external_client_id=nobody") == []
    assert api.ok("GET", f"/client-grants/{grant['id']}/organizations") == []
    assert api.no("GET", "/client-grants/cgr_0000000000000000/organizations")[0] == 404


def test_a_user_of_a_connection_is_deleted_by_e_mail(api: Any) -> None:
    connection = api.ok("GET", "/connections")[0]["id"]
    assert api.ask("DELETE", f"/connections/{connection}/users?email=alice@acme.example").status_code == 204
    assert api.no("DELETE", f"/connections/{connection}/users")[0] == 400
    assert api.no("DELETE", "/connections/con_0000000000000000/users?email=a@b.c")[0] == 404


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ('email:"alice@acme.example"', ["auth0|alice"]),
        ("user_id:auth0|alice AND email_verified:true", ["auth0|alice"]),
        ("name:ali*", ["auth0|alice"]),
        ('identities.connection:"Username-Password-Authentication" AND name:Alice', ["auth0|alice"]),
        ("email:nobody@acme.example", []),
        ("app_metadata.plan:gold", []),
    ],
)
def test_users_are_searched_by_fields(api: Any, search: str, found: list[str]) -> None:
    users = api.ok("GET", f"/users?q={quote(search)}&search_engine=v3&include_totals=true")
    assert [user["user_id"] for user in users["users"]] == found and users["total"] == len(found)


def test_a_search_that_the_sandbox_does_not_know_is_refused_and_not_taken_for_all(api: Any) -> None:
    assert "joined by AND" in api.no("GET", "/users?q=alice")[1]
    assert "joined by AND" in api.no("GET", f"/users?q={quote('name:a OR name:b')}")[1]

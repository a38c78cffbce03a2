"""Connections: what PATCH replaces, how scopes are computed, who may use them."""

from __future__ import annotations

from typing import Any

import pytest


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
        ("windowslive", {"graph_user": True, "signin": True}, ["https://graph.microsoft.com/User.Read"]),
        ("linkedin", {"strategy_version": 2, "email": True, "profile": True}, ["r_emailaddress", "r_liteprofile"]),
        ("linkedin", {"email": True, "openid": True}, ["email", "openid"]),
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
        ("google-oauth2", {"calendar_events": True}, ["https://www.googleapis.com/auth/calendar.events"]),
        ("google-oauth2", {"email": True, "freeform_scopes": ["x"]}, ["email", "x"]),
        ("google-apps", {"domain": "acme.example"}, ["email", "profile"]),
        ("oauth2", {"scope": ["a", "b"]}, ["a", "b"]),
        ("oidc", {"scope": "openid email"}, "openid email"),
    ],
)
def test_scope_is_computed_where_there_are_booleans(api: Any, strategy: str, options: dict, scope: Any) -> None:
    made = api.ok("POST", "/connections", {"name": "c", "strategy": strategy, "options": options})
    assert made["options"]["scope"] == scope


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


def test_database_connections_have_no_connected_accounts(api: Any) -> None:
    database = api.ok("GET", "/connections?strategy=auth0")[0]["id"]
    refused = api.ask("PATCH", f"/connections/{database}", {"connected_accounts": {"active": True}})
    assert refused.status_code == 400 and refused.json()["errorCode"] == "operation_not_supported"


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

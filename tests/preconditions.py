"""What must hold in a tenant for each flavor to work at run time, judged from the tenant alone, never from a plan."""

from __future__ import annotations

from typing import Any

from tests.support import CONNECTED_ACCOUNTS, TOKEN_VAULT_GRANT, Objects

Tenant = dict[str, Objects]


def enabled(state: Tenant, connection: dict[str, Any]) -> set[str]:
    """Client ids that may use the connection."""
    return {
        item["client_id"]
        for item in state.get("enablements", {}).values()
        if item.get("connection_id") == connection["id"]
    }


def user_grants(state: Tenant, client_id: str, audience: str) -> list[dict[str, Any]]:
    """The client's user grants for an API."""
    return [
        grant
        for grant in state["client_grants"].values()
        if grant["client_id"] == client_id and grant["audience"] == audience and grant.get("subject_type") == "user"
    ]


def my_account(state: Tenant) -> dict[str, Any]:
    """The My Account API."""
    found = [api for api in state["resource_servers"].values() if api["identifier"].endswith("/me/")]
    assert len(found) == 1
    return found[0]


def check_connected_accounts(state: Tenant, client: dict[str, Any], connections: list[dict[str, Any]]) -> None:
    """The base of the user-facing flavors."""
    check_application(client)
    assert {"authorization_code", "refresh_token"} <= set(client["grant_types"])
    audience = my_account(state)["identifier"]
    policies = [p for p in client["refresh_token"]["policies"] if p["audience"] == audience]
    assert len(policies) == 1 and set(policies[0]["scope"]) >= CONNECTED_ACCOUNTS
    grants = user_grants(state, client["client_id"], audience)
    assert len(grants) == 1 and set(grants[0]["scope"]) >= CONNECTED_ACCOUNTS
    assert my_account(state)["skip_consent_for_verifiable_first_party_clients"] is True
    assert my_account(state)["subject_type_authorization"]["user"]["policy"] != "deny_all"
    rotation = "rotating" if client["app_type"] == "spa" else "non-rotating"
    assert client["refresh_token"]["rotation_type"] == rotation
    check_connections(state, client, connections)


def check_application(client: dict[str, Any]) -> None:
    assert client["is_first_party"] is True
    assert client["oidc_conformant"] is True
    assert client["jwt_configuration"]["alg"] == "RS256"


def check_connections(state: Tenant, client: dict[str, Any], connections: list[dict[str, Any]]) -> None:
    for connection in connections:
        assert connection["connected_accounts"]["active"] is True
        assert client["client_id"] in enabled(state, connection)


def check_refresh_token_exchange(client: dict[str, Any]) -> None:
    assert TOKEN_VAULT_GRANT in client["grant_types"]
    assert client.get("token_endpoint_auth_method") != "none"
    assert client["refresh_token"]["rotation_type"] == "non-rotating"


def check_access_token_exchange(state: Tenant, client: dict[str, Any], identifier: str) -> None:
    """The backend API and its Custom API Client, and the grant that an API may demand."""
    api = next(item for item in state["resource_servers"].values() if item["identifier"] == identifier)
    assert api["signing_alg"] == "RS256" and api["allow_offline_access"] is True
    assert api["skip_consent_for_verifiable_first_party_clients"] is True
    policy = api["subject_type_authorization"]["user"]["policy"]
    assert policy != "deny_all"
    if policy == "require_client_grant":
        assert len(user_grants(state, client["client_id"], identifier)) == 1
    linked = [c for c in state["clients"].values() if c.get("resource_server_identifier") == identifier]
    assert len(linked) == 1
    assert linked[0]["app_type"] == "resource_server"
    assert TOKEN_VAULT_GRANT in linked[0]["grant_types"]
    assert linked[0]["is_first_party"] is True and linked[0]["oidc_conformant"] is True
    assert linked[0].get("token_endpoint_auth_method") != "none"


def check_privileged_worker(state: Tenant, client: dict[str, Any], settings: dict[str, Any], connections: Any) -> None:
    check_application(client)
    assert TOKEN_VAULT_GRANT in client["grant_types"]
    access = client["token_vault_privileged_access"]
    assert len(access["credentials"]) == len(settings["public_keys"])
    assert set(access["ip_allowlist"]) == set(settings["ip_allowlist"])
    granted = {grant["connection"]: set(grant["scopes"]) for grant in access["grants"]}
    assert granted == {name: set(scopes) for name, scopes in settings["grants"].items()}
    if settings.get("authentication", "private_key_jwt") == "private_key_jwt":
        methods = client["client_authentication_methods"]["private_key_jwt"]
        own = settings.get("authentication_keys")
        assert len(methods["credentials"]) == len(own or settings["public_keys"])
        assert (methods["credentials"] == access["credentials"]) == (not own)
        assert "token_endpoint_auth_method" not in client
    else:
        assert client["token_endpoint_auth_method"] == "client_secret_post"
    check_connections(state, client, connections)


def check_least_privilege(client: dict[str, Any], flavors: set[str]) -> None:
    """A created application holds exactly the grant types that its flavors need."""
    wanted: set[str] = set()
    if flavors & {"connected_accounts", "refresh_token_exchange", "access_token_exchange"}:
        wanted |= {"authorization_code", "refresh_token"}
    if flavors & {"refresh_token_exchange", "privileged_worker"}:
        wanted.add(TOKEN_VAULT_GRANT)
    assert set(client["grant_types"]) == wanted


def check_spec(state: Tenant, spec: dict[str, Any]) -> None:
    """Every precondition of every application of a spec whose applications were all created."""
    for key, app in spec["applications"].items():
        client = next(c for c in state["clients"].values() if c.get("name") == app.get("name", key))
        names = app.get("connections", list(spec["connections"]))
        connections = [c for c in state["connections"].values() if c["name"] in names]
        assert len(connections) == len(names)
        flavors = {f if isinstance(f, str) else next(iter(f)): f for f in app["flavors"]}
        for name, flavor in flavors.items():
            settings = {} if isinstance(flavor, str) else flavor[name]
            if name != "privileged_worker":
                check_connected_accounts(state, client, connections)
            if name == "refresh_token_exchange":
                check_refresh_token_exchange(client)
            if name == "access_token_exchange":
                check_access_token_exchange(state, client, spec["apis"][settings["api"]]["identifier"])
            if name == "privileged_worker":
                check_privileged_worker(state, client, settings, connections)
        check_least_privilege(client, set(flavors))

"""What takes a user: somebody has logged in and connected an account, and gives the kit the token."""

from __future__ import annotations

from typing import Any

from tests.acceptance.api import GRANT, Answer, Api, Untold
from tests.acceptance.probes.base import Login, Verdict, as_assumed, other, probe

SUBJECT = "urn:ietf:params:oauth:token-type:"
FEDERATED = "http://auth0.com/oauth/token-type/federated-connection-access-token"
OAUTH_APP = ("Ov", "0v")  # GitHub's OAuth Apps since 2023; its GitHub Apps begin with Iv
NOTHING_TO_EXCHANGE = "federated_connection_refresh_token_not_found"


async def exchange(api: Api, login: Login, kind: str) -> Answer:
    """The exchange of the login's token."""
    return await api.token(
        grant_type=GRANT,
        client_id=login.client_id,
        client_secret=login.client_secret,
        subject_token=login.subject_token,
        subject_token_type=f"{SUBJECT}{kind}",
        requested_token_type=FEDERATED,
        connection=login.connection,
    )


async def _connection(api: Api, name: str) -> Any:
    listed = await api.ok("GET", "connections", name=name)
    found = [one for one in listed if one["name"] == name]
    if not found:
        raise Untold(f"there is no connection {name}")
    return found[0]


@probe(
    "custom-api-client-enabled",
    steps=(
        "Apply examples/react-spa.yaml with a connection of yours; log a user in at the single-page application for the API, "
        "and connect an account.",
        "Disable the Custom API Client on the connection (dashboard: the connection, Applications).",
        "Put the connection's name, the Custom API Client's id and secret, and the user's access token for the API into the "
        "file for --logins.",
    ),
)
async def custom_api_client_enabled(api: Api, login: Login) -> Verdict:
    """Exchanges an access token while the connection is not enabled for the client that exchanges."""
    connection = await _connection(api, login.connection)
    listed = await api.ok("GET", f"connections/{connection['id']}/clients", take="1000")
    if login.client_id in [one["client_id"] for one in listed["clients"]]:
        raise Untold("the connection is enabled for the Custom API Client: disable it there, and run again")
    answer = await exchange(api, login, "access_token")
    if answer.ok:
        return as_assumed("the exchange works though the connection is not enabled for the Custom API Client")
    if "not enabled" in answer.said:
        return other(f"the exchange is refused: {answer.said}")
    raise Untold(f"the exchange is refused, perhaps for another reason: {answer.said}")


@probe(
    "github-oauth-apps-work",
    steps=(
        "Make a connection of the strategy github with an OAuth App of GitHub (its client id begins with Ov), switched on for "
        "connected accounts.",
        "Apply examples/quickstart.yaml with it; log a user in with offline_access, and connect a GitHub account.",
        "Put the connection's name, the application's id and secret, and the user's refresh token into the file for --logins.",
    ),
)
async def github_oauth_apps(api: Api, login: Login) -> Verdict:
    """Exchanges a refresh token for the token of an account that an OAuth App connected."""
    connection = await _connection(api, login.connection)
    if connection["strategy"] != "github":
        raise Untold(f"the strategy of {login.connection} is {connection['strategy']}, not github")
    client_id = (connection.get("options") or {}).get("client_id", "")
    if not client_id.startswith(OAUTH_APP):
        raise Untold(
            "the connection's client id is not one of an OAuth App, or the token lacks read:connections_options"
        )
    answer = await exchange(api, login, "refresh_token")
    if answer.ok:
        return other("the token of an OAuth App is exchanged")
    if NOTHING_TO_EXCHANGE in answer.said:
        return as_assumed(f"the exchange is refused: {answer.said}")
    raise Untold(f"the exchange is refused, perhaps for another reason: {answer.said}")

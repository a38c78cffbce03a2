"""auth0-server-python: login, connect, list, exchange, refresh, disconnect."""

import asyncio
import copy

from auth0_server_python.auth_server.server_client import ServerClient
from auth0_server_python.auth_types import ConnectAccountOptions, LogoutOptions, StartInteractiveLoginOptions
from auth0_server_python.error import AccessTokenForConnectionError, ApiError
from common import CONNECTION, DOMAIN, SCOPE, USER, WEB, browse, done

CALLBACK = WEB["callbacks"][0]


class Memory:
    """A store that lives as long as the process."""

    def __init__(self) -> None:
        self._held = {}

    async def get(self, identifier, options=None):
        return copy.deepcopy(self._held.get(identifier))

    async def set(self, identifier, state, remove_if_expires=False, options=None):
        self._held[identifier] = copy.deepcopy(state)

    async def delete(self, identifier, options=None):
        self._held.pop(identifier, None)


async def main() -> None:
    client = ServerClient(
        domain=DOMAIN,
        client_id=WEB["client_id"],
        client_secret=WEB["client_secret"],
        redirect_uri=CALLBACK,
        secret="a secret that encrypts what is kept",
        transaction_store=Memory(),
        state_store=Memory(),
        authorization_params={"scope": "openid profile email offline_access"},
    )
    back = browse(await client.start_interactive_login(StartInteractiveLoginOptions()))
    await client.complete_interactive_login(back)
    user = await client.get_user()
    assert (user if isinstance(user, dict) else user.dict())["sub"] == USER
    done("login")

    try:
        await client.get_access_token_for_connection({"connection": CONNECTION})
        raise AssertionError("nothing is connected yet")
    except (AccessTokenForConnectionError, ApiError) as refusal:
        assert "not found" in str(refusal), refusal
    done("refusal with its text")

    options = ConnectAccountOptions(connection=CONNECTION, redirect_uri=CALLBACK, scopes=["email", SCOPE])
    account = await client.complete_connect_account(browse(await client.start_connect_account(options)))
    assert account.connection == CONNECTION and SCOPE in account.scopes
    done("connect")

    held = await client.list_connected_accounts()
    assert [one.id for one in held.accounts] == [account.id]
    usable = await client.list_connected_account_connections()
    assert CONNECTION in [one.name for one in usable.connections]
    done("list")

    assert await client.get_access_token_for_connection({"connection": CONNECTION})
    done("exchange")

    await client.delete_connected_account(account.id)
    assert (await client.list_connected_accounts()).accounts == []
    done("disconnect")

    leaving = await client.logout(LogoutOptions(return_to="https://app.example.com/"))
    assert browse(leaving).startswith("https://app.example.com/")
    done("logout")


asyncio.run(main())

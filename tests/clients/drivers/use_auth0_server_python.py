"""What `tokenvault usage --lang auth0-server-python` prints, imported by an application: login, connect, exchange."""

import asyncio
import copy

from auth0_server_python.auth_types import ConnectAccountOptions, StartInteractiveLoginOptions
from auth0_server_python.error import AccessTokenForConnectionError
from common import CONNECTION, SCOPE, USER, browse, done
from program import call_the_provider, server_client


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
    auth0 = server_client(Memory(), Memory())
    await auth0.complete_interactive_login(browse(await auth0.start_interactive_login(StartInteractiveLoginOptions())))
    user = await auth0.get_user()
    assert (user if isinstance(user, dict) else user.dict())["sub"] == USER
    done("login")

    try:
        await call_the_provider(auth0)
        raise AssertionError("nothing is connected yet")
    except AccessTokenForConnectionError:
        pass

    options = ConnectAccountOptions(connection=CONNECTION, scopes=["email", SCOPE])
    await auth0.complete_connect_account(browse(await auth0.start_connect_account(options)))
    done("connect")

    assert await call_the_provider(auth0)
    done("exchange of a refresh token")


asyncio.run(main())

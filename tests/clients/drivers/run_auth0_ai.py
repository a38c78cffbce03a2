"""auth0-ai: a tool that is protected by the Token Vault, with a refresh token and with an access token."""

import asyncio

from auth0_ai.authorizers.token_vault_authorizer import (
    TokenVaultAuthorizerBase,
    TokenVaultAuthorizerParams,
    get_credentials_from_token_vault,
)
from auth0_ai.interrupts.token_vault_interrupt import TokenVaultInterrupt
from common import ACCESS_TOKEN, API_CLIENT, CONNECTION, DOMAIN, REFRESH_TOKEN, SCOPE, WEB, done


def tool() -> list[str]:
    credentials = get_credentials_from_token_vault()
    assert credentials["access_token"]
    return credentials["scope"]


async def run(client: dict, scopes: list[str], **token: object) -> list[str]:
    config = {"domain": DOMAIN, "client_id": client["client_id"], "client_secret": client["client_secret"]}
    params = TokenVaultAuthorizerParams(scopes=scopes, connection=CONNECTION, **token)
    protected = TokenVaultAuthorizerBase(params, config).protect(
        lambda: {"thread_id": "t", "tool_name": "tool", "tool_call_id": "1"}, tool
    )
    return await protected()


async def main() -> None:
    assert SCOPE in await run(WEB, [SCOPE], refresh_token=REFRESH_TOKEN)
    done("exchange of a refresh token")
    assert SCOPE in await run(API_CLIENT, [SCOPE], access_token=ACCESS_TOKEN)
    done("exchange of an access token")
    try:
        await run(WEB, ["https://www.googleapis.com/auth/drive"], refresh_token=REFRESH_TOKEN)
        raise AssertionError("nobody consented to that scope")
    except TokenVaultInterrupt as interrupt:
        assert interrupt.connection == CONNECTION
    done("interrupt for a missing scope")


asyncio.run(main())

"""auth0-api-python: an API verifies the token it was called with, and exchanges it."""

import asyncio

from auth0_api_python import ApiClient, ApiClientOptions
from auth0_api_python.errors import VerifyAccessTokenError
from common import ACCESS_TOKEN, API, API_CLIENT, CONNECTION, DOMAIN, SCOPE, USER, done


async def main() -> None:
    options = {"client_id": API_CLIENT["client_id"], "client_secret": API_CLIENT["client_secret"]}
    client = ApiClient(ApiClientOptions(domain=DOMAIN, audience=API, **options))
    claims = await client.verify_access_token(ACCESS_TOKEN)
    assert claims["sub"] == USER and "read:calendar" in claims["scope"].split()
    done("verify")

    other = ApiClient(ApiClientOptions(domain=DOMAIN, audience="https://another.example"))
    try:
        await other.verify_access_token(ACCESS_TOKEN)
        raise AssertionError("the token is for another API")
    except VerifyAccessTokenError:
        done("refusal of a token for another API")

    answer = await client.get_access_token_for_connection({"connection": CONNECTION, "access_token": ACCESS_TOKEN})
    assert answer["access_token"] and SCOPE in answer["scope"].split()
    done("exchange of an access token")


asyncio.run(main())

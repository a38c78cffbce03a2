"""An exchange through the SDKs that keep the tokens of a login themselves, and through what they are built on.

Where the SDK holds the session there is no subject token to give: the program is a module that the application imports,
after a login through its `auth0`. `python -m tests.clients` does so with each as it is printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps

from tokenvault.exchange.usage import Example
from tokenvault.exchange.variables import SUBJECT_TOKEN
from tokenvault.flavors.runtime.request import ACCESS_TOKEN_REQUEST

LOGIN_SCOPE = "openid profile email offline_access"


def server_python(example: Example) -> Iterator[str]:
    """auth0-server-python: the client of an application that logs users in."""
    yield "import os"
    yield ""
    yield "from auth0_server_python.auth_server.server_client import ServerClient"
    yield ""
    yield ""
    yield "def server_client(state_store, transaction_store):"
    yield '    """The client, on the stores of your framework. AUTH0_SECRET encrypts what is kept in them."""'
    yield "    return ServerClient("
    yield f"        domain={dumps(example.domain)},"
    yield f"        client_id={dumps(example.client_id)},"
    yield f'        client_secret=os.environ["{example.secret}"],'
    yield '        redirect_uri=os.environ["AUTH0_REDIRECT_URI"],'
    yield '        secret=os.environ["AUTH0_SECRET"],'
    yield "        state_store=state_store,"
    yield "        transaction_store=transaction_store,"
    yield f'        authorization_params={{"scope": "{LOGIN_SCOPE}"}},'
    yield "    )"
    yield ""
    yield ""
    yield "async def call_the_provider(auth0, store_options=None):"
    yield '    """For the user of the session. An AccessTokenForConnectionError: connect the account (start_connect_account)."""'
    yield f'    wanted = {{"connection": {dumps(example.connection)}}}'
    yield "    token = await auth0.get_access_token_for_connection(wanted, store_options)"
    yield "    # token is what you call the provider with"
    yield "    return token"


def nextjs(example: Example) -> Iterator[str]:
    """@auth0/nextjs-auth0: the client of a Next.js application."""
    yield "// lib/auth0.js; AUTH0_SECRET: 32 bytes in hexadecimal digits; APP_BASE_URL: where the application is"
    yield 'import { Auth0Client } from "@auth0/nextjs-auth0/server";'
    yield ""
    yield "export const auth0 = new Auth0Client({"
    yield f"  domain: {dumps(example.domain)},"
    yield f"  clientId: {dumps(example.client_id)},"
    yield f"  clientSecret: process.env.{example.secret},"
    yield "  secret: process.env.AUTH0_SECRET,"
    yield "  appBaseUrl: process.env.APP_BASE_URL,"
    yield f'  authorizationParameters: {{ scope: "{LOGIN_SCOPE}" }},'
    yield "  enableConnectAccountEndpoint: true,"
    yield "});"
    yield ""
    yield "// for the user of the session; outside of route handlers and server actions with the request and the response"
    yield "// an AccessTokenForConnectionError: send the user to /auth/connect, with the connection and its scopes:"
    yield f"export const connect = {{ connection: {dumps(example.connection)}, scopes: {dumps(list(example.scopes))} }};"
    yield ""
    yield "export async function callTheProvider(...requestAndResponse) {"
    yield f"  const wanted = {{ connection: {dumps(example.connection)} }};"
    yield "  const { token } = await auth0.getAccessTokenForConnection(wanted, ...requestAndResponse);"
    yield "  // token is what you call the provider with"
    yield "  return token;"
    yield "}"


def auth_js(example: Example) -> Iterator[str]:
    """@auth0/auth0-auth-js: what the server SDKs of JavaScript are built on."""
    yield 'import { AuthClient } from "@auth0/auth0-auth-js";'
    yield ""
    yield "const auth0 = new AuthClient({"
    yield f"  domain: {dumps(example.domain)},"
    yield f"  clientId: {dumps(example.client_id)},"
    yield f"  clientSecret: process.env.{example.secret},"
    yield "});"
    yield "const wanted = {"
    yield f"  connection: {dumps(example.connection)},"
    name = "accessToken" if example.request == ACCESS_TOKEN_REQUEST else "refreshToken"
    yield f"  {name}: process.env.{SUBJECT_TOKEN},"
    yield "};"
    yield "try {"
    yield "  const token = await auth0.getTokenForConnection(wanted);"
    yield "  // token.accessToken is what you call the provider with"
    yield "  console.log(token.scope);"
    yield "} catch (problem) {"
    yield "  // not connected, or without what is needed: run the connect flow"
    yield "  console.error(problem.message, problem.cause);"
    yield "  process.exit(1);"
    yield "}"

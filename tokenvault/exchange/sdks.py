"""An exchange through the SDKs that agents are built with. `python -m tests.clients` runs each as it is printed.

Each program is what an agent's tool does to get the provider's token. What happens when a scope is missing is the SDK's own
way of asking: an interrupt, which the application turns into the connect flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from json import dumps

from tokenvault.exchange.session_sdks import auth_js, nextjs, server_python
from tokenvault.exchange.usage import SECRET, Example
from tokenvault.exchange.variables import SUBJECT_TOKEN
from tokenvault.flavors.runtime.request import ACCESS_TOKEN_REQUEST, REFRESH_TOKEN_REQUEST, ExchangeRequest

BOTH = (REFRESH_TOKEN_REQUEST, ACCESS_TOKEN_REQUEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdk:
    """One SDK: the release that was run, what else it needs, the exchanges that it performs, and the program."""

    name: str
    install: str
    requests: tuple[ExchangeRequest, ...]
    lines: Callable[[Example], Iterator[str]]

    def serves(self, example: Example) -> bool:
        """Whether it can perform this exchange: SDKs send a secret in the form, and sign nothing."""
        return example.request in self.requests and example.proof == SECRET and not example.proves_possession

    def program(self, example: Example) -> str:
        """The program, for an exchange that it serves."""
        return "\n".join(self.lines(example)) + "\n"


# ---- Python


def _python_config(example: Example) -> str:
    config = f'"domain": {dumps(example.domain)}, "client_id": {dumps(example.client_id)}'
    return f'{{{config}, "client_secret": os.environ["{example.secret}"]}}'


def _token_name(example: Example) -> str:
    return "access_token" if example.request == ACCESS_TOKEN_REQUEST else "refresh_token"


def _auth0_ai(example: Example) -> Iterator[str]:
    yield "import asyncio"
    yield "import os"
    yield ""
    yield "from auth0_ai.authorizers.token_vault_authorizer import ("
    yield "    TokenVaultAuthorizerBase,"
    yield "    TokenVaultAuthorizerParams,"
    yield "    get_credentials_from_token_vault,"
    yield ")"
    yield "from auth0_ai.interrupts.token_vault_interrupt import TokenVaultInterrupt"
    yield ""
    yield f"auth0 = {_python_config(example)}"
    yield "wanted = TokenVaultAuthorizerParams("
    yield f"    connection={dumps(example.connection)},"
    yield f"    scopes={dumps(list(example.scopes))},"
    yield f'    {_token_name(example)}=os.environ["{SUBJECT_TOKEN}"],'
    yield ")"
    yield ""
    yield ""
    yield "def call_the_provider():"
    yield "    credentials = get_credentials_from_token_vault()"
    yield '    # credentials["access_token"] is what you call the provider with'
    yield '    return " ".join(credentials["scope"])'
    yield ""
    yield ""
    yield 'context = {"thread_id": "1", "tool_name": "call_the_provider", "tool_call_id": "1"}'
    yield "tool = TokenVaultAuthorizerBase(wanted, auth0).protect(lambda: context, call_the_provider)"
    yield "try:"
    yield "    print(asyncio.run(tool()))"
    yield "except TokenVaultInterrupt as interrupt:"
    yield "    # run the connect flow with these scopes, then call the tool again"
    yield '    raise SystemExit(f"{interrupt.connection} must be connected with {interrupt.required_scopes}: {interrupt}")'


def _langchain(example: Example) -> Iterator[str]:
    yield "import asyncio"
    yield "import os"
    yield "from typing import TypedDict"
    yield ""
    yield "from auth0_ai_langchain.auth0_ai import Auth0AI"
    yield "from auth0_ai_langchain.token_vault import get_credentials_from_token_vault"
    yield "from langchain_core.tools import StructuredTool"
    yield "from langgraph.checkpoint.memory import InMemorySaver"
    yield "from langgraph.graph import END, START, StateGraph"
    yield ""
    yield f"auth0 = Auth0AI({_python_config(example)})"
    yield f"scopes = {dumps(list(example.scopes))}"
    yield f"with_token_vault = auth0.with_token_vault(connection={dumps(example.connection)}, scopes=scopes)"
    yield ""
    yield ""
    yield "def call_the_provider(what: str) -> str:"
    yield '    """Calls the provider for the user."""'
    yield "    credentials = get_credentials_from_token_vault()"
    yield '    # credentials["access_token"] is what you call the provider with'
    yield '    return " ".join(credentials["scope"])'
    yield ""
    yield ""
    yield 'tool = with_token_vault(StructuredTool.from_function(func=call_the_provider, name="call_the_provider"))'
    yield ""
    yield ""
    yield "class State(TypedDict, total=False):"
    yield "    answer: str"
    yield ""
    yield ""
    yield "async def agent(state: State) -> State:"
    yield "    # in an agent the model makes this call"
    yield '    call = {"type": "tool_call", "name": "call_the_provider", "id": "1", "args": {"what": "today"}}'
    yield '    return {"answer": (await tool.ainvoke(call)).content}'
    yield ""
    yield ""
    yield "graph = StateGraph(State)"
    yield 'graph.add_node("agent", agent)'
    yield 'graph.add_edge(START, "agent")'
    yield 'graph.add_edge("agent", END)'
    yield f'user = {{"{_token_name(example)}": os.environ["{SUBJECT_TOKEN}"]}}'
    yield 'config = {"configurable": {"thread_id": "1", "_credentials": user}}'
    yield "done = asyncio.run(graph.compile(checkpointer=InMemorySaver()).ainvoke({}, config))"
    yield 'if "__interrupt__" in done:'
    yield "    # run the connect flow with the scopes that it names, then resume the graph"
    yield '    raise SystemExit(str(done["__interrupt__"][0].value))'
    yield 'print(done["answer"])'


def _api_python(example: Example) -> Iterator[str]:
    yield "import asyncio"
    yield "import os"
    yield ""
    yield "from auth0_api_python import ApiClient, ApiClientOptions"
    yield ""
    yield "options = ApiClientOptions("
    yield f"    domain={dumps(example.domain)},"
    yield f"    audience={dumps(example.api)},"
    yield f"    client_id={dumps(example.client_id)},"
    yield f'    client_secret=os.environ["{example.secret}"],'
    yield ")"
    yield ""
    yield ""
    yield "async def main():"
    yield "    api = ApiClient(options)"
    yield f'    called_with = os.environ["{SUBJECT_TOKEN}"]'
    yield "    await api.verify_access_token(called_with)"
    yield f'    wanted = {{"connection": {dumps(example.connection)}, "access_token": called_with}}'
    yield "    token = await api.get_access_token_for_connection(wanted)"
    yield '    # token["access_token"] is what you call the provider with'
    yield '    print(token["scope"])'
    yield ""
    yield ""
    yield "asyncio.run(main())"


# ---- TypeScript


def _node_config(example: Example, indent: str) -> Iterator[str]:
    yield f"{indent}domain: {dumps(example.domain)},"
    yield f"{indent}clientId: {dumps(example.client_id)},"
    yield f"{indent}clientSecret: process.env.{example.secret},"


def _node_wanted(example: Example) -> Iterator[str]:
    yield f"  connection: {dumps(example.connection)},"
    yield f"  scopes: {dumps(list(example.scopes))},"
    name = "accessToken" if example.request == ACCESS_TOKEN_REQUEST else "refreshToken"
    yield f"  {name}: async () => process.env.{SUBJECT_TOKEN},"
    if example.request == ACCESS_TOKEN_REQUEST:
        yield "  subjectTokenType: SUBJECT_TOKEN_TYPES.SUBJECT_TYPE_ACCESS_TOKEN,"


REQUIRE = (
    'import { createRequire } from "node:module";',
    "",
    "// a bundler takes plain imports; Node.js alone loads the CommonJS build",
    "const require = createRequire(import.meta.url);",
)
REFUSED = (
    "} catch (problem) {",
    "  // TokenVaultInterrupt: run the connect flow with its scopes, then call the tool again",
    "  console.error(problem.message, problem.connection, problem.requiredScopes);",
    "  process.exit(1);",
    "}",
)


def _auth0_ai_js(example: Example) -> Iterator[str]:
    yield from REQUIRE
    yield 'const { MemoryStore } = require("@auth0/ai/stores");'
    yield 'const vault = require("@auth0/ai/TokenVault");'
    yield "const { getCredentialsFromTokenVault, SUBJECT_TOKEN_TYPES, TokenVaultAuthorizerBase } = vault;"
    yield ""
    yield "const auth0 = {"
    yield from _node_config(example, "  ")
    yield "};"
    yield "const authorizer = new TokenVaultAuthorizerBase(auth0, {"
    yield from _node_wanted(example)
    yield "  store: new MemoryStore(),"
    yield "});"
    yield "const callTheProvider = authorizer.protect("
    yield '  () => ({ threadID: "1", toolName: "callTheProvider", toolCallID: "1" }),'
    yield "  // getCredentialsFromTokenVault().accessToken is what you call the provider with"
    yield "  async () => getCredentialsFromTokenVault().scopes.join(' '),"
    yield ");"
    yield "try {"
    yield "  console.log(await callTheProvider());"
    yield from REFUSED


def _vercel(example: Example) -> Iterator[str]:
    yield from REQUIRE
    yield 'const { Auth0AI, getCredentialsFromTokenVault, setAIContext } = require("@auth0/ai-vercel");'
    if example.request == ACCESS_TOKEN_REQUEST:
        yield 'const { SUBJECT_TOKEN_TYPES } = require("@auth0/ai/TokenVault");'
    yield 'const { tool } = require("ai");'
    yield 'const { z } = require("zod");'
    yield ""
    yield "const auth0 = new Auth0AI({"
    yield "  auth0: {"
    yield from _node_config(example, "    ")
    yield "  },"
    yield "});"
    yield "const withTokenVault = auth0.withTokenVault({"
    yield from _node_wanted(example)
    yield "});"
    yield "const callTheProvider = withTokenVault("
    yield "  tool({"
    yield '    description: "Calls the provider for the user",'
    yield "    inputSchema: z.object({}),"
    yield "    // getCredentialsFromTokenVault().accessToken is what you call the provider with"
    yield "    execute: async () => getCredentialsFromTokenVault().scopes.join(' '),"
    yield "  }),"
    yield ");"
    yield 'setAIContext({ threadID: "1" });'
    yield "try {"
    yield "  // in an agent the model makes this call: generateText({ model, tools: { callTheProvider }, prompt })"
    yield '  console.log(await callTheProvider.execute({}, { toolCallId: "1", messages: [] }));'
    yield from REFUSED


def _langchain_js(example: Example) -> Iterator[str]:
    yield from REQUIRE
    yield 'const { Auth0AI, getCredentialsForConnection } = require("@auth0/ai-langchain");'
    yield 'const { tool } = require("@langchain/core/tools");'
    yield 'const { z } = require("zod");'
    yield ""
    yield "const auth0 = new Auth0AI({"
    yield "  auth0: {"
    yield from _node_config(example, "    ")
    yield "  },"
    yield "});"
    yield "const withTokenVault = auth0.withTokenForConnection({"
    yield from _node_wanted(example)
    yield "});"
    yield "const callTheProvider = withTokenVault("
    yield "  // getCredentialsForConnection().accessToken is what you call the provider with"
    yield "  tool(async () => getCredentialsForConnection().scopes.join(' '), {"
    yield '    name: "callTheProvider",'
    yield '    description: "Calls the provider for the user",'
    yield "    schema: z.object({}),"
    yield "  }),"
    yield ");"
    yield "try {"
    yield "  // in an agent the model makes this call, in a graph whose checkpointer keeps what it waits for"
    yield '  console.log(await callTheProvider.invoke({}, { configurable: { thread_id: "1", tool_call_id: "1" } }));'
    yield "} catch (problem) {"
    yield "  // GraphInterrupt: run the connect flow with the scopes that it names, then resume the graph"
    yield "  console.error(problem.message, JSON.stringify(problem.interrupts ?? []));"
    yield "  process.exit(1);"
    yield "}"


SDKS: Mapping[str, Sdk] = {
    sdk.name: sdk
    for sdk in (
        Sdk(name="auth0-ai", install="pip install auth0-ai==1.0.2", requests=BOTH, lines=_auth0_ai),
        Sdk(
            name="langchain",
            install="pip install auth0-ai-langchain==1.0.1 langgraph",
            requests=(REFRESH_TOKEN_REQUEST,),
            lines=_langchain,
        ),
        Sdk(
            name="auth0-api-python",
            install="pip install --pre auth0-api-python",
            requests=(ACCESS_TOKEN_REQUEST,),
            lines=_api_python,
        ),
        Sdk(name="auth0-ai-js", install="npm install @auth0/ai@5.1.1", requests=BOTH, lines=_auth0_ai_js),
        Sdk(
            name="vercel-ai",
            install="npm install @auth0/ai-vercel@4.1.0 ai@5 zod@3",
            requests=BOTH,
            lines=_vercel,
        ),
        Sdk(
            name="langchain-js",
            # this release does not load with a later @auth0/ai
            install="npm install @auth0/ai-langchain@3.5.2 @auth0/ai@3.5.0 @langchain/core@0.3 @langchain/langgraph@0.4 zod@3",
            requests=(REFRESH_TOKEN_REQUEST,),
            lines=_langchain_js,
        ),
        Sdk(
            name="auth0-auth-js",
            install="npm install @auth0/auth0-auth-js@1.16",
            requests=BOTH,
            lines=auth_js,
        ),
        Sdk(
            name="nextjs-auth0",
            install="npm install @auth0/nextjs-auth0@4.30",
            requests=(REFRESH_TOKEN_REQUEST,),
            lines=nextjs,
        ),
        Sdk(
            name="auth0-server-python",
            install="pip install --pre auth0-server-python",
            requests=(REFRESH_TOKEN_REQUEST,),
            lines=server_python,
        ),
    )
}

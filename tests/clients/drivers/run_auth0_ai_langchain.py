"""auth0-ai-langchain: a LangChain tool that is protected by the Token Vault, in a LangGraph graph."""

import asyncio
from typing import TypedDict

from auth0_ai_langchain.auth0_ai import Auth0AI
from auth0_ai_langchain.token_vault import get_credentials_from_token_vault
from common import CONNECTION, DOMAIN, REFRESH_TOKEN, SCOPE, WEB, done
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph


class State(TypedDict, total=False):
    scopes: list[str]


def events(date: str) -> str:
    """Lists the events of a day."""
    return " ".join(get_credentials_from_token_vault()["scope"])


def graph(scope: str):
    config = {"domain": DOMAIN, "client_id": WEB["client_id"], "client_secret": WEB["client_secret"]}
    protect = Auth0AI(config).with_token_vault(connection=CONNECTION, scopes=[scope])
    tool = protect(StructuredTool.from_function(func=events, name="events"))

    async def node(state: State) -> State:
        call = {"type": "tool_call", "name": "events", "id": "1", "args": {"date": "today"}}
        return {"scopes": (await tool.ainvoke(call)).content.split()}

    built = StateGraph(State)
    built.add_node("tool", node)
    built.add_edge(START, "tool")
    built.add_edge("tool", END)
    return built.compile(checkpointer=InMemorySaver())


async def main() -> None:
    config = {"configurable": {"thread_id": "t", "_credentials": {"refresh_token": REFRESH_TOKEN}}}
    assert SCOPE in (await graph(SCOPE).ainvoke({}, config))["scopes"]
    done("exchange of a refresh token")
    stopped = await graph("https://www.googleapis.com/auth/drive").ainvoke({}, config)
    assert stopped["__interrupt__"][0].value["connection"] == CONNECTION
    done("interrupt for a missing scope")


asyncio.run(main())

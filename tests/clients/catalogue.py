"""Which clients are run, through which flows. A flow that a driver does not report is a failure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """Somebody else's software."""

    package: str
    driver: str
    flows: tuple[str, ...]
    group: str  # clients of one group are installed together
    takes_port: bool = True  # in the tenant's domain
    example: str = ""  # a page of ours that is run with it
    usage: str = ""  # what `tokenvault usage --lang` prints for it is run, as it is printed; or imported by the driver

    @property
    def name(self) -> str:
        """What it is called on the command line and in the table."""
        return f"usage --lang {self.usage}" if self.usage else self.example or self.package


RT, AT, MISSING = "exchange of a refresh token", "exchange of an access token", "interrupt for a missing scope"
# @auth0/nextjs-auth0 is used without its framework's server, but not without its framework
COMPANIONS = {
    "node": ("next", "react", "react-dom"),
    "ai": ("langgraph",),
    "sdk": ("starlette", "uvicorn", "httpx", "httpx2"),
    # @auth0/ai-vercel is for this release of the AI SDK
    "vercel": ("ai@5", "zod@3"),
    # @auth0/ai-langchain does not load with a later @auth0/ai
    "langchain": ("@auth0/ai@3.5.0", "@langchain/core@0.3", "@langchain/langgraph@0.4", "zod@3"),
}
NODE_GROUPS = ("node", "vercel", "langchain")
CLIENTS = (
    Client("auth0-python", "run_auth0_python.py", ("token", "management", RT, AT), "sdk"),
    Client(
        "auth0-server-python",
        "run_auth0_server_python.py",
        ("login", "refusal with its text", "connect", "list", "exchange", "disconnect", "logout"),
        "sdk",
    ),
    Client("auth0-api-python", "run_auth0_api_python.py", ("verify", "refusal of a token for another API", AT), "sdk"),
    Client(
        "auth0-server-python",
        "run_offline_agent.py",
        ("login", "connect", "exchange and call", "logout"),
        "sdk",
        example="examples/offline-agent",
    ),
    # auth0-ai needs an older auth0-python than the current one
    Client("auth0-ai", "run_auth0_ai.py", (RT, AT, MISSING), "ai"),
    Client("auth0-ai-langchain", "run_auth0_ai_langchain.py", (RT, MISSING), "ai"),
    Client("@auth0/ai", "run_auth0_ai.mjs", (RT, AT, MISSING), "node"),
    Client(
        "@auth0/auth0-auth-js",
        "run_auth0_auth_js.mjs",
        ("login", "userinfo", "refusal with its error", "refresh for My Account API", "connect", "exchange", "logout"),
        "node",
    ),
    Client(
        "@auth0/nextjs-auth0",
        "run_nextjs_auth0.mjs",
        ("login", "refusal with its error", "connect", "exchange", "list", "disconnect", "logout"),
        "node",
        takes_port=False,
    ),
    Client("auth0-deploy-cli", "run_deploy_cli.mjs", ("export", "import"), "node"),
    Client("auth0-ai", "", (RT, AT), "ai", usage="auth0-ai"),
    Client("auth0-ai-langchain", "", (RT,), "ai", usage="langchain"),
    Client("auth0-api-python", "", (AT,), "sdk", usage="auth0-api-python"),
    Client("@auth0/ai", "", (RT, AT), "vercel", usage="auth0-ai-js"),
    Client("@auth0/ai-vercel", "", (RT, AT), "vercel", usage="vercel-ai"),
    Client("@auth0/ai-langchain", "", (RT,), "langchain", usage="langchain-js"),
    Client("@auth0/auth0-auth-js", "", (RT, AT), "node", usage="auth0-auth-js"),
    Client(
        "@auth0/nextjs-auth0",
        "use_nextjs_auth0.mjs",
        ("login", "connect", RT),
        "node",
        takes_port=False,
        usage="nextjs-auth0",
    ),
    Client(
        "auth0-server-python",
        "use_auth0_server_python.py",
        ("login", "connect", RT),
        "sdk",
        usage="auth0-server-python",
    ),
)
# these begin with an account that is connected already, and with the tokens of a login
PREPARED = frozenset({"auth0-python", "auth0-api-python", "auth0-ai", "auth0-ai-langchain", "@auth0/ai"})

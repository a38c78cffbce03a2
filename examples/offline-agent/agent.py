"""An agent that reads a user's calendar: they log in, connect their Google account, and ask.

It is the same program against Auth0 and against the sandbox; only AUTH0_DOMAIN and GOOGLE_API differ.
Needs: pip install auth0-server-python starlette uvicorn
"""

import html
import os
import secrets
from contextvars import ContextVar

import httpx
import uvicorn
from auth0_server_python.auth_server.server_client import ServerClient
from auth0_server_python.auth_types import ConnectAccountOptions, LogoutOptions, StartInteractiveLoginOptions
from auth0_server_python.error import AccessTokenForConnectionError, ApiError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

BASE = "http://localhost:3000"
GOOGLE = os.environ.get("GOOGLE_API", "https://www.googleapis.com")
CONNECTION, SCOPE = "google-oauth2", "https://www.googleapis.com/auth/calendar.readonly"


BROWSER: ContextVar[str] = ContextVar("browser")  # which browser asks


class Memory:
    """Keeps each browser's session as long as the process lives; a real application keeps it in a database."""

    def __init__(self) -> None:
        self._held = {}

    async def get(self, identifier, options=None):
        return self._held.get((BROWSER.get(), identifier))

    async def set(self, identifier, state, remove_if_expires=False, options=None):
        self._held[BROWSER.get(), identifier] = state

    async def delete(self, identifier, options=None):
        self._held.pop((BROWSER.get(), identifier), None)


auth0 = ServerClient(
    domain=os.environ["AUTH0_DOMAIN"],
    client_id=os.environ["AGENT_CLIENT_ID"],
    client_secret=os.environ["AGENT_CLIENT_SECRET"],
    redirect_uri=f"{BASE}/auth/callback",
    secret=secrets.token_hex(32),
    transaction_store=Memory(),
    state_store=Memory(),
    authorization_params={"scope": "openid profile email offline_access"},
)


def page(text: str, *links: str) -> Response:
    shown = " · ".join(f'<a href="/{link}">{link or "back"}</a>' for link in links)
    return HTMLResponse(f"<h1>Calendar Agent</h1><p>{html.escape(text)}</p><p>{shown}</p>")


async def home(request: Request) -> Response:
    user = await auth0.get_user()
    if user:
        return page(f"Hello {user['name']}.", "ask", "connect", "logout")
    answer = page("Who are you?", "login")
    if "session" not in request.cookies:
        answer.set_cookie("session", secrets.token_urlsafe(32), httponly=True, samesite="lax")
    return answer


async def login(request: Request) -> Response:
    return RedirectResponse(await auth0.start_interactive_login(StartInteractiveLoginOptions()))


async def connect(request: Request) -> Response:
    options = ConnectAccountOptions(connection=CONNECTION, scopes=["email", SCOPE])
    return RedirectResponse(await auth0.start_connect_account(options))


async def callback(request: Request) -> Response:
    """Where both the login and the connect flow come back to."""
    if "error" in request.query_params:
        return page(request.query_params.get("error_description", "Something went wrong."), "")
    if "connect_code" in request.query_params:
        await auth0.complete_connect_account(str(request.url))
    else:
        await auth0.complete_interactive_login(str(request.url))
    return RedirectResponse("/")


async def ask(request: Request) -> Response:
    """What the agent does for its user: gets Google's token out of the Token Vault, and calls Google with it."""
    try:
        token = await auth0.get_access_token_for_connection({"connection": CONNECTION})
    except (AccessTokenForConnectionError, ApiError) as problem:
        return page(f"Connect your Google account first. ({problem})", "connect", "")
    async with httpx.AsyncClient() as google:
        events = await google.get(
            f"{GOOGLE}/calendar/v3/calendars/primary/events", headers={"authorization": f"Bearer {token}"}
        )
    return page(f"Google answers {events.status_code}: {events.text}", "")


async def logout(request: Request) -> Response:
    return RedirectResponse(await auth0.logout(LogoutOptions(return_to=f"{BASE}/")))


pages = Starlette(
    routes=[
        Route("/", home),
        Route("/login", login),
        Route("/connect", connect),
        Route("/auth/callback", callback),
        Route("/ask", ask),
        Route("/logout", logout),
    ]
)


async def app(scope, receive, send) -> None:
    if scope["type"] == "http":
        BROWSER.set(Request(scope).cookies.get("session", ""))
    await pages(scope, receive, send)


if __name__ == "__main__":
    uvicorn.run(app, port=3000)

"""A simulated tenant on which the kit is tried: the sample company, and a person who logged in where an unknown needs one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.api import GRANT
from tests.acceptance.probes.base import Login
from tests.support import Objects, tenant
from tokenvault.sandbox import DOMAIN, TOKEN, Sandbox, open_sandbox
from tokenvault.sandbox.connections import DELETED

GOOGLE, GITHUB, USER, API = "google-oauth2", "github", "auth0|acceptance-person", "https://person.example"
OWNED = ("clients", "connections", "resource_servers", "client_grants", "enablements", "credentials", "custom_domains")


class Company:
    """The tenant in a file, and the logins of its person."""

    def __init__(self, path: Path) -> None:
        self.path, self.logins = path, dict[str, Login]()
        sandbox = open_sandbox(path)
        try:
            with asyncio.Runner() as runner:
                self._prepare(sandbox, runner)
        finally:
            sandbox.close()

    def _prepare(self, sandbox: Sandbox, runner: asyncio.Runner) -> None:
        def ask(method: str, path: str, body: Any = None) -> Any:
            return runner.run(_asked(sandbox, method, path, body))

        web = ask(
            "POST",
            "clients",
            _exchanging("Person's web", app_type="regular_web", callbacks=["https://person.example/cb"]),
        )
        ask("POST", "resource-servers", {"identifier": API, "allow_offline_access": True})
        linked = {"app_type": "resource_server", "resource_server_identifier": API}
        exchanger = ask("POST", "clients", _exchanging("Person's API client", **linked))
        for name, changes in ((GOOGLE, {"offline_access": True}), (GITHUB, {"client_id": "Ov23liOfAnOAuthApp"})):
            connection = ask("GET", f"connections?name={name}")[0]
            options = {**connection["options"], **changes}
            path = f"connections/{connection['id']}"
            ask("PATCH", path, {"connected_accounts": {"active": True}, "options": options})
            ask("PATCH", f"{path}/clients", [{"client_id": web["client_id"], "status": True}])
            sandbox.connect(USER, name)
        access = sandbox.issue_access_token(USER, web["client_id"], API)
        refresh = sandbox.issue_refresh_token(USER, web["client_id"])
        self.logins = {
            "custom-api-client-enabled": _login(GOOGLE, exchanger, access),
            "github-oauth-apps-work": _login(GITHUB, web, refresh),
        }


def owned(path: Path) -> Mapping[str, Objects]:
    """What a tenant holds that somebody may own. A connection that was deleted may stand in the file for a while."""
    objects = {kind: held for kind, held in tenant(path).items() if kind in OWNED}
    objects["connections"] = {key: one for key, one in objects["connections"].items() if DELETED not in one}
    return objects


async def _asked(sandbox: Sandbox, method: str, path: str, body: Any) -> Any:
    transport = httpx.ASGITransport(app=sandbox.app)
    async with httpx.AsyncClient(transport=transport, base_url=f"https://{DOMAIN}/api/v2/") as http:
        headers = {"authorization": f"Bearer {TOKEN}"}
        response = await http.request(method, path, headers=headers, **({} if body is None else {"json": body}))
    assert response.is_success, response.text
    return response.json() if response.content else None


def _exchanging(name: str, **body: Any) -> dict[str, Any]:
    grants = ["authorization_code", "refresh_token", GRANT]
    common = {"name": name, "oidc_conformant": True, "token_endpoint_auth_method": "client_secret_post"}
    if body["app_type"] == "resource_server":
        grants = [GRANT]
    return {**common, "grant_types": grants, **body}


def _login(connection: str, client: dict[str, Any], token: str) -> Login:
    return Login(
        connection=connection,
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        subject_token=token,
    )

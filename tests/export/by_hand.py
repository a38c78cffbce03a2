"""A tenant that somebody set up through the Management API alone, request by request: no spec, no mark."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support import CONNECTED_ACCOUNTS, ROOT, TOKEN_VAULT_GRANT, Result
from tokenvault.sandbox import DOMAIN, TOKEN, open_sandbox

MY_ACCOUNT = f"https://{DOMAIN}/me/"
PUBLIC_KEY = (ROOT / "examples" / "keys" / "nightly-sync.pub.pem").read_text()
NON_ROTATING = {"rotation_type": "non-rotating", "expiration_type": "non-expiring", "leeway": 0,
                "token_lifetime": 31557600, "idle_token_lifetime": 2592000,
                "infinite_token_lifetime": True, "infinite_idle_token_lifetime": True}  # fmt: skip
ROTATING = {"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 0, "token_lifetime": 2592000,
            "idle_token_lifetime": 1296000, "infinite_token_lifetime": False,
            "infinite_idle_token_lifetime": False}  # fmt: skip
WEB_GRANTS = ["authorization_code", "refresh_token", "implicit"]


class Refused(Exception):
    """The tenant does not take it."""


class Hands:
    """Somebody with a token and curl."""

    def __init__(self, state: Path, runner: asyncio.Runner, *, empty: bool = False) -> None:
        self.sandbox = open_sandbox(state, empty=empty)
        self._runner = runner

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request that must succeed; its answer."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.sandbox.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{DOMAIN}/api/v2/") as http:
                headers = {"authorization": f"Bearer {TOKEN}"}
                return await http.request(method, path, json=body, headers=headers)

        answer = self._runner.run(send())
        if answer.status_code >= 300:
            raise Refused(answer.text)
        return answer.json() if answer.content else None

    def my_account(self, **settings: Any) -> None:
        """Switches the My Account API on."""
        api = self.ask("POST", "resource-servers", {"identifier": MY_ACCOUNT})
        if settings:
            self.ask("PATCH", f"resource-servers/{api['id']}", settings)

    def connection(self, name: str, **changes: Any) -> str:
        """Switches the connected accounts of a connection on; its id."""
        found = [c for c in self.ask("GET", "connections?take=100")["connections"] if c["name"] == name]
        body = {"connected_accounts": {"active": True}, **changes}
        self.ask("PATCH", f"connections/{found[0]['id']}", body)
        return str(found[0]["id"])

    def enable(self, connection: str, *client_ids: str) -> None:
        """Lets applications use a connection."""
        found = [c for c in self.ask("GET", "connections?take=100")["connections"] if c["name"] == connection]
        body = [{"client_id": client_id, "status": True} for client_id in client_ids]
        self.ask("PATCH", f"connections/{found[0]['id']}/clients", body)

    def application(self, name: str, **settings: Any) -> str:
        """An application; its client id."""
        return str(self.ask("POST", "clients", {"name": name, **settings})["client_id"])

    def grant(self, client_id: str, audience: str = MY_ACCOUNT, scope: Any = None) -> None:
        """Lets an application ask for tokens for an API on behalf of users."""
        scopes = sorted(CONNECTED_ACCOUNTS) if scope is None else list(scope)
        body = {"client_id": client_id, "audience": audience, "scope": scopes, "subject_type": "user"}
        self.ask("POST", "client-grants", body)

    def web(self, name: str, *connections: str, exchanges: bool = True, **settings: Any) -> str:
        """A regular web application in which users connect accounts, and which exchanges tokens."""
        client_id = self.application(
            name,
            **{
                "app_type": "regular_web",
                "token_endpoint_auth_method": "client_secret_basic",
                "oidc_conformant": True,
                "grant_types": [*WEB_GRANTS, *([TOKEN_VAULT_GRANT] if exchanges else [])],
                "callbacks": ["https://app.example/callback"],
                "jwt_configuration": {"alg": "RS256", "lifetime_in_seconds": 3600},
                "refresh_token": {**NON_ROTATING, "policies": [policy()]},
                **settings,
            },
        )
        return self._connecting(client_id, connections)

    def spa(self, name: str, *connections: str, **settings: Any) -> str:
        """A single-page application in which users connect accounts."""
        client_id = self.application(
            name,
            **{
                "app_type": "spa",
                "token_endpoint_auth_method": "none",
                "oidc_conformant": True,
                "grant_types": ["authorization_code", "refresh_token"],
                "jwt_configuration": {"alg": "RS256"},
                "refresh_token": {**ROTATING, "policies": [policy()]},
                **settings,
            },
        )
        return self._connecting(client_id, connections)

    def _connecting(self, client_id: str, connections: tuple[str, ...]) -> str:
        self.grant(client_id)
        for connection in connections:
            self.enable(connection, client_id)
        return client_id

    def api(self, identifier: str, name: str, *, scopes: Mapping[str, str] | None = None, **settings: Any) -> str:
        """A backend API with the Custom API Client that exchanges its access tokens; the client's id."""
        body = {
            "identifier": identifier,
            "name": name,
            "signing_alg": "RS256",
            "allow_offline_access": True,
            "skip_consent_for_verifiable_first_party_clients": True,
            "scopes": [{"value": value, "description": text} for value, text in (scopes or {}).items()],
            **settings,
        }
        self.ask("POST", "resource-servers", body)
        return self.application(
            f"{name} exchanger",
            app_type="resource_server",
            resource_server_identifier=identifier,
            grant_types=[TOKEN_VAULT_GRANT],
            token_endpoint_auth_method="client_secret_post",
        )

    def worker(self, name: str, *connections: str, scopes: tuple[str, ...] = ("repo",), **settings: Any) -> str:
        """A background job with a key of its own and privileged access."""
        client_id = self.application(
            name,
            **{
                "app_type": "non_interactive",
                "oidc_conformant": True,
                "grant_types": ["client_credentials", TOKEN_VAULT_GRANT],
                "jwt_configuration": {"alg": "RS256"},
                **settings,
            },
        )
        key = {"name": "my laptop", "credential_type": "public_key", "pem": PUBLIC_KEY, "alg": "RS256"}
        credential = self.ask("POST", f"clients/{client_id}/credentials", key)["id"]
        slot = [{"id": credential}]
        grants = [{"connection": connection, "scopes": list(scopes)} for connection in connections]
        self.ask(
            "PATCH",
            f"clients/{client_id}",
            {
                "client_authentication_methods": {"private_key_jwt": {"credentials": slot}},
                "token_endpoint_auth_method": None,
                "token_vault_privileged_access": {
                    "credentials": slot,
                    "ip_allowlist": ["203.0.113.0/24"],
                    "grants": grants,
                },
            },
        )
        for connection in connections:
            self.enable(connection, client_id)
        return client_id


def said(result: Result) -> str:
    """What a command said on stderr, however it was wrapped."""
    return " ".join(result.err.split())


def policy(audience: str = MY_ACCOUNT, scope: Any = None) -> dict[str, Any]:
    """What refresh tokens reach besides their own audience."""
    return {"audience": audience, "scope": sorted(CONNECTED_ACCOUNTS) if scope is None else list(scope)}


@contextmanager
def by_hand(state: Path, *, empty: bool = False) -> Iterator[Hands]:
    """A tenant to work on by hand."""
    with asyncio.Runner() as runner:
        hands = Hands(state, runner, empty=empty)
        try:
            yield hands
        finally:
            hands.sandbox.close()

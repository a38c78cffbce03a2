"""A tenant in which every flavor works, spoken to as its owner would: tests break it and ask what tokenvault says."""

from __future__ import annotations

import asyncio
import json
import shutil
import uuid
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.support import Result, cli
from tokenvault.flavors.runtime.errors import run_time_error
from tokenvault.sandbox import TOKEN, Sandbox, open_sandbox
from tokenvault.sandbox.errors import OAuthError

CALENDAR = "https://www.googleapis.com/auth/calendar.events"
API = "https://calendar.acme.example"
ME = "https://sandbox.localhost/me/"
SECRETS = {"PROVIDER_SECRET": "canary-provider-secret"}
CREDENTIALS = {"client_id": "Iv1.ours", "client_secret": "${env:PROVIDER_SECRET}"}
OIDC = {
    "type": "back_channel",
    "issuer": "https://id.acme.example",
    "authorization_endpoint": "https://id.acme.example/authorize",
    "token_endpoint": "https://id.acme.example/token",
    "jwks_uri": "https://id.acme.example/jwks",
}
ASSISTANT, SPA, WORKER = "assistant", "calendar-spa", "nightly-sync"
FLAVORS = {ASSISTANT: "refresh_token_exchange", SPA: "access_token_exchange", WORKER: "privileged_worker"}


def whole_spec() -> dict[str, Any]:
    """All flavors, connections of three strategies."""
    return {
        "version": 1,
        "name": "world",
        "connections": {
            "google-oauth2": {
                "strategy": "google-oauth2",
                "credentials": CREDENTIALS,
                "offline_access": True,
                "scopes": ["email", "profile", CALENDAR],
            },
            "acme-id": {
                "strategy": "oidc",
                "credentials": CREDENTIALS,
                "options": OIDC,
                "offline_access": True,
                "scopes": ["openid"],
            },
            "github": {},
        },
        "apis": {"calendar": {"identifier": API, "scopes": {"read:calendar": "Read"}}},
        "applications": {
            ASSISTANT: {
                "type": "regular_web",
                "callbacks": ["https://assistant.acme.example/callback"],
                "flavors": ["refresh_token_exchange"],
            },
            SPA: {
                "type": "spa",
                "callbacks": ["https://calendar.acme.example/callback"],
                "flavors": [{"access_token_exchange": {"api": "calendar"}}],
                "connections": ["google-oauth2"],
            },
            WORKER: {
                "type": "m2m",
                "flavors": [
                    {
                        "privileged_worker": {
                            "public_keys": [{"file": "worker.pub.pem"}],
                            "ip_allowlist": ["127.0.0.1"],
                            "grants": {"google-oauth2": [CALENDAR, "email"]},
                        }
                    }
                ],
                "connections": ["google-oauth2"],
            },
        },
    }


class World:
    """A folder with a spec, a worker's key pair and a sandbox."""

    def __init__(self, folder: Path, spec: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.write(dict(spec or whole_spec()))

    def write(self, spec: Mapping[str, Any]) -> None:
        self.spec = dict(spec)
        (self.folder / "spec.yaml").write_text(yaml.safe_dump(self.spec, sort_keys=False))

    def make_key(self, name: str = "worker") -> None:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / f"{name}.key.pem").write_bytes(pem)
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / f"{name}.pub.pem").write_bytes(public)

    def copy(self, folder: Path) -> World:
        """The same world somewhere else."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return World(folder, self.spec)

    # ---- tokenvault

    def run(self, *arguments: object, env: Mapping[str, str] | None = None, stdin: str = "") -> Result:
        return cli(*arguments, "--sandbox=tenant.db", cwd=self.folder, env={**SECRETS, **(env or {})}, stdin=stdin)

    def apply(self) -> Result:
        return self.run("apply", "spec.yaml", "-y")

    def doctor(self, *specs: str) -> dict[str, Any]:
        result = self.run("doctor", *specs, "--format", "json")
        assert result.out, result.err
        document: dict[str, Any] = result.json
        assert result.code == (0 if document["ready"] else 1)
        return document

    # ---- the tenant

    @cached_property
    def sandbox(self) -> Sandbox:
        return open_sandbox(self.folder / "tenant.db")

    def close(self) -> None:
        if "sandbox" in self.__dict__:
            self.sandbox.close()

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the Management API."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.sandbox.app)
            async with httpx.AsyncClient(transport=transport, base_url="https://sandbox.localhost/api/v2") as client:
                content = {} if body is None else {"json": body}
                return await client.request(method, path, headers={"authorization": f"Bearer {TOKEN}"}, **content)

        response = asyncio.run(send())
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    def client(self, name: str) -> dict[str, Any]:
        """An application by its name, or the Custom API Client by the name of its API."""
        found = [
            c
            for c in self.api("GET", "/clients?per_page=100")
            if name in (c["name"], c.get("resource_server_identifier"))
        ]
        assert len(found) == 1, name
        client: dict[str, Any] = found[0]
        return client

    def patch_client(self, name: str, **patch: Any) -> None:
        self.api("PATCH", f"/clients/{self.client(name)['client_id']}", patch)

    def patch_refresh_token(self, name: str, **changes: Any) -> None:
        self.patch_client(name, refresh_token={**self.client(name)["refresh_token"], **changes})

    def patch_access(self, **changes: Any) -> None:
        access = self.client(WORKER)["token_vault_privileged_access"]
        self.patch_client(WORKER, token_vault_privileged_access={**access, **changes})

    def connection(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api("GET", f"/connections?name={name}")[0]
        return found

    def patch_connection(self, name: str, **patch: Any) -> None:
        self.api("PATCH", f"/connections/{self.connection(name)['id']}", patch)

    def patch_options(self, name: str, **changes: Any) -> None:
        options = {**self.connection(name)["options"], **changes}
        self.patch_connection(name, options={key: value for key, value in options.items() if value is not None})

    def enable(self, connection: str, client: str, status: bool) -> None:
        body = [{"client_id": self.client(client)["client_id"], "status": status}]
        self.api("PATCH", f"/connections/{self.connection(connection)['id']}/clients", body)

    def resource_server(self, identifier: str) -> dict[str, Any]:
        found = [a for a in self.api("GET", "/resource-servers") if a["identifier"] == identifier]
        api: dict[str, Any] = found[0]
        return api

    def patch_api(self, identifier: str, **patch: Any) -> None:
        self.api("PATCH", f"/resource-servers/{self.resource_server(identifier)['id']}", patch)

    def user_grant(self, client: str, audience: str) -> dict[str, Any]:
        path = f"/client-grants?client_id={self.client(client)['client_id']}&audience={audience}&subject_type=user"
        grant: dict[str, Any] = self.api("GET", path)[0]
        return grant

    # ---- at run time

    def use(self, application: str, connection: str, *options: str) -> Result:
        """A new user connects an account, logs in, and has it exchanged. `OAuthError` where they are turned away."""
        user = f"auth0|{uuid.uuid4().hex}"
        if application == WORKER:
            self.sandbox.connect(user, connection)
            whom = ("--user", user, "--audit-context", "test", "--private-key", "worker.key.pem")
            return self.exchange(application, connection, *whom, *options)
        client_id = self.client(application)["client_id"]
        self.sandbox.connect(user, connection, client_id=client_id)
        token = self.sandbox.issue_refresh_token(user, client_id, audience=API if application == SPA else None)
        if application == SPA:
            token = self.sandbox.issue_access_token(user, client_id, API)
        return self.exchange(application, connection, *options, subject_token=token)

    def exchange(self, application: str, connection: str, *options: str, subject_token: str = "") -> Result:
        env = {"ASSISTANT_CLIENT_SECRET": self.secret(ASSISTANT), "CALENDAR_API_CLIENT_SECRET": self.secret(API)}
        env |= {"NIGHTLY_SYNC_CLIENT_SECRET": self.secret(WORKER)}
        env |= {"AUTH0_SUBJECT_TOKEN": subject_token} if subject_token else {}
        arguments = ("exchange", application, connection, "--spec", "spec.yaml", "--format", "json", *options)
        return self.run(*arguments, env=env)

    def secret(self, name: str) -> str:
        """The client secret of an application that is there."""
        state = self.sandbox.export_state()["objects"]["clients"].values()
        return next(
            (str(c["client_secret"]) for c in state if name in (c["name"], c.get("resource_server_identifier"))), "x"
        )

    def refusal(self, application: str, connection: str, *options: str) -> str | None:
        """The id of the error in which using the application ends, as `exchange` tells it; None when it works."""
        try:
            result = self.use(application, connection, *options)
        except OAuthError as refused:
            error = run_time_error(refused.status, refused.error, refused.description)
            return error.id if error else f"{refused.error}: {refused.description}"
        if result.code == 0:
            return None
        assert result.out, result.err
        error = json.loads(result.out)["error"]
        return error["id"] or f"{error['code']}: {error['description']}"

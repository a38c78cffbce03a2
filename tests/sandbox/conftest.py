"""A tenant in process, spoken to through its ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tokenvault.sandbox import DOMAIN, TOKEN, Sandbox, open_sandbox


class Api:
    """The Management API of a sandbox, synchronously."""

    def __init__(self, sandbox: Sandbox, runner: asyncio.Runner, domain: str = DOMAIN, token: str = TOKEN) -> None:
        self.sandbox, self._runner, self.domain, self.token = sandbox, runner, domain, token

    def raw(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.sandbox.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"https://{self.domain}") as client:
                return await client.request(method, path, **options)

        return self._runner.run(send())

    def ask(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        body = {"json": json} if json is not None else {}
        return self.raw(method, f"/api/v2{path}", headers=headers, **body, **options)

    def ok(self, method: str, path: str, json: Any = None, **options: Any) -> Any:
        response = self.ask(method, path, json, **options)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    def no(self, method: str, path: str, json: Any = None, **options: Any) -> tuple[int, str]:
        response = self.ask(method, path, json, **options)
        assert response.status_code >= 400, response.text
        return response.status_code, response.json()["message"]

    def token_request(self, **form: str) -> httpx.Response:
        return self.raw("POST", "/oauth/token", data=form)


class Key:
    """An RSA key pair as PEM."""

    def __init__(self) -> None:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.private = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        self.public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="session")
def keys() -> list[Key]:
    return [Key() for _ in range(5)]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = open_sandbox(":memory:")
    yield sandbox
    sandbox.close()


@pytest.fixture
def api(sandbox: Sandbox, runner: asyncio.Runner) -> Api:
    return Api(sandbox, runner)


@pytest.fixture
def limited(runner: asyncio.Runner) -> Iterator[Callable[..., Api]]:
    """Tenants whose token has only some scopes."""
    opened: list[Sandbox] = []

    def open_limited(*scopes: str) -> Api:
        opened.append(open_sandbox(":memory:", scopes=scopes))
        return Api(opened[-1], runner)

    yield open_limited
    for sandbox in opened:
        sandbox.close()


@pytest.fixture
def tenant(runner: asyncio.Runner) -> Iterator[Callable[..., Api]]:
    """Tenants that behave by variants."""
    opened: list[Sandbox] = []

    def make(*variants: str) -> Api:
        opened.append(open_sandbox(":memory:", variants=variants))
        return Api(opened[-1], runner)

    yield make
    for sandbox in opened:
        sandbox.close()

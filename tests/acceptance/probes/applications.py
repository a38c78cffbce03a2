"""Applications: Custom API Clients, credentials, privileged workers, and what can be sent back."""

from __future__ import annotations

from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.acceptance.api import GRANT, Api, Untold
from tests.acceptance.probes.base import Verdict, as_assumed, other, probe, told


@cache
def public_key(which: int = 0) -> str:
    """The public half of a key pair that was made for this process, as PEM; nobody has the other half."""
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


async def credential(api: Api, app: Any, name: str, which: int = 0) -> str:
    """A new credential of the application; its id."""
    body = {"credential_type": "public_key", "name": name, "pem": public_key(which), "alg": "RS256"}
    answer = await api.ask("POST", f"clients/{app['client_id']}/credentials", body)  # it goes with its application
    if not answer.ok:
        raise Untold(f"POST /clients/…/credentials was refused: {answer.said}")
    return str(answer.body["id"])


async def worker(api: Api, what: str) -> Any:
    """A machine-to-machine application that may exchange, without privileged access yet."""
    body = {"app_type": "non_interactive", "grant_types": [GRANT], "jwt_configuration": {"alg": "RS256"}}
    return await api.application(what, **body)


async def access(api: Api, credential_id: str) -> dict[str, Any]:
    """What privileged access of a worker holds."""
    connection = await api.connection("granted")
    grants = [{"connection": connection["name"], "scopes": ["openid"]}]
    return {"credentials": [{"id": credential_id}], "ip_allowlist": ["192.0.2.0/24"], "grants": grants}


@probe("minimal-api-client")
async def minimal_api_client(api: Api) -> Verdict:
    """Creates a Custom API Client with an authentication method, then with as little as was ever recorded."""
    backend = await api.backend()
    least = {"name": api.run.name("api-client"), "app_type": "resource_server", "grant_types": [GRANT]}
    least["resource_server_identifier"] = backend["identifier"]
    more = {"token_endpoint_auth_method": "client_secret_post", "oidc_conformant": True, "is_first_party": True}
    whole = await api.create("clients", least | more)
    if whole.ok:
        return as_assumed(f"it is created with {', '.join(more)}")
    bare = await api.made("clients", least)
    later = await api.ask("PATCH", f"clients/{bare['client_id']}", more)
    rest = "the rest can be set later" if later.ok else f"the rest cannot be set later either: {later.said}"
    return other(f"more than the least is refused ({whole.said}); {rest}")


@probe("exclusive-credentials")
async def exclusive_credentials(api: Api) -> Verdict:
    """Logs in with the credential of privileged access, and where that is refused, with one of its own."""
    app = await worker(api, "worker")
    path, shared = f"clients/{app['client_id']}", await credential(api, app, "shared")
    await api.ok("PATCH", path, {"token_vault_privileged_access": await access(api, shared)})
    both = await api.ask("PATCH", path, _log_in_with(shared))
    if both.ok:
        return as_assumed("one credential serves both")
    alone = await api.ask("PATCH", path, _log_in_with(await credential(api, app, "own", 1)))
    if not alone.ok:
        raise Untold(f"private_key_jwt is refused with any credential: {alone.said}")
    return other(f"a credential in use is refused ({both.said}); one of its own is taken")


def _log_in_with(credential_id: str) -> dict[str, Any]:
    methods = {"private_key_jwt": {"credentials": [{"id": credential_id}]}}
    return {"client_authentication_methods": methods, "token_endpoint_auth_method": None}


@probe("privileged-access-unseen")
async def privileged_access_unseen(api: Api) -> Verdict:
    """Sets privileged access, and reads it back."""
    app = await worker(api, "worker")
    path = f"clients/{app['client_id']}"
    wanted = {"token_vault_privileged_access": await access(api, await credential(api, app, "key"))}
    patched, shown = await api.ok("PATCH", path, wanted), await api.ok("GET", path)
    seen = [where for where, body in (("PATCH", patched), ("GET", shown)) if body.get("token_vault_privileged_access")]
    return told(
        seen == ["PATCH", "GET"],
        "the answers to PATCH and GET show it",
        f"it was accepted, and is shown by {' and '.join(seen) or 'no answer'}",
    )


@probe("worker-parts-alone")
async def worker_parts_alone(api: Api) -> Verdict:
    """Sets privileged access beside something else, and where that is refused, alone."""
    app = await worker(api, "worker")
    path = f"clients/{app['client_id']}"
    part = {"token_vault_privileged_access": await access(api, await credential(api, app, "key"))}
    together = await api.ask("PATCH", path, part | {"description": "acceptance"})
    if together.ok:
        return as_assumed("one PATCH sets everything")
    alone = await api.ask("PATCH", path, part)
    if not alone.ok:
        raise Untold(f"privileged access is refused alone, too: {alone.said}")
    return other(f"it is refused beside anything else ({together.said}), and taken alone")


@probe("answer-only-keys")
async def answer_only_keys(api: Api) -> Verdict:
    """Sends back what answers carry in refresh_token and options."""
    app, connection = await api.application(app_type="regular_web"), await api.connection()
    parts = {
        "refresh_token": (f"clients/{app['client_id']}", "refresh_token"),
        "options": (f"connections/{connection['id']}", "options"),
    }
    refused = []
    for name, (path, key) in parts.items():
        shown = (await api.ok("GET", path)).get(key)
        answer = await api.judged("PATCH", path, {key: shown}) if shown else None
        if answer is None:
            raise Untold(f"{name} is not shown to this token")
        refused += [] if answer.ok else [f"{name} ({answer.said})"]
    return told(not refused, "both can be sent back as they were shown", f"refused as shown: {'; '.join(refused)}")

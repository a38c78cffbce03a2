"""The API server over HTTP: the few requests that the operator sends beside kopf's watch, with kopf's own login."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import kopf
from yaml import YAMLError

from tokenvault import __version__
from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.operator.cluster import FIELD_MANAGER, ClusterError, Document
from tokenvault.operator.resource import FINALIZER, GROUP, KIND, PLURAL, VERSION, Key, Resource
from tokenvault.text import safe

API = f"{GROUP}/{VERSION}"
APPLY = "application/apply-patch+yaml"
TIMEOUT = 10.0
GONE = (404, 409)
_MAX_NOTE = 1000


def login() -> kopf.ConnectionInfo:
    """How the API server is reached: the pod's service account, else the kubeconfig. `RefusedError` where there is neither."""
    settings = kopf.OperatorSettings()
    try:
        found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, YAMLError, kopf.LoginError):
        hint = "KUBECONFIG or --kubeconfig names it; its current context needs a cluster, and a user with a token or certificate."
        raise RefusedError(
            Diagnostic(code="operator-cluster", summary="The kubeconfig cannot be read", hint=hint)
        ) from None
    if found is None:
        hint = "Run it in a pod with a service account, or set KUBECONFIG to the path of a kubeconfig."
        summary = "It is not known how to reach a Kubernetes API server"
        raise RefusedError(Diagnostic(code="operator-cluster", summary=summary, hint=hint))
    return found


@dataclass(slots=True)
class Kubernetes:
    """Fulfils `Cluster`. `identity` is this replica, named in Events and Leases."""

    identity: str
    login: Callable[[], kopf.ConnectionInfo] = login
    _http: httpx.AsyncClient | None = field(default=None)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Document | None = None,
        content: str = "application/json",
    ) -> Any:
        """The answer as JSON; None for what is not there. `ClusterError` when the API server refuses or does not answer."""
        response = await self._sent(method, path, params, body, content)
        if response.status_code == 401:  # a service account's token is renewed in its file
            await self.close()
            response = await self._sent(method, path, params, body, content)
        if response.status_code == 404:
            return None
        if response.is_error:
            raise _refused(method, path, response)
        return response.json()

    async def _sent(self, method: str, path: str, params: Any, body: Any, content: str) -> httpx.Response:
        if self._http is None:
            self._http = _client(self.login())
        try:
            return await self._http.request(
                method, path, params=params, json=body, headers={"Content-Type": content} if body is not None else None
            )
        except httpx.HTTPError as error:
            raise ClusterError(
                f"The API server did not answer {method} {_kind(path)} ({type(error).__name__})"
            ) from None

    async def close(self) -> None:
        """Closes the connections; the next request opens them anew."""
        http, self._http = self._http, None
        if http:
            await http.aclose()

    # The objects of a reconciliation

    async def secret(self, key: Key) -> Document | None:
        found: Document | None = await self.request("GET", f"/api/v1/namespaces/{key.namespace}/secrets/{key.name}")
        return found

    async def config_map(self, key: Key) -> Document | None:
        found: Document | None = await self.request("GET", f"/api/v1/namespaces/{key.namespace}/configmaps/{key.name}")
        return found

    async def apply_status(self, resource: Resource, status: Document) -> None:
        await self._apply(f"{_path(resource.key)}/status", FIELD_MANAGER, {**_head(resource), "status": status})

    async def set_finalizer(self, resource: Resource, *, held: bool) -> None:
        head = _head(resource)
        metadata = {**head["metadata"], "finalizers": [FINALIZER] if held else []}
        await self._apply(_path(resource.key), f"{FIELD_MANAGER}-finalizer", {**head, "metadata": metadata})

    async def apply_secret(self, key: Key, content: Document) -> None:
        await self._apply(f"/api/v1/namespaces/{key.namespace}/secrets/{key.name}", FIELD_MANAGER, content)

    async def _apply(self, path: str, manager: str, body: Document) -> None:
        """Server-side apply. An object that is gone, or another by now, needs nothing any more."""
        params = {"fieldManager": manager, "force": "true"}
        try:
            await self.request("PATCH", path, params=params, body=body, content=APPLY)
        except ClusterError as error:
            if error.status not in GONE:
                raise

    async def record(self, resource: Resource, *, warning: bool, reason: str, message: str) -> None:
        key, time = resource.key, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "metadata": {"generateName": f"{key.name[:200]}.", "namespace": key.namespace},
            "involvedObject": {
                "apiVersion": API,
                "kind": KIND,
                "name": key.name,
                "namespace": key.namespace,
                "uid": resource.uid,
            },
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message[:_MAX_NOTE],
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": f"{GROUP}/operator",
            "reportingInstance": self.identity[:128],
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        await self.request("POST", f"/api/v1/namespaces/{key.namespace}/events", body=event)

    async def objects(self, namespace: str | None) -> Document:
        """Every `TokenVault` of the namespace, or of all. `ClusterError` when the kind is not known there."""
        path = f"/apis/{API}/namespaces/{namespace}/{PLURAL}" if namespace else f"/apis/{API}/{PLURAL}"
        found: Document | None = await self.request("GET", path)
        if found is None:
            raise ClusterError(f"The API server does not know {PLURAL}.{GROUP}", 404)
        return found


def _path(key: Key) -> str:
    return f"/apis/{API}/namespaces/{key.namespace}/{PLURAL}/{key.name}"


def _head(resource: Resource) -> dict[str, Any]:
    """The uid says which object is meant: one that was deleted is not made anew."""
    metadata = {"name": resource.key.name, "namespace": resource.key.namespace, "uid": resource.uid}
    return {"apiVersion": API, "kind": KIND, "metadata": metadata}


def _kind(path: str) -> str:
    """The kind of object that a path is about: names are no concern of a log."""
    parts = path.strip("/").split("/")
    return parts[parts.index("namespaces") + 2] if "namespaces" in parts and len(parts) > 4 else parts[-1]


def _refused(method: str, path: str, response: httpx.Response) -> ClusterError:
    """Only a 403 is quoted: it names the permission that is missing. Others may repeat what was sent."""
    try:
        answer = response.json()
    except ValueError:
        answer = {}
    reason = answer.get("message" if response.status_code == 403 else "reason") if isinstance(answer, dict) else None
    quoted = f": {safe(reason, 300)}" if isinstance(reason, str) and reason else ""
    return ClusterError(
        f"The API server answered {response.status_code} to {method} {_kind(path)}{quoted}", response.status_code
    )


def _client(info: kopf.ConnectionInfo) -> httpx.AsyncClient:
    headers = {"User-Agent": f"tokenvault/{__version__}"}
    if info.token:
        headers["Authorization"] = f"{info.scheme or 'Bearer'} {info.token}"
    auth = (info.username, info.password) if info.username and info.password else None
    return httpx.AsyncClient(
        base_url=info.server, headers=headers, auth=auth, verify=_tls(info), timeout=TIMEOUT, trust_env=False
    )


def _tls(info: kopf.ConnectionInfo) -> ssl.SSLContext:
    ca = base64.b64decode(info.ca_data).decode() if info.ca_data else None
    context = ssl.create_default_context(cafile=str(info.ca_path) if info.ca_path else None, cadata=ca)
    if info.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if info.certificate_path:
        context.load_cert_chain(
            str(info.certificate_path), str(info.private_key_path) if info.private_key_path else None
        )
    elif info.certificate_data and info.private_key_data:
        _load_pair(context, base64.b64decode(info.certificate_data), base64.b64decode(info.private_key_data))
    return context


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Loads a client certificate. Python reads one from a file only: it is private, and deleted at once."""
    handle, name = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(certificate + b"\n" + key)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink(missing_ok=True)

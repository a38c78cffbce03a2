"""The tenant of these tests, spoken to over its socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET

TOKEN = {"Authorization": "Bearer sandbox"}


@dataclass(frozen=True)
class Tenant:
    """A served sandbox at `host:port`."""

    domain: str

    def faults(self, *rules: dict[str, Any]) -> None:
        """What goes wrong from now on; nothing when no rule is given."""
        httpx.put(f"http://{self.domain}/sandbox/faults", json=list(rules), headers=TOKEN).raise_for_status()

    def requests(self, path: str) -> list[dict[str, Any]]:
        """The requests seen since they were last forgotten."""
        seen = httpx.get(f"http://{self.domain}/sandbox/requests", headers=TOKEN).raise_for_status().json()
        return [request for request in seen if path in request["path"]]

    def forget_requests(self) -> None:
        httpx.delete(f"http://{self.domain}/sandbox/requests", headers=TOKEN).raise_for_status()

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the Management API, as an administrator."""
        answer = httpx.request(method, f"http://{self.domain}/api/v2/{path}", json=body, headers=TOKEN)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def token(self, *scopes: str) -> str:
        """An access token of the deploy tool, with these scopes or with all."""
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "audience": f"https://{self.domain}/api/v2/",
            "scope": " ".join(scopes),
        }
        answer = httpx.post(f"http://{self.domain}/oauth/token", data=form).raise_for_status().json()
        return str(answer["access_token"])

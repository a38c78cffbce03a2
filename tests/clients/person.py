"""The person in front of the browser: logs in, consents, and goes back to the application; also as a small service."""

from __future__ import annotations

import contextlib
import http.server
import json
import secrets
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from tests.browser import Browser, parameters

USER = "auth0|alice"


@dataclass(frozen=True)
class Tenant:
    """A served tenant: the name that clients use, and the authority that they trust."""

    name: str  # host:port
    authority: Path

    @property
    def host(self) -> str:
        return self.name.partition(":")[0]

    @property
    def port(self) -> str:
        return self.name.partition(":")[2]

    @property
    def url(self) -> str:
        return f"https://{self.name}"

    def send(self, method: str, address: str, **options: Any) -> httpx.Response:
        """One request to the tenant by its name, which leads to this machine; without a port, too."""
        parts = urlsplit(address)
        assert parts.netloc in (self.name, self.host), address
        headers = {**options.pop("headers", {}), "host": parts.netloc}
        local = parts._replace(netloc=f"127.0.0.1:{self.port}").geturl()
        extensions = {"sni_hostname": parts.hostname}
        context = ssl.create_default_context(cafile=str(self.authority))
        with httpx.Client(verify=context, trust_env=False, timeout=10) as client:
            return client.request(method, local, headers=headers, extensions=extensions, **options)


class Person:
    """Somebody who logs in as alice, and allows whatever they are asked for."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.browser = tenant, Browser(tenant.send, tenant.url)

    def visit(self, address: str) -> str:
        """Where the application's redirect ends, after the pages between."""
        back = self.browser.open(address)
        while not back:
            back = self._answer()
        return back

    def _answer(self) -> str:
        labels = [label for form in self.browser.page.forms for label in form.buttons]
        if not labels:
            raise AssertionError(f"{self.browser.response.status_code}: {self.browser.page.text[-400:]}")
        for wanted in (USER, "Allow"):
            if any(wanted in label for label in labels):
                return self.browser.click(wanted)
        return self.browser.click("Continue", {"new_user": USER})

    # ---- as an application without an SDK would do it

    def log_in(self, application: dict[str, Any], audience: str | None = None, scope: str = "") -> dict[str, Any]:
        """The tokens of a login."""
        verifier = secrets.token_urlsafe(40)
        asked = {"client_id": application["client_id"], "redirect_uri": application["callbacks"][0],
                 "response_type": "code", "state": "s", "scope": f"openid profile email offline_access {scope}".strip(),
                 "code_challenge": verifier, "code_challenge_method": "plain"}  # fmt: skip
        asked |= {"audience": audience} if audience else {}
        back = self.visit(f"{self.tenant.url}/authorize?{urlencode(asked)}")
        form = {"grant_type": "authorization_code", "code": parameters(back)["code"], "code_verifier": verifier,
                "redirect_uri": application["callbacks"][0]}  # fmt: skip
        return self.token(application, **form)

    def token(self, application: dict[str, Any], **form: str) -> dict[str, Any]:
        """An answer of the token endpoint."""
        public = application.get("token_endpoint_auth_method") == "none"
        secret = {} if public else {"client_secret": application["client_secret"]}
        data = {"client_id": application["client_id"], **secret, **form}
        answer = self.tenant.send("POST", f"{self.tenant.url}/oauth/token", data=data)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def connect(self, application: dict[str, Any], refresh_token: str, connection: str) -> dict[str, Any]:
        """Connects an account through the My Account API."""
        tokens = self.token(application, grant_type="refresh_token", refresh_token=refresh_token,
                            audience=f"{self.tenant.url}/me/")  # fmt: skip
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        accounts = f"{self.tenant.url}/me/v1/connected-accounts"
        callback = application["callbacks"][0]
        begin = {"connection": connection, "redirect_uri": callback, "state": "s"}
        begun = self.tenant.send("POST", f"{accounts}/connect", json=begin, headers=headers).json()
        back = self.visit(f"{begun['connect_uri']}?{urlencode(begun['connect_params'])}")
        end = {"auth_session": begun["auth_session"], "connect_code": parameters(back)["connect_code"],
               "redirect_uri": callback}  # fmt: skip
        answer = self.tenant.send("POST", f"{accounts}/complete", json=end, headers=headers)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body


@contextlib.contextmanager
def person_service(person: Person) -> Iterator[str]:
    """The person as an address: GET ?url=… answers where the visit ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                status, body = 200, {"url": person.visit(dict(parse_qsl(urlsplit(self.path).query))["url"])}
            except Exception as problem:  # told to the client, whose flow then fails
                status, body = 500, {"error": str(problem)}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

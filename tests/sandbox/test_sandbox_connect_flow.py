"""Connecting an account through the My Account API and the consent page of a made-up provider, and exchanging after it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from tests.browser import Browser, parameters
from tokenvault.sandbox.exchange import FEDERATED, GRANT_TYPE, SUBJECT

TENANT, CALLBACK = "https://sandbox.localhost", "https://app.acme/connected"
ME = f"{TENANT}/me/"
SCOPES = ["create:me:connected_accounts", "read:me:connected_accounts", "delete:me:connected_accounts"]
VERIFIER = "a-verifier-of-enough-characters-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
CALENDAR = "https://www.googleapis.com/auth/calendar"
PATH = "/me/v1/connected-accounts"


class Flow:
    """An application that may connect accounts, and a user who is logged in to it."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.me = api.ok("POST", "/resource-servers", {"identifier": ME})["id"]
        self.google = api.ok("GET", "/connections?name=google-oauth2")[0]
        options = {**self.google["options"], "offline_access": True, "calendar": True}
        api.ok("PATCH", f"/connections/{self.google['id']}",
               {"connected_accounts": {"active": True}, "options": options})  # fmt: skip
        self.client = api.ok("POST", "/clients", {
            "name": "assistant", "app_type": "regular_web", "callbacks": [CALLBACK], "oidc_conformant": True,
            "grant_types": ["authorization_code", "refresh_token", GRANT_TYPE], "is_first_party": True,
            "token_endpoint_auth_method": "client_secret_post", "jwt_configuration": {"alg": "RS256"},
            "refresh_token": {"rotation_type": "non-rotating", "expiration_type": "non-expiring",
                              "policies": [{"audience": ME, "scope": SCOPES}]}})  # fmt: skip
        self.id = self.client["client_id"]
        api.ok(
            "POST", "/client-grants", {"client_id": self.id, "audience": ME, "scope": SCOPES, "subject_type": "user"}
        )
        self.enable(True)
        self.refresh_token = api.sandbox.issue_refresh_token("auth0|alice", self.id)
        self.token = self.token_of(self.refresh_token)
        self.browser = Browser(api.raw, TENANT)

    def enable(self, status: bool) -> None:
        path = f"/connections/{self.google['id']}/clients"
        self.api.ok("PATCH", path, [{"client_id": self.id, "status": status}])

    def token_of(self, refresh_token: str, **form: str) -> str:
        return self.form("refresh_token", refresh_token=refresh_token, audience=ME, **form)["access_token"]

    def form(self, grant_type: str, **form: str) -> dict:
        fixed = {"client_id": self.id, "client_secret": self.client["client_secret"], "grant_type": grant_type}
        return self.api.token_request(**fixed, **form).json()

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {token or self.token}"}
        response = self.api.raw(method, PATH + path, headers=headers, **({"json": body} if body is not None else {}))
        return response.status_code, response.json() if response.content else None

    def connect(self, **change: Any) -> tuple[int, dict]:
        body = {"connection": "google-oauth2", "redirect_uri": CALLBACK, "state": "s", "code_challenge": CHALLENGE,
                "code_challenge_method": "S256", **change}  # fmt: skip
        return self.ask("POST", "/connect", {name: value for name, value in body.items() if value is not None})

    def page(self, **change: Any) -> dict:
        """The connect flow up to the consent page."""
        status, begun = self.connect(**change)
        assert status == 201, begun
        assert self.browser.open(f"{begun['connect_uri']}?ticket={begun['connect_params']['ticket']}") == ""
        return begun

    def complete(self, begun: dict, back: str, token: str | None = None, **change: Any) -> tuple[int, dict]:
        body = {"auth_session": begun["auth_session"], "connect_code": parameters(back)["connect_code"],
                "redirect_uri": CALLBACK, "code_verifier": VERIFIER, **change}  # fmt: skip
        return self.ask("POST", "/complete", body, token)

    def connected(self, **change: Any) -> dict:
        status, account = self.complete(self.page(**change), self.browser.click("Allow"))
        assert status == 201, account
        return account

    def exchange(self, **form: str) -> dict:
        return self.form(GRANT_TYPE, subject_token=self.refresh_token, subject_token_type=f"{SUBJECT}refresh_token",
                         requested_token_type=FEDERATED, connection="google-oauth2", **form)  # fmt: skip


@pytest.fixture
def flow(api: Any) -> Flow:
    return Flow(api)


def test_an_account_is_connected_and_then_exchanged_with_the_scopes_consented_to(flow: Flow) -> None:
    assert flow.exchange()["error"] == "federated_connection_refresh_token_not_found"
    begun = flow.page()
    assert begun["expires_in"] == 300 and "assistant" in flow.browser.page.text and CALENDAR in flow.browser.page.text
    back = flow.browser.click("Allow", drop=("scope", "email"))
    assert back.startswith(CALLBACK) and parameters(back)["state"] == "s"
    status, account = flow.complete(begun, back)
    assert status == 201 and account["connection"] == "google-oauth2" and account["access_type"] == "offline"
    assert CALENDAR in account["scopes"] and "email" not in account["scopes"]
    assert flow.exchange()["scope"].split() == account["scopes"]
    assert flow.ask("GET", "/accounts") == (200, {"accounts": [account]})
    seen = flow.api.ok("GET", "/users/auth0%7Calice/connected-accounts?take=10")["connected_accounts"]
    assert [one["id"] for one in seen] == [account["id"]]
    assert flow.ask("DELETE", f"/accounts/{account['id']}") == (204, None)
    assert flow.ask("DELETE", f"/accounts/{account['id']}")[0] == 404
    assert flow.exchange()["error"] == "federated_connection_refresh_token_not_found"


def test_the_made_up_provider_can_be_called_with_what_was_exchanged(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = flow.connected(scopes=["email"])
    token = flow.exchange()["access_token"]

    def call(value: str) -> tuple[int, dict]:
        headers = {"authorization": f"Bearer {value}"}
        answer = flow.api.raw("GET", "/sandbox/provider/calendar/v3/events", headers=headers)
        return answer.status_code, answer.json()

    assert call(token) == (200, {"path": "/calendar/v3/events", "connection": "google-oauth2", "scopes": ["email"],
                                 "account": "alice@acme.example", "user_id": "auth0|alice"})  # fmt: skip
    assert call("made-up")[0] == 401 and flow.api.raw("GET", "/sandbox/provider/x").status_code == 401
    now = flow.api.sandbox.clock()
    with monkeypatch.context() as later:
        later.setattr(flow.api.sandbox, "clock", lambda: now + 3600)
        assert call(token)[0] == 401
    flow.ask("DELETE", f"/accounts/{account['id']}")
    assert call(token)[0] == 401


def test_scopes_asked_for_stand_instead_of_the_connections(flow: Flow) -> None:
    assert flow.connected(scopes=["email", "made.up"])["scopes"] == ["email", "made.up"]


def test_the_same_account_is_renewed_and_another_is_added(flow: Flow) -> None:
    first = flow.connected(scopes=["email"])
    again = flow.connected(scopes=["email", "profile"])
    assert again["id"] == first["id"] and again["scopes"] == ["email", "profile"]
    other = flow.connected(authorization_params={"login_hint": "work@acme.example"})
    assert other["id"] != first["id"] and len(flow.ask("GET", "/accounts")[1]["accounts"]) == 2
    assert CALENDAR not in flow.exchange(login_hint="alice@acme.example")["scope"]
    assert CALENDAR in flow.exchange(login_hint="work@acme.example")["scope"]


def test_a_user_who_denies_goes_back_with_an_error(flow: Flow) -> None:
    begun = flow.page()
    back = parameters(flow.browser.click("Deny"))
    assert back["error"] == "access_denied" and back["state"] == "s"
    assert flow.browser.open(f"{begun['connect_uri']}?ticket={begun['connect_params']['ticket']}") == ""
    assert flow.browser.response.status_code == 400 and flow.browser.page.forms == []


CONNECT_BROKEN: list[tuple[str, Any, dict, int, str]] = [
    ("no connection", None, {"connection": "nowhere"}, 404, "does not exist"),
    ("another address", None, {"redirect_uri": "https://evil.example/"}, 400, "Callback URL mismatch"),
    ("not enabled", lambda f: f.enable(False), {}, 400, "not enabled for the client"),
    ("purpose off", None, {"connection": "github"}, 400, "not enabled for connected accounts"),
    ("third party", lambda f: f.api.ok("PATCH", f"/clients/{f.id}", {"is_first_party": False}), {}, 403, "first-party"),
    ("bad body", None, {"redirect_uri": None}, 400, "redirect_uri"),
    ("bad method", None, {"code_challenge_method": "S512"}, 400, "code_challenge_method"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "breaking", "change", "status", "part"), CONNECT_BROKEN, ids=[row[0] for row in CONNECT_BROKEN]
)
def test_each_reason_not_to_connect(flow: Flow, what: str, breaking: Any, change: dict, status: int, part: str) -> None:
    if breaking:
        breaking(flow)
    found, body = flow.connect(**change)
    assert (found, body["status"]) == (status, status) and part in body["detail"] and body["title"] and body["type"]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"connect_code": "x"}, "connect_code"),
        ({"auth_session": "x"}, "auth_session"),
        ({"redirect_uri": "https://app.acme/other"}, "redirect_uri"),
        ({"code_verifier": "x"}, "code verifier"),
    ],
)
def test_each_reason_not_to_complete(flow: Flow, change: dict, part: str) -> None:
    begun = flow.page()
    back = flow.browser.click("Allow")
    status, body = flow.complete(begun, back, **change)
    assert status == 400 and part in body["detail"] and flow.ask("GET", "/accounts")[1]["accounts"] == []
    assert flow.complete(begun, back)[0] == 201
    assert flow.complete(begun, back)[0] == 400  # once only


def test_nobody_completes_what_another_began(flow: Flow) -> None:
    begun = flow.page()
    bob = flow.token_of(flow.api.sandbox.issue_refresh_token("auth0|bob", flow.id))
    assert flow.complete(begun, flow.browser.click("Allow"), bob)[0] == 400
    assert flow.ask("GET", "/accounts", token=bob) == (200, {"accounts": []})


def test_each_endpoint_asks_for_its_scope(flow: Flow) -> None:
    for method, path, scope in (("POST", "/connect", SCOPES[0]), ("GET", "/accounts", SCOPES[1]),
                                ("DELETE", "/accounts/cac_x", SCOPES[2]), ("GET", "/connections", SCOPES[1])):  # fmt: skip
        other = " ".join(one for one in SCOPES if one != scope)
        status, body = flow.ask(method, path, token=flow.token_of(flow.refresh_token, scope=other))
        assert status == 403 and scope in body["detail"]
        assert flow.ask(method, path, token="made.up.token")[0] == 401
    assert flow.ask("GET", "/nothing")[0] == 404 and flow.ask("PUT", "/connect")[0] == 405


def test_lists_come_in_pages(flow: Flow) -> None:
    for number in range(25):
        flow.api.sandbox.connect("auth0|alice", "google-oauth2", login_hint=str(number))
    seen: list[str] = []
    query = "?connection=google-oauth2"
    while True:
        page = flow.ask("GET", f"/accounts{query}")[1]
        seen += [one["id"] for one in page["accounts"]]
        if "next" not in page:
            break
        query = f"?from={page['next']}"
    assert len(set(seen)) == 25 and flow.ask("GET", "/accounts?next=20")[1]["accounts"][0]["id"] == seen[20]
    assert flow.ask("GET", "/accounts?take=0")[0] == 400 and flow.ask("GET", "/accounts?from=x")[0] == 400
    assert flow.ask("GET", "/accounts?connection=github")[1] == {"accounts": []}
    assert [one["name"] for one in flow.ask("GET", "/connections")[1]["connections"]] == ["google-oauth2"]


def test_the_consent_page_escapes_what_it_shows(flow: Flow) -> None:
    flow.page(scopes=["<script>x</script>"], authorization_params={"login_hint": '"><script>'})
    assert "<script" not in flow.browser.response.text and "<script>x</script>" in flow.browser.page.text


def test_a_my_account_token_serves_nothing_else(flow: Flow) -> None:
    headers = {"authorization": f"Bearer {flow.token}"}
    assert flow.api.raw("GET", "/api/v2/clients", headers=headers).status_code == 401
    identity = flow.form("refresh_token", refresh_token=flow.refresh_token)["id_token"]
    assert flow.ask("GET", "/accounts", token=identity)[0] == 401

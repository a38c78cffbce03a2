"""Logging in at the sandbox as a browser and an OpenID Connect client do it: discovery, keys, code, refresh, logout."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from tests.browser import Browser, parameters

TENANT = "https://sandbox.localhost"
ME, API, CALLBACK = f"{TENANT}/me/", "https://calendar.acme", "https://app.acme/cb?tab=1"
CONNECTED = ["create:me:connected_accounts", "read:me:connected_accounts", "delete:me:connected_accounts"]
VERIFIER = "a-verifier-of-enough-characters-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class App:
    """A web application that users log in to."""

    def __init__(self, api: Any, **body: Any) -> None:
        self.api = api
        api.ok("POST", "/resource-servers", {"identifier": ME})
        api.ok("POST", "/resource-servers", {"identifier": API, "allow_offline_access": True,
               "scopes": [{"value": "read"}, {"value": "write"}]})  # fmt: skip
        self.client = api.ok("POST", "/clients", {
            "name": "Assistant & \"Sons\"", "app_type": "regular_web", "callbacks": [CALLBACK], "oidc_conformant": True,
            "allowed_logout_urls": ["https://app.acme/bye"], "jwt_configuration": {"alg": "RS256"},
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "client_secret_post",
            "refresh_token": {"rotation_type": "non-rotating", "expiration_type": "non-expiring",
                              "policies": [{"audience": ME, "scope": CONNECTED[:2]}]}, **body})  # fmt: skip
        self.id = self.client["client_id"]
        self.browser = Browser(api.raw, TENANT)

    def grant(self, audience: str, *scopes: str) -> None:
        body = {"client_id": self.id, "audience": audience, "scope": scopes, "subject_type": "user"}
        self.api.ok("POST", "/client-grants", body)

    def patch(self, **patch: Any) -> None:
        self.api.ok("PATCH", f"/clients/{self.id}", patch)

    def address(self, **change: str | None) -> str:
        asked = {"client_id": self.id, "redirect_uri": CALLBACK, "response_type": "code", "state": "s&1", "nonce": "n",
                 "scope": "openid profile email offline_access", "code_challenge": CHALLENGE,
                 "code_challenge_method": "S256", **change}  # fmt: skip
        return f"{TENANT}/authorize?" + urlencode({name: value for name, value in asked.items() if value is not None})

    def code(self, user: str = "auth0|alice", **change: str | None) -> str:
        assert self.browser.open(self.address(**change)) == "", self.browser.page.text
        return parameters(self.browser.click("Continue", {"new_user": user}))["code"]

    def token(self, **form: str) -> tuple[int, dict]:
        full = {"client_id": self.id, "client_secret": self.client["client_secret"], **form}
        response = self.api.token_request(**full)
        assert response.headers["content-type"] == "application/json"
        return response.status_code, response.json()

    def redeem(self, code: str, **form: str) -> tuple[int, dict]:
        fixed = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.token(**{**fixed, "code": code, **form})

    def login(self, user: str = "auth0|alice", **change: str | None) -> dict:
        status, body = self.redeem(self.code(user, **change))
        assert status == 200, body
        return body

    def refresh(self, token: str, **form: str) -> tuple[int, dict]:
        return self.token(grant_type="refresh_token", refresh_token=token, **form)

    def claims(self, token: str, audience: str) -> dict[str, Any]:
        """As anybody verifies a token: with the keys that discovery leads to."""
        found = self.api.raw("GET", "/.well-known/openid-configuration").json()
        keys = jwt.PyJWKSet.from_dict(self.api.raw("GET", found["jwks_uri"]).json())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=found["issuer"])


@pytest.fixture
def app(api: Any) -> App:
    return App(api)


def test_a_user_logs_in_with_a_code_and_the_tokens_can_be_verified(app: App) -> None:
    body = app.login("carol@acme.example", audience=API, scope="openid email offline_access read nonsense")
    assert body["scope"] == "openid email offline_access read" and body["token_type"] == "Bearer"
    claims = app.claims(body["access_token"], API)
    assert claims["sub"] == "auth0|carol@acme.example" and claims["azp"] == app.id and claims["scope"] == body["scope"]
    assert claims["aud"] == [API, f"{TENANT}/userinfo"]
    identity = app.claims(body["id_token"], app.id)
    assert identity["nonce"] == "n" and identity["email"] == "carol@acme.example" and "nickname" not in identity
    seen = app.api.raw("GET", "/userinfo", headers={"authorization": f"Bearer {body['access_token']}"})
    assert seen.json() == {"sub": "auth0|carol@acme.example", "email": "carol@acme.example", "email_verified": True}


def test_the_login_page_shows_the_planted_users_and_escapes_everything(app: App) -> None:
    app.api.ok("POST", "/users", {"connection": "Username-Password-Authentication", "user_id": "mallory",
               "name": "<script>alert(1)</script>", "email": "mallory@acme.example"})  # fmt: skip
    app.browser.open(app.address(login_hint='"><script>'))
    page = app.browser.response
    assert page.status_code == 200 and "<script" not in page.text and 'Assistant & "Sons' not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    back = app.browser.click("auth0|alice")
    assert back.startswith("https://app.acme/cb?tab=1&code=") and parameters(back)["state"] == "s&1"
    assert app.claims(app.redeem(parameters(back)["code"])[1]["id_token"], app.id)["sub"] == "auth0|alice"


def test_a_cancelled_login_and_a_refused_one_go_back_with_an_error(app: App) -> None:
    app.browser.open(app.address())
    assert parameters(app.browser.click("Cancel"))["error"] == "access_denied"
    assert parameters(app.browser.open(app.address(response_type="token")))["error"] == "unsupported_response_type"
    refused = parameters(app.browser.open(app.address(audience=ME)))
    assert refused["error"] == "access_denied" and refused["state"] == "s&1"
    assert refused["error_description"] == f'Client "{app.id}" is not authorized to access resource server "{ME}".'
    assert parameters(app.browser.open(app.address(prompt="none")))["error"] == "login_required"


@pytest.mark.parametrize(
    "change", [{"redirect_uri": "https://evil.example/"}, {"client_id": "nobody"}, {"redirect_uri": None}]
)
def test_nobody_is_sent_where_the_application_did_not_say(app: App, change: dict) -> None:
    app.patch(callbacks=[CALLBACK, "https://*.app.acme/cb"])
    assert app.browser.open(app.address(**change)) == ""
    assert app.browser.response.status_code in (400, 403) and app.browser.page.forms == []
    for host, status in (("one.app.acme", 200), ("one.two.app.acme", 403), ("evil.example/x.app.acme", 403)):
        app.browser.open(app.address(redirect_uri=f"https://{host}/cb"))
        assert app.browser.response.status_code == status, host


def test_a_session_logs_in_silently_until_the_logout(app: App) -> None:
    app.login()
    assert "code" in parameters(app.browser.open(app.address(prompt="none")))
    assert app.browser.open(app.address(prompt="login")) == ""
    gone = app.browser.open(f"{TENANT}/v2/logout?client_id={app.id}&returnTo=https://app.acme/bye")
    assert gone == "https://app.acme/bye"
    assert parameters(app.browser.open(app.address(prompt="none")))["error"] == "login_required"
    assert app.browser.open(f"{TENANT}/v2/logout?client_id={app.id}&returnTo=https://evil.example/") == ""
    assert app.browser.response.status_code == 400


BAD_CODES: list[tuple[str, dict, str]] = [
    ("another verifier", {"code_verifier": "x" * 43}, "Failed to verify code verifier"),
    ("another address", {"redirect_uri": "https://app.acme/other"}, "redirect_uri"),
    ("no verifier", {"code_verifier": ""}, "Failed to verify code verifier"),
    ("another code", {"code": "made-up"}, "Invalid authorization code"),
]


@pytest.mark.parametrize(("what", "form", "part"), BAD_CODES, ids=[row[0] for row in BAD_CODES])
def test_a_code_is_for_whoever_asked_for_it(app: App, what: str, form: dict, part: str) -> None:
    code = app.code()
    status, body = app.redeem(**{"code": code, **form})
    assert (status, body["error"]) == (403, "invalid_grant") and part in body["error_description"]
    assert app.redeem(code)[0] == 200
    assert app.redeem(code)[1]["error"] == "invalid_grant"  # once only


def test_a_code_lasts_a_minute(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    code, now = app.code(), app.api.sandbox.clock()
    monkeypatch.setattr(app.api.sandbox, "clock", lambda: now + 61)
    assert app.redeem(code)[1]["error"] == "invalid_grant"


def test_a_public_client_must_use_pkce(app: App) -> None:
    app.patch(token_endpoint_auth_method="none")
    code = app.code(code_challenge=None, code_challenge_method=None)
    assert app.redeem(code, code_verifier="")[1]["error"] == "invalid_grant"
    assert app.redeem(app.code(prompt="login"), client_secret="")[0] == 200


# ---- refreshing


def test_a_refresh_token_is_given_only_where_it_may_be(app: App) -> None:
    assert "refresh_token" not in app.login(scope="openid")
    app.patch(grant_types=["authorization_code"])
    assert "refresh_token" not in app.login(prompt="login")
    app.patch(grant_types=["authorization_code", "refresh_token"])
    assert "refresh_token" in app.login(prompt="login", audience=API)
    api = app.api.ok("GET", "/resource-servers?identifiers=" + API)[0]["id"]
    app.api.ok("PATCH", f"/resource-servers/{api}", {"allow_offline_access": False})
    assert "refresh_token" not in app.login(prompt="login", audience=API)


def test_a_refreshed_token_is_for_the_api_of_the_login_and_may_be_narrower(app: App) -> None:
    token = app.login(audience=API, scope="openid offline_access read write")["refresh_token"]
    status, body = app.refresh(token)
    assert status == 200 and body["scope"] == "openid offline_access read write" and "refresh_token" not in body
    assert app.claims(body["access_token"], API)["sub"] == "auth0|alice" and "id_token" in body
    assert app.refresh(token, scope="read")[1]["scope"] == "read"


def test_a_my_account_token_has_what_grant_policy_and_request_allow(app: App) -> None:
    app.grant(ME, CONNECTED[0], CONNECTED[2])
    token = app.login()["refresh_token"]
    body = app.refresh(token, audience=ME)[1]
    # the grant has create and delete, the policy create and read
    assert [one for one in body["scope"].split() if ":" in one] == [CONNECTED[0]]
    assert app.claims(body["access_token"], ME)["aud"] == ME and body["expires_in"] == 600
    assert app.refresh(token, audience=ME, scope=f"openid {CONNECTED[1]}")[1]["scope"] == "openid"


def test_an_audience_outside_the_policies_is_ignored(app: App) -> None:
    token = app.login()["refresh_token"]
    status, body = app.refresh(token, audience=API, scope="read")
    assert status == 200 and app.claims(body["access_token"], f"{TENANT}/userinfo")["aud"] == f"{TENANT}/userinfo"


def test_policies_are_those_of_the_login(app: App) -> None:
    app.grant(ME, *CONNECTED)
    app.patch(refresh_token={"rotation_type": "non-rotating", "expiration_type": "non-expiring"})
    old = app.login()["refresh_token"]
    app.patch(refresh_token={"rotation_type": "non-rotating", "expiration_type": "non-expiring",
                             "policies": [{"audience": ME, "scope": CONNECTED}]})  # fmt: skip
    assert "create:me" not in app.refresh(old, audience=ME)[1]["scope"]
    assert "create:me" in app.refresh(app.login(prompt="login")["refresh_token"], audience=ME)[1]["scope"]


@pytest.mark.parametrize(
    ("patch", "error"),
    [
        ({"skip_consent_for_verifiable_first_party_clients": False}, "consent_required"),
        ({"authorization_policy": {"policy_id": "p"}}, "unmet_authentication_requirements"),
        ({"proof_of_possession": {"mechanism": "dpop", "required": True}}, "invalid_dpop_proof"),
        ({"subject_type_authorization": {"user": {"policy": "deny_all"}}}, "access_denied"),
    ],
)
def test_a_my_account_token_is_refused_for_the_reasons_of_the_api(app: App, patch: dict, error: str) -> None:
    app.grant(ME, *CONNECTED)
    token = app.login()["refresh_token"]
    api = app.api.ok("GET", "/resource-servers?identifiers=" + ME)[0]["id"]
    app.api.ok("PATCH", f"/resource-servers/{api}", patch)
    assert app.refresh(token, audience=ME)[1]["error"] == error


ROTATING = {"rotation_type": "rotating", "expiration_type": "expiring", "token_lifetime": 1000, "leeway": 10,
            "infinite_token_lifetime": False, "idle_token_lifetime": 100,
            "infinite_idle_token_lifetime": False}  # fmt: skip


def test_rotation_replaces_a_token_and_a_copy_ends_the_login(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.patch(refresh_token=ROTATING)
    first, start = app.login()["refresh_token"], app.api.sandbox.clock()
    second = app.refresh(first)[1]["refresh_token"]
    assert second != first and app.refresh(first)[0] == 200  # within the leeway
    monkeypatch.setattr(app.api.sandbox, "clock", lambda: start + 30)
    third = app.refresh(second)[1]["refresh_token"]
    assert app.refresh(first)[1]["error"] == "invalid_grant"
    assert app.refresh(third)[1]["error"] == "invalid_grant"  # the whole family is gone


def test_a_refresh_token_ends(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.patch(refresh_token={**ROTATING, "rotation_type": "non-rotating"})
    token, start = app.login()["refresh_token"], app.api.sandbox.clock()
    for offset, status in ((90, 200), (180, 200), (290, 403)):  # idle for 110 seconds
        monkeypatch.setattr(app.api.sandbox, "clock", lambda offset=offset: start + offset)
        assert app.refresh(token)[0] == status, offset


def test_a_refresh_token_can_be_revoked(app: App) -> None:
    token = app.login()["refresh_token"]
    form = {"client_id": app.id, "client_secret": app.client["client_secret"], "token": token}
    assert app.api.raw("POST", "/oauth/revoke", data=form).status_code == 200
    assert app.refresh(token)[1]["error_description"] == "Unknown or invalid refresh token."
    assert app.api.raw("POST", "/oauth/revoke", data=form).status_code == 200


# ---- names, keys, users


@pytest.mark.parametrize("host", ["127.0.0.1:4711", "localhost:80", "acme.localhost:9"])
def test_issuer_and_audience_are_those_of_the_name_that_was_used(app: App, host: str) -> None:
    app.grant(ME, *CONNECTED)
    token = app.login()["refresh_token"]
    headers, me = {"host": host}, f"https://{host}/me/"
    form = {"client_id": app.id, "client_secret": app.client["client_secret"], "refresh_token": token,
            "grant_type": "refresh_token", "audience": me}  # fmt: skip
    found = app.api.raw("GET", "/.well-known/openid-configuration", headers=headers).json()
    assert found["issuer"] == f"https://{host}/" and host in found["token_endpoint"]
    body = app.api.raw("POST", "/oauth/token", data=form, headers=headers).json()
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert (claims["iss"], claims["aud"]) == (f"https://{host}/", me)
    bearer = {"authorization": f"Bearer {body['access_token']}"}
    accounts = "/me/v1/connected-accounts/accounts"
    for there in (headers, {}):  # whichever name it is presented by
        assert app.api.raw("GET", accounts, headers={**there, **bearer}).json() == {"accounts": []}
    form["audience"] = f"https://{host}/api/v2/"
    form["grant_type"] = "client_credentials"
    app.patch(grant_types=["client_credentials"])
    refused = app.api.raw("POST", "/oauth/token", data=form, headers=headers).json()
    assert form["audience"] in refused["error_description"] and "sandbox.localhost" not in str(refused)


def test_the_key_is_no_part_of_the_state_and_outlives_the_process(tmp_path: Any, api: Any) -> None:
    from tokenvault.sandbox import open_sandbox

    seen = []
    for _ in range(2):
        sandbox = open_sandbox(tmp_path / "s.db")
        sandbox.ensure_signing_key()
        seen.append(sandbox.store.snapshot().transaction.find("signing_keys"))
        assert "PRIVATE KEY" not in str(sandbox.export_state()).replace("c2FuZGJveA==", "")
        sandbox.close()
    assert seen[0] == seen[1] and len(seen[0]) == 1


def test_an_api_with_a_secret_of_its_own_gets_tokens_signed_with_it(app: App) -> None:
    secret = "a-secret-of-32-bytes-that-the-api-shares"
    body = {"identifier": "https://old.acme", "signing_alg": "HS256", "signing_secret": secret}
    app.api.ok("POST", "/resource-servers", body)
    token = app.login(audience="https://old.acme")["access_token"]
    assert jwt.decode(token, secret, algorithms=["HS256"], audience="https://old.acme")["sub"] == "auth0|alice"


def test_users_can_be_asked_for(app: App) -> None:
    app.api.sandbox.issue_refresh_token("auth0|alice", app.id)
    for path in ("/users/auth0|alice", "/users/auth0%7Calice"):
        user = app.api.ok("GET", path)
        assert user["user_id"] == "auth0|alice" and user["identities"][0]["provider"] == "auth0"
    assert app.api.no("GET", "/users/auth0|nobody") == (404, "The user does not exist")
    assert "auth0|alice" in [one["user_id"] for one in app.api.ok("GET", "/users?include_totals=true")["users"]]
    app.api.ok("DELETE", "/users/auth0|alice")
    assert app.api.no("GET", "/users/auth0|alice")[0] == 404


def test_a_page_of_an_application_may_call_from_its_origin_and_no_other(app: App) -> None:
    def ask(method: str, origin: str, path: str = "/oauth/token") -> Any:
        headers = {"origin": origin, "access-control-request-headers": "content-type, auth0-client"}
        return app.api.raw(method, path, headers=headers)

    may = ask("OPTIONS", "https://app.acme")
    assert may.status_code == 204 and may.headers["access-control-allow-origin"] == "https://app.acme"
    assert may.headers["access-control-allow-headers"] == "content-type, auth0-client"
    refused = ask("POST", "https://app.acme")
    assert refused.status_code == 400 and refused.headers["access-control-allow-origin"] == "https://app.acme"
    for origin in ("https://evil.example", "https://app.acme.evil.example", "null"):
        assert "access-control-allow-origin" not in ask("OPTIONS", origin).headers
    assert "access-control-allow-origin" not in ask("GET", "https://app.acme", "/api/v2/clients").headers


def test_a_value_with_a_percent_sign_is_taken_as_it_is(app: App) -> None:
    callback = "https://app.acme/cb?next=%2Fhome%20page"
    app.patch(callbacks=[callback])
    code = app.code(redirect_uri=callback)
    assert app.redeem(code, redirect_uri=callback)[0] == 200


def test_a_host_that_is_none_is_not_repeated(app: App) -> None:
    for host in ('localhost:1"}', "localhost:<b>", "evil.example", "localhost:1:2"):
        found = app.api.raw("GET", "/.well-known/openid-configuration", headers={"host": host}).json()
        assert found["issuer"] == f"{TENANT}/", host


def test_redirects_take_any_address_that_the_application_names(app: App) -> None:
    for callback in ("https://app.acme/café", "com.acme.app://cb"):
        app.patch(callbacks=[callback])
        assert app.redeem(app.code(redirect_uri=callback, prompt="login"), redirect_uri=callback)[0] == 200
    app.patch(callbacks=["https://*.app.acme/cb"])
    assert app.browser.open(app.address(redirect_uri="https://a\r\nx: y.app.acme/cb")) == ""
    assert app.browser.response.status_code == 403

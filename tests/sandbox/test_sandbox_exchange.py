"""The Token Vault exchange: it works, and each broken precondition gives its error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tokenvault.sandbox.errors import OAuthError
from tokenvault.sandbox.exchange import FEDERATED, GRANT_TYPE, SUBJECT, TOKEN_VAULT

ME, USER, CALENDAR = "https://sandbox.localhost/me/", "auth0|alice", "https://calendar.acme"
CONNECTED = ["create:me:connected_accounts", "read:me:connected_accounts", "delete:me:connected_accounts"]
ROTATION = {"rotation_type": "non-rotating", "expiration_type": "non-expiring",
            "policies": [{"audience": ME, "scope": CONNECTED}]}  # fmt: skip


class World:
    """A tenant in which all three flavors work."""

    def __init__(self, api: Any, keys: Any) -> None:
        self.api, self.key = api, keys[0]
        self.google = api.ok("GET", "/connections?name=google-oauth2")[0]["id"]
        self.me = api.ok("POST", "/resource-servers", {"identifier": ME})["id"]
        self.set_connection(connected_accounts={"active": True})
        self.set_options(offline_access=True, freeform_scopes=["calendar"])
        self.app = self._client("assistant", app_type="regular_web", callbacks=["https://a/cb"], refresh_token=ROTATION,
                                grant_types=["authorization_code", "refresh_token", GRANT_TYPE])  # fmt: skip
        self.grant = api.ok("POST", "/client-grants", {
            "client_id": self.app, "audience": ME, "scope": CONNECTED, "subject_type": "user"})["id"]  # fmt: skip
        api.ok("POST", "/resource-servers", {"identifier": CALENDAR, "allow_offline_access": True})
        self.api_client = self._client("calendar", app_type="resource_server", resource_server_identifier=CALENDAR,
                                       grant_types=[GRANT_TYPE])  # fmt: skip
        self.worker = self._client("worker", app_type="non_interactive", grant_types=[GRANT_TYPE],
                                   token_vault_privileged_access=self.access(self.key))  # fmt: skip
        for client_id in (self.app, self.worker):
            self.enable(client_id, True)

    def access(self, key: Any, **parts: Any) -> dict:
        credential = {"credential_type": "public_key", "pem": key.public, "alg": "RS256"}
        grants = [{"connection": "google-oauth2", "scopes": ["calendar"]}]
        return {"credentials": [credential], "ip_allowlist": ["127.0.0.0/8"], "grants": grants, **parts}

    def _client(self, name: str, **body: Any) -> str:
        fixed = {"oidc_conformant": True, "token_endpoint_auth_method": "client_secret_post"}
        return self.api.ok("POST", "/clients", {"name": name, **fixed, **body})["client_id"]

    def set_client(self, client_id: str, **patch: Any) -> None:
        self.api.ok("PATCH", f"/clients/{client_id}", patch)

    def set_connection(self, **patch: Any) -> None:
        self.api.ok("PATCH", f"/connections/{self.google}", patch)

    def set_options(self, **options: Any) -> None:
        live = self.api.ok("GET", f"/connections/{self.google}")["options"]
        self.set_connection(options={**live, **options})

    def set_me(self, **patch: Any) -> None:
        self.api.ok("PATCH", f"/resource-servers/{self.me}", patch)

    def enable(self, client_id: str, status: bool) -> None:
        self.api.ok("PATCH", f"/connections/{self.google}/clients", [{"client_id": client_id, "status": status}])

    def connect(self) -> dict:
        return self.api.sandbox.connect(USER, "google-oauth2", client_id=self.app)

    def exchange(self, client_id: str, kind: str, token: str, **form: str) -> tuple[int, dict]:
        requested = TOKEN_VAULT if kind == "jwt" else FEDERATED
        secret = self.api.ok("GET", f"/clients/{client_id}")["client_secret"]
        full = {"grant_type": GRANT_TYPE, "client_id": client_id, "client_secret": secret, "subject_token": token,
                "subject_token_type": SUBJECT + kind, "requested_token_type": requested,
                "connection": "google-oauth2", **form}  # fmt: skip
        response = self.api.token_request(**{name: value for name, value in full.items() if value})
        return response.status_code, response.json()

    def by_refresh_token(self, **form: str) -> tuple[int, dict]:
        return self.exchange(self.app, "refresh_token", self.token, **form)

    def login(self) -> None:
        self.connect()
        self.token = self.api.sandbox.issue_refresh_token(USER, self.app)

    def worker_token(self, header: dict | None = None, key: Any = None, **claims: Any) -> str:
        now = int(self.api.sandbox.clock())
        full = {"sub": USER, "iss": self.worker, "aud": "https://sandbox.localhost/", "iat": now, "jti": "j1",
                "audit_context": "nightly", **claims}  # fmt: skip
        claims = {name: value for name, value in full.items() if value is not None}
        headers = {"typ": "token-vault-req+jwt", **(header or {})}
        return jwt.encode(claims, (key or self.key).private, algorithm="RS256", headers=headers)


@pytest.fixture
def world(api: Any, keys: Any) -> World:
    return World(api, keys)


def test_refresh_token_exchange_works(world: World) -> None:
    world.login()
    status, body = world.by_refresh_token()
    assert status == 200 and "calendar" in body["scope"].split() and body["issued_token_type"] == FEDERATED
    assert body["token_type"] == "Bearer" and body["access_token"] and body["expires_in"] > 0


def test_access_token_exchange_works_for_the_custom_api_client_alone(world: World) -> None:
    world.connect()
    token = world.api.sandbox.issue_access_token(USER, world.app, CALENDAR)
    assert world.exchange(world.api_client, "access_token", token)[0] == 200
    status, body = world.exchange(world.app, "access_token", token)
    assert body["error_description"] == "This client is not a resource server and cannot exchange access tokens."
    assert status == 403
    other = world.api.sandbox.issue_access_token(USER, world.app, ME)
    assert world.exchange(world.api_client, "access_token", other)[1]["error"] == "invalid_grant"


def test_worker_exchange_works_and_is_limited_to_its_grant(world: World) -> None:
    world.connect()
    status, body = world.exchange(world.worker, "jwt", world.worker_token())
    assert status == 200 and body["scope"] == "calendar" and body["issued_token_type"] == TOKEN_VAULT


Break = Callable[[World], Any]
BROKEN: list[tuple[str, Break, int, str]] = [
    ("public client", lambda w: w.set_client(w.app, token_endpoint_auth_method="none"), 403, "unauthorized_client"),
    ("grant type", lambda w: w.set_client(w.app, grant_types=["authorization_code"]), 403, "unauthorized_client"),
    ("third party", lambda w: w.set_client(w.app, is_first_party=False), 403, "unauthorized_client"),
    ("not conformant", lambda w: w.set_client(w.app, oidc_conformant=False), 403, "unauthorized_client"),
    ("rotation", lambda w: w.set_client(w.app, refresh_token={**ROTATION, "rotation_type": "rotating"}), 400,
     "invalid_request"),
    ("purpose off", lambda w: w.set_connection(connected_accounts={"active": False}), 403, "access_denied"),
    ("not enabled", lambda w: w.enable(w.app, False), 403, "access_denied"),
    ("MFA always", lambda w: w.api.ok("PUT", "/guardian/policies", ["all-applications"]), 403, "mfa_required"),
    ("developer keys", lambda w: w.set_options(client_id=""), 401, "federated_connection_refresh_token_not_found"),
    ("other keys", lambda w: w.set_options(client_id="new"), 401, "federated_connection_refresh_token_flow_failed"),
    ("connection gone", lambda w: w.api.ok("DELETE", f"/connections/{w.google}"), 400, "invalid_request"),
    ("nothing", lambda w: None, 200, ""),
]  # fmt: skip


@pytest.mark.parametrize(("what", "breaking", "status", "error"), BROKEN, ids=[row[0] for row in BROKEN])
def test_each_broken_precondition_of_an_exchange(
    world: World, what: str, breaking: Break, status: int, error: str
) -> None:
    world.login()
    breaking(world)
    found, body = world.by_refresh_token()
    assert (found, body.get("error", "")) == (status, error), body


def test_rotation_is_named(world: World) -> None:
    world.login()
    world.set_client(world.app, refresh_token={**ROTATION, "rotation_type": "rotating"})
    assert world.by_refresh_token()[1]["error_description"] == "Rotating refresh token not supported"


def test_logging_in_is_not_connecting(world: World) -> None:
    world.token = world.api.sandbox.issue_refresh_token(USER, world.app)
    status, body = world.by_refresh_token()
    assert (status, body["error"]) == (401, "federated_connection_refresh_token_not_found")


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ({"requested_token_type": ""}, "requested_token_type is required"),
        ({"requested_token_type": TOKEN_VAULT}, "requested_token_type must be"),
        ({"subject_token_type": "nonsense"}, "Unsupported subject_token_type"),
        ({"subject_token": ""}, "subject_token is required"),
        ({"connection": ""}, "connection is required"),
        ({"subject_token": "v1.made-up"}, "Unknown or invalid refresh token."),
        ({"connection": "github"}, "not enabled for connected accounts"),
        ({"login_hint": "bob"}, "Refresh Token not found"),
    ],
)
def test_parameters_are_judged(world: World, form: dict, part: str) -> None:
    world.login()
    assert part in world.by_refresh_token(**form)[1]["error_description"]


CONNECT_BROKEN: list[tuple[str, Break, str]] = [
    ("no My Account API", lambda w: w.api.ok("DELETE", f"/resource-servers/{w.me}"), "Service not found"),
    ("no grant", lambda w: w.api.ok("DELETE", f"/client-grants/{w.grant}"), "not authorized to access resource server"),
    ("narrow grant", lambda w: w.api.ok("PATCH", f"/client-grants/{w.grant}", {"scope": CONNECTED[1:]}),
     "insufficient_scope"),
    ("no MRRT", lambda w: w.set_client(w.app, refresh_token={**ROTATION, "policies": None}), "insufficient_scope"),
    ("users denied", lambda w: w.set_me(subject_type_authorization={"user": {"policy": "deny_all"}}), "not authorized"),
    ("consent", lambda w: w.set_me(skip_consent_for_verifiable_first_party_clients=False), "Consent required"),
    ("2FA policy", lambda w: w.set_me(authorization_policy={"policy_id": "p"}), "authorization policy"),
    ("DPoP", lambda w: w.set_me(proof_of_possession={"mechanism": "dpop", "required": True}), "proof of possession"),
    ("no callback", lambda w: w.set_client(w.app, callbacks=[]), "Callback URL mismatch"),
    ("no code grant", lambda w: w.set_client(w.app, grant_types=["refresh_token"]), "authorization_code"),
    ("no refresh grant", lambda w: w.set_client(w.app, grant_types=["authorization_code"]), "refresh_token"),
    ("not enabled", lambda w: w.enable(w.app, False), "not enabled for the client"),
    ("purpose off", lambda w: w.set_connection(connected_accounts={"active": False}), "connected accounts"),
    ("third party", lambda w: w.set_client(w.app, is_first_party=False), "first-party"),
    ("approval_prompt", lambda w: w.set_options(upstream_params={"approval_prompt": {"value": "force"}}),
     "Conflict params: approval_prompt and prompt"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "breaking", "part"), CONNECT_BROKEN, ids=[row[0] for row in CONNECT_BROKEN])
def test_each_broken_precondition_of_connecting(world: World, what: str, breaking: Break, part: str) -> None:
    breaking(world)
    with pytest.raises(OAuthError) as refusal:
        world.connect()
    assert part in refusal.value.description


@pytest.mark.parametrize(
    ("strategy", "options", "yields"),
    [
        ("google-oauth2", {"client_id": "x", "offline_access": True}, True),
        ("google-oauth2", {"client_id": "x"}, False),
        ("google-oauth2", {"offline_access": True}, False),
        ("windowslive", {"client_id": "x", "offline_access": True}, True),
        ("github", {"client_id": "Iv1.abc"}, True),
        ("github", {"client_id": "Ov23abc"}, False),
        ("oidc", {"client_id": "x", "type": "back_channel", "scope": "openid offline_access"}, True),
        ("oidc", {"client_id": "x", "type": "front_channel", "scope": "openid offline_access"}, False),
        ("oidc", {"client_id": "x", "scope": "openid offline_access", "dpop_signing_alg": "ES256"}, False),
        ("salesforce", {"client_id": "x", "scope": ["refresh_token"]}, True),
        ("oauth2", {"client_id": "x", "scope": ["a"], "authorizationURL": "https://crm.acme/authorize"}, False),
        ("oauth2", {"client_id": "x", "scope": ["a", "offline_access"]}, True),
        ("oauth2", {"client_id": "x", "authorizationURL": "https://slack.com/oauth/v2/authorize"}, True),
        ("twitter", {"client_id": "x", "protocol": "oauth2", "offline_access": True}, True),
        ("twitter", {"client_id": "x"}, False),
        ("box", {"client_id": "x"}, True),
    ],
)
def test_providers_decide_whether_there_is_a_refresh_token(
    api: Any, strategy: str, options: dict, yields: bool
) -> None:
    body = {"name": "c", "strategy": strategy, "options": options, "connected_accounts": {"active": True}}
    api.ok("POST", "/connections", body)
    assert api.sandbox.connect(USER, "c")["refresh_token"] is yields


# ---- the worker


def _old(world: World) -> dict:
    return {"iat": int(world.api.sandbox.clock()) - 61}


WORKER_BROKEN: list[tuple[str, Callable[[World], tuple[str, dict]], int, str]] = [
    ("wrong typ", lambda w: (w.worker_token({"typ": "JWT"}), {}), 400, "typ must be"),
    ("wrong issuer", lambda w: (w.worker_token(iss="x"), {}), 400, "iss must be"),
    ("wrong audience", lambda w: (w.worker_token(aud="https://evil/"), {}), 400, "aud must be"),
    ("no jti", lambda w: (w.worker_token(jti=None), {}), 400, "jti is required"),
    ("no audit context", lambda w: (w.worker_token(audit_context=None), {}), 400, "audit_context is required"),
    ("long audit context", lambda w: (w.worker_token(audit_context="x" * 257), {}), 400, "audit_context must be"),
    ("too old", lambda w: (w.worker_token(**_old(w)), {}), 400, "older than 60 seconds"),
    ("expired", lambda w: (w.worker_token(exp=1), {}), 400, "expired"),
    ("no subject", lambda w: (w.worker_token(sub=None), {}), 400, "sub is required"),
    ("not a JWT", lambda w: ("nonsense", {}), 400, "not a JWT"),
    ("unknown kid", lambda w: (w.worker_token({"kid": "another-key"}), {}), 400, "signature"),
    ("connection not granted", lambda w: (w.worker_token(), {"connection": "github"}), 403, "is not granted"),
    ("scope not granted", lambda w: (w.worker_token(), {"scope": "gmail"}), 403, "is not granted"),
    ("another user", lambda w: (w.worker_token(sub="auth0|bob"), {}), 401, "Refresh Token not found"),
]


@pytest.mark.parametrize(("what", "make", "status", "part"), WORKER_BROKEN, ids=[row[0] for row in WORKER_BROKEN])
def test_each_bad_worker_token(world: World, what: str, make: Callable, status: int, part: str) -> None:
    world.connect()
    token, form = make(world)
    found, body = world.exchange(world.worker, "jwt", token, **form)
    assert found == status and part in body["error_description"], body


def test_a_worker_token_works_once(world: World) -> None:
    world.connect()
    token = world.worker_token()
    assert world.exchange(world.worker, "jwt", token)[0] == 200
    assert "jti was used before" in world.exchange(world.worker, "jwt", token)[1]["error_description"]


def test_a_foreign_key_or_a_detached_one_does_not_do(world: World, keys: Any) -> None:
    world.connect()
    assert world.exchange(world.worker, "jwt", world.worker_token(key=keys[1]))[0] == 400
    world.set_client(world.worker, token_vault_privileged_access={**world.access(world.key), "credentials": []})
    assert world.exchange(world.worker, "jwt", world.worker_token())[0] == 400
    world.set_client(world.worker, token_vault_privileged_access=None)
    assert world.exchange(world.worker, "jwt", world.worker_token())[1]["error"] == "unauthorized_client"


@pytest.mark.parametrize("part", [{"ip_allowlist": []}, {"ip_allowlist": ["203.0.113.1"]}, {"grants": []}])
def test_a_worker_without_allowlist_or_grants_is_always_refused(world: World, part: dict) -> None:
    world.connect()
    live = world.api.ok("GET", f"/clients/{world.worker}")["token_vault_privileged_access"]
    world.set_client(world.worker, token_vault_privileged_access={**live, **part})
    status, body = world.exchange(world.worker, "jwt", world.worker_token())
    assert (status, body["error"]) == (403, "access_denied")


def test_the_connection_must_be_enabled_for_the_worker(world: World) -> None:
    world.connect()
    world.enable(world.worker, False)
    assert world.exchange(world.worker, "jwt", world.worker_token())[1]["error"] == "access_denied"

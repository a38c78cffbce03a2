"""Every variant over HTTP: what the sandbox does without it, and what it does with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import cli, served
from tokenvault.sandbox import DOMAIN, open_sandbox
from tokenvault.sandbox.exchange import FEDERATED, GRANT_TYPE, SUBJECT
from tokenvault.sandbox.variants import VARIABLE, VARIANTS

Api, Key = Any, Any
ME = f"https://{DOMAIN}/me/"
SCOPES = ["create:me:connected_accounts", "read:me:connected_accounts", "delete:me:connected_accounts"]
Tenant = Callable[..., Any]
SHOWN: dict[str, Callable[[Api, Any], Any]] = {}


def shows(name: str) -> Callable[[Callable[[Api, Any], Any]], Callable[[Api, Any], Any]]:
    """Registers what shows a variant: a function of a tenant, whose result says which way the server behaves."""

    def register(show: Callable[[Api, Any], Any]) -> Callable[[Api, Any], Any]:
        SHOWN[name] = show
        return show

    return register


# ---- helpers


def google(api: Api) -> str:
    return api.ok("GET", "/connections?name=google-oauth2")[0]["id"]


def client(api: Api, **body: Any) -> dict[str, Any]:
    return api.ok("POST", "/clients", {"name": "c", "oidc_conformant": True, **body})


def access(key: Key, **parts: Any) -> dict[str, Any]:
    inline = {"credential_type": "public_key", "pem": key.public}
    grants = [{"connection": "google-oauth2", "scopes": ["a"]}]
    return {"credentials": [inline], "ip_allowlist": ["10.0.0.0/8"], "grants": grants, **parts}


def status(api: Api, method: str, path: str, body: Any = None) -> int:
    return api.ask(method, path, body).status_code


def exchanged(api: Api, app: dict[str, Any], token: str, kind: str, connection: str = "google-oauth2") -> int:
    form = {
        "grant_type": GRANT_TYPE, "client_id": app["client_id"], "client_secret": app["client_secret"],
        "subject_token": token, "subject_token_type": f"{SUBJECT}{kind}", "requested_token_type": FEDERATED,
        "connection": connection,
    }  # fmt: skip
    return api.token_request(**form).status_code


def connected(api: Api, connection: str, *apps: dict[str, Any], **options: Any) -> None:
    """A connection with connected accounts, enabled for the applications, with alice's account in it."""
    made = api.ok("GET", f"/connections?name={connection}")[0]
    body = {"connected_accounts": {"active": True}, "options": {**made["options"], **options}}
    body["options"].pop("revision", None)
    api.ok("PATCH", f"/connections/{made['id']}", body)
    for app in apps:
        api.ok("PATCH", f"/connections/{made['id']}/clients", [{"client_id": app["client_id"], "status": True}])
    api.sandbox.connect("auth0|alice", connection)


def web(api: Api) -> dict[str, Any]:
    return client(
        api,
        app_type="regular_web",
        callbacks=["https://a.example/cb"],
        token_endpoint_auth_method="client_secret_post",
        grant_types=["authorization_code", "refresh_token", GRANT_TYPE],
    )


# ---- one for each


@shows("custom-api-client-enabled")
def _(api: Api, _keys: Any) -> Any:
    app = web(api)
    api.ok("POST", "/resource-servers", {"identifier": "urn:api", "allow_offline_access": True})
    exchanger = client(
        api, app_type="resource_server", resource_server_identifier="urn:api", grant_types=[GRANT_TYPE],
        token_endpoint_auth_method="client_secret_post",
    )  # fmt: skip
    connected(api, "google-oauth2", app, offline_access=True)
    token = api.sandbox.issue_access_token("auth0|alice", app["client_id"], "urn:api")
    before = exchanged(api, exchanger, token, "access_token")
    change = [{"client_id": exchanger["client_id"], "status": True}]
    api.ok("PATCH", f"/connections/{google(api)}/clients", change)
    return before, exchanged(api, exchanger, token, "access_token")


@shows("canonical-my-account")
def _(api: Api, _keys: Any) -> Any:
    made = api.ok("POST", "/resource-servers", {"identifier": "https://auth.acme.example/me/", "name": "Mine"})
    canonical = api.ok("POST", "/resource-servers", {"identifier": ME})
    return made.get("is_system", False), made["name"], canonical["is_system"]


@shows("connection-metadata-merges")
def _(api: Api, _keys: Any) -> Any:
    path = f"/connections/{google(api)}"
    api.ok("PATCH", path, {"metadata": {"a": "1", "b": "2"}})
    return api.ok("PATCH", path, {"metadata": {"c": "3", "b": None}})["metadata"]


@shows("connection-metadata-keeps-nulls")
def _(api: Api, _keys: Any) -> Any:
    path = f"/connections/{google(api)}"
    api.ok("PATCH", path, {"metadata": {"a": "1", "b": None}})
    return api.ok("GET", path)["metadata"]


@shows("exclusive-credentials")
def _(api: Api, keys: Any) -> Any:
    made = client(api, jwt_configuration={"alg": "RS256"}, token_vault_privileged_access=access(keys[0]))
    held = api.ok("GET", f"/clients/{made['client_id']}/credentials")[0]["id"]
    methods = {"private_key_jwt": {"credentials": [{"id": held}]}}
    body = {"client_authentication_methods": methods, "token_endpoint_auth_method": None}
    return status(api, "PATCH", f"/clients/{made['client_id']}", body)


@shows("privileged-access-unseen")
def _(api: Api, keys: Any) -> Any:
    made = client(api, token_vault_privileged_access=access(keys[0]))
    path = f"/clients/{made['client_id']}"
    answers = (made, api.ok("GET", path), api.ok("PATCH", path, {"description": "x"}))
    kept = api.ok("GET", f"{path}/credentials")
    assert kept
    assert status(api, "DELETE", f"{path}/credentials/{kept[0]['id']}") == 400  # it is attached, seen or not
    return ["token_vault_privileged_access" in answer for answer in answers]


@shows("minimal-api-client")
def _(api: Api, _keys: Any) -> Any:
    api.ok("POST", "/resource-servers", {"identifier": "urn:api"})
    least = {
        "name": "x",
        "app_type": "resource_server",
        "resource_server_identifier": "urn:api",
        "grant_types": [GRANT_TYPE],
    }
    more = {"token_endpoint_auth_method": "client_secret_post"}
    refused = status(api, "POST", "/clients", least | more)
    made = api.ok("POST", "/clients", least)
    return refused, status(api, "PATCH", f"/clients/{made['client_id']}", more)


@shows("system-client-policy-fixed")
def _(api: Api, _keys: Any) -> Any:
    made = api.ok("POST", "/resource-servers", {"identifier": ME})
    path, user = f"/resource-servers/{made['id']}", {"user": {"policy": "require_client_grant"}}
    both = {"subject_type_authorization": user | {"client": {"policy": "deny_all"}}}
    alone = api.ok("PATCH", path, {"subject_type_authorization": user})
    return status(api, "PATCH", path, both), alone["subject_type_authorization"]["client"]


@shows("answer-only-keys")
def _(api: Api, _keys: Any) -> Any:
    app, path = client(api), f"/connections/{google(api)}"
    options = api.ok("GET", path)["options"]
    return (
        status(api, "PATCH", f"/clients/{app['client_id']}", {"refresh_token": app["refresh_token"]}),
        status(api, "PATCH", path, {"options": options}),
    )


@shows("freeform-scopes-ignored")
def _(api: Api, _keys: Any) -> Any:
    options = {"email": True, "freeform_scopes": ["x"]}
    made = api.ok("POST", "/connections", {"name": "g", "strategy": "google-oauth2", "options": options})["options"]
    return made["scope"], made.get("freeform_scopes")


@shows("connection-list-lacks-metadata")
def _(api: Api, _keys: Any) -> Any:
    path = f"/connections/{google(api)}"
    api.ok("PATCH", path, {"metadata": {"a": "1"}})
    query = "fields=id,name,metadata,connected_accounts"
    listed = api.ok("GET", f"/connections?take=50&name=google-oauth2&{query}")["connections"][0]
    single = api.ok("GET", f"{path}?{query}")
    assert single["metadata"] == {"a": "1"} and "connected_accounts" in single
    return sorted(listed.keys() & {"metadata", "connected_accounts"})


@shows("purpose-of-six-strategies")
def _(api: Api, _keys: Any) -> Any:
    def post(strategy: str, **body: Any) -> int:
        return status(api, "POST", "/connections", {"name": f"x-{strategy}", "strategy": strategy, **body})

    on, off = {"connected_accounts": {"active": True}}, {"connected_accounts": {"active": False}}
    return post("okta", **on), post("oidc", **on), post("waad", **off)


@shows("my-account-needs-name")
def _(api: Api, _keys: Any) -> Any:
    bare = status(api, "POST", "/resource-servers", {"identifier": ME})
    return bare, status(api, "POST", "/resource-servers", {"identifier": ME, "name": "x"})


@shows("user-grant-as-client")
def _(api: Api, _keys: Any) -> Any:
    api.ok("POST", "/resource-servers", {"identifier": ME})
    api.ok("POST", "/resource-servers", {"identifier": "urn:api", "scopes": [{"value": "a"}]})
    app = client(api)["client_id"]
    mine = {"client_id": app, "audience": ME, "scope": SCOPES, "subject_type": "user"}
    other = {"client_id": app, "audience": "urn:api", "scope": ["a"], "subject_type": "user"}
    return [api.ok("POST", "/client-grants", body)["subject_type"] for body in (mine, other)]


@shows("github-oauth-apps-work")
def _(api: Api, _keys: Any) -> Any:
    app = web(api)
    connected(api, "github", app, client_id="Ov23liOAuthApp")
    token = api.sandbox.issue_refresh_token("auth0|alice", app["client_id"])
    return exchanged(api, app, token, "refresh_token", "github")


@shows("worker-parts-alone")
def _(api: Api, keys: Any) -> Any:
    path = f"/clients/{client(api)['client_id']}"
    held = api.ok("POST", f"{path}/credentials", {"credential_type": "public_key", "pem": keys[0].public})["id"]
    part = {"token_vault_privileged_access": access(keys[0], credentials=[{"id": held}])}
    return status(api, "PATCH", path, part | {"description": "x"}), status(api, "PATCH", path, part)


@shows("mfa-by-action")
def _(api: Api, _keys: Any) -> Any:
    app = web(api)
    connected(api, "google-oauth2", app, offline_access=True)
    api.ok("PUT", "/guardian/policies", ["all-applications"])
    token = api.sandbox.issue_refresh_token("auth0|alice", app["client_id"])
    settings = api.ok("GET", "/tenants/settings")
    return settings["customize_mfa_in_postlogin_action"], exchanged(api, app, token, "refresh_token")


@shows("connection-deletion-answers-204")
def _(api: Api, _keys: Any) -> Any:
    key = google(api)
    return status(api, "DELETE", f"/connections/{key}"), status(api, "GET", f"/connections/{key}")


@shows("connection-deletion-takes-time")
def _(api: Api, _keys: Any) -> Any:
    path, now = f"/connections/{google(api)}", api.sandbox.clock()
    api.sandbox.clock = lambda: now
    first = api.ask("DELETE", path)
    body = {"name": "google-oauth2", "strategy": "google-oauth2"}
    meanwhile = [status(api, "GET", path), status(api, "POST", "/connections", body)]
    again = api.ask("DELETE", path)
    assert again.status_code == 204 or again.json() == first.json()
    api.sandbox.clock = lambda: now + 3
    later = [
        status(api, "GET", path),
        len(api.ok("GET", "/connections?name=google-oauth2")),
        status(api, "DELETE", path),
    ]
    return first.status_code, meanwhile, again.status_code, later[0], later[2]


@shows("default-policy")
def _(api: Api, _keys: Any) -> Any:
    return "authorization_policy" in api.ok("POST", "/resource-servers", {"identifier": ME})


@shows("enabled-clients-accepted")
def _(api: Api, _keys: Any) -> Any:
    path, body = f"/connections/{google(api)}", {"enabled_clients": []}
    return status(api, "PATCH", path, body), len(api.ok("GET", f"{path}/clients")["clients"])


@shows("enabled-clients-gone")
def _(api: Api, _keys: Any) -> Any:
    body = {"name": "g", "strategy": "google-oauth2", "enabled_clients": []}
    path = f"/connections/{google(api)}"
    return (
        status(api, "POST", "/connections", body),
        status(api, "PATCH", path, {"enabled_clients": []}),
        "enabled_clients" in api.ok("GET", path),
    )


EXPECTED: dict[str, tuple[Any, Any]] = {  # without, with
    "custom-api-client-enabled": ((200, 200), (403, 200)),
    "canonical-my-account": ((True, "Auth0 My Account API", True), (False, "Mine", True)),
    "connection-metadata-merges": ({"c": "3"}, {"a": "1", "c": "3"}),
    "connection-metadata-keeps-nulls": ({"a": "1"}, {"a": "1", "b": None}),
    "exclusive-credentials": (200, 400),
    "privileged-access-unseen": ([True] * 3, [False] * 3),
    "minimal-api-client": ((201, 200), (400, 200)),
    "system-client-policy-fixed": ((200, {"policy": "deny_all"}), (400, {"policy": "deny_all"})),
    "answer-only-keys": ((200, 200), (400, 400)),
    "freeform-scopes-ignored": ((["email", "x"], ["x"]), (["email"], None)),
    "connection-list-lacks-metadata": (["connected_accounts", "metadata"], []),
    "purpose-of-six-strategies": ((201, 201, 201), (400, 201, 201)),
    "my-account-needs-name": ((201, 409), (400, 201)),
    "user-grant-as-client": (["user", "user"], ["client", "user"]),
    "github-oauth-apps-work": (401, 200),
    "worker-parts-alone": ((200, 200), (400, 200)),
    "mfa-by-action": ((False, 403), (True, 200)),
    "connection-deletion-answers-204": ((202, 404), (204, 404)),
    "connection-deletion-takes-time": ((202, [404, 201], 204, 404, 204), (202, [200, 409], 202, 404, 204)),
    "default-policy": (False, True),
    "enabled-clients-accepted": ((400, 2), (200, 0)),
    "enabled-clients-gone": ((201, 400, True), (400, 400, False)),
}


def test_every_variant_is_shown_here() -> None:
    assert SHOWN.keys() == EXPECTED.keys() == VARIANTS.keys()
    assert all(variant.name and variant.usually and variant.instead and variant.known for variant in VARIANTS.values())


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_another_way_to_behave(tenant: Tenant, keys: list[Key], name: str) -> None:
    usually, instead = EXPECTED[name]
    assert SHOWN[name](tenant(), keys) == usually
    assert SHOWN[name](tenant(name), keys) == instead


def test_a_merging_server_may_keep_nulls(tenant: Tenant) -> None:
    api = tenant("connection-metadata-merges", "connection-metadata-keeps-nulls")
    path = f"/connections/{google(api)}"
    api.ok("PATCH", path, {"metadata": {"a": "1", "b": "2"}})
    assert api.ok("PATCH", path, {"metadata": {"b": None}})["metadata"] == {"a": "1", "b": None}


def test_a_default_policy_asks_users_for_a_second_factor(tenant: Tenant) -> None:
    for variants, refused in (((), None), (("default-policy",), "unmet_authentication_requirements")):
        api = tenant(*variants)
        app = web(api)
        api.ok("POST", "/resource-servers", {"identifier": ME})
        policies = [{"audience": ME, "scope": SCOPES}]
        body = {
            "refresh_token": {"rotation_type": "non-rotating", "expiration_type": "non-expiring", "policies": policies}
        }
        api.ok("PATCH", f"/clients/{app['client_id']}", body)
        grant = {"client_id": app["client_id"], "audience": ME, "scope": SCOPES, "subject_type": "user"}
        api.ok("POST", "/client-grants", grant)
        connected(api, "google-oauth2", app, offline_access=True)
        try:
            api.sandbox.connect("auth0|bob", "google-oauth2", client_id=app["client_id"])
            told = None
        except Exception as problem:
            told = getattr(problem, "error", repr(problem))
        assert told == refused


# ---- how they are chosen


def _is_on(state: Path, **environment: str) -> bool:
    """Whether a plan of a process meets connection-list-lacks-metadata: marks are invisible then."""
    shown = cli("sandbox", "show", "--state", state, env=environment)
    assert shown.code == 0, shown.err
    return "connection-metadata-merges" in json.dumps(json.loads(shown.out)["objects"]["tenant"].get("variants", {}))


def test_reset_keeps_them_in_the_file(tmp_path: Path) -> None:
    state = tmp_path / "t.db"
    assert cli("sandbox", "reset", "--state", state, "--variant", "connection-metadata-merges", "--variant",
               "default-policy").code == 0  # fmt: skip
    assert _is_on(state)
    sandbox = open_sandbox(state)
    with sandbox.store.read() as tx:
        on = [name for name, variant in VARIANTS.items() if tx.varies(variant)]
    sandbox.close()
    assert on == ["connection-metadata-merges", "default-policy"]
    assert cli("sandbox", "reset", "--state", state).code == 0 and not _is_on(state)


def test_the_environment_names_them_for_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, " default-policy, mfa-by-action ,")
    sandbox = open_sandbox(tmp_path / "t.db")
    with sandbox.store.read() as tx:
        assert [name for name, variant in VARIANTS.items() if tx.varies(variant)] == ["mfa-by-action", "default-policy"]
    assert "variants" not in sandbox.export_state()["objects"]["tenant"]
    sandbox.close()


def test_a_served_sandbox_takes_them_as_options(tmp_path: Path) -> None:
    with served(tmp_path / "t.db", "--variant", "connection-deletion-answers-204") as host:
        headers = {"authorization": "Bearer sandbox"}
        with httpx.Client(base_url=f"http://{host}/api/v2", headers=headers, trust_env=False) as http:
            key = http.get("/connections", params={"name": "github"}).json()[0]["id"]
            assert http.delete(f"/connections/{key}").status_code == 204


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("sandbox", "serve", "--variant", "default-polizy"), {}),
        (("sandbox", "reset", "--variant", "default-polizy"), {}),
        (("sandbox", "show"), {VARIABLE: "default-policy,default-polizy"}),
        (("auth", "status", "--sandbox=t.db"), {VARIABLE: "default-polizy"}),
    ],
)
def test_an_unknown_one_is_refused(tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    told = cli(*arguments, cwd=tmp_path, env=environment)
    assert told.code == 1 and "[sandbox-variant]" in told.err and 'Did you mean "default-policy"?' in told.err
    assert "unexpectedly" not in told.err


def test_they_are_listed_with_what_is_known() -> None:
    text, listed = cli("sandbox", "variants").out, json.loads(cli("sandbox", "variants", "--json").out)
    assert [variant["name"] for variant in listed] == list(VARIANTS)
    assert all(variant["known"] in text and variant["instead"] in text for variant in listed)

"""Every precondition, broken through the API one at a time: the doctor names it, using the application fails with the
documented error, and what the doctor gives as the fix makes everything ready again."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.world import API, ASSISTANT, CALENDAR, ME, SPA, WORKER, World
from tokenvault.exchange import variables
from tokenvault.flavors import flavors
from tokenvault.flavors.runtime.request import CONNECTED_ACCOUNTS_SCOPES, TOKEN_VAULT_GRANT
from tokenvault.sandbox.variants import VARIABLE

GOOGLE, OIDC = "google-oauth2", "acme-id"
DENY_USERS = {"user": {"policy": "deny_all"}, "client": {"policy": "deny_all"}}
SAME_KEY = ("--authentication-key", "worker.key.pem")
Spec = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One precondition of one application.

    `error` is what using the application ends in (None: Auth0 documents none). `fixed` is who mends it: apply, the spec
    (`rewrite` changes it) or a person (`by_hand` does what they would do).
    """

    id: str
    app: str
    breaks: Callable[[World], object]
    error: str | None
    connection: str = GOOGLE
    fixed: str = "command"
    rewrite: Callable[[Spec], object] = lambda spec: None
    by_hand: Callable[[World], object] = lambda world: None
    options: tuple[str, ...] = ()
    attempt: Callable[[World], str | None] | None = None

    def refusal(self, world: World) -> str | None:
        return self.attempt(world) if self.attempt else world.refusal(self.app, self.connection, *self.options)


def without(world: World, app: str, grant: str) -> None:
    world.patch_client(app, grant_types=[g for g in world.client(app)["grant_types"] if g != grant])


def delete_client(world: World, name: str) -> None:
    world.api("DELETE", f"/clients/{world.client(name)['client_id']}")


def delete_grant(world: World, app: str, audience: str) -> None:
    world.api("DELETE", f"/client-grants/{world.user_grant(app, audience)['id']}")


def other_key(world: World) -> dict[str, str]:
    """Another credential of the worker, in place of the spec's."""
    world.make_key("other")
    pem = (world.folder / "other.pub.pem").read_text()
    body = {"credential_type": "public_key", "pem": pem, "alg": "RS256", "name": "other"}
    found: dict[str, str] = world.api("POST", f"/clients/{world.client(WORKER)['client_id']}/credentials", body)
    return {"id": found["id"]}


def detach_authentication(world: World) -> None:
    methods = {"private_key_jwt": {"credentials": [other_key(world)]}}
    world.patch_client(WORKER, client_authentication_methods=methods)


def make_worker_public(world: World) -> None:
    world.patch_client(WORKER, client_authentication_methods=None, token_endpoint_auth_method="none")


def exchange_as(world: World, name: str) -> str | None:
    """Somebody else's access token exchange: what the backend does when it takes its application's credentials."""
    token = world.sandbox.issue_access_token("auth0|alice", world.client(SPA)["client_id"], API)
    client_id = world.client(name)["client_id"]
    options = ("--flavor", "access_token_exchange", "--format", "json")
    env = {f"{variables.prefix(client_id)}_CLIENT_SECRET": world.secret(name), "AUTH0_SUBJECT_TOKEN": token}
    result = world.run("exchange", client_id, GOOGLE, *options, env=env)
    error: str | None = json.loads(result.out)["error"]["id"]
    return error


def set_mfa(spec: Spec) -> None:
    spec["mfa_policy"] = "set_never"


def third_party(app: str) -> Callable[[World], object]:
    return lambda world: world.patch_client(app, is_first_party=False)


def not_conformant(app: str) -> Callable[[World], object]:
    return lambda world: world.patch_client(app, oidc_conformant=False)


def without_grant(app: str) -> Callable[[World], object]:
    return lambda world: without(world, app, TOKEN_VAULT_GRANT)


CLIENT_ROWS = [
    row
    for prefix, app, name in (
        ("application", ASSISTANT, ASSISTANT),
        ("api-client", SPA, API),
        ("worker", WORKER, WORKER),
    )
    for row in (
        Row(f"{prefix}-first-party", app, third_party(name), "unauthorized-client"),
        Row(f"{prefix}-oidc-conformant", app, not_conformant(name), "unauthorized-client"),
        Row(f"{prefix}-token-vault-grant", app, without_grant(name), "grant-not-allowed"),
    )
]
ROWS = [
    *CLIENT_ROWS,
    Row("application-exists", ASSISTANT, lambda w: delete_client(w, ASSISTANT), None),
    Row("application-confidential", ASSISTANT,
        lambda w: w.patch_client(ASSISTANT, token_endpoint_auth_method="none"), "unauthorized-client"),
    Row("application-login-grants", ASSISTANT, lambda w: without(w, ASSISTANT, "refresh_token"), "grant-not-allowed"),
    Row("application-callbacks", ASSISTANT, lambda w: w.patch_client(ASSISTANT, callbacks=[]), "callback-mismatch"),
    Row("application-no-rotation", ASSISTANT,
        lambda w: w.patch_refresh_token(ASSISTANT, rotation_type="rotating"), "rotating"),
    Row("application-spa-rotation", SPA, lambda w: w.patch_refresh_token(SPA, rotation_type="non-rotating"), None),
    Row("application-mrrt", ASSISTANT, lambda w: w.patch_refresh_token(ASSISTANT, policies=None), "insufficient-scope"),
    Row("application-mrrt", ASSISTANT, lambda w: w.patch_refresh_token(
        ASSISTANT, policies=[{"audience": ME, "scope": list(CONNECTED_ACCOUNTS_SCOPES[1:])}]), "insufficient-scope"),
    Row("my-account-grant", ASSISTANT, lambda w: delete_grant(w, ASSISTANT, ME), "client-not-authorized"),
    Row("my-account-grant-scopes", ASSISTANT, lambda w: w.api(
        "PATCH", f"/client-grants/{w.user_grant(ASSISTANT, ME)['id']}",
        {"scope": list(CONNECTED_ACCOUNTS_SCOPES[:2])}), "insufficient-scope"),
    Row("my-account-active", ASSISTANT,
        lambda w: w.api("DELETE", f"/resource-servers/{w.resource_server(ME)['id']}"), "service-not-found"),
    Row("my-account-skips-consent", ASSISTANT,
        lambda w: w.patch_api(ME, skip_consent_for_verifiable_first_party_clients=False), "consent-required"),
    Row("my-account-user-policy", ASSISTANT,
        lambda w: w.patch_api(ME, subject_type_authorization=DENY_USERS), "client-not-authorized"),
    Row("my-account-default-policy", ASSISTANT, lambda w: w.patch_api(ME, authorization_policy={"policy_id": "p1"}),
        "unmet-authentication-requirements", fixed="person",
        by_hand=lambda w: w.patch_api(ME, authorization_policy=None)),
    Row("my-account-no-dpop", ASSISTANT,
        lambda w: w.patch_api(ME, proof_of_possession={"mechanism": "dpop", "required": True}), "dpop-required",
        fixed="person",
        by_hand=lambda w: w.patch_api(ME, proof_of_possession={"mechanism": "dpop", "required": False})),
    Row("mfa-policy", ASSISTANT, lambda w: w.api("PUT", "/guardian/policies", ["all-applications"]), "mfa-required",
        fixed="spec", rewrite=set_mfa),
    Row("connection-exists", ASSISTANT,
        lambda w: w.api("DELETE", f"/connections/{w.connection(GOOGLE)['id']}"), "no-connection"),
    Row("connection-connected-accounts", ASSISTANT,
        lambda w: w.patch_connection(GOOGLE, connected_accounts={"active": False}), "connection-not-on"),
    Row("connection-enabled", ASSISTANT, lambda w: w.enable(GOOGLE, ASSISTANT, False), "connection-not-enabled"),
    Row("connection-enabled", WORKER, lambda w: w.enable(GOOGLE, WORKER, False), "connection-not-enabled"),
    Row("connection-own-keys", ASSISTANT, lambda w: w.patch_options(GOOGLE, client_id=""), "refresh-token-not-found"),
    Row("connection-offline-access", ASSISTANT, lambda w: w.patch_options(GOOGLE, offline_access=False),
        "refresh-token-not-found"),
    Row("connection-offline-access", ASSISTANT, lambda w: w.patch_options(OIDC, scope="openid"),
        "refresh-token-not-found", connection=OIDC),
    Row("connection-back-channel", ASSISTANT, lambda w: w.patch_options(OIDC, type="front_channel"),
        "refresh-token-not-found", connection=OIDC),
    Row("connection-no-dpop", ASSISTANT, lambda w: w.patch_options(OIDC, dpop_signing_alg="ES256"),
        "refresh-token-not-found", connection=OIDC, fixed="person",
        by_hand=lambda w: w.patch_options(OIDC, dpop_signing_alg=None)),
    Row("connection-prompt", ASSISTANT,
        lambda w: w.patch_options(GOOGLE, upstream_params={"approval_prompt": {"value": "force"}}), "prompt-conflict",
        fixed="person", by_hand=lambda w: w.patch_options(GOOGLE, upstream_params=None)),
    Row("api-exists", SPA, lambda w: w.api("DELETE", f"/resource-servers/{w.resource_server(API)['id']}"),
        "service-not-found"),
    Row("api-rs256", SPA, lambda w: w.patch_api(API, signing_alg="HS256", signing_secret="s" * 16), None),
    Row("api-offline-access", SPA, lambda w: w.patch_api(API, allow_offline_access=False), "offline-access"),
    Row("api-skips-consent", SPA,
        lambda w: w.patch_api(API, skip_consent_for_verifiable_first_party_clients=False), None),
    Row("api-user-policy", SPA, lambda w: w.patch_api(API, subject_type_authorization=DENY_USERS),
        "client-not-authorized"),
    Row("api-grant", SPA, lambda w: delete_grant(w, SPA, API), "client-not-authorized"),
    Row("api-client-linked", SPA, lambda w: delete_client(w, API), "not-a-resource-server",
        attempt=lambda w: exchange_as(w, ASSISTANT)),
    Row("api-client-type", SPA, lambda w: w.patch_client(API, app_type="non_interactive"), "not-a-resource-server"),
    Row("api-client-confidential", SPA, lambda w: w.patch_client(API, token_endpoint_auth_method="none"),
        "unauthorized-client"),
    Row("worker-exists", WORKER, lambda w: delete_client(w, WORKER), None),
    Row("worker-confidential", WORKER, make_worker_public, "unauthorized-client"),
    Row("worker-rs256", WORKER, lambda w: w.patch_client(
        WORKER, client_authentication_methods=None, token_endpoint_auth_method="client_secret_post",
        jwt_configuration={"alg": "HS256"}), None),
    Row("worker-authentication", WORKER, detach_authentication, "invalid-client", options=SAME_KEY),
    Row("worker-privileged-access", WORKER, lambda w: w.patch_client(WORKER, token_vault_privileged_access=None),
        "no-privileged-access"),
    Row("worker-key", WORKER, lambda w: w.patch_access(credentials=[]), "subject-token"),
    Row("worker-key", WORKER, lambda w: w.patch_access(credentials=[other_key(w)]), "subject-token", options=SAME_KEY),
    Row("worker-ip-allowlist", WORKER, lambda w: w.patch_access(ip_allowlist=[]), "address-not-allowed"),
    Row("worker-ip-allowlist", WORKER, lambda w: w.patch_access(ip_allowlist=["10.0.0.0/8"]), "address-not-allowed"),
    Row("worker-grant", WORKER, lambda w: w.patch_access(grants=[]), "not-granted"),
    Row("worker-scopes", WORKER, lambda w: w.patch_access(grants=[{"connection": GOOGLE, "scopes": ["email"]}]),
        "not-granted", options=("--scope", CALENDAR)),
]  # fmt: skip
# What no API of a tenant can break: only a person can look, or no spec can ask for it. Each has a test of its own.
ELSEWHERE = {
    "application-organizations", "connection-strategy", "connection-oauth2", "worker-users", "api-users", "api-callers",
    "api-dpop", "application-domain",
    "application-dpop", "application-pushed-requests", "application-lasting-tokens",
    "connection-profile-script", "connection-scope-separator", "connection-cross-app-access", "api-client-enabled",
    "connection-github-app",
    "google-testing", "github-app", "slack-app", "entra-consent", "salesforce-tokens",
}  # fmt: skip


def test_the_table_has_every_precondition_of_every_flavor() -> None:
    known = {row.id for flavor in flavors().values() for row in flavor.runtime.preconditions}
    assert known == {row.id for row in ROWS} | ELSEWHERE, (
        "give a new precondition a Row, or a test of its own and a place in ELSEWHERE"
    )


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.id}-{row.app}-{row.connection}" for row in ROWS])
def test_a_broken_precondition_is_named_explained_and_mended(world: World, row: Row) -> None:
    row.breaks(world)
    the_plan_foresees(world, row)

    document = world.doctor("spec.yaml")
    finding = next(f for f in document["findings"] if f["id"] == row.id and f["state"] == "not ready")
    concerned = [document["cases"][number] for number in finding["cases"]]
    assert (row.app, row.connection) in [(case["application"], case["connection"]) for case in concerned]
    assert all(case["state"] == "not ready" for case in concerned)
    assert finding["fix"]["how"] == row.fixed, finding["fix"]

    assert finding["at_run_time"]["error"] == row.error
    if row.error:
        assert row.refusal(world) == row.error

    mend(world, row)
    planned = world.run("plan", "spec.yaml", "--format", "json", "--fail-on", "broken")
    assert (planned.code, planned.json["judgement"]["causes"], planned.json["changes"]) == (0, [], []), planned.err
    ready = world.doctor("spec.yaml")
    assert ready["ready"], [f for f in ready["findings"] if f["state"] != "check"]
    assert world.refusal(row.app, row.connection, *row.options) is None


def the_plan_foresees(world: World, row: Row) -> None:
    """What apply mends will work after the plan; what it cannot mend is named in it, with who can."""
    planned = world.run("plan", "spec.yaml", "--format", "json", "--fail-on", "broken")
    judgement = planned.json["judgement"]
    cases = [c for c in judgement["cases"] if (c["application"], c["connection"]) == (row.app, row.connection)]
    assert "not ready" in {case["before"] for case in cases}
    if row.fixed == "command":
        assert (planned.code, judgement["causes"]) == (0, [])
        return
    assert planned.code == 3
    cause = next(cause for cause in judgement["causes"] if cause["id"] == row.id)
    assert cause["fix"]["how"] == row.fixed
    assert {judgement["cases"][number]["after"] for number in cause["cases"]} == {"not ready"}


def mend(world: World, row: Row) -> None:
    """Does what the doctor says."""
    if row.fixed == "person":
        row.by_hand(world)
        return
    spec = copy.deepcopy(world.spec)
    row.rewrite(spec)
    world.write(spec)
    planned = world.run("plan", "spec.yaml", "--detailed-exitcode")
    assert planned.code == 2, planned.out
    applied = world.apply()
    assert applied.code == 0, applied.err


def test_exchange_tells_what_the_doctor_finds(world: World) -> None:
    """The precondition that explains the error comes with it, and its fix."""
    world.patch_refresh_token(ASSISTANT, rotation_type="rotating")
    result = world.use(ASSISTANT, GOOGLE)
    assert result.code == 1
    refused = json.loads(result.out)
    assert "application-no-rotation" in [finding["id"] for finding in refused["findings"]]
    assert "rotate" in result.err and "tokenvault apply spec.yaml" in result.err


def test_a_github_oauth_app_is_looked_at_and_holds_nothing_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Auth0's documents it leaves nothing to exchange, and a workshop of Auth0's uses one: an exchange tells."""
    world.patch_options("github", client_id="Ov23liAcme")
    document = world.doctor("spec.yaml")
    (finding,) = [one for one in document["findings"] if one["id"] == "connection-github-app"]
    assert document["ready"] and finding["state"] == "check"
    refused = world.use(ASSISTANT, "github")
    assert "connection-github-app" in [one["id"] for one in json.loads(refused.out)["findings"]]
    monkeypatch.setenv(VARIABLE, "github-oauth-apps-work")
    assert world.use(ASSISTANT, "github").code == 0

"""Existing objects are adopted: found for certain, shown as adopted, and left with all they have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.export.by_hand import MY_ACCOUNT, NON_ROTATING, ROTATING, policy
from tests.state.world import CALENDAR, World, change_of, changed_paths, changes, marks, spec_of, web, worker, writes
from tests.support import TOKEN_VAULT_GRANT, by_name, cli

PORTAL = "Legacy Portal"
MADE_READY = {
    "client_metadata.tokenvault",
    "grant_types",
    "jwt_configuration.alg",
    "oidc_conformant",
    "refresh_token.policies",
    "refresh_token.rotation_type",
}


MARK = (
    "acme/portal adopted api:my_account gave:grants=gAUaZ mrrt:my_account on:dLipn "
    "was:alg=criF2.'HS256,oidc=tb6kG.false,rotation=gnRUR.'rotating"
)


@pytest.mark.parametrize("how", ["client id", "name"])
def test_an_application_is_adopted_and_keeps_all_that_nobody_asks_about(acme: World, how: str) -> None:
    before = acme.client(PORTAL)
    app = (
        web(name=PORTAL) if how == "name" else {"client_id": before["client_id"], "flavors": ["refresh_token_exchange"]}
    )
    shown = acme.run("plan", spec_of({"portal": app}))
    (line,) = [line for line in shown.out.splitlines() if "adopts the existing application" in line]
    assert PORTAL in line and before["client_id"] in line
    acme.apply(spec_of({"portal": app}))
    after = acme.client(PORTAL)
    assert changed_paths(before, after) == MADE_READY
    assert set(after["grant_types"]) == {*before["grant_types"], TOKEN_VAULT_GRANT}
    assert marks(after["client_metadata"]) == {
        **before["client_metadata"],
        "tokenvault": MARK,
    }
    acme.assert_done(spec_of({"portal": app}))


def test_policies_for_other_audiences_lifetimes_and_credentials_of_others_stay(acme: World) -> None:
    theirs = policy("https://others.example.com", ["read:it"])
    refresh = {**ROTATING, "leeway": 30, "token_lifetime": 777_777, "policies": [theirs]}
    acme.patch(PORTAL, {"refresh_token": refresh})
    acme.apply(spec_of({"portal": web(name=PORTAL)}))
    kept = acme.client(PORTAL)["refresh_token"]
    assert kept["policies"] == [theirs, policy()] or kept["policies"][0] == theirs
    assert (kept["leeway"], kept["token_lifetime"], kept["rotation_type"]) == (30, 777_777, "non-rotating")


@pytest.mark.parametrize("marks", [(), ("other/x created",)])
def test_two_applications_of_one_name_are_an_error_that_lists_both(acme: World, marks: tuple[str, ...]) -> None:
    """A third one that another spec has claimed is not meant."""
    ids = [acme.hands.application("Twin") for _ in range(2)]
    for mark in marks:
        acme.hands.application("Twin", client_metadata={"tokenvault": mark})
    said = acme.refused("apply", spec_of({"twin": web(name="Twin")}), "-y")
    assert ", ".join(sorted(ids)) in " ".join(said.split()) and "set `client_id` to one of these" in said


def test_of_two_applications_of_one_name_the_unmarked_one_is_meant(acme: World) -> None:
    acme.hands.application("Twin", client_metadata={"tokenvault": "other/x created"})
    free = acme.hands.application("Twin")
    assert change_of(acme.plan(spec_of({"twin": web(name="Twin")})), "application.twin")["id"] == free


def test_a_client_id_that_the_tenant_does_not_have_is_an_error(acme: World) -> None:
    said = acme.refused("plan", spec_of({"x": {"client_id": "nobody", "flavors": ["connected_accounts"]}}))
    assert "no application with the client id nobody" in said


RISKS: list[tuple[str, dict[str, Any], str]] = [
    ("rotation is on", {"refresh_token": ROTATING}, "users log in again"),
    ("it is public", {"token_endpoint_auth_method": "none"}, "must authenticate with its client secret"),
    ("it is not OIDC conformant", {"oidc_conformant": False}, "legacy (non-OIDC) endpoints and token formats"),
    ("it signs with HS256", {"jwt_configuration": {"alg": "HS256"}}, "an application that verifies HS256"),
]
HARMLESS = {
    "app_type": "regular_web",
    "oidc_conformant": True,
    "token_endpoint_auth_method": "client_secret_post",
    "jwt_configuration": {"alg": "RS256"},
    "refresh_token": NON_ROTATING,
}


@pytest.mark.parametrize("how", ["client id", "name"])
@pytest.mark.parametrize(("it", "setting", "words"), RISKS, ids=[risk[0] for risk in RISKS])
def test_what_must_change_against_its_will_is_a_risk_in_words(
    acme: World, it: str, setting: dict[str, Any], words: str, how: str
) -> None:
    client_id = acme.hands.application("App", **{**HARMLESS, **setting})
    app = web(name="App") if how == "name" else {"client_id": client_id, "flavors": ["refresh_token_exchange"]}
    (risk,) = change_of(acme.plan(spec_of({"app": app})), "application.app")["risks"]
    assert words in risk
    assert words in " ".join(acme.run("plan", spec_of({"app": app})).out.split("Before you approve:")[1].split())


def test_an_application_that_changes_in_nothing_that_matters_has_no_risk(acme: World) -> None:
    acme.hands.application("App", **HARMLESS)
    assert change_of(acme.plan(spec_of({"app": web(name="App")})), "application.app")["risks"] == []


def test_a_worker_whose_secret_stops_working_is_told_so(acme: World) -> None:
    acme.hands.application("Job", **{**HARMLESS, "app_type": "non_interactive"})
    (risk,) = change_of(acme.plan(spec_of({"job": worker(name="Job")})), "application.job")["risks"]
    assert "its client secret stops working" in risk


IMPOSSIBLE = [
    ("spa", "refresh_token_exchange", "public", "access_token_exchange"),
    ("native", "refresh_token_exchange", "public", "access_token_exchange"),
    ("non_interactive", "connected_accounts", "a machine-to-machine application", "after logging in"),
    ("non_interactive", {"access_token_exchange": {"api": "b"}}, "a machine-to-machine application", "log in"),
    ("spa", worker()["flavors"][0], "a single-page application", "private key"),
]


@pytest.mark.parametrize(("app_type", "flavor", "what", "hint"), IMPOSSIBLE)
def test_an_adopted_application_that_cannot_hold_the_flavor_is_an_error(
    acme: World, app_type: str, flavor: Any, what: str, hint: str
) -> None:
    client_id = acme.hands.application("App", app_type=app_type, token_endpoint_auth_method="none")
    apis = {"b": {"identifier": "https://b.example.com"}}
    said = acme.refused("plan", spec_of({"app": {"client_id": client_id, "flavors": [flavor]}}, apis=apis))
    assert f'"App" is {what}: it cannot use' in said and hint in said
    assert "spec.yaml:" in said


def test_an_application_without_a_type_may_be_anything(acme: World) -> None:
    client_id = acme.hands.application("App")
    acme.apply(spec_of({"app": {"client_id": client_id, "flavors": ["refresh_token_exchange"]}}))


def test_what_has_no_mark_is_adopted_by_what_it_is(acme: World) -> None:
    """The My Account API, an API, its Custom API Client, a user grant and an enablement, all made by hand."""
    acme.hands.my_account()
    acme.hands.connection("google-oauth2")
    acme.hands.api("https://b.example.com", "B", scopes={"read:it": "Read it"})
    spa = acme.hands.spa("Front", "google-oauth2")
    apis = {"b": {"identifier": "https://b.example.com", "scopes": {"read:it": "Read it"}}}
    flavors = [{"access_token_exchange": {"api": "b"}}]
    spec = spec_of({"front": {"client_id": spa, "flavors": flavors}}, apis=apis)
    assert changes(acme.plan(spec)) == {"application.front": "update"}
    acme.apply(spec)
    assert marks(acme.client("Front")["client_metadata"]) == {"tokenvault": "acme/front adopted mrrt:~cl42R on:dLipn"}
    assert "client_metadata" not in acme.client("B exchanger")
    acme.assert_done(spec)


def test_an_application_that_lacks_nothing_is_not_even_marked(acme: World) -> None:
    acme.hands.my_account()
    acme.hands.connection("google-oauth2")
    client_id = acme.hands.web("App", "google-oauth2")
    spec = spec_of({"app": {"client_id": client_id, "flavors": ["refresh_token_exchange"]}})
    acme.assert_done(spec)
    assert acme.destroy(spec).out.startswith("No changes.")


def test_a_key_that_somebody_uploaded_under_a_name_of_their_own_is_used_and_stays_theirs(acme: World) -> None:
    acme.hands.connection("google-oauth2")
    acme.hands.worker("Job", "google-oauth2", scopes=(CALENDAR,))
    before = acme.state()["credentials"]
    spec = spec_of({"job": worker(name="Job", settings={"ip_allowlist": ["198.51.100.7"]})})
    assert changes(acme.plan(spec)) == {"application.job": "update"}
    acme.apply(spec)
    acme.destroy(spec)
    assert acme.state()["credentials"] == before
    slot = acme.client("Job")["token_vault_privileged_access"]
    assert [entry["id"] for entry in slot["credentials"]] == [item["id"] for item in before.values()]


@pytest.mark.parametrize("metadata", [{f"k{n}": "x" for n in range(10)}, {"tokenvault": "our vault of tokens"}])
def test_an_application_that_cannot_be_marked_is_managed_all_the_same(acme: World, metadata: dict[str, str]) -> None:
    acme.hands.application("App", **HARMLESS, client_metadata=metadata)
    spec = spec_of({"app": web(name="App")})
    assert "cannot be marked" in acme.apply(spec).out
    assert acme.client("App")["client_metadata"] == metadata
    assert acme.client("App")["refresh_token"]["policies"][0]["audience"] == MY_ACCOUNT
    acme.assert_done(spec)
    left = acme.destroy(spec)
    assert "application.app stays" in left.out and writes(left) == []


def test_a_mark_takes_the_last_place_that_is_left(acme: World) -> None:
    acme.hands.application("App", **HARMLESS, client_metadata={f"k{n}": "x" for n in range(9)})
    acme.apply(spec_of({"app": web(name="App")}))
    assert acme.client("App")["client_metadata"]["tokenvault"].startswith("acme/app adopted")


def test_a_connection_keeps_its_options_and_its_name_on_the_login_page(acme: World) -> None:
    acme.hands.connection("google-oauth2", display_name="Google at Acme", metadata={"cost": "1"})
    before = by_name(acme.state()["connections"], "google-oauth2")
    spec = spec_of({"app": web()})
    spec["connections"] = {"google-oauth2": {"offline_access": True}}
    assert change_of(acme.plan(spec), "connection.google-oauth2")["adopts"]
    acme.apply(spec)
    after = by_name(acme.state()["connections"], "google-oauth2")
    assert changed_paths(before, after) == {"options.offline_access", "metadata.tokenvault"}


def test_what_stood_where_a_secret_belongs_is_in_no_mark_and_no_plan(acme: World) -> None:
    """It may be an older value of the secret, or the secret itself, of which a mark that was wiped told."""
    options = {
        "client_id": "crm",
        "client_secret": "canary-of-the-provider",
        "authorizationURL": "https://crm.example.com/authorize",
        "tokenURL": "https://crm.example.com/token",
        "note": "canary-from-before",
    }
    acme.hands.ask("POST", "connections", {"name": "crm", "strategy": "oauth2", "options": options})
    crm = {"strategy": "oauth2", "options": {"note": "${env:CRM_NOTE}"}}
    variables = [{"name": "CRM_NOTE", "sensitive": True}]
    spec = {**spec_of({"app": web()}), "variables": variables, "connections": {"crm": crm}}
    shown = [acme.run("plan", spec, "--format", form).out for form in ("text", "json", "markdown", "html")]
    shown.append(acme.apply(spec).out)
    for wiped in (False, True):
        if wiped:
            found = by_name(acme.state()["connections"], "crm")
            acme.hands.ask("PATCH", f"connections/{found['id']}", {"metadata": {"tokenvault": None}})
            shown.append(acme.apply(spec).out)
        mark = str(by_name(acme.state()["connections"], "crm").get("metadata"))
        assert "acme/crm" in mark and "canary" not in mark
    acme.assert_done(spec)
    for options in ({"note": "no secret"}, {}, {"note": "no secret again"}):
        edited = {**spec, "connections": {"crm": {"strategy": "oauth2", "options": options}}}
        shown += [acme.run("plan", edited, "--format", form).out for form in ("text", "json")]
        shown.append(acme.apply(edited).out)
    assert "canary" not in "".join(shown)
    assert "canary" not in str(by_name(acme.state()["connections"], "crm").get("metadata"))


def test_an_application_that_was_public_keeps_its_secret_as_long_as_the_spec_gives_its_type(acme: World) -> None:
    acme.patch(PORTAL, {"app_type": "spa", "token_endpoint_auth_method": "none"})
    app = {"client_id": acme.client(PORTAL)["client_id"], "type": "regular_web", "flavors": ["connected_accounts"]}
    acme.apply(spec_of({"portal": {**app, "confidential": True}}))
    assert acme.client(PORTAL)["token_endpoint_auth_method"] == "client_secret_post"
    acme.apply(spec_of({"portal": app}))  # `validate` says of the word that such an application needs it not
    assert acme.client(PORTAL)["token_endpoint_auth_method"] == "client_secret_post"
    acme.assert_done(spec_of({"portal": app}))
    assert cli("export", "--sandbox=t.db", "--out", "exported.yaml", "--name", "acme", cwd=acme.folder).code == 0
    assert cli("plan", "exported.yaml", "--sandbox=t.db", "--detailed-exitcode", cwd=acme.folder).code == 0
    del app["type"]
    acme.apply(spec_of({"portal": app}))
    found = acme.client(PORTAL)
    assert (found["app_type"], found["token_endpoint_auth_method"]) == ("spa", "none")

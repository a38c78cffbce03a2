"""What a spec stops asking for is revoked by the next apply, member by member; what was there before it stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.export.by_hand import MY_ACCOUNT
from tests.state.world import CALENDAR, ENV, Spec, World, change_of, changes, spec_of, web, worker
from tests.support import TOKEN_VAULT_GRANT, by_name, cli

PORTAL = "Legacy Portal"
API = "https://calendar.acme.com"
OTHER = "https://www.googleapis.com/auth/drive.readonly"
SLACK = {"strategy": "oauth2", "credentials": {"client_id": "crm", "client_secret": "${env:CRM_SECRET}"}}
Edit = Callable[[Spec], Any]


def api_scopes(*scopes: str) -> dict[str, Any]:
    """A backend API with these scopes."""
    return {"calendar": {"identifier": API, "scopes": {scope: scope for scope in scopes}}}


def front(*scopes: str, name: str | None = None) -> Spec:
    """A single-page application that calls an API with these scopes."""
    app = {
        "type": "spa",
        "flavors": [{"access_token_exchange": {"api": "calendar"}}],
        **({"name": name} if name else {}),
    }
    return spec_of({"front": app}, apis=api_scopes(*scopes))


def job(*addresses: str, scopes: tuple[str, ...] = (CALENDAR,), **more: Any) -> Spec:
    """A worker with these addresses and scopes."""
    settings = {"ip_allowlist": list(addresses), "grants": {"google-oauth2": list(scopes)}}
    return spec_of({"job": worker(settings=settings, **more)})


def google(**settings: Any) -> Spec:
    """A spec that describes the Google connection."""
    return {**spec_of({"web": web()}), "connections": {"google-oauth2": settings}}


def crm(**settings: Any) -> Spec:
    """A spec that has a connection of its own created."""
    return {**spec_of({"web": web()}), "connections": {"crm": {**SLACK, **settings}}}


def access(acme: World, name: str) -> Any:
    """The privileged access of a worker."""
    return acme.client(name)["token_vault_privileged_access"]


def scopes_of(acme: World, name: str, audience: str) -> set[str]:
    """The scopes of an application's user grant on an API."""
    client_id = acme.client(name)["client_id"]
    grants = acme.state()["client_grants"].values()
    return {s for g in grants if (g["client_id"], g["audience"]) == (client_id, audience) for s in g["scope"]}


def policy_scopes(acme: World, name: str, audience: str) -> set[str]:
    """The scopes that an application's refresh tokens serve on an API."""
    policies = acme.client(name)["refresh_token"].get("policies") or []
    return {scope for policy in policies if policy["audience"] == audience for scope in policy["scope"]}


def offered(acme: World) -> set[str]:
    """The scopes of the backend API."""
    apis = acme.state()["resource_servers"].values()
    return {scope["value"] for api in apis if api["identifier"] == API for scope in api.get("scopes") or []}


def options(acme: World, name: str = "google-oauth2") -> Mapping[str, Any]:
    """The options of a connection."""
    found: Mapping[str, Any] = by_name(acme.state()["connections"], name)["options"]
    return found


def test_an_address_and_a_scope_that_leave_the_spec_leave_an_adopted_worker(acme: World) -> None:
    acme.hands.application("Job", app_type="non_interactive", token_endpoint_auth_method="client_secret_post")
    acme.apply(job("203.0.113.0/24", "198.51.100.7", scopes=(CALENDAR, OTHER), name="Job"))
    edited = job("203.0.113.0/24", name="Job")
    assert changes(acme.plan(edited)) == {"application.job": "update"}
    acme.apply(edited)
    assert access(acme, "Job")["ip_allowlist"] == ["203.0.113.0/24"]
    assert access(acme, "Job")["grants"] == [{"connection": "google-oauth2", "scopes": [CALENDAR]}]
    acme.assert_done(edited, "--prune")


def test_beside_what_a_worker_had_only_our_members_go(acme: World) -> None:
    acme.hands.application("Job", app_type="non_interactive", token_endpoint_auth_method="client_secret_post")
    theirs = {
        "credentials": [],
        "ip_allowlist": ["192.0.2.1"],
        "grants": [{"connection": "github", "scopes": ["repo"]}],
    }
    acme.patch("Job", {"token_vault_privileged_access": theirs})
    acme.apply(job("203.0.113.0/24", "198.51.100.7", scopes=(CALENDAR, OTHER), name="Job"))
    acme.apply(job("203.0.113.0/24", name="Job"))
    assert access(acme, "Job")["ip_allowlist"] == ["192.0.2.1", "203.0.113.0/24"]
    assert {"connection": "github", "scopes": ["repo"]} in access(acme, "Job")["grants"]
    assert {"connection": "google-oauth2", "scopes": [CALENDAR]} in access(acme, "Job")["grants"]
    acme.assert_done(job("203.0.113.0/24", name="Job"))


def test_a_scope_that_leaves_an_api_leaves_grant_policy_and_api(acme: World) -> None:
    acme.apply(front("read:it", "delete:all"))
    acme.apply(front("read:it"))
    assert scopes_of(acme, "front", API) == policy_scopes(acme, "front", API) == offered(acme) == {"read:it"}
    acme.assert_done(front("read:it"), "--prune")


@pytest.mark.parametrize("used", [True, False])
def test_scopes_whose_key_leaves_the_spec_leave_an_api_that_the_spec_created(acme: World, used: bool) -> None:
    spec = front("read:all")
    if not used:
        spec["applications"]["front"]["flavors"] = ["connected_accounts"]
    acme.apply(spec)
    del spec["apis"]["calendar"]["scopes"]
    acme.apply(spec)
    assert not by_name(acme.state()["resource_servers"], "calendar")["scopes"]
    acme.assert_done(spec)


@pytest.mark.parametrize("options", [(), ("--prune",)])
def test_a_scope_leaves_an_api_that_no_application_uses_any_more(acme: World, options: tuple[str, ...]) -> None:
    acme.apply(front("read:it", "delete:all"))
    spec = front("read:it")
    del spec["applications"]
    acme.apply(spec, *options)
    assert offered(acme) == {"read:it"}
    acme.assert_done(spec, "--prune") if options else None


def test_a_scope_that_leaves_with_the_last_application_is_taken_before_what_records_it(acme: World) -> None:
    acme.apply(front("read:it", "delete:all"))
    spec = front("read:it")
    del spec["applications"]
    planned = list(changes(acme.plan(spec, "--prune")))
    assert planned.index("api.calendar") < planned.index("application.calendar.api_client"), planned


def test_scopes_that_an_api_had_before_stay(acme: World) -> None:
    acme.hands.api(API, "Calendar", scopes={"theirs": "Theirs"})
    acme.apply(front("read:it", "delete:all"))
    acme.apply(front("read:it"))
    assert offered(acme) == {"theirs", "read:it"}
    acme.destroy(front("read:it"))
    assert offered(acme) == {"theirs"}


def test_destroy_takes_the_scopes_back_that_were_added_to_a_grant_and_a_policy(acme: World) -> None:
    acme.hands.my_account()
    refresh = {**acme.client(PORTAL)["refresh_token"], "policies": [{"audience": MY_ACCOUNT, "scope": [READ]}]}
    acme.patch(PORTAL, {"refresh_token": refresh})
    acme.hands.grant(acme.client(PORTAL)["client_id"], MY_ACCOUNT, [READ])
    spec = spec_of({"portal": web(name=PORTAL)})
    acme.apply(spec)
    assert len(scopes_of(acme, PORTAL, MY_ACCOUNT)) == len(policy_scopes(acme, PORTAL, MY_ACCOUNT)) == 3
    acme.destroy(spec)
    assert scopes_of(acme, PORTAL, MY_ACCOUNT) == policy_scopes(acme, PORTAL, MY_ACCOUNT) == {READ}


READ = "read:me:connected_accounts"


@pytest.mark.parametrize("key", ["callbacks", "logout_urls", "web_origins", "allowed_origins"])
@pytest.mark.parametrize("had", [[], ["https://theirs.example"]], ids=["created", "adopted"])
def test_a_list_whose_key_leaves_the_spec_loses_what_the_spec_gave(acme: World, key: str, had: list[str]) -> None:
    from tokenvault.kinds.application import URL_LISTS

    if had:
        acme.hands.application("App", **{URL_LISTS[key]: had})
    acme.apply(spec_of({"app": web(name="App", **{key: ["https://ours.example", "https://ours.example/2"]})}))
    acme.apply(spec_of({"app": web(name="App", **{key: ["https://ours.example"]})}))
    assert acme.client("App")[URL_LISTS[key]] == [*had, "https://ours.example"]
    acme.apply(spec_of({"app": web(name="App")}))
    assert (acme.client("App").get(URL_LISTS[key]) or []) == had
    acme.assert_done(spec_of({"app": web(name="App")}), "--prune")


def test_a_list_that_was_empty_when_the_spec_asked_for_it_holds_what_the_spec_says_alone(acme: World) -> None:
    acme.hands.application("App")
    acme.apply(spec_of({"app": web(name="App")}))
    edited = spec_of({"app": web(name="App", callbacks=["https://ours.example"])})
    acme.apply(edited)
    acme.patch("App", {"callbacks": ["https://ours.example", "https://theirs.example"]})
    acme.apply(edited)
    assert acme.client("App")["callbacks"] == ["https://ours.example"]


OPTIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a text", {"options": {"icon_url": "https://x.example/i.png"}}, {}),
    ("a mapping loses a key", {"options": {"fieldsMap": {"a": 1, "b": True}}}, {"options": {"fieldsMap": {"a": 1}}}),
    ("a boolean for a number", {"options": {"pkce_enabled": 1}}, {"options": {"pkce_enabled": True}}),
    ("a scope", {"scopes": ["email", "contacts.read"]}, {"scopes": ["email"]}),
    ("all scopes", {"scopes": ["email", "contacts.read"]}, {}),
]


@pytest.mark.parametrize(("settings", "edited"), [case[1:] for case in OPTIONS], ids=[case[0] for case in OPTIONS])
def test_options_of_a_created_connection_are_what_the_spec_says_now(
    acme: World, settings: dict[str, Any], edited: dict[str, Any]
) -> None:
    acme.apply(crm(**settings))
    acme.apply(crm(**edited))
    acme.assert_done(crm(**edited))
    after = options(acme, "crm")
    for name in settings.get("options", {}):
        assert after.get(name) == edited.get("options", {}).get(name)
        assert type(after.get(name)) is type(edited.get("options", {}).get(name))
    assert set(after.get("scope") or []) == set(edited.get("scopes", []))


def test_an_adopted_connection_gets_its_options_and_its_login_back(acme: World) -> None:
    before = by_name(acme.state()["connections"], "google-oauth2")
    changed = {"purpose": "connected_accounts", "offline_access": True, "scopes": ["email", CALENDAR]}
    acme.apply(google(**changed, options={"icon_url": "https://x.example/i.png"}))
    acme.apply(google(scopes=["email"]))
    after = by_name(acme.state()["connections"], "google-oauth2")
    assert after["options"] == before["options"] and after["authentication"] == before["authentication"]
    acme.assert_done(google(scopes=["email"]))


def test_what_the_spec_set_an_option_to_is_shown_where_it_changes(acme: World) -> None:
    acme.apply(google(options={"icon_url": "https://ours.example/i.png"}))
    change = change_of(
        acme.plan(google(options={"icon_url": "https://ours.example/new.png"})), "connection.google-oauth2"
    )
    (icon,) = (attribute for attribute in change["attributes"] if attribute["path"] == ["options.icon_url"])
    assert (icon["before"], icon["sensitive"]) == ("https://ours.example/i.png", False)


def test_a_value_that_is_too_long_for_a_mark_is_not_given_back(acme: World) -> None:
    google_id = acme.hands.connection("google-oauth2")
    long = {**options(acme), "icon_url": f"https://theirs.example/{'long' * 30}"}
    acme.hands.ask("PATCH", f"connections/{google_id}", {"options": long})
    spec = google(options={"icon_url": "https://ours.example/i.png"})
    acme.apply(spec)
    acme.assert_done(spec)
    acme.destroy(spec, "--also", "connection.google-oauth2")
    assert options(acme)["icon_url"] == "https://ours.example/i.png"


def test_an_option_that_somebody_undoes_at_once_is_not_said_to_be_as_planned(acme: World) -> None:
    google_id = by_name(acme.state()["connections"], "google-oauth2")["id"]
    undo = {"method": "PATCH", "path": f"/api/v2/connections/{google_id}", "body": {"options": dict(options(acme))}}
    read_back = {"method": "GET", "path": "/api/v2/connections", "nth": 2}
    spec = google(options={"icon_url": "https://ours.example/i.png"})
    done = acme.run_into({**read_back, "fault": "meanwhile", "request": undo}, "apply", spec, "-y")
    assert done.code == 1 and "it did not keep options.icon_url" in " ".join((done.out + done.err).split())


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"icon_url": "https://theirs.example/i.png"}, {"options": {"icon_url": "https://ours.example/i.png"}}),
        ({"scope": ["theirs"]}, {"scopes": ["ours"]}),
    ],
    ids=["option", "scope"],
)
def test_what_others_set_on_a_connection_that_the_spec_made_is_there_when_the_spec_asks_no_more(
    acme: World, theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
    acme.apply(crm())
    made = by_name(acme.state()["connections"], "crm")["id"]
    acme.hands.ask("PATCH", f"connections/{made}", {"options": {**options(acme, "crm"), **theirs}})
    acme.apply(crm(**ours))
    acme.apply(crm())
    assert theirs.items() <= options(acme, "crm").items()


def test_a_reference_in_an_option_converges(acme: World) -> None:
    spec = {**crm(options={"note": "${env:CRM_NOTE}"}), "variables": [{"name": "CRM_NOTE", "sensitive": True}]}
    acme.apply(spec)
    acme.assert_done(spec)


@pytest.mark.parametrize("comes", [[], ["new"]])
def test_two_applications_leave_one_connection_at_once(acme: World, comes: list[str]) -> None:
    both = {"connections": ["google-oauth2", "github"]}
    acme.apply(spec_of({key: web(**both) for key in ("one", "two", "three")}, "google-oauth2", "github"))
    gone = {key: web(connections=["github"]) for key in ("one", "two")}
    edited = spec_of({**gone, **{key: web(**both) for key in ("three", *comes)}}, "google-oauth2", "github")
    acme.apply(edited)
    assert acme.enabled("google-oauth2") & {"one", "two", "three", "new"} == {"three", *comes}
    acme.assert_done(edited)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_worker_that_is_one_no_more_authenticates_as_it_did_before(acme: World, method: str) -> None:
    acme.patch(PORTAL, {"token_endpoint_auth_method": method})
    acme.apply(spec_of({"job": worker(name=PORTAL)}))
    assert not acme.client(PORTAL).get("token_endpoint_auth_method")
    acme.apply(spec_of({"job": web("connected_accounts", name=PORTAL)}))
    assert acme.client(PORTAL)["token_endpoint_auth_method"] == method


def test_a_connection_and_a_flavor_that_leave_an_application_leave_it_in_the_tenant(acme: World) -> None:
    spec = spec_of({"web": web()}, "google-oauth2", "github")
    acme.apply(spec)
    edited = spec_of({"web": web("connected_accounts", connections=["github"])}, "google-oauth2", "github")
    acme.apply(edited)
    assert "web" not in acme.enabled("google-oauth2") and "web" in acme.enabled("github")
    assert TOKEN_VAULT_GRANT not in acme.client("web")["grant_types"]
    acme.assert_done(edited, "--prune")


def test_of_two_grants_the_one_that_is_left_out_is_still_known_to_be_lent_more(acme: World) -> None:
    acme.hands.my_account()
    acme.hands.api(API, "Calendar", scopes={"read:it": "Read", "delete:all": "Delete"})
    policies = {"user": {"policy": "require_client_grant"}, "client": {"policy": "require_client_grant"}}
    (api,) = (api["id"] for api in acme.state()["resource_servers"].values() if api["identifier"] == API)
    acme.hands.ask("PATCH", f"resource-servers/{api}", {"subject_type_authorization": policies})
    acme.hands.grant(acme.client(PORTAL)["client_id"], MY_ACCOUNT, [READ])
    acme.hands.grant(acme.client(PORTAL)["client_id"], API, ["read:it"])
    apis = api_scopes("read:it", "delete:all")
    acme.apply(spec_of({"p": web({"access_token_exchange": {"api": "calendar"}}, name=PORTAL)}, apis=apis))
    assert (len(scopes_of(acme, PORTAL, MY_ACCOUNT)), len(scopes_of(acme, PORTAL, API))) == (3, 2)
    edited = spec_of({"p": worker(type="regular_web", name=PORTAL)}, apis=apis)
    acme.apply(edited, "--exclude", "client_grant.p.my_account")
    acme.apply(edited)
    assert (scopes_of(acme, PORTAL, MY_ACCOUNT), scopes_of(acme, PORTAL, API)) == ({READ}, {"read:it"})


def test_a_grant_that_is_left_out_is_still_known_to_be_the_specs(acme: World) -> None:
    acme.apply(spec_of({"p": web(name=PORTAL)}))
    edited = spec_of({"p": web(name=PORTAL, callbacks=["https://ours.example"])})
    acme.apply(edited, "--exclude", "client_grant.p.my_account")
    acme.destroy(edited)
    assert acme.grants(PORTAL) == set()


def test_of_two_connections_that_an_application_loses_the_one_that_is_left_out_is_still_known(acme: World) -> None:
    acme.hands.application("App")
    names, rest = ("google-oauth2", "github"), {"other": web(connections=["google-oauth2", "github"])}
    acme.apply(spec_of({"p": web(name="App"), **rest}, *names, "sign-in-with-slack"))
    edited = spec_of({"p": web(name="App", connections=["sign-in-with-slack"]), **rest}, *names, "sign-in-with-slack")
    acme.apply(edited, "--exclude", "connection_clients.github")
    assert "App" in acme.enabled("github") - acme.enabled("google-oauth2")
    acme.apply(edited)
    assert "App" not in acme.enabled("github")
    acme.assert_done(edited, "--prune")


def test_a_worker_is_written_in_parts_where_auth0_forbids_the_whole(acme: World) -> None:
    said = {"statusCode": 403, "error": "Forbidden", "errorCode": "operation_not_supported", "message": "Not together"}
    forbidden = {"method": "PATCH", "path": "*/api/v2/clients/*", "fault": 403, "body": said}
    done = acme.run_into(forbidden, "apply", job("203.0.113.7"), "-y")
    assert done.code == 0, done.out
    assert access(acme, "job")["ip_allowlist"] == ["203.0.113.7"]


def test_keys_that_are_left_out_when_a_worker_is_one_no_more_are_still_known_to_be_the_specs(acme: World) -> None:
    acme.apply(job("203.0.113.7", name=PORTAL))
    edited = spec_of({"job": web("connected_accounts", name=PORTAL)})
    acme.apply(edited, "--exclude", "credential.*")
    assert acme.state()["credentials"]
    acme.apply(edited)
    assert not acme.state().get("credentials")


def test_a_part_of_a_plan_records_nothing_of_what_it_leaves_out(acme: World) -> None:
    spec = spec_of({"portal": web(name=PORTAL)}, "google-oauth2", "github")
    acme.apply(spec, "--exclude", "connection_clients.github")
    acme.hands.enable("github", acme.client(PORTAL)["client_id"])
    acme.apply(spec)
    acme.destroy(spec)
    assert PORTAL in acme.enabled("github")


@pytest.mark.parametrize(("theirs", "ours"), [("alpha", "beta"), ("beta", "alpha")])
def test_a_key_of_a_worker_that_was_taken_over_can_be_rotated_out(acme: World, theirs: str, ours: str) -> None:
    spec = spec_of({"job": worker("a", name="Job")})
    acme.apply({**spec, "name": theirs})
    acme.apply({**spec, "name": ours}, "--adopt")
    rotated = {**spec_of({"job": worker("b", name="Job")}), "name": ours}
    acme.apply(rotated)
    assert len(acme.state()["credentials"]) == 1
    acme.assert_done(rotated)
    acme.destroy(rotated)
    assert "Job" not in {client["name"] for client in acme.state()["clients"].values()}


def test_a_takeover_takes_over_what_was_given(acme: World) -> None:
    before = acme.client(PORTAL)
    alpha = {**spec_of({"a": web(name=PORTAL, callbacks=["https://ours.example"])}), "name": "alpha"}
    acme.apply(alpha)
    beta = {**spec_of({"b": web("connected_accounts", name=PORTAL)}), "name": "beta"}
    acme.apply(beta, "--adopt")
    assert acme.client(PORTAL)["callbacks"] == before["callbacks"]
    assert TOKEN_VAULT_GRANT not in acme.client(PORTAL)["grant_types"]
    acme.destroy(beta)
    assert acme.client(PORTAL) == before


@pytest.mark.parametrize("protect", [False, True])
def test_nothing_is_forgotten_when_the_custom_api_client_is_gone(acme: World, protect: bool) -> None:
    acme.apply(front("read:it"))
    acme.hands.ask("DELETE", f"clients/{acme.client('calendar (Token Vault)')['client_id']}")
    edited = spec_of({"front": {"type": "spa", "flavors": ["connected_accounts"], "protect": protect}})
    acme.apply(edited, "--prune")
    assert acme.grants("front") == {MY_ACCOUNT} and policy_scopes(acme, "front", API) == set()
    acme.assert_done(edited, "--prune")


TYPES = {
    "regular_web": web(name="App"),
    "spa": {"type": "spa", "name": "App", "flavors": ["connected_accounts"]},
    "native": {"type": "native", "name": "App", "flavors": ["connected_accounts"]},
    "m2m": worker(name="App"),
}
STARTS = ("token_lifetime", "idle_token_lifetime")  # numbers that mean nothing while refresh tokens do not expire


def of_type(acme: World) -> dict[str, Any]:
    """What of an application depends on its type. A worker has no refresh tokens."""
    client = acme.client("App")
    tokens = {} if client["app_type"] == "non_interactive" else dict(client["refresh_token"])
    if tokens.get("infinite_token_lifetime"):
        tokens = {name: value for name, value in tokens.items() if name not in STARTS}
    names = ("app_type", "token_endpoint_auth_method")
    return {**{n: client.get(n) for n in names}, "grants": set(client["grant_types"]), "tokens": tokens}


@pytest.mark.parametrize("before", TYPES)
@pytest.mark.parametrize("after", TYPES)
def test_a_created_application_of_another_type_is_like_a_new_one_of_it(acme: World, before: str, after: str) -> None:
    acme.apply(spec_of({"app": TYPES[after]}))
    wanted = of_type(acme)
    acme.destroy(spec_of({"app": TYPES[after]}))
    acme.apply(spec_of({"app": TYPES[before]}))
    acme.apply(spec_of({"app": TYPES[after]}))
    acme.assert_done(spec_of({"app": TYPES[after]}), "--prune")
    assert of_type(acme) == wanted


def test_an_api_that_is_used_later_is_like_one_that_was_used_at_once(acme: World) -> None:
    listed = spec_of({"front": {"type": "spa", "flavors": ["connected_accounts"]}}, apis=api_scopes("read:it"))
    acme.apply(listed)
    acme.apply(front("read:it"))
    (api,) = (api for api in acme.state()["resource_servers"].values() if api["identifier"] == API)
    assert api["subject_type_authorization"]["user"]["policy"] == "require_client_grant"
    assert acme.grants("front") == {MY_ACCOUNT, API}
    acme.destroy(front("read:it"))
    assert API not in {api["identifier"] for api in acme.state()["resource_servers"].values()}


def test_a_takeover_revokes_nothing_of_a_connection_that_the_spec_only_uses(acme: World) -> None:
    first = {**spec_of({"web": web()}), "connections": {"github": {"purpose": "connected_accounts"}}}
    acme.apply(first)
    other = {**spec_of({"other": web(connections=["github"])}, "github"), "name": "other"}
    plan = acme.plan(other, "--adopt")
    assert "connection.github" not in changes(plan)
    acme.apply(other, "--adopt")
    assert by_name(acme.state()["connections"], "github")["authentication"]["active"] is False


def test_an_application_that_is_excluded_gets_no_grant_and_no_key(acme: World) -> None:
    spec = job("203.0.113.7", name=PORTAL)
    plan = acme.plan(spec, "--exclude", "application.job")
    assert not [address for address in changes(plan) if address.split(".")[0] in ("credential", "client_grant")]
    before = acme.state()
    acme.apply(spec, "--exclude", "application.job")
    assert acme.state().get("credentials") == before.get("credentials")


def test_an_application_that_is_excluded_and_would_not_change_gets_no_grant_back(acme: World) -> None:
    spec = spec_of({"web": web(), "other": web()}, "google-oauth2", "github")
    acme.apply(spec)
    client_id = acme.client("web")["client_id"]
    (grant,) = (g["id"] for g in acme.state()["client_grants"].values() if g["client_id"] == client_id)
    acme.hands.ask("DELETE", f"client-grants/{grant}")
    github = by_name(acme.state()["connections"], "github")["id"]
    off = [{"client_id": acme.client("other")["client_id"], "status": False}]
    acme.hands.ask("PATCH", f"connections/{github}/clients", off)
    whole = {"client_grant.web.my_account": "create", "connection_clients.github": "update"}
    assert changes(acme.plan(spec)) == whole
    assert changes(acme.plan(spec, "--exclude", "application.web")) == {"connection_clients.github": "update"}


@pytest.mark.parametrize("options", [("--exclude", "connection.*"), ("--target", "credential.*")])
def test_a_key_comes_with_the_mark_that_records_it_or_not_at_all(acme: World, options: tuple[str, ...]) -> None:
    acme.apply(job("203.0.113.7", name=PORTAL), *options)
    acme.apply(spec_of({"web": web()}), "--prune")
    assert not acme.state().get("credentials")


@pytest.mark.parametrize("command", [("apply", "--prune"), ("destroy",)], ids=" ".join)
def test_the_keys_that_a_run_left_which_was_cut_short_are_the_specs(acme: World, command: tuple[str, ...]) -> None:
    before, spec = acme.client(PORTAL), job("203.0.113.7", name=PORTAL)
    refused = {"method": "PATCH", "path": "*/api/v2/clients/*", "fault": 403}
    assert acme.run_into(refused, "apply", spec, "-y").code == 1
    assert acme.client(PORTAL) == before and acme.state()["credentials"]
    if command == ("destroy",):
        assert "deleted" in acme.destroy(spec).out
    else:
        acme.apply(spec)
        acme.apply(spec_of({"web": web()}), *command[1:])
    assert not acme.state().get("credentials")


def test_a_worker_that_never_got_its_keys_authenticates_by_its_secret_when_it_is_one_no_more(acme: World) -> None:
    refused = {"method": "PATCH", "path": "*/api/v2/clients/*", "fault": 403}
    assert acme.run_into(refused, "apply", job("203.0.113.7"), "-y").code == 1
    assert not acme.client("job").get("client_authentication_methods")
    spec = spec_of({"job": web()})
    acme.apply(spec)
    assert acme.client("job")["token_endpoint_auth_method"] == "client_secret_post"
    acme.assert_done(spec, "--prune")


def test_a_key_whose_algorithm_leaves_the_spec_keeps_it(acme: World) -> None:
    spec = job("203.0.113.7")
    keys = spec["applications"]["job"]["flavors"][0]["privileged_worker"]["public_keys"]
    keys[0]["alg"] = "PS256"
    acme.apply(spec)
    del keys[0]["alg"]
    acme.assert_done(spec)


@pytest.mark.parametrize("left", [{}, {"purpose": "connected_accounts"}])
@pytest.mark.parametrize(
    "given", [{"offline_access": True}, {"scopes": ["https://www.googleapis.com/auth/drive.file"]}]
)
def test_the_last_option_that_leaves_the_spec_leaves_the_connection(
    acme: World, given: dict[str, Any], left: dict[str, Any]
) -> None:
    """No option is asked for any more: they are read all the same, where the mark says that one was given."""
    before = by_name(acme.state()["connections"], "google-oauth2")["options"]
    spec = spec_of({"mine": web()})
    spec["connections"] = {"google-oauth2": given}
    acme.apply(spec)
    assert by_name(acme.state()["connections"], "google-oauth2")["options"] != before
    spec["connections"] = {"google-oauth2": left}
    acme.apply(spec)
    assert by_name(acme.state()["connections"], "google-oauth2")["options"] == before
    acme.assert_done(spec)


def test_an_api_that_the_spec_taken_over_from_had_made_goes_in_the_same_apply(acme: World) -> None:
    theirs = {**spec_of({"job": worker()}, apis={"files": {"identifier": "https://files.example"}}), "name": "theirs"}
    acme.apply(theirs)
    mine = spec_of({"job": worker()})
    acme.apply(mine, "--adopt", "--prune")
    assert not [
        api for api in acme.state()["resource_servers"].values() if api["identifier"] == "https://files.example"
    ]
    acme.assert_done(mine)


def test_what_a_spec_taken_over_from_gave_to_a_connection_goes_in_the_same_apply(acme: World) -> None:
    before = by_name(acme.state()["connections"], "google-oauth2")["options"]
    spec = spec_of({"mine": web()})
    spec["connections"] = {"google-oauth2": {"scopes": ["https://www.googleapis.com/auth/drive.file"]}}
    acme.apply({**spec, "name": "theirs"})
    spec["connections"] = {"google-oauth2": {"purpose": "connected_accounts"}}
    acme.apply(spec, "--adopt")
    assert by_name(acme.state()["connections"], "google-oauth2")["options"] == before
    acme.assert_done(spec)


@pytest.mark.parametrize("options", [("--target", "api.*"), ("--exclude", "application.front")], ids=" ".join)
def test_scopes_that_a_part_of_a_plan_gives_an_api_of_others_are_known_to_be_the_specs(
    acme: World, options: tuple[str, ...]
) -> None:
    acme.hands.api(API, "Calendar", scopes={"theirs": "Theirs"})
    acme.apply(front("read:it"), *options)
    acme.apply(front())
    assert offered(acme) == {"theirs"}
    acme.assert_done(front())


@pytest.mark.parametrize(
    "options",
    [("--target", "api.*"), ("--exclude", "application.a"), ("--exclude", "application.calendar.*")],
    ids=" ".join,
)
@pytest.mark.parametrize("used", [True, False])
def test_an_api_that_a_part_of_a_plan_makes_is_made_with_what_records_that_or_not_at_all(
    acme: World, options: tuple[str, ...], used: bool
) -> None:
    spec = spec_of({"a": web(), "b": web()}, apis=api_scopes("read:it"))
    if used:
        spec["applications"]["b"]["flavors"].append({"access_token_exchange": {"api": "calendar"}})
    elif options[1].endswith("*"):
        options = ("--exclude", "application.b")
    acme.apply(spec, *options)
    acme.destroy(spec)
    assert not offered(acme)


def test_a_type_that_leaves_the_spec_is_not_given_back_to_what_cannot_have_it(acme: World) -> None:
    acme.hands.my_account()
    shop = worker(client_id=acme.hands.spa("Old Shop", "google-oauth2"))
    untyped = {key: value for key, value in shop.items() if key != "type"}
    acme.apply(spec_of({"shop": shop}))
    said = " ".join(acme.refused("plan", spec_of({"shop": untyped})).split())
    assert "[plan-application-type]" in said and "gives back what was there before" in said
    acme.assert_done(spec_of({"shop": shop}))


@pytest.mark.parametrize("command", ["apply", "prune", "destroy"])
def test_a_grant_that_somebody_deleted_is_not_made_again_to_take_scopes_from_it(acme: World, command: str) -> None:
    acme.hands.my_account()
    acme.hands.grant(acme.client(PORTAL)["client_id"], MY_ACCOUNT, [READ])
    spec = spec_of({"p": web(name=PORTAL), "q": web()})
    acme.apply(spec)
    client_id = acme.client(PORTAL)["client_id"]
    (grant,) = (key for key, g in acme.state()["client_grants"].items() if g["client_id"] == client_id)
    acme.hands.ask("DELETE", f"client-grants/{grant}")
    if command == "apply":
        spec = spec_of({"p": worker(type="regular_web", name=PORTAL), "q": web()})
    elif command == "prune":
        spec = spec_of({"q": web()})
    if command == "destroy":
        acme.destroy(spec)
    else:
        acme.apply(spec, "--prune")
        acme.assert_done(spec, "--prune")
    assert acme.grants(PORTAL) == set()


def test_a_third_party_application_that_was_taken_in_is_given_back_as_one(acme: World) -> None:
    theirs = acme.hands.application("Theirs", app_type="regular_web", is_first_party=False)
    spec = spec_of({"one": web(client_id=theirs, first_party=True)})
    acme.apply(spec)
    assert acme.client("Theirs")["is_first_party"] is True
    acme.destroy(spec)
    assert acme.client("Theirs")["is_first_party"] is False


def test_a_public_application_that_was_made_confidential_is_exported_as_that(acme: World) -> None:
    acme.hands.application("Portal", app_type="regular_web", token_endpoint_auth_method="none")
    spec = spec_of({"portal": web("connected_accounts", name="Portal", type="native", confidential=True)})
    acme.apply(spec)
    exported = cli("export", "--name", "acme", "--sandbox=t.db", cwd=acme.folder, env=ENV)
    (acme.folder / "exported.yaml").write_text(exported.out)
    again = cli("plan", "exported.yaml", "--sandbox=t.db", cwd=acme.folder, env=ENV)
    assert again.out.startswith("No changes."), exported.out + again.out


OTHER = "https://other.example"


def exchanging(*scopes: str) -> Spec:
    """A spec whose application exchanges access tokens for an API of others, which is to have these scopes."""
    app = web("refresh_token_exchange", {"access_token_exchange": {"api": "other"}})
    return spec_of({"front": app}, apis={"other": {"identifier": OTHER, "scopes": dict.fromkeys(scopes, "What for")}})


@pytest.mark.parametrize("leaves", ["prune", "destroy"])
@pytest.mark.parametrize(
    "accident", [None, ("PATCH", "*/clients/*", 1), ("PATCH", "*/clients/*", 2), ("PATCH", "*/resource-servers/*", 1)]
)
def test_what_an_api_of_others_was_given_goes_wherever_the_apply_was_cut(
    acme: World, leaves: str, accident: tuple[str, str, int] | None
) -> None:
    """The record stands on the Custom API Client of others before the API is given anything, and goes with what it records."""
    acme.hands.api(OTHER, "Theirs", scopes={"read:it": "What for"})
    client_id = acme.hands.application("front", app_type="regular_web", token_endpoint_auth_method="client_secret_post")
    acme.hands.grant(client_id, OTHER, ["read:it"])
    before = acme.state()
    method, path, nth = accident or ("PATCH", "*/nowhere", 1)
    done = acme.run_into(
        {"method": method, "path": path, "nth": nth, "fault": 403}, "apply", exchanging("read:it", "write:it"), "-y"
    )
    assert done.code == (1 if accident else 0), done.err
    if leaves == "prune":
        acme.apply(spec_of({"front": web()}), "--prune")
        acme.assert_done(spec_of({"front": web()}), "--prune")
    acme.destroy(exchanging("read:it", "write:it") if leaves == "destroy" else spec_of({"front": web()}))
    after = acme.state()
    assert [api["scopes"] for api in after["resource_servers"].values() if api["identifier"] == OTHER] == [
        [{"value": "read:it", "description": "What for"}]
    ]
    assert all(not marks_in(after["clients"][one]) for one in before["clients"])


def marks_in(client: Mapping[str, Any]) -> list[str]:
    return [key for key in client.get("client_metadata") or {} if key.startswith("tokenvault")]

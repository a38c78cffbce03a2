"""Keys are the spec's own words: renaming one changes nothing that was given, and two of them never share an object."""

from __future__ import annotations

import json

import pytest

from tests.state.world import Spec, World, changes, marks, orphans, spec_of, web, worker
from tests.support import by_name

API = "https://cal.example"
SPA = "Old SPA"
PORTAL = "Legacy Portal"
TABLE = {"identifier": API, "name": "Cal", "scopes": {"read:cal": "Read"}}


def with_api(key: str, *flavors: object, protect: bool = False) -> Spec:
    """A single-page application, and an API under this key that it calls unless it has other flavors."""
    used = list(flavors) or [{"access_token_exchange": {"api": key}}]
    app = {"name": SPA, "type": "spa", "callbacks": ["https://new.example/cb"], "flavors": used}
    return spec_of({"old": app}, apis={key: {**TABLE, **({"protect": True} if protect else {})}})


def audiences(acme: World) -> set[str]:
    """The APIs that the application's refresh tokens serve."""
    return {policy["audience"] for policy in acme.client(SPA)["refresh_token"].get("policies") or []}


def by_hand(acme: World) -> None:
    """Somebody made the application long ago."""
    acme.hands.ask("POST", "clients", {"name": SPA, "app_type": "spa", "callbacks": ["https://new.example/cb"]})


def has_api(acme: World) -> bool:
    """Whether the API is there."""
    return any(api["identifier"] == API for api in acme.state()["resource_servers"].values())


@pytest.mark.parametrize("options", [(), ("--prune",)], ids=["plain", "pruning"])
def test_a_renamed_api_is_the_same_api(acme: World, options: tuple[str, ...]) -> None:
    by_hand(acme)
    acme.apply(with_api("cal"))
    before = acme.state()
    assert orphans(acme.plan(with_api("calendar"))) == set()
    acme.apply(with_api("calendar"), *options)
    acme.assert_done(with_api("calendar"), "--prune")
    for collection in ("resource_servers", "client_grants", "enablements"):
        assert acme.state()[collection] == before[collection]
    assert audiences(acme) == {API, "https://sandbox.localhost/me/"}
    known = before["clients"][acme.client(SPA)["client_id"]]["client_metadata"]
    assert marks(acme.client(SPA)["client_metadata"]) == marks(known)


def test_a_renamed_api_is_taken_back_and_deleted_like_any(acme: World) -> None:
    by_hand(acme)
    acme.apply(with_api("cal"))
    acme.apply(with_api("calendar"))
    acme.destroy(with_api("calendar"))
    assert audiences(acme) == set() and not has_api(acme)


def test_a_destroy_right_after_a_rename_says_only_what_is_so(acme: World) -> None:
    acme.apply(with_api("cal"))
    gone = acme.destroy(with_api("calendar"))
    assert "api.calendar will be deleted" in gone.out and "api.calendar stays" not in gone.out + gone.err
    assert not has_api(acme)


@pytest.mark.parametrize("command", [("destroy",), ("apply", "--prune")], ids=" ".join)
def test_a_protected_api_stays_under_a_new_key(acme: World, command: tuple[str, ...]) -> None:
    acme.apply(with_api("cal"))
    spec = with_api("calendar", "connected_accounts", protect=True)
    acme.run(command[0], spec, "-y", *command[1:])
    assert has_api(acme)
    acme.apply(spec, "--prune")
    acme.assert_done(spec)


def test_an_api_that_a_protected_application_was_lent_stays(acme: World) -> None:
    by_hand(acme)
    acme.apply(with_api("cal"))
    spec = with_api("cal", "connected_accounts")
    spec["applications"]["old"]["protect"] = True
    told = acme.destroy(spec)
    assert "api.cal stays as it is: application.old, which is protected, uses it" in told.out + told.err
    assert has_api(acme) and API in acme.grants(SPA)


def test_two_entries_for_one_application_are_refused_at_once(acme: World) -> None:
    client_id = acme.client(PORTAL)["client_id"]
    entries = {"a": {"client_id": client_id, "flavors": ["connected_accounts"]}, "b": web(name=PORTAL)}
    told = acme.refused("plan", spec_of(entries))
    assert "[plan-ambiguous-application]" in told
    assert "application.b and application.a are the same object of the tenant" in told


@pytest.mark.parametrize("command", [("destroy",), ("apply", "--prune")], ids=" ".join)
def test_what_is_excluded_keeps_all_that_it_was_lent(acme: World, command: tuple[str, ...]) -> None:
    both = {"web": web(), "old": web(name=PORTAL)}
    acme.apply(spec_of(both))
    portal, granted = acme.client(PORTAL), acme.grants(PORTAL)
    spec = spec_of(both) if command == ("destroy",) else spec_of({"web": web()})
    done = acme.run(command[0], spec, "-y", *command[1:], "--exclude", "application.old")
    assert done.code == 0, done.err
    assert acme.client(PORTAL) == portal and acme.grants(PORTAL) == granted
    assert PORTAL in acme.enabled("google-oauth2")


def test_what_a_mark_has_no_room_for_is_told(acme: World) -> None:
    """Others wrote nine metadata values: one is left for the mark."""
    acme.patch(
        PORTAL,
        {"client_metadata": {f"theirs-{n}": "x" for n in range(9 - len(acme.client(PORTAL)["client_metadata"]))}},
    )
    names = [f"customer-provider-number-{number:02d}-production" for number in range(9)]
    google = by_name(acme.state()["connections"], "google-oauth2")["options"]
    for name in names:
        acme.hands.ask("POST", "connections", {"name": name, "strategy": "google-oauth2", "options": google})
    spec = spec_of({"old": web(name=PORTAL)}, *names)
    warnings = [warning for warning in acme.plan(spec)["warnings"] if warning["code"] == "plan-mark-full"]
    assert len(warnings) == 1 and "application.old" in warnings[0]["summary"]
    forgotten = [name for name in names if name in warnings[0]["detail"]]
    acme.apply(spec)
    acme.destroy(spec)
    assert [name for name in names if PORTAL in acme.enabled(name)] == forgotten != []


def test_what_another_spec_lent_is_taken_back_by_the_one_that_took_over(acme: World) -> None:
    before, enabled = acme.client(PORTAL), acme.enabled("google-oauth2")
    first = {**spec_of({"old": web(name=PORTAL)}), "name": "aaa"}
    acme.apply(first)
    acme.apply({**first, "name": "bbb"}, "--adopt")
    acme.destroy({**first, "name": "bbb"})
    after = acme.client(PORTAL)
    assert after["grant_types"] == before["grant_types"]
    assert not after["refresh_token"].get("policies") and acme.grants(PORTAL) == set()
    assert acme.enabled("google-oauth2") == enabled


def test_a_key_whose_worker_was_renamed_goes_with_the_spec_that_took_over(acme: World) -> None:
    def spec(name: str, key: str) -> Spec:
        entry = {**worker("a"), "client_id": acme.client(PORTAL)["client_id"]}
        del entry["type"]
        return {**spec_of({key: entry}), "name": name}

    acme.apply(spec("aaa", "job"))
    acme.apply(spec("aaa", "nightly"))
    acme.apply(spec("bbb", "nightly"), "--adopt")
    acme.destroy(spec("bbb", "nightly"))
    assert not acme.state().get("credentials")
    assert not acme.client(PORTAL).get("client_authentication_methods")


def test_what_a_release_keeps_is_not_what_it_takes(acme: World) -> None:
    spec = {**spec_of({"old": web(name=PORTAL)}), "connections": {"google-oauth2": {"offline_access": True}}}
    acme.apply(spec)
    events = [
        json.loads(line) for line in acme.destroy(spec, "--also", "connection.google-oauth2", "--json").out.splitlines()
    ]
    planned = [event["change"] for event in events if event["type"] == "planned"]
    (google,) = (change for change in planned if change["address"] == "connection.google-oauth2")
    assert ["connected_accounts.active"] in [attribute["path"] for attribute in google["attributes"]]
    assert "connected_accounts.active" not in google["reason"]
    assert ["options.offline_access"] in [attribute["path"] for attribute in google["attributes"]]


def test_a_connection_that_is_only_used_from_now_on_can_be_let_go(acme: World) -> None:
    claimed = {**spec_of({"web": web()}), "connections": {"google-oauth2": {"offline_access": True}}}
    acme.apply(claimed)
    used = spec_of({"web": web()})
    plan = acme.plan(used)
    assert orphans(plan) == set() and changes(plan) == {"connection.google-oauth2": "update"}
    acme.apply(used)
    google = by_name(acme.state()["connections"], "google-oauth2")
    assert "tokenvault" not in google.get("metadata", {}) and "offline_access" not in google["options"]
    acme.assert_done(used, "--prune")
    acme.apply({**claimed, "name": "other", "applications": {"b": web()}})


def test_an_application_remembers_that_the_spec_created_an_api_whose_client_goes(acme: World) -> None:
    acme.apply(with_api("cal"))
    spec = with_api("cal", "connected_accounts")
    acme.apply(spec, "--prune")
    acme.assert_done(spec, "--prune")
    assert has_api(acme) and "made:~" in acme.client(SPA)["client_metadata"]["tokenvault"]
    acme.destroy(spec)
    assert not has_api(acme)


def test_a_policy_that_was_there_before_keeps_its_scope_and_loses_those_that_were_added(acme: World) -> None:
    by_hand(acme)
    acme.hands.ask("POST", "resource-servers", {"identifier": "https://sandbox.localhost/me/"})
    policy = {"audience": "https://sandbox.localhost/me/", "scope": ["read:me:connected_accounts"]}
    acme.patch(SPA, {"refresh_token": {**acme.client(SPA)["refresh_token"], "policies": [policy]}})
    spec = with_api("cal", "connected_accounts")
    acme.apply(spec)
    assert len(acme.client(SPA)["refresh_token"]["policies"][0]["scope"]) == 3
    acme.destroy(spec)
    assert acme.client(SPA)["refresh_token"]["policies"] == [policy]

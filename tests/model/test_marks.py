"""Marks say whose an object is: another spec's is refused by name, and a mark, not a name, identifies an object."""

from __future__ import annotations

from typing import Any

import pytest

from tests.state.world import ENV, Spec, World, change_of, changed_paths, changes, marks, orphans, spec_of, web, worker
from tests.support import by_name, cli


def named(spec: Spec, name: str, **more: object) -> Spec:
    """The spec under another name."""
    return {**spec, "name": name, **more}


def test_what_a_spec_creates_and_adopts_carries_its_name_and_key(acme: World) -> None:
    spec = spec_of({"mine": web(), "portal": web(name="Legacy Portal")})
    spec["connections"] = {"google-oauth2": {"offline_access": True}}
    acme.apply(spec)
    assert acme.client("mine")["client_metadata"]["tokenvault"].startswith("acme/mine created ")
    assert acme.client("Legacy Portal")["client_metadata"]["tokenvault"].startswith("acme/portal adopted ")
    google = by_name(acme.state()["connections"], "google-oauth2")
    assert marks(google["metadata"]) == {"tokenvault": "acme/google-oauth2 adopted own:o.offline_access=tb6kG"}


def test_a_connection_that_is_only_used_is_not_claimed(acme: World) -> None:
    acme.apply(spec_of({"mine": web()}, "github"))
    assert "metadata" not in by_name(acme.state()["connections"], "github")
    acme.apply(named(spec_of({"theirs": web()}, "github"), "other"))


def many_connections(acme: World) -> list[str]:
    """Twelve connections, whose names take more room than a mark has in one value."""
    names = [f"connection-number-{n:02}" for n in range(12)]
    for name in names:
        acme.hands.ask("POST", "connections", {"name": name, "strategy": "github"})
    return names


def test_the_longest_names_and_all_that_is_lent_fit_into_a_mark(acme: World) -> None:
    """Auth0 takes 255 characters: what finds no room in one value stands in the next; nothing is cut in two."""
    connections, key = many_connections(acme), "k" * 64
    spec = named(spec_of({key: web()}, *connections), "n" * 40)
    acme.apply(spec)
    metadata = acme.client(key)["client_metadata"]
    mark, more = metadata["tokenvault"], metadata["tokenvault_2"]
    assert max(len(mark), len(more)) <= 255 and mark.startswith(f"{'n' * 40}/{key} created api:my_account with:")
    assert {name for text in (mark, more) for name in connections if name in text} == set(connections)
    acme.assert_done(spec)
    acme.destroy(spec)
    assert not [client for client in acme.state()["clients"].values() if client["name"] == key]


def test_what_stands_in_the_second_value_of_a_mark_is_forgotten_only_when_it_is_revoked(acme: World) -> None:
    connections, key = many_connections(acme), "k" * 64
    *_, last = connections
    acme.apply(named(spec_of({key: web()}, *connections), "n" * 40))
    assert last in acme.client(key)["client_metadata"]["tokenvault_2"]
    dropped = named(spec_of({key: web()}, *connections[:-1]), "n" * 40)
    acme.run_into({"method": "PATCH", "path": "*/connections/*/clients", "fault": 403}, "apply", dropped, "-y")
    acme.apply(dropped)
    enabled = {item["connection_id"] for item in acme.state()["enablements"].values()}
    assert by_name(acme.state()["connections"], last)["id"] not in enabled


def test_a_newer_roster_in_the_second_value_of_a_mark_is_no_plan_of_its_own(acme: World) -> None:
    urls = {name: f"https://crm.example.com/{name}" for name in ("authorizationURL", "tokenURL")}
    old = {name: f"{url}/{'long' * 10}" for name, url in urls.items()}
    acme.hands.ask("POST", "connections", {"name": "crm", "strategy": "oauth2", "options": {**old, "client_id": "c"}})
    spec = named(spec_of({"one": web(), "two": web()}, "crm"), "n" * 40)
    spec["connections"] = {
        "crm": {"strategy": "oauth2", "options": urls, "scopes": ["read", "write"], "offline_access": True}
    }
    acme.apply(spec)
    assert "spec:" in by_name(acme.state()["connections"], "crm")["metadata"]["tokenvault_2"]
    two = acme.client("two")["client_id"]
    spec["applications"] = {"one": web()}
    acme.hands.ask("DELETE", f"clients/{two}")
    acme.assert_done(spec)


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_an_application_of_another_spec_is_refused_with_its_name(acme: World, command: str) -> None:
    acme.apply(named(spec_of({"portal": web(name="Legacy Portal")}), "theirs"))
    options = ["-y"] if command == "apply" else []
    said = acme.refused(command, spec_of({"mine": web(name="Legacy Portal")}), *options)
    assert 'application.mine belongs to the spec "theirs" (as portal)' in said
    assert "--adopt" in said and "spec.yaml:" in said


def test_a_connection_of_another_spec_is_refused_with_its_name(acme: World) -> None:
    theirs = named(spec_of({"theirs": web()}), "theirs")
    theirs["connections"] = {"google-oauth2": {"offline_access": True}}
    acme.apply(theirs)
    mine = spec_of({"mine": web()})
    mine["connections"] = {"google-oauth2": {"scopes": ["email"]}}
    said = acme.refused("plan", mine)
    assert 'connection.google-oauth2 belongs to the spec "theirs"' in said and "google-oauth2: {}" in said
    acme.apply(spec_of({"mine": web()}))


def test_adopt_takes_over_and_then_it_is_the_other_spec_that_is_refused(acme: World) -> None:
    theirs, mine = named(spec_of({"app": web(name="App")}), "theirs"), spec_of({"mine": web(name="App")})
    acme.apply(theirs)
    change = change_of(acme.plan(mine, "--adopt"), "application.mine")
    assert change["adopts"] and 'taken over from the spec "theirs"' in change["reason"]
    acme.apply(mine, "--adopt")
    assert acme.client("App")["client_metadata"]["tokenvault"].startswith("acme/mine created")
    acme.assert_done(mine)
    assert 'belongs to the spec "acme"' in acme.refused("plan", theirs)


def test_what_another_spec_created_is_the_one_s_to_delete_that_took_it_over(acme: World) -> None:
    acme.apply(named(spec_of({"app": web(name="App")}), "theirs"))
    mine = spec_of({"mine": web(name="App")})
    acme.apply(mine, "--adopt")
    assert orphans(acme.plan(spec_of({"other": web()}))) == {"application.mine"}
    acme.apply(spec_of({"other": web()}), "--prune")
    assert "App" not in {client["name"] for client in acme.state()["clients"].values()}


def test_a_new_name_in_the_spec_renames_the_application(acme: World) -> None:
    acme.apply(spec_of({"app": web(name="Before")}))
    client_id = acme.client("Before")["client_id"]
    renamed = spec_of({"app": web(name="After")})
    assert changes(acme.plan(renamed)) == {"application.app": "update"}
    acme.apply(renamed)
    assert acme.client("After")["client_id"] == client_id


def test_an_application_that_was_renamed_in_the_dashboard_is_found_and_gets_its_name_back(acme: World) -> None:
    spec = spec_of({"app": web(name="Ours")})
    acme.apply(spec)
    client_id = acme.client("Ours")["client_id"]
    acme.patch("Ours", {"name": "Theirs"})
    acme.hands.application("Ours")
    change = change_of(acme.plan(spec), "application.app")
    assert (change["id"], change["action"]) == (client_id, "update")


def test_a_new_key_for_the_same_name_keeps_the_application_and_who_made_it(acme: World) -> None:
    acme.apply(spec_of({"before": web(name="App")}))
    was = acme.client("App")
    renamed = spec_of({"after": web(name="App")})
    plan = acme.plan(renamed)
    assert changes(plan) == {"application.after": "update"} and orphans(plan) == set()
    acme.apply(renamed)
    assert changed_paths(was, acme.client("App")) == {"client_metadata.tokenvault"}
    assert acme.client("App")["client_metadata"]["tokenvault"].startswith("acme/after created ")


def test_two_keys_for_one_application_are_an_error(acme: World) -> None:
    acme.apply(spec_of({"one": web(name="App")}))
    client_id = acme.client("App")["client_id"]
    both = {"one": web(name="App"), "two": {"client_id": client_id, "flavors": ["connected_accounts"]}}
    said = acme.refused("plan", spec_of(both))
    assert "application.two and application.one are the same object" in said


def test_two_applications_that_carry_one_mark_are_an_error_that_lists_both(acme: World) -> None:
    spec = spec_of({"app": web(name="App")})
    acme.apply(spec)
    copied = {"client_metadata": acme.client("App")["client_metadata"]}
    ids = sorted([acme.client("App")["client_id"], acme.hands.application("Copy", **copied)])
    assert ", ".join(ids) in " ".join(acme.refused("plan", spec).split())


def test_a_mark_of_another_spec_is_nothing_to_a_name_that_is_free(acme: World) -> None:
    acme.apply(named(spec_of({"app": web(name="Theirs")}), "theirs"))
    before = acme.client("Theirs")
    acme.apply(spec_of({"app": web(name="Mine")}), "--prune")
    acme.destroy(spec_of({"app": web(name="Mine")}))
    assert acme.client("Theirs") == before


def test_what_nothing_records_of_an_api_of_others_is_said(acme: World) -> None:
    acme.hands.api("https://b.example.com", "B", scopes={"read:it": "Read it"})
    apis = {"b": {"identifier": "https://b.example.com", "scopes": {"read:it": "Read it", "write:it": "Write it"}}}
    spec = spec_of({"mine": web()}, apis=apis)
    [warning] = [one for one in acme.plan(spec)["warnings"] if one["code"] == "plan-no-mark"]
    assert "what this spec gives to api.b" in warning["summary"]
    acme.apply(spec)
    assert not acme.plan(spec)["warnings"]  # nothing is given any more
    used = spec_of({"mine": web(flavors=[{"access_token_exchange": {"api": "b"}}])}, apis=apis)
    assert "plan-no-mark" not in str(acme.plan(used)["warnings"])


def test_an_application_that_is_let_go_records_no_api(acme: World) -> None:
    acme.apply(spec_of({"portal": web(name="Legacy Portal")}))
    spec = spec_of({}, apis={"files": {"identifier": "https://files.example"}})
    del spec["applications"]
    [warning] = [one for one in acme.plan(spec, "--prune")["warnings"] if one["code"] == "plan-no-mark"]
    assert "api.files" in warning["summary"]


def test_a_mark_that_is_written_again_names_the_objects_of_now(acme: World) -> None:
    acme.apply(spec_of({"a": web()}))
    both = spec_of({"a": web(callbacks=["https://a.example"]), "b": web()})
    acme.apply(both)
    acme.hands.ask("DELETE", f"clients/{acme.client('b')['client_id']}")
    gone = acme.run("drift", both)
    assert gone.code == 2 and "application.b" in gone.out, gone.out


def test_an_application_that_comes_or_goes_is_no_reason_to_write_the_marks_of_others(acme: World) -> None:
    spec = spec_of({"a": web(callbacks=["https://a.example/cb"])})
    acme.apply(spec)
    more = {**spec, "applications": {**spec["applications"], "b": web()}}
    assert "application.a" not in changes(acme.plan(more))
    acme.apply(more)
    assert changes(acme.plan(spec, "--prune")) == {"application.b": "delete"}


@pytest.mark.parametrize("others", [[], ["zeta"]])
def test_that_an_api_was_made_is_recorded_where_a_mark_can_stand_or_said_to_be_recorded_nowhere(
    acme: World, others: list[str]
) -> None:
    full = acme.hands.application("Full", app_type="regular_web", client_metadata={f"key-{n}": "x" for n in range(10)})
    apps = {"alpha": web(client_id=full), **dict.fromkeys(others, web())}
    apis = {"files": {"identifier": "https://files.example"}}
    found = acme.plan(spec_of(apps, apis=apis))["warnings"]
    said = [one for one in found if one["code"] == "plan-no-mark" and "api.files" in one["summary"]]
    assert bool(said) != bool(others)
    acme.apply(spec_of(apps, apis=apis))
    acme.apply(spec_of(apps), "--prune")
    there = {api["identifier"] for api in acme.state()["resource_servers"].values()}
    assert ("https://files.example" in there) != bool(others)


def test_a_grant_that_an_apply_that_ended_early_never_gave_is_no_drift(acme: World) -> None:
    acme.hands.enable("google-oauth2", acme.client("Legacy Portal")["client_id"])
    spec = spec_of({"portal": web(name="Legacy Portal")})
    refused = {"method": "POST", "path": "*/api/v2/client-grants", "fault": 403}
    assert acme.run_into(refused, "apply", spec, "-y").code == 1
    found = acme.run("drift", spec, "--format", "json")
    assert (found.code, found.json["incomplete"]) == (0, ["client_grant.portal.my_account"]), found.out


def test_a_saved_plan_does_not_forget_what_a_later_apply_gave(acme: World) -> None:
    acme.hands.application("App")
    narrow = spec_of({"app": web(name="App")}, "google-oauth2")
    assert acme.run("plan", narrow, "--out", "plan.json").code == 0
    wide = spec_of({"app": web(name="App")}, "google-oauth2", "github")
    acme.apply(wide)
    late = cli("apply", "plan.json", "--sandbox=t.db", cwd=acme.folder, env=ENV)
    assert late.code == 1 and "application.app changed since the plan" in late.err
    acme.destroy(wide)
    assert "App" not in acme.enabled("github")


def wipe_connection(acme: World, name: str) -> None:
    acme.hands.ask("PATCH", f"connections/{by_name(acme.state()['connections'], name)['id']}", {"metadata": {}})


@pytest.mark.parametrize("also", [{}, {"other": web()}], ids=["alone", "with another"])
@pytest.mark.parametrize("of", ["application.portal", "connection.google-oauth2"])
def test_a_mark_that_others_wiped_is_drift_though_the_object_is_as_the_spec_says(
    acme: World, of: str, also: dict[str, Any]
) -> None:
    client_id = acme.client("Legacy Portal")["client_id"]
    spec = spec_of({"portal": web(client_id=client_id, callbacks=["https://portal.example/cb"]), **also})
    spec["connections"]["google-oauth2"] = {"offline_access": True}
    acme.apply(spec)
    if of.startswith("application"):
        acme.patch("Legacy Portal", {"client_metadata": {"tokenvault": None}})
    else:
        wipe_connection(acme, "google-oauth2")
    found = acme.run("drift", spec, "--format", "json")
    assert (found.code, [change["address"] for change in found.json["changes"]]) == (2, [of]), found.out
    assert "lost the mark" in found.json["changes"][0]["reason"]
    planned = acme.plan(spec)
    assert list(changes(planned)) == [of] and "lost the mark" in change_of(planned, of)["reason"]
    acme.apply(spec)
    acme.assert_done(spec)
    assert acme.run("drift", spec).code == 0


def test_an_object_that_never_needed_a_mark_is_not_said_to_have_lost_one(acme: World) -> None:
    acme.hands.my_account()
    assistant = {"assistant": web(client_id=acme.hands.web("Assistant", "google-oauth2"))}
    for portal in ({}, {"callbacks": ["https://portal.example/cb"]}):
        spec = spec_of({**assistant, "portal": web(name="Legacy Portal", **portal)})
        acme.apply(spec)
        assert "tokenvault" not in acme.client("Assistant").get("client_metadata", {})
        acme.assert_done(spec)
        assert acme.run("drift", spec).code == 0


def test_a_mark_that_came_later_is_known_to_be_missing_too(acme: World) -> None:
    acme.hands.my_account()
    client_id = acme.hands.web("Assistant", "google-oauth2")
    both = [web(client_id=client_id), web(client_id=client_id, callbacks=["https://a.example/cb"])]
    for assistant in both:
        spec = spec_of({"assistant": assistant, "portal": web(name="Legacy Portal")})
        spec["connections"]["google-oauth2"] = {"offline_access": True}  # whose mark names every object
        acme.apply(spec)
    acme.patch("Assistant", {"client_metadata": {"tokenvault": None}})
    assert acme.run("drift", spec).code == 2
    acme.apply(spec)
    assert acme.run("drift", spec).code == 0


@pytest.mark.parametrize(
    "word", ["was:oidc", "was:oidc=tb6kG", "was:oidc=tb6kG.%22,name=.", "gave:callbacks=..+ own:=x"]
)
def test_words_of_a_mark_that_somebody_wrote_into_it_and_that_say_nothing_are_left_out(acme: World, word: str) -> None:
    spec = spec_of({"mine": web(callbacks=["https://ours.example"])})
    spec["connections"] = {"google-oauth2": {"offline_access": True}}
    acme.apply(spec)
    written = acme.client("mine")["client_metadata"]["tokenvault"]
    acme.patch("mine", {"client_metadata": {"tokenvault": f"{written} {word}"}})
    google = by_name(acme.state()["connections"], "google-oauth2")
    of_google = google["metadata"]["tokenvault"].replace("own:o.offline_access=tb6kG", word)
    acme.hands.ask("PATCH", f"connections/{google['id']}", {"metadata": {"tokenvault": of_google}})
    for command in ("drift", "plan"):
        acme.run(command, spec)
    acme.apply(spec)
    acme.assert_done(spec)
    acme.destroy(spec)
    assert "mine" not in {client["name"] for client in acme.state()["clients"].values()}


CALLBACKS = ["https://a.example/cb", "https://b.example/cb"]
EDITS: dict[str, tuple[Spec, Spec]] = {
    "a callback beside others' that goes": (web(callbacks=CALLBACKS), web(callbacks=CALLBACKS[:1])),
    "a callback beside others' that comes": (web(callbacks=CALLBACKS[:1]), web(callbacks=CALLBACKS)),
    "another type": (web(), worker()),
    "another address of a worker": (worker(), worker(settings={"ip_allowlist": ["198.51.100.7"]})),
    "another key of a worker": (worker("a"), worker("b")),
    "a flavor that goes": (web("connected_accounts", "refresh_token_exchange"), web("connected_accounts")),
    "a name": (web(), web(name="Another")),
}


@pytest.mark.parametrize("adopted", [True, False], ids=["adopted", "created"])
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_was_not_applied_is_nothing_that_others_changed(acme: World, edit: str, adopted: bool) -> None:
    theirs = [*CALLBACKS[1:], "https://theirs.example/cb"]
    found = {"client_id": acme.hands.application("Theirs", app_type="regular_web", callbacks=theirs)} if adopted else {}
    before, after = (spec_of({"one": {**found, **entry}, "two": web()}) for entry in EDITS[edit])
    acme.apply(before)
    drifted = acme.run("drift", after, "--format", "json")
    assert (drifted.code, drifted.json["changes"]) == (0, []), drifted.out
    acme.apply(after, "--prune")
    acme.assert_done(after)
    name = "Theirs" if adopted and edit != "a name" else {"a name": "Another"}.get(edit, "one")
    acme.patch(name, {"grant_types": ["authorization_code"]})
    told = acme.run("drift", after, "--format", "json")
    assert told.code == 2 and "application.one" in [change["address"] for change in told.json["changes"]], told.out


def test_a_key_that_others_deleted_is_drift_and_one_that_an_edit_adds_is_not(acme: World) -> None:
    spec = spec_of({"job": worker("a", "b")})
    acme.apply(spec_of({"job": worker("a")}))
    added = acme.run("drift", spec, "--format", "json")
    assert (added.code, added.json["changes"]) == (0, [])
    acme.apply(spec)
    job = acme.client("job")
    gone, *rest = job["token_vault_privileged_access"]["credentials"]
    access = {**job["token_vault_privileged_access"], "credentials": rest}
    acme.patch("job", {"token_vault_privileged_access": access})
    acme.patch("job", {"client_authentication_methods": {"private_key_jwt": {"credentials": rest}}})
    acme.hands.ask("DELETE", f"clients/{job['client_id']}/credentials/{gone['id']}")
    found = acme.run("drift", spec, "--format", "json")
    assert found.code == 2 and [c["kind"] for c in found.json["changes"]] == ["credential"], found.out
    acme.apply(spec)
    assert acme.run("drift", spec).code == 0


def test_a_connection_that_is_right_already_needs_no_mark_however_many_objects_a_spec_has(acme: World) -> None:
    google = by_name(acme.state()["connections"], "google-oauth2")
    settings = {"connected_accounts": {"active": True}, "options": {**google["options"], "offline_access": True}}
    acme.hands.ask("PATCH", f"connections/{google['id']}", settings)
    spec = spec_of({f"application-{n:02}": web() for n in range(75)})  # whose roster takes a second metadata key
    spec["connections"]["google-oauth2"] = {"offline_access": True}
    assert "connection.google-oauth2" not in changes(acme.plan(spec))


def test_an_edit_that_asks_for_what_is_there_writes_no_mark_beside_other_changes(acme: World) -> None:
    def spec(*callbacks: str, **google: Any) -> Spec:
        found = spec_of({"one": web(callbacks=list(callbacks))})
        return {**found, "connections": {"google-oauth2": {"scopes": ["email", "profile"], **google}}}

    acme.apply(spec(offline_access=True))
    edited = spec("https://a.example/cb", offline_access=True, scopes=["email"])  # Google's profile was on before
    assert set(changes(acme.plan(edited))) == {"application.one"}
    acme.apply(edited)
    acme.assert_done(edited)

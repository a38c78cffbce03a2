"""Keys of a worker come and go with the spec: never without a key, never over Auth0's limits, never somebody else's key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.state.world import CALENDAR, Spec, World, change_of, changes, kid, public_key, spec_of, web, worker, writes
from tests.support import by_name

PRIVILEGED = "token_vault_privileged_access"


def job(*keys: str, **more: Any) -> Spec:
    """A spec with one worker that has these keys."""
    return spec_of({"job": worker(*keys, **more)})


def pool(acme: World) -> set[str]:
    """The keys that the worker has."""
    return {item["kid"] for item in acme.state().get("credentials", {}).values()}


def slots(acme: World) -> tuple[set[str], set[str]]:
    """The keys in the worker's two slots."""
    client, kids = acme.client("job"), {item["id"]: item["kid"] for item in acme.state()["credentials"].values()}
    methods = client.get("client_authentication_methods", {}).get("private_key_jwt", {"credentials": []})
    both = (methods["credentials"], client.get(PRIVILEGED, {"credentials": []})["credentials"])
    return ({kids[entry["id"]] for entry in both[0]}, {kids[entry["id"]] for entry in both[1]})


def upload(acme: World, key: str, *, attach: bool = False) -> str:
    """Somebody gives the worker a key of their own."""
    path = f"clients/{acme.client('job')['client_id']}"
    body = {"name": "by hand", "credential_type": "public_key", "pem": public_key(key), "alg": "RS256"}
    credential = str(acme.hands.ask("POST", f"{path}/credentials", body)["id"])
    if attach:
        client = acme.client("job")
        slot = [*client["client_authentication_methods"]["private_key_jwt"]["credentials"], {"id": credential}]
        access = {**client[PRIVILEGED], "credentials": [*client[PRIVILEGED]["credentials"], {"id": credential}]}
        methods = {"private_key_jwt": {"credentials": slot}}
        acme.hands.ask("PATCH", path, {"client_authentication_methods": methods, PRIVILEGED: access})
    return credential


def adopted(acme: World) -> Spec:
    """A worker that was made by hand and adopted, with the key `a` of the spec."""
    acme.hands.application("job", app_type="non_interactive", token_endpoint_auth_method="client_secret_post")
    acme.apply(job("a"))
    return job("a")


def test_one_key_serves_both_slots(acme: World) -> None:
    acme.apply(job("a"))
    assert pool(acme) == {kid("a")} and slots(acme) == ({kid("a")}, {kid("a")})
    (credential,) = acme.state()["credentials"].values()
    assert credential["name"] == "tokenvault acme/job"


def test_a_rotation_with_an_overlap(acme: World) -> None:
    """Two keys in the spec while both are in use: attach the new one; later detach the old one, then delete it."""
    acme.apply(job("a"))
    plan = acme.plan(job("a", "b"))
    assert changes(plan) == {f"credential.job.{kid('b')}": "create", "application.job": "update"}
    assert change_of(plan, "application.job")["risks"] == []
    sent = [line.split("/")[-1] for line in writes(acme.apply(job("a", "b")))]
    assert sent[0] == "credentials" and len(sent) == 2
    assert slots(acme) == ({kid("a"), kid("b")}, {kid("a"), kid("b")})
    plan = acme.plan(job("b"))
    assert changes(plan) == {"application.job": "update", f"credential.job.{kid('a')}": "delete"}
    gone = change_of(plan, f"credential.job.{kid('a')}")
    assert gone["requires"] == ["application.job"] and gone["reason"] == "the key is no longer in the spec"
    assert "is refused from then on" in change_of(plan, "application.job")["risks"][0]
    sent = writes(acme.apply(job("b")))
    assert [line.split()[0] for line in sent] == ["PATCH", "DELETE"]
    assert pool(acme) == {kid("b")} and slots(acme) == ({kid("b")}, {kid("b")})
    acme.assert_done(job("b"))


def test_a_key_swapped_at_once_is_never_missing(acme: World) -> None:
    """One update attaches the new key and detaches the old one; only then the old one is deleted."""
    acme.apply(job("a"))
    assert [line.split()[0] for line in writes(acme.apply(job("b")))] == ["POST", "PATCH", "DELETE"]
    assert pool(acme) == {kid("b")} and slots(acme) == ({kid("b")}, {kid("b")})
    acme.assert_done(job("b"))


def test_both_keys_swapped_at_once(acme: World) -> None:
    acme.apply(job("a", "b"))
    acme.apply(job("c", "d"))
    assert pool(acme) == {kid("c"), kid("d")} and slots(acme)[0] == slots(acme)[1] == pool(acme)


def test_a_worker_with_a_secret_rotates_only_the_keys_that_it_signs_with(acme: World) -> None:
    secret = {"authentication": "client_secret_post"}
    acme.apply(job("a", settings=secret))
    assert slots(acme) == (set(), {kid("a")})
    acme.apply(job("b", settings=secret))
    assert slots(acme) == (set(), {kid("b")}) and pool(acme) == {kid("b")}
    acme.assert_done(job("b", settings=secret))


def test_a_worker_changes_from_its_secret_to_its_key_and_back(acme: World) -> None:
    secret = {"authentication": "client_secret_post"}
    acme.apply(job("a", settings=secret))
    acme.apply(job("a"))
    assert slots(acme) == ({kid("a")}, {kid("a")})
    acme.apply(job("a", settings=secret))
    assert acme.client("job")["token_endpoint_auth_method"] == "client_secret_post"
    assert slots(acme) == (set(), {kid("a")})


def test_keys_of_others_on_an_adopted_worker_stay_where_they_are(acme: World) -> None:
    adopted(acme)
    upload(acme, "f", attach=True)
    acme.apply(job("b"))
    assert pool(acme) == {kid("f"), kid("b")} and slots(acme)[0] == slots(acme)[1] == pool(acme)
    acme.assert_done(job("b"))


def test_a_key_that_only_signs_from_now_on_leaves_the_others_list_beside_a_key_of_others(acme: World) -> None:
    """The slot is not the spec's, for somebody's key stands in it; the spec's own key is taken out of it all the same."""
    adopted(acme)
    upload(acme, "f", attach=True)
    acme.apply(job("b"))
    apart = job("b", settings={"authentication_keys": [{"file": "keys/c.pub.pem"}]})
    acme.apply(apart)
    assert slots(acme) == ({kid("f"), kid("c")}, {kid("f"), kid("b")})
    acme.assert_done(apart)
    swapped = job("c", settings={"authentication_keys": [{"file": "keys/b.pub.pem"}]})
    acme.apply(swapped)
    assert slots(acme) == ({kid("f"), kid("b")}, {kid("f"), kid("c")})
    acme.assert_done(swapped)


@pytest.mark.parametrize("leaves", ["edit", "flavor", "prune", "destroy"])
def test_a_key_of_others_that_the_spec_attached_is_taken_out_of_the_lists_again(acme: World, leaves: str) -> None:
    """The key stays theirs, and in their application: what it may do there was the spec's to give."""
    acme.hands.worker("job", "google-oauth2", app_type="regular_web")
    (theirs,) = pool(acme)
    upload(acme, "g")
    before = slots(acme), pool(acme)
    acme.apply(job("g", type="regular_web"))
    assert slots(acme)[1] == {theirs, kid("g")}
    acme.assert_done(job("g", type="regular_web"))
    match leaves:
        case "edit":
            acme.apply(job("b", type="regular_web"))
            assert slots(acme) == ({theirs, kid("b")}, {theirs, kid("b")}) and kid("g") in pool(acme)
            acme.destroy(job("b", type="regular_web"))
        case "flavor":
            acme.apply(spec_of({"job": web()}))
        case "prune":
            acme.apply(spec_of({}), "--prune")
        case _:
            acme.destroy(job("g", type="regular_web"))
    assert (slots(acme), pool(acme)) == before


def test_a_key_that_an_interrupted_run_left_in_the_pool_is_taken_away(acme: World) -> None:
    acme.apply(job("a"))
    path = f"clients/{acme.client('job')['client_id']}/credentials"
    left = {"name": "tokenvault acme/job", "credential_type": "public_key", "pem": public_key("c"), "alg": "RS256"}
    acme.hands.ask("POST", path, left)
    assert changes(acme.plan(job("a"))) == {f"credential.job.{kid('c')}": "delete"}
    acme.apply(job("a"))
    assert pool(acme) == {kid("a")}


def test_a_key_of_another_spec_is_not_ours_to_retire(acme: World) -> None:
    acme.apply(job("a"))
    path = f"clients/{acme.client('job')['client_id']}/credentials"
    theirs = {"name": "tokenvault acme-2/job", "credential_type": "public_key", "pem": public_key("c"), "alg": "RS256"}
    acme.hands.ask("POST", path, theirs)
    acme.assert_done(job("a"))


def test_without_room_beside_it_the_old_key_goes_first(acme: World) -> None:
    """The pool of four is full: detach, delete, create, attach; and the plan says that exchanges fail meanwhile."""
    acme.apply(job("a"))
    for key in "def":
        upload(acme, key)
    plan = acme.plan(job("b"))
    new, old = f"credential.job.{kid('b')}", f"credential.job.{kid('a')}"
    assert change_of(plan, new)["requires"] == [old]
    assert any("exchanges fail meanwhile" in risk for risk in change_of(plan, "application.job")["risks"])
    applied = acme.apply(job("b"))
    assert [line.split()[0] for line in writes(applied)] == ["PATCH", "DELETE", "POST", "PATCH"]
    assert slots(acme) == ({kid("b")}, {kid("b")}) and pool(acme) == {kid(key) for key in "bdef"}
    acme.assert_done(job("b"))


def test_without_room_a_key_that_stays_keeps_the_worker_going(acme: World) -> None:
    acme.apply(job("a", "b"))
    for key in "de":
        upload(acme, key)
    plan = acme.plan(job("b", "c"))
    assert not any("exchanges fail meanwhile" in risk for risk in change_of(plan, "application.job")["risks"])
    assert [line.split()[0] for line in writes(acme.apply(job("b", "c")))] == ["PATCH", "DELETE", "POST", "PATCH"]
    assert slots(acme)[0] == {kid("b"), kid("c")}
    acme.assert_done(job("b", "c"))


def test_without_room_an_old_key_that_is_not_attached_is_just_deleted_first(acme: World) -> None:
    acme.apply(job("a"))
    path = f"clients/{acme.client('job')['client_id']}/credentials"
    left = {"name": "tokenvault acme/job", "credential_type": "public_key", "pem": public_key("c"), "alg": "RS256"}
    acme.hands.ask("POST", path, left)
    for key in "de":
        upload(acme, key)
    assert [line.split()[0] for line in writes(acme.apply(job("a", "b")))] == ["DELETE", "POST", "PATCH"]
    acme.assert_done(job("a", "b"))


def test_no_room_at_all_is_an_error_that_says_what_to_do(acme: World) -> None:
    acme.apply(job("a"))
    for key in "def":
        upload(acme, key)
    said = acme.refused("apply", job("a", "b"), "-y")
    assert "application.job has 4 credentials and no room for 1 more: Auth0 keeps at most 4" in said
    assert "in the dashboard" in said


def test_more_than_two_keys_in_a_slot_are_an_error(acme: World) -> None:
    adopted(acme)
    upload(acme, "f", attach=True)
    said = acme.refused("plan", job("a", "b"))
    assert "application.job would have 3 keys" in said and "Auth0 takes at most 2" in said


CUTS = [("PATCH", 1), ("DELETE", 1), ("POST", 1), ("PATCH", 2)]


@pytest.mark.parametrize(("method", "nth"), CUTS)
def test_a_rotation_that_is_cut_short_is_finished_by_the_next_apply(acme: World, method: str, nth: int) -> None:
    """The one that has to detach first, cut before each of its writes."""
    acme.apply(job("a"))
    for key in "def":
        upload(acme, key)
    cut = acme.run_into({"method": method, "path": "*/clients/*", "nth": nth, "fault": 403}, "apply", job("b"), "-y")
    assert cut.code == 1 and "Apply incomplete" in cut.out
    acme.apply(job("b"))
    assert slots(acme) == ({kid("b")}, {kid("b")}) and pool(acme) == {kid(key) for key in "bdef"}
    acme.assert_done(job("b"))


def test_a_renamed_worker_still_knows_its_keys(acme: World) -> None:
    acme.apply(job("a"))
    renamed = spec_of({"new": worker("b", name="job")})
    acme.apply(renamed)
    assert pool(acme) == {kid("b")}


def test_the_plan_reads_as_a_rotation(acme: World) -> None:
    acme.apply(job("a"))
    shown = acme.run("plan", job("b")).out
    assert f"credential.job.{kid('b')} will be created" in shown
    assert f"credential.job.{kid('a')} will be deleted" in shown
    assert shown.index("will be created") < shown.index("will be deleted")
    assert "the key is no longer in the spec" in shown and CALENDAR not in shown


def test_what_somebody_does_between_the_two_steps_of_a_rotation_is_not_overwritten(acme: World) -> None:
    acme.apply(job("a"))
    theirs, *_ = (upload(acme, key) for key in "def")
    worker = acme.client("job")
    body = {PRIVILEGED: {**worker[PRIVILEGED], "credentials": [{"id": theirs}]}}
    attach = {"method": "PATCH", "path": f"/api/v2/clients/{worker['client_id']}", "body": body}
    accident = {"method": "POST", "path": "*/credentials", "fault": "meanwhile", "request": attach}
    done = acme.run_into(accident, "apply", job("b"), "-y")
    assert done.code == 1 and "since the first step of this change" in " ".join((done.out + done.err).split())
    assert slots(acme)[1] == {kid("d")}


def test_what_comes_with_a_rotation_that_is_cut_short_is_known_to_be_the_specs(acme: World) -> None:
    def spec(key: str, connection: str) -> Spec:
        entry = worker(key, name="Legacy Portal", type="regular_web", connections=["google-oauth2", connection])
        return spec_of({"job": entry}, "google-oauth2", "github", "sign-in-with-slack")

    github = by_name(acme.state()["connections"], "github")["id"]
    off = [{"client_id": acme.client("Legacy Portal")["client_id"], "status": False}]
    acme.hands.ask(
        "PATCH", f"connections/{github}/clients", off
    )  # so that the place is the spec's, which it takes back
    before = acme.enabled("sign-in-with-slack")
    acme.apply(spec("a", "github"))
    edited = spec("b", "sign-in-with-slack")
    cut = {"method": "PATCH", "path": "*/api/v2/clients/*", "nth": 2, "fault": 403}
    assert acme.run_into(cut, "apply", edited, "-y").code == 1
    assert "Legacy Portal" in acme.enabled("sign-in-with-slack")
    acme.apply(edited)
    acme.destroy(edited)
    assert acme.enabled("sign-in-with-slack") == before

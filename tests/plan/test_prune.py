"""What a spec put there and no longer asks for: every plan lists it, and only --prune takes it away, in the right order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.export.by_hand import MY_ACCOUNT
from tests.state.world import ENV, Spec, World, change_of, changes, orphans, spec_of, web, worker, writes
from tests.support import TOKEN_VAULT_GRANT, cli
from tokenvault.plan.deletion import SHOWN

API = "https://calendar.acme.com"
EXCHANGE = {"access_token_exchange": {"api": "calendar"}}


def everything() -> Spec:
    """All four flavors: what is adopted, what is created, an API, a worker."""
    return spec_of(
        {
            "portal": web(name="Legacy Portal"),
            "assistant": web(),
            "front": {"type": "spa", "flavors": [EXCHANGE], "connections": ["github"]},
            "job": worker(),
        },
        "google-oauth2",
        "github",
        "sign-in-with-slack",
        apis={"calendar": {"identifier": API, "name": "Calendar", "scopes": {"read:it": "Read it"}}},
    )


def without(*keys: str) -> Callable[[Spec], None]:
    """Takes applications out of the spec."""

    def change(spec: Spec) -> None:
        for key in keys:
            del spec["applications"][key]

    return change


def with_flavors(key: str, *flavors: Any) -> Callable[[Spec], None]:
    """Gives an application other flavors."""
    return lambda spec: spec["applications"][key].update(flavors=list(flavors))


def with_connections(key: str, *connections: str) -> Callable[[Spec], None]:
    """Gives an application other connections."""
    return lambda spec: spec["applications"][key].update(connections=list(connections))


def no_slack(spec: Spec) -> None:
    """Takes a connection out of the spec."""
    del spec["connections"]["sign-in-with-slack"]


def as_web(spec: Spec) -> None:
    """The worker becomes an application that users log in to."""
    spec["applications"]["job"] = web("connected_accounts", connections=["google-oauth2"])


API_PARTS = {"application.calendar.api_client", "api.calendar"}
KEY = "credential.job.RIdiDoPTRMkA-kWoN5OFQ8FdmCsxZSvDIQxJ6IinMDM"
PORTAL, WEB, FRONT, JOB = (f"application.{key}" for key in ("portal", "assistant", "front", "job"))
CASES: dict[str, tuple[Callable[[Spec], None], set[str], set[str]]] = {
    "an application": (without("assistant"), {WEB}, set()),
    "the only user of an API": (
        lambda spec: (without("front")(spec), spec.pop("apis")),  # type: ignore[return-value]
        {FRONT, *API_PARTS},
        set(),
    ),
    "an API's only user, not the API": (without("front"), {FRONT, "application.calendar.api_client"}, set()),
    "a worker": (without("job"), {JOB}, set()),
    "an adopted application": (without("portal"), {PORTAL}, set()),
    "a flavor of an adopted application": (with_flavors("portal", "connected_accounts"), set(), {PORTAL}),
    "a flavor of a created application": (
        with_flavors("front", "connected_accounts"),
        {"application.calendar.api_client"},
        {"client_grant.front.calendar", FRONT},
    ),
    "a flavor whose grant type a created application loses": (
        with_flavors("assistant", "connected_accounts"),
        set(),
        {WEB},
    ),
    "privileged access": (as_web, set(), {JOB, KEY, "client_grant.job.my_account"}),
    "a connection of one application": (
        with_connections("assistant", "google-oauth2"),
        set(),
        {"connection_clients.github", "connection_clients.sign-in-with-slack", WEB},
    ),
    "a connection of all": (no_slack, set(), {"connection_clients.sign-in-with-slack", WEB, PORTAL}),
}
"""The edit, the whole objects that it leaves behind, and what an ordinary apply changes because of it."""


@pytest.mark.parametrize("case", CASES)
def test_pruned_at_once_nothing_is_left_to_do(acme: World, case: str) -> None:
    """What an application recorded that goes, another one records in the same apply."""
    acme.apply(everything())
    spec = everything()
    CASES[case][0](spec)
    acme.apply(spec, "--prune")
    assert changes(acme.plan(spec)) == {}


@pytest.mark.parametrize("case", CASES)
def test_rights_go_at_once_and_whole_objects_with_prune(acme: World, case: str) -> None:
    change, left, at_once = CASES[case]
    acme.apply(everything())
    spec = everything()
    change(spec)
    plan = acme.plan(spec)
    assert orphans(plan) == left
    assert set(changes(plan)) == at_once
    shown = acme.run("plan", spec).out
    assert all(address in shown for address in left) and ("--prune" in shown or not left)
    acme.apply(spec)
    assert orphans(acme.plan(spec)) == left and changes(acme.plan(spec)) == {}
    pruned = acme.plan(spec, "--prune")
    assert orphans(pruned) == set() and (bool(pruned["changes"]) == bool(left))
    acme.apply(spec, "--prune")
    assert orphans(acme.plan(spec)) == set()
    acme.assert_done(spec)
    acme.assert_done(spec, "--prune")


def test_pruning_down_to_one_application_leaves_what_a_spec_with_only_that_one_makes(acme: World) -> None:
    only = spec_of({"assistant": web(connections=["google-oauth2"])}, "google-oauth2")
    acme.apply(everything())
    acme.apply(only, "--prune")
    assert acme.enabled("github") == {"Legacy Portal", "Storefront"}
    assert acme.grants("assistant") == {MY_ACCOUNT}
    names = {client["name"] for client in acme.state()["clients"].values()}
    assert names == {"All Applications", "Acme Deploy", "Legacy Portal", "Storefront", "assistant"}
    portal = acme.client("Legacy Portal")
    assert TOKEN_VAULT_GRANT not in portal["grant_types"] and "policies" not in portal["refresh_token"]
    assert acme.grants("Legacy Portal") == set() and "tokenvault" not in portal["client_metadata"]
    assert not acme.state().get("credentials")
    identifiers = {api["identifier"] for api in acme.state()["resource_servers"].values()}
    assert API not in identifiers and MY_ACCOUNT in identifiers


def test_keys_are_detached_before_they_are_deleted(acme: World) -> None:
    """And the mark forgets that there were any only when they are gone."""
    acme.apply(everything())
    spec = everything()
    as_web(spec)
    sent = [line for line in writes(acme.apply(spec, "--prune")) if line.split("/")[0].endswith(" clients")]
    assert [line.split()[0] for line in sent] == ["PATCH", "DELETE", "PATCH"]
    assert "/credentials/" in sent[1]
    assert not acme.state().get("credentials")


def test_grants_and_the_custom_api_client_go_before_their_api(acme: World) -> None:
    spec = everything()
    spec["applications"]["portal"]["flavors"] = [EXCHANGE]
    acme.apply(spec)
    without("front")(spec)
    del spec["apis"]
    spec["applications"]["portal"]["flavors"] = ["connected_accounts"]
    first = {"client_grant.portal.calendar", "application.calendar.api_client", "application.portal"}
    assert first <= set(change_of(acme.plan(spec, "--prune"), "api.calendar")["requires"])
    sent = [line.split("/")[0] for line in writes(acme.apply(spec, "--prune"))]
    deleted = sent.index("DELETE resource-servers")
    assert max(sent.index("DELETE client-grants"), sent.index("DELETE clients")) < deleted
    assert set(sent[deleted + 1 :]) == {"PATCH clients"}  # the mark that records that the API was made


CUTS = [("DELETE", "*/credentials/*"), ("PATCH", "*/connections/*"), ("DELETE", "*/client-grants/*")]


@pytest.mark.parametrize(("method", "path"), CUTS)
def test_a_prune_that_is_cut_short_is_finished_by_the_next(acme: World, method: str, path: str) -> None:
    """Connections change hands, too: each application gives one up and gets the other's."""
    first, second = everything(), everything()
    first["applications"]["portal"] |= {"flavors": [EXCHANGE], "connections": ["github"]}
    first["applications"]["assistant"]["connections"] = ["sign-in-with-slack"]
    as_web(second)
    second["applications"]["portal"] |= {"flavors": ["connected_accounts"], "connections": ["sign-in-with-slack"]}
    second["applications"]["assistant"]["connections"] = ["github"]
    acme.apply(first)
    cut = acme.run_into({"method": method, "path": path, "fault": 403}, "apply", second, "-y", "--prune")
    assert cut.code == 1 and "Apply incomplete" in cut.out
    acme.apply(second, "--prune")
    acme.assert_done(second, "--prune")
    assert orphans(acme.plan(second)) == set()
    assert "assistant" not in acme.enabled("sign-in-with-slack")
    assert acme.grants("Legacy Portal") == {MY_ACCOUNT} and not acme.state().get("credentials")


def test_what_others_enabled_or_granted_on_a_created_application_is_not_ours_to_prune(acme: World) -> None:
    acme.apply(spec_of({"assistant": web()}))
    client_id = acme.client("assistant")["client_id"]
    acme.hands.ask("POST", "resource-servers", {"identifier": "https://x.example.com", "name": "X"})
    acme.hands.grant(client_id, "https://x.example.com", [])
    acme.hands.enable("github", client_id)
    assert orphans(acme.plan(spec_of({"assistant": web()}))) == set()
    acme.assert_done(spec_of({"assistant": web()}), "--prune")


def test_connections_that_auth0_enables_for_every_new_application_are_not_orphans(acme: World) -> None:
    acme.hands.ask("PATCH", "tenants/settings", {"flags": {"enable_client_connections": True}})
    spec = spec_of({"assistant": web(), "other": web(connections=["github"])}, "google-oauth2", "github")
    spec["applications"]["assistant"]["connections"] = ["google-oauth2"]
    acme.apply(spec)
    assert "assistant" in acme.enabled("github")
    assert orphans(acme.plan(spec)) == set()


def test_protection_is_from_deletion_not_from_a_reviewed_edit(acme: World) -> None:
    acme.apply(everything())
    spec = everything()
    spec["applications"]["assistant"] |= {"protect": True, "connections": ["google-oauth2", "github"]}
    assert orphans(acme.plan(spec)) == set()
    acme.apply(spec)
    assert "assistant" not in acme.enabled("sign-in-with-slack") and "assistant" in acme.enabled("github")
    acme.assert_done(spec, "--prune")


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_more_deletions_than_allowed_are_refused_before_any_write(acme: World, command: str) -> None:
    acme.apply(everything())
    spec = everything()
    without("front", "assistant", "job")(spec)
    del spec["apis"]
    options = ["--prune", "--max-destroy", "4", *(["-y"] if command == "apply" else [])]
    said = acme.refused(command, spec, *options)
    assert "5 objects would be deleted; --max-destroy allows 4" in said
    assert "application.assistant" in said and "api.calendar" in said


def test_as_many_deletions_as_allowed_are_carried_out(acme: World) -> None:
    acme.apply(everything())
    spec = everything()
    without("front", "assistant", "job")(spec)
    del spec["apis"]
    acme.apply(spec, "--prune", "--max-destroy", "5")
    acme.assert_done(spec, "--max-destroy", "0")


def test_a_retired_key_counts_as_a_deletion(acme: World) -> None:
    acme.apply(spec_of({"job": worker()}))
    spec = spec_of({"job": worker("a")})
    said = acme.refused("apply", spec, "-y", "--max-destroy", "0")
    assert "1 object would be deleted" in said and "It is " in said


def test_of_very_many_deletions_the_first_are_named_and_the_others_counted(acme: World) -> None:
    acme.apply(spec_of({f"app-{number:02}": web() for number in range(SHOWN + 3)}))
    said = acme.refused("plan", spec_of({"app-00": web()}), "--prune", "--max-destroy", "1")
    assert (
        f"{SHOWN + 2} objects would be deleted" in said
        and "They are " in said
        and " and 2 more." in " ".join(said.split())
    )


def test_an_api_whose_creation_nothing_proves_is_released_and_never_deleted(acme: World) -> None:
    """A run that was killed between the API and its Custom API Client leaves no proof."""
    acme.hands.ask("POST", "resource-servers", {"identifier": API, "name": "Calendar", "signing_alg": "RS256"})
    acme.apply(everything())
    spec = everything()
    without("front")(spec)
    del spec["apis"]
    assert orphans(acme.plan(spec)) == {"application.front", "application.calendar.api_client", "api.calendar"}
    acme.apply(spec, "--prune")
    assert API in {api["identifier"] for api in acme.state()["resource_servers"].values()}


def test_a_created_connection_is_released_and_never_deleted(acme: World) -> None:
    spec = spec_of({"assistant": web(connections=["google-oauth2"])})
    with_crm = {**spec, "connections": {**spec["connections"]}}
    with_crm["connections"]["crm"] = {
        "strategy": "oauth2",
        "credentials": {"client_id": "c", "client_secret": "${env:CRM_SECRET}"},
    }
    acme.apply(with_crm)
    assert orphans(acme.plan(spec)) == {"connection.crm"}
    change = change_of(acme.plan(spec, "--prune"), "connection.crm")
    assert change["action"] == "update" and "never deleted" in change["reason"]
    acme.apply(spec, "--prune")
    assert orphans(acme.plan(spec)) == set()
    assert "crm" in {connection["name"] for connection in acme.state()["connections"].values()}


def test_a_spec_without_applications_still_finds_what_it_left(acme: World) -> None:
    acme.apply(spec_of({"assistant": web()}))
    empty = spec_of({})
    assert orphans(acme.plan(empty)) == {"application.assistant"}
    acme.apply(empty, "--prune")
    assert "assistant" not in {client["name"] for client in acme.state()["clients"].values()}


def test_a_snapshot_of_the_spec_shows_what_it_left_behind_too(acme: World) -> None:
    acme.apply(everything())
    spec = everything()
    without("front", "portal")(spec)
    with_connections("assistant", "google-oauth2")(spec)
    del spec["apis"], spec["connections"]["github"]
    assert acme.run("snapshot", spec, "--output", "live.json").code == 0
    offline = cli("plan", "spec.yaml", "--live", "live.json", "--format", "json", cwd=acme.folder, env=ENV)
    assert offline.code == 0, offline.err
    assert orphans(offline.json) == orphans(acme.plan(spec)) >= {"application.front", "api.calendar"}


def test_an_application_does_not_wait_for_its_grant_where_its_mark_stays_as_it_is(acme: World) -> None:
    spec = spec_of({"web": web(callbacks=["https://a.example"])})
    acme.apply(spec)
    acme.patch("web", {"callbacks": []})
    client_id = acme.client("web")["client_id"]
    (grant,) = (g for g in acme.state()["client_grants"].values() if g["client_id"] == client_id)
    more = {"scope": [*grant["scope"], "read:me:authentication_methods"]}
    acme.hands.ask("PATCH", f"client-grants/{grant['id']}", more)
    refused = {"method": "PATCH", "path": "*/api/v2/client-grants/*", "fault": 403}
    assert acme.run_into(refused, "apply", spec, "-y").code == 1
    assert acme.client("web")["callbacks"] == ["https://a.example"]


def test_an_api_client_goes_after_the_mark_that_records_the_api_from_now_on(acme: World) -> None:
    def spec(**flavor: Any) -> Spec:
        app = {"type": "spa", "flavors": [flavor or "connected_accounts"]}
        return spec_of({"old": app}, apis={"cal": {"identifier": "https://cal.example"}})

    acme.apply(spec(access_token_exchange={"api": "cal"}))
    gone = change_of(acme.plan(spec(), "--prune"), "application.cal.api_client")
    assert (gone["action"], gone["requires"]) == ("delete", ["application.old"])


def test_what_was_created_last_is_listed_first_among_what_is_deleted(acme: World) -> None:
    acme.apply(everything())
    plan = acme.plan(spec_of({"portal": web(name="Legacy Portal")}), "--prune")
    gone = [change["kind"] for change in plan["changes"] if change["action"] == "delete"]
    assert list(dict.fromkeys(gone)) == ["application", "api"], gone


@pytest.mark.parametrize("command", ["prune", "destroy"])
@pytest.mark.parametrize("theirs", [False, True], ids=["created", "adopted"])
def test_what_records_an_api_is_there_until_the_api_has_lost_what_it_records(
    acme: World, theirs: bool, command: str
) -> None:
    api = "https://calendar.acme.com"
    if theirs:
        acme.hands.api(api, "Calendar", scopes={"theirs": "Theirs"})
    flavors = [{"access_token_exchange": {"api": "calendar"}}]
    apis = {"calendar": {"identifier": api, "scopes": {"read:it": "Read it"}}}
    spec = spec_of({"web": web(), "front": {"type": "spa", "flavors": flavors}}, apis=apis)
    acme.apply(spec)
    accident = {"method": "PATCH" if theirs else "DELETE", "path": "*/resource-servers/*", "fault": 403}
    if command == "prune":
        spec = spec_of({"web": web()})
        assert acme.run_into(accident, "apply", spec, "-y", "--prune").code == 1
        acme.apply(spec, "--prune")
    else:
        assert acme.run_into(accident, "destroy", spec, "-y").code == 1
        acme.destroy(spec)
    found = [item for item in acme.state()["resource_servers"].values() if item["identifier"] == api]
    assert [[scope["value"] for scope in item["scopes"]] for item in found] == ([["theirs"]] if theirs else [])


@pytest.mark.parametrize("part", [("--exclude", "api.*"), ("--target", "application.*")], ids=" ".join)
def test_a_part_of_a_plan_that_leaves_an_api_leaves_what_records_it(acme: World, part: tuple[str, ...]) -> None:
    api = "https://calendar.acme.com"
    flavors = [{"access_token_exchange": {"api": "calendar"}}]
    apis = {"calendar": {"identifier": api, "scopes": {"read:it": "Read it"}}}
    acme.apply(spec_of({"web": web(), "front": {"type": "spa", "flavors": flavors}}, apis=apis))
    acme.apply(spec_of({"web": web()}), "--prune", *part)
    acme.apply(spec_of({"web": web()}), "--prune")
    assert api not in {item["identifier"] for item in acme.state()["resource_servers"].values()}

"""Drift: what changed behind a spec's back, and nothing that was merely never applied."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.applier.test_stale import EDITED, disable, disturb, enable
from tests.plan.gallery import CASES, drifted
from tests.plan.tenants import client, connection, edit, run
from tests.state.world import spec_of, web, world
from tests.support import ROOT, WRITES, requests_of, write_spec


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("applied")
    CASES["empty"].prepare("empty", folder)
    (folder / "set_never.yaml").write_text((folder / "spec.yaml").read_text() + "mfa_policy: set_never\n")
    return folder


@pytest.fixture
def folder(applied: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(applied, tmp_path / "work"))


def drift(folder: Path, spec: str = "spec.yaml", code: int = 2) -> dict[str, Any]:
    found = run(folder, "drift", spec, "--format", "json")
    assert found.code == code, found.err
    document: dict[str, Any] = found.json
    Draft202012Validator(json.loads((ROOT / "schemas" / "drift.schema.json").read_text())).validate(document)
    assert document["drifted"] == (code == 2)
    return document


def test_after_an_apply_there_is_none(folder: Path) -> None:
    found = run(folder, "drift", "spec.yaml", "--debug")
    assert (found.code, found.out.startswith("No drift.")) == (0, True)
    assert not requests_of(found, *WRITES)


def test_before_the_first_apply_there_is_none_either(tmp_path: Path) -> None:
    CASES["create-everything"].prepare("create-everything", tmp_path)
    found = run(tmp_path, "drift", "spec.yaml")
    assert found.code == 0
    assert "carries the mark of acme yet" in " ".join(found.out.split())
    assert "Not applied yet, which is no drift" in found.out


def test_what_the_spec_dropped_carries_its_mark_and_nothing_else_is_claimed(tmp_path: Path) -> None:
    CASES["create-everything"].prepare("create-everything", tmp_path)
    run(tmp_path, "apply", "spec.yaml", "-y")
    write_spec(tmp_path, {"version": 1, "name": "acme", "connections": {"google-oauth2": {}}, "applications": {
        "other": {"type": "regular_web", "flavors": ["connected_accounts"]}}}, "other.yaml")  # fmt: skip
    found = run(tmp_path, "drift", "other.yaml")
    said = " ".join(found.out.split())
    assert found.code == 2, found.err
    assert "Still there, though the spec does not have it any more" in said
    assert "carries the mark of" not in said


def test_every_form_shows_what_changed_what_is_gone_and_what_was_dropped(folder: Path) -> None:
    by_hand = EDITED["api"][1]
    edit(folder / "tenant.db", by_hand)
    document = drift(folder)
    markdown = run(folder, "drift", "spec.yaml", "--format", "markdown")
    html = run(folder, "drift", "spec.yaml", "--format", "html")
    assert (markdown.code, html.code) == (2, 2)
    for change in document["changes"]:
        assert f"<code>{change['address']}</code>" in markdown.out
        assert f"<code>{change['address']}</code>" in html.out
    assert "has changed outside tokenvault" in markdown.out and "has changed outside tokenvault" in html.out
    assert "1 changed, 0 gone" in markdown.out
    assert "<code>tokenvault apply</code> puts it back" in html.out and "`" not in html.out.split("<main>")[1]
    settled = run(folder, "apply", "spec.yaml", "-y")
    assert settled.code == 0
    for form in ("markdown", "html"):
        none = run(folder, "drift", "spec.yaml", "--format", form)
        assert (none.code, "No drift." in none.out) == (0, True)


OURS = {"connection_clients": ("connection_clients.github", lambda o: disable(o, "github", "Acme Assistant"))}


@pytest.mark.parametrize("kind", EDITED)
def test_an_edit_of_any_kind_is_drift(kind: str, folder: Path) -> None:
    address, by_hand = OURS.get(kind, EDITED[kind])
    edit(folder / "tenant.db", by_hand)
    assert [change["address"] for change in drift(folder, "set_never.yaml")["changes"]] == [address]


def test_everything_at_once(folder: Path) -> None:
    edit(folder / "tenant.db", disturb)
    found = drift(folder, "set_never.yaml")
    assert {change["address"] for change in found["changes"]} >= {address for address, _ in EDITED.values()}
    assert found["pending"] == []


def test_before_is_what_the_spec_says_and_after_is_what_the_tenant_has(folder: Path) -> None:
    edit(folder / "tenant.db", drifted)
    changes = {change["address"]: change for change in drift(folder)["changes"]}
    github = changes["connection.github"]["attributes"][0]
    assert (github["path"], github["before"], github["after"]) == (["connected_accounts.active"], True, False)
    members = {(a["op"], a["before"], a["after"]) for a in changes["application.assistant"]["attributes"]}
    assert ("add", None, "password") in members
    assert ("remove", "refresh_token", None) in members
    assert changes["client_grant.assistant.my_account"]["action"] == "delete"


def test_an_apply_puts_it_back(folder: Path) -> None:
    edit(folder / "tenant.db", drifted)
    assert run(folder, "apply", "spec.yaml", "-y").code == 0
    drift(folder, code=0)


def test_the_only_application_deleted_by_hand_is_drift_though_only_a_connection_tells(tmp_path: Path) -> None:
    spec = "version: 1\nname: acme\nconnections:\n  github: {scopes: [repo]}\napplications:\n"
    spec += "  assistant:\n    type: regular_web\n    callbacks: [https://a.example/cb]\n    flavors: [connected_accounts]\n"
    CASES["empty"].prepare("empty", tmp_path)
    (tmp_path / "only.yaml").write_text(spec)
    assert run(tmp_path, "apply", "only.yaml", "-y").code == 0

    edit(tmp_path / "tenant.db", lambda objects: delete(objects, "assistant"))
    (change,) = drift(tmp_path, "only.yaml")["changes"]
    assert (change["address"], change["action"]) == ("application.assistant", "delete")
    assert "somebody deleted it, or an apply ended early" in change["reason"]


def test_what_was_never_applied_is_mentioned_and_is_no_drift(folder: Path) -> None:
    with (folder / "spec.yaml").open("a") as spec:
        spec.write(
            "  later:\n    type: m2m\n    flavors:\n      - privileged_worker:\n          ip_allowlist: [10.0.0.1]\n"
        )
        spec.write(
            "          public_keys: [{file: keys/nightly-sync.pub.pem}]\n          grants: {acme-crm: [contacts.read]}\n"
        )
        spec.write("    connections: [acme-crm]\n")
    assert "application.later" in drift(folder, code=0)["pending"]


def test_what_an_edit_added_and_somebody_deleted_is_drift(folder: Path) -> None:
    """The marks of what was there before the edit say nothing of it, but for one connection's."""
    with (folder / "spec.yaml").open("a") as spec:
        spec.write("  later:\n    type: regular_web\n    flavors: [connected_accounts]\n    connections: [github]\n")
    assert run(folder, "apply", "spec.yaml", "-y").code == 0
    assert not requests_of(run(folder, "apply", "spec.yaml", "-y", "--debug"), *WRITES)
    edit(folder / "tenant.db", lambda objects: delete(objects, "later"))
    found = drift(folder)
    assert "application.later" in {change["address"] for change in found["changes"] if change["action"] == "delete"}


def delete(objects: dict[str, Any], name: str) -> None:
    (gone,) = (key for key, item in objects["clients"].items() if item["name"] == name)
    del objects["clients"][gone]
    for collection in ("client_grants", "enablements"):
        objects[collection] = {k: item for k, item in objects[collection].items() if item["client_id"] != gone}


@pytest.mark.parametrize("edit_first", ["adds", "removes", "renames"])
def test_what_others_deleted_is_drift_though_the_spec_was_edited_since(tmp_path: Path, edit_first: str) -> None:
    """The mark says which objects the spec had, one by one, so an edit that was not applied hides no deletion."""
    app = "    type: regular_web\n    callbacks: [https://a.example/cb]\n    flavors: [connected_accounts]\n"
    head = "version: 1\nname: acme\nconnections: {github: {}}\napplications:\n"
    keys = {"adds": "abcd", "removes": "ab", "renames": "abd"}[edit_first]
    CASES["empty"].prepare("empty", tmp_path)
    (tmp_path / "only.yaml").write_text(head + "".join(f"  app-{key}:\n{app}" for key in "abc"))
    assert run(tmp_path, "apply", "only.yaml", "-y").code == 0

    edit(tmp_path / "tenant.db", lambda objects: delete(objects, "app-b"))
    (tmp_path / "only.yaml").write_text(head + "".join(f"  app-{key}:\n{app}" for key in keys))
    found = drift(tmp_path, "only.yaml")
    gone = {c["address"]: c["reason"] for c in found["changes"] if c["action"] == "delete"}
    assert gone.keys() == {"application.app-b"} and "it was there, and somebody deleted it" in gone["application.app-b"]
    assert ("application.app-d" in found["pending"]) == ("d" in keys)


def test_objects_of_others_are_of_no_concern(folder: Path) -> None:
    def others(objects: dict[str, Any]) -> None:
        client(objects, "Storefront")["callbacks"] = []
        connection(objects, "sign-in-with-slack")["options"]["scope"] = []

    edit(folder / "tenant.db", others)
    drift(folder, code=0)


def test_a_spec_that_is_wrong_is_an_error_and_no_drift(folder: Path) -> None:
    (folder / "spec.yaml").write_text("version: 1\n")
    assert run(folder, "drift", "spec.yaml").code == 1


OLD = {"name": "Legacy Portal", "type": "regular_web", "flavors": ["connected_accounts"]}


def asks(folder: Path, *names: str, **others: Any) -> None:
    """A spec that takes an old application in and lists these connections for it, beside other applications."""
    connections, old = {"google-oauth2": {}, "github": {}}, {**OLD, "connections": [*names]}
    applications = {"old": old, **others}
    write_spec(folder, {"version": 1, "name": "acme", "connections": connections, "applications": applications})


def test_a_place_that_was_there_before_and_that_others_took_is_drift(tmp_path: Path) -> None:
    asks(tmp_path, "google-oauth2")
    edit(tmp_path / "tenant.db", lambda objects: enable(objects, "google-oauth2", "Legacy Portal"))
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    drift(tmp_path, code=0)
    edit(tmp_path / "tenant.db", lambda objects: disable(objects, "google-oauth2", "Legacy Portal"))
    assert "connection_clients.google-oauth2" in [change["address"] for change in drift(tmp_path)["changes"]]
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    drift(tmp_path, code=0)


def test_a_place_that_an_edit_takes_from_one_of_two_applications_is_no_drift(tmp_path: Path) -> None:
    new = {"type": "regular_web", "flavors": ["connected_accounts"]}
    asks(tmp_path, "google-oauth2", new={**new, "connections": ["google-oauth2", "github"]})
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    asks(tmp_path, "google-oauth2", new={**new, "connections": ["github"]})
    assert drift(tmp_path, code=0)["pending"] == ["application.new", "connection_clients.google-oauth2"]


def test_a_callback_that_an_edit_takes_back_is_no_drift(tmp_path: Path) -> None:
    new = {"type": "regular_web", "flavors": ["connected_accounts"]}
    asks(tmp_path, "google-oauth2", new={**new, "callbacks": ["https://a.example", "https://b.example"]})
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    asks(tmp_path, "google-oauth2", new={**new, "callbacks": ["https://a.example"]})
    assert drift(tmp_path, code=0)["pending"] == ["application.new"]


def test_a_connection_that_was_switched_off_is_drift_though_an_edit_of_it_was_not_applied(tmp_path: Path) -> None:
    asks(tmp_path, "google-oauth2", "github")
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    claimed = (tmp_path / "spec.yaml").read_text().replace("github: {}", "github: {scopes: [repo]}")
    assert "scopes" in claimed
    (tmp_path / "spec.yaml").write_text(claimed)
    drift(tmp_path, code=0)

    def off(objects: dict[str, Any]) -> None:
        connection(objects, "github")["connected_accounts"]["active"] = False

    edit(tmp_path / "tenant.db", off)
    (change,) = drift(tmp_path)["changes"]
    assert change["address"] == "connection.github"
    assert [attribute["path"] for attribute in change["attributes"]] == [["connected_accounts.active"]]


def test_a_place_that_an_edit_asks_for_is_no_drift(tmp_path: Path) -> None:
    asks(tmp_path, "google-oauth2")
    edit(tmp_path / "tenant.db", lambda objects: enable(objects, "google-oauth2", "Legacy Portal"))
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    asks(tmp_path, "google-oauth2", "github")
    drift(tmp_path, code=0)


def test_a_connection_that_an_edit_adds_is_no_drift_and_one_that_others_deleted_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_SECRET", "hidden")

    def with_connections(*names: str) -> None:
        made = {"strategy": "github", "credentials": {"client_id": "one", "client_secret": "${env:CRM_SECRET}"}}
        app = {"type": "regular_web", "flavors": ["connected_accounts"]}
        connections = {"google-oauth2": {}, **dict.fromkeys(names, made)}
        write_spec(tmp_path, {"version": 1, "name": "acme", "connections": connections, "applications": {"one": app}})

    with_connections()
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    with_connections("mine")
    drift(tmp_path, code=0)
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0

    def without(objects: dict[str, Any]) -> None:
        found = objects["connections"]
        objects["connections"] = {key: one for key, one in found.items() if one["name"] != "mine"}

    edit(tmp_path / "tenant.db", without)
    assert "connection.mine" in [change["address"] for change in drift(tmp_path)["changes"]]


WEB = {"type": "regular_web", "flavors": ["connected_accounts"]}


def spec_with(folder: Path, applications: dict[str, Any], **more: Any) -> None:
    """A spec whose connection carries a mark, which takes along each new list of objects."""
    connections = {"google-oauth2": {"offline_access": True}}
    write_spec(folder, {"version": 1, "name": "acme", "connections": connections, "applications": applications, **more})


def test_an_application_that_was_renamed_and_is_to_be_renamed_back_is_no_drift(tmp_path: Path) -> None:
    """The mark of the application beside it still tells of the old name: nothing of it changed."""
    spec_with(tmp_path, {"one": WEB, "two": WEB})
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    spec_with(tmp_path, {"one": WEB, "three": WEB})
    assert run(tmp_path, "apply", "spec.yaml", "-y", "--prune").code == 0
    spec_with(tmp_path, {"one": WEB, "two": WEB})
    found = drift(tmp_path)  # three goes on living
    assert found["changes"] == [] and [one["address"] for one in found["dropped"]] == ["application.three"]
    assert "application.two" in found["pending"]
    assert "somebody deleted it" not in run(tmp_path, "plan", "spec.yaml").out


@pytest.mark.parametrize("is_there", [True, False], ids=["there", "missing"])
def test_what_an_edit_asks_of_the_my_account_api_is_no_drift(is_there: bool, tmp_path: Path) -> None:
    secret = {
        "authentication": "client_secret_post",
        "ip_allowlist": ["203.0.113.0/24"],
        "grants": {"google-oauth2": []},
    }
    shutil.copytree(ROOT / "examples" / "keys", tmp_path / "keys")
    worker = {**secret, "public_keys": [{"file": "keys/nightly-sync.pub.pem"}]}
    job = {"type": "regular_web", "flavors": [{"privileged_worker": worker}]}
    spec_with(tmp_path, {"job": job})
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0

    def consent(objects: dict[str, Any]) -> None:
        for api in objects["resource_servers"].values():
            api["skip_consent_for_verifiable_first_party_clients"] = False

    if is_there:
        spec_with(tmp_path, {"job": job, "one": WEB})
        assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
        spec_with(tmp_path, {"job": job})
        assert run(tmp_path, "apply", "spec.yaml", "-y", "--prune").code == 0
        edit(tmp_path / "tenant.db", consent)
    spec_with(tmp_path, {"job": {**job, "flavors": [*job["flavors"], "connected_accounts"]}})
    assert "my_account_api" in drift(tmp_path, code=0)["pending"]
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    edit(tmp_path / "tenant.db", consent)
    assert [change["address"] for change in drift(tmp_path)["changes"]] == ["my_account_api"]


@pytest.mark.parametrize("exchanges", [True, False], ids=["exchanged", "listed"])
def test_what_an_edit_asks_of_an_api_of_others_is_no_drift(exchanges: bool, tmp_path: Path) -> None:
    def theirs(objects: dict[str, Any]) -> None:
        (api,) = (one for one in objects["resource_servers"].values() if one["identifier"] == "https://b.example")
        api["scopes"] = [{"value": "read:it", "description": "Theirs"}]

    api = {"identifier": "https://b.example", "scopes": {"read:it": "Ours"}}
    flavors = {"flavors": ["access_token_exchange"]} if exchanges else {}
    spec_with(tmp_path, {"one": WEB}, apis={"other": {"identifier": "https://b.example"}})
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    edit(tmp_path / "tenant.db", theirs)
    spec_with(tmp_path, {"one": WEB}, apis={"other": {**api, **flavors}})
    assert "api.other" in drift(tmp_path, code=0)["pending"]
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    edit(tmp_path / "tenant.db", theirs)
    assert [change["address"] for change in drift(tmp_path)["changes"]] == ["api.other"]


def test_a_scope_that_was_there_before_and_that_others_took_is_drift(tmp_path: Path) -> None:
    asked = {"google-oauth2": {"offline_access": True, "scopes": ["profile"]}}
    write_spec(tmp_path, {"version": 1, "name": "acme", "connections": asked, "applications": {"one": WEB}})
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0

    def without(objects: dict[str, Any]) -> None:
        connection(objects, "google-oauth2")["options"]["profile"] = False

    edit(tmp_path / "tenant.db", without)
    (change,) = drift(tmp_path)["changes"]
    assert [attribute["path"] for attribute in change["attributes"]] == [["options.profile"]]


def test_what_an_apply_that_ended_early_never_gave_was_taken_by_nobody(tmp_path: Path) -> None:
    asked = spec_of({"one": web()})
    with world(tmp_path) as acme:
        cut = [{"method": method, "path": path, "fault": 403} for method, path in ENDS_EARLY]
        assert acme.run_into(cut, "apply", asked, "-y").code == 1
        early = acme.run("drift", asked, "--format", "json").json
        acme.apply(asked)
        acme.hands.ask(
            "PATCH", f"connections/{acme.hands.connection('google-oauth2')}/clients", left(acme.client("one"))
        )
        taken = acme.run("drift", asked, "--format", "json").json
    assert early["changes"] == []
    assert set(early["incomplete"]) == {"connection_clients.google-oauth2", "client_grant.one.my_account"}
    assert [change["address"] for change in taken["changes"]] == ["connection_clients.google-oauth2"]


ENDS_EARLY = (("POST", "*/client-grants"), ("PATCH", "*/connections/*/clients"))


def left(client: dict[str, Any]) -> list[dict[str, Any]]:
    """Somebody takes an application out of a connection."""
    return [{"client_id": client["client_id"], "status": False}]


def test_offline_access_that_an_edit_takes_back_is_no_drift(tmp_path: Path) -> None:
    """It is a scope there, among others that the spec goes on asking for."""
    slack = {"scopes": ["users:read"], "offline_access": True}
    oidc = {"strategy": "oidc", "credentials": {"client_id": "one", "client_secret": "${env:CRM_SECRET}"}}
    options = {"type": "back_channel", "issuer": "https://id.example", "authorization_endpoint": "https://id.example/a",
               "token_endpoint": "https://id.example/t", "jwks_uri": "https://id.example/j"}  # fmt: skip
    asked = spec_of({"one": web()}) | {"connections": {"acme-id": {**oidc, "options": options, **slack}}}
    with world(tmp_path) as acme:
        acme.apply(asked)
        del asked["connections"]["acme-id"]["offline_access"]
        found = acme.run("drift", asked, "--format", "json")
    assert (found.code, found.json["pending"]) == (0, ["connection.acme-id"])
